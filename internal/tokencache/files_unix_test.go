//go:build unix

package tokencache_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

var _ = addChild("full disk", saveOnFullDisk)

// saveOnFullDisk saves while no file may grow beyond 64 bytes.
func saveOnFullDisk(ctx context.Context, cache *tokencache.Cache) error {
	signal.Ignore(syscall.SIGXFSZ)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 64, Max: 64}); err != nil {
		return err
	}
	err := cache.Save(ctx, numbered(4))
	var e *tokencache.Error
	if !errors.As(err, &e) || e.Hint == "" || !strings.HasPrefix(e.Message, "the session") || strings.Contains(e.Message, "\n") || strings.Contains(e.Message, ".tmp") {
		return fmt.Errorf("want an error with a hint, got %w", err)
	}
	return nil
}

// TestFullDisk: the session saved before survives, and nothing is left behind.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	for _, store := range shared {
		t.Run(string(store), func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			cache := openDir(t, dir, store)
			save(t, cache, numbered(2))
			before := (&place{dir: dir}).files(t)
			if out, err := startChild(t, "full disk", dir, store).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			if diff := cmp.Diff(numbered(2), load(t, cache)); diff != "" {
				t.Errorf("(-saved +loaded):\n%s", diff)
			}
			if diff := cmp.Diff(before, (&place{dir: dir}).files(t)); diff != "" {
				t.Errorf("files (-before +after):\n%s", diff)
			}
		})
	}
}

// TestSymbolicLinks: a link in the place of a file is neither read nor written
// through, and one in the place of a directory is refused.
func TestSymbolicLinks(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	cache := p.open(t, tokencache.StorePlain)
	save(t, cache, session())
	elsewhere := filepath.Join(p.dir, "elsewhere")
	if err := os.Rename(p.token(".json"), elsewhere); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, p.token(".json")); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(elsewhere)
	if err != nil {
		t.Fatal(err)
	}
	if s, err := cache.Load(t.Context(), testKey); !errors.Is(err, tokencache.ErrCorrupt) {
		t.Errorf("Load through a link: %v, %v", s, err)
	}
	save(t, cache, numbered(3))
	if info, err := os.Lstat(p.token(".json")); err != nil || !info.Mode().IsRegular() {
		t.Errorf("after Save: %v, %v", info, err)
	}
	if after, err := os.ReadFile(elsewhere); err != nil || string(after) != string(before) {
		t.Errorf("what the link pointed at changed: %v", err)
	}

	tokens := filepath.Join(p.state(), "tokens")
	if err := os.Rename(tokens, elsewhere+".d"); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere+".d", tokens); err != nil {
		t.Fatal(err)
	}
	if err := cache.Save(t.Context(), session()); err == nil {
		t.Error("Save into a linked directory: no error")
	}
}

// TestPipe: a named pipe in a file's place does not hang anybody.
func TestPipe(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	cache := p.open(t, tokencache.StoreFile)
	save(t, cache, session())
	for _, path := range []string{p.token(".sealed"), p.key(), filepath.Join(p.state(), "servers.json")} {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
		_, err1 := cache.Load(t.Context(), testKey)
		_, err2 := p.open(t, tokencache.StoreAuto).Load(t.Context(), testKey)
		if !errors.Is(err1, tokencache.ErrCorrupt) || !errors.Is(err2, tokencache.ErrCorrupt) {
			t.Errorf("%s: %v, %v", path, err1, err2)
		}
	}
}

// TestStateDirectoryIsUnusable: a file stands where the directory should be.
func TestStateDirectoryIsUnusable(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	if err := os.WriteFile(filepath.Join(p.dir, "state"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cache := p.open(t, tokencache.StoreFile)
	var e *tokencache.Error
	if err := cache.Save(t.Context(), session()); !errors.As(err, &e) || e.Hint == "" {
		t.Errorf("Save: %v", err)
	}
	if _, err := cache.Lock(t.Context(), testKey); !errors.As(err, &e) {
		t.Errorf("Lock: %v", err)
	}
}

// TestLinkedLock: a symbolic link in the place of a lock is refused at once,
// not tried for ever.
func TestLinkedLock(t *testing.T) {
	t.Parallel()
	place := newPlace(t)
	locks := filepath.Join(place.state(), "locks")
	if err := os.MkdirAll(locks, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(place.dir, "elsewhere"), filepath.Join(locks, testKey.ID()+".lock")); err != nil {
		t.Fatal(err)
	}
	_, err := place.open(t, tokencache.StorePlain).Lock(t.Context(), testKey)
	var e *tokencache.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v", err)
	}
}
