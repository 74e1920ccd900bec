package authserver_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// Whatever is registered leads to https, this computer, or a listed app, in the
// eyes of a browser's parser too; what is registered can be used, and only
// that.
func FuzzRedirectURI(f *testing.F) {
	for _, seed := range []string{
		"https://a.example/cb", "http://127.0.0.1:80/cb", "http://[::1]/cb", "http://localhost", "cursor://anysphere.cursor-mcp/oauth/callback",
		"http://localhost.evil", "https://ok@evil", "javascript:alert(1)", "https://a.example/%0d%0a", "https://a\\@b", "//x", "https://a.example:x", "http://127.0.0.1:80@evil/", "https://a.example/?code=x",
	} {
		f.Add(seed)
	}
	shared := newRig(f, func(cfg *authserver.Config) { cfg.MaxClients = 1 << 30 })
	f.Fuzz(func(t *testing.T, uri string) {
		r := shared.with(t)
		a := r.browser().postJSON("/register", map[string]any{"redirect_uris": []string{uri}})
		if a.Status != http.StatusCreated {
			if a.Status != http.StatusBadRequest || a.JSON(t)["error"] != "invalid_redirect_uri" {
				t.Fatalf("%q: %d %s", uri, a.Status, a.Body)
			}
			return
		}
		u, err := url.Parse(uri)
		if err != nil || u.User != nil || u.Fragment != "" || strings.ContainsAny(uri, "#\\@ \t\r\n") && u.Host == "" {
			t.Fatalf("%q was registered", uri)
		}
		loopback := slices.Contains([]string{"127.0.0.1", "::1", "localhost"}, u.Hostname())
		if u.Scheme != "https" && (u.Scheme != "http" || !loopback) && !slices.Contains(authserver.DefaultAllowRedirect(), uri) {
			t.Fatalf("%q was registered", uri)
		}
		id, _ := a.JSON(t)["client_id"].(string)
		r.browser().authorize(id, "redirect_uri", uri).isPage(t, http.StatusOK)
		r.browser().authorize(id, "redirect_uri", uri+"x").isPage(t, http.StatusBadRequest)
	})
}

// A scope is granted as it is listed, or refused.
func FuzzScope(f *testing.F) {
	for _, seed := range []string{"", "identify", "email identify", "identify identify", " identify", "identify  email", "Identify", "a\"b", "identify\x00", "é"} {
		f.Add(seed)
	}
	shared := newRig(f, func(cfg *authserver.Config) { cfg.MaxClients = 1 << 30 })
	id := shared.register("App")
	f.Fuzz(func(t *testing.T, scope string) {
		r := shared.with(t)
		known := true
		for token := range strings.SplitSeq(scope, " ") {
			known = known && slices.Contains([]string{"identify", "email", "guilds"}, token)
		}
		a := r.browser().authorize(id, "scope", scope)
		if scope == "" || known && len(scope) <= 1024 {
			a.isPage(t, http.StatusOK)
			return
		}
		if scope != "-" { // leaves it out in authorizeQuery
			a.isError(t, loopbackBase, "invalid_scope")
		}
	})
}

// Any query gets a page or a redirect to the client's own redirect URI, and
// stores nothing.
func FuzzAuthorizeQuery(f *testing.F) {
	shared := newRig(f, func(cfg *authserver.Config) { cfg.MaxClients = 1 << 30 })
	id := shared.register("App", clientURI, "https://app.example/cb?x=1")
	for _, seed := range []string{
		"", "%zz", "client_id=", "client_id=x&client_id=y", ";", "client_id=%00",
		authorizeQuery(id).Encode(), authorizeQuery(id, "redirect_uri", "https://app.example/cb?x=1").Encode(),
		authorizeQuery(id, "state", "\xff").Encode(), authorizeQuery(id).Encode() + "&state=2", authorizeQuery(id, "code_challenge", "x").Encode(),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		r := shared.with(t)
		if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == '#' || r > '~' }) {
			return // is no query of a request
		}
		writes := r.store.writes.Load()
		a := r.browser().get("/authorize?" + raw)
		if r.store.writes.Load() != writes {
			t.Error("the query was stored")
		}
		if a.Location == nil {
			if a.Status != http.StatusOK && a.Status != http.StatusBadRequest {
				t.Fatalf("%d %s", a.Status, a.Body)
			}
			a.isPage(t, a.Status)
			return
		}
		query, _ := url.ParseQuery(raw)
		want := query.Get("redirect_uri")
		sep := "?"
		if strings.Contains(want, "?") {
			sep = "&"
		}
		if !strings.HasPrefix(a.Location.String(), want+sep+"error") || a.Query("iss") != loopbackBase || !strings.HasPrefix(want, "http://127.0.0.1") {
			t.Errorf("redirect to %v", a.Location)
		}
	})
}
