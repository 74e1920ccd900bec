package authserver_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

func TestConsentPage(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *authserver.Config) {
		cfg.ServerName = "Example & Co"
		cfg.OptionalScopes = []string{"email", "guilds", "guilds.join", "connections", "guilds.members.read", "odd.one"}
	})
	id := r.register("Cursor", clientURI, "https://app.example:8443/cb", "cursor://anysphere.cursor-mcp/oauth/callback")
	tests := map[string]struct {
		changes []string
		want    []string
		lacks   []string
	}{
		"loopback": {
			nil,
			[]string{"<strong>Cursor</strong>", `<meta name="referrer" content="same-origin">`, "Example &amp; Co", "127.0.0.1:7777</p>", clientURIAt, "Any program on this computer", "who you are on Discord"},
			[]string{"email address", "servers that you are in"},
		},
		"https": {
			[]string{"redirect_uri", "https://app.example:8443/cb", "scope", "email"},
			[]string{"app.example:8443</p>", "email address", "who you are on Discord"},
			[]string{"Any program"},
		},
		"app": {
			[]string{"redirect_uri", "cursor://anysphere.cursor-mcp/oauth/callback"},
			[]string{"cursor://anysphere.cursor-mcp</p>", "opens an app"},
			nil,
		},
		"all scopes": {
			[]string{"scope", "guilds guilds.join connections guilds.members.read odd.one"},
			[]string{"servers that you are in", "Add you to Discord servers", "connected accounts", "membership in servers", "odd.one"},
			[]string{"email address"},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := r.browser().authorize(id, test.changes...)
			a.isPage(t, http.StatusOK)
			for _, want := range append(test.want, `name="viewport"`, `action="/consent"`, `value="approve"`, `value="deny"`) {
				if !strings.Contains(a.Body, want) {
					t.Errorf("page lacks %q", want)
				}
			}
			for _, lacks := range test.lacks {
				if strings.Contains(a.Body, lacks) {
					t.Errorf("page has %q", lacks)
				}
			}
			if strings.Contains(a.Body, clientState) || strings.Contains(a.Body, challenge(verifier)) {
				t.Error("the request is in the page in the clear")
			}
		})
	}
}

func TestAuthorizeErrors(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App")
	tests := map[string]struct {
		changes []string
		code    string
	}{
		"no response_type":      {[]string{"response_type", "-"}, "invalid_request"},
		"empty response_type":   {[]string{"response_type", ""}, "invalid_request"},
		"token":                 {[]string{"response_type", "token"}, "unsupported_response_type"},
		"fragment":              {[]string{"response_mode", "fragment"}, "invalid_request"},
		"unknown scope":         {[]string{"scope", "identify made.up"}, "invalid_scope"},
		"odd scope":             {[]string{"scope", "identify  email"}, "invalid_scope"},
		"long scope":            {[]string{"scope", strings.Repeat("x", 2000)}, "invalid_scope"},
		"other resource":        {[]string{"resource", "https://other.example/mcp"}, "invalid_target"},
		"resource with a query": {[]string{"resource", loopbackBase + "/mcp?x"}, "invalid_target"},
		"no resource path":      {[]string{"resource", loopbackBase}, "invalid_target"},
		"resource fragment":     {[]string{"resource", loopbackBase + "/mcp#"}, "invalid_target"},
		"resource user":         {[]string{"resource", "http://x@localhost:8000/mcp"}, "invalid_target"},
		"resource scheme":       {[]string{"resource", "https://localhost:8000/mcp"}, "invalid_target"},
		"encoded resource path": {[]string{"resource", loopbackBase + "/%6dcp"}, "invalid_target"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r.browser().authorize(id, test.changes...).isError(t, loopbackBase, test.code)
		})
	}
}

