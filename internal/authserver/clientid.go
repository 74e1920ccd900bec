package authserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	// maxClientURL bounds a client id that is a URL, in bytes of JSON: it is in
	// every access token.
	maxClientURL = 1 << 10

	defaultDocumentBytes = 64 << 10

	// documentPrefix begins the record ids of clients that a document
	// describes. Nobody can ask for a record by it: the client id is another.
	documentPrefix = "mcpd_document_"

	lowestPort = 1024 // beside 443: below are the ports of other protocols
)

// clientDocument is what we read of a client ID metadata document
// (draft-ietf-oauth-client-id-metadata-document-00 §4.1).
type clientDocument struct {
	registration
	ClientID      string          `json:"client_id"`
	AuthMethod    string          `json:"token_endpoint_auth_method"`
	Keys          json.RawMessage `json:"jwks"`
	KeysURI       string          `json:"jwks_uri"`
	Secret        json.RawMessage `json:"client_secret"`
	SecretExpires json.RawMessage `json:"client_secret_expires_at"`
}

// isClientURL says whether a client id names a document.
func isClientURL(id string) bool { return strings.HasPrefix(id, "https://") }

// clientKey is the id of a client's record.
func clientKey(id string) string {
	if isClientURL(id) {
		return documentPrefix + hashID(id)
	}
	return id
}

// signInClient returns the client that begins a sign-in. One that a document
// describes must have a fresh one.
func (s *Server) signInClient(ctx context.Context, id string) (*Client, error) {
	c, err := s.client(ctx, id)
	if !isClientURL(id) || err != nil && !errors.Is(err, errUnknownClient) || err == nil && c.fixed {
		return c, err
	}
	u, badURL := s.documentURL(id)
	if badURL != nil {
		return nil, errDocument("", badURL)
	}
	now := s.now()
	if c != nil && now.Before(c.FreshUntil) {
		return c, nil
	}
	limited := s.countAddress(ctx, limitDocuments)
	err = limited
	if err == nil {
		err = s.fetchClient(ctx, u, c != nil)
	}
	switch {
	case err == nil:
		return s.client(ctx, id)
	case (limited != nil || errors.Is(err, errFetchLimit)) && c != nil && now.Before(c.FetchedAt.Add(maxFresh)):
		return c, nil // a flood of others is not this client's fault
	default:
		return nil, err
	}
}

// documentURL checks a client id that is a URL (draft §3). It is used and
// compared as it is, so there is one way of writing it.
func (s *Server) documentURL(id string) (*url.URL, error) {
	if len(id)+strings.Count(id, "&")*len(`\u0026`) > maxClientURL {
		return nil, errors.New("too long")
	}
	u, err := s.fetchableURL(id)
	if err != nil {
		return nil, err
	}
	if u.Path == "" || u.Path == "/" {
		return nil, errors.New("no path")
	}
	if clean := path.Clean(u.Path); clean != u.Path && clean+"/" != u.Path {
		return nil, errors.New("dot segments or empty ones")
	}
	return u, nil
}

// fetchableURL checks a URL that is to be fetched.
func (s *Server) fetchableURL(raw string) (*url.URL, error) {
	if err := checkRedirectText(raw); err != nil {
		return nil, err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, err
	}
	if err := checkAuthority(u); err != nil {
		return nil, err
	}
	host := u.Hostname()
	last := host[strings.LastIndexByte(host, '.')+1:]
	switch {
	case u.Scheme != "https", u.String() != raw, raw[:len("https://")+len(u.Host)] != strings.ToLower("https://"+u.Host):
		return nil, errors.New("not in its canonical form")
	case !strings.Contains(host, "."), last == "", strings.Trim(last[:1], "0123456789") == "":
		return nil, errors.New("no public host name")
	case strings.TrimSuffix(u.Host, ":443") == strings.TrimSuffix(s.base.Host, ":443"):
		return nil, errors.New("this server itself")
	case !s.allowsDocumentsOf(host):
		return nil, errors.New("a host that is not allowed")
	}
	if port, err := strconv.Atoi(u.Port()); err == nil && port != 443 && port < lowestPort {
		return nil, fmt.Errorf("a port below %d", lowestPort)
	}
	return u, nil
}

