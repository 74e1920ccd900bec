package storetest

import (
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

func expiresRoundTrip(t *testing.T, f *fixture) {
	zone := time.FixedZone("somewhere", 3*3600)
	times := map[string]time.Time{
		"never": never,
		"soon":  f.in(time.Minute),
		"nanos": f.in(1234567891 * time.Nanosecond),
		"zoned": f.in(time.Hour).In(zone),
		"2150":  time.Date(2150, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for id, at := range times {
		f.create(t, id, "1", at)
		rec, err := f.Get(t.Context(), kind, id)
		noErr(t, "Get", err)
		if !rec.Expires.Equal(at) || rec.Expires.IsZero() != at.IsZero() {
			t.Fatalf("%s: expires %v, want %v", id, rec.Expires, at)
		}
		noErr(t, "Update", f.Update(t.Context(), kind, id, func(old *authserver.Record) (*authserver.Record, error) {
			if !old.Expires.Equal(at) {
				t.Errorf("%s: Update sees %v, want %v", id, old.Expires, at)
			}
			return old, nil
		}))
	}
	entries, _, err := f.list(t.Context(), kind)
	noErr(t, "List", err)
	for _, e := range entries {
		if !e.Expires.Equal(times[e.ID]) {
			t.Fatalf("List: %s expires %v, want %v", e.ID, e.Expires, times[e.ID])
		}
	}
	for id, at := range times {
		rec, err := f.Take(t.Context(), kind, id)
		noErr(t, "Take", err)
		if !rec.Expires.Equal(at) {
			t.Fatalf("Take: %s expires %v, want %v", id, rec.Expires, at)
		}
	}
}

func expiry(t *testing.T, f *fixture) {
	ctx := t.Context()
	f.create(t, "get", "1", f.in(time.Minute))
	f.create(t, "take", "1", f.in(time.Minute))
	f.create(t, "create", "1", f.in(time.Minute))
	f.create(t, "update", "1", f.in(time.Minute))
	f.create(t, "stays", "1", f.in(time.Hour))
	f.create(t, "never", "1", never)

	f.clock.Advance(time.Minute - time.Nanosecond)
	f.wantIDs(t, "create", "get", "never", "stays", "take", "update")
	f.want(t, "get", "1")

	f.clock.Advance(time.Nanosecond)
	f.wantAbsent(t, "get")
	_, err := f.Take(ctx, kind, "take")
	wantErr(t, "Take", err, authserver.ErrNotFound)
	f.create(t, "create", "2", never)
	noErr(t, "Update", f.Update(ctx, kind, "update", func(old *authserver.Record) (*authserver.Record, error) {
		if old != nil {
			t.Errorf("Update sees an expired record")
		}
		rec := record("2", never)
		return &rec, nil
	}))
	noErr(t, "Delete", f.Delete(ctx, kind, "get"))
	f.wantIDs(t, "create", "never", "stays", "update")

	f.create(t, "stillborn", "1", f.in(-time.Second))
	f.wantAbsent(t, "stillborn")

	f.clock.Advance(100 * 365 * 24 * time.Hour)
	f.wantIDs(t, "create", "never", "update")
	f.want(t, "create", "2")
	f.want(t, "update", "2")
}

// expiryChanges: the last expiry counts, and no earlier one takes the record.
func expiryChanges(t *testing.T, f *fixture) {
	ctx := t.Context()
	steps := []struct {
		id    string
		first time.Time
		then  time.Time
	}{
		{"longer", f.in(time.Minute), f.in(time.Hour)},
		{"never", f.in(time.Minute), never},
		{"shorter", f.in(time.Hour), f.in(time.Minute)},
		{"sometime", never, f.in(time.Minute)},
		{"again", f.in(time.Minute), f.in(-time.Minute)},
	}
	for _, s := range steps {
		f.create(t, s.id, "1", s.first)
	}
	for _, s := range steps {
		noErr(t, "Update", f.Update(ctx, kind, s.id, set("2", s.then)))
	}
	f.create(t, "again", "3", never)
	_, err := f.Take(ctx, kind, "again")
	noErr(t, "Take", err)
	f.create(t, "again", "4", never)
	f.clock.Advance(2 * time.Minute)
	for range 10 { // writes sweep
		noErr(t, "Update", f.Update(ctx, kind, "x", set("x", never)))
	}
	f.wantIDs(t, "again", "longer", "never", "x")
	f.want(t, "longer", "2")
	f.want(t, "never", "2")
	f.want(t, "again", "4")
}

func incrWindows(t *testing.T, f *fixture) {
	ctx := t.Context()
	incr := func(key string, want int64) {
		t.Helper()
		n, err := f.Incr(ctx, key, time.Minute)
		noErr(t, "Incr", err)
		if n != want {
			t.Fatalf("Incr(%q) = %d, want %d", key, n, want)
		}
	}
	incr("a", 1)
	f.clock.Advance(30 * time.Second)
	incr("a", 2)
	incr("b", 1)
	f.clock.Advance(30*time.Second - 1)
	incr("a", 3)
	f.clock.Advance(1) // the window of a is over, although its last event is new
	incr("a", 1)
	incr("b", 2)
	f.wantIDs(t) // a count is no record
	f.wantAbsent(t, "a")
	f.create(t, "a", "1", never)
	incr("a", 2)
	f.want(t, "a", "1")
}
