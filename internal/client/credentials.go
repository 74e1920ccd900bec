package client

import (
	"context"
	"net/url"
	"strings"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// clientCredentials is the grant by which a client gets tokens for itself (RFC
// 6749, section 4.4).
const clientCredentials = "client_credentials"

// signInAsClient is browse without a user.
func (s *signer) signInAsClient(ctx context.Context, a *authority, prev *tokencache.Session, ch *challenge) (*tokencache.Session, error) {
	session, err := s.register(ctx, a, "")
	if err != nil {
		return nil, err
	}
	session.Grant, session.Scopes = clientCredentials, s.wanted(a, prev, ch)
	s.debug.hideSession(session)
	if err := s.asClient(ctx, session); err != nil {
		return nil, s.refusal(err)
	}
	if err := s.keep(ctx, session); err != nil {
		return nil, err
	}
	s.log.Info("signed in as the client itself", "server", s.server, "issuer", session.Issuer, "client_id", session.ClientID)
	s.tell(Event{Kind: EventSignedIn, Text: PrintableLine(session.ClientID)})
	return session, nil
}

// asClient puts a token for the client itself, with the session's scopes, into
// the session. A refresh token is not kept (RFC 6749, section 4.4.3): asking
// again is as good.
func (s *signer) asClient(ctx context.Context, session *tokencache.Session) error {
	form := url.Values{"grant_type": {clientCredentials}, "resource": {session.Resource}}
	if len(session.Scopes) > 0 {
		form.Set("scope", strings.Join(session.Scopes, " "))
	}
	err := s.grant(ctx, session, form)
	session.RefreshToken = ""
	return err
}
