package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
)

const (
	// maxDocument bounds every OAuth answer that is read, in bytes.
	maxDocument = 1 << 20
	// oauthTimeout bounds one OAuth request.
	oauthTimeout = 15 * time.Second
)

// challenge is a 401 or 403 of the MCP server. It travels as an error from the
// SDK's transport to whoever can answer it.
type challenge struct {
	status   int
	metadata string   // where the protected resource metadata is, or ""
	scopes   []string // that the request needs
	code     string   // RFC 6750's error
	bearer   string   // the access token that was refused, or ""
	text     string   // what the server says about it, or ""
}

func (c *challenge) Error() string { return fmt.Sprintf("the server answered %d", c.status) }

// newChallenge reads the answer's WWW-Authenticate (RFC 6750, RFC 9728).
func newChallenge(req *http.Request, resp *http.Response) *challenge {
	c := &challenge{status: resp.StatusCode}
	c.bearer, _ = strings.CutPrefix(req.Header.Get("Authorization"), "Bearer ")
	headers := resp.Header.Values("WWW-Authenticate")
	for _, header := range headers[:min(len(headers), 8)] {
		parsed, err := oauthex.ParseWWWAuthenticate([]string{header})
		if err != nil {
			continue // a broken header says nothing; the well-known places remain
		}
		for _, each := range parsed {
			if each.Scheme != "bearer" {
				continue
			}
			c.metadata = first(c.metadata, each.Params["resource_metadata"])
			c.code = first(c.code, each.Params["error"])
			if len(c.scopes) == 0 {
				c.scopes = validScopes(strings.Fields(each.Params["scope"]))
			}
		}
	}
	return c
}

// maxRefusal bounds what is repeated of a server's words, in bytes.
const maxRefusal = 300

// refusalText is the message of a JSON-RPC error, or "".
func refusalText(body []byte) string {
	var rpc struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal(body, &rpc) != nil || len(rpc.Error.Message) > maxRefusal {
		return ""
	}
	return PrintableLine(rpc.Error.Message)
}

func first(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}

// validScopes keeps what RFC 6749, section 3.3 allows, once each, and at most
// 100 of them.
func validScopes(scopes []string) []string {
	var valid []string
	for _, scope := range scopes {
		odd := strings.ContainsFunc(scope, func(r rune) bool { return r <= ' ' || r == '"' || r == '\\' || r > '~' })
		if scope != "" && len(scope) <= 256 && !odd && !slices.Contains(valid, scope) && len(valid) < 100 {
			valid = append(valid, scope)
		}
	}
	return valid
}

// union is every scope of the lists once, in order.
func union(lists ...[]string) []string { return validScopes(slices.Concat(lists...)) }

// covers reports whether every wanted scope is there.
func covers(have, want []string) bool {
	return !slices.ContainsFunc(want, func(scope string) bool { return !slices.Contains(have, scope) })
}

// authority is what a sign-in needs to know: whose tokens for which resource,
// and where to get them.
type authority struct {
	resource string
	scopes   []string // the resource metadata's scopes_supported
	issuer   string
	listed   []string // the authorization server's scopes_supported, which may lack some (RFC 8414)

	authorizationEndpoint, tokenEndpoint     string
	registrationEndpoint, revocationEndpoint string

	offlineAccess bool // the scope offline_access exists
	issRequired   bool // RFC 9207

	metadataDocuments bool     // a client may be the URL of its metadata
	authMethods       []string // of the token endpoint; nil: not said

	guessed bool // no document says any of this; see undescribed
}

type resourceMetadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	ScopesSupported      []string `json:"scopes_supported"`

	place string // where it was found
}

type serverMetadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	RegistrationEndpoint  string   `json:"registration_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	ScopesSupported       []string `json:"scopes_supported"`
	ChallengeMethods      []string `json:"code_challenge_methods_supported"`
	IssParameter          bool     `json:"authorization_response_iss_parameter_supported"`
	AuthMethods           []string `json:"token_endpoint_auth_methods_supported"`
	MetadataDocuments     bool     `json:"client_id_metadata_document_supported"`

	place string // where it was found
}

// discover finds the authorization server of the MCP server. What the documents
// do not say, or say of somebody else, ends it; only where there is no resource
// metadata at all it may be as it was before there was such a thing. Among
// several authorization servers the known one is preferred.
func (s *signer) discover(ctx context.Context, ch *challenge, known string) (*authority, error) {
	resource, err := s.resourceMetadata(ctx, ch)
	if err != nil {
		return nil, err
	}
	if resource == nil {
		return s.undescribed(ctx, known)
	}
	issuer, err := s.issuerOf(resource, known)
	if err != nil {
		return nil, err
	}
	meta, err := s.serverMetadata(ctx, issuer)
	if err != nil {
		return nil, err
	}
	if err := s.checkIssuer(meta, issuer); err != nil {
		return nil, err
	}
	return s.authority(resource, meta)
}

// issuerOf is the authorization server to sign in at, of those that the
// resource names.
func (s *signer) issuerOf(resource *resourceMetadata, known string) (string, error) {
	if len(resource.AuthorizationServers) == 0 {
		return "", s.misfit("names no authorization server")
	}
	if slices.Contains(resource.AuthorizationServers, known) {
		return known, nil
	}
	return resource.AuthorizationServers[0], nil
}

// authority holds what the documents say to what can be used.
func (s *signer) authority(resource *resourceMetadata, meta *serverMetadata) (*authority, error) {
	a, err := s.endpoints(resource, meta)
	if err != nil {
		return nil, err
	}
	if err := s.checkPKCE(meta); err != nil {
		return nil, err
	}
	s.log.Debug("found the authorization server", "issuer", a.issuer)
	return a, nil
}

// checkPKCE refuses a server without S256 (RFC 7636), as the MCP specification
// wants it.
func (s *signer) checkPKCE(meta *serverMetadata) error {
	if !slices.Contains(meta.ChallengeMethods, "S256") && !s.cfg.ClientCredentials {
		return s.misfit("does not support PKCE with S256")
	}
	return nil
}

// endpoints is the authority with the endpoints that can be used.
func (s *signer) endpoints(resource *resourceMetadata, meta *serverMetadata) (*authority, error) {
	a := &authority{
		resource:      resource.Resource,
		scopes:        validScopes(resource.ScopesSupported),
		issuer:        meta.Issuer,
		listed:        validScopes(meta.ScopesSupported),
		offlineAccess: slices.Contains(meta.ScopesSupported, "offline_access"),
		issRequired:   meta.IssParameter,

		metadataDocuments: meta.MetadataDocuments, authMethods: meta.AuthMethods,
	}
	for _, endpoint := range []struct {
		name, raw string
		required  bool
		to        *string
	}{
		{"authorization_endpoint", meta.AuthorizationEndpoint, !s.cfg.ClientCredentials, &a.authorizationEndpoint},
		{"token_endpoint", meta.TokenEndpoint, true, &a.tokenEndpoint},
		{"registration_endpoint", meta.RegistrationEndpoint, false, &a.registrationEndpoint},
		{"revocation_endpoint", meta.RevocationEndpoint, false, &a.revocationEndpoint},
	} {
		if endpoint.raw == "" && !endpoint.required {
			continue
		}
		if _, err := s.reach.check(endpoint.raw); err != nil {
			return nil, s.misfit("has an %s that cannot be used: %v", endpoint.name, err)
		}
		*endpoint.to = endpoint.raw
	}
	if !a.offlineAccess { // the resource has no say in it
		a.scopes = slices.DeleteFunc(a.scopes, func(scope string) bool { return scope == "offline_access" })
	}
	return a, nil
}

// misfit is the error for metadata that cannot be used.
func (s *signer) misfit(format string, args ...any) *Error {
	return &Error{Kind: KindFailure, Message: fmt.Sprintf("the sign-in of %s %s", s.server, fmt.Sprintf(format, args...))}
}

// resourceMetadata fetches RFC 9728's document from where the challenge says,
// else from the two well-known places; nil: there is none.
func (s *signer) resourceMetadata(ctx context.Context, ch *challenge) (*resourceMetadata, error) {
	root := s.url.Scheme + "://" + s.url.Host
	wellKnown := root + "/.well-known/oauth-protected-resource"
	places := []string{ch.metadata}
	if ch.metadata == "" {
		places = []string{wellKnown}
		if path := strings.TrimPrefix(s.url.EscapedPath(), "/"); path != "" {
			places = []string{wellKnown + "/" + path, wellKnown}
		}
	}
	for _, place := range places {
		var doc resourceMetadata
		found, err := s.fetch(ctx, s.resource, place, &doc)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		allowed := s.resources()
		if place != wellKnown {
			allowed = allowed[:2]
		}
		if !slices.Contains(allowed, doc.Resource) {
			return nil, s.elsewhere(doc.Resource)
		}
		doc.place = place
		return &doc, nil
	}
	if ch.metadata != "" {
		return nil, s.nowhere()
	}
	return nil, nil
}

// nowhere is the error for a server that asks for a sign-in and does not say how.
func (s *signer) nowhere() *Error {
	err := s.misfit("is described nowhere: the server asks for it but publishes no resource metadata (RFC 9728)")
	err.Hint = "if it takes a key or a token, give it with --header or MCPDISCORD_TOKEN"
	return err
}

// elsewhere is the error for a server that is reached under another address
// than its own: http://127.0.0.1 instead of http://localhost, for example.
func (s *signer) elsewhere(resource string) *Error {
	err := s.misfit("is for another address, %q", brief(resource))
	if _, bad := parseServer(resource); bad == nil && typable(resource) {
		err.Message = s.server + " calls itself " + resource
		err.Hint = "if that is the server that you mean, run {program} connect " + resource
	}
	return err
}

// resources are the names that the server may have as a resource: its address
// with and without a trailing slash, and its origin.
func (s *signer) resources() []string {
	other := s.server + "/"
	if trimmed, ok := strings.CutSuffix(s.server, "/"); ok {
		other = trimmed
	}
	root := s.url.Scheme + "://" + s.url.Host
	return []string{s.server, other, root, root + "/"}
}

// serverMetadata fetches RFC 8414's document, or OpenID Connect Discovery's,
// in the order of the MCP specification. See checkIssuer.
func (s *signer) serverMetadata(ctx context.Context, issuer string) (*serverMetadata, error) {
	u, err := s.reach.check(issuer)
	if err != nil || u.RawQuery != "" {
		if err == nil {
			err = errors.New("it contains a query")
		}
		return nil, s.misfit("names an authorization server that cannot be used: %v", err)
	}
	root, path := u.Scheme+"://"+u.Host, strings.Trim(u.EscapedPath(), "/")
	places := []string{root + "/.well-known/oauth-authorization-server", root + "/.well-known/openid-configuration"}
	if path != "" {
		places = []string{places[0] + "/" + path, places[1] + "/" + path, root + "/" + path + "/.well-known/openid-configuration"}
	}
	for _, place := range places {
		var doc serverMetadata
		found, err := s.fetch(ctx, s.oauth, place, &doc)
		if err != nil {
			return nil, err
		}
		if !found {
			continue
		}
		doc.place = place
		return &doc, nil
	}
	return nil, s.misfit("leads to %q, which publishes no metadata (RFC 8414)", brief(issuer))
}

// checkIssuer refuses metadata of another issuer than it was looked for under,
// byte for byte.
func (s *signer) checkIssuer(meta *serverMetadata, issuer string) error {
	if meta.Issuer != issuer {
		return s.misfit("calls itself %q instead of %q", brief(meta.Issuer), brief(issuer))
	}
	return nil
}