func TestAuthorizeAccepts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App")
	tests := map[string][]string{
		"no state":             {"state", "-"},
		"empty state":          {"state", ""},
		"long state":           {"state", strings.Repeat("x<", 2000)},
		"state in UTF-8":       {"state", "grüße"},
		"empty scope":          {"scope", ""},
		"all scopes":           {"scope", "guilds identify email"},
		"query mode":           {"response_mode", "query"},
		"our resource":         {"resource", loopbackBase + "/mcp"},
		"resource with slash":  {"resource", loopbackBase + "/mcp/"},
		"resource in capitals": {"resource", "HTTP://LOCALHOST:8000/mcp"},
		"unknown parameter":    {"nonce", "x"},
		"silent":               {"prompt", "none"}, // unknown here: nobody signs in silently
	}
	for name, changes := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r.browser().authorize(id, changes...).isPage(t, http.StatusOK)
		})
	}
	t.Run("default port", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, public)
		r.browser().authorize(r.register("App"), "resource", "https://MCP.example.com:443/mcp").isPage(t, http.StatusOK)
	})
	t.Run("unknown parameter twice", func(t *testing.T) {
		t.Parallel()
		r.browser().get("/authorize?foo=1&foo=2&"+authorizeQuery(id).Encode()).isPage(t, http.StatusOK)
	})
}

// OAuth 2.1 §3.1: no parameter may come twice.
func TestAuthorizeDuplicates(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App")
	for name := range authorizeQuery(id) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			query := authorizeQuery(id)
			query.Add(name, query.Get(name))
			a := r.browser().get("/authorize?" + query.Encode())
			switch name {
			case "client_id", "redirect_uri":
				a.isPage(t, http.StatusBadRequest)
			case "state":
				if a.Query("error") != "invalid_request" || a.Location.Query().Has("state") {
					t.Errorf("redirect to %v", a.Location)
				}
			default:
				a.isError(t, loopbackBase, "invalid_request")
			}
		})
	}
	t.Run("resource", func(t *testing.T) {
		t.Parallel()
		query := authorizeQuery(id)
		query["resource"] = []string{loopbackBase + "/mcp", "https://other.example"}
		r.browser().get("/authorize?"+query.Encode()).isError(t, loopbackBase, "invalid_target")
	})
}

// State comes back only if one was sent.
func TestAuthorizeErrorWithoutState(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App")
	for name, state := range map[string]string{"none": "-", "empty": "", "too long": strings.Repeat("x", 5000), "control": "a\nb"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := r.browser().authorize(id, "state", state, "response_type", "token")
			if a.Query("error") == "" || a.Location.Query().Has("state") || a.Query("iss") != loopbackBase {
				t.Errorf("redirect to %v", a.Location)
			}
		})
	}
}

// A stranger's https redirect URI gets errors only by a click of the user; one
// that the operator listed gets them at once.
func TestAuthorizeErrorToStranger(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App", "https://app.example/cb?x=1", "https://vscode.dev/redirect")
	a := r.browser().authorize(id, "redirect_uri", "https://app.example/cb?x=1", "scope", "made.up")
	a.isPage(t, http.StatusBadRequest)
	for _, want := range []string{"app.example", "https://app.example/cb?x=1&amp;error=invalid_scope", "iss=http%3A%2F%2Flocalhost%3A8000", "state=client+state"} {
		if !strings.Contains(a.Body, want) {
			t.Errorf("page lacks %q:\n%s", want, a.Body)
		}
	}
	r.browser().authorize(id, "redirect_uri", "https://vscode.dev/redirect", "scope", "made.up").isError(t, loopbackBase, "invalid_scope")
}

func TestAuthorizeRedirectURIOmitted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.browser().authorize(r.register("one", "https://app.example/cb"), "redirect_uri", "-").isPage(t, http.StatusOK)
	r.browser().authorize(r.register("two", "https://app.example/cb", "https://app.example/cb2"), "redirect_uri", "-").isPage(t, http.StatusBadRequest)
	r.browser().authorize(r.register("loopback"), "redirect_uri", "-").isPage(t, http.StatusBadRequest)
}

func TestAuthorizeStoreDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App")
	r.store.down.Store(true)
	a := r.browser().authorize(id)
	a.isPage(t, http.StatusServiceUnavailable)
	if a.Header.Get("Retry-After") == "" || strings.Contains(a.Body, errDown.Error()) {
		t.Errorf("Retry-After %q, page %s", a.Header.Get("Retry-After"), a.Body)
	}
}

// Attacks 3 and 4: nothing about the client, the browser, or the request makes
// the server skip its page.
func TestAttack03AlwaysThePage(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	id := r.register("App")
	b.code(id) // approved once
	for _, changes := range [][]string{nil, {"prompt", "none"}, {"approval_prompt", "auto"}, {"login_hint", nelly}, {"request", "x"}} {
		b.authorize(id, changes...).isPage(t, http.StatusOK)
	}
}

func TestAttack07RedirectMismatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App", clientURI, "https://app.example/cb?x=1", "http://[::1]:9/cb")
	for _, uri := range []string{
		"http://127.0.0.1:7777/callback2", "http://127.0.0.1:7777/", "http://127.0.0.1:7777/Callback", "http://127.0.0.1:7777/callback/", "http://127.0.0.1:7777/callback?x", "http://127.0.0.1:7777/%63allback",
		"http://127.0.0.1:7777/x/../callback", "http://127.0.0.1:7777/callback#", "http://user@127.0.0.1:7777/callback", "http://localhost:7777/callback", "http://127.0.0.2:7777/callback", "https://127.0.0.1/callback",
		"http://127.0.0.1:0/callback", "http://127.0.0.1:7777@evil.example/callback", "http://127.0.0.1.evil.example/callback", "HTTP://127.0.0.1/callback",
		"https://app.example/cb", "https://app.example/cb?x=2", "https://app.example/cb?x=1&y=2", "https://APP.example/cb?x=1", "https://app.example:443/cb?x=1", "https://app.example:8443/cb?x=1", "https://app.example./cb?x=1",
		"https://u@app.example/cb?x=1", "https://evil.example/cb?x=1", "https://vscode.dev/redirect", "javascript:alert(1)", "//app.example/cb?x=1",
	} {
		a := r.browser().authorize(id, "redirect_uri", uri)
		a.isPage(t, http.StatusBadRequest)
		if strings.Contains(a.Body, "<a ") {
			t.Errorf("%s: the page leads somewhere", uri)
		}
	}
	for _, uri := range []string{"http://127.0.0.1/callback", "http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback", "http://[::1]:5/cb", "https://app.example/cb?x=1"} {
		r.browser().authorize(id, "redirect_uri", uri).isPage(t, http.StatusOK)
	}
	r.browser().authorize("mcpd_client_nobody").isPage(t, http.StatusBadRequest)
	r.browser().authorize("").isPage(t, http.StatusBadRequest)
}

func TestAttack08PKCEAtAuthorize(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App")
	for name, changes := range map[string][]string{
		"missing":         {"code_challenge", "-"},
		"empty":           {"code_challenge", ""},
		"short":           {"code_challenge", challenge(verifier)[:42]},
		"long":            {"code_challenge", challenge(verifier) + "A"},
		"padded":          {"code_challenge", challenge(verifier)[:42] + "="},
		"not base64url":   {"code_challenge", challenge(verifier)[:42] + "+"},
		"line break":      {"code_challenge", challenge(verifier)[:20] + "\n" + challenge(verifier)[20:]},
		"plain":           {"code_challenge_method", "plain"},
		"no method":       {"code_challenge_method", "-"},
		"lower case s256": {"code_challenge_method", "s256"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r.browser().authorize(id, changes...).isError(t, loopbackBase, "invalid_request")
		})
	}
}

