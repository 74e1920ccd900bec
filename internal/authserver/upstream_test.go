package authserver_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

// guilds lists guilds as a tool does: it reports a token that was refused, and
// tries once more.
func (s *session) guilds() ([]discord.Guild, error) {
	s.t.Helper()
	id := s.uses(s.access)
	for range 2 {
		token, err := s.server.UpstreamToken(s.t.Context(), id, "guilds")
		if err != nil {
			return nil, err
		}
		list, err := s.cfg.Discord.CurrentUserGuilds(s.t.Context(), token)
		if !errors.Is(err, discord.ErrUnauthorized) {
			return list, err
		}
		if err := s.server.UpstreamRejected(s.t.Context(), id, token); err != nil {
			return nil, err
		}
	}
	return nil, errors.New("refused twice")
}

func (s *session) listsGuilds() {
	s.t.Helper()
	if list, err := s.guilds(); err != nil || len(list) == 0 {
		s.t.Fatalf("guilds: %d, %v", len(list), err)
	}
}

func (s *session) mayNotListGuilds() {
	s.t.Helper()
	_, err := s.guilds()
	var e *authserver.Error
	if !errors.As(err, &e) || e.Status != http.StatusForbidden || e.Code != "insufficient_scope" {
		s.t.Fatalf("guilds: %v, want insufficient_scope", err)
	}
}

func TestAttack27TwoClientsOfOneUser(t *testing.T) {
	t.Parallel()
	for _, kill := range []bool{false, true} {
		name := "earlier tokens live"
		if kill {
			name = "earlier tokens die"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.emu.SetKillEarlier(kill)
			clientA, clientB := r.register("A"), r.register("B", "https://b.example/cb")
			a := r.login(clientA)
			b := r.login(clientB, "redirect_uri", "https://b.example/cb", "scope", "identify guilds")
			b.listsGuilds()
			a.mayNotListGuilds()
			again := r.login(clientA)
			b.listsGuilds()
			for range 3 {
				r.clock.Add(6*24*time.Hour + time.Hour)
				for _, s := range []*session{a, b, again} {
					s.take(s.renew())
				}
				b.listsGuilds()
				a.mayNotListGuilds()
				again.mayNotListGuilds()
				r.clock.Add(8 * 24 * time.Hour)
				for _, s := range []*session{again, b, a} {
					s.take(s.renew())
				}
				b.listsGuilds()
			}
			if a.scope != "identify" || b.scope != "guilds identify" {
				t.Errorf("scopes %q and %q", a.scope, b.scope)
			}
			a.renew("scope", "identify guilds").is(t, 400, "invalid_scope")
			for _, s := range []*session{a, again} {
				if got := r.revoke(clientA, s.refresh); got.Status != http.StatusOK {
					t.Fatalf("logout: %d", got.Status)
				}
				s.dead(s.access)
			}
			b.listsGuilds()
			b.take(b.renew())
			b.listsGuilds()
		})
	}
}

func TestRejectedTokenIsAskedAbout(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Rejected"), "scope", "identify guilds")
	id := s.uses(s.access)
	token, err := r.server.UpstreamToken(t.Context(), id, "guilds")
	if err != nil {
		t.Fatal(err)
	}
	// It lives: nothing happens.
	if err := r.server.UpstreamRejected(t.Context(), id, token); err != nil {
		t.Fatal(err)
	}
	s.listsGuilds()
	// Discord does not say: nothing happens either.
	r.fault(emulator.Fault{Endpoint: emulator.EndpointAuthorization, Kind: emulator.FaultError, Status: 500})
	err = r.server.UpstreamRejected(t.Context(), id, token)
	var e *authserver.Error
	if !errors.As(err, &e) || e.Status != http.StatusServiceUnavailable {
		t.Fatalf("got %v", err)
	}
	s.uses(s.access)
	r.emu.ClearFaults()
	r.clock.Add(10 * time.Minute)
	// Only the access token is dead: it is renewed.
	if err := r.emu.ExpireAccess(nelly); err != nil {
		t.Fatal(err)
	}
	s.listsGuilds()
	// The user has left: the grant ends.
	if err := r.emu.Deauthorize(nelly); err != nil {
		t.Fatal(err)
	}
	if _, err := s.guilds(); !errors.Is(err, authserver.ErrInvalidToken) {
		t.Fatalf("got %v", err)
	}
	s.dead(s.access)
}

