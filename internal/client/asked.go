package client

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// What the user asks a connection for, besides its operations.

// SignIn takes the user through a sign-in, also where there is one already, and
// for these scopes besides those that were granted. Config.SignIn is not needed.
func (c *Conn) SignIn(ctx context.Context, scopes []string) error {
	s := c.signer
	if s.cfg.given() {
		return s.isGiven()
	}
	ch := &challenge{status: http.StatusUnauthorized, scopes: union(scopes), bearer: s.bearer()}
	if len(scopes) > 0 && ch.bearer != "" {
		ch.status, ch.code = http.StatusForbidden, "insufficient_scope"
	}
	before := s.current()
	if err := s.signIn(ctx, s.begin(), ch); err != nil {
		return err
	}
	if now := s.current(); before != nil && now != nil && before.User.ID != now.User.ID {
		c.leave()
	}
	return nil
}

// leave ends what was somebody else's: the session, with its streams, and what
// is watched.
func (c *Conn) leave() {
	c.mu.Lock()
	session := c.session
	clear(c.watched)
	c.mu.Unlock()
	if session != nil {
		c.lose(session)
	}
}

// Renew gets a new access token, though the one that there is may be good.
func (c *Conn) Renew(ctx context.Context) error {
	s := c.signer
	if s.cfg.given() {
		return s.isGiven()
	}
	session := s.current()
	if session == nil {
		return s.signedOut(nil)
	}
	if !renewable(session) {
		return &Error{Kind: KindAuth, Message: "this sign-in cannot be renewed: its server gave nothing to do that with", SignIn: true}
	}
	ok, err := s.renew(ctx, session.AccessToken)
	if err == nil && !ok {
		return s.signedOut(s.current())
	}
	return err
}

// SignOut is [Logout] for this connection. It lives on, as nobody's.
func (c *Conn) SignOut(ctx context.Context) error {
	s := c.signer
	if s.cfg.given() {
		return s.isGiven()
	}
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	told := s.logout(ctx)
	left, err := s.saved(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	s.adopt(left)
	c.leave()
	return told
}

// quietKey marks the context of a request that Config.Exchanges does not hear of.
type quietKey struct{}

// pingPatience bounds the wait for a sign of life: it needs no work.
const pingPatience = 10 * time.Second

// Ping asks the server for a sign of life. Any answer is one. Config.Exchanges
// does not hear of it: among what the user asked for it would only be noise.
func (c *Conn) Ping(ctx context.Context) error {
	op := c.operation()
	op.limit = min(op.limit, pingPatience)
	err := c.runAs(ctx, op, func(ctx context.Context, session *mcp.ClientSession, _ *trace) error {
		err := session.Ping(context.WithValue(ctx, quietKey{}, true), nil)
		if protocolError(err) != nil {
			return nil // newer servers do not know of pings
		}
		return err
	})
	if errors.Is(err, errCallTimeout) {
		err = &Error{Kind: KindUnavailable, Message: fmt.Sprintf("%s gave no sign of life within %s", c.signer.server, op.limit), Err: err}
	}
	return err
}

// isGiven is the error for what does not go with credentials that were given.
func (s *signer) isGiven() error {
	return &Error{Kind: KindUsage, Message: "the credentials for " + s.server + " were given: there is no sign-in of ours", Hint: "leave MCPDISCORD_TOKEN and an Authorization header out to sign in"}
}
