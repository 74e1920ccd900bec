package authserver

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
)

// The ways in which clients authenticate themselves (RFC 7591 §2).
const (
	authNone  = "none"
	authBasic = "client_secret_basic"
	authPost  = "client_secret_post"
	authKey   = "private_key_jwt"
)

// credentials are what a request shows of its client. Nothing of them is proven.
type credentials struct {
	clientID  string
	secret    string // "" where none is shown
	assertion string // "" where none is shown
	// worth counts what a good assertion is shown for, before it is spent.
	worth func(ctx context.Context) error
}

// clientCredentials reads which client calls, and how it proves that: client_id
// in the body, alone or with a secret; HTTP Basic, with an empty password too,
// which some clients try first; or an assertion, which names the client itself
// (RFC 7521 §4.2). Who tries two ways at once is refused (RFC 6749 §2.3).
func clientCredentials(w http.ResponseWriter, r *http.Request, form url.Values) (*credentials, error) {
	shown := &credentials{clientID: form.Get("client_id"), secret: form.Get("client_secret"), assertion: form.Get("client_assertion")}
	headers := r.Header.Values("Authorization")
	switch {
	case len(headers) > 1:
		return nil, errInvalidRequest("there is more than one Authorization header")
	case len(headers) == 1:
		return shown, shown.readBasic(w, r)
	case form.Has("client_assertion_type") && form.Get("client_assertion_type") != assertionType, form.Has("client_assertion_type") != (shown.assertion != ""):
		return nil, errInvalidClient("a client assertion needs both client_assertion and client_assertion_type, which is " + assertionType)
	case shown.assertion != "" && shown.secret != "":
		return nil, errInvalidRequest("there is more than one client authentication")
	}
	if shown.clientID == "" && shown.assertion != "" {
		shown.clientID = assertionClient(shown.assertion)
	}
	if shown.clientID == "" {
		return nil, errInvalidRequest("client_id is missing")
	}
	return shown, nil
}

// readBasic reads HTTP Basic (RFC 6749 §2.3.1).
func (c *credentials) readBasic(w http.ResponseWriter, r *http.Request) error {
	user, password, ok := r.BasicAuth()
	id, idErr := url.QueryUnescape(user)
	secret, secretErr := url.QueryUnescape(password)
	switch {
	case !ok, idErr != nil, secretErr != nil, id == "":
		return challenge(w, errInvalidClient("client authentication over HTTP is Basic, with an empty password where there is no secret"))
	case c.secret != "", c.assertion != "":
		return challenge(w, errInvalidClient("there is more than one client authentication"))
	case c.clientID != "" && c.clientID != id:
		return errInvalidRequest("client_id and the Authorization header name two clients")
	}
	c.clientID, c.secret = id, secret
	return nil
}

// authenticate finds the client and makes it prove that it is the one, where it
// can. Only one that tried HTTP authentication is told so with a 401 (RFC 6749
// §5.2).
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request, shown *credentials) (*Client, error) {
	c, err := s.client(r.Context(), shown.clientID)
	if err == nil {
		err = s.prove(r, c, shown)
	}
	e, ok := errors.AsType[*Error](err)
	if ok && e.Code == errUnknownClient.Code && r.Header.Get("Authorization") != "" {
		return nil, challenge(w, errInvalidClient(e.Description))
	}
	if err != nil {
		return nil, err
	}
	return c, nil
}

// prove checks what a client shows against how it registered: each client has
// one way, and no other is good for it. A secret may come either way.
func (s *Server) prove(r *http.Request, c *Client, shown *credentials) error {
	refuse := func(reason string) error {
		s.refused(r.Context(), c.ID, "client", reason)
		return errInvalidClient(reason)
	}
	switch c.AuthMethod {
	case "", authNone:
		if shown.secret != "" || shown.assertion != "" {
			return refuse("this client has no secret and no key: it shows its client_id alone")
		}
		return nil
	case authBasic, authPost:
		sum := sha256.Sum256([]byte(shown.secret))
		if shown.secret == "" || subtle.ConstantTimeCompare(sum[:], c.secretHash) != 1 {
			return refuse("this client authenticates itself with its secret, and this is not it")
		}
		return nil
	case authKey:
		if shown.assertion == "" {
			return refuse("this client authenticates itself with private_key_jwt")
		}
		return s.checkAssertion(r.Context(), c, shown)
	}
	return refuse("this client's way of authentication is not known here")
}

func errInvalidClient(description string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_client", Description: description}
}

func challenge(w http.ResponseWriter, e *Error) *Error {
	w.Header().Set("WWW-Authenticate", `Basic realm="mcpdiscord"`)
	e.Status = http.StatusUnauthorized
	return e
}

// authMethods are the ways in which clients of this server may authenticate
// themselves, as things are.
func (s *Server) authMethods() []string {
	used := map[string]bool{authKey: !s.cfg.NoDocuments}
	if clients := s.fixed.Load(); clients != nil {
		for _, c := range *clients {
			used[c.AuthMethod] = true
		}
	}
	methods := []string{authNone}
	for _, method := range []string{authKey, authBasic, authPost} {
		// A secret is taken either way, but clients that register are told of it
		// only where somebody has one.
		if used[method] || method != authKey && (used[authBasic] || used[authPost]) {
			methods = append(methods, method)
		}
	}
	return methods
}
