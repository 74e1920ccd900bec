package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

func TestObserve(t *testing.T) {
	t.Parallel()
	var ops []string
	s := openWith(t, store.Config{URL: "memory:", Observe: func(op string, took time.Duration, err error) {
		if took < 0 {
			t.Errorf("%s took %v", op, took)
		}
		if err != nil {
			op += ": " + err.Error()
		}
		ops = append(ops, op)
	}})
	ops = nil
	ctx, kind := t.Context(), authserver.KindGrant
	stop := errors.New("stop")
	_ = s.Create(ctx, kind, "a", authserver.Record{})
	_ = s.Create(ctx, kind, "a", authserver.Record{})
	_ = s.Update(ctx, kind, "a", func(*authserver.Record) (*authserver.Record, error) { return nil, stop })
	_, _ = s.Take(ctx, kind, "a") // opens it before it removes it
	_, _ = s.Get(ctx, kind, "a")
	_ = s.Delete(ctx, kind, "a")
	_, _, _ = s.List(ctx, kind, "")
	_, _ = s.Incr(ctx, "a", time.Minute)
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, _ = s.Get(canceled, kind, "a")
	want := []string{"create", "create", "update", "update", "get", "delete", "list", "incr", "get: context canceled"}
	if diff := cmp.Diff(want, ops); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}
