package authserver

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// While the store is away, one probe at a time asks for it, after pauses that
// grow between these. No request waits for it: whatever would ask the store is
// told at once that it is away.
const (
	probePauseMin = 50 * time.Millisecond
	probePauseMax = time.Second
)

// outage is a time in which the store does not answer. It is an error, too.
type outage struct {
	since time.Time
	err   error // what the store said first
}

// Error implements error.
func (o *outage) Error() string { return "the store is away: " + o.err.Error() }

// Unwrap returns what the store said.
func (o *outage) Unwrap() error { return o.err }

// storeLost begins an outage, or finds the one that there is. Whoever began it
// starts to ask for the record that was not read: other records may be on
// another machine.
func (s *Server) storeLost(ctx context.Context, grantID string, err error) *outage {
	m := s.mem
	m.awayMu.Lock()
	defer m.awayMu.Unlock()
	if o := m.away.Load(); o != nil {
		return o
	}
	o := &outage{since: s.now(), err: err}
	if !m.enter() { // the server is closing
		return o
	}
	m.away.Store(o)
	s.log.ErrorContext(ctx, "store away", "error", err)
	go func() {
		defer m.running.Done()
		s.probe(m.feed, o, grantID)
	}()
	return o
}

// probe waits for the end of an outage. When the server closes first, whoever
// still has something to store finds out by himself.
func (s *Server) probe(ctx context.Context, o *outage, grantID string) {
	defer s.mem.away.Store(nil)
	for wait := probePauseMin; pause(ctx, wait); wait = min(2*wait, probePauseMax) {
		if s.reachStore(ctx, grantID) == nil {
			s.log.WarnContext(ctx, "store back", "away", s.now().Sub(o.since).String())
			return
		}
	}
}

// reachStore says whether the store answers for a grant, be it that there is
// none.
func (s *Server) reachStore(ctx context.Context, grantID string) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	_, err := s.cfg.Store.Get(ctx, KindGrant, grantID)
	if errors.Is(err, ErrNotFound) {
		return s.still(ctx)
	}
	if errors.Is(err, ErrSealed) {
		return nil
	}
	return err
}

// noGrant is an id that no grant has.
const noGrant = "none"

// suspect finds out whether the store is away, since it could not do something.
// One that only refuses to write is not. Nobody waits for it.
func (s *Server) suspect() {
	m := s.mem
	if m.away.Load() != nil || !m.looking.CompareAndSwap(false, true) {
		return
	}
	if !m.enter() { // the server is closing
		m.looking.Store(false)
		return
	}
	go func() {
		defer m.running.Done()
		defer m.looking.Store(false)
		if err := s.reachStore(m.feed, noGrant); err != nil && m.feed.Err() == nil {
			_ = s.storeLost(m.feed, noGrant, err)
		}
	}()
}

// storeAway is a 503 *Error while the store is known to be away. It is none of
// an *outage: nothing is accepted for its sake.
func (s *Server) storeAway(doing string, kind Kind) error {
	o := s.mem.away.Load()
	if o == nil {
		return nil
	}
	return storeError(doing, kind, fmt.Errorf("the store is away: %w", o.err))
}

// storeFailed is what [storeError] says of an error of the store for one call
// of it, ctx being the caller's: that may have ended first.
func (s *Server) storeFailed(ctx context.Context, doing string, kind Kind, err error) error {
	told := storeError(doing, kind, err)
	if e, ok := errors.AsType[*Error](told); ok && e.Err != nil && !errors.Is(err, ErrSealed) && ctx.Err() == nil {
		s.suspect()
	}
	return told
}

// incr counts in the store.
func (s *Server) incr(ctx context.Context, key string, window time.Duration) (int64, error) {
	if o := s.mem.away.Load(); o != nil {
		return 0, o.err
	}
	n, err := s.cfg.Store.Incr(ctx, key, window)
	if err != nil {
		s.suspect()
	}
	return n, err
}

// grace is what is known of a token's grant while the store is away: a token
// that was good at the last contact stays so for Config.OutageGrace. What was
// known to be revoked stays revoked. Everything else cannot be told now.
func (s *Server) grace(ctx context.Context, v *verified, o *outage) (*grantState, error) {
	g := v.grant.Load()
	st := g.last.Load()
	if st != nil && !st.live {
		return st, nil
	}
	if st == nil || !v.seen.Load() || !s.now().Before(s.contact(st, o).Add(s.cfg.OutageGrace)) {
		return nil, &Error{
			Status:      http.StatusServiceUnavailable,
			Code:        "temporarily_unavailable",
			Description: "the server cannot reach its records; try again",
			RetryAfter:  storeRetry,
			Err:         o,
		}
	}
	if before := g.accepted.Swap(o); before == nil || !before.since.Equal(o.since) {
		s.event(ctx, Event{
			Type: EventOutageAccepted, UserID: st.user.ID, ClientID: st.clientID,
			GrantID: v.claims.GrantID, Scopes: v.scopes, Reason: "the store is away",
		})
	}
	return st, nil
}

// contact is when the node could last know of a change of the grant: until the
// outage, but where the feed was lost before, when that was or when the grant
// was read after it.
func (s *Server) contact(st *grantState, o *outage) time.Time {
	last := st.away(o)
	lost := s.mem.lost.Load()
	if lost == nil {
		return last
	}
	known := *lost
	if st.read.After(known) {
		known = st.read
	}
	if known.Before(last) {
		return known
	}
	return last
}

// away is the beginning of the first outage that the state went through. A store
// that comes and goes does not prolong the grace of what was not read again.
func (st *grantState) away(o *outage) time.Time {
	if st.outage.CompareAndSwap(nil, o) {
		return o.since
	}
	return st.outage.Load().since
}
