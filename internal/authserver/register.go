package authserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxRegistration  = 64 << 10 // bytes
	maxRedirectURIs  = 10
	maxNameBytes     = 1 << 10 // longer names are refused
	maxNameRunes     = 100     // and shorter ones cut
	clientIDPrefix   = "mcpd_client_"
	clientIDBytes    = 24
	maxCombiningRune = 2 // in a row
	brailleBlank     = '\u2800'
)

// registration is what we read of RFC 7591 §2. Everything else that a client
// says of itself is ignored: nothing here would use or show it.
type registration struct {
	RedirectURIs  []string `json:"redirect_uris"`
	Name          string   `json:"client_name"`
	Scope         string   `json:"scope"`
	Application   string   `json:"application_type"`
	GrantTypes    []string `json:"grant_types"`
	ResponseTypes []string `json:"response_types"`
}

// registered is RFC 7591 §3.2.1. The authentication method is always there:
// without it clients assume client_secret_basic.
type registered struct {
	ClientID      string   `json:"client_id"`
	IssuedAt      int64    `json:"client_id_issued_at"`
	Name          string   `json:"client_name,omitempty"`
	RedirectURIs  []string `json:"redirect_uris"`
	Scope         string   `json:"scope,omitempty"`
	Application   string   `json:"application_type,omitempty"`
	GrantTypes    []string `json:"grant_types"`
	ResponseTypes []string `json:"response_types"`
	AuthMethod    string   `json:"token_endpoint_auth_method"`
}

// serveRegister registers a public client (RFC 7591). A client that asks for a
// secret gets none: the server may replace what is asked for (§3.2.1), and PKCE
// protects its code.
func (s *Server) serveRegister(w http.ResponseWriter, r *http.Request) error {
	reg, err := readRegistration(w, r)
	if err != nil {
		return err
	}
	c, err := s.newClient(reg)
	if err != nil {
		return err
	}
	stored, err := s.saveClient(r.Context(), c)
	if err != nil {
		return err
	}
	s.event(r.Context(), Event{Type: EventRegistered, ClientID: stored.ID})
	scopes := stored.Scopes
	if len(scopes) == 0 {
		scopes = s.cfg.Scopes
	}
	writeJSON(w, http.StatusCreated, registered{
		ClientID: stored.ID,
		IssuedAt: stored.CreatedAt.Unix(),
		Name:     stored.Name,
		// As they were sent: a client that uses what it reads here must find
		// its port.
		RedirectURIs:  reg.RedirectURIs,
		Scope:         formatScope(scopes),
		Application:   stored.Application,
		GrantTypes:    grantTypes(),
		ResponseTypes: []string{"code"},
		AuthMethod:    "none",
	})
	return nil
}

func readRegistration(w http.ResponseWriter, r *http.Request) (*registration, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRegistration))
	if err != nil {
		if _, tooLong := errors.AsType[*http.MaxBytesError](err); tooLong {
			e := errClientMetadata("the registration is too long")
			e.Status = http.StatusRequestEntityTooLarge
			return nil, e
		}
		return nil, errClientMetadata("the registration cannot be read")
	}
	if !utf8.Valid(body) || !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) {
		return nil, errClientMetadata("the registration must be a JSON object")
	}
	reg := new(registration)
	if err := json.Unmarshal(body, reg); err != nil {
		return nil, errClientMetadata("the registration is no JSON, or a member has the wrong type")
	}
	return reg, nil
}

// newClient checks a registration and makes a client of what is stored of it.
func (s *Server) newClient(reg *registration) (*Client, error) {
	if len(reg.RedirectURIs) == 0 || len(reg.RedirectURIs) > maxRedirectURIs {
		return nil, errRedirectURI("redirect_uris must have 1 to 10 entries")
	}
	c := new(Client)
	for _, raw := range reg.RedirectURIs {
		canonical, err := s.canonicalRedirect(raw)
		if err != nil {
			return nil, errRedirectURI("a redirect URI must be https, or http on 127.0.0.1, [::1] or localhost, and has: " + err.Error())
		}
		c.RedirectURIs = append(c.RedirectURIs, canonical)
	}
	c.RedirectURIs = union(c.RedirectURIs, nil)
	if reg.GrantTypes != nil && !slices.Contains(reg.GrantTypes, "authorization_code") {
		return nil, errClientMetadata("grant_types must contain authorization_code")
	}
	if reg.ResponseTypes != nil && !slices.Contains(reg.ResponseTypes, "code") {
		return nil, errClientMetadata("response_types must contain code")
	}
	if len(reg.Name) > maxNameBytes {
		return nil, errClientMetadata("client_name is too long")
	}
	c.Name = cleanName(reg.Name)
	scopes, err := parseScope(strings.Join(strings.Fields(reg.Scope), " "))
	if err != nil {
		return nil, errClientMetadata("scope is malformed")
	}
	c.Scopes = intersect(scopes, s.cfg.supportedScopes()) // unknown ones are dropped
	// It is kept and decides nothing: clients of every type may use loopback.
	if reg.Application == "native" || reg.Application == "web" {
		c.Application = reg.Application
	}
	c.ID, err = clientID(c)
	return c, err
}

// clientID is a hash of everything that is stored or shown of a client, so that
// the same software gets the same id however often it registers.
func clientID(c *Client) (string, error) {
	canonical, err := json.Marshal(struct {
		Name         string   `json:"client_name"`
		RedirectURIs []string `json:"redirect_uris"`
		Scopes       []string `json:"scopes"`
		Application  string   `json:"application_type,omitempty"`
	}{c.Name, c.RedirectURIs, c.Scopes, c.Application})
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(canonical)
	return clientIDPrefix + base64.RawURLEncoding.EncodeToString(sum[:clientIDBytes]), nil
}

// cleanName makes a name that can be shown next to ours: one line without
// characters that are invisible, reorder the text around them, or pile up on
// it.
func cleanName(name string) string {
	var b strings.Builder
	marks := 0
	for _, r := range name {
		switch {
		case unicode.IsSpace(r):
			r = ' '
		case r == utf8.RuneError, !unicode.IsPrint(r):
			continue // control, format (bidi, zero-width, tags), private use, unassigned
		case r == brailleBlank, unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			continue // letters, marks and symbols that show nothing
		}
		if marks++; !unicode.Is(unicode.M, r) {
			marks = 0
		} else if marks > maxCombiningRune {
			continue
		}
		b.WriteRune(r)
	}
	runes := []rune(strings.Join(strings.Fields(b.String()), " "))
	if len(runes) > maxNameRunes {
		runes = append(runes[:maxNameRunes-1], '…')
	}
	return string(runes)
}

func errClientMetadata(description string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_client_metadata", Description: description}
}

func errRedirectURI(description string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_redirect_uri", Description: description}
}
