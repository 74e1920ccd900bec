package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

const (
	// renewEarly is how long before its end an access token is renewed, or a
	// tenth of its life where that is known and shorter.
	renewEarly = time.Minute
	// expired is how much life a token must have left to be used at all, or
	// again a tenth: a server may give tokens that live for seconds.
	expired = 5 * time.Second
)

// signer holds the sign-in with one server: it gives the access token, renews
// it, and, where allowed, takes the user through a new sign-in.
type signer struct {
	cfg    Config
	log    *slog.Logger
	url    *url.URL
	server string // url as a string
	reach  reach
	mcp    *http.Client
	oauth  *http.Client
	// resource is oauth for what the MCP server itself publishes.
	resource *http.Client
	foreign  bool   // load found a sign-in of another client
	done     func() // closes idle connections

	// gate is held by the one goroutine that signs in or renews; those that
	// waited for it find its outcome.
	gate chan struct{}

	announce sync.Mutex // serializes cfg.Events
	debug    *debugger  // nil: nobody watches

	mu      sync.Mutex
	session *tokencache.Session // nil: not signed in
	early   time.Duration       // how long before its end to renew it
	ticks   uint64              // counts operations and failed sign-ins
	failed  uint64              // the tick of the last failed sign-in
	failure error               // what it failed with
}

func newSigner(cfg Config) (*signer, error) {
	cfg = cfg.withDefaults()
	u, err := parseServer(cfg.Server)
	if err != nil {
		return nil, err
	}
	if cfg.AccessToken != "" && !validToken(cfg.AccessToken) {
		return nil, &Error{Kind: KindUsage, Message: "the given access token contains characters that no token has"}
	}
	if err := cfg.checkClient(); err != nil {
		return nil, err
	}
	if err := cfg.checkHeader(); err != nil {
		return nil, err
	}
	s := &signer{cfg: cfg, log: cfg.Logger, url: u, server: u.String(), reach: reachOf(u), gate: make(chan struct{}, 1), early: renewEarly}
	mcp, oauth, done := s.reach.transports(cfg.Transport)
	s.debug = newDebugger(cfg)
	mcp, oauth = s.debug.over(mcp), s.debug.over(oauth)
	s.mcp, s.oauth, s.done = mcpClient(cfg.withHeader(mcp, u)), s.reach.oauthClient(oauth), done
	s.resource = s.reach.oauthClient(cfg.withHeader(oauth, u))
	return s, nil
}

// load finds the saved sign-in, if there is one.
func (s *signer) load(ctx context.Context) error {
	if s.cfg.given() {
		return nil
	}
	session, err := s.saved(ctx)
	if err != nil {
		return err
	}
	if !s.ours(session) {
		s.foreign, session = true, nil
	}
	s.adopt(session)
	return nil
}

// saved reads the sign-in of this server from the cache; nil: there is none.
func (s *signer) saved(ctx context.Context) (*tokencache.Session, error) {
	key, err := s.key()
	if err != nil || key.Issuer == "" {
		return nil, err
	}
	return s.read(ctx, key)
}

// key is where the sign-in of this server is, if there is one. Without an
// issuer none is known.
func (s *signer) key() (tokencache.Key, error) {
	server, _, err := s.cfg.Cache.Server(s.server)
	if err != nil {
		return tokencache.Key{}, s.cacheError(err)
	}
	return tokencache.Key{Resource: first(server.Resource, s.server), Issuer: server.Issuer}, nil
}

// read is Cache.Load with nil for a sign-in that is not there. A secret of its
// client that was replaced meanwhile is the given one.
func (s *signer) read(ctx context.Context, key tokencache.Key) (*tokencache.Session, error) {
	session, err := s.cfg.Cache.Load(ctx, key)
	if errors.Is(err, tokencache.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, s.cacheError(err)
	}
	if session.ClientSecret != "" && s.cfg.ClientSecret != "" && session.ClientID == s.cfg.ClientID {
		session.ClientSecret = s.cfg.ClientSecret
	}
	s.debug.hideSession(session)
	return session, nil
}

