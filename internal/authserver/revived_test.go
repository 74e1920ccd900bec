package authserver_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestAttack29FailoverLosesRevocation: a replica takes over that has not got the
// revocation yet. Who has seen it ends the grant again, at its first use.
func TestAttack29FailoverLosesRevocation(t *testing.T) {
	t.Parallel()
	for _, use := range []string{"access", "refresh"} {
		t.Run(use, func(t *testing.T) {
			t.Parallel()
			a, b, _, _ := nodes(t, grace)
			client := a.register("Failover")
			s, other := a.login(client), a.login(client)
			a.uses(s.access)
			restore := a.backup()
			a.revoke(client, s.refresh)
			b.dead(s.access) // so this node has seen it
			restore()
			a.clock.Add(6 * time.Second)
			s.rig = b
			if use == "access" {
				b.dead(s.access)
			}
			s.renew().is(t, http.StatusBadRequest, "invalid_grant")
			b.dead(s.access)
			a.dead(s.access)
			a.uses(other.access)
			lines := a.log.String()
			if n := strings.Count(lines, "event=revoked"); n != 2 || !strings.Contains(lines, "lost by the store") {
				t.Errorf("%d lines in the trail", n)
			}
		})
	}
}

// TestAttack29RevokedSinceBackup: a server that starts on a backup cannot know
// what was revoked since. Such a grant lives beyond its access token only with a
// line in the trail.
func TestAttack29RevokedSinceBackup(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := r.register("Backup")
	s := r.login(client)
	r.uses(s.access)
	restore := r.backup()
	r.revoke(client, s.refresh)
	restore()
	r.start()
	s.rig = r
	r.clock.Add(time.Hour + time.Second)
	r.dead(s.access)
	old := s.access
	s.take(s.renew())
	trail := r.log.String()
	id := "grant_id=" + grantID(t, old)
	revoked, refreshed := strings.Index(trail, "event=revoked"), strings.LastIndex(trail, "event=refreshed")
	if revoked < 0 || refreshed < revoked || !strings.Contains(trail[refreshed:], id) {
		t.Errorf("the trail: %s", trail)
	}
}
