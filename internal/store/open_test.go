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

	"github.com/google/go-cmp/cmp"
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

// wantRefused opens a store that is to be refused in the words of message.
func wantRefused(t *testing.T, cfg store.Config, message string) {
	t.Helper()
	s, err := store.Open(t.Context(), cfg)
	if err == nil {
		closeStore(t, s)
		t.Fatal("the store was opened")
	}
	var refused *store.Error
	if !errors.As(err, &refused) {
		t.Fatalf("error is %T %v", err, err)
	}
	if !strings.Contains(refused.Message, message) {
		t.Errorf("message is %q, want %q in it", refused.Message, message)
	}
	if refused.Hint == "" || strings.Contains(refused.Message+refused.Hint, "\n") {
		t.Errorf("message %q, hint %q", refused.Message, refused.Hint)
	}
}

// snapshot reads every file below dir.
func snapshot(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			files[path] = "directory"
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		files[path] = info.Mode().String()
		if !info.Mode().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		files[path] += " " + string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
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
	if !bytes.Equal(first.SigningKey, second.SigningKey) || len(second.SigningKey) < store.MinKey {
		t.Errorf("signing keys are %d and %d bytes and differ", len(first.SigningKey), len(second.SigningKey))
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
	if bytes.Equal(rootKey, first.SigningKey) {
		t.Error("the signing key is the key of the file itself")
	}
	wantRefused(t, store.Config{URL: "bolt:" + path, EncryptionKey: first.SigningKey}, "STORAGE_ENCRYPTION_KEY does not fit")
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
	cfg := store.Config{URL: "bolt:" + path, SigningKey: otherKey, EncryptionKey: testKey}
	s := openWith(t, cfg)
	create(t, s, authserver.KindGrant, "a", "1")
	if !bytes.Equal(s.SigningKey, otherKey) {
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
	s := openWith(t, store.Config{URL: "bolt:" + path, SigningKey: otherKey})
	if !bytes.Equal(s.SigningKey, otherKey) {
		t.Error("signing key is not the one of the environment")
	}
	if got := get(t, s, authserver.KindGrant, "a"); string(got) != "1" {
		t.Errorf("a is %q", got)
	}
	closeStore(t, s)

	path = filepath.Join(t.TempDir(), "store.db")
	s = openWith(t, store.Config{URL: "bolt:" + path, EncryptionKey: testKey})
	if len(s.SigningKey) < store.MinKey || bytes.Equal(s.SigningKey, first.SigningKey) {
		t.Error("signing key is not made anew")
	}
	closeStore(t, s)
	wantRefused(t, store.Config{URL: "bolt:" + path}, "key file "+path+".key does not fit")
	openWith(t, store.Config{URL: "bolt:" + path, EncryptionKey: testKey})
}

func TestOpenMemoryKeysDiffer(t *testing.T) {
	t.Parallel()
	a := openWith(t, store.Config{URL: "memory:"})
	b := openWith(t, store.Config{URL: "memory:"})
	if bytes.Equal(a.SigningKey, b.SigningKey) || len(a.SigningKey) < store.MinKey {
		t.Error("two stores in memory share a signing key")
	}
	c := openWith(t, store.Config{URL: "memory:", SigningKey: testKey})
	if !bytes.Equal(c.SigningKey, testKey) {
		t.Error("signing key is not the one of the environment")
	}
}

// A refused store is left as it is, down to the last file.
func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	key := "# comment\n" + base64.StdEncoding.EncodeToString(testKey) + "\n"
	for _, tc := range []struct {
		name    string
		before  func(t *testing.T, path string)
		message string
	}{
		{"text file", func(t *testing.T, path string) { write(t, path, "my diary\n") }, "is no store of mcpdiscord"},
		{"long text file", func(t *testing.T, path string) { write(t, path, strings.Repeat("my diary\n", 1e4)) }, "is no store of mcpdiscord"},
		{"zeros", func(t *testing.T, path string) { write(t, path, strings.Repeat("\x00", 1<<16)) }, "is no store of mcpdiscord"},
		{"a page of zeros", func(t *testing.T, path string) { write(t, path, strings.Repeat("\x00", 1<<12)) }, "is no store of mcpdiscord"},
		{"SQLite", func(t *testing.T, path string) {
			write(t, path, "SQLite format 3\x00"+strings.Repeat("\x01\x02", 1<<14))
		}, "is no store of mcpdiscord"},
		{"bbolt of another program", func(t *testing.T, path string) { otherBolt(t, path, "their bucket", "", "") }, "is no store of mcpdiscord"},
		{"bbolt of another program, freelist not synced", func(t *testing.T, path string) {
			otherBoltWith(t, path, "their bucket", "", "", &bbolt.Options{NoFreelistSync: true})
		}, "is no store of mcpdiscord"},
		{"newer format", func(t *testing.T, path string) { otherBolt(t, path, "mcpdiscord", "format", "2") }, `has format "2"`},
		{"cut short", func(t *testing.T, path string) {
			used(t, path)
			if err := os.Truncate(path, size(t, path)/2); err != nil {
				t.Fatal(err)
			}
		}, "is cut short"},
		{"overwritten in part", func(t *testing.T, path string) {
			used(t, path)
			content, _ := os.ReadFile(path)
			copy(content, bytes.Repeat([]byte("x"), 2*os.Getpagesize()))
			write(t, path, string(content))
		}, "is no store of mcpdiscord"},
		{"everything but the metas overwritten", func(t *testing.T, path string) {
			used(t, path)
			content, _ := os.ReadFile(path)
			for i := 2 * os.Getpagesize(); i < len(content); i++ {
				content[i] = 0xff
			}
			write(t, path, string(content))
		}, "is no store of mcpdiscord"},
		{"directory", func(t *testing.T, path string) {
			if err := os.Mkdir(path, 0o700); err != nil {
				t.Fatal(err)
			}
		}, "is a directory"},
		{"link below a file", func(t *testing.T, path string) {
			file := filepath.Join(filepath.Dir(path), "file")
			write(t, file, "")
			if err := os.Symlink(filepath.Join(file, "store.db"), path); err != nil {
				t.Fatal(err)
			}
		}, "opening the store"},
		{"no key file", func(t *testing.T, path string) {
			used(t, path)
			if err := os.Remove(path + ".key"); err != nil {
				t.Fatal(err)
			}
		}, "its key file " /* … is missing */},
		{"another key", func(t *testing.T, path string) { used(t, path); write(t, path+".key", key) }, "does not fit the store"},
		{"empty key file", func(t *testing.T, path string) { used(t, path); write(t, path+".key", "") }, "holds no key, or a damaged one"},
		{"cut key", func(t *testing.T, path string) { used(t, path); write(t, path+".key", key[:len(key)-6]) }, "holds no key, or a damaged one"},
		{"two keys", func(t *testing.T, path string) { used(t, path); write(t, path+".key", key+key) }, "holds no key, or a damaged one"},
		{"endless key file", func(t *testing.T, path string) {
			used(t, path)
			write(t, path+".key", key+strings.Repeat("\n", 1<<20))
		}, "holds no key, or a damaged one"},
		{"key file is a directory", func(t *testing.T, path string) {
			used(t, path)
			if err := errors.Join(os.Remove(path+".key"), os.Mkdir(path+".key", 0o700)); err != nil {
				t.Fatal(err)
			}
		}, "the key file "},
		{"records that are not sealed", func(t *testing.T, path string) {
			s := bolt(t, path, nil)
			create(t, s, authserver.KindClient, "a", "1")
			closeStore(t, s)
		}, "is no store of mcpdiscord"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := filepath.Join(dir, "store.db")
			tc.before(t, path)
			before := snapshot(t, dir)
			wantRefused(t, store.Config{URL: "bolt:" + path}, tc.message)
			if diff := cmp.Diff(before, snapshot(t, dir)); diff != "" {
				t.Errorf("files have changed (-before +after):\n%.2000s", diff)
			}
		})
	}
}

