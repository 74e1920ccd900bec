// Package storetest holds what every authserver.Store must do.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// Run holds a backend to the law of [authserver.Store]. open returns an empty
// store whose clock is now; Run closes it.
func Run(t *testing.T, open func(t *testing.T, now func() time.Time) authserver.Store) {
	t.Helper()
	for _, law := range []struct {
		name string
		test func(*testing.T, *fixture)
	}{
		{"absent", absent},
		{"create get take delete", createGetTakeDelete},
		{"kinds are apart", kindsAreApart},
		{"odd ids", oddIDs},
		{"odd values", oddValues},
		{"too long", tooLong},
		{"copies are copies", copies},
		{"expires round trip", expiresRoundTrip},
		{"update", update},
		{"update that fails", updateThatFails},
		{"update that panics", updateThatPanics},
		{"expiry", expiry},
		{"expiry changes", expiryChanges},
		{"list pages", listPages},
		{"list big values", listBigValues},
		{"list while writing", listWhileWriting},
		{"list leaves out what expired", listExpired},
		{"incr windows", incrWindows},
		{"race of takes", raceOfTakes},
		{"race of creates", raceOfCreates},
		{"race of updates", raceOfUpdates},
		{"race of everything", raceOfEverything},
		{"race of incr", raceOfIncr},
		{"watch", watch},
		{"watch ends", watchEnds},
		{"watch ends with the store", watchEndsWithStore},
		{"canceled context", canceledContext},
		{"closed", closed},
	} {
		t.Run(law.name, func(t *testing.T) {
			t.Parallel()
			clock := NewClock()
			s := open(t, clock.Now)
			f := &fixture{Store: s, clock: clock}
			t.Cleanup(func() {
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
			law.test(t, f)
		})
	}
}

// Clock is a clock that moves when it is told to.
type Clock struct {
	mu sync.Mutex
	at time.Time
}

// NewClock returns a clock that stands.
func NewClock() *Clock {
	return &Clock{at: time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)}
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// kind is the kind of records that most tests use.
const kind = authserver.KindGrant

type fixture struct {
	authserver.Store
	clock *Clock
	marks int // that watches have waited for
}

// in is a time as seen from the fixture's clock.
func (f *fixture) in(d time.Duration) time.Time { return f.clock.Now().Add(d) }

func (f *fixture) create(t *testing.T, id, value string, expires time.Time) {
	t.Helper()
	if err := f.Create(t.Context(), kind, id, record(value, expires)); err != nil {
		t.Fatalf("Create(%.40q): %v", id, err)
	}
}

func (f *fixture) want(t *testing.T, id, value string) {
	t.Helper()
	rec, err := f.Get(t.Context(), kind, id)
	if err != nil {
		t.Fatalf("Get(%.40q): %v", id, err)
	}
	if string(rec.Value) != value {
		t.Fatalf("Get(%.40q) = %.40q, want %.40q", id, rec.Value, value)
	}
}

func (f *fixture) wantAbsent(t *testing.T, id string) {
	t.Helper()
	if rec, err := f.Get(t.Context(), kind, id); !errors.Is(err, authserver.ErrNotFound) {
		t.Fatalf("Get(%.40q) = %.40q, %v; want ErrNotFound", id, rec.Value, err)
	}
}

// list reads every page.
func (f *fixture) list(ctx context.Context, k authserver.Kind) (entries []authserver.Entry, pages int, err error) {
	cursor := ""
	for {
		page, next, err := f.List(ctx, k, cursor)
		if err != nil {
			return nil, pages, err
		}
		entries = append(entries, page...)
		pages++
		if next == "" {
			return entries, pages, nil
		}
		if next == cursor {
			return nil, pages, fmt.Errorf("cursor %.40q does not move", cursor)
		}
		cursor = next
	}
}

func (f *fixture) wantIDs(t *testing.T, ids ...string) {
	t.Helper()
	entries, _, err := f.list(t.Context(), kind)
	if err != nil {
		t.Fatalf("List: %v", err)
	}
	got := []string{}
	for _, e := range entries {
		got = append(got, e.ID)
	}
	if diff := cmp.Diff(append([]string{}, ids...), got); diff != "" {
		t.Fatalf("List (-want +got):\n%s", diff)
	}
}

func record(value string, expires time.Time) authserver.Record {
	return authserver.Record{Value: []byte(value), Expires: expires}
}

// set is the updater that stores value, whatever there is.
func set(value string, expires time.Time) func(*authserver.Record) (*authserver.Record, error) {
	return func(*authserver.Record) (*authserver.Record, error) {
		rec := record(value, expires)
		return &rec, nil
	}
}

var never time.Time

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s = %v, want %v", what, err, want)
	}
}

func noErr(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// racers runs f n times at once and waits.
func racers(n int, f func(i int)) {
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		wg.Go(func() {
			<-start
			f(i)
		})
	}
	close(start)
	wg.Wait()
}

// many runs f n times, some of them at once, so that a durable store may share its
// syncs. All at once would wait for a connection of Redis' pool, not for the store.
func many(n int, f func(i int)) {
	const writers = 32
	racers(writers, func(from int) {
		for i := from; i < n; i += writers {
			f(i)
		}
	})
}

var big = bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
