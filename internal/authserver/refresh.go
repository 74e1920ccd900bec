package authserver

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// refreshVerdict is what a refresh token of ours turned out to be.
type refreshVerdict string

const (
	refreshRotate  refreshVerdict = "rotate"        // the newest: its successor is made
	refreshRepeat  refreshVerdict = "repeat"        // the one before: its successor once more
	refreshTheft   refreshVerdict = "reused"        // older, and not by a race: two have it
	refreshStale   refreshVerdict = "stale"         // older, but the rotation is fresh: a race
	refreshForeign refreshVerdict = "other client"  // not this client's
	refreshEnded   refreshVerdict = "grant ended"   // revoked, or not refreshed for too long
	refreshNewer   refreshVerdict = "store older"   // the store was restored from before it: as the newest
	refreshForked  refreshVerdict = "store differs" // the store was restored, and went another way
)

// good says whether the token yields a successor.
func (v refreshVerdict) good() bool {
	return v == refreshRotate || v == refreshNewer || v == refreshRepeat
}

// judgeRefresh is the rule: n-1 yields n again while n is unconfirmed, or
// within the grace after the rotation. Any other older generation is theft,
// but within the grace only refused. So neither a lost answer nor ten
// processes that race ever log anybody out, and a stolen token is found out at
// its first use out of step with the owner. A newer generation than the stored
// one is authentic, so it was stored once: the store was restored, or a replica
// took over, and its users must not all sign in again.
func (s *Server) judgeRefresh(g *Grant, t refreshToken, clientID string, now time.Time) refreshVerdict {
	fresh := now.Sub(g.RotatedAt) < s.cfg.RefreshGrace
	switch {
	case g.ClientID != clientID:
		return refreshForeign
	case g.Revoked, !now.Before(s.grantEnd(g)):
		return refreshEnded
	case t.generation > g.Generation:
		return refreshNewer
	case t.generation == g.Generation:
		if !bytes.Equal(t.hash(), g.Hash) {
			return refreshForked
		}
		return refreshRotate
	case t.generation == g.Generation-1:
		switch {
		case !bytes.Equal(t.hash(), g.PrevHash):
			return refreshForked
		case !g.Confirmed, fresh:
			return refreshRepeat
		}
		return refreshTheft
	case fresh:
		return refreshStale
	}
	return refreshTheft
}

// serveRefresh is grant_type=refresh_token (RFC 6749 §6, RFC 9700 §4.14.2).
func (s *Server) serveRefresh(w http.ResponseWriter, r *http.Request, shown *credentials, form url.Values) (*tokenResponse, error) {
	answer, err := s.exchangeRefresh(w, r, shown, form)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); !ok || e.Status >= http.StatusInternalServerError {
			s.counters.refreshed(refreshUnavailable)
		}
	}
	return answer, err
}

// exchangeRefresh exchanges a refresh token. What is not authentic costs no
// store read. Discord is asked before anything rotates, so that a 503 leaves
// the token as good as it was.
func (s *Server) exchangeRefresh(w http.ResponseWriter, r *http.Request, shown *credentials, form url.Values) (*tokenResponse, error) {
	ctx, clientID := r.Context(), shown.clientID
	if form.Get("refresh_token") == "" {
		return nil, errInvalidRequest("refresh_token is missing")
	}
	t, ok := s.keys.parseRefresh(form.Get("refresh_token"))
	if !ok {
		refused := s.refuseUnknown(ctx, clientID, refreshGarbage)
		return nil, cmp.Or(s.countAddress(ctx, limitToken), refused)
	}
	counted := false
	shown.worth = func(ctx context.Context) error {
		counted = true
		return s.countGrant(ctx, t.grantID(), func(g *Grant) bool { return s.judgeRefresh(g, t, clientID, s.now()).good() })
	}
	if _, err := s.authenticate(w, r, shown); err != nil {
		return nil, err
	}
	g, err := load[Grant](ctx, s, KindGrant, t.grantID())
	if errors.Is(err, ErrNotFound) {
		return nil, s.refuseUnknown(ctx, clientID, refreshGone)
	}
	if err != nil {
		return nil, err
	}
	if !g.Revoked {
		if revived, err := s.endRevived(ctx, g.ID); revived {
			return nil, cmp.Or(err, s.refuseUnknown(ctx, clientID, refreshEnded))
		}
	}
	if v := s.judgeRefresh(g, t, clientID, s.now()); !v.good() {
		return nil, s.refuseRefresh(ctx, g, t, clientID, v)
	}
	if !counted {
		if err := s.countRefresh(ctx, g); err != nil {
			return nil, err
		}
	}
	scopes, err := s.refreshScopes(g, form)
	if err != nil {
		return nil, err
	}
	if err := s.backed(ctx, g); err != nil {
		return nil, err
	}
	return s.rotate(ctx, t, clientID, scopes)
}

