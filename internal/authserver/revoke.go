package authserver

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// revokeTimeout bounds the call that tells Discord, and how long a client waits
// for it: its own logout is done by then.
const revokeTimeout = 5 * time.Second

// serveRevoke is POST /revoke (RFC 7009). Either token ends the whole grant. A
// token that is not this client's, or not one at all, has no effect, and
// nobody is told which it was (§2.2).
func (s *Server) serveRevoke(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	form, err := postForm(w, r)
	if err != nil {
		return err
	}
	shown, err := clientCredentials(w, r, form)
	if err != nil {
		return err
	}
	if form.Get("token") == "" {
		return errInvalidRequest("token is missing")
	}
	grantID := s.grantOf(form.Get("token"))
	shown.worth = func(ctx context.Context) error {
		if grantID == "" { // counted
			return nil
		}
		return s.countGrant(ctx, grantID, func(g *Grant) bool { return !g.Revoked && g.ClientID == shown.clientID })
	}
	if grantID == "" {
		if err := s.countAddress(ctx, limitToken); err != nil {
			return err
		}
	}
	if _, err := s.authenticate(w, r, shown); err != nil {
		return err
	}
	if grantID == "" {
		w.WriteHeader(http.StatusOK)
		return nil
	}
	g, err := load[Grant](ctx, s, KindGrant, grantID)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return err
	case g.ClientID != shown.clientID:
		s.refused(ctx, shown.clientID, "revocation", "other client")
	default:
		if err := s.endGrant(ctx, g.ID, "revoked by its client"); err != nil {
			return err
		}
		s.tellDiscord(ctx, g.User.ID)
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// grantOf is the grant of an authentic token, "" for anything else. The hint
// about the type is not needed: ours tell themselves apart.
func (s *Server) grantOf(token string) string {
	if strings.HasPrefix(token, refreshPrefix) {
		if t, ok := s.keys.parseRefresh(token); ok {
			return t.grantID()
		}
		return ""
	}
	c, err := s.parseAccess(token, s.now())
	if err != nil {
		return ""
	}
	return c.GrantID
}

// tellDiscord ends a user's tokens at Discord once no grant here needs them.
// Discord ends all of them at once, so it is told with the last grant only, and
// under the lease of sign-ins and renewals. What Discord answers changes
// nothing: the grant has ended, and we forget the tokens.
func (s *Server) tellDiscord(ctx context.Context, userID string) {
	ctx, stop := context.WithTimeout(ctx, revokeTimeout)
	defer stop()
	err := s.mem.flight(ctx, "revoke "+userID, func(ctx context.Context) error {
		if err := s.forgetEnded(ctx, userID); err != nil {
			return err
		}
		up, lease, err := s.lease(ctx, userID, func(up *Upstream) bool {
			now := s.now()
			pending := slices.ContainsFunc(up.SigningIn, now.Before)
			return len(up.Grants) == 0 && len(up.Pairs) > 0 && !pending
		})
		if errors.Is(err, errUnwanted) {
			return nil
		}
		if err != nil {
			return err
		}
		newest := slices.MaxFunc(up.Pairs, func(a, b UpstreamPair) int { return a.Expires.Compare(b.Expires) })
		told := up.Pairs
		call, cancel := context.WithTimeout(ctx, revokeTimeout)
		defer cancel()
		revokeErr := s.cfg.Discord.Revoke(call, discord.Secret(newest.RefreshToken))
		s.release(ctx, userID, lease, func(up *Upstream) {
			up.Pairs = slices.DeleteFunc(up.Pairs, func(p UpstreamPair) bool { return slices.Contains(refreshTokens(told), p.RefreshToken) })
			up.RevokedAt = s.now()
		})
		return revokeErr
	})
	if err != nil {
		s.log.WarnContext(ctx, "discord not told of the logout", "user_id", userID, "error", err)
	}
}

func refreshTokens(pairs []UpstreamPair) []string {
	tokens := make([]string, len(pairs))
	for i, p := range pairs {
		tokens[i] = p.RefreshToken
	}
	return tokens
}

// forgetEnded takes grants from a user's list that have ended without it.
func (s *Server) forgetEnded(ctx context.Context, userID string) error {
	up, err := load[Upstream](ctx, s, KindUpstream, userID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, ref := range up.Grants {
		g, err := load[Grant](ctx, s, KindGrant, ref.ID)
		switch {
		case errors.Is(err, ErrNotFound), err == nil && g.Revoked:
			s.forgetGrant(ctx, userID, ref.ID)
		case err != nil:
			return err
		}
	}
	return nil
}
