package authserver_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

func TestAttack11LostRefreshAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Lost"))
	lost := s.renew().JSON(t)["refresh_token"]
	for _, later := range []time.Duration{0, 10 * time.Minute, 20 * 24 * time.Hour} {
		r.clock.Add(later)
		if a := s.renew(); a.Status != http.StatusOK || a.JSON(t)["refresh_token"] != lost {
			t.Fatalf("%v later: %d %s", later, a.Status, a.Body)
		}
	}
	if !strings.Contains(r.log.String(), "event=repeated") {
		t.Error("the log does not say so")
	}
}

func TestRefreshRule(t *testing.T) {
	t.Parallel()
	type step struct {
		token  int           // generation to show, from 1
		after  time.Duration // the clock first moves
		use    bool          // afterwards the access token is used
		yields int           // generation that comes; 0: a plain 400; -1: the grant is revoked
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"in order", []step{{1, 0, true, 2}, {2, 0, false, 3}, {3, time.Hour, true, 4}}},
		{"repeated within the grace", []step{{1, 0, true, 2}, {1, 59 * time.Second, false, 2}}},
		{"repeated while unconfirmed", []step{{1, 0, false, 2}, {1, time.Hour, false, 2}, {1, time.Hour, false, 2}, {2, 0, true, 3}}},
		{"reused once confirmed", []step{{1, 0, true, 2}, {1, 61 * time.Second, false, -1}}},
		{"confirmed by a repeat", []step{{1, 0, false, 2}, {1, time.Hour, true, 2}, {1, 0, false, -1}}},
		{"redeeming confirms", []step{{1, 0, false, 2}, {2, 0, false, 3}, {1, 61 * time.Second, false, -1}}},
		{"two generations back within the grace", []step{{1, 0, false, 2}, {2, time.Hour, false, 3}, {1, 59 * time.Second, false, 0}, {3, 0, false, 4}}},
		{"two generations back", []step{{1, 0, false, 2}, {2, time.Hour, false, 3}, {1, 61 * time.Second, false, -1}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := r.login(r.register("Rule"))
			s.uses(s.access)
			tokens := map[int]string{1: s.refresh}
			for i, step := range test.steps {
				r.clock.Add(step.after)
				s.refresh = tokens[step.token]
				a := s.renew()
				if step.yields <= 0 {
					a.is(t, 400, "invalid_grant")
					g := record[authserver.Grant](r, authserver.KindGrant, grantID(t, s.access))
					if ended := g == nil || g.Revoked; ended != (step.yields < 0) {
						t.Fatalf("step %d: ended is %v", i+1, ended)
					}
					continue
				}
				s.take(a)
				if known := tokens[step.yields]; known != "" && known != s.refresh {
					t.Fatalf("step %d: another successor", i+1)
				}
				if g := claims(t, s.access)["generation"]; g != float64(step.yields) {
					t.Fatalf("step %d: generation %v, want %d", i+1, g, step.yields)
				}
				tokens[step.yields] = s.refresh
				if step.use {
					s.uses(s.access)
				}
			}
		})
	}
}

func TestAttack12ParallelRefreshesOnTwoNodes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	two := *r
	two.start()
	s := r.login(r.register("Herd"))
	r.clock.Add(6*24*time.Hour + time.Hour) // Discord's pair has under 24 h left
	before := r.refreshes()
	answers := at(64, func(i int) *answer {
		if i%2 == 0 {
			return two.refresh(s.client, s.refresh)
		}
		return r.refresh(s.client, s.refresh)
	})
	if n := statuses(answers); n[200] != 64 {
		t.Fatalf("statuses %v", n)
	}
	if successors := tokensOf(t, answers, "refresh_token"); len(successors) != 1 {
		t.Errorf("%d successors", len(successors))
	}
	if n := r.refreshes() - before; n != 1 {
		t.Errorf("%d refreshes at Discord", n)
	}
	if up := record[authserver.Upstream](r, authserver.KindUpstream, nelly); up.Lease.Holder != "" {
		t.Error("the lease is not free")
	}
	for _, access := range tokensOf(t, answers, "access_token") {
		two.uses(access)
	}
}

