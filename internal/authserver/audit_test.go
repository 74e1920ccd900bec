package authserver_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// audited collects the audit trail.
type audited struct {
	mu     sync.Mutex
	events []authserver.Event
}

func (a *audited) take(_ context.Context, e authserver.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e)
}

// of returns the events of a type.
func (a *audited) of(kind authserver.EventType) []authserver.Event {
	a.mu.Lock()
	defer a.mu.Unlock()
	var some []authserver.Event
	for _, e := range a.events {
		if e.Type == kind {
			some = append(some, e)
		}
	}
	return some
}

func TestAuditOfALife(t *testing.T) {
	t.Parallel()
	trail := &audited{}
	r := newRig(t, func(c *authserver.Config) { c.Audit = trail.take })
	s := r.login(r.register("App"))
	first := s.refresh
	s.take(s.renew())
	s.uses(s.access)
	r.clock.Add(2 * time.Minute)
	r.refresh(s.client, first).is(t, 400, "invalid_grant")
	for _, want := range []struct {
		kind    authserver.EventType
		user    bool
		grant   bool
		reason  string
		current uint32
	}{
		{kind: authserver.EventRegistered},
		{kind: authserver.EventConsented},
		{kind: authserver.EventSignedIn, user: true},
		{kind: authserver.EventIssued, user: true, grant: true, current: 1},
		{kind: authserver.EventRefreshed, user: true, grant: true, current: 2},
		{kind: authserver.EventReplayed, user: true, grant: true, reason: "refresh token", current: 1},
		{kind: authserver.EventRevoked, user: true, grant: true, reason: "refresh token replayed"},
		{kind: authserver.EventRefused, reason: "refresh token: reused"},
	} {
		events := trail.of(want.kind)
		if len(events) != 1 {
			t.Errorf("%s: %d times", want.kind, len(events))
			continue
		}
		e := events[0]
		if e.ClientID != s.client || (e.UserID != "") != want.user || (e.GrantID != "") != want.grant || e.Reason != want.reason || e.Generation != want.current || e.Time.IsZero() {
			t.Errorf("%+v", e)
		}
	}
	stats := r.server.Stats()
	if stats.Events[authserver.EventReplayed] != 1 || stats.Refreshes["rotate"] != 1 || stats.Refreshes["reused"] != 1 || stats.Clients != 1 {
		t.Errorf("the totals are %+v", stats)
	}
}

// What strangers cause is counted, but written at a bounded rate, and the trail
// says how much is missing.
func TestAuditIsBounded(t *testing.T) {
	t.Parallel()
	trail := &audited{}
	r := newRig(t, func(c *authserver.Config) { c.Audit = trail.take })
	client := r.register("App")
	const flood, burst = 300, 240
	for range flood {
		r.refresh(client, "mcpd_rt_garbage").is(t, 400, "invalid_grant")
	}
	if n := len(trail.of(authserver.EventRefused)); n != burst {
		t.Errorf("%d are written at once", n)
	}
	stats := r.server.Stats()
	if stats.Events[authserver.EventRefused] != flood || stats.EventsLeft != flood-burst || stats.Refreshes["garbage"] != flood {
		t.Errorf("the totals are %+v", stats)
	}
	r.clock.Add(time.Second)
	r.refresh(client, "mcpd_rt_garbage")
	refused := trail.of(authserver.EventRefused)
	if last := refused[len(refused)-1]; len(refused) != burst+1 || last.LeftOut != flood-burst {
		t.Errorf("after a second: %+v", last)
	}
}

func TestStatsOfVerify(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("App"))
	for range 5 {
		s.uses(s.access)
	}
	r.dead("garbage")
	stats := r.server.Stats()
	if stats.VerifyNew != 2 || stats.VerifyBad != 1 || stats.VerifyKnown != 4 || stats.VerifyReads < 1 || stats.VerifyReads > 2 {
		t.Errorf("the totals are %+v", stats)
	}
	if n, counted := stats.RateLimited["token"]; n != 0 || !counted {
		t.Errorf("limited: %v", stats.RateLimited)
	}
	if err := r.server.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
}
