package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// maxToken bounds a bearer token, in bytes. Ours are under 1 KiB.
const maxToken = 4 << 10

// challenges are the values of WWW-Authenticate (RFC 6750 §3, RFC 9728 §5.1).
type challenges struct {
	metadata string // the last parameter of every challenge
	scope    string
	bare     string // no token: no error code (RFC 6750 §3.1)
	invalid  string // a token that is not good
	request  string // more than one
}

func newChallenges(baseURL string, required []string) challenges {
	metadata := `resource_metadata="` + baseURL + authserver.ResourceMetadataPath + `"`
	scope := `scope="` + strings.Join(required, " ") + `"`
	return challenges{
		metadata: metadata,
		scope:    scope,
		bare:     "Bearer " + metadata + ", " + scope,
		invalid:  `Bearer error="invalid_token", error_description="the access token is not valid", ` + metadata + ", " + scope,
		request:  `Bearer error="invalid_request", error_description="one Authorization header is needed", ` + metadata + ", " + scope,
	}
}

// insufficient asks for all that a call needs in one challenge, so that one
// more sign-in is enough.
func (c challenges) insufficient(scopes []string) string {
	return `Bearer error="insufficient_scope", error_description="the call needs more scopes", ` + c.metadata + `, scope="` + strings.Join(scopes, " ") + `"`
}

// authenticate finds out who calls, or answers and returns false. The token is
// only taken from the Authorization header: one in the query or in a form is
// not looked at.
func (s *Server) authenticate(e *exchange, r *http.Request) bool {
	token, known := bearerToken(r.Header["Authorization"])
	switch {
	case !known:
		s.challengeWith(e, http.StatusBadRequest, s.challenge.request, "a request has one Authorization header with one bearer token")
		return false
	case token == "":
		s.challengeWith(e, http.StatusUnauthorized, s.challenge.bare, "this server needs a sign-in with Discord")
		return false
	case !wellFormedToken(token):
		s.challengeWith(e, http.StatusUnauthorized, s.challenge.invalid, "the access token is not valid")
		return false
	}
	id, err := s.cfg.Auth.Verify(r.Context(), token)
	switch {
	case errors.Is(err, authserver.ErrInvalidToken):
		s.challengeWith(e, http.StatusUnauthorized, s.challenge.invalid, "the access token is not valid")
		return false
	case errors.Is(err, authserver.ErrNotAllowed):
		s.notAllowed(e, err)
		return false
	case err != nil:
		s.unavailable(r.Context(), e, err)
		return false
	}
	e.identity = id
	if missing(s.required, id.Scopes) {
		s.stepUp(e, s.required)
		return false
	}
	return true
}

// bearerToken returns the token of a request's Authorization headers: "" where
// there is none, and known is false where it is not clear which one is meant.
// The scheme is case-insensitive.
func bearerToken(values []string) (token string, known bool) {
	switch len(values) {
	case 0:
		return "", true
	case 1:
	default:
		return "", false
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", true
	}
	token = strings.Trim(token, " ")
	if strings.IndexByte(token, ',') >= 0 { // two headers that a proxy made one of
		return "", false
	}
	return token, true
}

// wellFormedToken says whether token is a b64token of a bearable length
// (RFC 6750 §2.1).
func wellFormedToken(token string) bool {
	if len(token) > maxToken {
		return false
	}
	for i := range len(token) {
		c := token[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && strings.IndexByte("-._~+/=", c) < 0 {
			return false
		}
	}
	return true
}

func (s *Server) challengeWith(e *exchange, status int, challenge, text string) {
	e.Header().Set("WWW-Authenticate", challenge)
	e.writeError(status, status, text)
}

// stepUp answers that the token's scopes do not cover the call, and names all
// that it needs.
func (s *Server) stepUp(e *exchange, scopes []string) {
	s.challengeWith(e, http.StatusForbidden, s.challenge.insufficient(scopes), "the call needs the scopes "+strings.Join(scopes, " ")+"; sign in again to grant them")
}

// notAllowed answers that the token is good and its user may not come in.
// There is no challenge: a new sign-in would change nothing (RFC 6750 §3.1 has
// no code for that), and a client that reads one would begin it again and again.
func (s *Server) notAllowed(e *exchange, err error) {
	text := "this server does not let in this Discord account"
	if known, ok := errors.AsType[*authserver.Error](err); ok {
		text = known.Description
	}
	e.writeError(http.StatusForbidden, http.StatusForbidden, text)
}

// unavailable answers that the token can be neither accepted nor refused now.
// Never 401: a client would throw a good token away.
func (s *Server) unavailable(ctx context.Context, e *exchange, err error) {
	if ctx.Err() == nil {
		s.log.LogAttrs(ctx, slog.LevelError, "checking an access token", slog.String("error", err.Error()))
	}
	wait := 5 * time.Second
	if known, ok := errors.AsType[*authserver.Error](err); ok && known.RetryAfter > 0 {
		wait = known.RetryAfter
	}
	e.Header().Set("Retry-After", strconv.Itoa(int((wait+time.Second-1)/time.Second)))
	e.writeError(http.StatusServiceUnavailable, http.StatusServiceUnavailable, "this server cannot check access tokens now; try again later")
}

// missing says whether granted lacks any of needed.
func missing(needed, granted []string) bool {
	for _, scope := range needed {
		if !slices.Contains(granted, scope) {
			return true
		}
	}
	return false
}
