package storetest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

func listPages(t *testing.T, f *fixture) {
	const n = 1000
	want := make([]string, n)
	many(n, func(i int) {
		want[i] = fmt.Sprintf("id-%04d", i)
		if err := f.Create(context.Background(), kind, want[i], record(strconv.Itoa(i), never)); err != nil {
			t.Errorf("Create: %v", err)
		}
	})
	noErr(t, "Create", f.Create(t.Context(), authserver.KindClient, "other", record("1", never)))
	f.wantIDs(t, want...)
	entries, pages, err := f.list(t.Context(), kind)
	noErr(t, "List", err)
	if pages < 2 || pages > 20 {
		t.Errorf("%d entries came in %d pages", n, pages)
	}
	for i, e := range entries {
		if string(e.Value) != strconv.Itoa(i) {
			t.Fatalf("%s = %q", e.ID, e.Value)
		}
	}
	page, _, err := f.List(t.Context(), kind, "id-0998")
	noErr(t, "List", err)
	want998 := []authserver.Entry{{ID: "id-0999", Record: record("999", never)}}
	if diff := cmp.Diff(want998, page); diff != "" {
		t.Fatalf("List after id-0998 (-want +got):\n%s", diff)
	}
	page, next, err := f.List(t.Context(), kind, "zzz")
	if len(page) != 0 || next != "" || err != nil {
		t.Fatalf("List beyond the end = %d entries, %q, %v", len(page), next, err)
	}
}

// listBigValues: a page is bounded in bytes too.
func listBigValues(t *testing.T, f *fixture) {
	const n = 12
	racers(n, func(i int) {
		if err := f.Create(context.Background(), kind, fmt.Sprintf("%02d", i), authserver.Record{Value: big}); err != nil {
			t.Errorf("Create: %v", err)
		}
	})
	entries, pages, err := f.list(t.Context(), kind)
	noErr(t, "List", err)
	if len(entries) != n || pages < 2 {
		t.Fatalf("%d entries of 1 MiB came in %d pages", len(entries), pages)
	}
}

// listWhileWriting: what is there all the time comes exactly once.
func listWhileWriting(t *testing.T, f *fixture) {
	const n = 600
	many(n, func(i int) {
		if err := f.Create(context.Background(), kind, fmt.Sprintf("stays-%04d", i), record("1", never)); err != nil {
			t.Errorf("Create: %v", err)
		}
	})
	var stop atomic.Bool
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := 0; !stop.Load(); i = (i + 1) % n {
				id := fmt.Sprintf("stays-%04d-%d", i, w)
				if err := f.Create(context.Background(), kind, id, record("1", never)); err != nil {
					t.Errorf("Create: %v", err)
				}
				if err := f.Delete(context.Background(), kind, id); err != nil {
					t.Errorf("Delete: %v", err)
				}
				if err := f.Update(context.Background(), kind, fmt.Sprintf("stays-%04d", i), set("2", never)); err != nil {
					t.Errorf("Update: %v", err)
				}
			}
		})
	}
	for range 5 {
		seen := make(map[string]int)
		entries, _, err := f.list(t.Context(), kind)
		if err != nil {
			t.Errorf("List: %v", err)
		}
		last := ""
		for _, e := range entries {
			seen[e.ID]++
			if e.ID <= last {
				t.Errorf("%q comes after %q", e.ID, last)
			}
			last = e.ID
		}
		for i := range n {
			if id := fmt.Sprintf("stays-%04d", i); seen[id] != 1 {
				t.Errorf("%s came %d times", id, seen[id])
			}
		}
	}
	stop.Store(true)
	wg.Wait()
}

func listExpired(t *testing.T, f *fixture) {
	const n = 700
	many(n, func(i int) {
		expires := f.in(time.Minute)
		if i%350 == 0 {
			expires = never
		}
		if err := f.Create(context.Background(), kind, fmt.Sprintf("%04d", i), record("1", expires)); err != nil {
			t.Errorf("Create: %v", err)
		}
	})
	f.clock.Advance(time.Minute)
	f.wantIDs(t, "0000", "0350")
}

