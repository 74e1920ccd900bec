package authserver_test

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

func oldKey() []byte { return signingKey() }
func newKey() []byte { return bytes.Repeat([]byte{8}, 32) }

// node is another server on the rig's store, with these keys.
func (r *rig) node(keys ...[]byte) *rig {
	r.t.Helper()
	two := *r
	two.cfg.SigningKeys = keys
	two.start()
	return &two
}

// refusesKeys fails unless a start with these keys is refused.
func (r *rig) refusesKeys(keys ...[]byte) {
	r.t.Helper()
	cfg := r.cfg
	cfg.SigningKeys = keys
	s, err := authserver.New(r.t.Context(), cfg)
	if bind, ok := errors.AsType[*authserver.BindError](err); !ok || bind.What != "signing key" {
		r.t.Errorf("started: %v, %v", s, err)
	}
}

// TestNewSigningKeyEndsNothing changes the key in the middle of everything.
func TestNewSigningKeyEndsNothing(t *testing.T) {
	t.Parallel()
	before := newRig(t)
	client := before.register("Keys")
	s, lost := before.login(client), before.login(client)
	lost.renew()
	onPage, atDiscord, withCode := before.browser(), before.browser(), before.browser()
	page := onPage.authorize(client).sealed(t)
	callback := atDiscord.atDiscord(atDiscord.approve(client), nelly)
	code := withCode.code(client)

	after := before.node(newKey(), oldKey())
	for _, b := range []*browser{onPage, atDiscord} {
		b.rig, b.client.Transport = after, after
	}
	after.uses(s.access)
	lost.rig = after
	lost.take(lost.renew())
	a := onPage.decide(page, "approve")
	if a.Status != http.StatusSeeOther {
		t.Fatalf("consent: %d %s", a.Status, a.Body)
	}
	if got := onPage.get(onPage.atDiscord(a.Location, nelly).String()); got.Query("code") == "" {
		t.Errorf("callback after consent: %d %s", got.Status, got.Body)
	}
	if got := atDiscord.get(callback.String()); got.Query("code") == "" {
		t.Errorf("callback: %d %s", got.Status, got.Body)
	}
	redeemed := &session{rig: after, client: client}
	redeemed.take(after.redeem(client, code))
	old := s.access
	s.rig = after
	s.take(s.renew())
	after.uses(s.access)

	alone := before.node(newKey())
	alone.uses(s.access)
	alone.dead(old)
	for _, s := range []*session{s, lost, redeemed} {
		s.rig = alone
		s.take(s.renew())
		alone.uses(s.access)
	}
	before.refusesKeys(oldKey())
}

// TestLostAnswerOutlivesItsKey: the old key sealed the successor, and the new
// one answers with it.
func TestLostAnswerOutlivesItsKey(t *testing.T) {
	t.Parallel()
	before := newRig(t)
	s := before.login(before.register("Lost"))
	s.renew() // lost
	generation := record[authserver.Grant](before, authserver.KindGrant, grantID(t, s.access)).Generation
	before.clock.Add(10 * time.Minute)
	s.rig = before.node(newKey(), oldKey())
	s.take(s.renew())
	s.uses(s.access)
	if g := record[authserver.Grant](before, authserver.KindGrant, grantID(t, s.access)); g.Generation != generation {
		t.Errorf("generation %d, want %d", g.Generation, generation)
	}
	s.take(s.renew())
}

// TestRollingKeyChange walks the three steps with two nodes: at each of them
// both take what the other makes.
func TestRollingKeyChange(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.refusesKeys(newKey())
	client := r.register("Rolling")
	s := r.login(client)
	for _, step := range [][2][][]byte{
		{{oldKey(), newKey()}, {oldKey()}},
		{{oldKey(), newKey()}, {oldKey(), newKey()}},
		{{newKey(), oldKey()}, {oldKey(), newKey()}},
		{{newKey(), oldKey()}, {newKey(), oldKey()}},
		{{newKey()}, {newKey(), oldKey()}},
		{{newKey()}, {newKey()}},
	} {
		a, b := r.node(step[0]...), r.node(step[1]...)
		for _, pair := range [][2]*rig{{a, b}, {b, a}} {
			s.rig = pair[0]
			s.take(s.renew())
			pair[0].uses(s.access)
			pair[1].uses(s.access)
			fresh := pair[0].login(client)
			pair[1].uses(fresh.access)
		}
	}
	r.refusesKeys(oldKey())
}

// TestAttack02DoubleClickOnTwoNodes: the second click goes to a node with
// another first key, and makes no second request.
func TestAttack02DoubleClickOnTwoNodes(t *testing.T) {
	t.Parallel()
	a := newRig(t, func(cfg *authserver.Config) { cfg.SigningKeys = [][]byte{oldKey(), newKey()} })
	b := a.node(newKey(), oldKey())
	client := a.register("Twice")
	person := a.browser()
	page := person.authorize(client).sealed(t)
	first := person.decide(page, "approve")
	person.rig, person.client.Transport = b, b
	second := person.decide(page, "approve")
	if first.Location == nil || second.Location == nil || first.Location.String() != second.Location.String() {
		t.Fatalf("two redirects: %v, %v", first.Location, second.Location)
	}
	if n := a.store.count(t, authserver.KindAuthorization); n != 1 {
		t.Errorf("%d requests", n)
	}
	if got := person.get(person.atDiscord(second.Location, nelly).String()); got.Query("code") == "" {
		t.Errorf("callback: %d %s", got.Status, got.Body)
	}
}
