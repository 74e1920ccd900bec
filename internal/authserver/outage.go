package authserver

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// While the store is away, one probe at a time asks for it, after pauses that
// grow between these. No request waits for it.
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

// probe waits for the end of an outage.
func (s *Server) probe(ctx context.Context, o *outage, grantID string) {
	for wait := probePauseMin; pause(ctx, wait); wait = min(2*wait, probePauseMax) {
		call, cancel := context.WithTimeout(ctx, lookTimeout)
		_, err := s.cfg.Store.Get(call, KindGrant, grantID)
		if errors.Is(err, ErrNotFound) {
			err = s.still(call)
		}
		cancel()
		if err == nil || errors.Is(err, ErrSealed) {
			s.mem.away.Store(nil)
			s.log.WarnContext(ctx, "store back", "away", s.now().Sub(o.since).String())
			return
		}
	}
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
