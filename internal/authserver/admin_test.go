package authserver_test

import (
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

// allGrants reads every page of a list of grants.
func (r *rig) allGrants(userID string) []authserver.GrantInfo {
	r.t.Helper()
	var all []authserver.GrantInfo
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, next, err := r.server.Grants(r.t.Context(), userID, cursor)
		if err != nil {
			r.t.Fatal(err)
		}
		all, cursor = append(all, page...), next
	}
	return all
}

// end revokes as an operator does and returns how many grants ended.
func (r *rig) end(what authserver.Revocation) (ended int) {
	r.t.Helper()
	if err := r.server.Revoke(r.t.Context(), what, func(n int) { ended = n }); err != nil {
		r.t.Fatal(err)
	}
	return ended
}

const twoURI = "https://two.example/cb"

// twoClients are two sessions of one user.
func (r *rig) twoClients() (one, two *session) {
	one = r.login(r.register("One"))
	return one, r.login(r.register("Two", twoURI), "redirect_uri", twoURI)
}

func TestAdminLists(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.load(fileEntry("operators")); err != nil {
		t.Fatal(err)
	}
	one, two := r.twoClients()
	clients, next, err := r.server.KnownClients(t.Context(), "")
	if err != nil || next != "" || len(clients) != 3 {
		t.Fatalf("%d clients, %q, %v", len(clients), next, err)
	}
	if c := clients[0]; c.ID != "operators" || c.Kind != "file" {
		t.Errorf("the first client is %+v", c)
	}
	for _, user := range []string{"", nelly} {
		names := map[string]string{}
		for _, g := range r.allGrants(user) {
			names[g.ClientID] = g.ClientName
			if g.UserID != nelly || g.Username != "nelly" || !g.Ends.After(g.LastUsed) || len(g.Scopes) == 0 {
				t.Errorf("user %q: %+v", user, g)
			}
		}
		if len(names) != 2 || names[one.client] != "One" || names[two.client] != "Two" {
			t.Errorf("user %q: the clients are %v", user, names)
		}
	}
	if got := r.allGrants("1"); len(got) != 0 {
		t.Errorf("a stranger has %v", got)
	}
	r.end(authserver.Revocation{GrantID: grantID(t, one.access)})
	for _, user := range []string{"", nelly} {
		if got := r.allGrants(user); len(got) != 1 {
			t.Errorf("user %q: a revoked grant is listed: %v", user, got)
		}
	}
}

func TestAdminRevoke(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name      string
		what      func(t *testing.T, one *session) authserver.Revocation
		ended     int
		two, told bool // the other session lives; Discord was told
	}{
		{"one", func(t *testing.T, one *session) authserver.Revocation {
			return authserver.Revocation{GrantID: grantID(t, one.access)}
		}, 1, true, false},
		{"client", func(_ *testing.T, one *session) authserver.Revocation {
			return authserver.Revocation{ClientID: one.client}
		}, 1, true, false},
		{"user", func(*testing.T, *session) authserver.Revocation { return authserver.Revocation{UserID: nelly} }, 2, false, true},
		{"all", func(*testing.T, *session) authserver.Revocation { return authserver.Revocation{All: true} }, 2, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			one, two := r.twoClients()
			one.uses(one.access)
			two.uses(two.access)
			if got := r.end(test.what(t, one)); got != test.ended {
				t.Errorf("%d ended, want %d", got, test.ended)
			}
			one.dead(one.access)
			one.renew().is(t, 400, "invalid_grant")
			if test.two {
				two.uses(two.access)
			} else {
				two.dead(two.access)
			}
			if told := r.emu.Counters().Calls(emulator.EndpointRevoke) == 1; told != test.told {
				t.Errorf("Discord was told: %v", told)
			}
			if n := strings.Count(r.log.String(), "reason=operator"); n != test.ended {
				t.Errorf("%d entries in the audit trail", n)
			}
			if got := r.end(test.what(t, one)); got != 0 {
				t.Errorf("again: %d ended", got)
			}
		})
	}
}

// TestAdminRevokeUnlisted: a grant whose listing failed is found all the same.
func TestAdminRevokeUnlisted(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	one, two := r.twoClients()
	change(r, authserver.KindUpstream, nelly, func(up *authserver.Upstream) { up.Grants = up.Grants[:1] })
	if got := r.end(authserver.Revocation{UserID: nelly}); got != 2 {
		t.Errorf("%d ended", got)
	}
	one.dead(one.access)
	two.dead(two.access)
}

func TestAdminRevokeRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Stays"))
	for _, what := range []authserver.Revocation{{}, {UserID: nelly, All: true}, {UserID: nelly, ClientID: s.client}} {
		if err := r.server.Revoke(t.Context(), what, nil); err == nil {
			t.Errorf("%+v is taken", what)
		}
	}
	r.store.down.Store(true)
	if err := r.server.Revoke(t.Context(), authserver.Revocation{All: true}, nil); err == nil {
		t.Error("a broken store revokes")
	}
	r.mend()
	s.uses(s.access)
}
