// Package tokencache keeps sessions between runs: in the OS keychain, in an
// encrypted file, in a plain file, or in memory, with a lock around read,
// refresh and save that holds across processes.
//
// # Order of calls
//
// A keychain can be locked, and its prompt can wait for a human. Nobody else
// should wait with it, so a caller meets the prompt first and takes the lock
// then:
//
//	session, err := cache.Load(ctx, key)   // may wait for the prompt
//	unlock, err := cache.Lock(ctx, key)    // once a refresh or sign-in is due
//	session, err = cache.Load(ctx, key)    // another process may have been faster
//	…refresh…
//	err = cache.Save(ctx, session)         // before the new token is used
//	unlock()
//
// Before a first sign-in, where there is nothing to load, [Cache.Unlock] takes
// the place of the first Load: it also makes sure that the keychain can be
// written. While this process holds the lock of a key, no call for that key
// waits longer than 3 s for the keychain.
//
// # What is where
//
//	StateDir/servers.json               the known servers; no secrets
//	StateDir/locks/ID.lock              empty; see lock.go
//	StateDir/tokens/ID.sealed           store file, encrypted with
//	ConfigDir/keys/ID.key               this key
//	StateDir/tokens/ID.json             store plain
//	StateDir/tokens/ID.HEX.sealed       store keychain, entries too big for it
//	keychain: service mcpdiscord, ID    the session, or the key and name of that file
package tokencache

import (
	"context"
	"errors"
	"os"
	"path/filepath"
)

// Store says where sessions are kept.
type Store string

// The stores. What each protects against is in docs/threat-model.md.
const (
	StoreAuto     Store = "auto"     // the remembered choice; else the keychain; file where no keychain exists
	StoreKeychain Store = "keychain" // the OS keychain, or an error
	StoreFile     Store = "file"     // an encrypted file; its key is a file in ConfigDir
	StorePlain    Store = "plain"    // an unencrypted file of mode 0600
	StoreMemory   Store = "memory"   // this process alone; no file is read or written
)

// Config describes a cache. Both directories are required unless Store is
// memory; they are made (mode 0700) when they are first needed.
type Config struct {
	StateDir  string // sessions, locks and servers.json
	ConfigDir string // the keys of the file store
	Store     Store  // "" means auto

	Interactive bool              // someone can answer a prompt: wait 60 s for the keychain, not 3 s
	Notify      func(line string) // what the user should know, a line each; nil: dropped

	Keyring Keyring                                 // nil: the OS's
	Probe   func(ctx context.Context) (bool, error) // whether a keychain exists; nil: look (a Keyring given above exists)
	Getenv  func(name string) string                // nil: os.Getenv; tells where the session bus is
}

// Cache keeps sessions. It is safe for concurrent use, also by several
// processes. Open makes one.
type Cache struct {
	cfg      Config
	locks    *locks
	memory   *memory
	file     *fileStore
	plain    *fileStore
	keychain *keychain
	probe    *probe
}

// Open returns the cache that cfg describes. It reads and writes nothing, and
// asks no keychain.
func Open(cfg Config) (*Cache, error) {
	switch cfg.Store {
	case "":
		cfg.Store = StoreAuto
	case StoreAuto, StoreKeychain, StoreFile, StorePlain, StoreMemory:
	default:
		return nil, &Error{
			Message: "unknown token store " + quote(string(cfg.Store)),
			Hint:    "use --token-store auto, keychain, file, plain or memory",
		}
	}
	if cfg.Store == StoreMemory {
		cfg.StateDir, cfg.ConfigDir = "", ""
	} else if !filepath.IsAbs(cfg.StateDir) || !filepath.IsAbs(cfg.ConfigDir) {
		return nil, errors.New("opening token cache: StateDir and ConfigDir must be absolute")
	}
	if cfg.Notify == nil {
		cfg.Notify = func(string) {}
	}
	if cfg.Getenv == nil {
		cfg.Getenv = os.Getenv
	}
	if cfg.Probe == nil {
		if cfg.Keyring != nil {
			cfg.Probe = func(context.Context) (bool, error) { return true, nil }
		} else {
			cfg.Probe = func(ctx context.Context) (bool, error) { return keychainExists(ctx, cfg.Getenv) }
		}
	}
	if cfg.Keyring == nil {
		cfg.Keyring = osKeyring{getenv: cfg.Getenv, asked: cfg.Store == StoreKeychain}
	}

	tokens := ""
	if cfg.StateDir != "" {
		tokens = filepath.Join(cfg.StateDir, "tokens")
	}
	locks := newLocks(cfg.StateDir)
	return &Cache{
		cfg:    cfg,
		locks:  locks,
		memory: &memory{},
		file:   &fileStore{tokens: tokens, keys: filepath.Join(cfg.ConfigDir, "keys"), sealed: true},
		plain:  &fileStore{tokens: tokens},
		keychain: &keychain{
			tokens:      tokens,
			guard:       newGuard(cfg.Keyring, cfg.Notify),
			interactive: cfg.Interactive,
			held:        locks.held,
		},
		probe: &probe{run: cfg.Probe, turn: make(chan struct{}, 1)},
	}, nil
}

