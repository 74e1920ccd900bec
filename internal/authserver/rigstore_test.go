package authserver_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// countingStore counts what the server asks of its store, and fails on demand.
type countingStore struct {
	authserver.Store
	reads, writes atomic.Int64
	down          atomic.Bool
	afterUpdate   func(authserver.Kind) // nil: nothing
	counted       func(key string)      // nil: nothing
	failWrites    atomic.Int64          // when above 0: that many writes more, counting this one, and the last fails
}

var errDown = errors.New("the store is down")

// Get implements authserver.Store.
func (s *countingStore) Get(ctx context.Context, kind authserver.Kind, id string) (authserver.Record, error) {
	s.reads.Add(1)
	if s.down.Load() {
		return authserver.Record{}, errDown
	}
	return s.Store.Get(ctx, kind, id)
}

// Create implements authserver.Store.
func (s *countingStore) Create(ctx context.Context, kind authserver.Kind, id string, rec authserver.Record) error {
	s.writes.Add(1)
	if s.failing() {
		return errDown
	}
	return s.Store.Create(ctx, kind, id, rec)
}

// Update implements authserver.Store.
func (s *countingStore) Update(ctx context.Context, kind authserver.Kind, id string, fn func(*authserver.Record) (*authserver.Record, error)) error {
	s.writes.Add(1)
	if s.failing() {
		return errDown
	}
	err := s.Store.Update(ctx, kind, id, fn)
	if s.afterUpdate != nil {
		s.afterUpdate(kind)
	}
	return err
}

// Take implements authserver.Store.
func (s *countingStore) Take(ctx context.Context, kind authserver.Kind, id string) (authserver.Record, error) {
	s.writes.Add(1)
	if s.failing() {
		return authserver.Record{}, errDown
	}
	return s.Store.Take(ctx, kind, id)
}

// Delete implements authserver.Store.
func (s *countingStore) Delete(ctx context.Context, kind authserver.Kind, id string) error {
	s.writes.Add(1)
	if s.failing() {
		return errDown
	}
	return s.Store.Delete(ctx, kind, id)
}

// Incr implements authserver.Store.
func (s *countingStore) Incr(ctx context.Context, key string, window time.Duration) (int64, error) {
	s.writes.Add(1)
	if s.failing() {
		return 0, errDown
	}
	if s.counted != nil {
		s.counted(key)
	}
	return s.Store.Incr(ctx, key, window)
}

// failing counts a write and says whether it fails.
func (s *countingStore) failing() bool {
	return s.down.Load() || s.failWrites.Add(-1) == 0
}

// mend lets the store work again, and waits until the server has seen that.
func (r *rig) mend() {
	r.t.Helper()
	r.store.down.Store(false)
	soon(r.t, "the store is back", r.server.StoreIsThere)
}

// isBack waits until the server has seen that the store answers again, and takes
// a token.
func (r *rig) isBack(access string) {
	r.t.Helper()
	soon(r.t, "the store is back", func() bool {
		_, err := r.server.Verify(r.t.Context(), access)
		return err == nil && r.server.StoreIsThere()
	})
}

// touched says how many calls were made so far.
func (s *countingStore) touched() int64 { return s.reads.Load() + s.writes.Load() }

// count returns how many records of a kind there are.
func (s *countingStore) count(t *testing.T, kind authserver.Kind) int {
	t.Helper()
	n, cursor := 0, ""
	for {
		page, next, err := s.List(t.Context(), kind, cursor)
		if err != nil {
			t.Fatal(err)
		}
		if n += len(page); next == "" {
			return n
		}
		cursor = next
	}
}
