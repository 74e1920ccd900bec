package authserver_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// nodeStore is one node's way to a store that others share: it can be cut, hang,
// or lose what it is told of changes without a word.
type nodeStore struct {
	authserver.Store
	grantReads atomic.Int64
	deaf       atomic.Bool           // changes are not told, and nobody knows
	fails      atomic.Pointer[error] // what every call answers; nil: the store's answer
	hangs      atomic.Bool           // calls wait for their end
	readOnly   atomic.Bool           // writes fail, as at a replica
	silent     atomic.Bool           // there is no feed of changes
	unfeed     atomic.Pointer[func()]
}

var errReadOnly = errors.New("the store is a replica")

// loseFeed ends the feed of changes, for good.
func (n *nodeStore) loseFeed() {
	n.silent.Store(true)
	(*n.unfeed.Load())()
}

// shared is a change that puts a server onto a node of its own.
func shared(cfg *authserver.Config) *nodeStore {
	n := &nodeStore{Store: cfg.Store}
	cfg.Store = n
	return n
}

// fail makes every call answer err; nil mends it.
func (n *nodeStore) fail(err error) {
	if err == nil {
		n.fails.Store(nil)
		return
	}
	n.fails.Store(&err)
}

func (n *nodeStore) reach(ctx context.Context) error {
	if n.hangs.Load() {
		<-ctx.Done()
		return ctx.Err()
	}
	if err := n.fails.Load(); err != nil {
		return *err
	}
	return nil
}

// Shared implements authserver.Store.
func (n *nodeStore) Shared() bool { return true }

// Get implements authserver.Store.
func (n *nodeStore) Get(ctx context.Context, kind authserver.Kind, id string) (authserver.Record, error) {
	if kind == authserver.KindGrant {
		n.grantReads.Add(1)
	}
	if err := n.reach(ctx); err != nil {
		return authserver.Record{}, err
	}
	return n.Store.Get(ctx, kind, id)
}

// Create implements authserver.Store.
func (n *nodeStore) Create(ctx context.Context, kind authserver.Kind, id string, rec authserver.Record) error {
	if err := n.reach(ctx); err != nil {
		return err
	}
	if n.readOnly.Load() {
		return errReadOnly
	}
	return n.Store.Create(ctx, kind, id, rec)
}

// Update implements authserver.Store.
func (n *nodeStore) Update(ctx context.Context, kind authserver.Kind, id string, fn func(*authserver.Record) (*authserver.Record, error)) error {
	if err := n.reach(ctx); err != nil {
		return err
	}
	if n.readOnly.Load() {
		return errReadOnly
	}
	return n.Store.Update(ctx, kind, id, fn)
}

// Incr implements authserver.Store.
func (n *nodeStore) Incr(ctx context.Context, key string, window time.Duration) (int64, error) {
	if err := n.reach(ctx); err != nil {
		return 0, err
	}
	if n.readOnly.Load() {
		return 0, errReadOnly
	}
	return n.Store.Incr(ctx, key, window)
}

// Watch implements authserver.Store.
func (n *nodeStore) Watch(ctx context.Context, ready func(), changed func(authserver.Kind, string)) error {
	if err := n.reach(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	unfeed := func() { cancel() }
	n.unfeed.Store(&unfeed)
	if n.silent.Load() {
		return errDown
	}
	return n.Store.Watch(ctx, ready, func(kind authserver.Kind, id string) {
		if !n.deaf.Load() {
			changed(kind, id)
		}
	})
}

// nodes are two servers on one store, each with its own way to it.
func nodes(t testing.TB, changes ...func(*authserver.Config)) (a, b *rig, toA, toB *nodeStore) {
	t.Helper()
	var plain authserver.Store
	a = newRig(t, append(changes, func(cfg *authserver.Config) {
		plain = cfg.Store
		toA = shared(cfg)
	})...)
	two := *a
	b = &two
	b.cfg.Store = plain
	toB = shared(&b.cfg)
	b.start()
	return a, b, toA, toB
}
