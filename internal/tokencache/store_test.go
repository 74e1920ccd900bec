package tokencache_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

var stores = []tokencache.Store{
	tokencache.StoreKeychain, tokencache.StoreFile, tokencache.StorePlain, tokencache.StoreMemory,
}

func TestStoresRoundTrip(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(string(store), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			cache := p.open(t, store)
			if _, err := cache.Load(t.Context(), testKey); !errors.Is(err, tokencache.ErrNotFound) {
				t.Fatalf("Load of nothing: %v", err)
			}
			for n := 1; n <= 6; n++ { // small and big by turns
				want := numbered(n)
				save(t, cache, want)
				if diff := cmp.Diff(want, load(t, cache)); diff != "" {
					t.Fatalf("session %d (-saved +loaded):\n%s", n, diff)
				}
			}
			other := tokencache.Key{Resource: testKey.Resource, Issuer: "https://other.example"}
			if _, err := cache.Load(t.Context(), other); !errors.Is(err, tokencache.ErrNotFound) {
				t.Errorf("Load under another issuer: %v", err)
			}
			load(t, cache).Scopes[0] = "changed"
			if got := load(t, cache).Scopes[0]; got != "identify" {
				t.Errorf("a caller changed what is stored: %s", got)
			}

			for range 2 { // what is absent is no error
				if err := cache.Delete(t.Context(), testKey); err != nil {
					t.Fatalf("Delete: %v", err)
				}
			}
			if _, err := cache.Load(t.Context(), testKey); !errors.Is(err, tokencache.ErrNotFound) {
				t.Errorf("Load after Delete: %v", err)
			}
			if err := cache.Forget(testKey.Resource); err != nil {
				t.Fatalf("Forget: %v", err)
			}
			for _, f := range p.files(t) {
				if filepath.Base(f) != "servers.json" && filepath.Base(f) != "servers.lock" {
					t.Errorf("%s is left", f)
				}
			}
			if n := p.keyring.len(); n != 0 {
				t.Errorf("%d entries are left in the keychain", n)
			}
		})
	}
}

// TestStoresLastBeyondTheProcess loads with a second cache, as the next run
// of the program does.
func TestStoresLastBeyondTheProcess(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(string(store), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			save(t, p.open(t, store), numbered(2))
			got, err := p.open(t, store).Load(t.Context(), testKey)
			if store == tokencache.StoreMemory {
				if !errors.Is(err, tokencache.ErrNotFound) {
					t.Errorf("memory outlived its cache: %v, %v", got, err)
				}
				if files := p.files(t); len(files) != 0 {
					t.Errorf("memory wrote %v", files)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(numbered(2), got); diff != "" {
				t.Errorf("(-saved +loaded):\n%s", diff)
			}
		})
	}
}

