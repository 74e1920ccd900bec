package client

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// AccessToken gives the access token for cfg.Server: the given one, or the one
// of the saved sign-in, which is renewed when it has ended or has less than
// atLeast to live. It never signs in, and does not ask the MCP server.
//
// No token that lives so long is an error of KindAuth.
func AccessToken(ctx context.Context, cfg Config, atLeast time.Duration) (string, error) {
	cfg.SignIn = false
	s, err := newSigner(cfg)
	if err != nil {
		return "", err
	}
	defer s.done()
	if s.cfg.AccessToken == "" && s.cfg.given() {
		return "", &Error{Kind: KindUsage, Message: "the token is in the given Authorization header already", Hint: "leave that header out to see the saved one"}
	}
	if token := s.cfg.AccessToken; token != "" {
		return token, s.lives(jwtExpiry(token), atLeast)
	}
	if err := s.load(ctx); err != nil {
		return "", err
	}
	// Twice: what another process renewed meanwhile may have too little left.
	for range 2 {
		session := s.current()
		if session == nil || session.AccessToken == "" && !renewable(session) {
			return "", s.signedOut(session)
		}
		short := s.lives(session.Expiry, atLeast) != nil
		if !renewable(session) || s.alive(session) && !short {
			break
		}
		if ok, err := s.renew(ctx, session.AccessToken); err != nil {
			return "", err
		} else if !ok {
			return "", s.signedOut(s.current())
		}
	}
	token := s.bearer()
	if token == "" {
		return "", s.signedOut(s.current())
	}
	return token, s.lives(s.current().Expiry, atLeast)
}

// lives is an error where a token does not live so long; one that does not say
// when it ends does.
func (s *signer) lives(expiry time.Time, atLeast time.Duration) error {
	left := expiry.Sub(s.cfg.Now())
	if expiry.IsZero() || atLeast <= 0 || left >= atLeast {
		return nil
	}
	return &Error{
		Kind: KindAuth, Message: "the access token of " + s.server + " lives for " + max(left, 0).Truncate(time.Second).String() + ", and none that lives longer can be had",
		Hint: "ask for less with --min-ttl",
	}
}

// SaveToken keeps an access token that the user brings, once cfg.Server has
// accepted it. It replaces one that was kept so before; where there is a
// sign-in, it is an error of KindUsage: its tokens would never be revoked.
func SaveToken(ctx context.Context, cfg Config, token string) (*Identity, error) {
	cfg.SignIn, cfg.ClientCredentials, cfg.AccessToken = false, false, token
	c, err := newConn(cfg)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s := c.signer
	key := tokencache.Key{Resource: s.server, Issuer: tokencache.Given}
	former, err := s.replaceable(ctx, key)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Cache.Unlock(ctx, key); err != nil {
		return nil, s.cacheError(err)
	}
	if err := c.run(ctx, nil); err != nil {
		var refused *challenge
		var own *Error
		if errors.As(err, &refused) && refused.status == http.StatusUnauthorized && errors.As(err, &own) {
			own.Hint = "get a new one where this one came from, or run {program} connect " + s.server + " to sign in"
		}
		return nil, err
	}
	session := &tokencache.Session{
		Resource: key.Resource, Issuer: key.Issuer, AccessToken: token, Expiry: jwtExpiry(token), SignedInAt: s.cfg.Now().UTC(),
	}
	if err := s.cfg.Cache.Save(context.WithoutCancel(ctx), session); err != nil {
		return nil, s.cacheError(err)
	}
	if err := s.remember(session); err != nil {
		return nil, err
	}
	if former != key && former.Issuer != "" {
		if err := s.cfg.Cache.Delete(context.WithoutCancel(ctx), former); err != nil {
			return nil, s.cacheError(err)
		}
	}
	s.adopt(session)
	identity := c.Identity()
	return &identity, nil
}

// replaceable is where the saved sign-in is, which a given token may replace: it
// has no tokens any more, or is itself one that was given.
func (s *signer) replaceable(ctx context.Context, given tokencache.Key) (tokencache.Key, error) {
	former, err := s.key()
	if err != nil || former == given || former.Issuer == "" {
		return former, err
	}
	session, err := s.read(ctx, former)
	if err != nil || session == nil || session.AccessToken+session.RefreshToken == "" {
		return former, err
	}
	return former, &Error{
		Kind: KindUsage, Message: "there is a sign-in to " + s.server + " already",
		Hint: "run {program} logout " + s.server + " first, which revokes it",
	}
}
