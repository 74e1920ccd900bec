package client

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"golang.org/x/oauth2"

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
}

func (s *signer) begin() *operation {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticks++
	return &operation{began: s.ticks}
}

// answer does what a challenge asks for; nil means that the request is worth
// another try.
func (s *signer) answer(ctx context.Context, op *operation, ch *challenge) error {
	op.answers++
	bearer := s.bearer()
	switch {
	case s.cfg.AccessToken != "" && ch.status == http.StatusUnauthorized:
		return &Error{Kind: KindAuth, Message: s.server + " does not accept the given access token", Hint: "get a new one, or unset MCPDISCORD_TOKEN", Err: ch}
	case ch.status == http.StatusForbidden && ch.code != "insufficient_scope":
		return &Error{Kind: KindAuth, Message: s.server + " refuses this request (403)", Err: ch}
	case s.cfg.AccessToken != "":
		return s.missingScopes(ch)
	case op.answers > maxAnswers:
		return &Error{Kind: KindAuth, Message: s.server + " keeps refusing a sign-in that just succeeded", Err: ch}
	case bearer != "" && bearer != ch.bearer:
		return nil // somebody was faster
	}
	if session := s.current(); session != nil && !op.renewed && ch.status == http.StatusUnauthorized {
		op.renewed = true
		if ok, err := s.renew(ctx, ch.bearer); ok || err != nil {
			return err
		}
	}
	if !s.cfg.SignIn {
		if ch.status == http.StatusForbidden {
			return s.missingScopes(ch)
		}
		return s.signedOut(s.current())
	}
	if op.signIns++; op.signIns > maxSignIns {
		return &Error{Kind: KindAuth, Message: s.server + " keeps refusing a sign-in that just succeeded", Err: ch}
	}
	return s.signIn(ctx, op, ch)
}

// signedOut is the error for a sign-in that is needed and not allowed here.
func (s *signer) signedOut(session *tokencache.Session) error {
	message := "not signed in to " + s.server
	if session != nil {
		message = "the sign-in to " + s.server + " has ended"
	}
	return &Error{Kind: KindAuth, Message: message, Hint: "run {program} connect " + s.server}
}

// missingScopes is the error for a request that needs more than was granted.
func (s *signer) missingScopes(ch *challenge) error {
	hint := "run {program} connect " + s.server
	for _, scope := range ch.scopes {
		hint += " --scope " + scope
	}
	return &Error{Kind: KindAuth, Message: "this needs a permission that was not granted: " + brief(strings.Join(ch.scopes, " ")), Hint: hint, Err: ch}
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
	known, _, err := s.cfg.Cache.Server(s.server)
	if err != nil {
		return s.cacheError(err)
	}
	a, err := s.discover(ctx, ch, known.Issuer)
	if err != nil {
		return err
	}
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
	if prev != nil && prev.AccessToken != ch.bearer && s.alive(prev) &&
		(ch.status != http.StatusForbidden || covers(prev.Scopes, ch.scopes)) {
		s.adopt(prev)
		return s.remember(prev)
	}
	if prev != nil && ch.status == http.StatusForbidden && covers(prev.Scopes, ch.scopes) {
		return &Error{Kind: KindAuth, Message: s.server + " asks for permissions that were already granted", Err: ch}
	}
	session, err := s.browse(ctx, a, prev, ch)
	if err != nil {
		return err
	}
	s.adopt(session)
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
	cancel()
	if err != nil && quick.Err() != nil && ctx.Err() == nil {
		s.tell(Event{Kind: EventWaiting, Text: "another process is signing in to " + s.server + ", waiting for it"})
		unlock, err = s.cfg.Cache.Lock(ctx, key)
	}
	if err != nil {
		return nil, s.cacheError(err)
	}
	return unlock, nil
}

// remember writes down, without secrets, that and as whom the user signed in.
func (s *signer) remember(session *tokencache.Session) error {
	server, _, err := s.cfg.Cache.Server(s.server)
	if err != nil {
		return s.cacheError(err)
	}
	server.URL, server.Issuer = s.server, session.Issuer
	server.User = first(session.User.GlobalName, session.User.Username)
	server.LastConnected = s.cfg.Now().UTC()
	if err := s.cfg.Cache.Remember(server); err != nil {
		return s.cacheError(err)
	}
	return nil
}