// TestLostRenewal loses Discord's answer after it rotated: the login survives
// as long as the access token, then one new sign-in is needed.
func TestLostRenewal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Lost"))
	r.clock.Add(6*24*time.Hour + time.Hour)
	r.fault(emulator.Fault{Endpoint: emulator.EndpointToken, Kind: emulator.FaultLost, Count: 1})
	s.take(s.renew())
	r.clock.Add(10 * time.Minute)
	s.take(s.renew())
	calls := r.refreshes()
	for range 5 {
		s.take(s.renew())
	}
	if r.refreshes() != calls {
		t.Error("a dead refresh token is tried again and again")
	}
	r.clock.Add(24 * time.Hour)
	s.renew().is(t, 400, "invalid_grant")
	again := r.login(s.client)
	again.take(again.renew())
}

// TestCrashedLease: a node that died holding the lease delays the others until
// it runs out, and no longer.
func TestCrashedLease(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Crash"))
	r.clock.Add(6*24*time.Hour + time.Hour)
	change(r, authserver.KindUpstream, nelly, func(up *authserver.Upstream) {
		up.Lease = authserver.Lease{Holder: "dead", Until: r.clock.Now().Add(30 * time.Second)}
	})
	done := make(chan *answer)
	go func() { done <- s.renew() }()
	waiting := r.store.writes.Load()
	soon(t, "waiting for the lease", func() bool { return r.store.writes.Load() > waiting+2 })
	if r.refreshes() != 0 {
		t.Fatal("Discord was called without the lease")
	}
	r.clock.Add(30 * time.Second)
	s.take(<-done)
	if r.refreshes() != 1 {
		t.Errorf("%d refreshes", r.refreshes())
	}
}

// interceptor calls before on its way to Discord.
type interceptor struct{ before func(*http.Request) }

// RoundTrip implements http.RoundTripper.
func (i *interceptor) RoundTrip(req *http.Request) (*http.Response, error) {
	i.before(req)
	return http.DefaultTransport.RoundTrip(req)
}

// TestSignInDuringRenewal: the lease ran out, and a sign-in has replaced the
// pair that is being renewed: its pair stays.
func TestSignInDuringRenewal(t *testing.T) {
	t.Parallel()
	i := &interceptor{before: func(*http.Request) {}}
	r := newRig(t, func(cfg *authserver.Config) {
		cfg.Discord = clientThrough(t, cfg, i)
	})
	s := r.login(r.register("Slow"))
	r.clock.Add(6*24*time.Hour + time.Hour)
	var signedIn authserver.UpstreamPair
	i.before = func(*http.Request) {
		change(r, authserver.KindUpstream, nelly, func(up *authserver.Upstream) {
			signedIn = up.Pairs[0]
			signedIn.AccessToken, signedIn.RefreshToken = "access of the sign-in", "refresh of the sign-in"
			signedIn.Expires = r.clock.Now().Add(7 * 24 * time.Hour)
			up.Pairs = []authserver.UpstreamPair{signedIn}
		})
	}
	s.take(s.renew())
	up := record[authserver.Upstream](r, authserver.KindUpstream, nelly)
	if len(up.Pairs) != 1 || up.Pairs[0].RefreshToken != signedIn.RefreshToken {
		t.Errorf("the pair of the sign-in is lost")
	}
}

func TestSignInReplacesWhatItIncludes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := r.register("Pairs")
	scopes := func() []string {
		var all []string
		for _, p := range record[authserver.Upstream](r, authserver.KindUpstream, nelly).Pairs {
			all = append(all, strings.Join(p.Scopes, "+"))
		}
		slices.Sort(all)
		return all
	}
	for _, step := range []struct{ scope, left string }{
		{"identify", "identify"},
		{"identify guilds", "guilds+identify"},
		{"identify", "guilds+identify identify"},
		{"identify email", "email+identify guilds+identify"},
		{"identify email guilds", "email+guilds+identify"},
	} {
		r.login(client, "scope", step.scope)
		if got := strings.Join(scopes(), " "); got != step.left {
			t.Errorf("after %s: %s, want %s", step.scope, got, step.left)
		}
	}
}

