package store_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
	"github.com/mcpdiscord/mcpdiscord/internal/store/storetest"
)

func TestOpenMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, now func() time.Time) authserver.Store {
		s, err := store.Open(t.Context(), store.Config{URL: "memory:", Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestOpenBolt(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, now func() time.Time) authserver.Store {
		s, err := store.Open(t.Context(), store.Config{URL: "bolt:" + filepath.Join(t.TempDir(), "store.db"), Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// open opens the store at path with its key file.
func open(t *testing.T, path string) *store.Opened {
	t.Helper()
	return openWith(t, store.Config{URL: "bolt:" + path})
}

func openWith(t *testing.T, cfg store.Config) *store.Opened {
	t.Helper()
	s, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// used makes a store with one record.
func used(t *testing.T, path string) *store.Opened {
	t.Helper()
	s := open(t, path)
	create(t, s, authserver.KindGrant, "a", "1")
	closeStore(t, s)
	return s
}

func TestOpenKeepsKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new", "store.db")
	first := used(t, path)
	keyFile, err := os.ReadFile(path + ".key")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(keyFile, []byte("# mcpdiscord")) || bytes.Count(keyFile, []byte("\n")) != 2 {
		t.Errorf("key file is %q", keyFile)
	}
	second := open(t, path)
	if !bytes.Equal(first.SigningKeys[0], second.SigningKeys[0]) || len(second.SigningKeys[0]) < store.MinKey {
		t.Errorf("signing keys are %d and %d bytes and differ", len(first.SigningKeys[0]), len(second.SigningKeys[0]))
	}
	if got := get(t, second, authserver.KindGrant, "a"); string(got) != "1" {
		t.Errorf("a is %q", got)
	}
	closeStore(t, second)
	root := bytes.TrimSpace(bytes.Split(keyFile, []byte("\n"))[1])
	rootKey, err := base64.StdEncoding.DecodeString(string(root))
	if err != nil || len(rootKey) != 32 {
		t.Fatalf("key is %d bytes, %v", len(rootKey), err)
	}
	if bytes.Equal(rootKey, first.SigningKeys[0]) {
		t.Error("the signing key is the key of the file itself")
	}
	wantRefused(t, store.Config{URL: "bolt:" + path, EncryptionKeys: first.SigningKeys}, "STORAGE_ENCRYPTION_KEY does not fit")
	for _, name := range []string{path, path + ".key", filepath.Dir(path)} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 && filepath.Separator == '/' {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
	if left, err := filepath.Glob(path + "*"); len(left) != 2 || err != nil {
		t.Errorf("files are %v, %v", left, err)
	}
}

func TestOpenIsSealed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	create(t, s, authserver.KindUpstream, "80351110224678912", "a refresh token of Discord's")
	closeStore(t, s)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(content, []byte("80351110224678912")) || bytes.Contains(content, []byte("refresh token")) {
		t.Error("the file holds plaintext, or no record")
	}
}

func TestOpenWithKeysOfEnvironment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	cfg := store.Config{URL: "bolt:" + path, SigningKeys: [][]byte{otherKey}, EncryptionKeys: [][]byte{testKey}}
	s := openWith(t, cfg)
	create(t, s, authserver.KindGrant, "a", "1")
	if !bytes.Equal(s.SigningKeys[0], otherKey) {
		t.Error("signing key is not the one of the environment")
	}
	closeStore(t, s)
	if _, err := os.Stat(path + ".key"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key file was made without need: %v", err)
	}
	if got := get(t, openWith(t, cfg), authserver.KindGrant, "a"); string(got) != "1" {
		t.Errorf("a is %q", got)
	}
}

// Each key is looked for by itself.
func TestOpenWithOneKeyOfEnvironment(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	first := used(t, path)
	s := openWith(t, store.Config{URL: "bolt:" + path, SigningKeys: [][]byte{otherKey}})
	if !bytes.Equal(s.SigningKeys[0], otherKey) {
		t.Error("signing key is not the one of the environment")
	}
	if got := get(t, s, authserver.KindGrant, "a"); string(got) != "1" {
		t.Errorf("a is %q", got)
	}
	closeStore(t, s)

	path = filepath.Join(t.TempDir(), "store.db")
	s = openWith(t, store.Config{URL: "bolt:" + path, EncryptionKeys: [][]byte{testKey}})
	if len(s.SigningKeys[0]) < store.MinKey || bytes.Equal(s.SigningKeys[0], first.SigningKeys[0]) {
		t.Error("signing key is not made anew")
	}
	closeStore(t, s)
	wantRefused(t, store.Config{URL: "bolt:" + path}, "key file "+path+".key does not fit")
	openWith(t, store.Config{URL: "bolt:" + path, EncryptionKeys: [][]byte{testKey}})
}

func TestOpenMemoryKeysDiffer(t *testing.T) {
	t.Parallel()
	a := openWith(t, store.Config{URL: "memory:"})
	b := openWith(t, store.Config{URL: "memory:"})
	if bytes.Equal(a.SigningKeys[0], b.SigningKeys[0]) || len(a.SigningKeys[0]) < store.MinKey {
		t.Error("two stores in memory share a signing key")
	}
	c := openWith(t, store.Config{URL: "memory:", SigningKeys: [][]byte{testKey}})
	if !bytes.Equal(c.SigningKeys[0], testKey) {
		t.Error("signing key is not the one of the environment")
	}
}

// Whatever a start was interrupted at, the next one makes of it a good store.
func TestOpenAfterInterruptedStart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		before func(t *testing.T, path string)
	}{
		{"empty file", func(t *testing.T, path string) { write(t, path, "") }},
		{"bbolt file without buckets", func(t *testing.T, path string) {
			db, err := bbolt.Open(path, 0o600, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
		}},
		{"no key file yet", func(t *testing.T, path string) { closeStore(t, bolt(t, path, nil)) }},
		{"key file, no records yet", func(t *testing.T, path string) {
			closeStore(t, bolt(t, path, nil))
			write(t, path+".key", base64.URLEncoding.EncodeToString(testKey))
		}},
		{"key file alone", func(t *testing.T, path string) {
			write(t, path+".key", base64.RawStdEncoding.EncodeToString(testKey)+"\r\n")
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "store.db")
			tc.before(t, path)
			key, _ := os.ReadFile(path + ".key")
			used(t, path)
			if got := get(t, open(t, path), authserver.KindGrant, "a"); string(got) != "1" {
				t.Errorf("a is %q", got)
			}
			if now, _ := os.ReadFile(path + ".key"); key != nil && !bytes.Equal(key, now) {
				t.Error("the key file was overwritten")
			}
		})
	}
}

// Of several first starts one wins; the others find the store in use, and no
// key is made twice.
func TestOpenRace(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			s, err := store.Open(context.Background(), store.Config{URL: "bolt:" + path})
			var refused *store.Error
			if err != nil {
				if !errors.As(err, &refused) || !strings.Contains(refused.Message, "in use") {
					t.Errorf("Open: %v", err)
				}
				return
			}
			if err := s.Update(context.Background(), authserver.KindGrant, "a", func(*authserver.Record) (*authserver.Record, error) {
				return &authserver.Record{Value: []byte("1")}, nil
			}); err != nil {
				t.Errorf("Update: %v", err)
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	wg.Wait()
	if got := get(t, open(t, path), authserver.KindGrant, "a"); string(got) != "1" {
		t.Errorf("a is %q", got)
	}
}

func TestOpenThroughSymlink(t *testing.T) {
	t.Parallel()
	target := filepath.Join(t.TempDir(), "real.db")
	hollow(t, target)
	link := filepath.Join(t.TempDir(), "store.db")
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	clock := storetest.NewClock()
	clock.Advance(time.Hour)
	before := size(t, target)
	s := bolt(t, link, clock.Now)
	wantFilled(t, s, "stays", 100)
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
	if size(t, target) >= before {
		t.Error("the store behind the link was not compacted")
	}
}
