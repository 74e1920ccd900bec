package emulator_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/oauth2"

	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

func TestTokenAnswer(t *testing.T) {
	t.Parallel()
	s := start(t)
	a := s.signIn(nelly, "identify  email identify")
	if a.text("token_type") != "Bearer" || a.field("expires_in") != float64(604800) || a.text("scope") != "identify email" ||
		a.text("access_token") == "" || a.text("refresh_token") == "" {
		t.Error(a.body)
	}
}

func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	s := start(t)
	const form = "Content-Type: application/x-www-form-urlencoded"
	const grant = "grant_type=client_credentials&scope=identify"
	basic := func(id, secret string) string {
		r := s.request(http.MethodPost, "/", "")
		r.SetBasicAuth(id, secret)
		return "Authorization: " + r.Header.Get("Authorization")
	}
	id, secret := emulator.DefaultClientID, emulator.DefaultClientSecret
	tests := []struct {
		name    string
		body    string
		headers []string
		status  int
		err     string
	}{
		{"form", grant + "&client_id=" + id + "&client_secret=" + secret, []string{form}, 200, ""},
		{"basic", grant, []string{form, basic(id, secret)}, 200, ""},
		{"basic and the same id", grant + "&client_id=" + id, []string{form, basic(id, secret)}, 200, ""},
		{"basic and another id", grant + "&client_id=1", []string{form, basic(id, secret)}, 401, "invalid_client"},
		{"wrong secret in the form", grant + "&client_id=" + id + "&client_secret=x", []string{form}, 401, "invalid_client"},
		{"wrong secret", grant, []string{form, basic(id, "x")}, 401, "invalid_client"},
		{"wrong id", grant, []string{form, basic("1", secret)}, 401, "invalid_client"},
		{"damaged basic", grant, []string{form, basic(id, "%zz")}, 401, "invalid_client"},
		{"none", grant, []string{form}, 401, "invalid_client"},
		{"json", `{"grant_type":"client_credentials"}`, []string{"Content-Type: application/json", basic(id, secret)}, 400, "invalid_request"},
		{"no type", grant, []string{basic(id, secret)}, 400, "invalid_request"},
		{"too large", grant + "&x=" + strings.Repeat("x", 65<<10), []string{form, basic(id, secret)}, 400, "invalid_request"},
		{"other grant", "grant_type=password", []string{form, basic(id, secret)}, 400, "unsupported_grant_type"},
		{"no scope", "grant_type=client_credentials", []string{form, basic(id, secret)}, 400, "invalid_scope"},
		{"query is not the form", "", []string{form, basic(id, secret)}, 400, "unsupported_grant_type"},
	}
	for _, tt := range tests {
		path := "/api/v10/oauth2/token"
		if tt.body == "" {
			path += "?" + grant
		}
		want(t, tt.name, s.do(s.request(http.MethodPost, path, tt.body, tt.headers...)), tt.status, tt.err)
	}
	a := s.do(s.request(http.MethodPost, "/api/v10/oauth2/token/revoke", "token=x", form))
	want(t, "revoke without a client", a, 401, "invalid_client")
}

