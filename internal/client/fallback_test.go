package client_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

func replaceServer(text, server string) string { return strings.ReplaceAll(text, "SERVER", server) }

const (
	resourceDocument = "/.well-known/oauth-protected-resource/mcp"
	serverDocument   = "/.well-known/oauth-authorization-server"
)

// bare is a fake of 2025-03-26: it publishes no resource metadata.
func bare(t *testing.T) *fake {
	t.Helper()
	f := newFake(t)
	f.on[resourceDocument] = http.NotFound
	f.on["/mcp"] = func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		_, ok := f.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		f.mu.Unlock()
		if !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		f.mcp.ServeHTTP(w, r)
	}
	return f
}

// A server of 2025-03-26 is its own authorization server: as the metadata at its
// root says, else with endpoints of fixed names. PKCE and resource are sent in
// any case.
func TestWithoutResourceMetadata(t *testing.T) {
	t.Parallel()
	for name, arrange := range map[string]func(*fake){
		"described at the root": func(*fake) {},
		"with a slash": func(f *fake) {
			f.meta["issuer"], f.meta["authorization_response_iss_parameter_supported"] = f.URL+"/", nil
		},
		"described nowhere": func(f *fake) { f.on[serverDocument] = http.NotFound },
		"a page for every path": func(f *fake) {
			f.on[serverDocument] = func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Content-Type", "text/html") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := bare(t)
			arrange(f)
			if f.meta["issuer"] != nil {
				f.on["/authorize"] = func(w http.ResponseWriter, r *http.Request) { // of before RFC 9207
					f.authorize(withoutIss{w}, r)
				}
			}
			r := newRig(t, f)
			call(t, r.connect(t), "echo")
			want(t, "registrations", f.count("/register"), 1)
			q := f.forms["/authorize"][0]
			want(t, "challenge", q.Get("code_challenge_method") == "S256" && len(q.Get("code_challenge")) == 43, true)
			want(t, "resource", q.Get("resource"), r.Server)
			want(t, "resource at the token endpoint", f.forms["/token"][0].Get("resource"), r.Server)
			f.set(func() { clear(f.access) })
			call(t, r.connect(t), "echo")
			want(t, "renewed", f.refreshes(), 1)
			want(t, "browsers", r.opened(), 1)
		})
	}
}

type withoutIss struct{ http.ResponseWriter }

func (w withoutIss) WriteHeader(status int) {
	to := w.Header().Get("Location")
	if before, _, found := strings.Cut(to, "&iss="); found {
		_, after, _ := strings.Cut(to[len(before)+1:], "&")
		w.Header().Set("Location", before+"&"+after)
	}
	w.ResponseWriter.WriteHeader(status)
}

