package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// The ways in which a client authenticates (RFC 7591, section 2).
const (
	authNone  = "none"
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
)

// maxToken bounds a token that is kept, in bytes; it must fit a header.
const maxToken = 16 << 10

// tokenAnswer is RFC 6749, section 5.1, and the user that our own server adds.
type tokenAnswer struct {
	AccessToken  string          `json:"access_token"`
	TokenType    string          `json:"token_type"`
	ExpiresIn    json.RawMessage `json:"expires_in"` // a number, or a number in quotes
	RefreshToken string          `json:"refresh_token"`
	Scope        string          `json:"scope"`
	User         tokencache.User `json:"discord_user"`
}

// grantError is RFC 6749, section 5.2: the server's refusal, not its failure.
type grantError struct {
	code        string
	description string
}

func (e *grantError) Error() string { return "the authorization server refused: " + e.words() }

// words is the refusal for a message.
func (e *grantError) words() string {
	if e.description == "" {
		return brief(e.code)
	}
	return brief(e.code + ": " + e.description)
}

// lostClient reports whether the server does not know the registration (any
// more).
func (e *grantError) lostClient() bool {
	return e.code == "invalid_client" || e.code == "unauthorized_client"
}

// lostGrant reports whether only a new sign-in helps.
func (e *grantError) lostGrant() bool {
	return e.code == "invalid_grant" || e.code == "invalid_scope" || e.code == "invalid_target"
}

// grant asks the token endpoint for tokens and puts them into the session. The
// session says how the client authenticates; form says what it presents.
func (s *signer) grant(ctx context.Context, session *tokencache.Session, form url.Values) error {
	body, err := s.post(ctx, session, session.TokenEndpoint, form)
	if err != nil {
		return err
	}
	var answer tokenAnswer
	if err := json.Unmarshal(body, &answer); err != nil {
		return s.misfit("answered with something that is not a token")
	}
	switch {
	case !strings.EqualFold(answer.TokenType, "Bearer"):
		return s.misfit("gave a token of the unknown type %q", brief(answer.TokenType))
	case !validToken(answer.AccessToken) || answer.RefreshToken != "" && !validToken(answer.RefreshToken):
		return s.misfit("gave a token that cannot be used")
	}
	now := s.cfg.Now()
	session.AccessToken = answer.AccessToken
	session.Expiry = time.Time{}
	if seconds := lifetime(answer.ExpiresIn); seconds > 0 {
		session.Expiry = now.Add(time.Duration(seconds) * time.Second).UTC()
	}
	if answer.RefreshToken != "" {
		session.RefreshToken = answer.RefreshToken
	}
	if answer.Scope != "" {
		session.Scopes = validScopes(strings.Fields(answer.Scope))
	}
	if answer.User.ID != "" {
		session.User = tokencache.User{ID: cut(answer.User.ID), Username: cut(answer.User.Username), GlobalName: cut(answer.User.GlobalName)}
	}
	return nil
}

// cut bounds a name that is kept.
func cut(s string) string {
	if len(s) > 256 {
		s = strings.ToValidUTF8(s[:256], "")
	}
	return s
}

func lifetime(raw json.RawMessage) int64 {
	seconds, err := strconv.ParseInt(strings.Trim(string(raw), `"`), 10, 64)
	if err != nil || seconds <= 0 {
		return 0
	}
	return min(seconds, 10*365*24*3600)
}

// validToken reports whether the token can go into a header (RFC 6750, 2.1).
func validToken(token string) bool {
	return token != "" && len(token) <= maxToken && !strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' })
}

// post sends an authenticated form. An answer that is neither 200 nor a
// refusal of RFC 6749 is an Error; nothing follows a redirect.
func (s *signer) post(ctx context.Context, session *tokencache.Session, endpoint string, form url.Values) ([]byte, error) {
	at, err := s.reach.check(endpoint)
	if err != nil {
		return nil, s.misfit("leads to an address that cannot be used: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, oauthTimeout)
	defer cancel()
	basic := session.AuthMethod == authBasic
	if !basic {
		form.Set("client_id", session.ClientID)
	}
	if session.AuthMethod == authPost {
		form.Set("client_secret", session.ClientSecret)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, endpoint, strings.NewReader(form.Encode()))
	if err != nil {
		return nil, s.misfit("leads to an address that cannot be used")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	if basic {
		// RFC 6749, section 2.3.1: form-encoded before they are joined.
		req.SetBasicAuth(url.QueryEscape(session.ClientID), url.QueryEscape(session.ClientSecret))
	}
	resp, err := s.send(s.oauth, req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := readBounded(resp.Body)
	if err != nil {
		return nil, s.unreadable(at, err)
	}
	if resp.StatusCode == http.StatusOK {
		return body, nil
	}
	var refusal struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &refusal) != nil || refusal.Error == "" {
		refusal.Error, refusal.Description = fmt.Sprintf("HTTP status %d", resp.StatusCode), ""
	}
	switch {
	case resp.StatusCode < 400, resp.StatusCode >= 500, passing(refusal.Error), resp.StatusCode == http.StatusRequestTimeout,
		resp.StatusCode == http.StatusTooEarly, resp.StatusCode == http.StatusTooManyRequests:
		return nil, s.unavailable(fmt.Sprintf("%s answered %d", at.Host, resp.StatusCode), nil)
	}
	return nil, &grantError{code: refusal.Error, description: refusal.Description}
}

// passing reports whether an error code speaks of now and not of the request.
func passing(code string) bool {
	return code == "temporarily_unavailable" || code == "server_error" || code == "slow_down"
}

// revoke ends the sign-in at the server (RFC 7009). A server without the
// endpoint has nothing to be told.
func (s *signer) revoke(ctx context.Context, session *tokencache.Session) error {
	form := url.Values{"token": {session.RefreshToken}, "token_type_hint": {"refresh_token"}}
	if session.RefreshToken == "" {
		form = url.Values{"token": {session.AccessToken}, "token_type_hint": {"access_token"}}
	}
	if session.RevocationEndpoint == "" || form.Get("token") == "" {
		return nil
	}
	_, err := s.post(ctx, session, session.RevocationEndpoint, form)
	var refused *grantError
	if errors.As(err, &refused) && refused.lostClient() {
		return nil // a client that is gone has no tokens either
	}
	return err
}