func TestAttack13Theft(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Victim"))
	stolen := s.refresh
	s.take(s.renew())
	s.uses(s.access)
	r.clock.Add(time.Minute + time.Second)
	s.uses(s.access)
	r.refresh(s.client, stolen).is(t, 400, "invalid_grant")
	s.dead(s.access)
	s.renew().is(t, 400, "invalid_grant")
	for _, event := range []string{"issued", "refreshed", "replayed", "revoked"} {
		if !strings.Contains(r.log.String(), "event="+event+" ") {
			t.Errorf("the log has no %q", event)
		}
	}
	if strings.Contains(r.log.String(), stolen) {
		t.Error("the log has the token")
	}
}

func TestAttack14RefreshBeyondTheGrant(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client, other := r.register("Owner"), r.register("Other", "https://other.example/cb")
	s := r.login(client, "scope", "identify email")
	before := record[authserver.Grant](r, authserver.KindGrant, grantID(t, s.access))
	s.renew("client_id", other).is(t, 400, "invalid_grant")
	s.renew("scope", "identify email guilds").is(t, 400, "invalid_scope")
	s.renew("scope", `"`).is(t, 400, "invalid_scope")
	s.renew("resource", "https://elsewhere.example/mcp").is(t, 400, "invalid_target")
	after := record[authserver.Grant](r, authserver.KindGrant, grantID(t, s.access))
	if after.Generation != 1 || string(after.Hash) != string(before.Hash) {
		t.Fatal("it rotated")
	}
	// Fewer scopes: for this access token alone.
	s.take(s.renew("scope", "identify", "resource", "HTTP://LOCALHOST:8000/mcp/"))
	if id := s.uses(s.access); len(id.Scopes) != 1 || id.User.Email != "" || s.scope != "identify" {
		t.Errorf("identity %+v, scope %q", id, s.scope)
	}
	s.take(s.renew())
	if id := s.uses(s.access); len(id.Scopes) != 2 || id.User.Email == "" {
		t.Errorf("identity %+v", id)
	}
}

func TestGarbageRefreshTokenReadsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Garbage"))
	turned := []byte(s.refresh)
	turned[20] ^= 1
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	end := len(s.refresh) - 1
	for _, bad := range []string{
		"x", s.access, s.refresh + "A", s.refresh[:end], strings.ToUpper(s.refresh), string(turned),
		s.refresh[:end] + letters[strings.IndexByte(letters, s.refresh[end])^1:][:1], // an unused bit
	} {
		touched := r.store.touched()
		r.refresh(s.client, bad).is(t, 400, "invalid_grant")
		if r.store.touched() != touched {
			t.Errorf("%.12s… reached the store", bad)
		}
	}
	s.take(s.renew())
}

func TestStoreDownIsNoRefusal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := r.register("Down")
	s := r.login(client)
	code := r.browser().code(client)
	r.store.down.Store(true)
	for _, a := range []*answer{s.renew(), r.redeem(client, code), r.revoke(client, s.refresh)} {
		a.is(t, http.StatusServiceUnavailable, "temporarily_unavailable")
		if a.Header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	if _, err := r.server.Verify(t.Context(), s.access); err == nil || errors.Is(err, authserver.ErrInvalidToken) {
		t.Errorf("verify: %v", err)
	}
	r.mend()
	s.uses(s.access)
	s.take(s.renew())
	s.take(r.redeem(client, code))
}

func TestGrantEndsUnlessRefreshed(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Idle"))
	r.clock.Add(29 * 24 * time.Hour)
	s.take(s.renew())
	r.clock.Add(29 * 24 * time.Hour)
	s.take(s.renew())
	r.clock.Add(30*24*time.Hour + time.Second)
	s.renew().is(t, 400, "invalid_grant")
	if n := r.store.count(t, authserver.KindGrant); n != 0 {
		t.Errorf("%d grants", n)
	}
}

func TestMostGrants(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := r.register("Many")
	all := make([]*session, authserver.MaxGrants)
	for i := range all {
		all[i] = r.login(client)
		r.clock.Add(time.Second)
	}
	all[0].take(all[0].renew()) // used last, though the list does not know
	r.clock.Add(time.Second)
	last := r.login(client)
	all[1].dead(all[1].access)
	for i, s := range append(all, last) {
		if i != 1 {
			s.uses(s.access)
		}
	}
	up := record[authserver.Upstream](r, authserver.KindUpstream, nelly)
	if len(up.Grants) != authserver.MaxGrants {
		t.Errorf("%d grants are listed", len(up.Grants))
	}
}

