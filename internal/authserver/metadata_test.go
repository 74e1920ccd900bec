package authserver_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMetadata(t *testing.T) {
	t.Parallel()
	r := newRig(t, public)
	server := map[string]any{
		"issuer":                                         publicBase,
		"authorization_endpoint":                         publicBase + "/authorize",
		"token_endpoint":                                 publicBase + "/token",
		"registration_endpoint":                          publicBase + "/register",
		"revocation_endpoint":                            publicBase + "/revoke",
		"scopes_supported":                               []any{"email", "guilds", "identify"},
		"response_types_supported":                       []any{"code"},
		"response_modes_supported":                       []any{"query"},
		"grant_types_supported":                          []any{"authorization_code", "refresh_token"},
		"code_challenge_methods_supported":               []any{"S256"},
		"token_endpoint_auth_methods_supported":          []any{"none", "private_key_jwt"},
		"revocation_endpoint_auth_methods_supported":     []any{"none", "private_key_jwt"},
		"authorization_response_iss_parameter_supported": true,
		"client_id_metadata_document_supported":          true,

		"token_endpoint_auth_signing_alg_values_supported":      []any{"RS256", "ES256", "EdDSA"},
		"revocation_endpoint_auth_signing_alg_values_supported": []any{"RS256", "ES256", "EdDSA"},
	}
	resource := map[string]any{
		"resource":                 publicBase + "/mcp",
		"authorization_servers":    []any{publicBase},
		"scopes_supported":         []any{"identify"},
		"bearer_methods_supported": []any{"header"},
		"resource_name":            "mcp.example.com",
	}
	tests := map[string]map[string]any{
		"/.well-known/oauth-authorization-server":     server,
		"/.well-known/openid-configuration":           server,
		"/.well-known/oauth-authorization-server/mcp": server,
		"/.well-known/openid-configuration/mcp":       server,
		"/mcp/.well-known/oauth-authorization-server": server,
		"/mcp/.well-known/openid-configuration":       server,
		"/.well-known/oauth-protected-resource/mcp":   resource,
		"/.well-known/oauth-protected-resource":       resource,
	}
	for path, want := range tests {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			a := r.browser().get(path)
			if diff := cmp.Diff(want, a.JSON(t)); diff != "" {
				t.Errorf("metadata (-want +got):\n%s", diff)
			}
			if got := a.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type is %q", got)
			}
			if got := a.Header.Get("Cache-Control"); got != "public, max-age=3600" {
				t.Errorf("Cache-Control is %q", got)
			}
			if a := r.browser().do(http.MethodHead, path, "", nil); a.Status != http.StatusOK {
				t.Errorf("HEAD: %d", a.Status)
			}
		})
	}
}

func TestMethods(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	cors := map[string]bool{"/authorize": false, "/consent": false, "/auth/callback": false, "/register": true, "/token": true, "/revoke": true}
	for _, route := range r.server.Routes() {
		t.Run(route.Path, func(t *testing.T) {
			t.Parallel()
			if want, listed := cors[route.Path]; listed && want != route.CORS {
				t.Errorf("CORS is %v, want %v", route.CORS, want)
			}
			a := r.browser().do(http.MethodDelete, route.Path, "", nil)
			allow := route.Method
			if allow == http.MethodGet {
				allow = "GET, HEAD"
			}
			if a.Status != http.StatusMethodNotAllowed || a.Header.Get("Allow") != allow {
				t.Errorf("DELETE: %d, Allow %q, want 405 and %q", a.Status, a.Header.Get("Allow"), allow)
			}
		})
	}
}
