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
// written. While this process holds the lock of a key no call for that key
// waits longer than 3 s for the keychain.
package tokencache

import (
	"context"
	"fmt"
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

// ParseStore returns the store of that name.
func ParseStore(name string) (Store, error) {
	switch s := Store(name); s {
	case StoreAuto, StoreKeychain, StoreFile, StorePlain, StoreMemory:
		return s, nil
	}
	return "", fmt.Errorf("unknown token store %q: use auto, keychain, file, plain or memory", name)
}

// Config describes a cache. Both directories are required unless Store is
// memory; they are made (mode 0700) when they are first needed.
type Config struct {
	StateDir  string // sessions, locks and servers.json
	ConfigDir string // the keys of the file store
	Store     Store  // "" means auto

	Interactive bool              // someone can answer a prompt: wait 60 s for the keychain, not 3 s
	Notify      func(line string) // what the user should know, one line each; nil: dropped

	Keyring Keyring                                            // nil: the OS's
	Probe   func(ctx context.Context) (exists bool, err error) // whether a keychain exists; nil: look (true with a Keyring of the caller's)
	Getenv  func(name string) string                           // nil: os.Getenv; where the session bus is
}

// Cache keeps sessions. It is safe for concurrent use, also by several
// processes. Open makes one.
type Cache struct {
	cfg Config
}

// Open returns the cache that cfg describes. It reads and writes nothing.
func Open(cfg Config) (*Cache, error) {
	if cfg.Store == "" {
		cfg.Store = StoreAuto
	}
	if _, err := ParseStore(string(cfg.Store)); err != nil {
		return nil, err
	}
	if cfg.Store != StoreMemory && (!filepath.IsAbs(cfg.StateDir) || !filepath.IsAbs(cfg.ConfigDir)) {
		return nil, fmt.Errorf("opening token cache: state and configuration directory must be absolute paths")
	}
	return &Cache{cfg: cfg}, nil
}

// Load returns the saved session. errors.Is(err, ErrNotFound) means that there
// is none, or none that can be read; errors.Is(err, ErrKeychain) that the
// keychain is locked or hangs.
func (c *Cache) Load(ctx context.Context, key Key) (*Session, error) { return nil, ErrNotFound }

// Save stores the session under its key.
func (c *Cache) Save(ctx context.Context, s *Session) error { return nil }

// Delete removes the session from wherever it may be. Deleting what is absent is
// not an error.
func (c *Cache) Delete(ctx context.Context, key Key) error { return nil }

// Unlock meets the keychain's prompt.
func (c *Cache) Unlock(ctx context.Context, key Key) error { return nil }

// Lock waits until no other holder, in this process or another, has the key.
func (c *Cache) Lock(ctx context.Context, key Key) (unlock func(), err error) {
	return func() {}, nil
}
