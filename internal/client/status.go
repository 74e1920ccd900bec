package client

import (
	"context"
	"errors"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// identity is the sign-in in use, without secrets.
func (s *signer) identity() Identity {
	identity := Identity{Server: s.server}
	if session := s.current(); session != nil {
		identity.Issuer, identity.ClientID, identity.Grant = session.Issuer, session.ClientID, session.Grant
		identity.UserID, identity.Username, identity.GlobalName = session.User.ID, session.User.Username, session.User.GlobalName
		identity.Scopes = append([]string(nil), session.Scopes...)
		identity.Expiry = session.Expiry
		if session.Issuer == tokencache.Given {
			identity.Issuer, identity.Given = "", true
		}
	}
	return identity
}

// Status says who is signed in to cfg.Server, and asks the server whether it
// still is so: with the request that opens a session, server/discover, and with
// what follows where the server is of an older generation. It renews an access
// token that has ended and never signs in.
//
// No sign-in, or one that has ended here or there, is an error of KindAuth.
// When the server could not be asked there are both: the saved identity, and
// the error that says why.
func Status(ctx context.Context, cfg Config) (*Identity, error) {
	cfg.SignIn = false
	c, err := newConn(cfg)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	s := c.signer
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	session := s.current()
	if !s.cfg.given() && (session == nil || session.AccessToken == "" && !renewable(session)) {
		return nil, s.signedOut(session)
	}
	s.cfg.ClientCredentials = false // to renew is all that is allowed here
	err = c.run(ctx, nil)
	var own *Error
	switch {
	case err == nil && !s.cfg.given() && s.bearer() == "":
		return nil, s.signedOut(s.current()) // it ended, and this server answers strangers too
	case err == nil:
		identity := c.Identity()
		return &identity, nil
	case !errors.As(err, &own) || own.Kind != KindUnavailable && own.Kind != KindFailure:
		return nil, err
	}
	identity := c.Identity()
	return &identity, &Error{Kind: own.Kind, Message: "the sign-in could not be confirmed: " + own.Message, Hint: own.Hint, Err: err}
}

// Logout ends the sign-in to cfg.Server: it is revoked at the server (RFC
// 7009), and then everything that is kept of it is deleted, the registration
// and the server's entry included. When the server cannot be told, everything
// is deleted all the same and the error says so. No sign-in is no error.
func Logout(ctx context.Context, cfg Config) error {
	s, err := newSigner(cfg)
	if err != nil {
		return err
	}
	defer s.done()
	return s.logout(ctx)
}

func (s *signer) logout(ctx context.Context) error {
	key, err := s.key()
	if err != nil {
		return err
	}
	if key.Issuer == "" {
		return s.forget(s.server)
	}
	if _, err := s.read(ctx, key); err != nil { // meets a keychain's prompt before the lock
		return err
	}
	unlock, err := s.lockSoon(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	session, err := s.read(ctx, key)
	if err != nil {
		return err
	}
	var told error
	if session != nil {
		told = s.revoke(ctx, session)
	}
	// Deleting must not fail because the server took all the time there was.
	// What cannot be read goes too.
	if err := s.cfg.Cache.Delete(context.WithoutCancel(ctx), key); err != nil {
		return s.cacheError(err)
	}
	if err := s.forget(s.server, key.Resource); err != nil {
		return err
	}
	if told == nil {
		s.log.Info("signed out", "server", s.server)
		return nil
	}
	kind := KindUnavailable
	var own *Error
	if !errors.As(told, &own) {
		kind = KindFailure // it was told, and refused
	}
	return &Error{
		Kind: kind, Message: "signed out here, but " + s.url.Host + " could not be told: " + brief(told.Error()),
		Hint: "the sign-in ends there by itself; nothing of it is left on this computer", Err: told,
	}
}

func (s *signer) forget(urls ...string) error {
	for _, url := range urls {
		if err := s.cfg.Cache.Forget(url); err != nil {
			return s.cacheError(err)
		}
	}
	return nil
}
