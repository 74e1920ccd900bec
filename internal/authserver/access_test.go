package authserver_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

const (
	edgeCase = "9223372036854775807"

	gophers  = "197038439483310086"
	burrow   = "41771983423143937"
	lodge    = "613425648685547541" // edgeCase is there, but still in its screening
	nowhere  = "600000000000000000"
	roleOne  = "197039439483310001" // nelly's in gophers
	roleElse = "197039439483310009" // nobody's
)

// only is a change to a server that not everybody may use.
func only(a authserver.Access) func(*authserver.Config) {
	return func(cfg *authserver.Config) {
		cfg.Access = a
		cfg.AccessTokenTTL = 24 * time.Hour
	}
}

func role(guild, id string) []authserver.GuildRole {
	return []authserver.GuildRole{{Guild: guild, Role: id}}
}

var withRole = authserver.Access{Roles: role(gophers, roleOne)}

// refused fails unless the user of a good token may not come in.
func (r *rig) refused(access string) {
	r.t.Helper()
	id, err := r.server.Verify(r.t.Context(), access)
	e, ok := errors.AsType[*authserver.Error](err)
	if !errors.Is(err, authserver.ErrNotAllowed) || !ok || e.Status != http.StatusForbidden || e.Description == "" {
		r.t.Fatalf("verify: %v, %v; want ErrNotAllowed", id, err)
	}
}

// unknown fails unless it cannot be said whether the user may come in.
func (r *rig) unknown(access string) {
	r.t.Helper()
	id, err := r.server.Verify(r.t.Context(), access)
	if e, ok := errors.AsType[*authserver.Error](err); !ok || e.Status != http.StatusServiceUnavailable || e.RetryAfter <= 0 {
		r.t.Fatalf("verify: %v, %v; want a 503", id, err)
	}
}

func (r *rig) memberCalls() int { return r.emu.Counters().Calls(emulator.EndpointMember) }

func (r *rig) roles(ids ...string) {
	r.t.Helper()
	if err := r.emu.SetRoles(nelly, gophers, ids); err != nil {
		r.t.Fatal(err)
	}
}

func TestAccessAtSignIn(t *testing.T) {
	t.Parallel()
	both := authserver.Access{Guilds: []string{gophers}, Roles: role(gophers, roleOne)}
	for _, tt := range []struct {
		name   string
		access authserver.Access
		user   string
		why    string // in the page; "" lets in
		calls  int
	}{
		{"everybody", authserver.Access{}, nelly, "", 0},
		{"listed", authserver.Access{Users: []string{nelly}}, nelly, "", 0},
		{"not listed", authserver.Access{Users: []string{edgeCase}}, nelly, "operator has listed", 0},
		{"listed, though no member", authserver.Access{Users: []string{nelly}, Guilds: []string{nowhere}}, nelly, "", 0},
		{"not listed, but a member", authserver.Access{Users: []string{edgeCase}, Guilds: []string{burrow}}, nelly, "", 1},
		{"member of one of two", authserver.Access{Guilds: []string{nowhere, burrow}}, nelly, "", 2},
		{"no member", authserver.Access{Guilds: []string{nowhere}}, nelly, "not a member", 1},
		{"in screening", authserver.Access{Guilds: []string{lodge}}, edgeCase, "screening", 1},
		{"role", withRole, nelly, "", 1},
		{"one of two roles", authserver.Access{Roles: append(role(gophers, roleElse), role(gophers, roleOne)...)}, nelly, "", 1},
		{"no such role", authserver.Access{Roles: role(gophers, roleElse)}, nelly, "missing a role", 1},
		{"role of another guild", authserver.Access{Roles: role(burrow, roleOne)}, nelly, "missing a role", 1},
		{"role and guild", both, nelly, "", 1},
		{"role, but no guild", authserver.Access{Guilds: []string{nowhere}, Roles: role(gophers, roleOne)}, nelly, "not a member", 2},
		{"guild, but no role", authserver.Access{Guilds: []string{burrow}, Roles: role(gophers, roleElse)}, nelly, "missing a role", 2},
		{"neither", both, edgeCase, "not a member", 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, only(tt.access))
			b := r.browser()
			client := r.register("Door")
			a := b.get(b.atDiscord(b.approve(client), tt.user).String())
			if got := r.memberCalls(); got != tt.calls {
				t.Errorf("%d calls, want %d", got, tt.calls)
			}
			if tt.why == "" {
				if a.Query("code") == "" {
					t.Fatalf("not let in: %d %v %s", a.Status, a.Location, a.Body)
				}
				return
			}
			a.isPage(t, http.StatusForbidden)
			if !strings.Contains(a.Body, tt.why) || !strings.Contains(a.Body, tt.user) {
				t.Errorf("the page lacks %q or %q: %s", tt.why, tt.user, a.Body)
			}
			for _, secret := range []string{gophers, burrow, nowhere, lodge, roleOne, roleElse} {
				if strings.Contains(a.Body, secret) {
					t.Errorf("the page has %s", secret)
				}
			}
			if !strings.Contains(a.Body, "127.0.0.1:7777/callback?error=access_denied") || strings.Contains(a.Body, "code=") {
				t.Errorf("no way back to the client: %s", a.Body)
			}
			if n := r.store.count(t, authserver.KindCode) + r.store.count(t, authserver.KindUpstream); n != 0 {
				t.Errorf("%d records are left", n)
			}
			if !strings.Contains(r.log.String(), string(authserver.EventSignInFailed)) {
				t.Error("not in the audit trail")
			}
		})
	}
}

