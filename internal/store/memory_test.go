package store_test

import (
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
	"github.com/mcpdiscord/mcpdiscord/internal/store/storetest"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(_ *testing.T, now func() time.Time) authserver.Store {
		return store.Memory(now)
	})
}

// What expired leaves without being asked for, counters too. The test is not
// parallel: it measures the heap.
func TestMemoryForgets(t *testing.T) {
	clock := storetest.NewClock()
	s := store.Memory(clock.Now)
	ctx := t.Context()
	before := heap()
	for i := range 40_000 {
		rec := authserver.Record{Value: make([]byte, 1<<10), Expires: clock.Now().Add(time.Minute)}
		if err := s.Create(ctx, authserver.KindCode, strconv.Itoa(i), rec); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Incr(ctx, strconv.Itoa(i), time.Minute); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Second)
	}
	if grown := heap() - before; grown > 2<<20 {
		t.Errorf("the heap has grown by %d KiB", grown>>10)
	}
	closeStore(t, s)
}

// A record that was the first to go and then stays does not keep the others.
func TestMemoryForgetsBehindExtended(t *testing.T) {
	clock := storetest.NewClock()
	s := store.Memory(clock.Now)
	ctx := t.Context()
	put := func(id string, size int, expires time.Time) {
		t.Helper()
		if err := s.Update(ctx, authserver.KindCode, id, func(*authserver.Record) (*authserver.Record, error) {
			return &authserver.Record{Value: make([]byte, size), Expires: expires}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	before := heap()
	put("extended", 1, clock.Now().Add(time.Second))
	for i := range 40 {
		put(strconv.Itoa(i), 100<<10, clock.Now().Add(time.Minute))
	}
	put("extended", 1, clock.Now().Add(time.Hour))
	clock.Advance(time.Minute)
	for range 10 {
		put("other", 1, time.Time{})
	}
	if grown := heap() - before; grown > 1<<20 {
		t.Errorf("the heap has grown by %d KiB", grown>>10)
	}
	closeStore(t, s)
}

// However many keys strangers count under at once, the windows are bounded:
// that which ends first goes.
func TestIncrBounded(t *testing.T) {
	clock := storetest.NewClock()
	s := store.Memory(clock.Now)
	ctx := t.Context()
	incr := func(key string) int64 {
		n, err := s.Incr(ctx, key, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	incr("first")
	clock.Advance(time.Second)
	incr("second")
	clock.Advance(time.Second)
	for i := range 1<<18 - 1 {
		incr(strconv.Itoa(i))
	}
	if n := incr("second"); n != 2 {
		t.Errorf("the second window counts %d, want 2", n)
	}
	if n := incr("first"); n != 1 {
		t.Errorf("the first window counts %d: none was dropped", n)
	}
	closeStore(t, s)
}

func heap() int64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int64(stats.HeapAlloc)
}
