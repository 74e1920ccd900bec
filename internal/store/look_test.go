package store_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

// TestLook: what Open would say, and not a byte is changed.
func TestLook(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "new", "store.db")
	cfg := store.Config{URL: "bolt:" + path}
	look := func(cfg store.Config) *store.Looked {
		t.Helper()
		l, err := store.Look(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		return l
	}
	if l := look(cfg); !l.New || l.Store != nil {
		t.Errorf("nothing is there: %+v", l)
	}
	if names, err := os.ReadDir(dir); err != nil || len(names) != 0 {
		t.Fatalf("made: %v, %v", names, err)
	}
	opened, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if l := look(cfg); !l.InUse || l.Store != nil {
		t.Errorf("in use: %+v", l)
	}
	signing := opened.SigningKeys
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if l := look(cfg); l.Store == nil || !bytes.Equal(l.SigningKeys[0], signing[0]) {
		t.Errorf("used: %+v", l)
	}
	other := cfg
	other.EncryptionKeys = [][]byte{bytes.Repeat([]byte("x"), store.MinKey)}
	var refused *store.Error
	if _, err := store.Look(t.Context(), other); !errors.As(err, &refused) {
		t.Errorf("another key: %v", err)
	}
	if err := os.Remove(path + ".key"); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Look(t.Context(), cfg); !errors.As(err, &refused) {
		t.Errorf("no key: %v", err)
	}
	for _, url := range []string{"bolt:", "bolt:~/x", "bolt:" + dir, "bolt:" + path + "/below", "redis://x", "nothing:"} {
		if _, err := store.Look(t.Context(), store.Config{URL: url}); !errors.As(err, &refused) {
			t.Errorf("%s: %v", url, err)
		}
	}
	after, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("the store was changed: %v", err)
	}
	if _, err := os.Stat(path + ".key"); err == nil {
		t.Error("a key file was made")
	}
}

// TestLookAtRedis: not a key is written, not even with another sealing key.
func TestLookAtRedis(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	cfg := redisConfig(m.Addr())
	l, err := store.Look(t.Context(), cfg)
	if err != nil || !l.New || len(m.Keys()) != 0 {
		t.Fatalf("%+v, %v, %v", l, err, m.Keys())
	}
	opened, err := store.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
	before := m.Dump()
	cfg.EncryptionKeys = [][]byte{bytes.Repeat([]byte("n"), store.MinKey), cfg.EncryptionKeys[0]}
	l, err = store.Look(t.Context(), cfg)
	if err != nil || l.Store == nil {
		t.Fatalf("%+v, %v", l, err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if m.Dump() != before {
		t.Error("Redis was written to")
	}
	m.Close()
	var refused *store.Error
	if _, err := store.Look(t.Context(), cfg); !errors.As(err, &refused) {
		t.Errorf("no Redis: %v", err)
	}
}
