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
	"time"

	"golang.org/x/oauth2"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// browse is the browser part: from a bound loopback port to saved tokens. The
// last page of the browser tells how it ended.
func (s *signer) browse(ctx context.Context, a *authority, prev *tokencache.Session, ch *challenge) (*tokencache.Session, error) {
	rcv, err := s.listen(ctx, prev)
	if err != nil {
		return nil, err
	}
	l := &login{signer: s, authority: a, prev: prev, receiver: rcv, scopes: s.wanted(a, prev, ch), fewer: s.wanted(a, nil, ch)}
	opening, stop := context.WithCancel(ctx)
	l.open = func(address string) {
		l.browsers.Go(func() { s.open(opening, address, rcv.port) })
	}
	session, err := l.authorize(ctx)
	if err == nil {
		err = s.keep(ctx, session)
	}
	var outcome page
	if err != nil {
		s.log.Info("the sign-in failed", "server", s.server, "reason", err.Error())
		outcome = failurePage(err)
	} else {
		s.log.Info("signed in", "server", s.server, "issuer", session.Issuer, "user_id", session.User.ID)
		outcome = successPage(first(session.User.GlobalName, session.User.Username), s.url.Host)
	}
	rcv.finish(ctx, outcome)
	rcv.close()
	l.settle(ctx)
	stop()
	l.browsers.Wait()
	if err != nil {
		return nil, err
	}
	s.tell(Event{Kind: EventSignedIn, Text: PrintableLine(first(session.User.GlobalName, session.User.Username))})
	return session, nil
}

// keep saves a new sign-in, and after it where to find it.
func (s *signer) keep(ctx context.Context, session *tokencache.Session) error {
	session.SignedInAt = s.cfg.Now().UTC()
	if err := s.cfg.Cache.Save(context.WithoutCancel(ctx), session); err != nil {
		// Nobody will ever use it: it must not live on at the server.
		revoking, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.cfg.Timeout)
		defer cancel()
		if err := s.revoke(revoking, session); err != nil {
			s.log.Warn("could not revoke a sign-in that was not saved", "server", s.server)
		}
		return s.cacheError(err)
	}
	return s.remember(session)
}

// login is one sign-in in the browser.
type login struct {
	*signer
	authority *authority
	prev      *tokencache.Session // what was saved before, or nil
	receiver  *receiver
	scopes    []string
	fewer     []string             // without those that were granted before
	open      func(address string) // starts the browser and returns

	browsers sync.WaitGroup // browsers that are being started
}

// settle gives whoever opens the browser a moment to end by itself: it may be
// a program that stays until it has read the last page.
func (l *login) settle(ctx context.Context) {
	idle := make(chan struct{})
	go func() { l.browsers.Wait(); close(idle) }() // browse waits for them too
	patience := time.NewTimer(time.Second)
	defer patience.Stop()
	select {
	case <-idle:
	case <-patience.C:
	case <-ctx.Done():
	}
}

// authorize registers where needed, sends the user off and redeems the code.
// A registration that the server no longer knows is replaced once.
func (l *login) authorize(ctx context.Context) (*tokencache.Session, error) {
	session := l.registered()
	known := session != nil
	for {
		if session == nil {
			fresh, err := l.register(ctx, l.authority, l.receiver.redirect)
			if err != nil {
				return nil, err
			}
			session = fresh
		}
		f := l.newFlow(session)
		given := session.ClientID == l.cfg.ClientID || session.ClientID == l.cfg.ClientMetadataURL
		if known || given {
			gone, err := l.preflight(ctx, f)
			if err != nil {
				return nil, err
			}
			if gone && l.authority.guessed {
				return nil, l.nowhere()
			}
			if gone && given {
				l.tell(Event{Kind: EventClientUnknown, Text: "the authorization server seems not to know this client, or its redirect URI " + session.RedirectURI})
			} else if gone {
				l.log.Info("the server does not know this client any more", "server", l.server)
				session, known = nil, false
				continue
			}
		}
		err := l.redeem(ctx, f)
		var refused *grantError
		if errors.As(err, &refused) && refused.lostClient() && known && !given {
			session, known = nil, false
			l.receiver.rearm()
			continue
		}
		if refused != nil && refused.code == "invalid_scope" {
			if odd := l.oddScopes(); len(odd) > 0 {
				return nil, l.refusedScopes(odd, refused)
			}
			if len(l.fewer) < len(l.scopes) {
				l.scopes = l.fewer // what was granted before may not exist any more
				l.receiver.rearm()
				continue
			}
		}
		return session, l.refusal(err)
	}
}

// oddScopes are the scopes that the user asked for and that may be mistyped:
// those that the server does not list, or where it lists none, those that were
// never granted.
func (l *login) oddScopes() []string {
	good := l.authority.listed
	if len(good) == 0 && l.prev != nil {
		good = l.prev.Scopes
	}
	return slices.DeleteFunc(slices.Clone(l.cfg.Scopes), func(scope string) bool { return slices.Contains(good, scope) })
}

// refusedScopes is the error for scopes that the user asked for in vain.
func (l *login) refusedScopes(odd []string, refused *grantError) *Error {
	hint := "check --scope " + brief(strings.Join(odd, ","))
	if len(l.authority.listed) > 0 {
		hint += "; the server lists " + brief(strings.Join(l.authority.listed, ", "))
	}
	return &Error{Kind: KindAuth, Message: "the sign-in was refused: " + refused.words(), Hint: hint, Err: refused}
}

