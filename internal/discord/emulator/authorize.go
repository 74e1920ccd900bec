package emulator

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

const (
	maxQuery   = 8 << 10
	userCookie = "discord_emulator_user"
)

// The scopes that the emulator knows, in words for the sign-in page.
var scopeWords = map[string]string{
	"identify":            "see your username, display name and picture",
	"email":               "see your email address",
	"guilds":              "see which servers you are in",
	"guilds.join":         "add you to servers",
	"guilds.members.read": "see your nickname and roles in your servers",
	"connections":         "see the accounts you have connected",
}

func known(scopes []string) bool {
	for _, s := range scopes {
		if scopeWords[s] == "" {
			return false
		}
	}
	return true
}

// authorization is the query of GET /oauth2/authorize.
type authorization struct {
	redirect    *url.URL
	redirectURI string
	state       string
	hasState    bool
	scopes      []string
	challenge   string
	silent      bool // prompt=none
}

// problem is a query that cannot be authorized: shown as a page while the
// redirect URI is not proven, sent to it afterwards.
type problem struct {
	page        string
	code        string
	description string
}

// authorizePage serves GET /oauth2/authorize: the sign-in page, or for
// prompt=none the code of a user who allowed all of this before.
func (e *Emulator) authorizePage(w http.ResponseWriter, r *http.Request) {
	a, trouble := e.parseAuthorization(r.URL.RawQuery)
	if trouble != nil {
		e.refuse(w, r, a, trouble)
		return
	}
	if cookie, err := r.Cookie(userCookie); err == nil && a.silent {
		e.mu.Lock()
		account := e.state.accounts[cookie.Value]
		allowed := account != nil && subset(a.scopes, account.granted)
		e.mu.Unlock()
		if allowed {
			e.allow(w, r, a, cookie.Value)
			return
		}
	}
	e.signInPage(w, a, r.URL.RawQuery)
}

// authorizeSubmit serves the sign-in page's form: the hidden field request is
// the query of the page, checked anew; user is the account's id, "" to deny.
func (e *Emulator) authorizeSubmit(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		e.problemPage(w, http.StatusBadRequest, "This form cannot be read", "Go back and try again.")
		return
	}
	a, trouble := e.parseAuthorization(r.PostForm.Get("request"))
	if trouble != nil {
		e.refuse(w, r, a, trouble)
		return
	}
	if !r.PostForm.Has("user") {
		e.problemPage(w, http.StatusBadRequest, "No user was chosen", "Go back and choose one.")
		return
	}
	user := r.PostForm.Get("user")
	if user == "" {
		e.refuse(w, r, a, &problem{
			code:        "access_denied",
			description: "The resource owner or authorization server denied the request",
		})
		return
	}
	e.mu.Lock()
	account := e.state.accounts[user]
	e.mu.Unlock()
	if account == nil {
		e.problemPage(w, http.StatusBadRequest, "There is no such user", "Go back and choose one of those shown.")
		return
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // the emulator is http on loopback; the cookie names a test user
		Name: userCookie, Value: user, Path: "/oauth2", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(e.cfg.URL, "https:"),
	})
	e.allow(w, r, a, user)
}

// allow sends the browser back with a code.
func (e *Emulator) allow(w http.ResponseWriter, r *http.Request, a *authorization, user string) {
	e.mu.Lock()
	id := e.state.issueCode(&code{
		user: user, scopes: a.scopes, redirectURI: a.redirectURI,
		challenge: a.challenge, expires: e.cfg.Now().Add(codeLife),
	})
	e.mu.Unlock()
	a.answer(w, r, url.Values{"code": {id}})
}

func (e *Emulator) refuse(w http.ResponseWriter, r *http.Request, a *authorization, p *problem) {
	if p.page != "" {
		e.problemPage(w, http.StatusBadRequest, "This sign-in cannot go on", p.page)
		return
	}
	a.answer(w, r, url.Values{"error": {p.code}, "error_description": {p.description}})
}

// answer redirects to the redirect URI, RFC 6749 §4.1.2.
func (a *authorization) answer(w http.ResponseWriter, r *http.Request, values url.Values) {
	if a.hasState {
		values.Set("state", a.state)
	}
	target := *a.redirect
	if target.RawQuery != "" {
		target.RawQuery += "&"
	}
	target.RawQuery += values.Encode()
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, target.String(), http.StatusSeeOther) //nolint:gosec // redirectAllowed was asked
}

// parseAuthorization checks a query. What is wrong with the application or the
// redirect URI is never told to the redirect URI.
func (e *Emulator) parseAuthorization(raw string) (*authorization, *problem) {
	query, err := url.ParseQuery(raw)
	if err != nil || len(raw) > maxQuery {
		return nil, &problem{page: "The address is damaged or too long."}
	}
	for name, values := range query {
		if len(values) > 1 {
			return nil, &problem{page: "The address names a parameter twice: " + name + "."}
		}
	}
	if query.Get("client_id") != e.cfg.ClientID {
		return nil, &problem{page: "Unknown application: the client_id is not the one this emulator was started with."}
	}
	a := &authorization{
		redirectURI: query.Get("redirect_uri"),
		state:       query.Get("state"),
		hasState:    query.Has("state"),
		scopes:      union(nil, strings.Fields(query.Get("scope"))),
		challenge:   query.Get("code_challenge"),
		silent:      query.Get("prompt") == "none",
	}
	if a.redirect, err = url.Parse(a.redirectURI); err != nil || !e.redirectAllowed(a) {
		return nil, &problem{page: "Invalid OAuth2 redirect_uri: it is not one of those registered for the application."}
	}
	method := query.Get("code_challenge_method")
	switch {
	case query.Get("response_type") != "code":
		return a, &problem{code: "unsupported_response_type", description: "Only response_type=code is supported"}
	case len(a.scopes) == 0 || !known(a.scopes):
		return a, &problem{code: errScope.Code, description: errScope.Description}
	case a.challenge == "" && method == "":
		return a, nil
	case method != "S256" || !isChallenge(a.challenge):
		return a, &problem{code: "invalid_request", description: "code_challenge must be one of S256"}
	}
	return a, nil
}

// redirectAllowed compares byte for byte with the registered URIs, or takes
// any loopback one where none was registered.
func (e *Emulator) redirectAllowed(a *authorization) bool {
	if e.cfg.RedirectURIs != nil {
		return slices.Contains(e.cfg.RedirectURIs, a.redirectURI)
	}
	u := a.redirect
	return (u.Scheme == "http" || u.Scheme == "https") && u.User == nil && u.Fragment == "" &&
		isLoopback(u.Hostname())
}

// isChallenge holds for the S256 of anything: 32 bytes in base64url.
func isChallenge(s string) bool {
	if len(s) != 43 {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return true
}
