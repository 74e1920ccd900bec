package authserver

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"time"
)

const (
	// maxAnswers bounds how many consent pages one browser answers in
	// answersWindow: each is a record, and a call to Discord later. All browsers
	// together get no more than sign-ins may call Discord: a stranger has as many
	// browsers as he likes.
	maxAnswers    = 30
	maxAllAnswers = 15_000
	answersWindow = 10 * time.Minute
)

// serveConsent takes the user's answer to the consent page.
func (s *Server) serveConsent(w http.ResponseWriter, r *http.Request) error {
	if err := s.origins.Check(r); err != nil {
		return errForbidden("This answer came from another website.", err)
	}
	form, err := postForm(w, r)
	if err != nil {
		return err
	}
	p, browser, err := s.answered(r, form.Get("request"))
	if err != nil {
		return err
	}
	var denied bool
	switch form.Get("decision") {
	case "approve":
	case "deny":
		denied = true
	default:
		return errInvalidRequest("The answer was neither Approve nor Deny.")
	}
	state := discordState(p, browser)
	if err := s.saveAnswer(r.Context(), p, state, &AuthorizationRequest{
		ClientID:      p.ClientID,
		RedirectURI:   p.RedirectURI,
		State:         p.State,
		Scopes:        p.Scopes,
		CodeChallenge: p.CodeChallenge,
		Resource:      s.resource,
		Verifier:      discordVerifier(p, browser),
		Denied:        denied,
	}); err != nil {
		return err
	}
	if denied {
		return &clientError{err: errForbidden("the user denied the request", nil), redirectURI: p.RedirectURI, state: p.State, asked: true}
	}
	// Only now, right before Discord: a state that nobody approved must not be
	// in any browser.
	s.addState(w, r, state)
	challenge := sha256.Sum256([]byte(discordVerifier(p, browser)))
	w.Header().Set("Location", s.cfg.Discord.AuthorizeURL(state, base64.RawURLEncoding.EncodeToString(challenge[:]), union(p.Scopes, s.access.rule.scopes())))
	w.WriteHeader(http.StatusSeeOther) // never 307: OAuth 2.1 §7.5.4
	return nil
}

// answered opens the request that a consent page showed, and proves that this
// is the browser it was shown to.
func (s *Server) answered(r *http.Request, sealed string) (*pendingRequest, string, error) {
	p, err := s.openRequest(sealed)
	if err != nil {
		return nil, "", &Error{Status: http.StatusBadRequest, Code: "invalid_request", Description: "This page is not one of this server's. Go back to your app and sign in again.", Err: err}
	}
	for _, browser := range s.browsers(r) {
		if hashID(browser) != p.Browser {
			continue
		}
		if !s.now().Before(p.Expires) {
			return nil, "", &Error{Status: http.StatusBadRequest, Code: "invalid_request", Description: "This page was open for too long. Go back to your app and sign in again."}
		}
		return p, browser, nil
	}
	return nil, "", errForbidden("This sign-in was started in another browser, or this one keeps no cookies.", nil)
}

// discordState draws the state that Discord gets, and discordVerifier our PKCE
// verifier. Both are the same for each answer to the same page by the same
// browser, so that a second click repeats the first, on another node and
// through a change of keys, too.
func discordState(p *pendingRequest, browser string) string {
	return mac(p.keys.state, "state", p.Nonce, []byte(browser))
}

func discordVerifier(p *pendingRequest, browser string) string {
	return mac(p.keys.state, "verifier", p.Nonce, []byte(browser))
}

// saveAnswer records the answer. The first one stands: repeating it is no
// error, another is. The record outlives the page, so that a page is never
// answered twice.
func (s *Server) saveAnswer(ctx context.Context, p *pendingRequest, state string, answer *AuthorizationRequest) error {
	if err := s.countAnswer(ctx, p.Browser); err != nil {
		return err
	}
	err := create(ctx, s, KindAuthorization, hashID(state), answer, s.now().Add(requestTTL))
	if !errors.Is(err, ErrExists) {
		if err == nil {
			kind := EventConsented
			if answer.Denied {
				kind = EventDenied
			}
			s.event(ctx, Event{Type: kind, ClientID: answer.ClientID, Scopes: answer.Scopes})
		}
		return err
	}
	first, err := load[AuthorizationRequest](ctx, s, KindAuthorization, hashID(state))
	if err != nil {
		return err
	}
	if first.Denied != answer.Denied {
		return errForbidden("You have answered this request already. Go back to your app and sign in again.", nil)
	}
	return nil
}

// countAnswer refuses what is too much, of one browser and of all.
func (s *Server) countAnswer(ctx context.Context, browser string) error {
	for _, limit := range []struct {
		key  string
		most int64
		err  Error
	}{
		{"answers " + browser, maxAnswers, Error{Status: http.StatusTooManyRequests, Description: "This browser signs in too often. Wait a few minutes."}},
		{"answers", maxAllAnswers, Error{Status: http.StatusServiceUnavailable, Description: "Too many people sign in at this time. Wait a few minutes."}},
	} {
		answers, err := s.incr(ctx, limit.key, answersWindow)
		if err != nil {
			return storeError("counting", KindAuthorization, err)
		}
		if answers > limit.most {
			limit.err.Code, limit.err.RetryAfter = "temporarily_unavailable", answersWindow
			return &limit.err
		}
	}
	return nil
}

func errForbidden(description string, cause error) *Error {
	return &Error{Status: http.StatusForbidden, Code: "access_denied", Description: description, Err: cause}
}

// authorizationResponse is the URL that takes an answer to the client. It
// always names us (RFC 9207), and has state only if the client sent one.
func (s *Server) authorizationResponse(redirectURI, state string, params url.Values) string {
	params.Set("iss", s.cfg.BaseURL)
	if state != "" {
		params.Set("state", state)
	}
	return responseURL(redirectURI, params)
}
