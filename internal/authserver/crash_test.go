package authserver_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

// inProcess is a transport to a handler.
type inProcess struct{ http.Handler }

// RoundTrip implements http.RoundTripper.
func (h inProcess) RoundTrip(req *http.Request) (*http.Response, error) {
	in := req.Clone(req.Context())
	in.RequestURI, in.RemoteAddr, in.Host = req.URL.RequestURI(), "192.0.2.1:4711", req.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, in)
	res := rec.Result()
	res.Request = req
	return res, nil
}

// stillNodes are two servers on one store, in fake time. The first one can be
// killed.
func stillNodes(t *testing.T) (a, b *rig, toA *mortal) {
	t.Helper()
	c := &clock{}
	emu, err := emulator.New(emulator.Config{RedirectURIs: []string{loopbackBase + "/auth/callback"}, Now: c.Now})
	if err != nil {
		t.Fatal(err)
	}
	a = &rig{t: t, emu: emu, clock: c, log: &logBuffer{}, web: newWeb(), store: &countingStore{Store: store.Memory(c.Now)}, still: true}
	toA = &mortal{Store: a.store}
	a.cfg = authserver.Config{
		BaseURL: loopbackBase, DiscordURL: "http://127.0.0.1:1", ApplicationID: emulator.DefaultClientID,
		Store: toA, SigningKeys: [][]byte{signingKey()}, Now: c.Now,
		Logger: slog.New(slog.NewTextHandler(a.log, nil)),
	}
	a.cfg.Discord = clientThrough(t, &a.cfg, inProcess{emu})
	two := *a
	b = &two
	a.start()
	b.cfg.Store = a.store
	b.start()
	return a, b, toA
}

// mortal is the way to the store of a process that is killed at one of its
// writes, before the commit or after it. From then on nothing that it does
// reaches the store, and nobody hears from it.
type mortal struct {
	authserver.Store
	mu     sync.Mutex
	left   int // writes until then; 0: never
	commit bool
	dead   bool
}

// Shared implements authserver.Store.
func (m *mortal) Shared() bool { return true }

func (m *mortal) write(do func() error) error {
	m.mu.Lock()
	dead, last := m.dead, m.left == 1
	m.left = max(m.left-1, 0)
	m.dead = dead || last
	m.mu.Unlock()
	if dead || last && !m.commit {
		return errDown
	}
	if err := do(); err != nil || !last {
		return err
	}
	return errDown
}

// die lets the process die at its nth write from now on.
func (m *mortal) die(n int, commit bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.left, m.commit = n, commit
}

func (m *mortal) died() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.dead
}

// Get implements authserver.Store.
func (m *mortal) Get(ctx context.Context, kind authserver.Kind, id string) (authserver.Record, error) {
	if m.died() {
		return authserver.Record{}, errDown
	}
	return m.Store.Get(ctx, kind, id)
}

// Create implements authserver.Store.
func (m *mortal) Create(ctx context.Context, kind authserver.Kind, id string, rec authserver.Record) error {
	return m.write(func() error { return m.Store.Create(ctx, kind, id, rec) })
}

// Update implements authserver.Store.
func (m *mortal) Update(ctx context.Context, kind authserver.Kind, id string, fn func(*authserver.Record) (*authserver.Record, error)) error {
	return m.write(func() error { return m.Store.Update(ctx, kind, id, fn) })
}

// killed runs a test for each write at which a process can die.
func killed(t *testing.T, writes int, test func(t *testing.T, a, b *rig, kill func())) {
	t.Helper()
	for n := 1; n <= writes; n++ {
		for _, commit := range []bool{false, true} {
			t.Run(fmt.Sprintf("write %d, committed %v", n, commit), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					a, b, toA := stillNodes(t)
					test(t, a, b, func() { toA.die(n, commit) })
					if !toA.died() {
						t.Error("not so many writes")
					}
					_ = a.server.Close()
					_ = b.server.Close()
				})
			})
		}
	}
}