// browse is the browser part: from a bound loopback port to saved tokens. The
// last page of the browser tells how it ended.
func (s *signer) browse(ctx context.Context, a *authority, prev *tokencache.Session, ch *challenge) (*tokencache.Session, error) {
	rcv, err := s.listen(prev)
	if err != nil {
		return nil, err
	}
	defer rcv.close()
	session, err := s.authorize(ctx, a, prev, ch, rcv)
	if err == nil {
		err = s.keep(ctx, session)
	}
	if err != nil {
		s.log.Info("the sign-in failed", "server", s.server, "reason", err.Error())
		rcv.finish(ctx, failurePage(err))
		return nil, err
	}
	name := first(session.User.GlobalName, session.User.Username)
	s.log.Info("signed in", "server", s.server, "issuer", session.Issuer, "user_id", session.User.ID)
	rcv.finish(ctx, successPage(name, s.url.Host))
	s.tell(Event{Kind: EventSignedIn, Text: PrintableLine(name)})
	return session, nil
}

// keep saves a new sign-in, and after it where to find it.
func (s *signer) keep(ctx context.Context, session *tokencache.Session) error {
	session.SignedInAt = s.cfg.Now().UTC()
	if err := s.cfg.Cache.Save(ctx, session); err != nil {
		return s.cacheError(err)
	}
	return s.remember(session)
}

// authorize registers where needed, sends the user off and redeems the code.
// A registration that the server no longer knows is replaced once.
func (s *signer) authorize(ctx context.Context, a *authority, prev *tokencache.Session, ch *challenge, rcv *receiver) (*tokencache.Session, error) {
	session := s.registered(a, prev, rcv.redirect)
	known := session != nil
	scopes := s.wanted(a, prev, ch)
	for {
		if session == nil {
			fresh, err := s.register(ctx, a, rcv.redirect)
			if err != nil {
				return nil, err
			}
			session = fresh
		}
		flow := s.newFlow(a, session, scopes)
		if known && s.cfg.ClientID == "" {
			gone, err := s.preflight(ctx, flow)
			if err != nil {
				return nil, err
			}
			if gone {
				s.log.Info("the server does not know this client any more", "server", s.server)
				session, known = nil, false
				continue
			}
		}
		err := s.redeem(ctx, a, flow, rcv)
		var refused *grantError
		if errors.As(err, &refused) && refused.lostClient() && known && s.cfg.ClientID == "" {
			session, known = nil, false
			rcv.rearm()
			continue
		}
		return session, s.refusal(err)
	}
}

// refusal puts an authorization server's refusal into an Error.
func (s *signer) refusal(err error) error {
	var refused *grantError
	if !errors.As(err, &refused) {
		return err
	}
	if refused.code == "access_denied" {
		return &Error{Kind: KindAuth, Message: "sign-in was denied", Hint: "run {program} connect " + s.server + " to try again", Err: refused}
	}
	return &Error{Kind: KindAuth, Message: "the sign-in was refused: " + refused.words(), Hint: "run {program} connect " + s.server + " to try again", Err: refused}
}

// registered is the saved registration, if it still fits: a server may insist
// on the very redirect URI, port included. Endpoints are today's.
func (s *signer) registered(a *authority, prev *tokencache.Session, redirect string) *tokencache.Session {
	if prev == nil || prev.ClientID == "" || prev.RedirectURI != redirect || s.cfg.ClientID != "" {
		return nil
	}
	return &tokencache.Session{
		Resource: a.resource, Issuer: a.issuer, RedirectURI: redirect,
		ClientID: prev.ClientID, ClientSecret: prev.ClientSecret, AuthMethod: first(prev.AuthMethod, authNone),
		AuthorizationEndpoint: a.authorizationEndpoint, TokenEndpoint: a.tokenEndpoint,
		RevocationEndpoint: a.revocationEndpoint, RegistrationEndpoint: a.registrationEndpoint,
	}
}

// wanted are the scopes to ask for: the challenge's, else the resource's; what
// the user asked for; and what was granted before, so that a step-up never
// takes anything away.
func (s *signer) wanted(a *authority, prev *tokencache.Session, ch *challenge) []string {
	scopes := ch.scopes
	if len(scopes) == 0 {
		scopes = a.scopes
	}
	scopes = union(scopes, s.cfg.Scopes)
	if prev != nil {
		scopes = union(prev.Scopes, scopes)
	}
	if a.offlineAccess && !slices.Contains(scopes, "offline_access") {
		scopes = append(scopes, "offline_access")
	}
	return scopes
}

// flow is one authorization request. It lives in memory alone.
type flow struct {
	session  *tokencache.Session
	scopes   []string
	state    string
	verifier string
	url      string
}

