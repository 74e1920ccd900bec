package authserver_test

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

func TestAttack23Revocation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client, other := r.register("Owner"), r.register("Other", "https://other.example/cb")
	for _, show := range []struct {
		name  string
		token func(*session) string
	}{
		{"access token", func(s *session) string { return s.access }},
		{"refresh token", func(s *session) string { return s.refresh }},
	} {
		t.Run(show.name, func(t *testing.T) {
			s := r.login(client)
			s.uses(s.access)
			for name, a := range map[string]*answer{
				"another client": r.revoke(other, show.token(s)),
				"garbage":        r.revoke(client, "garbage"),
				"bad MAC":        r.revoke(client, s.refresh[:len(s.refresh)-4]+"AAAA"),
			} {
				if a.Status != http.StatusOK || a.Body != "" {
					t.Errorf("%s: %d %s", name, a.Status, a.Body)
				}
			}
			s.uses(s.access)
			r.revoke("mcpd_client_x", show.token(s)).is(t, 400, "invalid_client")
			r.browser().post("/revoke", url.Values{"client_id": {client}}).is(t, 400, "invalid_request")
			r.store.down.Store(true)
			a := r.revoke(client, show.token(s))
			r.mend()
			a.is(t, http.StatusServiceUnavailable, "temporarily_unavailable")
			s.uses(s.access)
			if a := r.revoke(client, show.token(s)); a.Status != http.StatusOK || a.Header.Get("Cache-Control") != "no-store" {
				t.Fatalf("owner: %d %s", a.Status, a.Body)
			}
			s.dead(s.access)
			s.renew().is(t, 400, "invalid_grant")
			if a := r.revoke(client, show.token(s)); a.Status != http.StatusOK {
				t.Errorf("again: %d", a.Status)
			}
		})
	}
}

// TestRevokeStoreFailsBetween: what could not be written was not revoked, and
// the answer says so.
func TestRevokeStoreFailsBetween(t *testing.T) {
	t.Parallel()
	for writes := range int64(4) {
		var f *failingStore
		r := newRig(t, func(cfg *authserver.Config) { f = failing(cfg) })
		s := r.login(r.register("Between"))
		s.uses(s.access)
		f.after(writes)
		a := r.revoke(s.client, s.refresh)
		f.after(-1)
		if writes == 0 {
			a.is(t, http.StatusServiceUnavailable, "temporarily_unavailable")
			s.uses(s.access)
		} else if a.Status != http.StatusOK {
			t.Errorf("after %d writes: %d", writes, a.Status)
		}
		r.clock.Add(30 * time.Second) // a lease that was not freed runs out
		if a := r.revoke(s.client, s.refresh); a.Status != http.StatusOK {
			t.Errorf("again: %d", a.Status)
		}
		s.dead(s.access)
		again := r.login(s.client)
		again.uses(again.access)
	}
}

func TestDiscordIsToldWithTheLastGrant(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	told := func() int { return r.emu.Counters().Calls(emulator.EndpointRevoke) }
	first, second := r.login(r.register("One")), r.login(r.register("Two", "https://two.example/cb"), "redirect_uri", "https://two.example/cb")
	code := r.browser().code(first.client)
	r.revoke(first.client, first.access)
	if told() != 0 {
		t.Fatal("Discord was told with a grant left")
	}
	r.revoke(second.client, second.access)
	if told() != 0 {
		t.Fatal("Discord was told with a sign-in under way")
	}
	third := &session{rig: r, client: first.client}
	third.take(r.redeem(first.client, code))
	r.clock.Add(8 * 24 * time.Hour)
	third.take(third.renew()) // Discord's tokens are good
	r.fault(emulator.Fault{Endpoint: emulator.EndpointRevoke, Kind: emulator.FaultError, Count: 1})
	if a := r.revoke(third.client, third.refresh); a.Status != http.StatusOK {
		t.Fatalf("revoke: %d", a.Status)
	}
	if told() != 1 {
		t.Errorf("Discord was told %d times", told())
	}
	up := record[authserver.Upstream](r, authserver.KindUpstream, nelly)
	if len(up.Pairs) != 0 || up.Lease.Holder != "" {
		t.Errorf("left: %+v", up)
	}
}

func TestLogoutRightAfterSignInTellsDiscord(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Short"))
	change(r, authserver.KindUpstream, nelly, func(up *authserver.Upstream) { // a grant that ended unseen does not count
		up.Grants = append(up.Grants, authserver.GrantRef{ID: "gone", Scopes: []string{"identify"}, LastUsed: r.clock.Now()})
	})
	r.revoke(s.client, s.refresh)
	if n := r.emu.Counters().Calls(emulator.EndpointRevoke); n != 1 {
		t.Errorf("Discord was told %d times", n)
	}
}

// TestSignInDuringRevocation: a node tells Discord to end the user's tokens
// while another sign-in has its own, but could not store them yet.
func TestSignInDuringRevocation(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := r.register("Race")
	s := r.login(client)
	b := r.browser()
	callback := b.atDiscord(b.approve(client), nelly)
	change(r, authserver.KindUpstream, nelly, func(up *authserver.Upstream) {
		up.Lease = authserver.Lease{Holder: "revoker", Until: r.clock.Now().Add(30 * time.Second)}
	})
	identified := r.emu.Counters().Calls(emulator.EndpointAuthorization)
	done := make(chan *answer)
	go func() { done <- b.get(callback.String()) }()
	soon(t, "the sign-in has its tokens", func() bool {
		return r.emu.Counters().Calls(emulator.EndpointAuthorization) > identified
	})
	writes := r.store.writes.Load()
	soon(t, "it waits for the lease", func() bool { return r.store.writes.Load() > writes+2 })
	if err := r.emu.Deauthorize(nelly); err != nil {
		t.Fatal(err)
	}
	change(r, authserver.KindUpstream, nelly, func(up *authserver.Upstream) {
		up.Pairs, up.RevokedAt, up.Lease = nil, r.clock.Now(), authserver.Lease{}
	})
	if a := <-done; a.Query("code") != "" || a.Query("error") == "" {
		t.Errorf("the answer for dead tokens is %v", a.Location)
	}
	s.renew().is(t, 400, "invalid_grant")
	again := r.login(client)
	again.uses(again.access)
	again.take(again.renew())
}