// patiently asks again as long as it is told to, as a client does.
func patiently(t *testing.T, ask func() *answer) *answer {
	t.Helper()
	for range 10 {
		a := ask()
		if a.Status != http.StatusServiceUnavailable {
			return a
		}
		if a.Header.Get("Retry-After") == "" {
			t.Fatalf("503 without Retry-After: %s", a.Body)
		}
		pass(5 * time.Second)
	}
	t.Fatal("a loop of 503")
	return nil
}

// works fails unless a session does all that one does.
func (s *session) works(t *testing.T) {
	t.Helper()
	s.uses(s.access)
	s.take(patiently(t, func() *answer { return s.renew() }))
	s.uses(s.access)
}

// wholeGrants fails where a grant that lives is not its user's.
func (r *rig) wholeGrants(t *testing.T) {
	t.Helper()
	entries, _, err := r.store.List(t.Context(), authserver.KindGrant, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		g := record[authserver.Grant](r, authserver.KindGrant, e.ID)
		if !g.Revoked && (g.User.ID != nelly || len(g.Hash) == 0 || len(g.Scopes) == 0) {
			t.Errorf("half a grant: %+v", g)
		}
	}
}

// TestAttack17KilledRedeeming kills a process at each write of a code's
// redemption. The client tries again at another one: it is signed in, or has to
// sign in once more.
func TestAttack17KilledRedeeming(t *testing.T) {
	t.Parallel()
	killed(t, 3, func(t *testing.T, a, b *rig, kill func()) {
		client := a.register("Killed")
		code := a.browser().code(client)
		kill()
		_ = a.redeem(client, code)
		s := &session{rig: b, client: client}
		res := patiently(t, func() *answer { return b.redeem(client, code) })
		if res.Status != http.StatusOK {
			res.is(t, http.StatusBadRequest, "invalid_grant")
			res = b.redeem(client, b.browser().code(client))
		}
		s.take(res)
		s.works(t)
		b.wholeGrants(t)
	})
}

// TestAttack17KilledRefreshing kills a process at each write of a refresh that
// has Discord's pair renewed, too: before Discord is asked, after it answered,
// before and after the rotation. Nobody is logged out as long as Discord lets
// the earlier access token live; where it does not, its answer was lost with the
// process, and there is one new sign-in.
func TestAttack17KilledRefreshing(t *testing.T) {
	t.Parallel()
	for _, kills := range []bool{false, true} {
		t.Run(fmt.Sprintf("Discord kills earlier tokens %v", kills), func(t *testing.T) {
			t.Parallel()
			killed(t, 4, func(t *testing.T, a, b *rig, kill func()) {
				a.emu.SetKillEarlier(kills)
				s := a.login(a.register("Killed"))
				s.uses(s.access)
				a.clock.Add(6*24*time.Hour + time.Hour)
				kill()
				_ = s.renew()
				s.rig = b
				logins := 0
				for range 4 {
					res := patiently(t, func() *answer { return s.renew() })
					if kills && res.Status == http.StatusBadRequest {
						logins++
						res = b.redeem(s.client, b.browser().code(s.client))
					}
					s.take(res)
					s.uses(s.access)
				}
				if logins > 1 {
					t.Errorf("%d new sign-ins", logins)
				}
				b.wholeGrants(t)
			})
		})
	}
}

// TestAttack17KilledSigningIn kills a process at each write of a callback: the
// next sign-in works at once, or as soon as the dead one's lease is over. Its
// browser waits and sees no error.
func TestAttack17KilledSigningIn(t *testing.T) {
	t.Parallel()
	killed(t, 5, func(t *testing.T, a, b *rig, kill func()) {
		client := a.register("Killed")
		person := a.browser()
		callback := person.atDiscord(person.approve(client), nelly)
		kill()
		_ = person.get(callback.String())
		s := b.login(client)
		s.works(t)
		b.wholeGrants(t)
	})
}
