package store

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// Config says which store to open, and with what keys.
type Config struct {
	URL string // bolt:PATH, memory:, redis://…, rediss://… or redis+cluster://…

	// SigningKeys and EncryptionKeys come from the environment, see
	// [ParseKeys]. The first signs or seals; all verify or open. Where there is
	// none, one is derived from the key file beside the store (PATH.key), which
	// is made with a new store; a store in memory then has random keys. Redis
	// has no such file: both are needed.
	SigningKeys    [][]byte
	EncryptionKeys [][]byte

	Now    func() time.Time // nil means time.Now
	Logger *slog.Logger     // nil: nothing is logged

	// Observe is told of each call of the backend how long it took and what
	// went wrong; nil: nobody is. An absent record is nothing wrong. The ops are
	// get, create, update, take, delete, list and incr.
	Observe func(op string, took time.Duration, err error)
}

// Opened is a store that is ready for use: sealed, and bound to its keys.
type Opened struct {
	authserver.Store
	SigningKeys [][]byte // at least one, each of at least MinKey bytes; the first signs

	sealed *sealed
	reseal resealing
}

// Unopened is how often a record did not open: one that was sealed with
// another key, moved, or changed.
func (o *Opened) Unopened() int64 { return o.sealed.unopened.Load() }

// Close implements [authserver.Store].
func (o *Opened) Close() error {
	o.reseal.stop()
	return o.Store.Close()
}

// The check record tells whether the keys fit. It is the first record of a
// store and never leaves it.
const (
	kindCheck = authserver.Kind("store")

	checkID    = "check"
	checkValue = "mcpdiscord"
)

// kinds are those under which the authorization server keeps records.
var kinds = []authserver.Kind{
	authserver.KindMeta, authserver.KindClient, authserver.KindAuthorization,
	authserver.KindCode, authserver.KindGrant, authserver.KindUpstream, authserver.KindAssertion, authserver.KindAccess,
}

// Open opens the store that cfg names, and makes it and its key file where
// there is none. An existing store never gets other keys: where its key file is
// missing, or a key does not fit, Open refuses. Its errors are of type
// [*Error], but for those of ctx.
func Open(ctx context.Context, cfg Config) (*Opened, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if err := checkKeys(cfg); err != nil {
		return nil, err
	}
	inner, path, err := openURL(ctx, cfg)
	if err != nil {
		return nil, err
	}
	if cfg.Observe != nil {
		inner = &observed{Store: inner, observe: cfg.Observe}
	}
	opened, err := bind(ctx, cfg, inner, path)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	return opened, nil
}

func checkKeys(cfg Config) error {
	if isRedis(cfg.URL) && (len(cfg.SigningKeys) == 0 || len(cfg.EncryptionKeys) == 0) {
		return &Error{
			Message: "with Redis both JWT_SIGNING_KEY and STORAGE_ENCRYPTION_KEY are needed: there is no file for keys beside it",
			Hint:    "make each with: openssl rand -base64 32, and give every server that shares the Redis the same",
			Usage:   true,
		}
	}
	for _, of := range []struct {
		name string
		keys [][]byte
	}{{"JWT_SIGNING_KEY", cfg.SigningKeys}, {"STORAGE_ENCRYPTION_KEY", cfg.EncryptionKeys}} {
		for _, key := range of.keys {
			if len(key) < MinKey {
				return &Error{
					Message: fmt.Sprintf("%s is too short: at least %d bytes are needed", of.name, MinKey),
					Hint:    "make one with: openssl rand -base64 32",
				}
			}
		}
	}
	return nil
}

// openURL opens the backend that the URL names. path is the file or the name of
// it, "" for memory.
// The URL may hold a password: no message repeats it.
func openURL(ctx context.Context, cfg Config) (inner authserver.Store, path string, err error) {
	scheme, rest, found := strings.Cut(cfg.URL, ":")
	switch {
	case found && scheme == "memory" && rest == "":
		return Memory(cfg.Now), "", nil
	case found && scheme == "bolt" && rest == "":
		return nil, "", &Error{Message: "the store bolt: has no path", Hint: "name its file: --store bolt:PATH"}
	case found && scheme == "bolt" && strings.HasPrefix(rest, "~/"):
		return nil, "", &Error{Message: "the store's path begins with ~, which no shell has replaced", Hint: `write it out: --store "bolt:$HOME/…"`}
	case found && scheme == "bolt":
		inner, err := openBolt(rest, cfg.Now, cfg.Logger)
		if err != nil {
			return nil, "", err
		}
		return inner, rest, nil
	case isRedis(cfg.URL):
		inner, name, err := openRedis(ctx, cfg)
		if err != nil {
			return nil, "", err
		}
		return inner, name, nil
	}
	return nil, "", &Error{
		Message: "the store is of no kind that this mcpdiscord knows",
		Hint:    "use --store bolt:PATH for a file, redis://HOST:PORT/DB, or memory: to keep nothing",
		Usage:   true,
	}
}

