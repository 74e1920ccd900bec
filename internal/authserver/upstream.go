package authserver

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

const (
	// renewBefore is the age at which a pair of Discord's tokens is renewed by
	// /token, before its end. Discord's live a week.
	renewBefore = 24 * time.Hour

	// signInWait is how long a sign-in waits for its tokens to be stored: a node
	// that died holding the user's lease is waited out, for Discord's code is
	// spent and its user would have to begin anew.
	signInWait = leaseWait + 10*time.Second

	// signInTime is how long after saveSignIn its code may be redeemed: the
	// life of a code and some more.
	signInTime = 2 * time.Minute

	// revokedDoubt is how long after a revocation at Discord a sign-in is
	// suspected of having come before it.
	revokedDoubt = time.Minute

	// upstreamSlack is how much longer than its grants an Upstream is kept.
	upstreamSlack = 7 * 24 * time.Hour
)

// errUncovered means that Discord does not back a user's scopes any more.
var errUncovered = errors.New("no live Discord token covers the scopes")

// UpstreamToken returns a Discord token of the user that has the scope, which
// must be one of the identity's. It renews one that has expired. The error is
// ErrInvalidToken where Discord does not back the grant any more (and the grant
// has ended), an insufficient_scope *Error, or a 503 *Error.
func (s *Server) UpstreamToken(ctx context.Context, id *Identity, scope string) (discord.Secret, error) {
	if !slices.Contains(id.Scopes, scope) {
		return "", &Error{Status: http.StatusForbidden, Code: "insufficient_scope", Description: "the access token has not the scope that this needs"}
	}
	pair, err := s.upstreamPair(ctx, id.User.ID, []string{scope}, 0)
	if errors.Is(err, errUncovered) {
		return "", s.endUncovered(ctx, id.GrantID)
	}
	if err != nil {
		return "", err
	}
	return discord.Secret(pair.AccessToken), nil
}