// cacheError puts an error of the token cache into an Error.
func (s *signer) cacheError(err error) error {
	var own *tokencache.Error
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return s.ended(err)
	case errors.As(err, &own):
		kind := KindFailure
		if errors.Is(err, tokencache.ErrKeychain) {
			kind = KindAuth
		}
		return &Error{Kind: kind, Message: own.Message, Hint: own.Hint, Err: err}
	}
	return &Error{Kind: KindFailure, Message: "the token store: " + brief(err.Error()), Err: err}
}

// adopt makes the session the one in use; nil: none.
func (s *signer) adopt(session *tokencache.Session) {
	s.debug.hideSession(session)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = session
	s.early = renewEarly
	if session == nil || session.Expiry.IsZero() {
		return
	}
	if left := session.Expiry.Sub(s.cfg.Now()); left > 0 && left/10 < s.early {
		s.early = left / 10 // right for new tokens, and merely later for old ones
	}
}

// current gives the session in use, or nil.
func (s *signer) current() *tokencache.Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.session
}

// bearer is the access token to send, or "".
func (s *signer) bearer() string {
	if s.cfg.AccessToken != "" {
		return s.cfg.AccessToken
	}
	session := s.current()
	if session == nil || !s.alive(session) {
		return ""
	}
	return session.AccessToken
}

// alive reports whether the session has an access token that can still be sent.
func (s *signer) alive(session *tokencache.Session) bool {
	if session.AccessToken == "" || session.Expiry.IsZero() {
		return session.AccessToken != ""
	}
	s.mu.Lock()
	margin := min(expired, s.early)
	s.mu.Unlock()
	return session.Expiry.Sub(s.cfg.Now()) > margin
}

// ensure renews the access token before it ends. A sign-in that turns out to
// be over is no error here: the server's challenge will tell what it wants.
func (s *signer) ensure(ctx context.Context) error {
	session := s.current()
	if session == nil || !renewable(session) {
		return nil
	}
	s.mu.Lock()
	early := s.early
	s.mu.Unlock()
	if s.alive(session) && (session.Expiry.IsZero() || session.Expiry.Sub(s.cfg.Now()) > early) {
		return nil
	}
	_, err := s.renew(ctx, session.AccessToken)
	if err != nil && s.alive(session) && ctx.Err() == nil {
		s.log.Warn("could not renew the access token, using it to its end", "server", s.server)
		return nil
	}
	return err
}

// enter takes the gate.
func (s *signer) enter(ctx context.Context) error {
	select {
	case s.gate <- struct{}{}:
		return nil
	case <-ctx.Done():
		return s.ended(ctx.Err())
	}
}

// leave gives it back.
func (s *signer) leave() { <-s.gate }

// renew replaces the access token bad, by what another goroutine or process
// already got or by a refresh. ok is false when only a sign-in can help.
func (s *signer) renew(ctx context.Context, bad string) (ok bool, err error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.leave()
	session := s.current()
	if session == nil {
		return false, nil
	}
	if session.AccessToken != bad && s.alive(session) {
		return true, nil
	}
	unlock, err := s.lockSoon(ctx, session.Key())
	if err != nil {
		return false, err
	}
	defer unlock()
	saved, err := s.read(ctx, session.Key())
	if err != nil {
		return false, err
	}
	if saved == nil || !s.ours(saved) {
		s.adopt(nil) // signed out by another process, or in as another client
		return false, nil
	}
	if saved.AccessToken != bad {
		s.adopt(saved) // first: how long it lives says how much must be left
		if s.alive(saved) {
			s.log.Debug("adopted the token of another process", "server", s.server)
			return true, nil
		}
	}
	if !renewable(saved) {
		s.adopt(saved)
		return false, nil
	}
	return s.refresh(ctx, saved)
}

// lockSoon takes the cross-process lock of a sign-in. A process that signs in
// holds it for minutes; who merely renews or signs out does not wait that long.
func (s *signer) lockSoon(ctx context.Context, key tokencache.Key) (unlock func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	unlock, err = s.cfg.Cache.Lock(waiting, key)
	switch {
	case err == nil:
		return unlock, nil
	case ctx.Err() == nil && waiting.Err() != nil:
		return nil, &Error{Kind: KindUnavailable, Message: "another process is signing in to " + s.server, Hint: "try again when it is done", Err: err}
	}
	return nil, s.cacheError(err)
}

