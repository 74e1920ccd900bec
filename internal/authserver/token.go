package authserver

import (
	"net/http"
	"net/url"
	"strings"
	"time"
)

// tokenResponse is RFC 6749 §5.1. Who signed in is an additional parameter, so
// that clients can show it without another call.
type tokenResponse struct {
	AccessToken  string      `json:"access_token"`
	TokenType    string      `json:"token_type"`
	ExpiresIn    int64       `json:"expires_in"` // seconds
	RefreshToken string      `json:"refresh_token"`
	Scope        string      `json:"scope"`
	DiscordUser  discordUser `json:"discord_user"`
}

type discordUser struct {
	ID         string `json:"id"`
	Username   string `json:"username"`
	GlobalName string `json:"global_name"`
}

// serveToken is POST /token (RFC 6749 §3.2). The client is authenticated before
// anything that it shows is touched: clients try one way of authentication
// after the other with the same code.
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) error {
	form, err := postForm(w, r)
	if err != nil {
		return err
	}
	shown, err := clientCredentials(w, r, form)
	if err != nil {
		return err
	}
	var answer *tokenResponse
	switch form.Get("grant_type") {
	case "authorization_code":
		answer, err = s.serveCode(w, r, shown, form)
	case "refresh_token":
		answer, err = s.serveRefresh(w, r, shown, form)
	case "":
		err = errInvalidRequest("grant_type is missing")
	default:
		err = &Error{Status: http.StatusBadRequest, Code: "unsupported_grant_type", Description: "grant_type is neither authorization_code nor refresh_token"}
	}
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// errInvalidGrant is the one answer for every code and refresh token that is
// not good: which way it is bad is for the log.
func errInvalidGrant() *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_grant", Description: "the code or refresh token is not, or no longer, good: sign in again"}
}

// checkResource is RFC 8707 §2: absent, or ours.
func (s *Server) checkResource(form url.Values) error {
	if resource := form.Get("resource"); resource != "" && !s.isResource(resource) {
		return errInvalidTarget
	}
	return nil
}

// answerTokens makes the answer for a grant as it is stored now.
func (s *Server) answerTokens(g *Grant, t refreshToken, scopes []string, now, expires time.Time) (*tokenResponse, error) {
	access, err := s.signAccess(g, scopes, now, expires)
	if err != nil {
		return nil, err
	}
	return &tokenResponse{
		AccessToken:  access,
		TokenType:    "Bearer",
		ExpiresIn:    int64(expires.Sub(now.Truncate(time.Second)) / time.Second),
		RefreshToken: s.keys.formatRefresh(t),
		Scope:        formatScope(scopes),
		DiscordUser:  discordUser{ID: g.User.ID, Username: g.User.Username, GlobalName: g.User.GlobalName},
	}, nil
}

// printable bounds what a stranger gets into our log.
func printable(s string) string {
	const most = 100
	if len(s) > most {
		s = s[:most]
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}
