package emulator_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

const (
	mason     = "115590097100865541"
	allScopes = "identify email guilds guilds.join guilds.members.read connections"
)

// restart is a new process's emulator at the same time as s.
func (s *setup) restart(change ...func(*emulator.Config)) *setup {
	s.t.Helper()
	next := start(s.t, append([]func(*emulator.Config){func(c *emulator.Config) { c.Now = s.clock.Now }}, change...)...)
	next.clock = s.clock
	return next
}

// access is the status of GET /oauth2/@me, which needs no scope.
func (s *setup) access(a answer) int {
	s.t.Helper()
	return s.api("/oauth2/@me", a.text("access_token")).status
}

func TestRestartKeepsTokens(t *testing.T) {
	t.Parallel()
	key := func(c *emulator.Config) { c.WebhookKey = webhookKey() }
	s := start(t, key)
	tokens := s.signIn(nelly, allScopes)
	before := s.api("/oauth2/@me", tokens.text("access_token"))
	s.clock.Advance(time.Hour)
	s = s.restart(key)
	after := s.api("/oauth2/@me", tokens.text("access_token"))
	if diff := cmp.Diff(before.body, after.body); after.status != http.StatusOK || diff != "" {
		t.Errorf("%d %s", after.status, diff)
	}
	next := s.refresh(tokens.text("refresh_token"))
	want(t, "refresh", next, 200, "")
	want(t, "the spent one", s.refresh(tokens.text("refresh_token")), 400, "invalid_grant")
	if got := s.access(tokens); got != 200 {
		t.Errorf("the earlier access token: %d", got)
	}
	s.clock.Advance(7 * 24 * time.Hour)
	s = s.restart()
	if got := s.access(next); got != 401 {
		t.Errorf("an expired access token: %d", got)
	}
	next = s.refresh(next.text("refresh_token"))
	if next.text("scope") != allScopes {
		t.Errorf("refresh after another restart: %d %s", next.status, next.body)
	}
}

// TestRestartKeepsGranted: the refresh of a narrow token widens after a restart
// as before it, but not for what only client_credentials had.
func TestRestartKeepsGranted(t *testing.T) {
	t.Parallel()
	s := start(t)
	own := s.token("grant_type", "client_credentials", "scope", "connections")
	wide := s.signIn(nelly, "identify guilds")
	narrow := s.refresh(wide.text("refresh_token"), "scope", "identify")
	s = s.restart()
	if s.access(own) != 200 || s.access(narrow) != 200 {
		t.Error("a token died")
	}
	if a := s.api("/users/@me/guilds", narrow.text("access_token")); a.status != 401 {
		t.Errorf("a narrow token: %d", a.status)
	}
	if a := s.refresh(narrow.text("refresh_token")); a.text("scope") != "identify guilds" {
		t.Error(a.body)
	}
}

func TestRestartAdoptsNothingElse(t *testing.T) {
	t.Parallel()
	s := start(t)
	tokens := s.signIn(nelly, "identify")
	access, refresh := tokens.text("access_token"), tokens.text("refresh_token")
	if len(access) != 64 || len(refresh) != 64 {
		t.Fatalf("tokens of %d and %d characters", len(access), len(refresh))
	}
	next := s.restart()
	refused := func(name string, s *setup, access, refresh string, pairs ...string) {
		t.Helper()
		if got := s.api("/oauth2/@me", access).status; got != 401 {
			t.Errorf("%s: access token: %d", name, got)
		}
		want(t, name, s.refresh(refresh, pairs...), 400, "invalid_grant")
	}
	for i := range access {
		swap := func(token string) string {
			other := "A"
			if token[i] == 'A' {
				other = "B"
			}
			return token[:i] + other + token[i+1:]
		}
		refused("damaged", next, swap(access), swap(refresh))
	}
	refused("swapped", next, refresh, access)
	refused("longer", next, access+"AAAA", refresh+"AAAA")
	refused("shorter", next, access[4:], refresh[:60])
	want(t, "a line end", next.refresh(refresh+"\n"), 400, "invalid_grant")
	refused("another application", s.restart(func(c *emulator.Config) { c.ClientID = "1" }), access, refresh, "client_id", "1")
	refused("no such user", s.restart(func(c *emulator.Config) { c.Users = emulator.ReadyUsers()[1:] }), access, refresh)
	s.clock.Advance(-time.Nanosecond)
	refused("not issued yet", s.restart(), access, refresh)
	s.clock.Advance(90 * 24 * time.Hour)
	want(t, "almost expired", s.restart().refresh(refresh), 200, "")
	s.clock.Advance(time.Nanosecond)
	refused("expired", s.restart(), access, refresh)
}

