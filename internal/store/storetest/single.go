package storetest

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

func absent(t *testing.T, f *fixture) {
	ctx := t.Context()
	f.wantAbsent(t, "a")
	_, err := f.Take(ctx, kind, "a")
	wantErr(t, "Take", err, authserver.ErrNotFound)
	noErr(t, "Delete", f.Delete(ctx, kind, "a"))
	noErr(t, "Update", f.Update(ctx, kind, "a", func(old *authserver.Record) (*authserver.Record, error) {
		if old != nil {
			t.Errorf("Update sees %q where nothing is", old.Value)
		}
		return nil, nil
	}))
	f.wantAbsent(t, "a")
	f.wantIDs(t)
}

func createGetTakeDelete(t *testing.T, f *fixture) {
	ctx := t.Context()
	f.create(t, "a", "1", never)
	f.want(t, "a", "1")
	f.want(t, "a", "1")
	wantErr(t, "Create again", f.Create(ctx, kind, "a", record("2", never)), authserver.ErrExists)
	f.want(t, "a", "1")

	rec, err := f.Take(ctx, kind, "a")
	noErr(t, "Take", err)
	if string(rec.Value) != "1" {
		t.Fatalf("Take = %q, want 1", rec.Value)
	}
	f.wantAbsent(t, "a")
	rec, err = f.Take(ctx, kind, "a")
	wantErr(t, "Take again", err, authserver.ErrNotFound)
	if rec.Value != nil {
		t.Fatalf("Take again also returned %q", rec.Value)
	}

	f.create(t, "a", "3", never)
	noErr(t, "Delete", f.Delete(ctx, kind, "a"))
	f.wantAbsent(t, "a")
	f.wantIDs(t)
}

func kindsAreApart(t *testing.T, f *fixture) {
	ctx := t.Context()
	kinds := []authserver.Kind{
		authserver.KindMeta, authserver.KindClient, authserver.KindAuthorization,
		authserver.KindCode, authserver.KindGrant, authserver.KindUpstream,
	}
	for _, k := range kinds {
		noErr(t, "Create", f.Create(ctx, k, "a", record(string(k), never)))
	}
	for _, k := range kinds {
		entries, _, err := f.list(ctx, k)
		noErr(t, "List", err)
		want := []authserver.Entry{{ID: "a", Record: record(string(k), never)}}
		if diff := cmp.Diff(want, entries); diff != "" {
			t.Fatalf("List of %s (-want +got):\n%s", k, diff)
		}
	}
	noErr(t, "Delete", f.Delete(ctx, authserver.KindCode, "a"))
	f.want(t, "a", string(kind))
}

func oddIDs(t *testing.T, f *fixture) {
	ids := []string{
		"\x00", "\x00\x00a", " ", "..", "../../etc/passwd", "/", "a", "a\x00", "a\x00b", "a/b", "aa",
		"grant\x00a", "https://example.com/client.json?x=1#y", "{a}", "a*", "\xff\xfe", "ünïcødé", "鍵", "🔑",
		strings.Repeat("long", 1<<10), strings.Repeat("long", 1<<10) + "er",
	}
	slices.Sort(ids)
	for _, id := range ids {
		f.create(t, id, "value of "+id, f.in(time.Hour))
	}
	for _, id := range ids {
		f.want(t, id, "value of "+id)
		wantErr(t, "Create", f.Create(t.Context(), kind, id, record("", never)), authserver.ErrExists)
	}
	f.wantIDs(t, ids...)
	for i, id := range ids {
		rec, err := f.Take(t.Context(), kind, id)
		noErr(t, "Take", err)
		if string(rec.Value) != "value of "+id {
			t.Fatalf("Take(%.40q) = %.40q", id, rec.Value)
		}
		f.wantIDs(t, ids[i+1:]...)
	}
}

func oddValues(t *testing.T, f *fixture) {
	values := map[string]string{"empty": "", "nul": "\x00", "binary": "\xff\x00\xfe", "big": string(big)}
	for id, value := range values {
		f.create(t, id, value, never)
		f.want(t, id, value)
		noErr(t, "Update", f.Update(t.Context(), kind, id, func(old *authserver.Record) (*authserver.Record, error) {
			if old == nil {
				return nil, errors.New("nothing there")
			}
			return &authserver.Record{Value: append(old.Value, '.')}, nil
		}))
		f.want(t, id, value+".")
	}
	noErr(t, "Create of nil", f.Create(t.Context(), kind, "nil", authserver.Record{}))
	f.want(t, "nil", "")
	entries, _, err := f.list(t.Context(), kind)
	noErr(t, "List", err)
	for _, e := range entries {
		if e.ID != "nil" && string(e.Value) != values[e.ID]+"." {
			t.Fatalf("List: %q = %.40q", e.ID, e.Value)
		}
	}
	if len(entries) != len(values)+1 {
		t.Fatalf("List has %d entries, want %d", len(entries), len(values)+1)
	}
}

// tooLong: what a backend cannot keep it refuses, and goes on.
func tooLong(t *testing.T, f *fixture) {
	ctx := t.Context()
	id := strings.Repeat("x", 1<<17)
	if err := f.Create(ctx, kind, id, record("1", never)); err == nil {
		t.Fatal("Create took an id of 128 KiB")
	}
	if err := f.Update(ctx, kind, id, set("1", never)); err == nil {
		t.Fatal("Update took an id of 128 KiB")
	}
	if err := f.Create(ctx, kind, "a", authserver.Record{Value: make([]byte, 17<<20)}); err == nil {
		t.Fatal("Create took a value of 17 MiB")
	}
	f.wantAbsent(t, id)
	f.wantAbsent(t, "a")
	f.create(t, "a", "1", never)
	f.want(t, "a", "1")
}

