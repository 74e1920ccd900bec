package authserver_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// TestEveryStepOnAnotherNode: a balancer sends each step of one login to the
// other node.
func TestEveryStepOnAnotherNode(t *testing.T) {
	t.Parallel()
	a, b, _, _ := nodes(t)
	person := a.browser()
	to := func(node *rig) { person.rig, person.client.Transport = node, node }
	client := b.register("Balanced")
	page := person.authorize(client).sealed(t)
	to(b)
	approved := person.decide(page, "approve")
	to(a)
	if again := person.decide(page, "approve"); again.Location == nil || again.Location.String() != approved.Location.String() {
		t.Fatalf("the second click: %d %v", again.Status, again.Location)
	}
	callback := person.atDiscord(approved.Location, nelly).String()
	code := person.get(callback).Query("code")
	to(b)
	if again := person.get(callback); again.Query("code") != "" {
		t.Error("a second code")
	}
	s := &session{rig: b, client: client}
	s.take(b.redeem(client, code))
	a.uses(s.access)
	b.uses(s.access)
	for _, node := range []*rig{a, b, a} {
		s.rig = node
		s.take(s.renew())
		a.uses(s.access)
		b.uses(s.access)
	}
	if res := b.revoke(client, s.refresh); res.Status != http.StatusOK {
		t.Fatalf("revoke: %d", res.Status)
	}
	a.dead(s.access)
	b.dead(s.access)
	s.renew().is(t, http.StatusBadRequest, "invalid_grant")
}

// TestAttack12RefreshStorm: 64 refreshes on two nodes, one of which hears
// nothing of the other.
func TestAttack12RefreshStorm(t *testing.T) {
	t.Parallel()
	a, b, _, toB := nodes(t)
	s := a.login(a.register("Storm"))
	toB.deaf.Store(true)
	for round := range 3 {
		a.clock.Add(6*24*time.Hour + time.Hour)
		before := a.refreshes()
		answers := at(64, func(i int) *answer {
			return []*rig{a, b}[i%2].refresh(s.client, s.refresh)
		})
		if n := statuses(answers); n[http.StatusOK] != 64 {
			t.Fatalf("round %d: statuses %v", round, n)
		}
		if n := len(tokensOf(t, answers, "refresh_token")); n != 1 {
			t.Errorf("round %d: %d successors", round, n)
		}
		if n := a.refreshes() - before; n != 1 {
			t.Errorf("round %d: %d calls to Discord", round, n)
		}
		for _, access := range tokensOf(t, answers, "access_token") {
			a.uses(access)
			b.uses(access)
		}
		s.take(answers[0])
	}
}

// TestAttack21ClientsOfAllNodesCount: registrations at the one node count at the
// other, so that the limit is that of the store.
func TestAttack21ClientsOfAllNodesCount(t *testing.T) {
	t.Parallel()
	a, b, _, _ := nodes(t, func(cfg *authserver.Config) { cfg.MaxClients = 20 })
	for i := range 20 {
		a.register(string(rune('A' + i)))
	}
	soon(t, "the other node knows of them", func() bool { return b.server.Stats().Clients == 20 })
	res := b.browser().postJSON("/register", map[string]any{"client_name": "one more", "redirect_uris": []string{clientURI}})
	if res.Status != http.StatusServiceUnavailable {
		t.Errorf("one more: %d %s", res.Status, res.Body)
	}
	a.clock.Add(2 * time.Hour)
	b.register("one more")
	if n := a.store.count(t, authserver.KindClient); n > 20 {
		t.Errorf("%d clients", n)
	}
	soon(t, "the first node knows who is gone", func() bool {
		return a.server.Stats().Clients == a.store.count(t, authserver.KindClient)
	})
}
