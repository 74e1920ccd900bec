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
	closeStore(t, s)
	if records, index := counts(t, path); records != 10 || index != 0 {
		t.Errorf("file has %d records and %d expiries, want 10 and 0", records, index)
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

// hollow makes a store of 2 MB at path that is mostly empty and holds 100
// records.
func hollow(t *testing.T, path string) {
	t.Helper()
	clock := storetest.NewClock()
	s := bolt(t, path, clock.Now)
	fill(t, s, "goes", 1500, clock.Now().Add(time.Minute))
	fill(t, s, "stays", 100, time.Time{})
	closeStore(t, s)
	if size(t, path) < 2<<20 {
		t.Fatalf("file has only %d bytes", size(t, path))
	}
}

func TestBoltCompacts(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	hollow(t, path)
	before := size(t, path)
	clock := storetest.NewClock()

	s := bolt(t, path, clock.Now) // nothing has expired: it stays
	closeStore(t, s)
	if got := size(t, path); got != before {
		t.Errorf("file has %d bytes, want %d as before", got, before)
	}

	clock.Advance(time.Hour)
	s = bolt(t, path, clock.Now)
	wantFilled(t, s, "stays", 100)
	if got := size(t, path); got > before/4 {
		t.Errorf("file has %d bytes, before it had %d", got, before)
	}
	fill(t, s, "also", 10, clock.Now().Add(time.Hour))
	if _, err := store.Bolt(path, nil); err == nil {
		t.Error("a compacted store opens twice")
	}
	closeStore(t, s)
	if records, index := counts(t, path); records != 110 || index != 10 {
		t.Errorf("file has %d records and %d expiries, want 110 and 10", records, index)
	}
	if left, err := filepath.Glob(path + ".*"); len(left) > 0 || err != nil {
		t.Errorf("files are left: %v, %v", left, err)
	}
}

// What a crash leaves of a compaction is never taken for the store.
func TestBoltTornCompaction(t *testing.T) {
	t.Parallel()
	for _, leftover := range []string{"", "torn", strings.Repeat("\x00", 1<<20)} {
		path := filepath.Join(t.TempDir(), "store.db")
		hollow(t, path)
		if err := os.WriteFile(path+".compact", []byte(leftover), 0o600); err != nil {
			t.Fatal(err)
		}
		clock := storetest.NewClock()
		clock.Advance(time.Hour)
		s := bolt(t, path, clock.Now)
		wantFilled(t, s, "stays", 100)
		if _, err := os.Stat(path + ".compact"); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("leftover of %d bytes is still there: %v", len(leftover), err)
		}
	}
}

// A store that cannot be compacted is used as it is.
func TestBoltCannotCompact(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	hollow(t, path)
	if err := os.MkdirAll(filepath.Join(path+".compact", "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	before := size(t, path)
	clock := storetest.NewClock()
	clock.Advance(time.Hour)
	s := bolt(t, path, clock.Now)
	wantFilled(t, s, "stays", 100)
	if got := size(t, path); got != before {
		t.Errorf("file has %d bytes, want %d as before", got, before)
	}
	create(t, s, authserver.KindClient, "a", "1")
}

// A process that is killed while it compacts leaves the old store or the new
// one, whole.
func TestBoltKilledWhileCompacting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hollow(t, filepath.Join(dir, "template"))
	template, err := os.ReadFile(filepath.Join(dir, "template"))
	if err != nil {
		t.Fatal(err)
	}
	clock := storetest.NewClock()
	clock.Advance(time.Hour)
	var took time.Duration // of a compaction that nobody disturbs
	var old, compacted int
	const rounds = 16
	for round := range rounds + 1 {
		path := filepath.Join(dir, fmt.Sprintf("store%d.db", round))
		if err := os.WriteFile(path, template, 0o600); err != nil {
			t.Fatal(err)
		}
		cmd, out := child(t, "compact", path)
		out.Scan() // opening
		start := time.Now()
		timer := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		if round > 0 {
			timer.Reset(2 * took * time.Duration(round) / rounds)
		}
		out.Scan() // opened, or killed
		if round == 0 {
			took = time.Since(start)
		}
		_ = cmd.Wait()
		timer.Stop()
		if size(t, path) == int64(len(template)) {
			old++
		} else {
			compacted++
		}
		s := bolt(t, path, clock.Now)
		wantFilled(t, s, "stays", 100)
		closeStore(t, s)
		counts(t, path)
	}
	t.Logf("%v: ended before the rename %d times, after it %d times", took, old, compacted)
	if compacted == 0 {
		t.Error("even the child that nobody killed did not compact")
	}
}