func TestMostPairs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := r.register("Pairs")
	mail := r.login(r.register("Mail"), "scope", "identify email")
	r.login(client)
	up := record[authserver.Upstream](r, authserver.KindUpstream, nelly)
	change(r, authserver.KindUpstream, nelly, func(up *authserver.Upstream) {
		for i := range authserver.MaxPairs {
			p := up.Pairs[1]
			p.Scopes = []string{"identify", "x" + string(rune('a'+i))}
			p.RefreshToken += p.Scopes[1]
			p.Expires = p.Expires.Add(time.Duration(i+1) * time.Minute)
			up.Pairs = append(up.Pairs, p)
		}
	})
	r.clock.Add(time.Hour)
	r.login(client)
	now := record[authserver.Upstream](r, authserver.KindUpstream, nelly)
	if len(now.Pairs) != authserver.MaxPairs {
		t.Errorf("%d pairs", len(now.Pairs))
	}
	for _, p := range now.Pairs {
		if p.RefreshToken == up.Pairs[1].RefreshToken {
			t.Error("the pair that the sign-in replaces is still there")
		}
	}
	if r.emu.Counters().Calls(emulator.EndpointRevoke) != 0 {
		t.Error("a dropped pair was revoked at Discord")
	}
	// The first to expire was the only one with email, and a grant needs it.
	mail.take(mail.renew())
}

func TestCurrentUser(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	plain := r.login(r.register("Plain"))
	mail := r.login(r.register("Mail", "https://mail.example/cb"), "redirect_uri", "https://mail.example/cb", "scope", "identify email")
	ask := func(s *session) authserver.User {
		t.Helper()
		user, err := r.server.CurrentUser(t.Context(), s.uses(s.access))
		if err != nil {
			t.Fatal(err)
		}
		return user
	}
	calls := func() int { return r.emu.Counters().Calls(emulator.EndpointUser) }
	before := calls()
	if ask(plain).Email != "" || ask(mail).Email != "nelly@example.com" || calls() != before {
		t.Fatal("fresh users are wrong, or were asked for")
	}
	r.clock.Add(24*time.Hour + time.Minute)
	plain.take(plain.renew())
	mail.take(mail.renew())
	r.fault(emulator.Fault{Endpoint: emulator.EndpointUser, Kind: emulator.FaultError, Status: 500})
	if ask(plain).Username != "nelly" {
		t.Error("the old user is not served")
	}
	before = calls()
	ask(plain)
	if calls() != before {
		t.Error("Discord is asked again at once")
	}
	r.emu.ClearFaults()
	r.clock.Add(2 * time.Minute)
	if user := ask(plain); user.Email != "" || r.clock.Now().Sub(user.At) > time.Minute {
		t.Errorf("user is %+v", user)
	}
	if g := record[authserver.Grant](r, authserver.KindGrant, grantID(t, plain.access)); g.User.Email != "" {
		t.Error("the grant widened: it has the email")
	}
	if user := ask(mail); user.Email != "nelly@example.com" || r.clock.Now().Sub(user.At) > time.Minute {
		t.Errorf("user is %+v", user)
	}
	before = calls()
	for range 10 {
		ask(plain)
	}
	if calls() != before {
		t.Error("Discord is asked again")
	}
	narrow := *mail
	narrow.take(mail.renew("scope", "identify"))
	if user := ask(&narrow); user.Email != "" {
		t.Errorf("user is %+v", user)
	}
}

func TestSecretsStayOutOfTheLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Secrets"), "scope", "identify email guilds")
	secrets := []string{s.access, s.refresh, "nelly@example.com", emulator.DefaultClientSecret}
	pairs := func() {
		for _, p := range record[authserver.Upstream](r, authserver.KindUpstream, nelly).Pairs {
			secrets = append(secrets, p.AccessToken, p.RefreshToken)
		}
	}
	pairs()
	r.fault(emulator.Fault{Endpoint: emulator.EndpointToken, Kind: emulator.FaultError, Status: 500, Count: 1})
	r.clock.Add(6*24*time.Hour + time.Hour)
	s.take(s.renew())
	r.clock.Add(10 * time.Minute)
	s.take(s.renew())
	pairs()
	secrets = append(secrets, s.access, s.refresh)
	s.listsGuilds()
	r.revoke(s.client, s.refresh)
	s.renew().is(t, 400, "invalid_grant")
	for _, secret := range secrets {
		if strings.Contains(r.log.String(), secret) {
			t.Errorf("the log has a secret")
		}
	}
}
