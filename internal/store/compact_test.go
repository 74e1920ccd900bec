package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
	"github.com/mcpdiscord/mcpdiscord/internal/store/storetest"
)

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
		before := size(t, path)
		clock := storetest.NewClock()
		clock.Advance(time.Hour)
		s := bolt(t, path, clock.Now)
		wantFilled(t, s, "stays", 100)
		if size(t, path) == before {
			t.Errorf("leftover of %d bytes keeps the store from being compacted", len(leftover))
		}
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

// Who waits for a store that is being compacted gets the new file, not the one
// that it has replaced.
func TestBoltRaceWithCompaction(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "store.db")
	hollow(t, path)
	before := size(t, path)
	clock := storetest.NewClock()
	clock.Advance(time.Hour)
	// Whoever reads the file keeps all of them waiting for the lock.
	reader, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	const racers = 8
	var wg sync.WaitGroup
	var acknowledged sync.Map
	for i := range racers {
		wg.Go(func() {
			id := fmt.Sprintf("racer%d", i)
			s, err := store.Bolt(path, clock.Now)
			for deadline := time.Now().Add(time.Minute); err != nil && time.Now().Before(deadline); {
				s, err = store.Bolt(path, clock.Now) // in use: wait again
			}
			if err != nil {
				t.Errorf("Bolt: %v", err)
				return
			}
			if err := s.Create(context.Background(), authserver.KindClient, id, authserver.Record{}); err != nil {
				t.Errorf("Create: %v", err)
			}
			acknowledged.Store(id, true)
			if err := s.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	for waiting(t.Name(), "bbolt.flock") < racers {
		runtime.Gosched()
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	s := bolt(t, path, clock.Now)
	if size(t, path) >= before {
		t.Error("the store was not compacted")
	}
	wantFilled(t, s, "stays", 100)
	all := list(t, s, authserver.KindClient)
	acknowledged.Range(func(id, _ any) bool {
		if _, ok := all[id.(string)]; !ok {
			t.Errorf("%s is lost", id)
		}
		return true
	})
}

// waiting counts the goroutines that are in both functions.
func waiting(outer, inner string) (n int) {
	buf := make([]byte, 1<<20)
	for stack := range strings.SplitSeq(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		if strings.Contains(stack, outer) && strings.Contains(stack, inner) && strings.Contains(stack, "lockDB(") && !strings.Contains(stack, "inspect(") {
			n++
		}
	}
	return n
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
