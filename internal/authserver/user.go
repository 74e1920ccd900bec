package authserver

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// userFresh is how old what we know of a user may be before Discord is asked.
const userFresh = 24 * time.Hour

// userRetry is how long after a failure Discord is not asked again.
const userRetry = time.Minute

// CurrentUser returns the user of an identity, at most a day old where Discord
// answers: what it answers is kept in the grant. Where it does not, what was
// known stays good. The error is ErrInvalidToken where the grant has ended.
func (s *Server) CurrentUser(ctx context.Context, id *Identity) (User, error) {
	now := s.now()
	if now.Sub(id.User.At) < userFresh {
		return id.User, nil
	}
	key := "user " + id.GrantID
	if s.mem.failed(key, now) != nil {
		return id.User, nil
	}
	err := s.mem.flight(ctx, key, func(ctx context.Context) error { return s.askUser(ctx, id) })
	if errors.Is(err, ErrInvalidToken) {
		return User{}, err
	}
	if err != nil {
		s.log.WarnContext(ctx, "user not asked from discord", "user_id", id.User.ID, "error", err)
		s.mem.fail(key, now, userRetry, err)
		return id.User, nil
	}
	g, err := load[Grant](ctx, s, KindGrant, id.GrantID)
	if err != nil || g.Revoked {
		return id.User, nil
	}
	user := g.User
	if !slices.Contains(id.Scopes, scopeEmail) {
		user.Email, user.Verified = "", false
	}
	return user, nil
}

// askUser asks Discord for the user of a grant and keeps the answer.
func (s *Server) askUser(ctx context.Context, id *Identity) error {
	g, err := load[Grant](ctx, s, KindGrant, id.GrantID)
	if errors.Is(err, ErrNotFound) || err == nil && g.Revoked {
		return ErrInvalidToken
	}
	if err != nil {
		return err
	}
	if s.now().Sub(g.User.At) < userFresh {
		return nil
	}
	pair, err := s.upstreamPair(ctx, g.User.ID, g.Scopes, 0)
	if errors.Is(err, errUncovered) {
		return s.endUncovered(ctx, g.ID)
	}
	if err != nil {
		return err
	}
	call, cancel := context.WithTimeout(ctx, discordTimeout)
	defer cancel()
	answer, err := s.cfg.Discord.CurrentUser(call, discord.Secret(pair.AccessToken))
	if err != nil {
		return err
	}
	if answer.ID != g.User.ID {
		return errors.New("another user named by Discord")
	}
	user := User{
		ID:         answer.ID,
		Username:   answer.Username,
		GlobalName: answer.GlobalName,
		Avatar:     answer.Avatar,
		At:         s.now(),
	}
	if slices.Contains(g.Scopes, scopeEmail) { // whatever the token may do
		user.Email, user.Verified = answer.Email, answer.Verified
	}
	err = update(ctx, s, KindGrant, g.ID, func(old *Grant) (*Grant, time.Time, error) {
		if old == nil || old.Revoked {
			return nil, time.Time{}, errUnchanged
		}
		old.User = user
		return old, s.grantEnd(old), nil
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return err
	}
	s.mem.drop(g.ID)
	return nil
}
