package authserver

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// discordTimeout bounds one call to Discord.
const discordTimeout = 10 * time.Second

// Times for which a call is not repeated that will not work soon.
const (
	credentialsRetry = time.Minute // our secret is wrong
	unrenewableRetry = maxRetry    // the refresh token is dead, the access token lives
)

var errUnrenewable = errors.New("refresh token is dead at Discord, its access token lives")

// renew makes Discord replace a pair, once for everybody who asks. nil means
// that the record has changed, by us or by others, and is to be read again. A
// pair that Discord declares dead is dropped, and with it the grants that
// depend on it: that is nil, too. The error is a 503 *Error; one of Discord's is
// remembered until it may be asked again.
//
// Rejected says that the API refused the access token twice.
func (s *Server) renew(ctx context.Context, userID string, pair UpstreamPair, rejected bool) error {
	key := "renew " + userID + " " + hashID(pair.RefreshToken)
	if rejected {
		key = "check " + key
	}
	if err := s.mem.failed(key, s.now()); err != nil {
		return err
	}
	return s.mem.flight(ctx, key, func(ctx context.Context) error {
		if err := s.mem.failed(key, s.now()); err != nil {
			return err // of the flight before this one
		}
		err := s.renewLeased(ctx, userID, pair, rejected)
		// What the store could not do may work the next time.
		_, refused := errors.AsType[*discord.Error](err)
		if e, ok := errors.AsType[*Error](err); ok && (refused || errors.Is(err, errUnrenewable)) {
			s.mem.fail(key, s.now(), e.RetryAfter, err)
		}
		return err
	})
}

// renewLeased is one flight of renew. Whatever kills it between Discord's
// answer and the store costs the pair at most: the next renewal finds the
// refresh token dead, and its user signs in once more.
func (s *Server) renewLeased(ctx context.Context, userID string, pair UpstreamPair, rejected bool) error {
	_, lease, err := s.lease(ctx, userID, func(up *Upstream) bool {
		p := up.pair(pair.RefreshToken)
		return p != nil && p.AccessToken == pair.AccessToken
	})
	if errors.Is(err, errUnwanted) {
		return nil
	}
	if err != nil {
		return err
	}
	if rejected {
		// A 401 at random is none.
		if dead, err := s.dead(ctx, pair); !dead {
			s.release(ctx, userID, lease, nil)
			return err
		}
	}
	err = s.replace(ctx, userID, pair)
	if !errors.Is(err, discord.ErrInvalidGrant) {
		s.release(ctx, userID, lease, nil)
		return err
	}
	if !rejected {
		if dead, err := s.dead(ctx, pair); !dead {
			s.release(ctx, userID, lease, nil)
			if err == nil {
				err = errUnavailable(errUnrenewable, unrenewableRetry)
			}
			return err
		}
	}
	return s.bury(ctx, userID, lease, pair)
}

// replace has one pair refreshed and stores the answer, even after the lease,
// as long as the refresh token that was sent is still the stored one. It keeps
// the lease. The error is discord.ErrInvalidGrant or a 503 *Error.
func (s *Server) replace(ctx context.Context, userID string, pair UpstreamPair) error {
	call, cancel := context.WithTimeout(ctx, discordTimeout)
	defer cancel()
	tok, err := s.cfg.Discord.Refresh(call, discord.Secret(pair.RefreshToken))
	if errors.Is(err, discord.ErrInvalidGrant) {
		return discord.ErrInvalidGrant
	}
	if err != nil {
		return s.discordError(ctx, err)
	}
	next := newPair(tok, s.now())
	if len(next.Scopes) == 0 { // the answer did not say: the same (RFC 6749 §5.1)
		next.Scopes = pair.Scopes
	}
	err = s.keep(ctx, func(ctx context.Context) error {
		return s.updateUpstream(ctx, userID, func(up *Upstream) error {
			if up.pair(pair.RefreshToken) == nil {
				return errUnwanted // a sign-in came in between: its pair is newer
			}
			up.put(next, func(p UpstreamPair) bool { return p.RefreshToken == pair.RefreshToken })
			return nil
		})
	})
	if errors.Is(err, errUnwanted) {
		return nil
	}
	return err
}

