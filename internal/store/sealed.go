package store

import (
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/chacha20poly1305"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// ErrSealed means that a record is there but does not open: it was sealed with
// another key, moved, or changed. It is never a miss.
var ErrSealed = authserver.ErrSealed

// MinKey is the least length of a key, in bytes.
const MinKey = 32

// A sealed value is: the id of its key | a random nonce | the ciphertext with
// its tag. Kind and id of the record are the associated data, so a value opens
// in its own place only.
const (
	keyIDSize = 8
	sealSize  = keyIDSize + chacha20poly1305.NonceSizeX + chacha20poly1305.Overhead
)

type keyID [keyIDSize]byte

// sealed seals the values of a Store. Kinds, ids, expiries and counters are
// not secret.
type sealed struct {
	inner   authserver.Store
	primary keyID // seals
	keys    map[keyID]cipher.AEAD

	unopened   atomic.Int64
	onUnopened func(kind authserver.Kind) // or nil
}

// Seal returns inner with every value sealed under the first of keys, with
// XChaCha20-Poly1305. What was sealed under any of them opens; it is sealed
// under the first when it is next written. What does not open is ErrSealed.
// Each key has at least MinKey bytes. The result owns inner.
func Seal(inner authserver.Store, keys ...[]byte) (authserver.Store, error) {
	return newSealed(inner, keys)
}

func newSealed(inner authserver.Store, keys [][]byte) (*sealed, error) {
	if len(keys) == 0 {
		return nil, errors.New("sealing needs a key")
	}
	s := &sealed{inner: inner, keys: make(map[keyID]cipher.AEAD, len(keys))}
	for i, key := range keys {
		if len(key) < MinKey {
			return nil, fmt.Errorf("key of %d bytes: at least %d are needed", len(key), MinKey)
		}
		id, aead, err := sealer(key)
		if err != nil {
			return nil, err
		}
		s.keys[id] = aead
		if i == 0 {
			s.primary = id
		}
	}
	return s, nil
}

// sealer derives from a key the one that seals, and its public id.
func sealer(key []byte) (keyID, cipher.AEAD, error) {
	secret, err := derive(key, "record", chacha20poly1305.KeySize)
	if err != nil {
		return keyID{}, nil, err
	}
	name, err := derive(key, "record key id", keyIDSize)
	if err != nil {
		return keyID{}, nil, err
	}
	aead, err := chacha20poly1305.NewX(secret)
	return keyID(name), aead, err
}

// derive makes the key for one use out of another (RFC 5869).
func derive(key []byte, label string, size int) ([]byte, error) {
	return hkdf.Key(sha256.New, key, nil, "mcpdiscord store "+label, size)
}

// Get implements [authserver.Store].
func (s *sealed) Get(ctx context.Context, kind authserver.Kind, id string) (authserver.Record, error) {
	rec, err := s.inner.Get(ctx, kind, id)
	if err != nil {
		return authserver.Record{}, err
	}
	return s.open(kind, id, rec)
}

// Create implements [authserver.Store].
func (s *sealed) Create(ctx context.Context, kind authserver.Kind, id string, rec authserver.Record) error {
	rec, err := s.seal(kind, id, rec)
	if err != nil {
		return err
	}
	return s.inner.Create(ctx, kind, id, rec)
}

// Update implements [authserver.Store]. fn sees and returns plaintext; a
// record that does not open is left as it is.
func (s *sealed) Update(ctx context.Context, kind authserver.Kind, id string, fn func(*authserver.Record) (*authserver.Record, error)) error {
	return s.inner.Update(ctx, kind, id, func(old *authserver.Record) (*authserver.Record, error) {
		if old != nil {
			rec, err := s.open(kind, id, *old)
			if err != nil {
				return nil, err
			}
			old = &rec
		}
		next, err := fn(old)
		if next == nil || err != nil {
			return nil, err
		}
		rec, err := s.seal(kind, id, *next)
		return &rec, err
	})
}

// Take implements [authserver.Store]. It opens the record before it deletes
// it: what does not open stays.
func (s *sealed) Take(ctx context.Context, kind authserver.Kind, id string) (authserver.Record, error) {
	var taken authserver.Record
	if err := s.Update(ctx, kind, id, take(&taken)); err != nil {
		return authserver.Record{}, err
	}
	return taken, nil
}

// Delete implements [authserver.Store]. It needs no key.
func (s *sealed) Delete(ctx context.Context, kind authserver.Kind, id string) error {
	return s.inner.Delete(ctx, kind, id)
}

// List implements [authserver.Store].
func (s *sealed) List(ctx context.Context, kind authserver.Kind, cursor string) ([]authserver.Entry, string, error) {
	entries, next, err := s.inner.List(ctx, kind, cursor)
	if err != nil {
		return nil, "", err
	}
	for i, e := range entries {
		rec, err := s.open(kind, e.ID, e.Record)
		if err != nil {
			rec = authserver.Record{Expires: e.Expires}
		}
		entries[i] = authserver.Entry{ID: e.ID, Record: rec, Err: err}
	}
	return entries, next, nil
}

// Incr implements [authserver.Store].
func (s *sealed) Incr(ctx context.Context, key string, window time.Duration) (int64, error) {
	return s.inner.Incr(ctx, key, window)
}

// Watch implements [authserver.Store].
func (s *sealed) Watch(ctx context.Context, ready func(), changed func(authserver.Kind, string)) error {
	return s.inner.Watch(ctx, ready, changed)
}

// Shared implements [authserver.Store].
func (s *sealed) Shared() bool { return s.inner.Shared() }

// Close implements [authserver.Store].
func (s *sealed) Close() error { return s.inner.Close() }

func (s *sealed) seal(kind authserver.Kind, id string, rec authserver.Record) (authserver.Record, error) {
	aead := s.keys[s.primary]
	out := make([]byte, keyIDSize+chacha20poly1305.NonceSizeX, sealSize+len(rec.Value))
	copy(out, s.primary[:])
	nonce := out[keyIDSize:]
	if _, err := rand.Read(nonce); err != nil {
		return authserver.Record{}, fmt.Errorf("sealing %s record: %w", kind, err)
	}
	rec.Value = aead.Seal(out, nonce, rec.Value, []byte(recordKey(kind, id)))
	return rec, nil
}

func (s *sealed) open(kind authserver.Kind, id string, rec authserver.Record) (authserver.Record, error) {
	value, err := s.openValue(recordKey(kind, id), rec.Value)
	if err != nil {
		s.unopened.Add(1)
		if s.onUnopened != nil {
			s.onUnopened(kind)
		}
		return authserver.Record{}, fmt.Errorf("opening %s record: %w", kind, err)
	}
	rec.Value = value
	return rec, nil
}

func (s *sealed) openValue(name string, value []byte) ([]byte, error) {
	if len(value) < sealSize {
		return nil, ErrSealed
	}
	aead, ok := s.keys[keyID(value)]
	if !ok {
		return nil, ErrSealed
	}
	nonce, text := value[keyIDSize:sealSize-chacha20poly1305.Overhead], value[sealSize-chacha20poly1305.Overhead:]
	plain, err := aead.Open(nil, nonce, text, []byte(name))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}
