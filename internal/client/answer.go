package client

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

const (
	// maxAnswers bounds how often one operation reacts to challenges.
	maxAnswers = 6
	// maxSignIns bounds how many sign-ins one operation leads to.
	maxSignIns = 2
)

// operation is one request of ours, with everything it took to get it through.
type operation struct {
	began   uint64 // tick
	answers int
	renewed bool
	signIns int
	quiet   bool          // no sign-in, whatever the configuration says
	limit   time.Duration // for the server's answer
}

func (s *signer) begin() *operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticks++
	return &operation{began: s.ticks, limit: s.cfg.Timeout}
}

// answer does what a challenge asks for; nil means that the request is worth
// another try.
func (s *signer) answer(ctx context.Context, op *operation, ch *challenge) error {
	op.answers++
	bearer := s.bearer()
	switch {
	case s.cfg.AccessToken != "" && ch.status == http.StatusUnauthorized:
		return &Error{Kind: KindAuth, Message: s.server + " does not accept the given access token", Hint: "get a new one, or unset MCPDISCORD_TOKEN", Err: ch}
	case s.cfg.given() && ch.status == http.StatusUnauthorized:
		return &Error{Kind: KindAuth, Message: s.server + " does not accept the given Authorization header", Hint: "give another one, or none to sign in", Err: ch}
	case ch.status == http.StatusForbidden && (s.cfg.given() || ch.code != "insufficient_scope"):
		return s.forbidden(ch)
	case op.answers > maxAnswers:
		return &Error{Kind: KindAuth, Message: s.server + " keeps refusing a sign-in that just succeeded", Err: ch}
	case bearer != "" && bearer != ch.bearer:
		return nil // somebody was faster
	}
	session := s.current()
	if session != nil && !op.renewed && ch.status == http.StatusUnauthorized {
		op.renewed = true
		if ok, err := s.renew(ctx, ch.bearer); ok || err != nil {
			return err
		}
	}
	if !s.cfg.ClientCredentials && (!s.cfg.SignIn || op.quiet) {
		if ch.status == http.StatusForbidden {
			return s.missingScopes(ch)
		}
		return s.signedOut(session)
	}
	if op.signIns++; op.signIns > maxSignIns {
		return &Error{Kind: KindAuth, Message: s.server + " keeps refusing a sign-in that just succeeded", Err: ch}
	}
	return s.signIn(ctx, op, ch)
}

// reload adopts a sign-in that another process made since the token bad was
// sent, if there is one.
func (s *signer) reload(ctx context.Context, bad string) (found bool, err error) {
	if s.cfg.given() {
		return false, nil
	}
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	defer s.leave()
	saved, err := s.saved(ctx)
	if err != nil || saved == nil || !s.ours(saved) || saved.AccessToken == bad {
		return false, err
	}
	if !s.alive(saved) && saved.RefreshToken == "" {
		return false, nil
	}
	s.adopt(saved)
	return true, nil
}

// signedOut is the error for a sign-in that is needed and not allowed here.
func (s *signer) signedOut(session *tokencache.Session) error {
	if session == nil && s.foreign {
		return s.otherClient()
	}
	if session != nil && session.Issuer == tokencache.Given {
		return &Error{
			Kind: KindAuth, Message: "the saved token of " + s.server + " has ended, or is not accepted any more",
			Hint: "run {program} connect " + s.server + " --with-token to give a new one, or without to sign in",
		}
	}
	message := "not signed in to " + s.server
	if session != nil {
		message = "the sign-in to " + s.server + " has ended"
	}
	return &Error{Kind: KindAuth, Message: message, Hint: "run {program} connect " + s.server, SignIn: true}
}

// forbidden is the error for a request that is not allowed.
func (s *signer) forbidden(ch *challenge) error {
	if ch.code == "insufficient_scope" {
		return s.missingScopes(ch)
	}
	message := s.server + " refuses this request (403)"
	if ch.text != "" {
		message += ": " + ch.text
	}
	return &Error{Kind: KindAuth, Message: message, Hint: "a new sign-in does not help, unless it is with another account", Err: ch}
}

// missingScopes is the error for a request that needs more than was granted.
func (s *signer) missingScopes(ch *challenge) error {
	missing := slices.Clone(ch.scopes)
	if session := s.current(); session != nil {
		missing = slices.DeleteFunc(missing, func(scope string) bool { return slices.Contains(session.Scopes, scope) })
	}
	hint := "run {program} connect " + s.server
	for _, scope := range missing {
		if typable(scope) {
			hint += " --scope " + scope
		}
	}
	message := "this needs a permission that was not granted"
	if len(missing) > 0 {
		message += ": " + brief(strings.Join(missing, " "))
	}
	return &Error{Kind: KindAuth, Message: message, Hint: hint, Err: ch, SignIn: !s.cfg.given(), Scopes: missing}
}

