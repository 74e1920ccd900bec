package tokencache

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

const service = "mcpdiscord"

// inlineLimit is the longest value that goes into the keychain as it is, in
// bytes. Windows holds 2560, macOS about 2997.
const inlineLimit = 2000

// keychain keeps sessions in the OS keychain. One that is too big for it is
// sealed into a file, under a new random key at each save; the keychain then
// holds the key and the name of the file. Setting the keychain's entry is the
// one moment at which a save takes effect: what the entry needs is written
// before, and what it no longer needs is removed after.
type keychain struct {
	tokens      string // directory of the sealed files
	guard       *guard
	interactive bool
	held        func(id string) bool // whether this process has the session's lock
}

// envelope is the keychain's entry of a session in a file. An entry is either
// this or a document.
type envelope struct {
	Version int    `json:"v"`
	Key     []byte `json:"key"`
	File    string `json:"file"`
}

const inKeychain = "the keychain"

func (k *keychain) wait(id string) time.Duration {
	if k.interactive && !k.held(id) {
		return longWait
	}
	return shortWait
}

func (k *keychain) get(ctx context.Context, user, id string) (string, error) {
	return k.guard.call(ctx, k.wait(id), func(ring Keyring) (string, error) { return ring.Get(service, user) })
}

func (k *keychain) set(ctx context.Context, user, id, value string) error {
	_, err := k.guard.call(ctx, k.wait(id), func(ring Keyring) (string, error) { return "", ring.Set(service, user, value) })
	return err
}

func (k *keychain) del(ctx context.Context, user, id string) error {
	_, err := k.guard.call(ctx, k.wait(id), func(ring Keyring) (string, error) { return "", ring.Delete(service, user) })
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}

// unlock meets the prompt. Where there is nothing to read, only writing tells
// whether the keychain is open (macOS).
func (k *keychain) unlock(ctx context.Context, key Key) error {
	id := key.ID()
	if _, err := k.get(ctx, id, id); !errors.Is(err, ErrNotFound) {
		return err
	}
	if err := k.set(ctx, id+"-probe", id, "probe"); err != nil {
		return err
	}
	return k.del(ctx, id+"-probe", id)
}

func (k *keychain) load(ctx context.Context, key Key) (*Session, error) {
	id, last := key.ID(), ""
	for {
		entry, err := k.get(ctx, id, id)
		if err != nil {
			return nil, err
		}
		s, err := k.read(entry, key)
		// Another process may have saved anew and removed the file that the
		// entry named: then the entry has changed.
		if !errors.Is(err, ErrCorrupt) || entry == last {
			return s, err
		}
		last = entry
	}
}

// read returns the session that an entry stands for.
func (k *keychain) read(entry string, key Key) (*Session, error) {
	var env envelope
	if err := json.Unmarshal([]byte(entry), &env); err != nil {
		return nil, corrupt(inKeychain, errNotOurs)
	}
	if env.File == "" {
		return decode([]byte(entry), key, inKeychain)
	}
	switch {
	case env.Version > version:
		return nil, newer(inKeychain)
	case len(env.Key) != chacha20poly1305.KeySize || !isEnvelopeFile(env.File, key.ID()):
		return nil, corrupt(inKeychain, errNotOurs)
	}
	path := filepath.Join(k.tokens, env.File)
	sealed, err := readFile(path, maxSealed)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, corrupt(path, errNoFile)
	}
	if err != nil {
		return nil, loadError(path, err)
	}
	plain, err := open(env.Key, sealed, key.ID(), path)
	if err != nil {
		return nil, err
	}
	return decode(plain, key, path)
}

var errNoFile = errors.New("the file is missing")

func (k *keychain) save(ctx context.Context, s *Session) error {
	data, err := encode(s)
	if err != nil {
		return err
	}
	id := s.Key().ID()
	if len(data) <= inlineLimit {
		if err := k.set(ctx, id, id, string(data)); err == nil {
			k.sweepFiles(id, "")
			return nil
		} else if !errors.Is(err, ErrTooBig) {
			return err
		}
	}
	return k.saveFile(ctx, id, data)
}

func (k *keychain) saveFile(ctx context.Context, id string, data []byte) error {
	env := envelope{Version: version, Key: newKey(), File: newEnvelopeFile(id)}
	sealed, err := seal(env.Key, data, id)
	if err != nil {
		return err
	}
	entry, err := json.Marshal(env)
	if err != nil {
		return err
	}
	path := filepath.Join(k.tokens, env.File)
	if err := writeFile(path, sealed); err != nil {
		return unwritable("the session", err)
	}
	if err := k.set(ctx, id, id, string(entry)); err != nil {
		if !errors.Is(err, errHangs) { // one that hangs may still take effect
			_ = removeFile(path)
		}
		return err
	}
	k.sweepFiles(id, env.File)
	return nil
}

// remove deletes the keychain's entry first: without it the file opens no more.
func (k *keychain) remove(ctx context.Context, key Key) error {
	id := key.ID()
	if err := k.del(ctx, id, id); err != nil {
		return err
	}
	k.sweepFiles(id, "")
	return nil
}

// sweepFiles removes the session's files but the one in use.
func (k *keychain) sweepFiles(id, inUse string) {
	sweep(k.tokens, func(name string) bool {
		if strings.HasPrefix(name, tempPrefix(id)) && strings.HasSuffix(name, tempSuffix) {
			return true
		}
		return name != inUse && isEnvelopeFile(name, id)
	})
}

func newEnvelopeFile(id string) string {
	var nonce [8]byte
	_, _ = rand.Read(nonce[:]) // never fails
	return id + "." + hex.EncodeToString(nonce[:]) + ".sealed"
}

var envelopeRest = regexp.MustCompile(`^\.[0-9a-f]{16}\.sealed$`)

func isEnvelopeFile(name, id string) bool {
	rest, ok := strings.CutPrefix(name, id)
	return ok && envelopeRest.MatchString(rest)
}