func TestCode(t *testing.T) {
	t.Parallel()
	s := start(t)
	verifier := oauth2.GenerateVerifier()
	pkce := []string{"code_challenge", oauth2.S256ChallengeFromVerifier(verifier), "code_challenge_method", "S256"}
	short := verifier[:42]
	shortPKCE := []string{"code_challenge", oauth2.S256ChallengeFromVerifier(short), "code_challenge_method", "S256"}
	tests := []struct {
		name              string
		query             []string
		redirect, verifer string
		wait              time.Duration
		status            int
	}{
		{"good", pkce, redirect, verifier, 0, 200},
		{"good without PKCE", nil, redirect, "", 0, 200},
		{"other redirect URI", pkce, redirect + "/", verifier, 0, 400},
		{"no redirect URI", pkce, "", verifier, 0, 400},
		{"other verifier", pkce, redirect, oauth2.GenerateVerifier(), 0, 400},
		{"no verifier", pkce, redirect, "", 0, 400},
		{"short verifier", shortPKCE, redirect, short, 0, 400},
		{"verifier out of nowhere", nil, redirect, verifier, 0, 400},
		{"expired", pkce, redirect, verifier, 11 * time.Minute, 400},
	}
	for _, tt := range tests {
		code := s.choose(nelly, query(tt.query...)).Get("code")
		s.clock.Advance(tt.wait)
		redeem := func(redirect, verifier string) answer {
			return s.token("grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier)
		}
		a := redeem(tt.redirect, tt.verifer)
		if tt.status == http.StatusOK {
			want(t, tt.name, a, 200, "")
		} else {
			want(t, tt.name, a, 400, "invalid_grant")
		}
		want(t, tt.name+", again", redeem(redirect, verifier), 400, "invalid_grant")
	}
}

func TestRefreshTokensRotate(t *testing.T) {
	t.Parallel()
	s := start(t)
	first := s.signIn(nelly, "identify")
	second := s.refresh(first.text("refresh_token"))
	want(t, "refresh", second, 200, "")
	again := s.refresh(first.text("refresh_token"))
	want(t, "the old one", again, 400, "invalid_grant")
	if got := again.text("error_description"); got != `Invalid "refresh_token" in request` {
		t.Error(got)
	}
	if a := s.api("/users/@me", first.text("access_token")); a.status != 200 {
		t.Errorf("the earlier access token: %d", a.status)
	}
	want(t, "the new one", s.refresh(second.text("refresh_token")), 200, "")
	want(t, "an access token", s.refresh(second.text("access_token")), 400, "invalid_grant")
}

// TestRefreshWidens: a refresh without a scope returns every scope that the
// user ever granted, and one with a scope never more than that.
func TestRefreshWidens(t *testing.T) {
	t.Parallel()
	s := start(t)
	narrow := s.signIn(nelly, "identify")
	s.signIn(nelly, "identify guilds")
	a := s.refresh(narrow.text("refresh_token"), "scope", "identify email")
	want(t, "never granted", a, 400, "invalid_scope")
	wide := s.refresh(narrow.text("refresh_token"))
	if wide.text("scope") != "identify guilds" {
		t.Error(wide.body)
	}
	if a := s.refresh(wide.text("refresh_token"), "scope", "identify"); a.text("scope") != "identify" {
		t.Error(a.body)
	}
	other := s.signIn("115590097100865541", "identify")
	if a := s.refresh(other.text("refresh_token")); a.text("scope") != "identify" {
		t.Errorf("another user's: %s", a.body)
	}
}

func TestSecondAuthorization(t *testing.T) {
	t.Parallel()
	for _, kill := range []bool{false, true} {
		s := start(t, func(c *emulator.Config) { c.KillEarlier = kill })
		first, bystander := s.signIn(nelly, "identify"), s.signIn("115590097100865541", "identify")
		second := s.signIn(nelly, "identify guilds")
		status, failure := 200, ""
		if kill {
			status, failure = 400, "invalid_grant"
		}
		if a := s.api("/users/@me", first.text("access_token")); (a.status == 401) != kill {
			t.Errorf("kill %v: access token: %d", kill, a.status)
		}
		want(t, "first", s.refresh(first.text("refresh_token")), status, failure)
		want(t, "second", s.refresh(second.text("refresh_token")), 200, "")
		if a := s.api("/users/@me", second.text("access_token")); (a.status == 401) != kill {
			t.Errorf("kill %v: access token before the refresh: %d", kill, a.status)
		}
		want(t, "bystander", s.refresh(bystander.text("refresh_token")), 200, "")
	}
}

func TestRevokeEndsAll(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"access_token", "refresh_token"} {
		s := start(t)
		one, two, bystander := s.signIn(nelly, "identify"), s.signIn(nelly, "identify"), s.signIn("115590097100865541", "identify")
		code := s.choose(nelly, query()).Get("code")
		want(t, "unknown", s.form("/api/v10/oauth2/token/revoke", "token", "x"), 200, "")
		want(t, which, s.form("/api/v10/oauth2/token/revoke", "token", one.text(which)), 200, "")
		if a := s.api("/users/@me", two.text("access_token")); a.status != 401 {
			t.Errorf("another access token: %d", a.status)
		}
		want(t, "another refresh token", s.refresh(two.text("refresh_token")), 400, "invalid_grant")
		a := s.token("grant_type", "authorization_code", "code", code, "redirect_uri", redirect)
		want(t, "a code", a, 400, "invalid_grant")
		want(t, "bystander", s.refresh(bystander.text("refresh_token")), 200, "")
	}
}