// signIn takes the user through a sign-in, unless another goroutine or process
// has just done so.
func (s *signer) signIn(ctx context.Context, op *operation, ch *challenge) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	defer s.leave()
	s.mu.Lock()
	failed, failure := s.failed, s.failure
	s.mu.Unlock()
	if failed > op.began {
		return failure // asked once, answered for everyone who waited
	}
	if bearer := s.bearer(); bearer != "" && bearer != ch.bearer {
		return nil
	}
	err := s.signInLocked(ctx, ch)
	if err != nil && ctx.Err() == nil {
		s.mu.Lock()
		s.ticks++
		s.failed, s.failure = s.ticks, err
		s.mu.Unlock()
	}
	return err
}

// signInLocked is signIn for the goroutine that holds the gate.
func (s *signer) signInLocked(ctx context.Context, ch *challenge) error {
	known, err := s.key()
	if err != nil {
		return err
	}
	a, err := s.discover(ctx, ch, known.Issuer)
	if err != nil {
		return err
	}
	if err := s.sameIssuer(ctx, known, a.issuer); err != nil {
		return err
	}
	s.tell(Event{Kind: EventDiscovered, URL: a.issuer})
	key := tokencache.Key{Resource: a.resource, Issuer: a.issuer}
	if err := s.cfg.Cache.Unlock(ctx, key); err != nil {
		return s.cacheError(err)
	}
	unlock, err := s.lock(ctx, key)
	if err != nil {
		return err
	}
	defer unlock()
	prev, err := s.read(ctx, key)
	if err != nil {
		return err
	}
	if !s.ours(prev) {
		prev = nil
		s.tell(Event{Kind: EventOtherClient, Text: "the saved sign-in to " + s.server + " is of another client: a new one is needed"})
	}
	if prev != nil && prev.AccessToken != ch.bearer && s.alive(prev) &&
		(ch.status != http.StatusForbidden || covers(prev.Scopes, ch.scopes)) {
		s.adopt(prev)
		return s.remember(prev)
	}
	if prev != nil && renewable(prev) && s.current() == nil {
		// A sign-in that we did not know of: servers.json may be new, or
		// another process was in the browser a while ago.
		if ok, err := s.refresh(ctx, prev); err != nil {
			return err
		} else if ok {
			return s.remember(s.current())
		}
		prev = s.current() // what is left of it
	}
	if prev != nil && ch.status == http.StatusForbidden && covers(prev.Scopes, ch.scopes) {
		return &Error{Kind: KindAuth, Message: s.server + " asks for permissions that were already granted", Err: ch}
	}
	obtain := s.browse
	if s.cfg.ClientCredentials {
		obtain = s.signInAsClient
	}
	session, err := obtain(ctx, a, prev, ch)
	if err != nil {
		return err
	}
	s.adopt(session)
	if known.Issuer != "" && known.Issuer != a.issuer {
		// Nothing leads to it any more, so that logout would not find it.
		if err := s.cfg.Cache.Delete(context.WithoutCancel(ctx), known); err != nil {
			s.log.Warn("could not forget the sign-in at the former authorization server", "issuer", known.Issuer)
		}
	}
	if !covers(session.Scopes, ch.scopes) && ch.status == http.StatusForbidden {
		return s.missingScopes(ch)
	}
	return nil
}

// lock takes the cross-process lock of a sign-in, and says so when somebody
// else has it.
func (s *signer) lock(ctx context.Context, key tokencache.Key) (func(), error) {
	quick, cancel := context.WithTimeout(ctx, lockPatience)
	unlock, err := s.cfg.Cache.Lock(quick, key)
	taken := quick.Err() != nil // by another process, all the while
	cancel()
	if err != nil && taken && ctx.Err() == nil {
		s.tell(Event{Kind: EventWaiting, Text: "another process is signing in to " + s.server + ", waiting for it"})
		unlock, err = s.cfg.Cache.Lock(ctx, key)
	}
	if err != nil {
		return nil, s.cacheError(err)
	}
	return unlock, nil
}

// remember writes down, without secrets, that the user connected, and as whom;
// nil: as nobody.
func (s *signer) remember(session *tokencache.Session) error {
	server, _, err := s.cfg.Cache.Server(s.server)
	if err != nil {
		return s.cacheError(err)
	}
	server.URL, server.LastConnected = s.server, s.cfg.Now().UTC()
	if session != nil {
		server.Issuer, server.User = session.Issuer, first(session.User.GlobalName, session.User.Username)
		if server.Resource = session.Resource; server.Resource == s.server {
			server.Resource = ""
		}
	}
	if err := s.cfg.Cache.Remember(server); err != nil {
		return s.cacheError(err)
	}
	return nil
}
