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
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.etcd.io/bbolt"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

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
	for _, url := range []string{"", "memory", "memory:x", "bolt:", "bolt", "store.db", "bolt:~/store.db", "sqlite:x"} {
		t.Run(url, func(t *testing.T) {
			t.Parallel()
			wantRefused(t, store.Config{URL: url}, "the store")
		})
	}
}

func TestOpenRefusesShortKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	wantRefused(t, store.Config{URL: "bolt:" + path, SigningKeys: [][]byte{testKey, testKey[:31]}}, "JWT_SIGNING_KEY is too short")
	wantRefused(t, store.Config{URL: "bolt:" + path, EncryptionKeys: [][]byte{{}}}, "STORAGE_ENCRYPTION_KEY is too short")
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
