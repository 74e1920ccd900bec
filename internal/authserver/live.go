package authserver

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// liveTrust is how long what was read of a grant is trusted where the feed
	// of changes can lose one: with a store that others share, and while there
	// is no feed.
	liveTrust = 5 * time.Second

	// lookTimeout bounds the one read that a request at the resource may wait
	// for.
	lookTimeout = 2 * time.Second
)

// liveGrant is what is remembered of a grant. A look at it costs one atomic
// load.
type liveGrant struct {
	state      atomic.Pointer[grantState] // nil: ask the store
	last       atomic.Pointer[grantState] // what the store said last; nil: nothing, or it has changed since
	confirming atomic.Bool                // a write of Confirmed is under way
	accepted   atomic.Pointer[outage]     // during which it was last accepted, see outage.go

	loading chan struct{} // holds one: one read of the store at a time

	mu      sync.Mutex // of a change of state
	changes uint64     // counts drops
	left    bool       // the feed does not reach it any more
}

// grantState is a grant as the store had it. Nothing of it changes, but for the
// outage that it is first used in. A nil one is of a grant that nothing is known
// of.
type grantState struct {
	live       bool
	clientID   string
	user       User
	scopes     []string
	generation uint32
	confirmed  bool
	read       time.Time // when
	until      time.Time // trusted so long; zero: until the feed tells otherwise
	outage     atomic.Pointer[outage]
}

// trusted says whether the store need not be asked.
func (st *grantState) trusted(now time.Time) bool {
	return st != nil && (st.until.IsZero() || now.Before(st.until))
}

// confirms says whether the use of a token of a generation is news to the
// grant.
func (st *grantState) confirms(generation uint32) bool {
	return st.live && !st.confirmed && st.generation == generation
}

// drop forgets the state, for it has changed. It says whether it was a live
// one.
func (g *liveGrant) drop() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	last := g.last.Load()
	g.changes++
	g.state.Store(nil)
	g.last.Store(nil)
	return last != nil && last.live
}

// doubt lets the store be asked again.
func (g *liveGrant) doubt() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.changes++
	g.state.Store(nil)
}

func (g *liveGrant) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left = true
	g.state.Store(nil)
	g.last.Store(nil)
}

// loadGrant returns the state of a grant, reading it where it is not known. A
// store that does not answer is an *outage. What changed while it was read is
// returned but not kept; nor is what was read before the feed ran, for a change
// in between was told to nobody.
func (s *Server) loadGrant(ctx context.Context, g *liveGrant, id string) (*grantState, error) {
	select {
	case g.loading <- struct{}{}:
		defer func() { <-g.loading }()
	case <-ctx.Done():
		return nil, storeError("reading", KindGrant, ctx.Err())
	}
	now := s.now()
	if st := g.state.Load(); st.trusted(now) {
		return st, nil
	}
	if o := s.mem.away.Load(); o != nil {
		return nil, o
	}
	g.mu.Lock()
	changes := g.changes
	g.mu.Unlock()
	told := s.mem.following.Load() && !s.cfg.Store.Shared()
	st, err := s.readGrant(ctx, id)
	if err != nil {
		return nil, err
	}
	st.read = now
	if !told {
		st.until = now.Add(liveTrust)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.changes == changes && !g.left {
		g.state.Store(st)
		g.last.Store(st)
	}
	return st, nil
}

// readGrant reads what Verify has to know of a grant. A grant that is gone is a
// dead one. The read is for all that wait for it: it does not end with the
// request that began it.
func (s *Server) readGrant(ctx context.Context, id string) (*grantState, error) {
	s.counters.reads.Add(1)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lookTimeout)
	defer cancel()
	rec, err := s.cfg.Store.Get(ctx, KindGrant, id)
	if errors.Is(err, ErrNotFound) {
		if err = s.still(ctx); err == nil {
			return new(grantState), nil
		}
	}
	switch {
	case errors.Is(err, ErrSealed):
		return nil, storeError("reading", KindGrant, err)
	case err != nil:
		return nil, s.storeLost(ctx, id, err)
	}
	g, err := decode[Grant](KindGrant, rec.Value)
	if err != nil {
		return nil, err
	}
	if g.Revoked {
		s.mem.ended.Add(id, struct{}{})
	} else if revived, err := s.endRevived(ctx, id); revived {
		return new(grantState), err
	}
	return &grantState{
		live:       !g.Revoked,
		clientID:   g.ClientID,
		user:       g.User,
		scopes:     g.Scopes,
		generation: g.Generation,
		confirmed:  g.Confirmed,
	}, nil
}
