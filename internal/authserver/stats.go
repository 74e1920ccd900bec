package authserver

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Stats are numbers since the start, to be read now and then.
type Stats struct {
	Events      map[EventType]uint64 // what happened, of every type
	EventsLeft  uint64               // of Events: counted, but left out of the audit trail
	Refreshes   map[string]uint64    // refresh tokens by what became of them: rotate, repeat, theft, …
	Limited     map[string]uint64    // requests that a limit refused, by its name
	RateLimited map[string]uint64    // requests that were too many, by the name of the limit
	Clients     int                  // registered clients that this node knows now
	VerifyKnown uint64               // access tokens that were known, and whose signature was not checked again
	VerifyNew   uint64               // access tokens whose signature was checked: on first sight, or forgotten since
	VerifyBad   uint64               // of these: not good
	VerifyReads uint64               // grants read from the store for a token
}

// counters are what Stats reads. Every one costs its path one atomic add.
type counters struct {
	known, parsed, bad, reads atomic.Uint64
	refreshes                 map[refreshVerdict]*atomic.Uint64 // never changes
}

// Outcomes beside the verdicts of judgeRefresh.
const (
	refreshGarbage     refreshVerdict = "garbage"     // not one of ours
	refreshGone        refreshVerdict = "grant gone"  // nothing is known of its grant
	refreshUnbacked    refreshVerdict = "discord"     // Discord ended the user's tokens
	refreshUnavailable refreshVerdict = "unavailable" // Discord or the store could not be asked
)

func newCounters() *counters {
	c := &counters{refreshes: map[refreshVerdict]*atomic.Uint64{}}
	for _, verdict := range []refreshVerdict{
		refreshRotate, refreshRepeat, refreshTheft, refreshStale, refreshForeign, refreshEnded, refreshNewer, refreshForked,
		refreshGarbage, refreshGone, refreshUnbacked, refreshUnavailable,
	} {
		c.refreshes[verdict] = new(atomic.Uint64)
	}
	return c
}

// refreshed counts what became of a refresh token.
func (c *counters) refreshed(verdict refreshVerdict) {
	if count := c.refreshes[verdict]; count != nil {
		count.Add(1)
	}
}

// Stats returns the numbers as they are.
func (s *Server) Stats() Stats {
	s.clients.mu.Lock()
	clients := len(s.clients.byID)
	s.clients.mu.Unlock()
	st := Stats{
		Events:      s.trail.totals(),
		EventsLeft:  s.trail.leftOut.Load(),
		Refreshes:   map[string]uint64{},
		RateLimited: map[string]uint64{},
		Limited:     s.limits.refusals(),
		Clients:     clients,
		VerifyKnown: s.counters.known.Load(),
		VerifyNew:   s.counters.parsed.Load(),
		VerifyBad:   s.counters.bad.Load(),
		VerifyReads: s.counters.reads.Load(),
	}
	for name, l := range s.limits.limits {
		st.RateLimited[name] = l.refused.Load()
	}
	for verdict, count := range s.counters.refreshes {
		st.Refreshes[string(verdict)] = count.Load()
	}
	return st
}

// Ping says whether the store does its work: that it is the one that we are
// bound to, and reads and writes. A Redis that has become a replica reads, and a
// cluster without one of its masters has lost some kinds.
func (s *Server) Ping(ctx context.Context) error {
	if o := s.mem.away.Load(); o != nil {
		return o
	}
	if err := s.still(ctx); err != nil {
		return err
	}
	if !s.cfg.Store.Shared() {
		return nil
	}
	for _, kind := range []Kind{KindClient, KindAuthorization, KindCode, KindGrant, KindUpstream} {
		if _, err := s.cfg.Store.Get(ctx, kind, pingID); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	_, err := s.cfg.Store.Incr(ctx, pingID, pingWindow)
	return err
}

const (
	pingID     = "ping" // of no record
	pingWindow = time.Minute
)