// bind seals the backend and holds it to the keys that it was made with.
func bind(ctx context.Context, cfg Config, inner authserver.Store, path string) (*Opened, error) {
	used, err := isUsed(ctx, cfg, inner, path)
	if err != nil {
		return nil, err
	}
	signing, encryption, err := findKeys(cfg, path, used)
	if err != nil {
		return nil, err
	}
	s, err := newSealed(inner, encryption)
	if err != nil {
		return nil, err
	}
	if !used {
		err = s.Create(ctx, kindCheck, checkID, authserver.Record{Value: []byte(checkValue)})
	}
	if used || errors.Is(err, authserver.ErrExists) { // another server was first
		err = fits(ctx, s, cfg, path)
	}
	if err != nil {
		return nil, usable(ctx, cfg, path, err)
	}
	s.onUnopened = logUnopened(cfg.Logger, clock(cfg.Now))
	o := &Opened{Store: s, SigningKeys: signing, sealed: s}
	if len(s.keys) > 1 {
		o.reseal.start(s, cfg.Logger)
	}
	return o, nil
}

// isUsed reports whether the store has keys already. A store with records but
// without the check record was not made by Open.
func isUsed(ctx context.Context, cfg Config, inner authserver.Store, path string) (bool, error) {
	checked := func() (bool, error) {
		_, err := inner.Get(ctx, kindCheck, checkID)
		if errors.Is(err, authserver.ErrNotFound) {
			return false, nil
		}
		return err == nil, usable(ctx, cfg, path, err)
	}
	if used, err := checked(); used || err != nil {
		return used, err
	}
	for _, kind := range kinds {
		page, _, err := inner.List(ctx, kind, "")
		if err != nil {
			return false, usable(ctx, cfg, path, err)
		}
		if len(page) == 0 {
			continue
		}
		if used, err := checked(); used || err != nil { // another server was first
			return used, err
		}
		unchecked := errors.New("records without a check record")
		if isRedis(cfg.URL) {
			return false, &Error{
				Message: path + " has records that no start of mcpdiscord has made",
				Hint:    "nothing was changed: name an empty database of it, redis://HOST:PORT/DB, or other keys in it, ?prefix=NAME",
				Err:     unchecked,
			}
		}
		return false, foreign(path, unchecked)
	}
	return false, nil
}

// findKeys takes the keys from the environment, and what is not there from the
// key file. It makes the key file of a new store, never one of a used store.
func findKeys(cfg Config, path string, used bool) (signing, encryption [][]byte, err error) {
	signing, encryption = cfg.SigningKeys, cfg.EncryptionKeys
	if len(signing) > 0 && len(encryption) > 0 {
		return signing, encryption, nil
	}
	root, err := rootKey(path, used)
	if err != nil {
		return nil, nil, err
	}
	if len(signing) == 0 {
		key, err := derive(root, "signing", MinKey)
		if err != nil {
			return nil, nil, err
		}
		signing = [][]byte{key}
	}
	if len(encryption) == 0 {
		key, err := derive(root, "encryption", MinKey)
		if err != nil {
			return nil, nil, err
		}
		encryption = [][]byte{key}
	}
	return signing, encryption, nil
}

func rootKey(path string, used bool) ([]byte, error) {
	if path == "" {
		key := make([]byte, MinKey)
		_, err := rand.Read(key)
		return key, err
	}
	file := path + keySuffix
	key, err := readKeyFile(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if used {
		return nil, &Error{
			Message: fmt.Sprintf("the store %s has records, but its key file %s is missing", path, file),
			Hint: "restore the key file, or give the keys that the store was made with in JWT_SIGNING_KEY and STORAGE_ENCRYPTION_KEY; " +
				"to begin anew, move the store away",
		}
	}
	return makeKeyFile(file)
}

// fits finds out whether the check record opens. It then seals it with the
// first key, as every record that is written.
func fits(ctx context.Context, s authserver.Store, cfg Config, path string) error {
	err := s.Update(ctx, kindCheck, checkID, func(old *authserver.Record) (*authserver.Record, error) {
		if old == nil || string(old.Value) != checkValue {
			return nil, ErrSealed
		}
		return old, nil // sealed with the first key
	})
	if err == nil {
		return nil
	}
	if err != nil && !errors.Is(err, ErrSealed) {
		return err
	}
	return misfit(cfg, path, err)
}

// misfit says which key does not fit the store.
func misfit(cfg Config, path string, err error) error {
	e := &Error{
		Message: fmt.Sprintf("STORAGE_ENCRYPTION_KEY does not fit the store %s", path),
		Hint:    "set it to what it was when the store was made, or to NEW,OLD to change it, or unset it if there was none",
		Err:     err,
	}
	if isRedis(cfg.URL) {
		e.Message = "STORAGE_ENCRYPTION_KEY does not fit the records in " + path
		e.Hint = "give every server that shares it the same key, or NEW,OLD to change it"
	}
	if len(cfg.EncryptionKeys) == 0 {
		e.Message = fmt.Sprintf("the key file %s does not fit the store %s", path+keySuffix, path)
		e.Hint = "restore the key file that belongs to the store, or set STORAGE_ENCRYPTION_KEY if the store was made with one"
	}
	return e
}

// usable turns what a backend said into an Error, but for the end of ctx.
func usable(ctx context.Context, cfg Config, path string, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if isRedis(cfg.URL) {
		return redisError(path, err)
	}
	return fileError(path, err)
}
