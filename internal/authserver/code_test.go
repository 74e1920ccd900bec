package authserver_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

func TestCodeAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := r.register("Answer")
	code := r.browser().code(client, "scope", "identify email")
	a := r.redeem(client, code)
	s := &session{rig: r, client: client}
	v := s.take(a).JSON(t)
	for name, want := range map[string]any{"token_type": "Bearer", "expires_in": 3600.0, "scope": "email identify"} {
		if v[name] != want {
			t.Errorf("%s is %v, want %v", name, v[name], want)
		}
	}
	user, _ := v["discord_user"].(map[string]any)
	if user["id"] != nelly || user["username"] != "nelly" || user["global_name"] != "Nelly" {
		t.Errorf("discord_user is %v", user)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Error("the answer may be cached")
	}
	c := claims(t, s.access)
	for name, want := range map[string]any{
		"iss": r.base, "aud": r.base + "/mcp", "sub": nelly, "client_id": client, "scope": "email identify", "generation": 1.0,
	} {
		if c[name] != want {
			t.Errorf("claim %s is %v, want %v", name, c[name], want)
		}
	}
	id := r.uses(s.access)
	if id.User.Email != "nelly@example.com" || id.User.GlobalName != "Nelly" || id.ClientID != client {
		t.Errorf("identity is %+v", id)
	}
	for _, secret := range []string{code, s.access, s.refresh, verifier} {
		if strings.Contains(r.log.String(), secret) {
			t.Error("the log has a secret")
		}
	}
	if raw, _ := r.store.Store.Get(t.Context(), authserver.KindGrant, grantID(t, s.access)); strings.Contains(string(raw.Value), s.refresh) {
		t.Error("the store has a refresh token")
	}
}

func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client, other := r.register("Mine"), r.register("Other", "https://other.example/cb")
	code := r.browser().code(client)
	good := url.Values{
		"grant_type": {"authorization_code"}, "client_id": {client}, "code": {code},
		"redirect_uri": {clientURIAt}, "code_verifier": {verifier},
	}
	basic := func(user, password string) http.Header {
		req := http.Request{Header: http.Header{}}
		req.SetBasicAuth(user, password)
		return req.Header
	}
	tests := []struct {
		name    string
		header  http.Header
		changes []string
		body    string
		media   string
		status  int
		code    string
	}{
		{name: "no client", changes: []string{"client_id", "-"}, status: 400, code: "invalid_request"},
		{name: "unknown client", changes: []string{"client_id", "mcpd_client_x"}, status: 400, code: "invalid_client"},
		{name: "unknown client with Basic", header: basic("mcpd_client_x", ""), changes: []string{"client_id", "-"}, status: 401, code: "invalid_client"},
		{name: "Basic with a password", header: basic(client, "guess"), status: 401, code: "invalid_client"},
		{name: "Basic of another client", header: basic(other, ""), status: 400, code: "invalid_request"},
		{name: "Bearer", header: http.Header{"Authorization": {"Bearer x"}}, status: 401, code: "invalid_client"},
		{name: "two headers", header: http.Header{"Authorization": {basic(client, "").Get("Authorization"), basic(other, "").Get("Authorization")}}, status: 400, code: "invalid_request"},
		{name: "secret in the body", changes: []string{"client_secret", "guess"}, status: 400, code: "invalid_client"},
		{name: "other client's id", changes: []string{"client_id", other}, status: 400, code: "invalid_grant"},
		{name: "JSON", media: "application/json", body: `{"grant_type":"authorization_code"}`, status: 400, code: "invalid_request"},
		{name: "no media type", media: "-", body: good.Encode(), status: 400, code: "invalid_request"},
		{name: "parameter twice", body: good.Encode() + "&code=" + code, status: 400, code: "invalid_request"},
		{name: "too long", body: good.Encode() + "&x=" + strings.Repeat("x", 64<<10), status: 400, code: "invalid_request"},
		{name: "no grant type", changes: []string{"grant_type", "-"}, status: 400, code: "invalid_request"},
		{name: "other grant type", changes: []string{"grant_type", "password"}, status: 400, code: "unsupported_grant_type"},
		{name: "no code", changes: []string{"code", "-"}, status: 400, code: "invalid_request"},
		{name: "no refresh token", changes: []string{"grant_type", "refresh_token"}, status: 400, code: "invalid_request"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := r.browser()
			b.header = test.header
			form, body, media := url.Values{}, test.body, test.media
			for name, values := range good {
				form[name] = values
			}
			if body == "" {
				body = changed(form, test.changes).Encode()
			}
			switch media {
			case "":
				media = "application/x-www-form-urlencoded"
			case "-":
				media = ""
			}
			a := b.do(http.MethodPost, "/token", media, strings.NewReader(body))
			a.is(t, test.status, test.code)
			if challenged := a.Header.Get("WWW-Authenticate") != ""; challenged != (test.status == 401) {
				t.Errorf("WWW-Authenticate is %q", a.Header.Get("WWW-Authenticate"))
			}
		})
	}
	// None of that touched the code: Basic with an empty password redeems it.
	b := r.browser()
	b.header = basic(client, "")
	good.Del("client_id")
	if a := b.post("/token", good); a.Status != http.StatusOK {
		t.Fatalf("status %d %s", a.Status, a.Body)
	}
}