// otherBolt makes a bbolt file with a bucket.
func otherBolt(t *testing.T, path, bucket, key, value string) {
	t.Helper()
	otherBoltWith(t, path, bucket, key, value, nil)
}

func otherBoltWith(t *testing.T, path, bucket, key, value string, options *bbolt.Options) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, options)
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte(bucket))
		if err != nil || key == "" {
			return err
		}
		return b.Put([]byte(key), []byte(value))
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefusesURL(t *testing.T) {
	t.Parallel()
	for _, url := range []string{"", "memory", "memory:x", "bolt:", "bolt", "store.db", "bolt:~/store.db", "redis://:hunter2@host:6379/0", "sqlite:x"} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			wantRefused(t, store.Config{URL: url}, "the store")
			if _, err := store.Open(t.Context(), store.Config{URL: url}); strings.Contains(err.Error(), "hunter2") {
				t.Errorf("error repeats a password: %v", err)
			}
		})
	}
}

func TestOpenRefusesShortKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	wantRefused(t, store.Config{URL: "bolt:" + path, SigningKey: testKey[:31]}, "JWT_SIGNING_KEY is too short")
	wantRefused(t, store.Config{URL: "bolt:" + path, EncryptionKey: []byte{}}, "STORAGE_ENCRYPTION_KEY is too short")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a store was made: %v", err)
	}
}

func TestOpenHeldByAnother(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path)
	wantRefused(t, store.Config{URL: "bolt:" + path}, "in use by another process")
	create(t, s, authserver.KindGrant, "a", "1")
}

func TestOpenCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	path := filepath.Join(t.TempDir(), "store.db")
	if _, err := store.Open(ctx, store.Config{URL: "bolt:" + path}); !errors.Is(err, context.Canceled) {
		t.Fatalf("Open = %v, want that it is canceled", err)
	}
	open(t, path)
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
