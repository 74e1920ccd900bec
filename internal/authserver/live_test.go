package authserver_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// TestRevocationReachesADeafNode: the message of a revocation is lost and
// nobody notices. The node finds out by itself.
func TestRevocationReachesADeafNode(t *testing.T) {
	t.Parallel()
	a, b, _, toB := nodes(t)
	s := a.login(a.register("Deaf"))
	a.uses(s.access)
	b.uses(s.access)
	toB.deaf.Store(true)
	b.uses(s.access)
	if res := a.revoke(s.client, s.refresh); res.Status != http.StatusOK {
		t.Fatalf("revoke: %d", res.Status)
	}
	a.dead(s.access)
	a.clock.Add(5 * time.Second)
	b.dead(s.access)
}

// TestRevocationReachesAListeningNode: with a feed it takes no time.
func TestRevocationReachesAListeningNode(t *testing.T) {
	t.Parallel()
	a, b, _, _ := nodes(t)
	s := a.login(a.register("Listens"))
	a.uses(s.access)
	b.uses(s.access)
	b.revoke(s.client, s.refresh)
	b.dead(s.access)
	a.dead(s.access)
}

// TestSharedStoreIsReadOnceIn5s counts the reads of the hot path.
func TestSharedStoreIsReadOnceIn5s(t *testing.T) {
	t.Parallel()
	a, _, toA, _ := nodes(t)
	s := a.login(a.register("Busy"))
	a.uses(s.access)
	for range 3 {
		a.clock.Add(5 * time.Second)
		reads := toA.grantReads.Load()
		at(16, func(int) *answer {
			for range 50 {
				a.uses(s.access)
			}
			return nil
		})
		if n := toA.grantReads.Load() - reads; n != 1 {
			t.Errorf("%d reads", n)
		}
	}
}

// TestTokenNewerThanWhatIsKnown: a deaf node gets an access token of a
// generation that it does not know. It must confirm it, or an answer that
// arrived would count as lost.
func TestTokenNewerThanWhatIsKnown(t *testing.T) {
	t.Parallel()
	a, b, _, toB := nodes(t)
	s := a.login(a.register("Newer"))
	a.uses(s.access)
	b.uses(s.access)
	toB.deaf.Store(true)
	s.take(s.renew())
	b.uses(s.access)
	if g := record[authserver.Grant](a, authserver.KindGrant, grantID(t, s.access)); !g.Confirmed || g.Generation != 2 {
		t.Errorf("generation %d confirmed: %v", g.Generation, g.Confirmed)
	}
}

// TestTokenHasNoMoreThanItsGrant: the grant is the authority, whatever was
// signed.
func TestTokenHasNoMoreThanItsGrant(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Narrow"), "scope", "identify email guilds")
	if id := r.uses(s.access); len(id.Scopes) != 3 || id.User.Email == "" {
		t.Fatalf("%+v", id)
	}
	change(r, authserver.KindGrant, grantID(t, s.access), func(g *authserver.Grant) { g.Scopes = []string{"guilds", "identify"} })
	if id := r.uses(s.access); len(id.Scopes) != 2 || id.User.Email != "" {
		t.Errorf("%+v", id)
	}
}