func copies(t *testing.T, f *fixture) {
	ctx := t.Context()
	f.create(t, "filler", string(big), never) // bbolt copies what is in small buckets
	in := record("abc", never)
	noErr(t, "Create", f.Create(ctx, kind, "a", in))
	in.Value[0] = 'X'
	f.want(t, "a", "abc")

	out, err := f.Get(ctx, kind, "a")
	noErr(t, "Get", err)
	out.Value[0] = 'X'
	f.want(t, "a", "abc")

	page, _, err := f.List(ctx, kind, "")
	noErr(t, "List", err)
	page[0].Value[0] = 'X'
	f.want(t, "a", "abc")

	// An updater may scribble on what it gets; an error undoes that too.
	stop := errors.New("stop")
	wantErr(t, "Update", f.Update(ctx, kind, "a", func(old *authserver.Record) (*authserver.Record, error) {
		old.Value[0] = 'X'
		return old, stop
	}), stop)
	f.want(t, "a", "abc")

	var kept *authserver.Record
	noErr(t, "Update", f.Update(ctx, kind, "a", func(old *authserver.Record) (*authserver.Record, error) {
		old.Value[2] = 'd'
		kept = old
		return old, nil
	}))
	kept.Value[0] = 'X'
	f.want(t, "a", "abd")
}

func update(t *testing.T, f *fixture) {
	ctx := t.Context()
	noErr(t, "Update", f.Update(ctx, kind, "a", set("1", never)))
	f.want(t, "a", "1")
	var seen string
	noErr(t, "Update", f.Update(ctx, kind, "a", func(old *authserver.Record) (*authserver.Record, error) {
		seen = string(old.Value)
		rec := record(seen+"2", never)
		return &rec, nil
	}))
	if seen != "1" {
		t.Fatalf("Update saw %q, want 1", seen)
	}
	f.want(t, "a", "12")
	noErr(t, "Update to nil", f.Update(ctx, kind, "a", func(*authserver.Record) (*authserver.Record, error) { return nil, nil }))
	f.wantAbsent(t, "a")
	f.wantIDs(t)
}

func updateThatFails(t *testing.T, f *fixture) {
	ctx := t.Context()
	stop := errors.New("stop")
	fail := func(*authserver.Record) (*authserver.Record, error) {
		rec := record("changed", never)
		return &rec, stop
	}
	if err := f.Update(ctx, kind, "a", fail); err != stop { //nolint:errorlint // as it is
		t.Fatalf("Update = %v, want the updater's error as it is", err)
	}
	f.wantAbsent(t, "a")
	f.create(t, "a", "1", never)
	if err := f.Update(ctx, kind, "a", fail); err != stop { //nolint:errorlint // as it is
		t.Fatalf("Update = %v, want the updater's error as it is", err)
	}
	f.want(t, "a", "1")
}

// updateThatPanics: the panic is the caller's; the store goes on.
func updateThatPanics(t *testing.T, f *fixture) {
	f.create(t, "a", "1", never)
	racers(8, func(i int) {
		defer func() {
			if r := recover(); (r == "boom") != (i%2 == 0) {
				t.Errorf("caller %d recovered %v", i, r)
			}
		}()
		err := f.Update(context.Background(), kind, "a", func(old *authserver.Record) (*authserver.Record, error) {
			if i%2 == 0 {
				panic("boom")
			}
			return old, nil
		})
		if err != nil {
			t.Errorf("caller %d: %v", i, err)
		}
	})
	f.want(t, "a", "1")
	noErr(t, "Update", f.Update(t.Context(), kind, "a", set("2", never)))
	f.want(t, "a", "2")
}

func canceledContext(t *testing.T, f *fixture) {
	f.create(t, "a", "1", never)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := f.Get(ctx, kind, "a")
	wantErr(t, "Get", err, context.Canceled)
	wantErr(t, "Create", f.Create(ctx, kind, "b", record("1", never)), context.Canceled)
	wantErr(t, "Update", f.Update(ctx, kind, "a", set("2", never)), context.Canceled)
	_, err = f.Take(ctx, kind, "a")
	wantErr(t, "Take", err, context.Canceled)
	wantErr(t, "Delete", f.Delete(ctx, kind, "a"), context.Canceled)
	_, _, err = f.List(ctx, kind, "")
	wantErr(t, "List", err, context.Canceled)
	_, err = f.Incr(ctx, "a", time.Minute)
	wantErr(t, "Incr", err, context.Canceled)
	wantErr(t, "Watch", f.Watch(ctx, func() {}, func(authserver.Kind, string) {}), context.Canceled)
	f.wantIDs(t, "a")
	f.want(t, "a", "1")
	if n, err := f.Incr(t.Context(), "a", time.Minute); n != 1 || err != nil {
		t.Fatalf("Incr = %d, %v; the canceled one counted", n, err)
	}
}

// closed: a late call is an error, not a crash and not a miss.
func closed(t *testing.T, f *fixture) {
	ctx := t.Context()
	f.create(t, "a", "1", never)
	noErr(t, "Close", f.Close())
	noErr(t, "Close again", f.Close())
	_, getErr := f.Get(ctx, kind, "a")
	_, takeErr := f.Take(ctx, kind, "a")
	_, _, listErr := f.List(ctx, kind, "")
	for name, err := range map[string]error{
		"Get": getErr, "Take": takeErr, "List": listErr,
		"Create": f.Create(ctx, kind, "b", record("1", never)),
		"Update": f.Update(ctx, kind, "a", set("2", never)),
		"Delete": f.Delete(ctx, kind, "a"),
	} {
		if err == nil || errors.Is(err, authserver.ErrNotFound) || errors.Is(err, authserver.ErrExists) {
			t.Errorf("%s after Close = %v, want an error that is no answer", name, err)
		}
	}
}
