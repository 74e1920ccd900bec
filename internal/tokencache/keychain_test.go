package tokencache_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// sealedFiles are the files that belong to keychain entries.
func sealedFiles(t *testing.T, p *place) []string {
	t.Helper()
	files, err := filepath.Glob(p.token(".*.sealed"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestKeychainEntrySize moves a session across the limit and back: what the
// keychain is given stays below 2,000 bytes, and no file is left over.
func TestKeychainEntrySize(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.keyring.limit = 2560 // as on Windows
	cache := p.open(t, tokencache.StoreKeychain)
	s := session()
	for size := 0; size <= 6000; size += 97 {
		s.AccessToken = strings.Repeat("x", size)
		if size > 3000 {
			s.AccessToken = s.AccessToken[:6000-size]
		}
		save(t, cache, s)
		if diff := cmp.Diff(s, load(t, cache)); diff != "" {
			t.Fatalf("size %d (-saved +loaded):\n%s", size, diff)
		}
		if n := len(p.keyring.value(testKey.ID())); n > 2000 {
			t.Fatalf("size %d: the keychain was given %d bytes", size, n)
		}
		inline := strings.Contains(p.keyring.value(testKey.ID()), "refresh-secret")
		if files := sealedFiles(t, p); inline != (len(files) == 0) || len(files) > 1 {
			t.Fatalf("size %d: inline %t, files %v", size, inline, files)
		}
		if wantInline := len(s.AccessToken) < 1400; inline != wantInline && (len(s.AccessToken) < 1300 || len(s.AccessToken) > 1600) {
			t.Fatalf("token of %d bytes: inline is %t", len(s.AccessToken), inline)
		}
	}
}

// TestKeychainSmallerThanPromised: a keychain that refuses even small values
// gets the short entry.
func TestKeychainSmallerThanPromised(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.keyring.limit = 250
	cache := p.open(t, tokencache.StoreKeychain)
	save(t, cache, session())
	if diff := cmp.Diff(session(), load(t, cache)); diff != "" {
		t.Errorf("(-saved +loaded):\n%s", diff)
	}
}

// TestKeychainSaveFails fails each save's last step. The session before it is
// still there, and so is no file of the failed one.
func TestKeychainSaveFails(t *testing.T) {
	t.Parallel()
	for old := 1; old <= 2; old++ {
		for next := 3; next <= 4; next++ {
			t.Run(fmt.Sprintf("%d then %d", old, next), func(t *testing.T) {
				t.Parallel()
				p := newPlace(t)
				cache := p.open(t, tokencache.StoreKeychain)
				save(t, cache, numbered(old))
				before := p.files(t)
				p.keyring.misbehave(func(op, _ string) error {
					if op == "set" {
						return errors.New("no\x1b[31m")
					}
					return nil
				})
				err := cache.Save(t.Context(), numbered(next))
				if !errors.Is(err, tokencache.ErrKeychain) {
					t.Fatalf("Save: %v", err)
				}
				var e *tokencache.Error
				if !errors.As(err, &e) || !strings.Contains(e.Hint, "--token-store file") || strings.Contains(e.Message, "\x1b") {
					t.Errorf("error is %#v", e)
				}
				if diff := cmp.Diff(numbered(old), load(t, cache)); diff != "" {
					t.Errorf("(-saved +loaded):\n%s", diff)
				}
				if diff := cmp.Diff(before, p.files(t)); diff != "" {
					t.Errorf("files (-before +after):\n%s", diff)
				}
			})
		}
	}
}

// TestKeychainEntryDamaged: odd entries are absent, in clear words, and are
// replaced.
func TestKeychainEntryDamaged(t *testing.T) {
	t.Parallel()
	key := strings.Repeat("A", 43) + "="
	name := testKey.ID() + ".0123456789abcdef.sealed"
	for name, entry := range map[string]string{
		"empty":             "",
		"not JSON":          "hello",
		"not ours":          `{"a":1}`,
		"no such file":      `{"v":1,"key":"` + key + `","file":"` + name + `"}`,
		"short key":         `{"v":1,"key":"AAAA","file":"` + name + `"}`,
		"file elsewhere":    `{"v":1,"key":"` + key + `","file":"../../config/x"}`,
		"file of another":   `{"v":1,"key":"` + key + `","file":"` + strings.Repeat("0", 32) + `.0123456789abcdef.sealed"}`,
		"another's session": `{"v":1,"session":{"resource":"https://x/mcp","issuer":"https://x"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPlace(t)
			cache := p.open(t, tokencache.StoreKeychain)
			save(t, cache, session())
			p.keyring.put(testKey.ID(), entry)
			if s, err := cache.Load(t.Context(), testKey); !errors.Is(err, tokencache.ErrCorrupt) || !errors.Is(err, tokencache.ErrNotFound) {
				t.Fatalf("Load = %v, %v", s, err)
			}
			save(t, cache, session())
			load(t, cache)
		})
	}
}

// TestKeychainLoadDuringSave saves between another process's look at the
// keychain and its look at the file that the entry named.
func TestKeychainLoadDuringSave(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	writer := p.open(t, tokencache.StoreKeychain)
	save(t, writer, numbered(2))

	slow := &slowKeyring{Keyring: p.keyring, meanwhile: func() { save(t, writer, numbered(4)) }}
	cfg := p.config(tokencache.StoreKeychain)
	cfg.Keyring = slow
	if diff := cmp.Diff(numbered(4), load(t, open(t, cfg))); diff != "" {
		t.Errorf("(-saved +loaded):\n%s", diff)
	}
}

// slowKeyring lets something happen between its first answer and the caller.
type slowKeyring struct {
	tokencache.Keyring
	meanwhile func()
}

func (s *slowKeyring) Get(service, user string) (string, error) {
	v, err := s.Keyring.Get(service, user)
	if do := s.meanwhile; do != nil {
		s.meanwhile = nil
		do()
	}
	return v, err
}

// TestKeychainEntryPointsElsewhere: an entry opens its own file and no other,
// even where the key fits.
func TestKeychainEntryPointsElsewhere(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	cache := p.open(t, tokencache.StoreKeychain)
	save(t, cache, numbered(2))
	name := filepath.Base(sealedFiles(t, p)[0])
	if err := os.Rename(p.token(strings.TrimPrefix(name, testKey.ID())), filepath.Join(p.state(), name)); err != nil {
		t.Fatal(err)
	}
	p.keyring.put(testKey.ID(), strings.Replace(p.keyring.value(testKey.ID()), name, "../"+name, 1))
	if s, err := cache.Load(t.Context(), testKey); !errors.Is(err, tokencache.ErrCorrupt) {
		t.Errorf("Load = %v, %v", s, err)
	}
}

// stillThere loads as another process would.
func stillThere(t *testing.T, p *place) *tokencache.Session {
	t.Helper()
	return load(t, p.open(t, tokencache.StoreKeychain))
}

// TestKeychainInterrupted: Ctrl-C ends the wait for a prompt, but not a save
// that replaces tokens.
func TestKeychainInterrupted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlace(t)
		cfg := p.config(tokencache.StoreKeychain)
		cfg.Interactive = true
		cache := open(t, cfg)

		release := hang(p.keyring, "get")
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := cache.Load(ctx, testKey); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Load: %v", err)
		}
		if got := time.Since(start); got != 2*time.Second {
			t.Errorf("waited %s", got)
		}
		release()

		unlock, err := cache.Lock(t.Context(), testKey)
		if err != nil {
			t.Fatal(err)
		}
		defer unlock()
		ctx, cancel = context.WithCancel(t.Context())
		p.keyring.misbehave(func(string, string) error { cancel(); return nil })
		if err := cache.Save(ctx, numbered(2)); err != nil {
			t.Errorf("Save: %v", err)
		}
		p.keyring.misbehave(nil)
		load(t, cache)
	})
}

// TestKeychainPanics: the library's panics are errors.
func TestKeychainPanics(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.keyring.misbehave(func(string, string) error { panic("odd answer") })
	if _, err := p.open(t, tokencache.StoreKeychain).Load(t.Context(), testKey); !errors.Is(err, tokencache.ErrKeychain) {
		t.Errorf("Load: %v", err)
	}
}

// TestDeleteWithLockedKeychain removes the files, keeps what cannot be reached,
// and says so.
func TestDeleteWithLockedKeychain(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	save(t, p.open(t, tokencache.StoreKeychain), session())
	save(t, p.open(t, tokencache.StoreFile), session()) // the keychain's session stays behind
	p.keyring.misbehave(func(string, string) error { return errors.New("failed to unlock correct collection") })
	cache := p.open(t, tokencache.StoreAuto)
	if err := cache.Delete(t.Context(), testKey); !errors.Is(err, tokencache.ErrKeychain) {
		t.Errorf("Delete: %v", err)
	}
	for _, path := range []string{p.token(".sealed"), p.key()} {
		if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there", path)
		}
	}
	p.keyring.misbehave(nil)
	if err := cache.Delete(t.Context(), testKey); err != nil || p.keyring.len() != 0 {
		t.Errorf("second Delete: %v, %d entries left", err, p.keyring.len())
	}
}
