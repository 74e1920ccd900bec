package authserver

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"
)

const (
	maxState    = 4 << 10 // of the client, in bytes
	nonceBytes  = 32
	sha256Bytes = 32
)

// clientError is an error that its client is told through the browser (RFC
// 6749 §4.1.2.1). Its redirect URI is proven.
type clientError struct {
	err         *Error
	redirectURI string
	state       string
	// asked: the user has answered a page of ours that names the redirect host,
	// so the browser may follow at once.
	asked bool
	// refused: the user has signed in and may not come in. A page says so first.
	refused *refusal
}

func (e *clientError) Error() string { return e.err.Error() }

func (e *clientError) Unwrap() error { return e.err }

// serveAuthorize checks an authorization request and shows the consent page,
// every time. It stores nothing: the request waits in the page's form.
func (s *Server) serveAuthorize(w http.ResponseWriter, r *http.Request) error {
	if s.otherLoopback(r.Host) {
		// The browser's cookies belong to the spelling that Discord returns to.
		w.Header().Set("Location", s.cfg.BaseURL+r.URL.RequestURI())
		w.WriteHeader(http.StatusTemporaryRedirect)
		return nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return errInvalidRequest("The address cannot be read.")
	}
	c, redirectURI, err := s.provenRedirect(r, query)
	if err != nil {
		return err
	}
	p, err := s.newRequest(query)
	if err != nil {
		e, ok := errors.AsType[*Error](err)
		if !ok {
			return err
		}
		return &clientError{err: e, redirectURI: redirectURI, state: usableState(query)}
	}
	p.ClientID, p.RedirectURI = c.ID, redirectURI
	p.Browser = hashID(s.ensureBrowser(w, r))
	sealed, err := s.sealRequest(p)
	if err != nil {
		return err
	}
	s.pages.consent(w, c, p, sealed, s.access.rule.checks())
	return nil
}

// otherLoopback says whether the browser asked for this computer under another
// name than the base URL's. Only then Host matters, and nothing is built of it.
func (s *Server) otherLoopback(host string) bool {
	if !s.base.Loopback {
		return false
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	name = strings.Trim(name, "[]")
	return loopbackHost(name) && !strings.EqualFold(name, s.base.Hostname)
}

// provenRedirect finds the client and where it wants the browser back. Its
// errors are for a page.
func (s *Server) provenRedirect(r *http.Request, query url.Values) (*Client, string, error) {
	for _, name := range []string{"client_id", "redirect_uri"} {
		if len(query[name]) > 1 {
			return nil, "", errInvalidRequest("The app sent " + name + " more than once.")
		}
	}
	id := query.Get("client_id")
	if id == "" {
		return nil, "", errInvalidRequest("The app did not say which app it is.")
	}
	c, err := s.signInClient(r.Context(), id)
	if errors.Is(err, errUnknownClient) {
		return nil, "", &Error{Status: http.StatusBadRequest, Code: "invalid_client", Description: "The app is not registered with this server, or has not been used for so long that the server forgot it. Sign out in the app and connect it again."}
	}
	if err != nil {
		return nil, "", err
	}
	redirectURI, err := s.redirectFor(c, query.Get("redirect_uri"))
	return c, redirectURI, err
}

// newRequest checks everything that an error can be redirected for.
func (s *Server) newRequest(query url.Values) (*pendingRequest, error) {
	if len(query["resource"]) > 1 { // RFC 8707 §2 allows it; we are one resource
		return nil, errInvalidTarget
	}
	query, err := single(query)
	if err != nil {
		return nil, err
	}
	if state := query.Get("state"); state != usableState(query) {
		return nil, errInvalidRequest("state is too long, or has characters that do not belong in it")
	}
	switch query.Get("response_type") {
	case "code":
	case "":
		return nil, errInvalidRequest("response_type is missing")
	default:
		return nil, &Error{Status: http.StatusBadRequest, Code: "unsupported_response_type", Description: "response_type must be code"}
	}
	if mode := query.Get("response_mode"); mode != "" && mode != "query" {
		return nil, errInvalidRequest("response_mode must be query")
	}
	if err := checkChallenge(query); err != nil {
		return nil, err
	}
	if resource := query.Get("resource"); resource != "" && !s.isResource(resource) {
		return nil, errInvalidTarget
	}
	asked, err := parseScope(query.Get("scope"))
	if err != nil {
		return nil, err
	}
	if !covers(s.cfg.supportedScopes(), asked) {
		return nil, errInvalidScope("the request names a scope that this server does not have")
	}
	nonce := make([]byte, nonceBytes)
	_, _ = rand.Read(nonce) // never fails
	return &pendingRequest{
		State:         query.Get("state"),
		Scopes:        union(s.cfg.Scopes, asked),
		CodeChallenge: query.Get("code_challenge"),
		Nonce:         nonce,
		Expires:       s.now().Add(requestTTL),
	}, nil
}

// checkChallenge insists on PKCE with S256 (OAuth 2.1 §4.1.1, §7.6): a method
// that is left out means plain.
func checkChallenge(query url.Values) error {
	challenge := query.Get("code_challenge")
	if challenge == "" {
		return errInvalidRequest("code_challenge is missing: PKCE is required")
	}
	if query.Get("code_challenge_method") != "S256" {
		return errInvalidRequest("code_challenge_method must be S256")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(challenge)
	if err != nil || len(raw) != sha256Bytes || strings.ContainsAny(challenge, "\r\n") {
		return errInvalidRequest("code_challenge is no SHA-256 in base64url")
	}
	return nil
}

// usableState is the client's state where it can be given back as it was, else
// "". None at all is "" too.
func usableState(query url.Values) string {
	state := query.Get("state")
	if len(query["state"]) > 1 || len(state) > maxState || !utf8.ValidString(state) || hasControl(state) {
		return ""
	}
	return state
}

var errInvalidTarget = &Error{Status: http.StatusBadRequest, Code: "invalid_target", Description: "resource is not the one that this server protects"}

// isResource says whether a resource parameter (RFC 8707) means ours. Case of
// scheme and host, the scheme's own port and one slash at the end are
// forgiven, since clients differ there.
func (s *Server) isResource(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.User != nil || u.RawQuery != "" || u.ForceQuery || strings.Contains(raw, "#") {
		return false
	}
	if path := u.EscapedPath(); path != ResourcePath && path != ResourcePath+"/" {
		return false
	}
	scheme, own := "http", "80"
	if s.base.Secure {
		scheme, own = "https", "443"
	}
	port := u.Port()
	if port == own {
		port = ""
	}
	return strings.EqualFold(u.Scheme, scheme) && strings.EqualFold(u.Hostname(), s.base.Hostname) && port == s.base.Port
}