// TestAttack24Fallback: whoever can take away or spoil a document gains nothing:
// what was described is not guessed, and a guess leads nowhere else.
func TestAttack24Fallback(t *testing.T) {
	t.Parallel()
	status := func(path string, code int) func(*fake) {
		return func(f *fake) { f.on[path] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) } }
	}
	prm := func(name string, value any) func(*fake) {
		return func(f *fake) { delete(f.on, resourceDocument); f.prm[name] = value }
	}
	for _, test := range []struct {
		name    string
		arrange func(*fake)
		kind    client.Kind
	}{
		{"resource metadata of another", prm("resource", "https://honest.example/mcp"), client.KindFailure},
		{"resource metadata without an authorization server", prm("authorization_servers", nil), client.KindFailure},
		{"resource metadata that is out of order", status(resourceDocument, 503), client.KindUnavailable},
		{"resource metadata at the root of another", func(f *fake) {
			f.on["/.well-known/oauth-protected-resource"] = func(w http.ResponseWriter, _ *http.Request) {
				f.json(w, 200, map[string]any{"resource": "https://honest.example", "authorization_servers": []string{f.URL}})
			}
		}, client.KindFailure},
		{"a challenge that names a place", func(f *fake) {
			f.on["/mcp"] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+f.URL+`/gone"`)
				w.WriteHeader(http.StatusUnauthorized)
			}
		}, client.KindFailure},
		{"another issuer", func(f *fake) { f.meta["issuer"] = "https://honest.example" }, client.KindFailure},
		{"an issuer below the root", func(f *fake) { f.meta["issuer"] = f.URL + "/tenant" }, client.KindFailure},
		{"authorization elsewhere", func(f *fake) { f.meta["authorization_endpoint"] = "https://honest.example/authorize" }, client.KindFailure},
		{"tokens elsewhere", func(f *fake) { f.meta["token_endpoint"] = "http://127.0.0.1:9/token" }, client.KindFailure},
		{"registration elsewhere", func(f *fake) { f.meta["registration_endpoint"] = "https://honest.example/register" }, client.KindFailure},
		{"revocation elsewhere", func(f *fake) { f.meta["revocation_endpoint"] = "https://honest.example/revoke" }, client.KindFailure},
		{"no PKCE", func(f *fake) { f.meta["code_challenge_methods_supported"] = nil }, client.KindFailure},
		{"server metadata that is out of order", status(serverDocument, 500), client.KindUnavailable},
		{"a key is wanted", func(f *fake) { f.on[serverDocument], f.on["/register"] = http.NotFound, http.NotFound }, client.KindFailure},
		{"a page for every path", func(f *fake) {
			page := func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				_, _ = w.Write([]byte("<html>"))
			}
			f.on[serverDocument], f.on["/register"] = page, page
		}, client.KindFailure},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := bare(t)
			f.set(func() { test.arrange(f) })
			r := newRig(t, f)
			_, err := client.Connect(t.Context(), r.Config)
			own := wantKind(t, err, test.kind)
			if test.name == "a key is wanted" {
				want(t, "hint", own.Hint, "if it takes a key or a token, give it with --header or MCPDISCORD_TOKEN")
			}
			want(t, "browsers", r.opened(), 0)
			want(t, "tokens", f.count("/token"), 0)
		})
	}
}

// TestAttack24DescribedOnce: a sign-in whose authorization server is another one
// is not replaced by a guess when its metadata is gone, and stays.
func TestAttack24DescribedOnce(t *testing.T) {
	t.Parallel()
	f, issuer := newFake(t), newFake(t)
	f.set(func() { f.prm["authorization_servers"] = []string{issuer.URL} })
	issuer.on["/token"] = func(w http.ResponseWriter, _ *http.Request) {
		f.set(func() { f.access["of-the-issuer"] = []string{"identify"} })
		f.json(w, 200, map[string]any{"access_token": "of-the-issuer", "token_type": "Bearer"})
	}
	r := newRig(t, f)
	_ = r.connect(t).Close()
	f.set(func() {
		clear(f.access)
		for _, path := range []string{resourceDocument, serverDocument} {
			f.on[path] = http.NotFound
		}
		f.on["/mcp"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
	})
	_, err := client.Connect(t.Context(), r.Config)
	wantKind(t, err, client.KindFailure)
	want(t, "registrations", f.count("/register"), 0)
	want(t, "browsers", r.opened(), 1)
	server, _, _ := r.cache.Server(r.Server)
	want(t, "issuer", server.Issuer, issuer.URL)
}

// A client that was registered beforehand finds no page where one was guessed.
func TestGuessedPageIsNotThere(t *testing.T) {
	t.Parallel()
	f := bare(t)
	f.on[serverDocument], f.on["/authorize"] = http.NotFound, http.NotFound
	r := newRig(t, f)
	r.ClientID, r.ClientSecret = "mine", clientSecret
	_, err := client.Connect(t.Context(), r.Config)
	wantKind(t, err, client.KindFailure)
	want(t, "browsers", r.opened(), 0)
	want(t, "tokens", f.count("/token"), 0)
}
