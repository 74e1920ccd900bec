package authserver_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

// TestUnopenedRecordIsAlone: one record that does not open is an error of its
// own: the server starts, everybody else is served, and a revocation of all ends
// all others and says that it is not done.
func TestUnopenedRecordIsAlone(t *testing.T) {
	t.Parallel()
	var plain authserver.Store
	r := newRig(t, func(cfg *authserver.Config) {
		plain = cfg.Store
		sealed, err := store.Seal(plain, signingKey())
		if err != nil {
			t.Fatal(err)
		}
		cfg.Store = sealed
	})
	client, spoilt := r.register("Good"), r.register("Spoilt")
	good, bad := r.login(client), r.login(client)
	spoil := func(kind authserver.Kind, id string) {
		err := plain.Update(t.Context(), kind, id, func(old *authserver.Record) (*authserver.Record, error) {
			old.Value[0] ^= 1 // another key's
			return old, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	spoil(authserver.KindClient, spoilt)
	spoil(authserver.KindGrant, grantID(t, bad.access))
	r.start()
	good.rig, bad.rig = r, r
	r.uses(good.access)
	good.take(good.renew())
	r.unavailable(bad.access)
	bad.renew().is(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	if res := r.browser().authorize(spoilt); res.Status != http.StatusServiceUnavailable {
		t.Errorf("authorize: %d", res.Status)
	}
	if !strings.Contains(r.log.String(), "clients do not open") {
		t.Error("nothing in the log")
	}
	if page, _, err := r.server.Grants(t.Context(), "", ""); err != nil || len(page) != 1 {
		t.Errorf("grants: %v, %v", page, err)
	}
	if page, _, err := r.server.KnownClients(t.Context(), ""); err != nil || len(page) != 1 {
		t.Errorf("clients: %v, %v", page, err)
	}
	if err := r.server.Revoke(t.Context(), authserver.Revocation{All: true}, nil); !errors.Is(err, authserver.ErrSealed) {
		t.Errorf("revoke all: %v", err)
	}
	r.dead(good.access)
	r.unavailable(bad.access)
}
