package discord_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
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
	tests := []struct {
		name   string
		change func(*discord.Config)
	}{
		{"no id", func(c *discord.Config) { c.ClientID = "" }},
		{"id with a colon", func(c *discord.Config) { c.ClientID = "1:2" }},
		{"no secret", func(c *discord.Config) { c.ClientSecret = "" }},
		{"no redirect URI", func(c *discord.Config) { c.RedirectURI = "" }},
		{"relative redirect URI", func(c *discord.Config) { c.RedirectURI = "/auth/callback" }},
		{"http elsewhere", func(c *discord.Config) { c.URL = "http://discord.com" }},
		{"http on a name that looks local", func(c *discord.Config) { c.URL = "http://localhost.evil" }},
		{"other scheme", func(c *discord.Config) { c.URL = "ftp://localhost" }},
		{"path", func(c *discord.Config) { c.URL = "https://discord.com/api" }},
		{"query", func(c *discord.Config) { c.URL = "https://discord.com?x" }},
		{"user", func(c *discord.Config) { c.URL = "https://a@discord.com" }},
		{"no authority", func(c *discord.Config) { c.URL = "discord.com" }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			cfg := without(nil, nil)
			tt.change(&cfg)
			if _, err := discord.New(cfg); err == nil {
				t.Error("accepted")
			}
		})
	}
}

func TestNewAccepts(t *testing.T) {
	t.Parallel()
	for _, u := range []string{"", "https://discord.com/", "http://127.0.0.1:8001", "http://[::1]:8001", "http://localhost:8001"} {
		cfg := without(nil, nil)
		cfg.URL = u
		if _, err := discord.New(cfg); err != nil {
			t.Errorf("%q: %v", u, err)
		}
	}
}

