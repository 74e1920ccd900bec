package tokencache_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// probeOf counts how often it is asked.
func probeOf(exists bool, err error) (probe func(context.Context) (bool, error), asked *int) {
	asked = new(int)
	return func(context.Context) (bool, error) {
		*asked++
		return exists, err
	}, asked
}

func remembered(t *testing.T, cache *tokencache.Cache) tokencache.Store {
	t.Helper()
	s, _, err := cache.Server(testKey.Resource)
	if err != nil {
		t.Fatal(err)
	}
	return s.Store
}

func TestAutoTakesTheKeychain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	cfg := p.config("")
	cfg.Probe, _ = probeOf(true, nil)
	cache := open(t, cfg)
	save(t, cache, session())
	if got := remembered(t, cache); got != tokencache.StoreKeychain || p.keyring.len() != 1 {
		t.Errorf("remembered %q, %d entries in the keychain", got, p.keyring.len())
	}
	if lines := p.notified(); len(lines) != 0 {
		t.Errorf("told %q", lines)
	}

	// It has gone since: no other store takes its place.
	cfg.Probe, _ = probeOf(false, nil)
	p.keyring.misbehave(func(string, string) error { return errors.New("no bus") })
	gone := open(t, cfg)
	if _, err := gone.Load(t.Context(), testKey); !errors.Is(err, tokencache.ErrKeychain) {
		t.Errorf("Load: %v", err)
	}
	if err := gone.Save(t.Context(), session()); !errors.Is(err, tokencache.ErrKeychain) {
		t.Errorf("Save: %v", err)
	}
	if got := remembered(t, gone); got != tokencache.StoreKeychain {
		t.Errorf("remembered %q", got)
	}
}

func TestAutoWithoutKeychain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	cfg := p.config(tokencache.StoreAuto)
	probe, asked := probeOf(false, nil)
	cfg.Probe = probe
	cache := open(t, cfg)
	if _, err := cache.Load(t.Context(), testKey); !errors.Is(err, tokencache.ErrNotFound) {
		t.Fatalf("Load: %v", err)
	}
	if lines := p.notified(); len(lines) != 0 {
		t.Errorf("told %q although nothing is kept yet", lines)
	}
	save(t, cache, session())
	save(t, cache, numbered(3))
	if *asked != 1 {
		t.Errorf("probed %d times", *asked)
	}
	lines := p.notified()
	if len(lines) != 1 || strings.Contains(lines[0], "\n") || !strings.Contains(lines[0], filepath.Join(p.state(), "tokens")) {
		t.Errorf("told %q, want one line that names the directory", lines)
	}

	// Later runs are silent and do not probe, even where a keychain is by now.
	cfg.Probe, asked = probeOf(true, nil)
	next := open(t, cfg)
	load(t, next)
	save(t, next, numbered(5))
	if *asked != 0 || len(p.notified()) != 1 || remembered(t, next) != tokencache.StoreFile {
		t.Errorf("next run: probed %d times, told %q, remembered %q", *asked, p.notified(), remembered(t, next))
	}
	if len(p.keyring.calls) != 0 {
		t.Errorf("the keychain was asked: %v", p.keyring.calls)
	}
}

// TestAutoNeverBypasses: a keychain of which nobody knows whether it exists is
// an error.
func TestAutoNeverBypasses(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	cfg := p.config(tokencache.StoreAuto)
	cfg.Probe, _ = probeOf(false, &tokencache.Error{Kind: []error{tokencache.ErrKeychain}, Message: "the bus hangs"})
	cache := open(t, cfg)
	if err := cache.Save(t.Context(), session()); !errors.Is(err, tokencache.ErrKeychain) {
		t.Errorf("Save: %v", err)
	}
	if files := p.files(t); len(files) != 0 {
		t.Errorf("wrote %v", files)
	}
}

// TestExplicitChoiceIsRemembered changes the store of a server by hand, as the
// hint of a locked keychain says, and back.
func TestExplicitChoiceIsRemembered(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	for n, store := range []tokencache.Store{
		tokencache.StoreKeychain, tokencache.StoreFile, tokencache.StorePlain,
		tokencache.StoreFile, tokencache.StoreKeychain, tokencache.StorePlain,
	} {
		save(t, p.open(t, store), numbered(n))
		auto := p.open(t, tokencache.StoreAuto)
		if got := remembered(t, auto); got != store {
			t.Errorf("remembered %q, want %q", got, store)
		}
		if got := load(t, auto).AccessToken; got != numbered(n).AccessToken {
			t.Errorf("auto loads %s after a save in %s", got, store)
		}
		for suffix, of := range map[string]tokencache.Store{".sealed": tokencache.StoreFile, ".json": tokencache.StorePlain} {
			if _, err := os.Stat(p.token(suffix)); (err == nil) != (of == store) {
				t.Errorf("in %s: %s: %v", store, suffix, err)
			}
		}
	}
	if lines := p.notified(); len(lines) != 0 {
		t.Errorf("told %q about what was asked for", lines)
	}
	auto := p.open(t, tokencache.StoreAuto)
	if err := auto.Delete(t.Context(), testKey); err != nil {
		t.Fatal(err)
	}
	if n := p.keyring.len(); n != 0 {
		t.Errorf("the keychain's old session outlived Delete")
	}
}

func TestMemoryIsNotRemembered(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	cache := p.open(t, tokencache.StoreMemory)
	save(t, cache, session())
	if err := cache.Remember(tokencache.Server{URL: testKey.Resource, User: "Nelly"}); err != nil {
		t.Fatal(err)
	}
	if s, ok, err := cache.Server(testKey.Resource); err != nil || !ok || s.User != "Nelly" || s.Store != "" {
		t.Errorf("Server = %+v, %t, %v", s, ok, err)
	}
	if files := p.files(t); len(files) != 0 {
		t.Errorf("wrote %v", files)
	}
}
