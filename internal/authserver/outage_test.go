package authserver_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

func grace(cfg *authserver.Config) { cfg.OutageGrace = 5 * time.Minute }

// pass lets the fake clock of a synctest bubble go on: it takes no time.
func pass(d time.Duration) { <-time.After(d) }

// unavailable fails unless a token can be neither accepted nor refused.
func (r *rig) unavailable(access string) {
	r.t.Helper()
	id, err := r.server.Verify(r.t.Context(), access)
	e, ok := errors.AsType[*authserver.Error](err)
	if !ok || e.Status != http.StatusServiceUnavailable || e.RetryAfter == 0 {
		r.t.Fatalf("verify: %v, %v; want a 503", id, err)
	}
}

// TestOutageGrace: what was good stays good for a while, and nothing else.
func TestOutageGrace(t *testing.T) {
	t.Parallel()
	a, _, toA, _ := nodes(t, grace)
	client := a.register("Outage")
	used, unused, revoked := a.login(client), a.login(client), a.login(client)
	a.uses(used.access)
	a.uses(revoked.access)
	a.revoke(client, revoked.refresh)
	a.dead(revoked.access)

	toA.fail(errDown)
	a.clock.Add(5 * time.Second)
	for range 20 {
		if id := a.uses(used.access); id.User.Username != "nelly" {
			t.Fatalf("%+v", id)
		}
	}
	a.unavailable(unused.access)
	a.unavailable(unused.access) // the first time has taught nothing
	a.dead(revoked.access)
	used.renew().is(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	if n := strings.Count(a.log.String(), "event=outage_accepted"); n != 1 {
		t.Errorf("%d lines in the audit log", n)
	}
	a.clock.Add(5 * time.Minute)
	a.unavailable(used.access)
	a.dead(revoked.access)

	toA.fail(nil)
	a.isBack(used.access)
	a.uses(unused.access)
	a.dead(revoked.access)
	used.take(used.renew())
}

// TestGraceOfATokenOfAKnownGrant: a token's first use may find its grant known
// and ask nothing of the store. It was good all the same.
func TestGraceOfATokenOfAKnownGrant(t *testing.T) {
	t.Parallel()
	a, b, _, toB := nodes(t, grace)
	s := a.login(a.register("Known"))
	b.uses(s.access)
	before := s.access
	s.take(s.renew())
	a.uses(s.access)
	b.clock.Add(5 * time.Second)
	b.uses(before) // reads the grant as it is now
	b.uses(s.access)
	toB.fail(errDown)
	b.clock.Add(5 * time.Second)
	b.uses(s.access)
}

// TestOutageOfOneNode: the others go on, and revoke. The lone node learns of it
// when it is back, without a restart.
func TestOutageOfOneNode(t *testing.T) {
	t.Parallel()
	a, b, _, toB := nodes(t, grace)
	s := a.login(a.register("Alone"))
	b.uses(s.access)
	toB.fail(errDown)
	toB.deaf.Store(true)
	a.clock.Add(5 * time.Second)
	b.uses(s.access)
	a.revoke(s.client, s.refresh)
	a.dead(s.access)
	b.uses(s.access) // at the last contact it lived
	toB.fail(nil)
	soon(t, "the end of the outage", func() bool { return strings.Contains(b.log.String(), "store back") })
	b.dead(s.access)
}

// TestChangeBeforeAnOutageEndsTheGrace: a node was told that a grant changed,
// and could not read how.
func TestChangeBeforeAnOutageEndsTheGrace(t *testing.T) {
	t.Parallel()
	a, b, _, toB := nodes(t, grace)
	s := a.login(a.register("Changed"))
	b.uses(s.access)
	toB.fail(errDown)
	a.revoke(s.client, s.refresh)
	b.unavailable(s.access)
}

// TestGraceCountsFromTheLostFeed: a node that hears of no changes, but could read,
// does not know what was revoked since. Its grace does not begin with the outage.
func TestGraceCountsFromTheLostFeed(t *testing.T) {
	t.Parallel()
	a, b, _, toB := nodes(t, grace)
	s := a.login(a.register("Unheard"))
	b.uses(s.access)
	toB.loseFeed()
	soon(t, "the loss of the feed", func() bool { return strings.Contains(b.log.String(), "store changes lost") })
	a.revoke(s.client, s.refresh)
	a.clock.Add(4 * time.Minute)
	toB.fail(errDown)
	b.uses(s.access) // it lived when the feed was lost
	a.clock.Add(time.Minute)
	b.unavailable(s.access)
}

// TestNoGrace is the zero value.
func TestNoGrace(t *testing.T) {
	t.Parallel()
	a, _, toA, _ := nodes(t)
	s := a.login(a.register("Strict"))
	a.uses(s.access)
	toA.fail(errDown)
	a.clock.Add(5 * time.Second)
	a.unavailable(s.access)
}

// TestSealedRecordIsNoOutage: a store that answers, with what does not open,
// earns no grace.
func TestSealedRecordIsNoOutage(t *testing.T) {
	t.Parallel()
	a, _, toA, _ := nodes(t, grace)
	s := a.login(a.register("Sealed"))
	a.uses(s.access)
	toA.fail(authserver.ErrSealed)
	a.clock.Add(5 * time.Second)
	a.unavailable(s.access)
	toA.fail(nil)
	a.uses(s.access) // at once: there was no outage
}

// TestFlappingStoreDoesNotProlongGrace: it answers the probe, and nothing else.
func TestFlappingStoreDoesNotProlongGrace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n *nodeStore
		b := newBare(t, grace, func(cfg *authserver.Config) { n = shared(cfg) })
		if _, err := b.server.Verify(t.Context(), b.access); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		for time.Since(began) < 4*time.Minute {
			n.fail(errDown)
			pass(6 * time.Second)
			if _, err := b.server.Verify(t.Context(), b.access); err != nil {
				t.Fatalf("after %s: %v", time.Since(began), err)
			}
			n.fail(nil)
			pass(2 * time.Second) // the probe
		}
		n.fail(errDown)
		pass(70 * time.Second)
		if _, err := b.server.Verify(t.Context(), b.access); err == nil {
			t.Error("a minute too long")
		}
		_ = b.server.Close()
	})
}

