package tokencache_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// hang makes a keyring hang at an operation until release is called.
func hang(k *fakeKeyring, op string) (release func()) {
	gate := make(chan struct{})
	k.misbehave(func(o, _ string) error {
		if o == op {
			<-gate
		}
		return nil
	})
	return func() {
		k.misbehave(nil)
		close(gate)
	}
}

// TestKeychainHangs measures, in fake time, how long each call waits for a
// keychain that never answers, and whether the user is told.
func TestKeychainHangs(t *testing.T) {
	t.Parallel()
	loadIt := func(ctx context.Context, c *tokencache.Cache) error { _, err := c.Load(ctx, testKey); return err }
	saveIt := func(ctx context.Context, c *tokencache.Cache) error { return c.Save(ctx, session()) }
	underLock := func(do func(context.Context, *tokencache.Cache) error) func(context.Context, *tokencache.Cache) error {
		return func(ctx context.Context, c *tokencache.Cache) error {
			unlock, err := c.Lock(ctx, testKey)
			if err != nil {
				return err
			}
			defer unlock()
			return do(ctx, c)
		}
	}
	tests := []struct {
		name        string
		op          string
		interactive bool
		do          func(context.Context, *tokencache.Cache) error
		wait        time.Duration
		told        int
	}{
		{"load", "get", false, loadIt, 3 * time.Second, 0},
		{"load, someone there", "get", true, loadIt, time.Minute, 1},
		{"load under the lock", "get", true, underLock(loadIt), 3 * time.Second, 0},
		{"save", "set", false, saveIt, 3 * time.Second, 0},
		{"save, someone there", "set", true, saveIt, time.Minute, 1},
		{"save under the lock", "set", true, underLock(saveIt), 3 * time.Second, 0},
		{"unlock", "get", false, func(ctx context.Context, c *tokencache.Cache) error { return c.Unlock(ctx, testKey) }, 3 * time.Second, 0},
		{"unlock, someone there, cannot write", "set", true, func(ctx context.Context, c *tokencache.Cache) error { return c.Unlock(ctx, testKey) }, time.Minute, 1},
		{"delete, someone there", "get", true, func(ctx context.Context, c *tokencache.Cache) error { return c.Delete(ctx, testKey) }, time.Minute, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t)
				cfg := p.config(tokencache.StoreKeychain)
				cfg.Interactive = tt.interactive
				cache := open(t, cfg)
				release := hang(p.keyring, tt.op)
				defer release()
				start := time.Now()
				err := tt.do(t.Context(), cache)
				if !errors.Is(err, tokencache.ErrKeychain) {
					t.Errorf("error is %v", err)
				}
				if got := time.Since(start); got != tt.wait {
					t.Errorf("waited %s, want %s", got, tt.wait)
				}
				if lines := p.notified(); len(lines) != tt.told {
					t.Errorf("told %q", lines)
				}
			})
		})
	}
}

// TestKeychainHoldsNoLockWhileItPrompts: another process gets the lock while
// this one waits for its prompt, in each call that waits long.
func TestKeychainHoldsNoLockWhileItPrompts(t *testing.T) {
	t.Parallel()
	for name, do := range map[string]func(context.Context, *tokencache.Cache){
		"load":   func(ctx context.Context, c *tokencache.Cache) { _, _ = c.Load(ctx, testKey) },
		"save":   func(ctx context.Context, c *tokencache.Cache) { _ = c.Save(ctx, session()) },
		"delete": func(ctx context.Context, c *tokencache.Cache) { _ = c.Delete(ctx, testKey) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				p := newPlace(t)
				cfg := p.config(tokencache.StoreKeychain)
				cfg.Interactive = true
				waiting := open(t, cfg)
				release := hang(p.keyring, "get")
				done := make(chan struct{})
				go func() {
					defer close(done)
					do(t.Context(), waiting)
				}()
				synctest.Wait() // it waits for the prompt

				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				unlock, err := p.open(t, tokencache.StoreFile).Lock(ctx, testKey)
				if err != nil {
					t.Errorf("Lock while another waits for its prompt: %v", err)
				} else {
					unlock()
				}
				release()
				<-done
			})
		})
	}
}

// TestKeychainAnswersLate lets a Set that was given up take effect before the
// next one, so that the newer session wins.
func TestKeychainAnswersLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		cache := p.open(t, tokencache.StoreKeychain)
		save(t, cache, numbered(2))
		unlock, err := cache.Lock(t.Context(), testKey)
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		release := hang(p.keyring, "set")
		if err := cache.Save(t.Context(), numbered(4)); !errors.Is(err, tokencache.ErrKeychain) {
			t.Fatalf("Save: %v", err)
		}
		if diff := cmp.Diff(numbered(2), stillThere(t, p)); diff != "" {
			t.Errorf("after the save that hangs (-saved +loaded):\n%s", diff)
		}
		time.AfterFunc(time.Second, release)
		save(t, cache, numbered(6))
		if diff := cmp.Diff(numbered(6), load(t, cache)); diff != "" {
			t.Errorf("(-saved +loaded):\n%s", diff)
		}
		if files := sealedFiles(t, p); len(files) != 1 {
			t.Errorf("files: %v", files)
		}
	})
}

// TestKeychainAnswersAfterAll: a Set that was given up takes effect, and what it
// needs is there.
func TestKeychainAnswersAfterAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		cache := p.open(t, tokencache.StoreKeychain)
		save(t, cache, numbered(2))
		release := hang(p.keyring, "set")
		if err := cache.Save(t.Context(), numbered(4)); !errors.Is(err, tokencache.ErrKeychain) {
			t.Fatalf("Save: %v", err)
		}
		release()
		synctest.Wait()
		if diff := cmp.Diff(numbered(4), load(t, cache)); diff != "" {
			t.Errorf("(-saved +loaded):\n%s", diff)
		}
	})
}