func TestAPI(t *testing.T) {
	t.Parallel()
	const gophers = "197038439483310086"
	s := start(t)
	token := s.signIn(nelly, "identify email guilds guilds.members.read connections").text("access_token")
	tests := []struct {
		name, path string
		status     int
		body       string // "": not compared
	}{
		{"user", "/users/@me", 200, `{"id":"80351110224678912","username":"nelly","discriminator":"0","global_name":"Nelly",` +
			`"avatar":"8342729096ea3675442027381ff50dfe","locale":"en-US","mfa_enabled":true,"public_flags":0,` +
			`"email":"nelly@example.com","verified":true}`},
		{"guilds", "/users/@me/guilds?limit=1", 200, `[{"id":"41771983423143937","name":"Nelly’s burrow","icon":null,"banner":null,` +
			`"owner":true,"permissions":"9007199254740993","features":[]}]`},
		{"member", "/users/@me/guilds/" + gophers + "/member", 200, `{"user":{"id":"80351110224678912","username":"nelly",` +
			`"discriminator":"0","global_name":"Nelly","avatar":"8342729096ea3675442027381ff50dfe","public_flags":0},"nick":"nel",` +
			`"avatar":null,"roles":["197039439483310001","197039439483310002"],"joined_at":"2021-03-14T15:09:26.000000+00:00",` +
			`"pending":false,"flags":0}`},
		{"no member", "/users/@me/guilds/1/member", 404, `{"message":"Unknown Guild","code":10004}`},
		{"connections", "/users/@me/connections", 200, `[{"id":"80351110224678912","name":"nelly","type":"github","verified":true,"visibility":1}]`},
		{"limit of nothing", "/users/@me/guilds?limit=0", 400, `{"message":"Invalid Form Body","code":50035}`},
		{"limit of too much", "/users/@me/guilds?limit=201", 400, ""},
	}
	for _, tt := range tests {
		a := s.api(tt.path, token)
		if diff := cmp.Diff(tt.body+"\n", a.body); a.status != tt.status || tt.body != "" && diff != "" {
			t.Errorf("%s: %d %s", tt.name, a.status, diff)
		}
	}
	if a := s.api("/oauth2/@me", token); !strings.Contains(a.body, `"expires":"2026-01-09T03:04:05.000000+00:00"`) ||
		strings.Contains(a.body, "example.com") || !strings.Contains(a.body, `"id":"157730590492196864"`) {
		t.Error(a.body)
	}
}

func TestScopesAreNeeded(t *testing.T) {
	t.Parallel()
	s := start(t)
	token := s.signIn(nelly, "guilds.join").text("access_token")
	for _, path := range []string{"/users/@me", "/users/@me/guilds", "/users/@me/guilds/1/member", "/users/@me/connections"} {
		if a := s.api(path, token); a.status != 401 || a.body != `{"message":"401: Unauthorized","code":0}`+"\n" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := s.api("/oauth2/@me", token); a.status != 200 || a.field("user") != nil {
		t.Errorf("/oauth2/@me: %d %s", a.status, a.body)
	}
	if a := s.api("/users/@me", s.signIn(nelly, "identify").text("access_token")); a.field("email") != nil || a.field("id") != nelly {
		t.Errorf("identify alone: %s", a.body)
	}
	noEmail := s.api("/users/@me", s.signIn("115590097100865541", "identify email").text("access_token"))
	if !strings.Contains(noEmail.body, `"email":null,"verified":false`) {
		t.Errorf("without an email: %s", noEmail.body)
	}
	noName := s.api("/users/@me", s.signIn("268473310986240001", "identify").text("access_token"))
	if !strings.Contains(noName.body, `"global_name":null,"avatar":null`) {
		t.Errorf("without a display name: %s", noName.body)
	}
}

func TestGuildPages(t *testing.T) {
	t.Parallel()
	s := start(t)
	token := s.signIn("301123456789012345", "guilds").text("access_token")
	count := func(query string) int {
		return strings.Count(s.api("/users/@me/guilds"+query, token).body, `"owner"`)
	}
	const tenth, eleventh = "500000000037748736", "500000000041943040"
	for query, n := range map[string]int{
		"": 200, "?limit=7": 7, "?before=" + eleventh: 10, "?after=" + tenth: 190, "?after=" + tenth + "&before=" + eleventh: 0,
	} {
		if got := count(query); got != n {
			t.Errorf("%q: %d guilds, want %d", query, got, n)
		}
	}
	if a := s.api("/users/@me/guilds?limit=1&before="+eleventh, token); !strings.Contains(a.body, tenth) {
		t.Errorf("the last one before: %s", a.body)
	}
}

func TestAccessTokensExpire(t *testing.T) {
	t.Parallel()
	s := start(t)
	a := s.signIn(nelly, "identify")
	s.clock.Advance(7*24*time.Hour - time.Second)
	if got := s.api("/users/@me", a.text("access_token")).status; got != 200 {
		t.Errorf("a second before: %d", got)
	}
	s.clock.Advance(time.Second)
	if got := s.api("/users/@me", a.text("access_token")).status; got != 401 {
		t.Errorf("afterwards: %d", got)
	}
	want(t, "refresh", s.refresh(a.text("refresh_token")), 200, "")
}