// TestHangingStoreHoldsNobody: a store that does not even refuse costs the
// first request of each grant a moment, and the others nothing.
func TestHangingStoreHoldsNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n *nodeStore
		b := newBare(t, grace, func(cfg *authserver.Config) { n = shared(cfg) })
		verify := func() time.Duration {
			began := time.Now()
			if _, err := b.server.Verify(t.Context(), b.access); err != nil {
				t.Errorf("verify: %v", err)
			}
			return time.Since(began)
		}
		verify()
		n.hangs.Store(true)
		pass(6 * time.Second)
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				if d := verify(); d > 3*time.Second {
					t.Errorf("waited %s", d)
				}
			})
		}
		wg.Wait()
		for range 50 {
			if d := verify(); d != 0 {
				t.Fatalf("waited %s with the outage known", d)
			}
		}
		began := time.Now()
		rec := b.post(map[string][]string{"grant_type": {"refresh_token"}, "client_id": {bareClient}, "refresh_token": {b.refresh}})
		if rec.Code != http.StatusServiceUnavailable || rec.Header().Get("Retry-After") == "" || time.Since(began) != 0 {
			t.Errorf("refresh: %d after %s", rec.Code, time.Since(began))
		}
		n.hangs.Store(false)
		pass(10 * time.Second)
		reads := n.grantReads.Load()
		verify()
		if n.grantReads.Load() == reads {
			t.Error("not read again after the outage")
		}
		_ = b.server.Close()
	})
}

const newClient = `{"client_name":"new","redirect_uris":["` + clientURI + `"]}`

// ask sends a request from an address that is counted, and takes the time.
func ask(t *testing.T, b *bare, method, target, contentType, body string) (status int, took time.Duration) {
	t.Helper()
	ctx := authserver.WithClientAddress(t.Context(), netip.MustParseAddr("2001:db8::1"))
	req := httptest.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	req.Header.Set("Content-Type", contentType)
	rec, began := httptest.NewRecorder(), time.Now()
	b.mux.ServeHTTP(rec, req)
	if rec.Code == http.StatusServiceUnavailable && rec.Header().Get("Retry-After") == "" {
		t.Errorf("%s: no Retry-After", target)
	}
	return rec.Code, time.Since(began)
}