func TestAuthorizeURL(t *testing.T) {
	t.Parallel()
	c := newClient(t, without(nil, nil))
	u, err := url.Parse(c.AuthorizeURL("st", "ch", []string{"identify", "guilds"}))
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"client_id": {emulator.DefaultClientID}, "redirect_uri": {redirect}, "response_type": {"code"},
		"scope": {"identify guilds"}, "state": {"st"}, "code_challenge": {"ch"}, "code_challenge_method": {"S256"},
	}
	if diff := cmp.Diff(want, u.Query()); diff != "" {
		t.Error(diff)
	}
	if got := u.Scheme + "://" + u.Host + u.Path; got != "https://discord.com/oauth2/authorize" {
		t.Error(got)
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	s := start(t)
	token := s.signIn(t, nelly, "identify", "email", "guilds")
	if diff := cmp.Diff([]string{"identify", "email", "guilds"}, token.Scopes); diff != "" {
		t.Error(diff)
	}
	week := s.clock.Now().Add(7 * 24 * time.Hour)
	if !token.Expires.Equal(week) {
		t.Errorf("expires %v, want %v", token.Expires, week)
	}

	authorization, err := s.CurrentAuthorization(t.Context(), token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if authorization.ApplicationID != emulator.DefaultClientID || !authorization.Expires.Equal(week) {
		t.Errorf("authorization = %+v", authorization)
	}
	if authorization.User == nil || authorization.User.ID != nelly || authorization.User.Email != "" {
		t.Errorf("user of the authorization = %+v", authorization.User)
	}

	user, err := s.CurrentUser(t.Context(), token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	want := &discord.User{
		ID: nelly, Username: "nelly", Discriminator: "0", GlobalName: "Nelly", Avatar: "8342729096ea3675442027381ff50dfe",
		Locale: "en-US", MFAEnabled: true, Email: "nelly@example.com", Verified: true,
	}
	if diff := cmp.Diff(want, user); diff != "" {
		t.Error(diff)
	}

	guilds, err := s.CurrentUserGuilds(t.Context(), token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if len(guilds) != 2 || guilds[0].ID != "41771983423143937" || guilds[0].Permissions != "9007199254740993" || !guilds[0].Owner {
		t.Errorf("guilds = %+v", guilds)
	}
}

func TestEveryReadyUserIsUnderstood(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, ready := range s.emu.Users() {
		token := s.signIn(t, ready.ID, "identify", "email", "guilds")
		user, err := s.CurrentUser(t.Context(), token.AccessToken)
		if err != nil {
			t.Fatalf("%s: %v", ready.Username, err)
		}
		if diff := cmp.Diff(ready.User, *user); diff != "" {
			t.Errorf("%s: %s", ready.Username, diff)
		}
		guilds, err := s.CurrentUserGuilds(t.Context(), token.AccessToken)
		if err != nil || len(guilds) != len(ready.Guilds) {
			t.Errorf("%s: %d guilds, %v; want %d", ready.Username, len(guilds), err, len(ready.Guilds))
		}
	}
}

func TestWithoutScopes(t *testing.T) {
	t.Parallel()
	s := start(t)
	token := s.signIn(t, nelly, "connections")
	authorization, err := s.CurrentAuthorization(t.Context(), token.AccessToken)
	if err != nil {
		t.Fatal(err)
	}
	if authorization.User != nil {
		t.Errorf("user = %+v without identify", authorization.User)
	}
	_, err = s.CurrentUserGuilds(t.Context(), token.AccessToken)
	if e := wantError(t, err, discord.ErrUnauthorized); e.Status != http.StatusUnauthorized || e.Code != "0" {
		t.Errorf("error = %+v", e)
	}
}

func TestExchangeRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	verifier := oauth2.GenerateVerifier()
	used := s.code(t, nelly, verifier, "identify")
	if _, err := s.Exchange(t.Context(), used, verifier); err != nil {
		t.Fatal(err)
	}
	tests := []struct{ name, code, verifier string }{
		{"used", used, verifier},
		{"made up", "abc", verifier},
		{"empty", "", verifier},
		{"huge", strings.Repeat("x", 2000), verifier},
		{"other verifier", s.code(t, nelly, verifier, "identify"), oauth2.GenerateVerifier()},
		{"no verifier", s.code(t, nelly, verifier, "identify"), ""},
	}
	for _, tt := range tests {
		_, err := s.Exchange(t.Context(), tt.code, tt.verifier)
		wantError(t, err, discord.ErrInvalidGrant)
	}
	// Empty and huge ones are known to be none without a call.
	if got := s.emu.Counters()[emulator.EndpointToken].Results["400"]; got != 4 {
		t.Errorf("%d refusals by Discord, want 4", got)
	}
}

func TestRefresh(t *testing.T) {
	t.Parallel()
	s := start(t)
	first := s.signIn(t, nelly, "identify")
	second, err := s.Refresh(t.Context(), first.RefreshToken)
	if err != nil {
		t.Fatal(err)
	}
	if second.RefreshToken == first.RefreshToken || second.AccessToken == first.AccessToken {
		t.Error("the pair did not change")
	}
	_, err = s.Refresh(t.Context(), first.RefreshToken)
	if e := wantError(t, err, discord.ErrInvalidGrant); e.Status != http.StatusBadRequest || e.Code != "invalid_grant" {
		t.Errorf("error = %+v", e)
	}
	if _, err := s.CurrentUser(t.Context(), second.AccessToken); err != nil {
		t.Error(err)
	}
}

func TestRevoke(t *testing.T) {
	t.Parallel()
	s := start(t)
	one, two := s.signIn(t, nelly, "identify"), s.signIn(t, nelly, "identify")
	if err := s.Revoke(t.Context(), one.AccessToken); err != nil {
		t.Fatal(err)
	}
	_, err := s.CurrentUser(t.Context(), two.AccessToken)
	wantError(t, err, discord.ErrUnauthorized)
	_, err = s.Refresh(t.Context(), two.RefreshToken)
	wantError(t, err, discord.ErrInvalidGrant)
	if err := s.Revoke(t.Context(), "unknown"); err != nil {
		t.Errorf("an unknown token: %v", err)
	}
}

func TestCheckCredentials(t *testing.T) {
	t.Parallel()
	right := start(t)
	if err := right.CheckCredentials(t.Context()); err != nil {
		t.Error(err)
	}
	wrong := start(t, func(_ *emulator.Config, c *discord.Config) { c.ClientSecret = "of-another-app" })
	e := wantError(t, wrong.CheckCredentials(t.Context()), discord.ErrInvalidClient)
	if e.Status != http.StatusUnauthorized {
		t.Errorf("error = %+v", e)
	}
	_, err := wrong.Refresh(t.Context(), "anything")
	wantError(t, err, discord.ErrInvalidClient)
	wantError(t, wrong.Revoke(t.Context(), "anything"), discord.ErrInvalidClient)
}

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	token := discord.Token{AccessToken: "swordfish", RefreshToken: "swordfish"}
	text, err := json.Marshal(token)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		string(text), fmt.Sprintf("%v %+v %#v %s %q %x", token, token, token, token, token, token.AccessToken),
	} {
		if strings.Contains(s, "swordfish") || !strings.Contains(s, "[redacted]") {
			t.Error(s)
		}
	}
}