// TestTokensAreNotReadable looks for tokens in every file, and at every mode.
func TestTokensAreNotReadable(t *testing.T) {
	t.Parallel()
	for _, store := range stores {
		t.Run(string(store), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			if store != tokencache.StoreMemory { // what was too open is tightened
				if err := os.MkdirAll(filepath.Join(p.state(), "tokens"), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			save(t, p.open(t, store), numbered(2))
			err := filepath.WalkDir(p.dir, func(path string, d fs.DirEntry, err error) error {
				if err != nil || path == p.dir || path == filepath.Join(p.dir, "state") {
					return err
				}
				checkMode(t, path, d)
				if d.IsDir() {
					return nil
				}
				data, err := os.ReadFile(path)
				if store != tokencache.StorePlain && bytes.Contains(data, []byte("refresh-2")) {
					t.Errorf("%s holds a token in clear", path)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func checkMode(t *testing.T, path string, d fs.DirEntry) {
	t.Helper()
	info, err := d.Info()
	if err != nil {
		t.Fatal(err)
	}
	want := fs.FileMode(0o600)
	if d.IsDir() {
		want = 0o700
	}
	if got := info.Mode().Perm(); got != want && runtime.GOOS != "windows" && filepath.Base(path) != "mcpdiscord" {
		t.Errorf("mode of %s is %o, want %o", path, got, want)
	}
}

// TestSealedFileIsBound moves a sealed file to another session's place, together
// with its key.
func TestSealedFileIsBound(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	cache := p.open(t, tokencache.StoreFile)
	save(t, cache, session())
	other := tokencache.Key{Resource: testKey.Resource, Issuer: "https://other.example"}
	for _, path := range []string{p.token(".sealed"), p.key()} {
		if err := os.Rename(path, strings.Replace(path, testKey.ID(), other.ID(), 1)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := cache.Load(t.Context(), other)
	if !errors.Is(err, tokencache.ErrCorrupt) || !strings.Contains(err.Error(), "does not open") {
		t.Errorf("Load = %v, %v; want a seal that does not open", s, err)
	}
}

// TestDamagedFiles damages what is stored in every way, and expects a clear
// error that allows signing in again, which keeps the odd file.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	truncate := func(n int64) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if err := os.Truncate(path, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	replaceBy := func(text string) func(t *testing.T, path string) {
		return func(t *testing.T, path string) {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	flip := func(t *testing.T, path string) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		data[len(data)-2] ^= 1
		replaceBy(string(data))(t, path)
	}
	remove := func(t *testing.T, path string) {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	directory := func(t *testing.T, path string) {
		remove(t, path)
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	tests := []struct {
		name   string
		store  tokencache.Store
		key    bool // damage the key instead
		damage func(t *testing.T, path string)
	}{
		{"sealed, empty", tokencache.StoreFile, false, truncate(0)},
		{"sealed, torn in the header", tokencache.StoreFile, false, truncate(10)},
		{"sealed, torn in the nonce", tokencache.StoreFile, false, truncate(30)},
		{"sealed, torn", tokencache.StoreFile, false, truncate(200)},
		{"sealed, a bit flipped", tokencache.StoreFile, false, flip},
		{"sealed, foreign", tokencache.StoreFile, false, replaceBy("hello")},
		{"sealed, huge", tokencache.StoreFile, false, truncate(2 << 20)},
		{"sealed, a directory", tokencache.StoreFile, false, directory},
		{"key, missing", tokencache.StoreFile, true, remove},
		{"key, empty", tokencache.StoreFile, true, truncate(0)},
		{"key, torn", tokencache.StoreFile, true, truncate(20)},
		{"key, foreign", tokencache.StoreFile, true, replaceBy("hello\n")},
		{"key, another", tokencache.StoreFile, true, replaceBy(strings.Repeat("A", 43))},
		{"plain, empty", tokencache.StorePlain, false, truncate(0)},
		{"plain, torn", tokencache.StorePlain, false, truncate(100)},
		{"plain, foreign", tokencache.StorePlain, false, replaceBy(`{"hello":"world"}`)},
		{"plain, another session", tokencache.StorePlain, false, replaceBy(`{"v":1,"session":{"resource":"https://x/mcp","issuer":"https://x"}}`)},
		{"plain, a directory", tokencache.StorePlain, false, directory},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			cache := p.open(t, tt.store)
			save(t, cache, session())
			path := p.token(".sealed")
			if tt.store == tokencache.StorePlain {
				path = p.token(".json")
			}
			damaged := path
			if tt.key {
				damaged = p.key()
			}
			tt.damage(t, damaged)

			s, err := cache.Load(t.Context(), testKey)
			if !errors.Is(err, tokencache.ErrCorrupt) || !errors.Is(err, tokencache.ErrNotFound) {
				t.Fatalf("Load = %v, %v; want ErrCorrupt and ErrNotFound", s, err)
			}
			if text := err.Error(); !strings.Contains(text, testKey.ID()) || strings.Contains(text, "\n") {
				t.Errorf("message does not name the file in one line: %s", text)
			}
			save(t, cache, numbered(3))
			if diff := cmp.Diff(numbered(3), load(t, cache)); diff != "" {
				t.Errorf("(-saved +loaded):\n%s", diff)
			}
			if _, err := os.Stat(path + ".broken"); err != nil {
				t.Errorf("the odd file was not kept: %v", err)
			}
		})
	}
}

// TestNewerVersionIsLeftAlone: an older program must not destroy what a newer
// one keeps.
func TestNewerVersionIsLeftAlone(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		store   tokencache.Store
		suffix  string
		content string
	}{
		{tokencache.StoreFile, ".sealed", "mcpdiscord session 2\nsomething else"},
		{tokencache.StorePlain, ".json", `{"v":2,"sessions":[]}`},
	} {
		t.Run(string(tt.store), func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			cache := p.open(t, tt.store)
			save(t, cache, session())
			if err := os.WriteFile(p.token(tt.suffix), []byte(tt.content), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := cache.Load(t.Context(), testKey)
			if err == nil || errors.Is(err, tokencache.ErrNotFound) || !strings.Contains(err.Error(), "newer") {
				t.Errorf("Load: %v", err)
			}
			if err := cache.Save(t.Context(), session()); err == nil {
				t.Error("Save replaced it")
			}
			if data, err := os.ReadFile(p.token(tt.suffix)); err != nil || string(data) != tt.content {
				t.Errorf("it changed: %q, %v", data, err)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, cfg := range map[string]tokencache.Config{
		"unknown store":   {StateDir: dir, ConfigDir: dir, Store: "floppy"},
		"no directory":    {Store: tokencache.StoreFile},
		"relative":        {StateDir: "state", ConfigDir: dir},
		"relative config": {StateDir: dir, ConfigDir: "config"},
	} {
		if _, err := tokencache.Open(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := tokencache.Open(tokencache.Config{Store: tokencache.StoreMemory}); err != nil {
		t.Errorf("memory without directories: %v", err)
	}
}
