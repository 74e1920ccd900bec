package emulator_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	user := func(id, name string) emulator.User {
		return emulator.User{User: discord.User{ID: id, Username: name}}
	}
	tests := []struct {
		name string
		cfg  emulator.Config
	}{
		{"damaged URL", emulator.Config{URL: "http://[::1"}},
		{"no users", emulator.Config{Users: []emulator.User{}}},
		{"id is no snowflake", emulator.Config{Users: []emulator.User{user("x", "x")}}},
		{"no name", emulator.Config{Users: []emulator.User{user("1", "")}}},
		{"one user twice", emulator.Config{Users: []emulator.User{user("1", "a"), user("1", "b")}}},
		{"too many guilds", emulator.Config{Users: []emulator.User{{User: discord.User{ID: "1", Username: "a"}, Guilds: make([]emulator.Membership, 201)}}}},
	}
	for _, tt := range tests {
		if _, err := emulator.New(tt.cfg); err == nil {
			t.Errorf("%s: accepted", tt.name)
		}
		if _, _, _, err := emulator.Start(tt.cfg); err == nil {
			t.Errorf("%s: started", tt.name)
		}
	}
}

func TestNellyIsFirst(t *testing.T) {
	t.Parallel()
	users := emulator.ReadyUsers()
	want := discord.User{
		ID: nelly, Username: "nelly", Discriminator: "0", GlobalName: "Nelly", Avatar: "8342729096ea3675442027381ff50dfe",
		Locale: "en-US", MFAEnabled: true, Email: "nelly@example.com", Verified: true,
	}
	if diff := cmp.Diff(want, users[0].User); diff != "" {
		t.Error(diff)
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	s := start(t)
	page := s.authorize(query("scope", "identify guilds", "state", `"><script>alert(1)</script>`))
	if page.status != http.StatusOK {
		t.Fatal(page.status)
	}
	style := regexp.MustCompile(`(?s)<style>(.*)</style>`).FindStringSubmatch(page.body)
	sum := sha256.Sum256([]byte(style[1]))
	for name, value := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; frame-ancestors 'none'",
		"X-Frame-Options":        "DENY",
		"Cache-Control":          "no-store",
		"X-Content-Type-Options": "nosniff",
		"Content-Type":           "text/html; charset=utf-8",
		"X-Discord-Emulator":     "mcpdiscord: this is not Discord",
	} {
		if got := page.header.Get(name); got != value {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	for _, text := range []string{
		"This is not Discord", `<button class="user" name="user" value="` + nelly + `">`, `<button class="deny" name="user" value="">`,
		"see which servers you are in", "localhost:8000", "Ünï &lt;b&gt;codé",
	} {
		if !strings.Contains(page.body, text) {
			t.Errorf("the page lacks %q", text)
		}
	}
	for _, text := range []string{"<script", "src=", "href=", "http://", "https://", "url(", "see your email"} {
		if strings.Contains(strings.ToLower(page.body), text) {
			t.Errorf("the page holds %q", text)
		}
	}
}

// TestAuthorizeProblems: what is wrong before the redirect URI is proven is a
// page, everything else is told to the application.
func TestAuthorizeProblems(t *testing.T) {
	t.Parallel()
	challenge := oauth2.S256ChallengeFromVerifier(oauth2.GenerateVerifier())
	tests := []struct {
		name  string
		query url.Values
		want  string // error; "": a page
	}{
		{"other application", query("client_id", "1"), ""},
		{"no redirect URI", query("redirect_uri", "-"), ""},
		{"redirect elsewhere", query("redirect_uri", "https://evil.example/auth/callback"), ""},
		{"redirect to a lookalike", query("redirect_uri", "http://127.0.0.1.evil.com/"), ""},
		{"redirect with a user", query("redirect_uri", "http://localhost@evil.com/"), ""},
		{"redirect to a local user", query("redirect_uri", "http://evil@localhost/"), ""},
		{"redirect with a fragment", query("redirect_uri", redirect+"#x"), ""},
		{"javascript", query("redirect_uri", "javascript://localhost/%0aalert(1)"), ""},
		{"parameter twice", url.Values{"client_id": {emulator.DefaultClientID, "1"}, "redirect_uri": {redirect}}, ""},
		{"too long", query("state", strings.Repeat("x", 9000)), ""},
		{"implicit grant", query("response_type", "token"), "unsupported_response_type"},
		{"no scope", query("scope", "-"), "invalid_scope"},
		{"unknown scope", query("scope", "identify root"), "invalid_scope"},
		{"plain", query("code_challenge", challenge, "code_challenge_method", "plain"), "invalid_request"},
		{"no method", query("code_challenge", challenge), "invalid_request"},
		{"no challenge", query("code_challenge_method", "S256"), "invalid_request"},
		{"short challenge", query("code_challenge", challenge[1:], "code_challenge_method", "S256"), "invalid_request"},
		{"odd challenge", query("code_challenge", challenge[1:]+"=", "code_challenge_method", "S256"), "invalid_request"},
	}
	s := start(t)
	for _, tt := range tests {
		posted := url.Values{"request": {tt.query.Encode()}, "user": {nelly}}
		for method, a := range map[string]answer{
			"GET":  s.authorize(tt.query),
			"POST": s.do(s.request(http.MethodPost, "/oauth2/authorize", posted.Encode(), "Content-Type: application/x-www-form-urlencoded")),
		} {
			if tt.want == "" {
				if a.status != http.StatusBadRequest || a.header.Get("Location") != "" || !strings.Contains(a.body, "<h1>") {
					t.Errorf("%s %s: %d to %q", method, tt.name, a.status, a.header.Get("Location"))
				}
				continue
			}
			to := sentTo(t, a)
			if to.Get("error") != tt.want || to.Get("state") != "s&t" || to.Has("code") {
				t.Errorf("%s %s: sent %v", method, tt.name, to)
			}
		}
	}
}

func TestRegisteredRedirects(t *testing.T) {
	t.Parallel()
	const registered = "https://app.example/auth/callback?keep=1"
	s := start(t, func(c *emulator.Config) { c.RedirectURIs = []string{registered} })
	if a := s.authorize(query("redirect_uri", registered)); a.status != http.StatusOK {
		t.Errorf("registered: %d", a.status)
	}
	for _, other := range []string{registered + "&", "https://app.example/auth/callback", redirect, "https://APP.example/auth/callback?keep=1"} {
		if a := s.authorize(query("redirect_uri", other)); a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", other, a.status)
		}
	}
	form := url.Values{"request": {query("redirect_uri", registered).Encode()}, "user": {nelly}}
	a := s.do(s.request(http.MethodPost, "/oauth2/authorize", form.Encode(), "Content-Type: application/x-www-form-urlencoded"))
	if got := a.header.Get("Location"); !strings.HasPrefix(got, registered+"&code=") {
		t.Errorf("sent to %q", got)
	}
}

func TestDeny(t *testing.T) {
	t.Parallel()
	s := start(t)
	to := s.choose("", query())
	if to.Get("error") != "access_denied" || to.Get("state") != "s&t" || to.Has("code") {
		t.Errorf("sent %v", to)
	}
	if to := s.choose("", query("state", "-")); to.Has("state") {
		t.Errorf("sent %v: a state out of nowhere", to)
	}
	for name, form := range map[string]url.Values{
		"no user": {"request": {query().Encode()}}, "unknown user": {"request": {query().Encode()}, "user": {"1"}},
	} {
		a := s.do(s.request(http.MethodPost, "/oauth2/authorize", form.Encode(), "Content-Type: application/x-www-form-urlencoded"))
		if a.status != http.StatusBadRequest {
			t.Errorf("%s: %d", name, a.status)
		}
	}
}

func TestPromptNone(t *testing.T) {
	t.Parallel()
	s := start(t)
	silent := query("prompt", "none", "scope", "identify")
	if a := s.authorize(silent); a.status != http.StatusOK {
		t.Errorf("a stranger: %d", a.status)
	}
	s.signIn(nelly, "identify email")
	if to := sentTo(t, s.authorize(silent)); to.Get("code") == "" {
		t.Errorf("sent %v", to)
	}
	if a := s.authorize(query("scope", "identify")); a.status != http.StatusOK {
		t.Errorf("without prompt=none: %d", a.status)
	}
	if a := s.authorize(query("prompt", "none", "scope", "guilds")); a.status != http.StatusOK {
		t.Errorf("with more scopes: %d", a.status)
	}
	if err := s.Deauthorize(nelly); err != nil {
		t.Fatal(err)
	}
	if a := s.authorize(silent); a.status != http.StatusOK {
		t.Errorf("after the deauthorization: %d", a.status)
	}
}

func TestRebindingAndCrossSiteAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	tests := []struct {
		name   string
		header string
		status int
	}{
		{"other host", "Host: evil.example", http.StatusMisdirectedRequest},
		{"lookalike", "Host: 127.0.0.1.evil.example", http.StatusMisdirectedRequest},
		{"cross-site", "Sec-Fetch-Site: cross-site", http.StatusForbidden},
		{"other origin", "Origin: https://evil.example", http.StatusForbidden},
		{"localhost", "Host: localhost:8001", http.StatusNoContent},
		{"IPv6", "Host: [::1]:8001", http.StatusNoContent},
	}
	for _, tt := range tests {
		a := s.do(s.request(http.MethodPost, "/emulator/users/"+nelly+"/deauthorize", "", tt.header))
		if a.status != tt.status {
			t.Errorf("%s: %d, want %d", tt.name, a.status, tt.status)
		}
	}
	named := start(t, func(c *emulator.Config) { c.URL = "http://emulator.test:8001" })
	if a := named.do(named.request(http.MethodGet, "/emulator/", "", "Host: emulator.test:8001")); a.status != http.StatusOK {
		t.Errorf("its own name: %d", a.status)
	}
}

