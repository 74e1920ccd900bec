package store

import (
	"context"
	"sync"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// memory is a Store that ends with the process.
type memory struct {
	now      func() time.Time
	counters *counters
	feed     *feed
	closer   closer

	mu     sync.RWMutex
	kinds  map[authserver.Kind]*table[[]byte]
	closed bool
}

// Memory returns an empty store in memory. now is its clock; nil means
// time.Now. Expired records are removed in the course of later writes, so the
// store never grows beyond what lives and what expired since the last write.
func Memory(now func() time.Time) authserver.Store {
	return &memory{
		now:      clock(now),
		counters: newCounters(),
		feed:     newFeed(),
		kinds:    make(map[authserver.Kind]*table[[]byte]),
	}
}

// Get implements [authserver.Store].
func (m *memory) Get(ctx context.Context, kind authserver.Kind, id string) (authserver.Record, error) {
	if err := ctx.Err(); err != nil {
		return authserver.Record{}, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return authserver.Record{}, errClosed
	}
	old := m.live(kind, id)
	if old == nil {
		return authserver.Record{}, authserver.ErrNotFound
	}
	return *old, nil
}

// Create implements [authserver.Store].
func (m *memory) Create(ctx context.Context, kind authserver.Kind, id string, rec authserver.Record) error {
	return m.Update(ctx, kind, id, create(rec))
}

// Update implements [authserver.Store]. fn runs once, and must not call the
// store.
func (m *memory) Update(ctx context.Context, kind authserver.Kind, id string, fn func(*authserver.Record) (*authserver.Record, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	changed, err := m.update(kind, id, fn)
	if changed {
		m.feed.tell(kind, id)
	}
	return err
}

// Take implements [authserver.Store].
func (m *memory) Take(ctx context.Context, kind authserver.Kind, id string) (authserver.Record, error) {
	var taken authserver.Record
	if err := m.Update(ctx, kind, id, take(&taken)); err != nil {
		return authserver.Record{}, err
	}
	return taken, nil
}

// Delete implements [authserver.Store].
func (m *memory) Delete(ctx context.Context, kind authserver.Kind, id string) error {
	return m.Update(ctx, kind, id, remove)
}

// List implements [authserver.Store].
func (m *memory) List(ctx context.Context, kind authserver.Kind, cursor string) ([]authserver.Entry, string, error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	if m.closed {
		return nil, "", errClosed
	}
	t := m.kinds[kind]
	if t == nil {
		return nil, "", nil
	}
	var p page
	for _, id := range t.after(cursor, pageSize+1, m.now()) {
		if p.full() {
			return p.entries, p.cursor(), nil
		}
		e := t.entries[id]
		p.add(authserver.Entry{ID: id, Record: clone(authserver.Record{Value: e.value, Expires: e.expires})})
	}
	return p.entries, "", nil
}

// Incr implements [authserver.Store].
func (m *memory) Incr(ctx context.Context, key string, window time.Duration) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return m.counters.incr(key, window, m.now()), nil
}

// Watch implements [authserver.Store].
func (m *memory) Watch(ctx context.Context, ready func(), changed func(authserver.Kind, string)) error {
	return m.feed.watch(ctx, ready, changed)
}

// Shared implements [authserver.Store]: this process alone writes.
func (*memory) Shared() bool { return false }

// Close implements [authserver.Store].
func (m *memory) Close() error {
	return m.closer.close(func() error {
		m.mu.Lock()
		m.closed, m.kinds = true, nil
		m.mu.Unlock()
		m.feed.close()
		return nil
	})
}

// live returns a copy of the record, or nil. The caller holds mu.
func (m *memory) live(kind authserver.Kind, id string) *authserver.Record {
	t := m.kinds[kind]
	if t == nil {
		return nil
	}
	e := t.get(id, m.now())
	if e == nil {
		return nil
	}
	rec := clone(authserver.Record{Value: e.value, Expires: e.expires})
	return &rec
}

func (m *memory) update(kind authserver.Kind, id string, fn func(*authserver.Record) (*authserver.Record, error)) (changed bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return false, errClosed
	}
	now := m.now()
	for _, t := range m.kinds {
		t.sweep(now, sweepSize)
	}
	old := m.live(kind, id)
	had := old != nil
	rec, err := fn(old)
	if err != nil {
		return false, err
	}
	t := m.kinds[kind]
	if rec == nil {
		if t != nil {
			t.remove(id)
		}
		return had, nil
	}
	if err := check(id, rec.Value); err != nil {
		return false, err
	}
	if t == nil {
		t = newTable[[]byte]()
		m.kinds[kind] = t
	}
	next := clone(*rec)
	t.put(id, next.Value, next.Expires)
	return true, nil
}