// refusal puts an authorization server's refusal into an Error.
func (s *signer) refusal(err error) error {
	var refused *grantError
	if !errors.As(err, &refused) {
		return err
	}
	if passing(refused.code) {
		return &Error{Kind: KindUnavailable, Message: "the sign-in failed for now: " + refused.words(), Hint: "try again later", Err: refused}
	}
	if refused.code == "access_denied" {
		message := "sign-in was denied"
		if refused.description != "" { // foreign words, of whom state and iss say they are
			message += ": " + brief(refused.description)
		}
		return &Error{Kind: KindAuth, Message: message, Hint: "run {program} connect " + s.server + " to try again", Err: refused}
	}
	if refused.lostClient() && (s.cfg.ClientID != "" || s.cfg.ClientMetadataURL != "") {
		return s.refusedClient(refused)
	}
	if refused.code == "unsupported_grant_type" && s.cfg.ClientCredentials {
		return &Error{Kind: KindAuth, Message: "the sign-in of " + s.server + " gives no tokens to clients themselves: " + refused.words(), Hint: "sign in as a user: leave out --grant", Err: refused}
	}
	return &Error{Kind: KindAuth, Message: "the sign-in was refused: " + refused.words(), Hint: "run {program} connect " + s.server + " to try again", Err: refused}
}

// registered is the saved registration, if it still fits: a server may insist
// on the very redirect URI, port included. Endpoints are today's.
func (l *login) registered() *tokencache.Session {
	prev, a := l.prev, l.authority
	if prev == nil || prev.ClientID == "" || prev.RedirectURI != l.receiver.redirect || l.cfg.ClientID != "" {
		return nil
	}
	if l.cfg.ClientMetadataURL != "" && a.metadataDocuments && prev.ClientID != l.cfg.ClientMetadataURL {
		return nil
	}
	session := a.session(prev.RedirectURI)
	session.ClientID, session.ClientSecret, session.AuthMethod = prev.ClientID, prev.ClientSecret, first(prev.AuthMethod, authNone)
	return session
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
	if a.offlineAccess && !s.cfg.ClientCredentials && !slices.Contains(scopes, "offline_access") {
		scopes = append(scopes, "offline_access")
	}
	return scopes
}

// flow is one authorization request. It lives in memory alone.
type flow struct {
	session  *tokencache.Session
	state    string
	verifier string
	url      string
}

func (l *login) newFlow(session *tokencache.Session) *flow {
	f := &flow{session: session, state: rand.Text(), verifier: oauth2.GenerateVerifier()}
	l.debug.hide(f.state, f.verifier)
	config := oauth2.Config{
		ClientID: session.ClientID, RedirectURL: session.RedirectURI, Scopes: l.scopes,
		Endpoint: oauth2.Endpoint{AuthURL: l.authority.authorizationEndpoint},
	}
	f.url = config.AuthCodeURL(f.state, oauth2.S256ChallengeOption(f.verifier), oauth2.SetAuthURLParam("resource", session.Resource))
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
func (l *login) redeem(ctx context.Context, f *flow) error {
	answer, err := l.visit(ctx, f)
	if err != nil {
		return err
	}
	// RFC 9207, section 2.4, before anything else of the answer is believed.
	if answer.Get("iss") != l.authority.issuer && (l.authority.issRequired || answer.Has("iss")) {
		return &Error{Kind: KindAuth, Message: "the browser came back from another authorization server than it was sent to", Hint: "run {program} connect " + l.server + " to try again"}
	}
	if code := answer.Get("error"); code != "" {
		return &grantError{code: code, description: answer.Get("error_description")}
	}
	l.tell(Event{Kind: EventReturned})
	f.session.Scopes = l.scopes // unless the answer says otherwise
	return l.grant(ctx, f.session, url.Values{
		"grant_type": {"authorization_code"}, "code": {answer.Get("code")}, "code_verifier": {f.verifier},
		"redirect_uri": {f.session.RedirectURI}, "resource": {f.session.Resource},
	})
}

// visit announces the URL, opens the browser and waits for whichever comes
// first: the redirect, a pasted address, the end of patience.
func (l *login) visit(ctx context.Context, f *flow) (url.Values, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, l.cfg.LoginTimeout, errLoginTimeout)
	defer cancel()
	l.receiver.expect(f.state)
	l.tell(Event{Kind: EventSignIn, URL: f.url, Port: l.receiver.port})
	l.open(f.url)
	paste := l.cfg.Paste
	for {
		select {
		case answer := <-l.receiver.answers:
			return answer, nil
		case line, ok := <-paste:
			switch {
			case !ok:
				paste = nil
			case strings.TrimSpace(line) != "":
				if err := l.receiver.paste(line); err != nil {
					l.tell(Event{Kind: EventPasteRefused, Text: err.Error()})
				}
			}
		case <-ctx.Done():
			if errors.Is(context.Cause(ctx), errLoginTimeout) {
				return nil, &Error{Kind: KindAuth, Message: fmt.Sprintf("nobody signed in within %s", l.cfg.LoginTimeout), Hint: "run {program} connect " + l.server + " to try again"}
			}
			return nil, l.ended(ctx.Err())
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