func TestPathsThatAreNotThere(t *testing.T) {
	t.Parallel()
	s := start(t)
	if a := s.api("/users/1", "x"); a.status != http.StatusNotFound || a.text("message") != "404: Not Found" {
		t.Errorf("API: %d %s", a.status, a.body)
	}
	if a := s.do(s.request(http.MethodGet, "/channels/@me", "")); a.status != http.StatusNotFound || !strings.Contains(a.body, "not Discord") {
		t.Errorf("page: %d", a.status)
	}
	if a := s.do(s.request(http.MethodGet, "/", "")); a.body != emulator.Help {
		t.Errorf("home: %d %s", a.status, a.body)
	}
}

// TestFloodIsBounded: codes and tokens beyond the limits push out the oldest,
// and a login that can be refreshed outlives all that cannot.
func TestFloodIsBounded(t *testing.T) {
	t.Parallel()
	s := start(t)
	login := s.signIn(nelly, "identify")
	first, second := s.choose(nelly, query()).Get("code"), s.choose(nelly, query()).Get("code")
	for range 1024 {
		s.choose(nelly, query())
	}
	a := s.token("grant_type", "authorization_code", "code", first, "redirect_uri", redirect)
	want(t, "the oldest code", a, http.StatusBadRequest, "invalid_grant")
	a = s.token("grant_type", "authorization_code", "code", second, "redirect_uri", redirect)
	want(t, "the second one", a, http.StatusBadRequest, "invalid_grant")

	for range 300 {
		a = s.token("grant_type", "client_credentials", "scope", "identify")
	}
	if a.status != http.StatusOK || a.field("refresh_token") != nil {
		t.Errorf("client credentials: %d %s", a.status, a.body)
	}
	var users []struct {
		AccessTokens int `json:"access_tokens"`
	}
	list := s.do(s.request(http.MethodGet, "/emulator/users", ""))
	if err := json.Unmarshal([]byte(list.body), &users); err != nil || users[0].AccessTokens != 256 {
		t.Errorf("%v: %s", err, list.body)
	}
	want(t, "the login", s.refresh(login.text("refresh_token")), http.StatusOK, "")
}

func TestRateLimitHeaders(t *testing.T) {
	t.Parallel()
	s := start(t)
	one, two := s.api("/users/@me", "x"), s.api("/users/@me", "x")
	for name, value := range map[string]string{
		"X-RateLimit-Limit": "50", "X-RateLimit-Remaining": "48", "X-RateLimit-Reset-After": "1.000",
		"X-RateLimit-Reset": fmt.Sprintf("%d.000", s.clock.Now().Unix()+1), "X-RateLimit-Bucket": one.header.Get("X-RateLimit-Bucket"),
	} {
		if got := two.header.Get(name); got != value || got == "" {
			t.Errorf("%s: %q, want %q", name, got, value)
		}
	}
	s.clock.Advance(time.Second)
	if got := s.api("/users/@me", "x").header.Get("X-RateLimit-Remaining"); got != "49" {
		t.Errorf("a second later: %s", got)
	}
}
