package authserver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

const (
	// accessFresh is how long Discord's answer about a user counts. From
	// accessAhead on it is asked again while nobody waits.
	accessFresh = 10 * time.Minute
	accessAhead = 8 * time.Minute

	// accessStale is how much longer the last answer counts while Discord does
	// not give another. After it nobody is let in.
	accessStale = time.Hour

	accessSkew = time.Minute // that clocks of nodes may differ

	accessRetry = 30 * time.Second // between two tries, of all nodes together
	accessLease = 30 * time.Second // for one node's try

	maxAccessStates = 16_384 // users that one process remembers
)

// ErrAccessUnknown means that nobody has been able to say for too long whether
// the user of a good token may still come in. The *Error around it is a 503.
var ErrAccessUnknown = errors.New("it is not known whether the user may still come in")

var errAccessUnknown = errors.New("discord did not say whether the user may still come in")

// accessState is what is known about a user: the record of KindAccess. All
// nodes share it, so that one of them asks Discord. It does not change.
type accessState struct {
	UserID    string    `json:"user_id"`
	Reason    string    `json:"reason,omitempty"`    // why not; "" may come in
	CheckedAt time.Time `json:"checked_at,omitzero"` // when Discord was asked; zero: never yet
	Asking    time.Time `json:"asking,omitzero"`     // until then a node asks
	NotBefore time.Time `json:"not_before,omitzero"` // it has failed: no node tries again before
}

// age is how old the answer is. One out of the future counts as none: its clock
// was wrong, by more than clocks of machines differ.
func (st *accessState) age(now time.Time) time.Duration {
	if st.ahead(now) {
		return now.Sub(time.Time{})
	}
	return now.Sub(st.CheckedAt)
}

func (st *accessState) ahead(now time.Time) bool { return st.CheckedAt.Sub(now) > accessSkew }

// stands says whether the answer is as good as another one.
func (st *accessState) stands(other *accessState, now time.Time) bool {
	return st.CheckedAt.After(other.CheckedAt) && !st.ahead(now)
}

func (st *accessState) verdict() error {
	if st.Reason == "" {
		return nil
	}
	return notAllowed(st.Reason)
}

// accessControl is a rule with what one process remembers of its answers.
type accessControl struct {
	rule  accessRule
	users *lru.Cache[string, *accessEntry]
}

// accessEntry is what is remembered of a user. A look at it costs two atomic
// loads.
type accessEntry struct {
	last   atomic.Pointer[accessState] // the newest that was seen; nil: none
	dirty  atomic.Bool                 // there may be a newer one in the store
	asking atomic.Bool                 // in the background
	failed atomic.Int64                // Unix nanoseconds: the store is not asked again before
}

func newAccessControl(a Access) *accessControl {
	return &accessControl{rule: newAccessRule(a), users: newCache[string, *accessEntry](maxAccessStates, nil)}
}

func (a *accessControl) entry(userID string) *accessEntry {
	if e, ok := a.users.Get(userID); ok {
		return e
	}
	fresh := new(accessEntry)
	if e, there, _ := a.users.PeekOrAdd(userID, fresh); there {
		return e
	}
	return fresh
}

// recordID is where the answers to this rule about a user are.
func (a *accessControl) recordID(userID string) string { return userID + " " + a.rule.id }

// changed makes the next look at a record read the store.
func (a *accessControl) changed(recordID string) {
	userID, rule, _ := strings.Cut(recordID, " ")
	if e, ok := a.users.Peek(userID); ok && rule == a.rule.id {
		e.dirty.Store(true)
	}
}

// lost does so for all: changes may have been missed. What was known stays for
// as long as the store does not answer.
func (a *accessControl) lost() {
	for _, e := range a.users.Values() {
		e.dirty.Store(true)
	}
}

// see remembers a state, unless a newer one is known.
func (e *accessEntry) see(st *accessState, now time.Time) {
	for {
		last := e.last.Load()
		if st.CheckedAt.IsZero() || last != nil && last.stands(st, now) || e.last.CompareAndSwap(last, st) {
			return
		}
	}
}

