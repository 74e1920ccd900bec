package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
	"github.com/mcpdiscord/mcpdiscord/internal/store/storetest"
)

func TestBolt(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, now func() time.Time) authserver.Store {
		return bolt(t, filepath.Join(t.TempDir(), "store.db"), now)
	})
}

func TestBoltSealed(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, now func() time.Time) authserver.Store {
		return seal(t, bolt(t, filepath.Join(t.TempDir(), "store.db"), now), testKey)
	})
}

// bolt opens a store that the test closes, at the latest at its end.
func bolt(t *testing.T, path string, now func() time.Time) authserver.Store {
	t.Helper()
	s, err := store.Bolt(path, now)
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

func closeStore(t *testing.T, s authserver.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// fill creates n records at once.
func fill(t *testing.T, s authserver.Store, prefix string, n int, expires time.Time) {
	t.Helper()
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			id := fmt.Sprintf("%s%04d", prefix, i)
			rec := authserver.Record{Value: []byte(strings.Repeat(id, 200)), Expires: expires}
			if err := s.Create(context.Background(), authserver.KindGrant, id, rec); err != nil {
				t.Errorf("Create: %v", err)
			}
		})
	}
	wg.Wait()
}

// list returns every record of a kind.
func list(t *testing.T, s authserver.Store, kind authserver.Kind) map[string]authserver.Record {
	t.Helper()
	all := make(map[string]authserver.Record)
	for cursor := ""; ; {
		page, next, err := s.List(t.Context(), kind, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			all[e.ID] = e.Record
		}
		if cursor = next; cursor == "" {
			return all
		}
	}
}

