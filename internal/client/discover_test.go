package client_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// The order of the well-known places, with and without a path in the issuer;
// what a 404 and a 503 mean; how OpenID Connect Discovery counts.
func TestDiscoveryOrder(t *testing.T) {
	t.Parallel()
	const prm, oauth, oidc = "/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"
	for _, test := range []struct {
		name, issuer string
		at           string // where the metadata is
		want         []string
		ok           bool
	}{
		{"root", "", oauth, []string{oauth}, true},
		{"root, OpenID", "", oidc, []string{oauth, oidc}, true},
		{"root, none", "", "", []string{oauth, oidc}, false},
		{"path", "/tenant", oauth + "/tenant", []string{oauth + "/tenant"}, true},
		{"path, OpenID inserted", "/tenant", oidc + "/tenant", []string{oauth + "/tenant", oidc + "/tenant"}, true},
		{"path, OpenID appended", "/tenant", "/tenant" + oidc, []string{oauth + "/tenant", oidc + "/tenant", "/tenant" + oidc}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			var asked []string
			serve := func(w http.ResponseWriter, r *http.Request) {
				f.set(func() { asked = append(asked, r.URL.Path) })
				if r.URL.Path != test.at {
					http.NotFound(w, r)
					return
				}
				f.json(w, 200, map[string]any{
					"issuer": f.URL + test.issuer, "authorization_endpoint": f.URL + "/authorize", "token_endpoint": f.URL + "/token",
					"registration_endpoint": f.URL + "/register", "code_challenge_methods_supported": []string{"S256"},
				})
			}
			f.set(func() {
				for _, path := range []string{oauth, oidc, oauth + "/tenant", oidc + "/tenant", "/tenant" + oidc} {
					f.on[path] = serve
				}
				f.prm["authorization_servers"] = []string{f.URL + test.issuer}
			})
			r := newRig(t, f)
			urls := r.manual()
			if !test.ok {
				_, err := client.Connect(t.Context(), r.Config)
				wantKind(t, err, client.KindFailure)
			} else {
				done := r.connecting(t)
				good := answerOf(t, <-urls)
				q := good.Query()
				q.Set("iss", f.URL+test.issuer)
				good.RawQuery = q.Encode()
				if _, _, err := get(t.Context(), good.String()); err != nil {
					t.Fatal(err)
				}
				if err := <-done; err != nil {
					t.Fatal(explain(err))
				}
			}
			if !slices.Equal(asked, test.want) {
				t.Errorf("asked %q, want %q", asked, test.want)
			}
			want(t, "resource metadata at the root", f.count(prm), 0)
		})
	}
}

// A metadata server that is down says nothing about the sign-in.
func TestDiscoveryUnavailable(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server", "/register"} {
		f := newFake(t)
		f.set(func() {
			f.on[path] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
		})
		r := newRig(t, f)
		_, err := client.Connect(t.Context(), r.Config)
		wantKind(t, err, client.KindUnavailable)
		want(t, "browsers", r.opened(), 0)
	}
}

// The challenge's scope is asked for as it is, the metadata's only without it.
func TestScopesOfChallenge(t *testing.T) {
	t.Parallel()
	for header, scope := range map[string]string{
		`Bearer scope="x y"`:                   "x y",
		`bearer scope=x`:                       "x",
		`Basic realm="a, b", Bearer scope="x"`: "x",
		`Bearer realm="x"`:                     "identify",
		`Basic realm="only"`:                   "identify",
		`Bearer scope="x \"><script> é"`:       "x",
		`Bearer scope="unterminated`:           "identify",
	} {
		f := newFake(t)
		f.set(func() {
			f.on["/mcp"] = func(w http.ResponseWriter, r *http.Request) {
				if r.Header.Get("Authorization") == "" {
					w.Header().Set("WWW-Authenticate", header)
					w.WriteHeader(http.StatusUnauthorized)
					return
				}
				f.mcp.ServeHTTP(w, r)
			}
		})
		r := newRig(t, f)
		r.connect(t)
		want(t, header, f.forms["/authorize"][0].Get("scope"), scope)
	}
}

// A server that hands out refresh tokens only for offline_access is asked for
// it, another one is not.
func TestOfflineAccess(t *testing.T) {
	t.Parallel()
	for _, listed := range []bool{true, false} {
		f := newFake(t)
		if listed {
			f.meta["scopes_supported"] = []string{"identify", "offline_access"}
		}
		newRig(t, f).connect(t)
		got := f.forms["/authorize"][0].Get("scope")
		want(t, got, strings.Contains(got, "offline_access"), listed)
	}
}

// What the resource says of offline_access does not count: it is the
// authorization server's to give.
func TestOfflineAccessOfResource(t *testing.T) {
	t.Parallel()
	for _, listed := range []bool{true, false} {
		f := bare(t)
		delete(f.on, resourceDocument)
		f.prm["scopes_supported"] = []string{"offline_access", "identify"}
		if listed {
			f.meta["scopes_supported"] = []string{"offline_access"}
		}
		newRig(t, f).connect(t)
		got := f.forms["/authorize"][0].Get("scope")
		want(t, got, strings.Contains(got, "offline_access"), listed)
		want(t, got, strings.Contains(got, "identify"), true)
	}
}