// Whatever a request says of its host, URLs and cookies stay those of the base
// URL.
func TestAttack19Host(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*authserver.Config){"public": public, "loopback": func(*authserver.Config) {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, change)
			id := r.register("App")
			b := r.browser()
			b.header = http.Header{
				"Host":              {"evil.example"},
				"X-Forwarded-Host":  {"evil.example"},
				"X-Forwarded-Proto": {"gopher"},
				"X-Forwarded-For":   {"203.0.113.7"},
				"Forwarded":         {"host=evil.example;proto=http"},
				"X-Original-Url":    {"/evil"},
			}
			for _, path := range []string{"/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp"} {
				if a := b.get(path); strings.Contains(a.Body, "evil") || !strings.Contains(a.Body, r.base) {
					t.Errorf("%s: %s", path, a.Body)
				}
			}
			page := b.authorize(id)
			page.isPage(t, http.StatusOK)
			if strings.Contains(page.Body, "evil") {
				t.Error("the consent page names the wrong host")
			}
			for _, c := range page.Cookies {
				if c.Domain != "" || c.Path != "/" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode {
					t.Errorf("cookie %v", c)
				}
				if wantSecure := name == "public"; c.Secure != wantSecure || strings.HasPrefix(c.Name, "__Host-") != wantSecure {
					t.Errorf("cookie %v", c)
				}
				if name == "loopback" && !strings.HasSuffix(c.Name, "_8000") {
					t.Errorf("cookie %v has no port in its name", c)
				}
			}
			atDiscord := b.decide(page.sealed(t), "approve").Location
			if got := atDiscord.Query().Get("redirect_uri"); got != r.base+"/auth/callback" {
				t.Errorf("Discord is told %q", got)
			}
			done := b.get(b.atDiscord(atDiscord, nelly).String())
			if done.Query("iss") != r.base || done.Query("code") == "" || done.Location.Host != "127.0.0.1:7777" {
				t.Errorf("%d, redirect to %v", done.Status, done.Location)
			}
		})
	}
}

// Attack 30: under another spelling of this computer the cookies would be lost
// on the way back from Discord.
func TestAttack30OtherSpelling(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	query := "/authorize?" + authorizeQuery(r.register("App")).Encode()
	for _, host := range []string{"127.0.0.1:8000", "[::1]:8000", "127.0.0.1:9999", "127.0.0.1"} {
		b := r.browser()
		b.header.Set("Host", host)
		a := b.get(query)
		if a.Status != http.StatusTemporaryRedirect || a.Location.String() != loopbackBase+query || len(a.Cookies) > 0 {
			t.Errorf("%s: %d to %v, cookies %v", host, a.Status, a.Location, a.Cookies)
		}
	}
	for _, host := range []string{"localhost:8000", "LOCALHOST:8000", "localhost:9999"} {
		b := r.browser()
		b.header.Set("Host", host)
		b.get(query).isPage(t, http.StatusOK)
	}
}

func TestAttack22FloodStoresNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App")
	writes, reads := r.store.writes.Load(), r.store.reads.Load()
	for range 200 {
		r.browser().authorize(id).isPage(t, http.StatusOK)
	}
	if n := r.store.writes.Load() - writes; n != 0 {
		t.Errorf("200 × /authorize wrote %d times", n)
	}
	if n := r.store.reads.Load() - reads; n != 200 {
		t.Errorf("200 × /authorize read %d times, want the client each time", n)
	}
	b := r.browser()
	b.approve(id) // a browser with cookies can make up states too
	touched := r.store.touched()
	for i := range 200 {
		state := challenge(strings.Repeat("x", i)) // of the right form
		for _, query := range []string{"code=x&state=" + state, "state=" + state, "error=access_denied&state=" + url.QueryEscape(state), "code=x", "code=x&state=a&state=b", "%zz"} {
			if status := b.get("/auth/callback?" + query).Status; status != http.StatusForbidden && query != "%zz" {
				t.Fatalf("%s: %d", query, status)
			}
		}
	}
	if n := r.store.touched() - touched; n != 0 {
		t.Errorf("made-up states touched the store %d times", n)
	}
	if n := r.emu.Counters().Calls(); n != 0 {
		t.Errorf("made-up states called Discord %d times", n)
	}
}
