package server_test

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

// TestLostRoleIsForbidden: the token is good and its user may not come in any
// more, so no client may take the answer for a reason to sign in. What nobody
// knows is a 503.
func TestLostRoleIsForbidden(t *testing.T) {
	t.Parallel()
	const gophers, role = "197038439483310086", "197039439483310001"
	var ahead atomic.Int64
	r := start(t, setup{
		ttl: 24 * time.Hour, ahead: &ahead,
		access: authserver.Access{Roles: []authserver.GuildRole{{Guild: gophers, Role: role}}},
	})
	token := r.signIn(nelly)
	r.send(message{token: token}).want(t, http.StatusOK, 0)
	must(t, r.discord.SetRoles(nelly, gophers, nil))
	ahead.Add(int64(10 * time.Minute))
	a := r.send(message{token: token})
	a.want(t, http.StatusForbidden, http.StatusForbidden)
	if got := a.header.Get("WWW-Authenticate"); got != "" {
		t.Errorf("WWW-Authenticate: %s", got)
	}
	if got := a.rpc(t).Error.Message; !strings.Contains(got, "lacks the role") {
		t.Errorf("message %q", got)
	}

	must(t, r.discord.SetRoles(nelly, gophers, []string{role}))
	ahead.Add(int64(10 * time.Minute))
	r.send(message{token: token}).want(t, http.StatusOK, 0)

	must(t, r.discord.Fault(emulator.Fault{Endpoint: emulator.EndpointMember, Kind: emulator.FaultError, Status: http.StatusServiceUnavailable}))
	ahead.Add(int64(time.Hour))
	r.send(message{token: token}).want(t, http.StatusOK, 0)
	ahead.Add(int64(10 * time.Minute))
	a = r.send(message{token: token})
	a.want(t, http.StatusServiceUnavailable, http.StatusServiceUnavailable)
	if a.header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}