// dead asks Discord about a pair's access token: two 401s in a row (the client
// repeats the first) are needed to end anything. An error means that Discord
// did not say.
func (s *Server) dead(ctx context.Context, pair UpstreamPair) (bool, error) {
	call, cancel := context.WithTimeout(ctx, discordTimeout)
	defer cancel()
	_, err := s.cfg.Discord.CurrentAuthorization(call, discord.Secret(pair.AccessToken))
	if errors.Is(err, discord.ErrUnauthorized) {
		return true, nil
	}
	if err != nil {
		return false, s.discordError(ctx, err)
	}
	return false, nil
}

// bury drops a pair that Discord declared dead, under the lease, and ends the
// grants that no other pair covers. The user's other pairs are looked at
// first: Discord may have ended them with this one, or may widen one of them.
//
// The grants end before the pair goes, so that a crash in between leaves a
// pair that is found dead again, never a grant without one.
func (s *Server) bury(ctx context.Context, userID, lease string, pair UpstreamPair) error {
	up, err := load[Upstream](ctx, s, KindUpstream, userID)
	if err != nil || up.pair(pair.RefreshToken) == nil {
		s.release(ctx, userID, lease, nil)
		return err
	}
	buried := []string{pair.RefreshToken}
	for _, p := range up.Pairs {
		if p.RefreshToken == pair.RefreshToken {
			continue
		}
		gone, err := s.examine(ctx, userID, p, buried)
		if err != nil {
			s.release(ctx, userID, lease, nil)
			return err
		}
		if gone {
			buried = append(buried, p.RefreshToken)
		}
	}
	if up, err = load[Upstream](ctx, s, KindUpstream, userID); err != nil {
		s.release(ctx, userID, lease, nil)
		return err
	}
	uncovered := up.uncovered(buried)
	for _, ref := range uncovered {
		if err := s.endGrant(ctx, ref.ID, "discord"); err != nil {
			s.release(ctx, userID, lease, nil)
			return err
		}
	}
	s.log.WarnContext(ctx, "discord tokens dead", "user_id", userID, "pairs", len(buried), "grants_ended", len(uncovered))
	s.release(ctx, userID, lease, func(up *Upstream) {
		up.Pairs = slices.DeleteFunc(up.Pairs, func(p UpstreamPair) bool { return slices.Contains(buried, p.RefreshToken) })
	})
	return nil
}

// examine says whether a pair is dead, too. One that lives is refreshed if
// grants depend on it that it does not cover: without a scope parameter Discord
// may answer with all that the user ever allowed.
func (s *Server) examine(ctx context.Context, userID string, pair UpstreamPair, buried []string) (bool, error) {
	gone, err := s.dead(ctx, pair)
	if err != nil {
		return false, nil // nothing is known: it counts as alive
	}
	if !gone {
		up, err := load[Upstream](ctx, s, KindUpstream, userID)
		if err != nil {
			return false, err
		}
		if len(up.uncovered(buried)) == 0 {
			return false, nil
		}
	}
	err = s.replace(ctx, userID, pair)
	if errors.Is(err, discord.ErrInvalidGrant) {
		return gone, nil
	}
	return false, nil
}

// uncovered are the grants that no pair covers once some are buried.
func (up *Upstream) uncovered(buried []string) []GrantRef {
	rest := Upstream{Pairs: slices.DeleteFunc(slices.Clone(up.Pairs), func(p UpstreamPair) bool {
		return slices.Contains(buried, p.RefreshToken)
	})}
	return slices.DeleteFunc(slices.Clone(up.Grants), func(ref GrantRef) bool { return rest.covering(ref.Scopes) != nil })
}

// discordError is the 503 for a call that Discord did not answer. Our
// credentials being refused is one for whoever runs this server.
func (s *Server) discordError(ctx context.Context, err error) *Error {
	var retry time.Duration
	if e, ok := errors.AsType[*discord.Error](err); ok {
		retry = e.RetryAfter
	}
	if errors.Is(err, discord.ErrInvalidClient) {
		s.log.ErrorContext(ctx, "discord refuses our credentials", "error", err, "alarm", true)
		retry = credentialsRetry
	}
	return errUnavailable(err, retry)
}