// letIn says whether the user of a good token may still come in: an error that
// is ErrNotAllowed, ErrInvalidToken (Discord cannot be asked for this grant, it
// has ended) or a 503 *Error. With a fresh answer at hand it asks nobody.
func (s *Server) letIn(ctx context.Context, userID, grantID string) error {
	r := &s.access.rule
	switch {
	case r.open(), r.listed(userID):
		return nil
	case !r.asks():
		return notAllowed(reasonNotListed)
	}
	e := s.access.entry(userID)
	now := s.now()
	st := e.last.Load()
	if st != nil && !e.dirty.Load() && st.age(now) < accessFresh {
		if st.age(now) >= accessAhead {
			s.checkAhead(e, userID)
		}
		return st.verdict()
	}
	var err error
	switch failed := e.failed.Load(); {
	case failed == 0, e.dirty.Load() && now.UnixNano() < failed: // the store may know more
		err = s.check(ctx, userID)
	case now.UnixNano() < failed:
		err = errUnavailable(errAccessUnknown, time.Duration(failed-now.UnixNano()))
	case st != nil && st.age(now) < accessFresh+accessStale: // it may fail again, and take its time
		s.checkAhead(e, userID)
		return st.verdict()
	default:
		err = s.check(ctx, userID)
	}
	if errors.Is(err, errUncovered) {
		return s.endUncovered(ctx, grantID)
	}
	if st = e.last.Load(); st != nil && (err == nil || st.age(now) < accessFresh+accessStale) {
		return st.verdict()
	}
	return accessUnknown(err)
}

// accessUnknown is the 503 for a check that nobody can do without any more.
func accessUnknown(err error) error {
	var retry time.Duration
	if e, ok := errors.AsType[*Error](err); ok {
		retry = e.RetryAfter
	}
	if err == nil {
		err = errAccessUnknown
	}
	return errUnavailable(fmt.Errorf("%w: %w", ErrAccessUnknown, err), retry)
}

// checkAhead checks while nobody waits.
func (s *Server) checkAhead(e *accessEntry, userID string) {
	if s.now().UnixNano() < e.failed.Load() || !e.asking.CompareAndSwap(false, true) {
		return
	}
	if !s.mem.enter() {
		return
	}
	go func() {
		defer s.mem.running.Done()
		defer e.asking.Store(false)
		_ = s.check(s.mem.flying, userID) // logged there; whoever needs it tries again
	}()
}

// check brings what is known of a user up to date, by the store or by Discord,
// once for all that ask at the same time. The error is errUncovered where
// Discord cannot be asked, or a 503 *Error.
func (s *Server) check(ctx context.Context, userID string) error {
	return s.mem.flight(ctx, "access "+userID, func(ctx context.Context) error {
		e := s.access.entry(userID)
		e.dirty.Store(false) // before the read: a change after it sets it again
		err := s.checkOnce(ctx, e, userID)
		switch {
		case err == nil:
			e.failed.Store(0)
		case !errors.Is(err, errUncovered):
			e.failed.Store(s.now().Add(accessRetry).UnixNano())
			s.log.WarnContext(ctx, "access not checked", "user_id", userID, "error", err)
		}
		return err
	})
}

// checkOnce is one flight of check. Another node that asks already is waited
// for only where its answer is needed.
func (s *Server) checkOnce(ctx context.Context, e *accessEntry, userID string) error {
	for wait := leasePollMin; ; wait = min(2*wait, leasePollMax) {
		st, mine, err := s.claimAccess(ctx, userID)
		if err != nil {
			return err
		}
		e.see(st, s.now())
		now := s.now()
		switch {
		case mine:
			return s.askAccess(ctx, userID)
		case st.age(now) < accessFresh:
			return nil
		case now.Before(st.NotBefore):
			return errUnavailable(errAccessUnknown, st.NotBefore.Sub(now))
		case !pause(ctx, wait):
			return errUnavailable(errAccessUnknown, 0)
		}
	}
}

