package authserver_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// backup copies the whole store, and returns how to put the copy back.
func (r *rig) backup() (restore func()) {
	r.t.Helper()
	copied := r.records()
	return func() {
		r.empty()
		for kind, page := range copied {
			for _, e := range page {
				if err := r.store.Create(r.t.Context(), kind, e.ID, e.Record); err != nil {
					r.t.Fatal(err)
				}
			}
		}
	}
}

// empty deletes every record.
func (r *rig) empty() {
	r.t.Helper()
	for kind, page := range r.records() {
		for _, e := range page {
			if err := r.store.Delete(r.t.Context(), kind, e.ID); err != nil {
				r.t.Fatal(err)
			}
		}
	}
}

func (r *rig) records() map[authserver.Kind][]authserver.Entry {
	r.t.Helper()
	found := map[authserver.Kind][]authserver.Entry{}
	for _, kind := range []authserver.Kind{
		authserver.KindMeta, authserver.KindClient, authserver.KindAuthorization,
		authserver.KindCode, authserver.KindGrant, authserver.KindUpstream,
	} {
		page, next, err := r.store.List(r.t.Context(), kind, "")
		if err != nil || next != "" {
			r.t.Fatal(next, err)
		}
		found[kind] = page
	}
	return found
}

// TestAttack29RestoredBackup puts the whole store back while its clients go on:
// with the newest tokens, with older ones, with codes, and after a revocation.
func TestAttack29RestoredBackup(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := r.register("Backup")
	newest, idle, revoked := r.login(client), r.login(client), r.login(client)
	for _, s := range []*session{newest, idle, revoked} {
		r.uses(s.access)
		s.take(s.renew())
		r.uses(s.access)
	}
	open := r.browser().code(client)
	restore := r.backup()
	for range 3 {
		newest.take(newest.renew())
		r.uses(newest.access)
	}
	redeemed := &session{rig: r, client: client}
	redeemed.take(r.redeem(client, open))
	young := r.browser().code(client)
	revoked.take(revoked.renew())
	r.uses(revoked.access)
	r.revoke(client, revoked.refresh)
	r.dead(revoked.access)

	restore()
	r.start() // as after a crash
	for _, s := range []*session{newest, idle} {
		s.rig = r
		r.uses(s.access)
		s.take(s.renew())
		r.uses(s.access)
	}
	// What the store has never seen is refused, and ends nothing else.
	r.redeem(client, young).is(t, http.StatusBadRequest, "invalid_grant")
	redeemed.rig = r
	redeemed.renew().is(t, http.StatusBadRequest, "invalid_grant")
	r.dead(redeemed.access)
	r.uses(newest.access)
	r.uses(idle.access)
	// A code that was redeemed since may be once more, within its minute, by who
	// has its verifier.
	if res := r.redeem(client, open); res.Status != http.StatusOK {
		res.is(t, http.StatusBadRequest, "invalid_grant")
	}
	// What was revoked since lives again. The trail says so at its first use.
	revoked.rig = r
	if strings.Count(r.log.String(), "event=store_older") != 2 { // newest: access, refresh
		t.Errorf("the trail: %s", r.log.String())
	}
	r.uses(revoked.access)
	if !strings.Contains(r.log.String(), "event=store_older user_id="+nelly+" client_id="+client+" grant_id="+grantID(t, revoked.access)) {
		t.Error("a revoked grant lives without a line in the trail")
	}
	r.clock.Add(2 * time.Minute)
	newest.take(newest.renew())
	idle.take(idle.renew())
}