// TestAttack17RefreshKilled kills the store after each number of writes, with a
// renewal at Discord in between: the same refresh token works afterwards.
func TestAttack17RefreshKilled(t *testing.T) {
	t.Parallel()
	for writes := range int64(6) {
		var f *failingStore
		r := newRig(t, func(cfg *authserver.Config) { f = failing(cfg) })
		s := r.login(r.register("Killed"))
		r.clock.Add(6*24*time.Hour + time.Hour)
		f.after(writes)
		done := make(chan *answer)
		go func() { done <- s.renew() }()
		if writes == 1 { // Discord has answered: that is stored as soon as it can be
			soon(t, "Discord's refresh", func() bool { return r.refreshes() == 1 })
			f.after(-1)
		}
		a := <-done
		f.after(-1)
		if a.Status != http.StatusOK {
			a.is(t, http.StatusServiceUnavailable, "temporarily_unavailable")
		}
		s.take(s.renew())
		s.uses(s.access)
		if n := r.refreshes(); n != 1 {
			t.Errorf("after %d writes: %d refreshes at Discord", writes, n)
		}
		up := record[authserver.Upstream](r, authserver.KindUpstream, nelly)
		if up.Pairs[0].Expires.Sub(r.clock.Now()) < 6*24*time.Hour {
			t.Errorf("after %d writes Discord's answer is not stored", writes)
		}
		s.take(s.renew())
	}
}

func TestAttack26ThiefInStep(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	owner := r.login(r.register("Owner"))
	thief := *owner
	owner.uses(owner.access)
	owner.take(owner.renew())
	thief.take(thief.renew()) // at once: the same successor
	if owner.refresh != thief.refresh {
		t.Fatal("two successors")
	}
	owner.uses(owner.access)
	thief.uses(thief.access)
	r.clock.Add(time.Hour)
	owner.take(owner.renew())
	owner.uses(owner.access)
	r.clock.Add(time.Minute + time.Second)
	thief.renew().is(t, 400, "invalid_grant")
	owner.dead(owner.access)

	// Answers that get lost, however often, log nobody out.
	unlucky := r.login(r.register("Unlucky", "https://unlucky.example/cb"), "redirect_uri", "https://unlucky.example/cb")
	for range 20 {
		r.clock.Add(time.Hour)
		unlucky.renew()
		unlucky.renew()
		unlucky.take(unlucky.renew())
		unlucky.uses(unlucky.access)
	}
}

// TestAttack29RestoredStore puts an older grant back, as from a backup: who
// holds the newest tokens stays signed in, who has older ones is told from
// them, and the log says that it happened.
func TestAttack29RestoredStore(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Restored"))
	first := *s
	id := grantID(t, s.access)
	backup, err := r.store.Store.Get(t.Context(), authserver.KindGrant, id)
	if err != nil {
		t.Fatal(err)
	}
	restore := func() {
		change(r, authserver.KindGrant, id, func(g *authserver.Grant) {
			*g = authserver.Grant{}
			if err := json.Unmarshal(backup.Value, g); err != nil {
				t.Fatal(err)
			}
		})
	}
	s.take(s.renew())
	s.uses(s.access)
	second := *s
	s.take(s.renew())
	restore()
	s.uses(s.access) // of a newer generation: it lives its hour
	r.clock.Add(2 * time.Minute)
	newest := *s
	s.take(s.renew())
	s.uses(s.access)
	if newest.take(newest.renew()); newest.refresh != s.refresh {
		t.Error("a token that was accepted once yields another successor")
	}
	s.take(s.renew())
	s.uses(s.access)
	if !strings.Contains(r.log.String(), "event=store_older") {
		t.Error("the log does not say so")
	}
	// What is older than the newest that was seen is theft, as ever.
	r.clock.Add(2 * time.Minute)
	second.renew().is(t, 400, "invalid_grant")
	s.dead(s.access)

	// The store went on from the backup with an old token: of two tokens of one
	// generation the other is refused, and nothing else happens.
	s = r.login(s.client)
	first = *s
	id = grantID(t, s.access)
	if backup, err = r.store.Store.Get(t.Context(), authserver.KindGrant, id); err != nil {
		t.Fatal(err)
	}
	s.take(s.renew())
	restore()
	first.take(first.renew())
	first.uses(first.access)
	s.renew().is(t, 400, "invalid_grant")
	first.take(first.renew())
	s.renew().is(t, 400, "invalid_grant") // one behind, another token
	first.uses(first.access)
}