// claimAccess reads what is known of a user and, where it is time to ask
// Discord, takes the right to do so.
func (s *Server) claimAccess(ctx context.Context, userID string) (st *accessState, mine bool, err error) {
	now := s.now()
	st, err = load[accessState](ctx, s, KindAccess, s.access.recordID(userID))
	if err == nil && st.age(now) < accessAhead {
		return st, false, nil
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, false, err
	}
	err = s.updateAccess(ctx, userID, func(old *accessState) error {
		st, mine = old, false
		if old.age(now) < accessAhead || now.Before(old.Asking) || now.Before(old.NotBefore) {
			return errUnchanged
		}
		st, mine = new(*old), true
		old.Asking = now.Add(accessLease)
		return nil
	})
	if errors.Is(err, errUnchanged) {
		err = nil
	}
	return st, mine, err
}

// askAccess asks Discord, with the right to do so, and gives that back.
func (s *Server) askAccess(ctx context.Context, userID string) error {
	asked := s.now()
	reason, err := s.askWithPair(ctx, userID)
	if err == nil {
		s.keepAccess(ctx, &accessState{UserID: userID, Reason: reason, CheckedAt: asked})
		return nil
	}
	releaseErr := s.updateAccess(ctx, userID, func(old *accessState) error {
		old.Asking = time.Time{}
		if !errors.Is(err, errUncovered) {
			old.NotBefore = s.now().Add(accessRetry)
		}
		return nil
	})
	if releaseErr != nil {
		s.log.WarnContext(ctx, "failed check of access not stored", "user_id", userID, "error", releaseErr)
	}
	return err
}

// askWithPair asks with one of the user's tokens. One that Discord refuses is
// looked at as any other, and where it is dead the next is tried.
func (s *Server) askWithPair(ctx context.Context, userID string) (string, error) {
	for range 2 {
		pair, err := s.upstreamPair(ctx, userID, s.access.rule.scopes(), 0)
		if err != nil {
			return "", err
		}
		reason, err := s.askMember(ctx, userID, discord.Secret(pair.AccessToken))
		if err == nil {
			return reason, nil
		}
		if !errors.Is(err, discord.ErrUnauthorized) {
			return "", s.discordError(ctx, err)
		}
		if err := s.renew(ctx, userID, *pair, true); err != nil {
			return "", err
		}
	}
	return "", errUnavailable(errAccessUnknown, 0)
}

// keepAccess stores an answer, for every node. One that cannot be stored counts
// here.
func (s *Server) keepAccess(ctx context.Context, st *accessState) {
	s.access.entry(st.UserID).see(st, s.now())
	var before string
	err := s.updateAccess(ctx, st.UserID, func(old *accessState) error {
		before = old.Reason
		if old.stands(st, s.now()) {
			return errUnchanged
		}
		*old = *st
		return nil
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		s.log.WarnContext(ctx, "check of access not stored", "user_id", st.UserID, "error", err)
	}
	if before == "" && st.Reason != "" {
		s.event(ctx, Event{Type: EventRefused, UserID: st.UserID, Reason: "access: " + st.Reason})
	}
}

// updateAccess changes the record of a user, made where there is none. It lives
// as long as it can count.
func (s *Server) updateAccess(ctx context.Context, userID string, change func(st *accessState) error) error {
	return update(ctx, s, KindAccess, s.access.recordID(userID), func(old *accessState) (*accessState, time.Time, error) {
		st := old
		if st == nil {
			st = &accessState{UserID: userID}
		}
		if err := change(st); err != nil {
			return nil, time.Time{}, err
		}
		end := st.CheckedAt.Add(accessFresh + accessStale)
		if soonest := s.now().Add(accessFresh); end.Before(soonest) {
			end = soonest
		}
		return st, end, nil
	})
}