func raceOfTakes(t *testing.T, f *fixture) {
	f.create(t, "a", "1", f.in(time.Hour))
	var won, lost atomic.Int32
	racers(50, func(int) {
		rec, err := f.Take(context.Background(), kind, "a")
		switch {
		case err == nil && string(rec.Value) == "1":
			won.Add(1)
		case errors.Is(err, authserver.ErrNotFound):
			lost.Add(1)
		default:
			t.Errorf("Take = %q, %v", rec.Value, err)
		}
	})
	if won.Load() != 1 || lost.Load() != 49 {
		t.Fatalf("%d takers won, %d lost", won.Load(), lost.Load())
	}
	f.wantAbsent(t, "a")
}

func raceOfCreates(t *testing.T, f *fixture) {
	var won atomic.Int32
	var winner atomic.Value
	racers(50, func(i int) {
		err := f.Create(context.Background(), kind, "a", record(strconv.Itoa(i), never))
		switch {
		case err == nil:
			won.Add(1)
			winner.Store(strconv.Itoa(i))
		case !errors.Is(err, authserver.ErrExists):
			t.Errorf("Create: %v", err)
		}
	})
	if won.Load() != 1 {
		t.Fatalf("%d creates won", won.Load())
	}
	f.want(t, "a", winner.Load().(string))
}

// raceOfUpdates: every update counts, also beside updates that fail.
func raceOfUpdates(t *testing.T, f *fixture) {
	stop := errors.New("stop")
	f.create(t, "a", "0", never)
	racers(100, func(i int) {
		err := f.Update(context.Background(), kind, "a", func(old *authserver.Record) (*authserver.Record, error) {
			if i%2 == 1 {
				return nil, stop
			}
			n, err := strconv.Atoi(string(old.Value))
			rec := record(strconv.Itoa(n+1), never)
			return &rec, err
		})
		if i%2 == 1 && !errors.Is(err, stop) || i%2 == 0 && err != nil {
			t.Errorf("Update %d: %v", i, err)
		}
	})
	f.want(t, "a", "50")
}

// raceOfEverything moves one token between ids: it is never lost or doubled.
func raceOfEverything(t *testing.T, f *fixture) {
	ctx := context.Background()
	f.create(t, "0", "token", never)
	var moves atomic.Int32
	racers(8, func(w int) {
		for i := 0; i < 2000 && moves.Load() < 50; i++ {
			rec, err := f.Take(ctx, kind, strconv.Itoa((w+i)%4))
			if errors.Is(err, authserver.ErrNotFound) {
				continue
			}
			if err != nil {
				t.Errorf("Take: %v", err)
				return
			}
			moves.Add(1)
			if err := f.Create(ctx, kind, strconv.Itoa((w+2*i+1)%4), rec); err != nil {
				t.Errorf("Create: %v", err)
				return
			}
		}
	})
	entries, _, err := f.list(ctx, kind)
	noErr(t, "List", err)
	if len(entries) != 1 || string(entries[0].Value) != "token" {
		t.Fatalf("after %d moves there are %d tokens", moves.Load(), len(entries))
	}
}

func raceOfIncr(t *testing.T, f *fixture) {
	var seen sync.Map
	racers(50, func(int) {
		n, err := f.Incr(context.Background(), "a", time.Minute)
		if err != nil {
			t.Errorf("Incr: %v", err)
		}
		if _, twice := seen.LoadOrStore(n, true); twice {
			t.Errorf("two callers counted %d", n)
		}
	})
	if n, err := f.Incr(t.Context(), "a", time.Minute); n != 51 || err != nil {
		t.Fatalf("Incr = %d, %v; want 51", n, err)
	}
}