// TestRestartEnds: what ends a user's tokens ends those too that the process
// has not met yet, and nothing that it has ended comes back.
func TestRestartEnds(t *testing.T) {
	t.Parallel()
	kill := func(c *emulator.Config) { c.KillEarlier = true }
	tests := []struct {
		name   string
		change []func(*emulator.Config)
		end    func(s *setup, known answer)
	}{
		{"revoke", nil, func(s *setup, known answer) {
			s.form("/api/v10/oauth2/token/revoke", "token", known.text("access_token"))
		}},
		{"revoke a refresh token", nil, func(s *setup, known answer) {
			s.form("/api/v10/oauth2/token/revoke", "token", known.text("refresh_token"))
		}},
		{"deauthorize", nil, func(s *setup, _ answer) { _ = s.Deauthorize(nelly) }},
		{"a second authorization", []func(*emulator.Config){kill}, func(s *setup, _ answer) { s.signIn(nelly, "identify") }},
	}
	for _, tt := range tests {
		s := start(t)
		one, two, bystander := s.signIn(nelly, "identify"), s.signIn(nelly, "identify"), s.signIn(mason, "identify")
		s = s.restart(tt.change...)
		tt.end(s, one)
		for name, a := range map[string]answer{"met": one, "not met": two} {
			if got := s.access(a); got != 401 {
				t.Errorf("%s: an access token %s: %d", tt.name, name, got)
			}
			want(t, tt.name+": a refresh token "+name, s.refresh(a.text("refresh_token")), 400, "invalid_grant")
		}
		want(t, tt.name+": bystander", s.refresh(bystander.text("refresh_token")), 200, "")
		later := s.signIn(nelly, "identify")
		if got := s.access(later); got != 200 {
			t.Errorf("%s: a later access token: %d", tt.name, got)
		}
	}
}

func TestRestartThenExpireOrRotate(t *testing.T) {
	t.Parallel()
	s := start(t)
	tokens := s.signIn(nelly, "identify")
	expired := s.restart()
	if err := expired.ExpireAccess(nelly); err != nil {
		t.Fatal(err)
	}
	if got := expired.access(tokens); got != 401 {
		t.Errorf("expired: %d", got)
	}
	want(t, "expired", expired.refresh(tokens.text("refresh_token")), 200, "")

	killing := s.restart(func(c *emulator.Config) { c.KillEarlier = true })
	next := killing.refresh(tokens.text("refresh_token"))
	if old, current := killing.access(tokens), killing.access(next); old != 401 || current != 200 {
		t.Errorf("after a rotation: the old access token %d, the new one %d", old, current)
	}
}

// TestSeenIsBounded: however many tokens come and go, a spent one stays spent,
// and an evicted one does not come back.
func TestSeenIsBounded(t *testing.T) {
	t.Parallel()
	s := start(t)
	spent, evicted := s.signIn(nelly, "identify"), s.token("grant_type", "client_credentials", "scope", "identify")
	unseen := s.signIn(nelly, "identify")
	s = s.restart()
	current := s.refresh(spent.text("refresh_token"))
	if got := s.access(evicted); got != 200 {
		t.Fatalf("adopted: %d", got)
	}
	for range 1100 {
		s.clock.Advance(time.Millisecond)
		s.token("grant_type", "client_credentials", "scope", "identify")
	}
	want(t, "spent", s.refresh(spent.text("refresh_token")), 400, "invalid_grant")
	if got := s.access(evicted); got != 401 {
		t.Errorf("evicted: %d", got)
	}
	want(t, "as old as those forgotten", s.refresh(unseen.text("refresh_token")), 400, "invalid_grant")
	want(t, "current", s.refresh(current.text("refresh_token")), 200, "")
	if users := s.control(http.MethodGet, "users", "").body; !strings.Contains(users, `"access_tokens":256`) {
		t.Error(users)
	}
}