func TestAccessScopes(t *testing.T) {
	t.Parallel()
	r := newRig(t, only(withRole))
	b := r.browser()
	page := b.authorize(r.register("Scopes"))
	for _, want := range []string{"Check that you are a member", "certain role", "guilds.members.read"} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the consent page lacks %q", want)
		}
	}
	if at := b.decide(page.sealed(t), "approve").Query("scope"); at != "guilds.members.read identify" {
		t.Errorf("Discord is asked for %q", at)
	}
	s := r.login(r.register("Scopes"))
	if s.scope != "identify" {
		t.Errorf("the grant has %q", s.scope)
	}
	if got := r.browser().get("/.well-known/oauth-authorization-server").Body; strings.Contains(got, "members.read") {
		t.Errorf("metadata: %s", got)
	}
	if _, err := r.server.UpstreamToken(t.Context(), r.uses(s.access), "guilds.members.read"); err == nil {
		t.Error("the grant got what only the server may use")
	}
}

// spoofed answers the question about a member with the member of somebody else.
type spoofed struct{ answer string }

func (s spoofed) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/member") {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(s.answer)), Request: req}, nil
	}
	return http.DefaultTransport.RoundTrip(req)
}

func TestAccessSpoofedMember(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]string{
		"of another user": `{"user":{"id":"` + edgeCase + `"},"roles":["` + roleOne + `"]}`,
		"of nobody":       `{"roles":["` + roleOne + `"]}`,
		"no roles":        `{"user":{"id":"` + nelly + `"}}`,
		"pending":         `{"user":{"id":"` + nelly + `"},"roles":["` + roleOne + `"],"pending":true}`,
		"no JSON":         `<html>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, only(withRole), func(cfg *authserver.Config) { cfg.Discord = clientThrough(t, cfg, spoofed{answer}) })
			if a := r.browser().signIn(r.register("Spoof")); a.Query("code") != "" || a.Query("error") == "" && a.Status != http.StatusForbidden {
				t.Errorf("%d %v", a.Status, a.Location)
			}
		})
	}
}

// TestLostRoleIsRefusedInTenMinutes takes the role away and gives it back.
// Whenever the token was used last, either shows after ten minutes; signing in
// again shows at once.
func TestLostRoleIsRefusedInTenMinutes(t *testing.T) {
	t.Parallel()
	r := newRig(t, only(withRole))
	s := r.login(r.register("Role"))
	r.uses(s.access)
	r.roles()
	r.clock.Add(9 * time.Minute)
	r.uses(s.access) // checked by now, but nobody waits
	soon(t, "the check ahead of time", func() bool { return r.memberCalls() == 2 })
	soon(t, "the refusal", func() bool {
		_, err := r.server.Verify(t.Context(), s.access)
		return errors.Is(err, authserver.ErrNotAllowed)
	})
	if !strings.Contains(r.log.String(), "access: role missing") {
		t.Error("not in the audit trail")
	}
	s.take(s.renew()) // the grant lives on
	r.refused(s.access)

	r.roles(roleOne)
	r.clock.Add(10 * time.Minute)
	r.uses(s.access)
	r.roles()
	r.clock.Add(10 * time.Minute)
	r.refused(s.access)
	r.roles(roleOne)
	again := r.login(s.client)
	r.uses(again.access)
	r.uses(s.access)
	if err := r.emu.Leave(nelly, gophers); err != nil {
		t.Fatal(err)
	}
	r.clock.Add(10 * time.Minute)
	r.refused(s.access)
}

// TestAccessOneCallForAllNodes lets ten nodes check one user for an hour.
func TestAccessOneCallForAllNodes(t *testing.T) {
	t.Parallel()
	r := newRig(t, only(withRole))
	nodes := []*rig{r}
	for range 9 {
		node := *r
		node.start()
		nodes = append(nodes, &node)
	}
	s := r.login(r.register("Nodes"))
	before := r.memberCalls()
	for range 6 {
		r.clock.Add(10 * time.Minute)
		done := make(chan error)
		for _, node := range nodes {
			for range 4 {
				go func() {
					_, err := node.server.Verify(t.Context(), s.access)
					done <- err
				}()
			}
		}
		for range 4 * len(nodes) {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	}
	if got := r.memberCalls() - before; got != 6 {
		t.Errorf("%d calls in an hour, want 6", got)
	}
	// A sign-in at one node shows at all of them.
	r.roles()
	r.clock.Add(10 * time.Minute)
	for _, node := range nodes {
		node.refused(s.access)
	}
	r.roles(roleOne)
	nodes[3].login(s.client)
	for _, node := range nodes {
		node.uses(s.access)
	}
}

// TestAccessDiscordDown lets a member in for an hour more, and then nobody.
func TestAccessDiscordDown(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]emulator.Fault{
		"429":  {Kind: emulator.FaultRateLimit, RetryAfter: 2 * time.Second},
		"503":  {Kind: emulator.FaultError, Status: 503},
		"HTML": {Kind: emulator.FaultHTML},
		"hang": {Kind: emulator.FaultHang},
		"404":  {Kind: emulator.FaultError, Status: 404}, // without the code that means no member
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, only(withRole), quick(t))
			client := r.register("Outage")
			s := r.login(client)
			fault.Endpoint = emulator.EndpointMember
			r.fault(fault)
			before := r.memberCalls()
			r.clock.Add(69 * time.Minute)
			for range 3 {
				r.uses(s.access)
			}
			touched := r.store.touched()
			for range 20 {
				r.uses(s.access)
			}
			if got := r.store.touched() - touched; got > 4 {
				t.Errorf("%d store calls for 20 requests", got)
			}
			if got := r.memberCalls() - before; got > 2 {
				t.Errorf("a storm: %d calls", got)
			}
			if a := r.browser().signIn(client); a.Query("error") != "temporarily_unavailable" {
				t.Errorf("a sign-in meanwhile: %d %v", a.Status, a.Location)
			}
			r.clock.Add(2 * time.Minute)
			for range 20 {
				r.unknown(s.access)
			}
			two := *r
			two.start()
			two.unknown(s.access)
			r.emu.ClearFaults()
			r.clock.Add(6 * time.Minute)
			r.uses(s.access)
			two.uses(s.access)
		})
	}
}

// TestAccessStoreDown goes on with what a node remembers.
func TestAccessStoreDown(t *testing.T) {
	t.Parallel()
	r := newRig(t, only(withRole))
	s := r.login(r.register("Store"))
	for range 3 { // the grant is remembered
		r.uses(s.access)
	}
	r.store.down.Store(true)
	r.clock.Add(30 * time.Minute)
	r.uses(s.access)
	r.clock.Add(time.Hour)
	r.unknown(s.access)
	r.mend()
	r.clock.Add(time.Minute)
	r.uses(s.access)
}

// TestAccessRefusedStaysRefused: an outage lets nobody in who was out.
func TestAccessRefusedStaysRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, only(withRole))
	s := r.login(r.register("Out"))
	r.roles()
	r.clock.Add(10 * time.Minute)
	r.refused(s.access)
	r.fault(emulator.Fault{Endpoint: emulator.EndpointAny, Kind: emulator.FaultError})
	r.clock.Add(30 * time.Minute)
	r.refused(s.access)
}

// TestAccessOfOldGrants: who signed in before there was a rule signs in once
// more, where Discord must be asked and the old sign-in does not allow it.
func TestAccessOfOldGrants(t *testing.T) {
	t.Parallel()
	r := newRig(t, only(authserver.Access{}))
	s := r.login(r.register("Old"))
	r.uses(s.access)
	r.cfg.Access = withRole
	r.start()
	r.dead(s.access)
	s.renew().is(t, 400, "invalid_grant") // and the client signs in
	again := r.login(s.client)
	r.uses(again.access)
	again.take(again.renew())
	r.uses(again.access)
}

// TestAccessRuleChanges: another rule counts from the next start on, at once.
func TestAccessRuleChanges(t *testing.T) {
	t.Parallel()
	r := newRig(t, only(authserver.Access{Users: []string{nelly}, Guilds: []string{nowhere}}))
	s := r.login(r.register("Rules"))
	r.uses(s.access)
	for _, tt := range []struct {
		access  authserver.Access
		refused bool
	}{
		{authserver.Access{Users: []string{edgeCase}}, true},
		{withRole, false},
		{authserver.Access{Roles: role(gophers, roleElse)}, true},
		{authserver.Access{Guilds: []string{gophers}}, false},
		{authserver.Access{}, false},
	} {
		r.cfg.Access = tt.access
		r.start()
		if tt.refused {
			r.refused(s.access)
		} else {
			r.uses(s.access)
		}
	}
}

// TestAccessCostsNothingWhenFresh counts what a request costs.
func TestAccessCostsNothingWhenFresh(t *testing.T) {
	t.Parallel()
	r := newRig(t, only(withRole))
	s := r.login(r.register("Warm"))
	for range 3 {
		r.uses(s.access)
	}
	touched, calls := r.store.touched(), r.emu.Counters().Calls()
	for range 1000 {
		r.uses(s.access)
	}
	if got := r.store.touched() - touched; got != 0 {
		t.Errorf("%d store calls", got)
	}
	if got := r.emu.Counters().Calls() - calls; got != 0 {
		t.Errorf("%d calls", got)
	}
}

// TestAccessDeadToken: Discord refuses the token itself, so the user signs in.
func TestAccessDeadToken(t *testing.T) {
	t.Parallel()
	r := newRig(t, only(withRole))
	s := r.login(r.register("Dead"))
	if err := r.emu.Deauthorize(nelly); err != nil {
		t.Fatal(err)
	}
	r.clock.Add(10 * time.Minute)
	r.dead(s.access)
	r.uses(r.login(s.client).access)
}

func TestAccessCheck(t *testing.T) {
	t.Parallel()
	many := make([]string, 9)
	for i := range many {
		many[i] = nowhere[:17] + string(rune('1'+i))
	}
	for name, a := range map[string]authserver.Access{
		"name":       {Users: []string{"nelly"}},
		"zero":       {Users: []string{"0"}},
		"leading 0":  {Users: []string{"01"}},
		"too large":  {Guilds: []string{"18446744073709551616"}},
		"no role":    {Roles: role(gophers, "")},
		"everybody":  {Roles: role(gophers, gophers)},
		"many":       {Guilds: many},
		"whitespace": {Guilds: []string{" 1"}},
	} {
		if err := a.Check(); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	if err := (authserver.Access{Users: []string{nelly}, Guilds: many[:7], Roles: role(gophers, roleOne)}).Check(); err != nil {
		t.Error(err)
	}
}