// TestKnownOutageHoldsNoStep: whichever request met it first, once the outage is
// known every step says so without asking the store, counted or not.
func TestKnownOutageHoldsNoStep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n *nodeStore
		b := newBare(t, func(cfg *authserver.Config) { n = shared(cfg) })
		register := func() (int, time.Duration) { return ask(t, b, "POST", "/register", "application/json", newClient) }
		n.hangs.Store(true)
		if status, took := register(); status != http.StatusServiceUnavailable || took > 8*time.Second {
			t.Errorf("the first: %d after %s", status, took)
		}
		const form = "application/x-www-form-urlencoded"
		for range 3 {
			for what, step := range map[string]func() (int, time.Duration){
				"register":  register,
				"authorize": func() (int, time.Duration) { return ask(t, b, "GET", "/authorize?client_id="+bareClient, "", "") },
				"revoke": func() (int, time.Duration) {
					return ask(t, b, "POST", "/revoke", form, "client_id="+bareClient+"&token="+b.refresh)
				},
				"token": func() (int, time.Duration) {
					return ask(t, b, "POST", "/token", form, "grant_type=refresh_token&client_id="+bareClient+"&refresh_token="+b.refresh)
				},
				"ready": func() (int, time.Duration) {
					began := time.Now()
					ctx, cancel := context.WithTimeout(t.Context(), time.Second)
					defer cancel()
					if b.server.Ping(ctx) == nil {
						return http.StatusOK, time.Since(began)
					}
					return http.StatusServiceUnavailable, time.Since(began)
				},
			} {
				if status, took := step(); status != http.StatusServiceUnavailable || took != 0 {
					t.Errorf("%s: %d after %s", what, status, took)
				}
			}
			pass(time.Minute)
		}
		n.hangs.Store(false)
		pass(4 * time.Second)
		if status, _ := register(); status != http.StatusCreated {
			t.Errorf("after the outage: %d", status)
		}
		if err := b.server.Ping(t.Context()); err != nil {
			t.Errorf("after the outage: %v", err)
		}
		_ = b.server.Close()
	})
}

// TestReadOnlyStoreIsNoOutage: a primary that became a replica answers: tokens
// are checked as ever, and nothing has to be waited for. But the node is not
// ready: nobody signs in or refreshes there.
func TestReadOnlyStoreIsNoOutage(t *testing.T) {
	t.Parallel()
	a, _, toA, _ := nodes(t, grace)
	s := a.login(a.register("Demoted"))
	a.uses(s.access)
	if err := a.server.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	toA.readOnly.Store(true)
	for range 20 {
		s.renew().is(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	}
	if err := a.server.Ping(t.Context()); !errors.Is(err, errReadOnly) {
		t.Errorf("ping: %v", err)
	}
	a.clock.Add(6 * time.Second)
	a.uses(s.access)
	toA.readOnly.Store(false)
	s.take(s.renew()) // at once
	if err := a.server.Ping(t.Context()); err != nil {
		t.Errorf("ping: %v", err)
	}
	if log := a.log.String(); strings.Contains(log, "store away") || strings.Contains(log, "outage_accepted") {
		t.Error("it passed for an outage")
	}
}

// partStore is a cluster of which a part is away: that with one kind.
type partStore struct {
	authserver.Store
	away atomic.Pointer[authserver.Kind]
}

// Get implements authserver.Store.
func (p *partStore) Get(ctx context.Context, kind authserver.Kind, id string) (authserver.Record, error) {
	if away := p.away.Load(); away != nil && kind == *away {
		return authserver.Record{}, errDown
	}
	return p.Store.Get(ctx, kind, id)
}

// TestPingAsksForEveryKind that a sign-in or a refresh needs.
func TestPingAsksForEveryKind(t *testing.T) {
	t.Parallel()
	for _, kind := range []authserver.Kind{
		"", authserver.KindMeta, authserver.KindClient, authserver.KindAuthorization,
		authserver.KindCode, authserver.KindGrant, authserver.KindUpstream,
	} {
		part := &partStore{}
		b := newBare(t, func(cfg *authserver.Config) {
			part.Store = shared(cfg)
			cfg.Store = part
		})
		part.away.Store(&kind)
		if err := b.server.Ping(t.Context()); (err != nil) != (kind != "") {
			t.Errorf("without %q: %v", kind, err)
		}
	}
}

// TestClosingEndsTheOutage: what a server that closes in an outage still has to
// store is not refused for the sake of a probe that has ended.
func TestClosingEndsTheOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var n *nodeStore
		b := newBare(t, func(cfg *authserver.Config) { n = shared(cfg) })
		n.fail(errDown)
		if _, err := b.server.Verify(t.Context(), b.access); err == nil {
			t.Fatal("no outage")
		}
		n.fail(nil)
		_ = b.server.Close()
		if status, _ := ask(t, b, "POST", "/register", "application/json", newClient); status != http.StatusCreated {
			t.Errorf("register: %d", status)
		}
	})
}