// UpstreamRejected reports that Discord answered 401 twice to a token of
// UpstreamToken. Discord is asked about the token, and if it is dead so is
// every grant that depends on it. nil means that it is worth to ask
// UpstreamToken again, ErrInvalidToken that the identity's grant has ended.
func (s *Server) UpstreamRejected(ctx context.Context, id *Identity, token discord.Secret) error {
	up, err := load[Upstream](ctx, s, KindUpstream, id.User.ID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if up == nil || len(up.Pairs) == 0 {
		return s.endUncovered(ctx, id.GrantID)
	}
	i := slices.IndexFunc(up.Pairs, func(p UpstreamPair) bool { return p.AccessToken == string(token) })
	if i < 0 {
		return nil // replaced since
	}
	if err := s.renew(ctx, id.User.ID, up.Pairs[i], true); err != nil {
		return err
	}
	g, err := load[Grant](ctx, s, KindGrant, id.GrantID)
	if errors.Is(err, ErrNotFound) || err == nil && g.Revoked {
		return ErrInvalidToken
	}
	return err
}

// endUncovered ends a grant that Discord does not back.
func (s *Server) endUncovered(ctx context.Context, grantID string) error {
	if err := s.endGrant(ctx, grantID, "discord"); err != nil {
		return err
	}
	return ErrInvalidToken
}

// upstreamPair returns a pair that covers the scopes. One with less than margin
// left is renewed; while it lives, that may fail. The error is errUncovered
// where no pair covers the scopes, else a 503 *Error.
func (s *Server) upstreamPair(ctx context.Context, userID string, scopes []string, margin time.Duration) (*UpstreamPair, error) {
	for range MaxPairs {
		up, err := load[Upstream](ctx, s, KindUpstream, userID)
		if errors.Is(err, ErrNotFound) {
			return nil, errUncovered
		}
		if err != nil {
			return nil, err
		}
		pair := up.covering(scopes)
		if pair == nil {
			return nil, errUncovered
		}
		now := s.now()
		if now.Add(margin).Before(pair.Expires) {
			return pair, nil
		}
		err = s.renew(ctx, userID, *pair, false)
		if err == nil {
			margin = 0 // it, or what another has put in its place, is as new as it gets
			continue
		}
		if now.Before(pair.Expires) {
			s.log.WarnContext(ctx, "discord tokens not renewed", "user_id", userID, "expires", pair.Expires, "error", err)
			return pair, nil
		}
		return nil, err
	}
	return nil, errUnavailable(errors.New("tokens of Discord keep changing"), 0)
}

// covering is the pair that covers the scopes for the longest, or nil.
func (up *Upstream) covering(scopes []string) *UpstreamPair {
	var best *UpstreamPair
	for i := range up.Pairs {
		p := &up.Pairs[i]
		if covers(p.Scopes, scopes) && (best == nil || p.Expires.After(best.Expires)) {
			best = p
		}
	}
	return best
}

// pair is the pair with a refresh token, or nil: refresh tokens are single-use,
// so they name a pair at one time.
func (up *Upstream) pair(refreshToken string) *UpstreamPair {
	for i := range up.Pairs {
		if up.Pairs[i].RefreshToken == refreshToken {
			return &up.Pairs[i]
		}
	}
	return nil
}

// put puts a new pair in. It takes the place of those that drop picks and of
// one with the same scopes; where there are too many, of the one on which the
// fewest grants depend, and among those of the first to expire. What is dropped
// is never revoked at Discord: that would end all of the user's tokens.
func (up *Upstream) put(pair UpstreamPair, drop func(UpstreamPair) bool) {
	up.Pairs = slices.DeleteFunc(up.Pairs, func(p UpstreamPair) bool {
		return drop(p) || slices.Equal(p.Scopes, pair.Scopes)
	})
	for len(up.Pairs) >= MaxPairs {
		least := slices.MinFunc(up.Pairs, func(a, b UpstreamPair) int {
			lostA, lostB := up.uncovered([]string{a.RefreshToken}), up.uncovered([]string{b.RefreshToken})
			return cmp.Or(cmp.Compare(len(lostA), len(lostB)), a.Expires.Compare(b.Expires))
		})
		up.Pairs = slices.DeleteFunc(up.Pairs, func(p UpstreamPair) bool { return p.RefreshToken == least.RefreshToken })
	}
	up.Pairs = append(up.Pairs, pair)
}

func newPair(tok *discord.Token, issued time.Time) UpstreamPair {
	return UpstreamPair{
		Scopes:       union(tok.Scopes, nil),
		AccessToken:  string(tok.AccessToken),
		RefreshToken: string(tok.RefreshToken),
		Expires:      tok.Expires,
		IssuedAt:     issued,
	}
}

// updateUpstream changes the record of a user, made where there is none. change
// is as pure as every updater; its error leaves the record as it is.
func (s *Server) updateUpstream(ctx context.Context, userID string, change func(up *Upstream) error) error {
	return update(ctx, s, KindUpstream, userID, func(old *Upstream) (*Upstream, time.Time, error) {
		up := old
		if up == nil {
			up = &Upstream{UserID: userID}
		}
		if err := change(up); err != nil {
			return nil, time.Time{}, err
		}
		now := s.now()
		up.SigningIn = slices.DeleteFunc(up.SigningIn, func(until time.Time) bool { return !now.Before(until) })
		return up, now.Add(s.cfg.GrantTTL + upstreamSlack), nil
	})
}

// saveSignIn keeps the tokens of a sign-in, before its code is issued. They
// take the place of pairs whose scopes they include, and of no others. The
// lease keeps a revocation at Discord from ending them unseen.
func (s *Server) saveSignIn(ctx context.Context, user User, tok *discord.Token) error {
	return s.mem.flightFor(ctx, signInWait, "sign-in "+string(tok.AccessToken), func(ctx context.Context) error {
		up, lease, err := s.lease(ctx, user.ID, func(*Upstream) bool { return true })
		if err != nil {
			return err
		}
		now := s.now()
		if now.Sub(up.RevokedAt) < revokedDoubt {
			_, err := s.cfg.Discord.CurrentAuthorization(ctx, tok.AccessToken)
			if err != nil {
				s.release(ctx, user.ID, lease, nil)
				return s.discordError(ctx, err)
			}
		}
		pair := newPair(tok, now)
		return s.keep(ctx, func(ctx context.Context) error {
			return s.updateUpstream(ctx, user.ID, func(up *Upstream) error {
				up.put(pair, func(p UpstreamPair) bool { return covers(pair.Scopes, p.Scopes) })
				up.SigningIn = append(up.SigningIn, now.Add(signInTime))
				if n := len(up.SigningIn) - MaxPairs; n > 0 {
					up.SigningIn = up.SigningIn[n:]
				}
				up.free(lease)
				return nil
			})
		})
	})
}