// allowsDocumentsOf says whether the operator trusts a host's documents.
func (s *Server) allowsDocumentsOf(host string) bool {
	if s.cfg.NoDocuments {
		return false
	}
	return s.cfg.DocumentHosts == nil || slices.ContainsFunc(s.cfg.DocumentHosts, func(allowed string) bool {
		suffix, wild := strings.CutPrefix(allowed, "*")
		return host == allowed || wild && strings.HasSuffix(host, suffix)
	})
}

// fetchClient fetches a client's document, once for all who wait for it, and
// stores what it says. What cannot be used is not remembered (draft §4.4).
func (s *Server) fetchClient(ctx context.Context, u *url.URL, known bool) error {
	return s.mem.flight(ctx, "document "+u.String(), func(ctx context.Context) error {
		doc, err := s.documents.get(ctx, u, known)
		if err != nil {
			if errors.Is(err, errFetchLimit) {
				return err
			}
			return errDocument("", err)
		}
		c, err := s.readDocument(u.String(), doc.body)
		if err != nil {
			return err
		}
		c.FetchedAt = s.now()
		c.FreshUntil = c.FetchedAt.Add(doc.fresh)
		return s.saveDocument(ctx, c)
	})
}

// readDocument makes a client of its document, or says what is wrong with it.
func (s *Server) readDocument(id string, body []byte) (*Client, error) {
	doc := new(clientDocument)
	if !utf8.Valid(body) {
		return nil, errDocument("", errors.New("not UTF-8"))
	}
	if err := json.Unmarshal(body, doc); err != nil {
		return nil, errDocument("", err)
	}
	if doc.ClientID != id {
		return nil, errDocument("", errors.New("client_id is not the document's URL"))
	}
	// From here on it is its author who asks: he is told.
	c, err := s.newClient(&doc.registration)
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			return nil, errDocument(e.Description, nil)
		}
		return nil, err
	}
	c.ID = id
	switch {
	case c.Name == "":
		return nil, errDocument("client_name is missing", nil)
	case doc.Secret != nil, doc.SecretExpires != nil:
		return nil, errDocument("a document has no client_secret", nil)
	case doc.AuthMethod == "" || doc.AuthMethod == authNone:
		return c, nil
	case doc.AuthMethod != authKey:
		return nil, errDocument("token_endpoint_auth_method is neither none nor private_key_jwt", nil)
	case (doc.Keys == nil) == (doc.KeysURI == ""):
		return nil, errDocument("private_key_jwt needs either jwks or jwks_uri", nil)
	}
	c.AuthMethod, c.KeysURI = authKey, doc.KeysURI
	if c.KeysURI != "" {
		if _, err := s.fetchableURL(c.KeysURI); err != nil || len(c.KeysURI) > maxClientURL {
			return nil, errDocument("jwks_uri cannot be used", err)
		}
		return c, nil
	}
	if c.Keys, err = readKeys(doc.Keys); err != nil {
		return nil, errDocument("jwks cannot be used: "+err.Error(), nil)
	}
	return c, nil
}

// saveDocument stores a client as its document has it now. What else is known
// of it stays.
func (s *Server) saveDocument(ctx context.Context, c *Client) error {
	c.LastUsed = c.FetchedAt
	key := clientKey(c.ID)
	err := update(ctx, s, KindClient, key, func(old *Client) (*Client, time.Time, error) {
		if old == nil {
			return nil, time.Time{}, errUnknownClient
		}
		c.CreatedAt, c.GrantUntil = old.CreatedAt, old.GrantUntil
		if c.KeysURI != "" && c.KeysURI == old.KeysURI {
			c.Keys, c.KeysAt, c.KeysUntil = old.Keys, old.KeysAt, old.KeysUntil
		}
		return c, clientExpires(c.LastUsed, c.GrantUntil), nil
	})
	if errors.Is(err, errUnknownClient) {
		_, err = s.addClient(ctx, c)
		if err == nil {
			s.log.InfoContext(ctx, "client document fetched", "client_id", c.ID, "client_name", c.Name)
		}
		return err
	}
	if err == nil {
		s.index(c.ID).set(key, ageOf(c))
	}
	return err
}

// errDocument is for a page: a sign-in ends here, and nothing is redirected. A
// reason is given only of a document that names itself rightly: strangers must
// not learn from us what is at an address.
func errDocument(reason string, cause error) *Error {
	if reason == "" {
		reason = "there is none that this server can or may read"
	}
	return &Error{
		Status: http.StatusBadRequest, Code: "invalid_client", Err: cause,
		Description: "The app describes itself in a document at a web address, and that document cannot be used: " + reason + ".",
	}
}
