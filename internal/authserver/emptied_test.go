package authserver_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// TestAttack29EmptiedStore: a store that was flushed, or whose empty replica took
// over, is away: it has no word about any token. A restart takes it; the other
// nodes do not take its word until they restart, too.
func TestAttack29EmptiedStore(t *testing.T) {
	t.Parallel()
	r, other, toA, toB := nodes(t, grace)
	client := r.register("Emptied")
	s, unused := r.login(client), r.login(client)
	code, page := r.browser().code(client), r.browser().authorize(client)
	r.uses(s.access)
	restore := r.backup()
	toA.deaf.Store(true) // nobody tells of it
	toB.deaf.Store(true)
	r.empty()

	r.clock.Add(6 * time.Second)
	r.uses(s.access) // for the grace
	r.unavailable(unused.access)
	for range 2 {
		s.renew().is(t, http.StatusServiceUnavailable, "temporarily_unavailable")
		r.redeem(client, code).is(t, http.StatusServiceUnavailable, "temporarily_unavailable")
		if res := r.revoke(client, unused.refresh); res.Status != http.StatusServiceUnavailable {
			t.Errorf("revoke: %d", res.Status)
		}
		if res := r.browser().authorize(client); res.Status != http.StatusServiceUnavailable {
			t.Errorf("authorize: %d", res.Status)
		}
		res := r.browser().postJSON("/register", map[string]any{"client_name": "new", "redirect_uris": []string{clientURI}})
		if res.Status != http.StatusServiceUnavailable {
			t.Errorf("register: %d", res.Status)
		}
	}
	if n := r.store.count(t, authserver.KindClient); n != 0 {
		t.Errorf("%d clients in a store that is not ours", n)
	}
	if err := r.server.Ping(t.Context()); err == nil {
		t.Error("ready without its records")
	}
	r.clock.Add(5 * time.Minute)
	r.unavailable(s.access)
	if n := strings.Count(r.log.String(), "store emptied or replaced"); n == 0 || n > 10 {
		t.Errorf("%d lines in the log", n)
	}
	restarted := *r
	restarted.start() // on another node
	other.unavailable(s.access)
	s.renew().is(t, http.StatusServiceUnavailable, "temporarily_unavailable")

	restore()
	r.isBack(s.access)
	r.uses(unused.access)
	s.take(s.renew())
	if page.Status != http.StatusOK {
		t.Errorf("authorize before: %d", page.Status)
	}
}
