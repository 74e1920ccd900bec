package storetest

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

type change struct {
	Kind authserver.Kind
	ID   string
}

// feed runs a Watch until its context ends.
type feed struct {
	changes chan change
	ended   chan error
	cancel  context.CancelFunc
}

// startWatch returns once the watch is ready: it sees every change from then on.
func (f *fixture) startWatch(t *testing.T) *feed {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	w := &feed{changes: make(chan change, 4096), ended: make(chan error, 1), cancel: cancel}
	ready := make(chan struct{})
	go func() {
		w.ended <- f.Watch(ctx, func() { close(ready) }, func(k authserver.Kind, id string) { w.changes <- change{k, id} })
	}()
	select {
	case <-ready:
	case err := <-w.ended:
		t.Fatalf("Watch ended: %v", err)
	case <-time.After(10 * time.Second):
		t.Fatal("Watch is never ready")
	}
	return w
}

// until returns the changes up to now: it writes a mark and waits for it.
func (w *feed) until(t *testing.T, f *fixture) []change {
	t.Helper()
	f.marks++
	mark := change{authserver.KindMeta, "mark" + strconv.Itoa(f.marks)}
	noErr(t, "mark", f.Update(t.Context(), mark.Kind, mark.ID, set("1", never)))
	timeout := time.After(10 * time.Second)
	var seen []change
	for {
		select {
		case c := <-w.changes:
			if c == mark {
				return seen
			}
			if c.Kind == kind || c.Kind == authserver.KindUpstream { // else a mark, or a record of the store's own, told of late
				seen = append(seen, c)
			}
		case err := <-w.ended:
			t.Fatalf("Watch ended: %v", err)
		case <-timeout:
			t.Fatalf("a change did not come; before it came %v", seen)
		}
	}
}

func (w *feed) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-w.ended:
		return err
	case <-time.After(10 * time.Second):
		t.Fatal("Watch does not end")
		return nil
	}
}

func watch(t *testing.T, f *fixture) {
	ctx := t.Context()
	w1, w2 := f.startWatch(t), f.startWatch(t)
	f.create(t, "a", "1", never)
	f.create(t, "odd \x00 ü", "1", f.in(time.Minute))
	noErr(t, "Update", f.Update(ctx, kind, "a", set("2", never)))
	noErr(t, "Update", f.Update(ctx, authserver.KindUpstream, "b", set("2", never)))
	_, err := f.Take(ctx, kind, "a")
	noErr(t, "Take", err)
	noErr(t, "Delete", f.Delete(ctx, authserver.KindUpstream, "b"))

	// These change nothing.
	_, _ = f.Get(ctx, kind, "odd \x00 ü")
	_, _ = f.Take(ctx, kind, "absent")
	_ = f.Create(ctx, kind, "odd \x00 ü", record("2", never))
	_ = f.Update(ctx, kind, "odd \x00 ü", func(*authserver.Record) (*authserver.Record, error) { return nil, errors.New("stop") })
	_, _ = f.Incr(ctx, "a", time.Minute)

	want := []change{
		{kind, "a"},
		{kind, "odd \x00 ü"},
		{kind, "a"},
		{authserver.KindUpstream, "b"},
		{kind, "a"},
		{authserver.KindUpstream, "b"},
	}
	for i, w := range []*feed{w1, w2} {
		got := w.until(t, f)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("watch %d (-want +got):\n%s", i, diff)
		}
	}

	racers(50, func(i int) {
		if err := f.Update(context.Background(), kind, strconv.Itoa(i), set("1", never)); err != nil {
			t.Errorf("Update: %v", err)
		}
	})
	seen := make(map[string]bool)
	for _, c := range w1.until(t, f) {
		seen[c.ID] = true
	}
	for i := range 50 {
		if !seen[strconv.Itoa(i)] {
			t.Errorf("the change of %d was not seen", i)
		}
	}
	w1.cancel()
	w2.cancel()
	wantErr(t, "Watch", w1.end(t), context.Canceled)
	wantErr(t, "Watch", w2.end(t), context.Canceled)
}

// watchEnds: no call comes once Watch has returned, and other watches go on.
func watchEnds(t *testing.T, f *fixture) {
	w1, w2 := f.startWatch(t), f.startWatch(t)
	w1.cancel()
	wantErr(t, "Watch", w1.end(t), context.Canceled)
	for len(w1.changes) > 0 {
		<-w1.changes
	}
	f.create(t, "a", "1", never)
	if got := w2.until(t, f); len(got) == 0 || got[len(got)-1] != (change{kind, "a"}) {
		t.Errorf("the other watch saw %v", got)
	}
	if len(w1.changes) > 0 {
		t.Errorf("changed was called after Watch had returned: %v", <-w1.changes)
	}
	w2.cancel()
	wantErr(t, "Watch", w2.end(t), context.Canceled)

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	wantErr(t, "Watch", f.Watch(ctx, func() {}, func(authserver.Kind, string) {}), context.DeadlineExceeded)
}

// watchEndsWithStore: changes can be missed, so the error is not the context's.
func watchEndsWithStore(t *testing.T, f *fixture) {
	w := f.startWatch(t)
	noErr(t, "Close", f.Close())
	if err := w.end(t); err == nil || errors.Is(err, context.Canceled) {
		t.Fatalf("Watch = %v, want an error of the store", err)
	}
	w.cancel()
}
