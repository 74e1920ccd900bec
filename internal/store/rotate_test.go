package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

// logLines passes the lines of a log on.
type logLines struct {
	mu    sync.Mutex
	lines chan string
}

func newLog() (*slog.Logger, <-chan string) {
	l := &logLines{lines: make(chan string, 1000)}
	return slog.New(slog.NewTextHandler(l, nil)), l.lines
}

func (l *logLines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines <- string(bytes.TrimSpace(b))
	return len(b), nil
}

// wantLine waits for a line of the log with text in it.
func wantLine(t *testing.T, lines <-chan string, text string) string {
	t.Helper()
	for {
		select {
		case line := <-lines:
			if strings.Contains(line, text) {
				return line
			}
		case <-t.Context().Done():
			t.Fatalf("the log has no %q", text)
		}
	}
}

// The whole story of a new key, on each store that outlives a process.
func TestKeyRotation(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{
		"bolt":  "bolt:" + filepath.Join(t.TempDir(), "store.db"),
		"redis": "redis://" + miniredis.RunT(t).Addr(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := func(keys ...[]byte) store.Config {
				return store.Config{URL: url, SigningKeys: [][]byte{testKey}, EncryptionKeys: keys}
			}
			const n = 600 // more than a page
			s := openWith(t, with(testKey))
			for i := range n {
				create(t, s, authserver.KindGrant, fmt.Sprint(i), "1")
			}
			others := []authserver.Kind{
				authserver.KindMeta, authserver.KindClient, authserver.KindAuthorization, authserver.KindCode,
				authserver.KindUpstream, authserver.KindAssertion, authserver.KindAccess,
			}
			for _, kind := range others {
				create(t, s, kind, "c", "1")
			}
			closeStore(t, s)
			wantRefused(t, with(otherKey), "STORAGE_ENCRYPTION_KEY does not fit")

			// The first start with the new key in front seals all anew.
			cfg := with(otherKey, testKey)
			log, lines := newLog()
			cfg.Logger = log
			s = openWith(t, cfg)
			if got := get(t, s, authserver.KindGrant, "7"); string(got) != "1" {
				t.Errorf("7 is %q", got)
			}
			if line := wantLine(t, lines, "store_resealed"); !strings.Contains(line, fmt.Sprintf("records=%d", n+len(others))) {
				t.Errorf("log says %s", line)
			}
			closeStore(t, s)

			// Now the old one may be left out.
			wantRefused(t, with(testKey), "STORAGE_ENCRYPTION_KEY does not fit")
			s = openWith(t, with(otherKey))
			for i := range n {
				if got := get(t, s, authserver.KindGrant, fmt.Sprint(i)); string(got) != "1" {
					t.Fatalf("%d is %q", i, got)
				}
			}
			for _, kind := range others {
				if got := get(t, s, kind, "c"); string(got) != "1" {
					t.Fatalf("%s is %q", kind, got)
				}
			}
			if n := s.Unopened(); n != 0 {
				t.Errorf("%d did not open", n)
			}
			closeStore(t, s)
		})
	}
}

// Two keys that open each other's records are two nodes in the middle of a
// rotation: neither is refused, whoever seals.
func TestKeyRotationOfNodes(t *testing.T) {
	t.Parallel()
	url := "redis://" + miniredis.RunT(t).Addr()
	with := func(keys ...[]byte) *store.Opened {
		return openWith(t, store.Config{URL: url, SigningKeys: [][]byte{testKey}, EncryptionKeys: keys})
	}
	before := with(testKey, otherKey) // knows the new key, and seals with the old
	after := with(otherKey, testKey)
	for i, pair := range [][2]*store.Opened{{before, after}, {after, before}} {
		id := fmt.Sprint(i)
		create(t, pair[0], authserver.KindGrant, id, id)
		if got := get(t, pair[1], authserver.KindGrant, id); string(got) != id {
			t.Errorf("%s is %q", id, got)
		}
	}
	with(testKey, otherKey) // a node with the old order starts again
}

// A record that no key opens is an error, counted, and logged but once a
// minute; it does not keep the others from being sealed anew.
func TestUnopenedRecords(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	cfg := redisConfig(m.Addr())
	s := openWith(t, cfg)
	create(t, s, authserver.KindGrant, "a", "1")
	create(t, s, authserver.KindGrant, "b", "1")
	raw := plainRedis(t, m.Addr(), nil)
	if err := raw.Update(t.Context(), authserver.KindGrant, "b", func(*authserver.Record) (*authserver.Record, error) {
		return &authserver.Record{Value: []byte(`{"user_id":"1"}`)}, nil // plaintext
	}); err != nil {
		t.Fatal(err)
	}
	cfg.EncryptionKeys = [][]byte{[]byte("a third key, that is the new one"), testKey}
	log, lines := newLog()
	cfg.Logger = log
	s = openWith(t, cfg)
	if line := wantLine(t, lines, "store_not_resealed"); !strings.Contains(line, "records=1 not_opened=1") {
		t.Errorf("log says %s", line)
	}
	for range 5 {
		if _, err := s.Get(context.Background(), authserver.KindGrant, "b"); !errors.Is(err, store.ErrSealed) || errors.Is(err, authserver.ErrNotFound) {
			t.Errorf("Get = %v", err)
		}
	}
	if n := s.Unopened(); n != 5 {
		t.Errorf("Unopened = %d, want 5", n)
	}
	wantLine(t, lines, "store_record_not_opened")
	if len(lines) != 0 {
		t.Errorf("logged again: %s", <-lines)
	}
}
