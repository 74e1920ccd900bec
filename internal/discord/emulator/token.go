package emulator

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

const maxForm = 64 << 10

// oauthError is an answer of RFC 6749 §5.2.
type oauthError struct {
	status      int
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
}

// Discord says the same of a token that is expired, spent, revoked or made up.
var (
	errClient  = &oauthError{http.StatusUnauthorized, "invalid_client", ""}
	errCode    = &oauthError{http.StatusBadRequest, "invalid_grant", `Invalid "code" in request.`}
	errRefresh = &oauthError{http.StatusBadRequest, "invalid_grant", `Invalid "refresh_token" in request`}
	errGrant   = &oauthError{http.StatusBadRequest, "unsupported_grant_type", "Grant type None is not supported"}
	errScope   = &oauthError{http.StatusBadRequest, "invalid_scope", "The requested scope is invalid, unknown, or malformed."}
	errForm    = &oauthError{http.StatusBadRequest, "invalid_request", "The request body must be form-encoded."}
)

func (e *oauthError) write(w http.ResponseWriter) { writeJSON(w, e.status, e) }

// token serves POST /api/v10/oauth2/token.
func (e *Emulator) token(w http.ResponseWriter, r *http.Request) {
	form, failure := e.clientForm(r)
	if failure != nil {
		failure.write(w)
		return
	}
	var p *pair
	e.mu.Lock()
	switch form.Get("grant_type") {
	case "authorization_code":
		p, failure = e.redeem(form)
	case "refresh_token":
		p, failure = e.rotate(form)
	case "client_credentials":
		p, failure = e.ownToken(form)
	default:
		failure = errGrant
	}
	e.mu.Unlock()
	if failure != nil {
		failure.write(w)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		AccessToken  string `json:"access_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int64  `json:"expires_in"`
		RefreshToken string `json:"refresh_token,omitempty"`
		Scope        string `json:"scope"`
	}{p.access, "Bearer", int64(accessLife.Seconds()), p.refresh, strings.Join(p.scopes, " ")})
}

// redeem takes a code. A wrong redirect URI or verifier spends it too.
func (e *Emulator) redeem(form url.Values) (*pair, *oauthError) {
	now := e.cfg.Now()
	c := e.state.takeCode(form.Get("code"), now)
	if c == nil || c.redirectURI != form.Get("redirect_uri") || !verifies(c.challenge, form.Get("code_verifier")) {
		return nil, errCode
	}
	if e.cfg.KillEarlier {
		e.state.endTokens(c.user, now)
	}
	return e.state.issuePair(c.user, c.scopes, true, now), nil
}

// rotate spends a refresh token. Without a scope the new pair has every scope
// that the user ever granted, whatever the old one had.
func (e *Emulator) rotate(form url.Values) (*pair, *oauthError) {
	now := e.cfg.Now()
	old := e.state.byRefresh(form.Get("refresh_token"), now)
	if old == nil {
		return nil, errRefresh
	}
	granted := e.state.accounts[old.user].granted
	scopes := granted
	if asked := strings.Fields(form.Get("scope")); len(asked) > 0 {
		if !subset(asked, granted) {
			return nil, errScope
		}
		scopes = union(nil, asked)
	}
	if e.cfg.KillEarlier {
		e.state.dropPair(old)
	} else {
		e.state.spend(old)
	}
	return e.state.issuePair(old.user, scopes, true, now), nil
}

// ownToken serves client_credentials: a token of the application's owner, who
// is the first user here.
func (e *Emulator) ownToken(form url.Values) (*pair, *oauthError) {
	scopes := strings.Fields(form.Get("scope"))
	if len(scopes) == 0 || !known(scopes) {
		return nil, errScope
	}
	return e.state.issuePair(e.state.order[0], union(nil, scopes), false, e.cfg.Now()), nil
}

// revoke serves POST /api/v10/oauth2/token/revoke: one token ends them all,
// and one that nobody knows is no error (RFC 7009 §2.2).
func (e *Emulator) revoke(w http.ResponseWriter, r *http.Request) {
	form, failure := e.clientForm(r)
	if failure != nil {
		failure.write(w)
		return
	}
	token, now := form.Get("token"), e.cfg.Now()
	e.mu.Lock()
	p := e.state.byAccess(token, now)
	if p == nil {
		p = e.state.byRefresh(token, now)
	}
	if p != nil {
		e.state.deauthorize(p.user, now)
	}
	e.mu.Unlock()
	writeJSON(w, http.StatusOK, struct{}{})
}

// clientForm reads a form and authenticates the application by HTTP Basic or
// by the form. Discord reads no JSON here.
func (e *Emulator) clientForm(r *http.Request) (url.Values, *oauthError) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, errForm
	}
	if err := r.ParseForm(); err != nil {
		return nil, errForm
	}
	form := r.PostForm
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, password, ok := r.BasicAuth(); ok {
		user, err1 := url.QueryUnescape(user)
		password, err2 := url.QueryUnescape(password)
		if err1 != nil || err2 != nil || id != "" && id != user {
			return nil, errClient
		}
		id, secret = user, password
	}
	if !equal(id, e.cfg.ClientID) || !equal(secret, e.cfg.ClientSecret) {
		return nil, errClient
	}
	return form, nil
}

// grantType names the grant for counters and faults without spending the body
// on callers that send no form.
func grantType(r *http.Request) string {
	if err := r.ParseForm(); err != nil {
		r.PostForm = nil // so that the handler's ParseForm fails as well
		return "other"
	}
	switch g := r.PostForm.Get("grant_type"); g {
	case "authorization_code", "refresh_token", "client_credentials":
		return g
	default:
		return "other"
	}
}

// verifies holds for RFC 7636 §4.6 with S256, and for a code without either.
func verifies(challenge, verifier string) bool {
	if challenge == "" {
		return verifier == ""
	}
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return equal(base64.RawURLEncoding.EncodeToString(sum[:]), challenge)
}

func equal(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