// refreshScopes is the scope of the new access token: the grant's, or fewer
// (RFC 6749 §6). The grant itself never narrows.
func (s *Server) refreshScopes(g *Grant, form url.Values) ([]string, error) {
	scopes, err := parseScope(form.Get("scope"))
	if err != nil {
		return nil, err
	}
	if !covers(g.Scopes, scopes) {
		return nil, errInvalidScope("scope goes beyond what was granted")
	}
	if err := s.checkResource(form); err != nil {
		return nil, err
	}
	if len(scopes) == 0 {
		return g.Scopes, nil
	}
	return scopes, nil
}

// backed makes sure that Discord still backs a grant, and ends one that it does
// not.
func (s *Server) backed(ctx context.Context, g *Grant) error {
	_, err := s.upstreamPair(ctx, g.User.ID, g.Scopes, renewBefore)
	if !errors.Is(err, errUncovered) {
		return err
	}
	if err := s.endGrant(ctx, g.ID, "discord"); err != nil {
		return err
	}
	return s.refuseUnknown(ctx, g.ClientID, refreshUnbacked)
}

// refuseRefresh answers a token that yields nothing; theft ends the grant.
func (s *Server) refuseRefresh(ctx context.Context, g *Grant, t refreshToken, clientID string, v refreshVerdict) error {
	if v == refreshTheft {
		s.event(ctx, Event{
			Type: EventReplayed, UserID: g.User.ID, ClientID: g.ClientID, GrantID: g.ID,
			Reason: "refresh token", Generation: t.generation, Stored: g.Generation,
		})
		if err := s.endGrant(ctx, g.ID, "refresh token replayed"); err != nil {
			return err
		}
	}
	if v == refreshForked {
		s.storeOlder(ctx, g, t.generation, g.Generation)
	}
	return s.refuseUnknown(ctx, clientID, v)
}

// refuseUnknown answers a token of which nothing is to be changed.
func (s *Server) refuseUnknown(ctx context.Context, clientID string, v refreshVerdict) error {
	s.counters.refreshed(v)
	s.refused(ctx, clientID, "refresh token", string(v))
	return errInvalidGrant()
}

// rotate judges once more, and writes, in one step: of any number of requests
// with one token the first makes the successor and the others get the same.
func (s *Server) rotate(ctx context.Context, t refreshToken, clientID string, scopes []string) (*tokenResponse, error) {
	next := newRefreshToken(t.grant, t.generation+1)
	sealed, err := s.keys.sealSuccessor(t, next)
	if err != nil {
		return nil, err
	}
	now := s.now()
	expires := s.accessEnd(now)
	var (
		g       *Grant
		stored  uint32 // the generation before
		verdict refreshVerdict
	)
	err = update(ctx, s, KindGrant, t.grantID(), func(old *Grant) (*Grant, time.Time, error) {
		g, verdict = old, refreshEnded
		if old == nil {
			return nil, time.Time{}, errUnchanged
		}
		stored, verdict = old.Generation, s.judgeRefresh(old, t, clientID, now)
		switch {
		case verdict == refreshRotate, verdict == refreshNewer:
			old.Generation, old.PrevHash, old.Hash = next.generation, t.hash(), next.hash()
			old.Successor, old.RotatedAt, old.Confirmed = sealed, now, false
		case verdict != refreshRepeat, !expires.After(old.AccessUntil):
			return nil, time.Time{}, errUnchanged
		}
		old.LastUsed = now
		if expires.After(old.AccessUntil) {
			old.AccessUntil = expires
		}
		return old, s.grantEnd(old), nil
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return nil, err
	}
	if !verdict.good() {
		if g == nil {
			g = &Grant{ID: t.grantID(), ClientID: clientID}
		}
		return nil, s.refuseRefresh(ctx, g, t, clientID, verdict)
	}
	kind := EventRefreshed
	switch verdict {
	case refreshRepeat:
		kind = EventRepeated
		if next, err = s.keys.openSuccessor(t, g.Successor); err != nil {
			return nil, err
		}
	case refreshNewer:
		s.storeOlder(ctx, g, t.generation, stored)
	}
	s.mem.drop(g.ID)
	s.touch(ctx, g)
	s.counters.refreshed(verdict)
	s.event(ctx, Event{Type: kind, UserID: g.User.ID, ClientID: g.ClientID, GrantID: g.ID, Scopes: scopes, Generation: g.Generation})
	return s.answerTokens(g, next, scopes, now, expires)
}

// touch keeps what is kept about a grant elsewhere up to date, once a day.
func (s *Server) touch(ctx context.Context, g *Grant) {
	if err := s.keepClient(ctx, g.ClientID, s.grantEnd(g)); err != nil {
		s.log.WarnContext(ctx, "client not kept yet", "client_id", g.ClientID, "error", err)
	}
	up, err := load[Upstream](ctx, s, KindUpstream, g.User.ID)
	if err == nil {
		listed := slices.ContainsFunc(up.Grants, func(ref GrantRef) bool {
			return ref.ID == g.ID && g.LastUsed.Sub(ref.LastUsed) < refAge
		})
		if listed {
			return
		}
		err = s.listGrant(ctx, g, nil)
	}
	if err != nil {
		s.log.WarnContext(ctx, "grant not listed yet", "grant_id", g.ID, "error", err)
	}
}