func (s *signer) newFlow(a *authority, session *tokencache.Session, scopes []string) *flow {
	f := &flow{session: session, scopes: scopes, state: rand.Text(), verifier: oauth2.GenerateVerifier()}
	config := oauth2.Config{
		ClientID: session.ClientID, RedirectURL: session.RedirectURI, Scopes: scopes,
		Endpoint: oauth2.Endpoint{AuthURL: a.authorizationEndpoint},
	}
	f.url = config.AuthCodeURL(f.state, oauth2.S256ChallengeOption(f.verifier), oauth2.SetAuthURLParam("resource", a.resource))
	return f
}

// preflight asks for the authorization page as the browser will, to find out
// whether the server still knows a saved registration: else the user would
// stare at its error page and we would wait for ever.
func (s *signer) preflight(ctx context.Context, f *flow) (gone bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, oauthTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, f.url, nil)
	if err != nil {
		return false, s.misfit("has an authorization_endpoint that cannot be used")
	}
	req.Header.Set("User-Agent", userAgent(s.cfg.Version))
	client := *s.oauth
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	resp, err := client.Do(req)
	if err != nil {
		return false, s.unavailable("cannot reach "+req.URL.Host, err)
	}
	defer resp.Body.Close()
	_, _ = io.CopyN(io.Discard, resp.Body, maxDocument)
	s.log.Debug("oauth request", "method", req.Method, "host", req.URL.Host, "path", req.URL.Path, "status", resp.StatusCode)
	switch {
	case resp.StatusCode == http.StatusTooManyRequests || resp.StatusCode == http.StatusRequestTimeout:
		return false, nil // says nothing; the browser may fare better
	case resp.StatusCode >= 400 && resp.StatusCode < 500:
		return true, nil
	}
	if to, err := resp.Location(); err == nil && strings.HasPrefix(to.String(), f.session.RedirectURI) {
		refused := grantError{code: to.Query().Get("error")}
		return refused.lostClient(), nil
	}
	return false, nil
}

// redeem sends the user to the browser, waits for the redirect, and exchanges
// its code. The tokens end up in the flow's session.
func (s *signer) redeem(ctx context.Context, a *authority, f *flow, rcv *receiver) error {
	answer, err := s.visit(ctx, f, rcv)
	if err != nil {
		return err
	}
	// RFC 9207, section 2.4, before anything else of the answer is believed.
	if iss := answer.Get("iss"); iss != a.issuer && (iss != "" || a.issRequired || answer.Has("iss")) {
		return &Error{Kind: KindAuth, Message: "the browser came back from another authorization server than it was sent to", Hint: "run {program} connect " + s.server + " to try again"}
	}
	if code := answer.Get("error"); code != "" {
		return &grantError{code: code, description: answer.Get("error_description")}
	}
	f.session.Scopes = f.scopes // unless the answer says otherwise
	err = s.grant(ctx, f.session, url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "code_verifier": {f.verifier},
		"redirect_uri": {f.session.RedirectURI}, "resource": {f.session.Resource},
	})
	return err
}

// visit announces the URL, opens the browser and waits for whichever comes
// first: the redirect, a pasted address, the end of patience.
func (s *signer) visit(ctx context.Context, f *flow, rcv *receiver) (url.Values, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.LoginTimeout, errLoginTimeout)
	defer cancel()
	rcv.expect(f.state)
	s.tell(Event{Kind: EventSignIn, URL: f.url, Port: rcv.port})
	var browser sync.WaitGroup
	defer browser.Wait()
	opening, stop := context.WithCancel(ctx)
	defer stop()
	browser.Go(func() { s.open(opening, f.url, rcv.port) })
	paste := s.cfg.Paste
	for {
		select {
		case answer := <-rcv.answers:
			return answer, nil
		case line, ok := <-paste:
			if !ok {
				paste = nil
				continue
			}
			if strings.TrimSpace(line) == "" {
				continue
			}
			if err := rcv.paste(line); err != nil {
				s.tell(Event{Kind: EventPasteRefused, Text: err.Error()})
			}
		case <-ctx.Done():
			if context.Cause(ctx) == errLoginTimeout {
				return nil, &Error{Kind: KindAuth, Message: fmt.Sprintf("nobody signed in within %s", s.cfg.LoginTimeout), Hint: "run {program} connect " + s.server + " to try again"}
			}
			return nil, s.ended(ctx.Err())
		}
	}
}

var errLoginTimeout = errors.New("login timeout")

// open starts the browser, or says that there is none.
func (s *signer) open(ctx context.Context, address string, port int) {
	if s.cfg.OpenBrowser != nil {
		err := s.cfg.OpenBrowser(ctx, address)
		if err == nil || ctx.Err() != nil {
			return
		}
		s.log.Info("could not open a browser", "reason", brief(err.Error()))
	}
	s.tell(Event{Kind: EventNoBrowser, URL: address, Port: port})
}
