package authserver

import (
	"net/http"
	"slices"
)

// metadata is RFC 8414 §2, as far as this server does it: what is not listed
// does not exist. (The MCP SDK's own type always emits "jwks_uri":"".)
type metadata struct {
	Issuer                string   `json:"issuer"`
	AuthorizationEndpoint string   `json:"authorization_endpoint"`
	TokenEndpoint         string   `json:"token_endpoint"`
	RegistrationEndpoint  string   `json:"registration_endpoint"`
	RevocationEndpoint    string   `json:"revocation_endpoint"`
	ScopesSupported       []string `json:"scopes_supported"`
	ResponseTypes         []string `json:"response_types_supported"`
	ResponseModes         []string `json:"response_modes_supported"`
	GrantTypes            []string `json:"grant_types_supported"`
	TokenAuthMethods      []string `json:"token_endpoint_auth_methods_supported"`
	TokenAuthAlgs         []string `json:"token_endpoint_auth_signing_alg_values_supported,omitempty"`
	RevocationAuthMethods []string `json:"revocation_endpoint_auth_methods_supported"`
	RevocationAuthAlgs    []string `json:"revocation_endpoint_auth_signing_alg_values_supported,omitempty"`
	CodeChallengeMethods  []string `json:"code_challenge_methods_supported"`
	IssParameter          bool     `json:"authorization_response_iss_parameter_supported"` // RFC 9207 §3
	ClientDocuments       bool     `json:"client_id_metadata_document_supported,omitempty"`
}

// resourceMetadata is RFC 9728 §2.
type resourceMetadata struct {
	Resource             string   `json:"resource"`
	AuthorizationServers []string `json:"authorization_servers"`
	ScopesSupported      []string `json:"scopes_supported"` // what every sign-in needs, no more
	BearerMethods        []string `json:"bearer_methods_supported"`
	Name                 string   `json:"resource_name,omitempty"`
}

// ResourceMetadataPath is where the protected resource metadata of
// [ResourcePath] is (RFC 9728 §3.1).
const ResourceMetadataPath = "/.well-known/oauth-protected-resource" + ResourcePath

func grantTypes() []string { return []string{"authorization_code", "refresh_token"} }

// metadata is what this server does now: which ways of authentication there are
// depends on the operator's file of clients.
func (s *Server) metadata() *metadata {
	m := &metadata{
		Issuer:                s.cfg.BaseURL,
		AuthorizationEndpoint: s.cfg.BaseURL + "/authorize",
		TokenEndpoint:         s.cfg.BaseURL + "/token",
		RegistrationEndpoint:  s.cfg.BaseURL + "/register",
		RevocationEndpoint:    s.cfg.BaseURL + "/revoke",
		ScopesSupported:       s.cfg.supportedScopes(),
		ResponseTypes:         []string{"code"},
		ResponseModes:         []string{"query"},
		GrantTypes:            grantTypes(),
		TokenAuthMethods:      s.authMethods(),
		CodeChallengeMethods:  []string{"S256"},
		IssParameter:          true,
		ClientDocuments:       !s.cfg.NoDocuments,
	}
	m.RevocationAuthMethods = m.TokenAuthMethods
	if slices.Contains(m.TokenAuthMethods, authKey) { // RFC 8414 §2
		for _, alg := range assertionAlgorithms() {
			m.TokenAuthAlgs = append(m.TokenAuthAlgs, string(alg))
		}
		m.RevocationAuthAlgs = m.TokenAuthAlgs
	}
	return m
}

// metadataRoutes serves both documents at every place where clients look for
// them: at the root, where they belong, and with the resource's path inserted
// or appended.
func (s *Server) metadataRoutes() []Route {
	server := document(func() any { return s.metadata() })
	resource := document(func() any {
		return &resourceMetadata{
			Resource:             s.resource,
			AuthorizationServers: []string{s.cfg.BaseURL},
			ScopesSupported:      s.cfg.Scopes,
			BearerMethods:        []string{"header"},
			Name:                 s.cfg.ServerName,
		}
	})
	const wellKnown = "/.well-known/"
	var routes []Route
	add := func(path string, h http.Handler) {
		routes = append(routes, Route{Method: http.MethodGet, Path: path, CORS: true, Handler: h})
	}
	for _, name := range []string{"oauth-authorization-server", "openid-configuration"} {
		add(wellKnown+name, server)
		add(wellKnown+name+ResourcePath, server)
		add(ResourcePath+wellKnown+name, server)
	}
	add(ResourceMetadataPath, resource)
	// RFC 9728 §3.3 makes strict clients discard a copy at the root, whose
	// resource has a path; others find it only there.
	add(wellKnown+"oauth-protected-resource", resource)
	return routes
}

// document serves what v returns as JSON, cacheable and the same for everyone.
func document(v func() any) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=3600")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		writeJSON(w, http.StatusOK, v())
	})
}