// wantFilled reads what fill has written.
func wantFilled(t *testing.T, s authserver.Store, prefix string, n int) {
	t.Helper()
	all := list(t, s, authserver.KindGrant)
	for i := range n {
		id := fmt.Sprintf("%s%04d", prefix, i)
		if string(all[id].Value) != strings.Repeat(id, 200) {
			t.Fatalf("record %s is %.20q", id, all[id].Value)
		}
	}
	if len(all) != n {
		t.Fatalf("store has %d records, want %d", len(all), n)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

func TestBoltRestart(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	path := filepath.Join(t.TempDir(), "deep", "er", "store.db")
	s := bolt(t, path, clock.Now)
	fill(t, s, "stays", 300, clock.Now().Add(time.Hour))
	fill(t, s, "goes", 300, clock.Now().Add(time.Minute))
	closeStore(t, s)

	clock.Advance(time.Minute)
	s = bolt(t, path, clock.Now)
	wantFilled(t, s, "stays", 300)
	for id, rec := range list(t, s, authserver.KindGrant) {
		if !rec.Expires.Equal(clock.Now().Add(59 * time.Minute)) {
			t.Fatalf("%s expires at %v", id, rec.Expires)
		}
	}
	closeStore(t, s)
	if records, index := counts(t, path); records != 300 || index != 300 {
		t.Errorf("file has %d records and %d expiries, want 300 of each", records, index)
	}
	for _, name := range []string{path, filepath.Dir(path)} {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 && filepath.Separator == '/' {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
	}
}

// counts looks into the file: how many records it has, and how many entries
// its index of expiries.
func counts(t *testing.T, path string) (records, index int) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.View(func(tx *bbolt.Tx) error {
		for err := range tx.Check() {
			t.Errorf("file is damaged: %v", err)
		}
		records = tx.Bucket([]byte("records")).Stats().KeyN
		index = tx.Bucket([]byte("expiry")).Stats().KeyN
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return records, index
}

// Expired records leave the file in the course of other writes.
func TestBoltForgetsExpired(t *testing.T) {
	t.Parallel()
	clock := storetest.NewClock()
	path := filepath.Join(t.TempDir(), "store.db")
	s := bolt(t, path, clock.Now)
	fill(t, s, "goes", 160, clock.Now().Add(time.Minute))
	clock.Advance(time.Minute)
	for i := range 10 {
		create(t, s, authserver.KindClient, strconv.Itoa(i), "1")
	}
	// An index entry lives as long as its record has that expiry.
	for i := range 10 {
		if err := s.Update(t.Context(), authserver.KindClient, strconv.Itoa(i%5), func(old *authserver.Record) (*authserver.Record, error) {
			old.Expires = clock.Now().Add(time.Duration(i+1) * time.Hour)
			return old, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Delete(t.Context(), authserver.KindClient, "0"); err != nil {
		t.Fatal(err)
	}
	if err := s.Update(t.Context(), authserver.KindClient, "1", func(old *authserver.Record) (*authserver.Record, error) {
		return &authserver.Record{Value: old.Value}, nil
	}); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if records, index := counts(t, path); records != 9 || index != 3 {
		t.Errorf("file has %d records and %d expiries, want 9 and 3", records, index)
	}
}

// What changes nothing writes nothing: a stranger with a wrong code costs no
// fsync.
func TestBoltNoChangeNoWrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := bolt(t, path, nil)
	create(t, s, authserver.KindCode, "a", "1")
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	if _, err := s.Take(ctx, authserver.KindCode, "wrong"); !errors.Is(err, authserver.ErrNotFound) {
		t.Fatal(err)
	}
	if err := s.Delete(ctx, authserver.KindCode, "wrong"); err != nil {
		t.Fatal(err)
	}
	if err := s.Create(ctx, authserver.KindCode, "a", authserver.Record{}); !errors.Is(err, authserver.ErrExists) {
		t.Fatal(err)
	}
	if _, err := s.Incr(ctx, "stranger", time.Minute); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Error("the file has changed")
	}
}

func TestBoltSecondOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	s := bolt(t, path, nil)
	create(t, s, authserver.KindGrant, "a", "1")
	_, err := store.Bolt(path, nil)
	var refused *store.Error
	if !errors.As(err, &refused) || !strings.Contains(refused.Message, "in use by another process") || refused.Hint == "" {
		t.Fatalf("second open = %v, want that the store is in use", err)
	}
	if got := get(t, s, authserver.KindGrant, "a"); string(got) != "1" {
		t.Fatalf("the first has %q", got)
	}
	create(t, s, authserver.KindGrant, "b", "1")
	closeStore(t, s)
	s = bolt(t, path, nil)
	if got := get(t, s, authserver.KindGrant, "b"); string(got) != "1" {
		t.Fatalf("b is %q", got)
	}
}

// A killed process loses nothing that it has acknowledged.
func TestBoltKilledWhileWriting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	created, counted := make(map[string]bool), 0
	for round := range 4 {
		cmd, out := child(t, "write", path)
		for n := 0; out.Scan(); n++ {
			if n == 150+37*round {
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			what, value, _ := strings.Cut(out.Text(), " ")
			switch what {
			case "created":
				created[value] = true
			case "counted":
				counted, _ = strconv.Atoi(value)
			default:
				t.Fatalf("child says %q", out.Text())
			}
		}
		if err := cmd.Wait(); err == nil {
			t.Fatal("child was not killed")
		}
		s := bolt(t, path, nil)
		all := list(t, s, authserver.KindGrant)
		for id := range created {
			if string(all[id].Value) != strings.Repeat(id, 20) {
				t.Errorf("acknowledged record %s is %.20q", id, all[id].Value)
			}
		}
		if n, _ := strconv.Atoi(string(get(t, s, authserver.KindMeta, "count"))); n < counted {
			t.Errorf("count is %d, acknowledged was %d", n, counted)
		}
		closeStore(t, s)
		records, index := counts(t, path)
		if records != index+1 { // all but the count expire
			t.Errorf("file has %d records and %d expiries", records, index)
		}
	}
	if len(created) < 100 || counted == 0 {
		t.Fatalf("only %d records were created and %d counted", len(created), counted)
	}
}