// renewable reports whether there can be a new access token without a sign-in.
func renewable(session *tokencache.Session) bool {
	return session.RefreshToken != "" || session.Grant == clientCredentials && session.ClientSecret != ""
}

// refresh redeems the refresh token (RFC 6749, section 6, with RFC 8707's
// resource), or asks again as the client itself, and saves what it got before
// anyone uses it. The lock is held.
func (s *signer) refresh(ctx context.Context, session *tokencache.Session) (ok bool, err error) {
	// A refresh token is often good for one use: once it is under way, an
	// impatient caller must not lose the answer.
	ctx, cancel := linger(ctx)
	defer cancel()
	// And a full disk must show now: tokens that cannot be saved are lost, and
	// with them the sign-in.
	if err := s.cfg.Cache.Save(ctx, session); err != nil {
		return false, s.cacheError(err)
	}
	next := *session
	if session.Grant == clientCredentials {
		err = s.asClient(ctx, &next)
	} else {
		err = s.grant(ctx, &next, url.Values{
			"grant_type": {"refresh_token"}, "refresh_token": {session.RefreshToken}, "resource": {session.Resource},
		})
	}
	var refused *grantError
	if errors.As(err, &refused) {
		return false, s.drop(ctx, session, refused)
	}
	if err != nil {
		return false, err
	}
	if err := s.cfg.Cache.Save(context.WithoutCancel(ctx), &next); err != nil {
		return false, s.cacheError(err)
	}
	s.log.Info("renewed the access token", "server", s.server, "expiry", next.Expiry)
	s.adopt(&next)
	return true, nil
}

// drop forgets what a refusal of the token endpoint says is over: the tokens,
// and the registration only when it is the registration.
func (s *signer) drop(ctx context.Context, session *tokencache.Session, refused *grantError) error {
	switch {
	case refused.lostClient() && s.cfg.ClientID != "":
		return s.refusedClient(refused) // the sign-in may be good: what was given is wrong
	case refused.lostClient():
		s.log.Info("the server does not know this client any more", "server", s.server)
		s.adopt(nil)
		if err := s.cfg.Cache.Delete(ctx, session.Key()); err != nil {
			return s.cacheError(err)
		}
		return nil
	case refused.lostGrant():
		s.log.Info("the sign-in has ended", "server", s.server, "error", brief(refused.code))
		rest := *session
		rest.AccessToken, rest.RefreshToken, rest.Expiry = "", "", time.Time{}
		if refused.code == "invalid_scope" {
			rest.Scopes = nil // or the next sign-in would ask for them again
		}
		s.adopt(&rest)
		if err := s.cfg.Cache.Save(ctx, &rest); err != nil {
			return s.cacheError(err)
		}
		return nil
	}
	if s.cfg.SignIn {
		s.log.Info("the sign-in was not renewed", "server", s.server, "error", brief(refused.code))
		return nil // everything is kept until a new sign-in replaces it
	}
	return &Error{Kind: KindAuth, Message: fmt.Sprintf("%s did not renew the sign-in: %s", s.server, refused.words()), Hint: "run {program} connect " + s.server, Err: refused}
}

// linger is a context that outlives its parent by two seconds.
func linger(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		timer := time.NewTimer(2 * time.Second)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { stop(); cancel() }
}

// tell announces an event.
func (s *signer) tell(event Event) {
	s.announce.Lock()
	defer s.announce.Unlock()
	s.cfg.Events(event)
}

// unavailable is the error for a server that may answer later.
func (s *signer) unavailable(what string, err error) error {
	if errors.Is(err, context.Canceled) {
		return s.ended(err)
	}
	return explainNetwork(what, err)
}

// ended is the error for a context that is over.
func (s *signer) ended(err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &Error{Kind: KindUnavailable, Message: s.server + " did not answer in time", Err: err}
	}
	return &Error{Kind: KindInterrupted, Message: "interrupted", Err: err}
}