// backend is one of the places that sessions are kept in. Its callers hold the
// lock of the key, but for load.
type backend interface {
	load(ctx context.Context, key Key) (*Session, error)
	save(ctx context.Context, s *Session) error
	remove(ctx context.Context, key Key) error
}

func (c *Cache) backend(store Store) backend {
	switch store {
	case StoreKeychain:
		return c.keychain
	case StoreFile:
		return c.file
	case StorePlain:
		return c.plain
	default:
		return c.memory
	}
}

// Load returns the saved session. It changes nothing. errors.Is(err,
// ErrNotFound) means that there is none, or (then ErrCorrupt as well) none that
// can be read; errors.Is(err, ErrKeychain) that the keychain is locked, hangs
// or refuses.
func (c *Cache) Load(ctx context.Context, key Key) (*Session, error) {
	store, err := c.choose(ctx, key.Resource)
	if err != nil {
		return nil, err
	}
	return c.backend(store).load(ctx, key)
}

// Where says where the session of a resource is, or would be, kept. It asks no
// keychain anything but whether it exists.
func (c *Cache) Where(ctx context.Context, resource string) (Store, error) {
	return c.choose(ctx, resource)
}

// Unlock meets the keychain's prompt, if there is one to meet, so that calls
// under the lock find it unlocked. With other stores it does nothing.
func (c *Cache) Unlock(ctx context.Context, key Key) error {
	store, err := c.choose(ctx, key.Resource)
	if err != nil {
		return err
	}
	if store != StoreKeychain {
		return nil
	}
	return c.keychain.unlock(ctx, key)
}

// Save stores the session under its key. It takes the lock if this process does
// not hold it yet; from then on it runs to its end, in bounded time, even when
// ctx ends: tokens that replaced others must not be lost to Ctrl-C. When it
// fails, the session saved before is still there.
func (c *Cache) Save(ctx context.Context, s *Session) error {
	if s.Resource == "" || s.Issuer == "" {
		return errors.New("saving session: it has no resource or no issuer")
	}
	store, err := c.choose(ctx, s.Resource)
	if err != nil {
		return err
	}
	if store == StoreKeychain {
		if err := c.meetPrompt(ctx, s.Key()); err != nil {
			return err
		}
	}
	release, err := c.locks.enter(ctx, s.Key().ID())
	if err != nil {
		return err
	}
	defer release(false)
	ctx = context.WithoutCancel(ctx)
	if err := c.backend(store).save(ctx, s); err != nil {
		return err
	}
	return c.settle(ctx, s.Key(), store)
}

// Delete removes the session from wherever it is or was kept, with its key and
// its lock file. What is absent is not an error.
func (c *Cache) Delete(ctx context.Context, key Key) error {
	store, err := c.choose(ctx, key.Resource)
	if err != nil {
		return err
	}
	places, err := c.places(key.Resource, store)
	if err != nil {
		return err
	}
	var errs []error
	if places[StoreKeychain] {
		// What is locked stays, and is the error in the end; the files go.
		if err := c.meetPrompt(ctx, key); err != nil {
			errs = append(errs, err)
			delete(places, StoreKeychain)
		}
	}
	release, err := c.locks.enter(ctx, key.ID())
	if err != nil {
		return err
	}
	defer release(true)
	ctx = context.WithoutCancel(ctx)
	for _, place := range []Store{StoreMemory, StoreFile, StorePlain, StoreKeychain} {
		if places[place] {
			errs = append(errs, c.backend(place).remove(ctx, key))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return c.unsettle(ctx, key.Resource)
}

// Lock waits until nobody else, in this process or another, holds the key, and
// holds it until unlock is called or the process dies. unlock may be called
// more than once.
func (c *Cache) Lock(ctx context.Context, key Key) (unlock func(), err error) {
	return c.locks.lock(ctx, key.ID())
}

// meetPrompt unlocks the keychain, unless the process holds the lock and so has
// met its prompt already.
func (c *Cache) meetPrompt(ctx context.Context, key Key) error {
	if c.locks.held(key.ID()) {
		return nil
	}
	return c.keychain.unlock(ctx, key)
}
