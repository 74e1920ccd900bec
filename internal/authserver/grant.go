package authserver

import (
	"context"
	"errors"
	"slices"
	"time"
)

// refAge is how far the times in an Upstream's grants and in a Client may lag
// behind: they are written once a day, not at every refresh.
const refAge = 24 * time.Hour

// grantEnd is when a live grant is over unless it is refreshed.
func (s *Server) grantEnd(g *Grant) time.Time { return g.LastUsed.Add(s.cfg.GrantTTL) }

// accessEnd is when an access token issued now expires: never after its grant.
// JWTs count whole seconds.
func (s *Server) accessEnd(now time.Time) time.Time {
	return now.Add(min(s.cfg.AccessTokenTTL, s.cfg.GrantTTL)).Truncate(time.Second)
}

// tombstone makes a grant a revoked one: nothing is left that opens anything.
// It is nil where no access token needs one any more.
func (s *Server) tombstone(g *Grant) (*Grant, time.Time) {
	g.Revoked = true
	g.Hash, g.PrevHash, g.Successor = nil, nil, nil
	g.User = User{ID: g.User.ID}
	if !s.now().Before(g.AccessUntil) {
		return nil, time.Time{}
	}
	return g, g.AccessUntil
}

// reasonEvicted is the one reason for which a grant ends that is nobody's doing.
const reasonEvicted = "too many grants"

// endGrant revokes a grant. It is done when the tombstone is written: the rest
// is found and made good at the next look at the user. An error means that the
// grant still lives.
func (s *Server) endGrant(ctx context.Context, id, reason string) error {
	var ended *Grant
	err := update(ctx, s, KindGrant, id, func(old *Grant) (*Grant, time.Time, error) {
		ended = nil
		if old == nil || old.Revoked {
			return nil, time.Time{}, errUnchanged
		}
		ended = old
		next, until := s.tombstone(old)
		return next, until, nil
	})
	if errors.Is(err, errUnchanged) {
		return nil
	}
	// Whatever became of the write: the next look reads the store.
	s.mem.drop(id)
	if err != nil {
		return err
	}
	s.mem.ended.Add(id, struct{}{})
	kind := EventRevoked
	if reason == reasonEvicted {
		kind = EventEvicted
	}
	s.grantEvent(ctx, kind, ended, reason)
	s.forgetGrant(ctx, ended.User.ID, id)
	return nil
}

// reasonRevived is why a grant ends that a restored store, or a replica that
// took over, has brought back to life.
const reasonRevived = "revoked before, and lost by the store"

// endRevived ends a grant once more that lives in the store, and of which this
// process knows that it was revoked. It says whether there was need.
func (s *Server) endRevived(ctx context.Context, id string) (bool, error) {
	if !s.mem.ended.Contains(id) {
		return false, nil
	}
	return true, s.endGrant(ctx, id, reasonRevived)
}

// forgetGrant takes a grant that has ended from its user's list. What it
// cannot do now is harmless: a listed grant is looked at before it counts.
func (s *Server) forgetGrant(ctx context.Context, userID, grantID string) {
	err := s.updateUpstream(ctx, userID, func(up *Upstream) error {
		n := len(up.Grants)
		up.Grants = slices.DeleteFunc(up.Grants, func(ref GrantRef) bool { return ref.ID == grantID })
		if len(up.Grants) == n {
			return errUnchanged
		}
		return nil
	})
	if err != nil && !errors.Is(err, errUnchanged) && !errors.Is(err, ErrNotFound) {
		s.log.WarnContext(ctx, "ended grant still listed", "grant_id", grantID, "error", err)
	}
}

// listGrant puts a grant on its user's list, or renews its time there, and
// ends the least recently used grants beyond MaxGrants. code is that of the
// sign-in, which Upstream.SigningIn waits for, nil later on; errDeauthorized
// means that it is not good any more.
//
// The grant is stored before it is listed. One that a crash left unlisted is
// listed by its next refresh; one whose answer was lost ends unused.
func (s *Server) listGrant(ctx context.Context, g *Grant, code *AuthorizationCode) error {
	now := s.now()
	var grants []GrantRef
	err := s.updateUpstream(ctx, g.User.ID, func(up *Upstream) error {
		if code != nil && !code.IssuedAt.After(up.DeauthorizedAt) {
			return errDeauthorized
		}
		up.Grants = slices.DeleteFunc(up.Grants, func(ref GrantRef) bool {
			return ref.ID == g.ID || !now.Before(ref.LastUsed.Add(s.cfg.GrantTTL+refAge))
		})
		up.Grants = append(up.Grants, GrantRef{ID: g.ID, Scopes: g.Scopes, LastUsed: g.LastUsed})
		if code != nil && len(up.SigningIn) > 0 {
			up.SigningIn = up.SigningIn[1:]
		}
		grants = up.Grants
		return nil
	})
	if err != nil {
		return err
	}
	if len(grants) > MaxGrants {
		s.endOldest(ctx, grants)
	}
	return nil
}

// endOldest ends the least recently used of a user's grants beyond MaxGrants.
// The times in the list are a day coarse, so the grants themselves are asked.
func (s *Server) endOldest(ctx context.Context, refs []GrantRef) {
	grants := make([]*Grant, 0, len(refs))
	for _, ref := range refs {
		g, err := load[Grant](ctx, s, KindGrant, ref.ID)
		if errors.Is(err, ErrNotFound) {
			g = &Grant{ID: ref.ID, Revoked: true}
		} else if err != nil {
			s.log.WarnContext(ctx, "too many grants of a user", "error", err)
			return
		}
		grants = append(grants, g)
	}
	slices.SortStableFunc(grants, func(a, b *Grant) int {
		if a.Revoked != b.Revoked { // what has ended already goes first
			if a.Revoked {
				return -1
			}
			return 1
		}
		return a.LastUsed.Compare(b.LastUsed)
	})
	userID := grants[len(grants)-1].User.ID
	for _, g := range grants[:len(grants)-MaxGrants] {
		if g.Revoked {
			s.forgetGrant(ctx, userID, g.ID)
			continue
		}
		if err := s.endGrant(ctx, g.ID, reasonEvicted); err != nil {
			s.log.WarnContext(ctx, "too many grants of a user", "error", err)
		}
	}
}
