package discord

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

const (
	tokenPath  = "/api/v10/oauth2/token" //nolint:gosec // a path, not a credential
	revokePath = "/api/v10/oauth2/token/revoke"
)

const (
	maxCode     = 1024                 // bytes; Discord's have 30
	tokenLife   = 7 * 24 * time.Hour   // what Discord says, for an answer that does not
	maxLife     = 365 * 24 * time.Hour // more is a mistake
	maxTokenLen = 8 << 10
)

// AuthorizeURL is where the browser goes to sign in. codeChallenge is the
// S256 challenge of the verifier that Exchange will be given (RFC 7636 §4.2).
func (c *Client) AuthorizeURL(state, codeChallenge string, scopes []string) string {
	cfg := c.oauth
	cfg.Scopes = scopes
	return cfg.AuthCodeURL(state,
		oauth2.SetAuthURLParam("code_challenge", codeChallenge),
		oauth2.SetAuthURLParam("code_challenge_method", "S256"))
}

// Exchange redeems the code of a sign-in. ErrInvalidGrant: the code is not
// good, or was used. It spends the sign-in half of the outbound budget.
func (c *Client) Exchange(ctx context.Context, code, verifier string) (*Token, error) {
	in := call{op: "exchange code", class: classSignIn, path: tokenPath}
	if code == "" || len(code) > maxCode {
		return nil, &Error{Op: in.op, Err: ErrInvalidGrant}
	}
	in.form = url.Values{
		"grant_type":    {"authorization_code"},
		"code":          {code},
		"redirect_uri":  {c.cfg.RedirectURI},
		"code_verifier": {verifier},
	}
	return c.token(ctx, in)
}

// Refresh replaces a pair of tokens. Discord's refresh tokens are single-use:
// after an ErrUnavailable the old one may be spent, if the answer was lost.
func (c *Client) Refresh(ctx context.Context, refreshToken Secret) (*Token, error) {
	in := call{op: "refresh token", class: classRefresh, path: tokenPath, form: url.Values{
		"grant_type":    {"refresh_token"},
		"refresh_token": {string(refreshToken)},
	}}
	return c.token(ctx, in)
}

// Revoke ends all tokens of the token's user for this application, not only
// the one given. A token that Discord does not know is not an error.
func (c *Client) Revoke(ctx context.Context, token Secret) error {
	in := call{op: "revoke token", class: classAPI, path: revokePath, form: url.Values{
		"token": {string(token)},
	}}
	a, err := c.do(ctx, in)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK && a.status != http.StatusNoContent {
		return in.oauthError(a)
	}
	if len(a.body) > 0 && !json.Valid(a.body) {
		return in.unavailable(a.status, 0, errMalformed)
	}
	return nil
}

// CheckCredentials asks Discord for a token of the application itself, which
// tells a wrong id or secret: ErrInvalidClient. The token is dropped and not
// revoked: that would end the tokens of the application's owner.
func (c *Client) CheckCredentials(ctx context.Context) error {
	in := call{op: "check credentials", class: classSignIn, path: tokenPath, form: url.Values{
		"grant_type": {"client_credentials"},
		"scope":      {"identify"},
	}}
	a, err := c.do(ctx, in)
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return in.oauthError(a)
	}
	_, err = in.parseToken(a, c.cfg.Now())
	return err
}

// token makes a call to the token endpoint that yields a pair.
func (c *Client) token(ctx context.Context, in call) (*Token, error) {
	a, err := c.do(ctx, in)
	if err != nil {
		return nil, err
	}
	if a.status != http.StatusOK {
		return nil, in.oauthError(a)
	}
	t, err := in.parseToken(a, c.cfg.Now())
	if err != nil {
		return nil, err
	}
	if t.RefreshToken == "" {
		// RFC 6749 §6: no new refresh token means that the old one stays.
		t.RefreshToken = Secret(in.form.Get("refresh_token"))
	}
	if t.RefreshToken == "" {
		return nil, in.unavailable(a.status, 0, errMalformed)
	}
	return t, nil
}

// parseToken reads a success answer, RFC 6749 §5.1.
func (in call) parseToken(a *answer, now time.Time) (*Token, error) {
	var wire struct {
		AccessToken  string          `json:"access_token"`
		TokenType    string          `json:"token_type"`
		ExpiresIn    json.RawMessage `json:"expires_in"`
		RefreshToken string          `json:"refresh_token"`
		Scope        string          `json:"scope"`
	}
	if json.Unmarshal(a.body, &wire) != nil || !strings.EqualFold(wire.TokenType, "Bearer") ||
		!headerSafe(wire.AccessToken) || wire.RefreshToken != "" && !headerSafe(wire.RefreshToken) {
		return nil, in.unavailable(a.status, 0, errMalformed)
	}
	// A pair is never thrown away for its lifetime: the old one is spent.
	life := tokenLife
	var f float64
	if json.Unmarshal(wire.ExpiresIn, &f) == nil && f > 0 {
		life = maxLife
		if f < maxLife.Seconds() {
			life = time.Duration(f * float64(time.Second))
		}
	}
	t := &Token{
		AccessToken:  Secret(wire.AccessToken),
		RefreshToken: Secret(wire.RefreshToken),
		Expires:      now.Add(life),
	}
	if fields := strings.Fields(wire.Scope); len(fields) > 0 {
		t.Scopes = fields
	}
	return t, nil
}

// oauthError tells apart what RFC 6749 §5.2 lets Discord say. Anything that
// is not exactly a verdict says nothing about tokens: ErrUnavailable.
func (in call) oauthError(a *answer) error {
	var wire struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(a.body, &wire) != nil || wire.Error == "" {
		return in.unavailable(a.status, 0, errStatus)
	}
	e := &Error{Op: in.op, Status: a.status, Code: shortCode(wire.Error), Err: ErrUnavailable}
	switch {
	case a.status == http.StatusBadRequest && wire.Error == "invalid_grant":
		e.Err = ErrInvalidGrant
	case (a.status == http.StatusBadRequest || a.status == http.StatusUnauthorized) && wire.Error == "invalid_client":
		e.Err = ErrInvalidClient
	}
	return e
}

// headerSafe holds for a token that can be stored and sent: RFC 6749 §A.12.
func headerSafe(s string) bool {
	if s == "" || len(s) > maxTokenLen {
		return false
	}
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