func TestAttack08WrongVerifierBurnsTheCode(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := r.register("PKCE")
	for _, wrong := range []string{"-", verifier + "x", challenge(verifier)} {
		code := r.browser().code(client)
		r.redeem(client, code, "code_verifier", wrong).is(t, 400, "invalid_grant")
		r.redeem(client, code).is(t, 400, "invalid_grant")
	}
	if n := r.store.count(t, authserver.KindGrant); n != 0 {
		t.Errorf("%d grants", n)
	}
}

func TestAttack09CodeReplay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := r.register("Replay")
	code := r.browser().code(client)
	answers := at(16, func(int) *answer { return r.redeem(client, code) })
	if n := statuses(answers); n[200] != 1 || n[400] != 15 {
		t.Fatalf("statuses %v", n)
	}
	s := &session{rig: r, client: client}
	for _, a := range answers {
		if a.Status == 200 {
			s.take(a)
		}
	}
	s.uses(s.access)
	r.clock.Add(9 * time.Second)
	r.redeem(client, code).is(t, 400, "invalid_grant")
	s.uses(s.access) // a retry is forgiven
	r.clock.Add(2 * time.Second)
	other := r.register("Thief", "https://thief.example/cb")
	r.redeem(other, code).is(t, 400, "invalid_grant")
	r.redeem(client, code, "code_verifier", verifier+"x").is(t, 400, "invalid_grant")
	r.redeem(client, code, "redirect_uri", clientURI).is(t, 400, "invalid_grant")
	s.uses(s.access) // incorrect replays revoke nothing
	r.clock.Add(5 * time.Minute)
	r.redeem(client, code).is(t, 400, "invalid_grant")
	s.dead(s.access)
	s.renew().is(t, 400, "invalid_grant")
	if !strings.Contains(r.log.String(), "event=replayed") {
		t.Error("the log does not say so")
	}
}

func TestAttack10CodeOfAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client, other := r.register("Owner"), r.register("Other", "https://other.example/cb")
	code := r.browser().code(client)
	r.redeem(other, code).is(t, 400, "invalid_grant")
	r.redeem(other, code, "code_verifier", "-").is(t, 400, "invalid_grant")
	r.redeem(client, code, "redirect_uri", clientURI).is(t, 400, "invalid_grant")
	r.redeem(client, code, "redirect_uri", "http://127.0.0.1:7778/callback").is(t, 400, "invalid_grant")
	r.redeem(client, code, "resource", "https://elsewhere.example/mcp").is(t, 400, "invalid_target")
	r.redeem(client, code, "code", "mcpd_code_guess").is(t, 400, "invalid_grant")
	if a := r.redeem(client, code, "redirect_uri", "-", "resource", "-"); a.Status != http.StatusOK {
		t.Fatalf("the owner: %d %s", a.Status, a.Body)
	}
}

func TestCodeLivesAMinute(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := r.register("Slow")
	code := r.browser().code(client)
	r.clock.Add(time.Minute)
	r.redeem(client, code).is(t, 400, "invalid_grant")
}

// TestAttack17RedeemKilled kills the store after each number of writes: the
// sign-in is whole, or not there, and the next one works.
func TestAttack17RedeemKilled(t *testing.T) {
	t.Parallel()
	var f *failingStore
	r := newRig(t, func(cfg *authserver.Config) { f = failing(cfg) })
	client := r.register("Killed")
	for writes := range int64(5) {
		code := r.browser().code(client)
		f.after(writes)
		a := r.redeem(client, code)
		f.after(-1)
		if a.Status != http.StatusOK {
			a.is(t, http.StatusServiceUnavailable, "temporarily_unavailable")
			if a.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
			if a = r.redeem(client, code); a.Status != http.StatusOK {
				a.is(t, 400, "invalid_grant") // one new sign-in
				continue
			}
		}
		s := &session{rig: r, client: client}
		s.take(a)
		s.uses(s.access)
		s.take(s.renew())
		up := record[authserver.Upstream](r, authserver.KindUpstream, nelly)
		listed := 0
		for _, ref := range up.Grants {
			if ref.ID == grantID(t, s.access) {
				listed++
			}
		}
		if listed != 1 {
			t.Errorf("after %d writes the grant is listed %d times", writes, listed)
		}
	}
	if a := r.redeem(client, r.browser().code(client)); a.Status != http.StatusOK {
		t.Fatalf("after all: %d %s", a.Status, a.Body)
	}
}
