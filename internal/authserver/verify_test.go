package authserver_test

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// forge signs a header and claims with the key of access tokens.
func forge(t testing.TB, root []byte, header, claims map[string]any) string {
	t.Helper()
	key, err := hkdf.Key(sha256.New, root, nil, "mcpdiscord access token", 32)
	if err != nil {
		t.Fatal(err)
	}
	part := func(v any) string {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(raw)
	}
	signed := part(header) + "." + part(claims)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func with(m map[string]any, name string, value any) map[string]any {
	m = maps.Clone(m)
	if value == nil {
		delete(m, name)
	} else {
		m[name] = value
	}
	return m
}

// headerOf decodes the header of a token.
func headerOf(t testing.TB, token string) map[string]any {
	t.Helper()
	part, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(part)
	var v map[string]any
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAttack18BadAccessTokens(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := r.register("Bearer")
	code := r.browser().code(client)
	s := &session{rig: r, client: client}
	s.take(r.redeem(client, code))
	up := record[authserver.Upstream](r, authserver.KindUpstream, nelly)
	h, c := headerOf(t, s.access), claims(t, s.access)
	c["exp"], c["iat"] = int64(c["exp"].(float64)), int64(c["iat"].(float64))
	key := signingKey()
	if _, err := r.server.Verify(t.Context(), forge(t, key, h, c)); err != nil {
		t.Fatalf("the forge is no good: %v", err)
	}
	now := r.clock.Now().Unix()
	unsigned := strings.Join(strings.Split(forge(t, key, with(h, "alg", "none"), c), ".")[:2], ".") + "."
	tests := map[string]string{
		"empty":                "",
		"refresh token":        s.refresh,
		"code":                 code,
		"Discord token":        up.Pairs[0].AccessToken,
		"1 MB":                 strings.Repeat("a", 1<<20),
		"1 MB of dots":         strings.Repeat(".", 1<<20),
		"garbage":              "a.b.c",
		"alg none":             unsigned,
		"alg none, signed":     forge(t, key, with(h, "alg", "none"), c),
		"alg HS512":            forge(t, key, with(h, "alg", "HS512"), c),
		"no alg":               forge(t, key, with(h, "alg", nil), c),
		"other key":            forge(t, []byte(strings.Repeat("x", 32)), h, c),
		"other kid":            forge(t, key, with(h, "kid", "other"), c),
		"no kid":               forge(t, key, with(h, "kid", nil), c),
		"typ JWT":              forge(t, key, with(h, "typ", "JWT"), c),
		"no typ":               forge(t, key, with(h, "typ", nil), c),
		"crit":                 forge(t, key, with(h, "crit", []string{"x"}), c),
		"other issuer":         forge(t, key, h, with(c, "iss", "https://evil.example")),
		"no issuer":            forge(t, key, h, with(c, "iss", nil)),
		"other resource":       forge(t, key, h, with(c, "aud", "https://evil.example/mcp")),
		"no resource":          forge(t, key, h, with(c, "aud", nil)),
		"resource in an array": forge(t, key, h, with(c, "aud", []string{r.base + "/mcp"})),
		"resource among two":   forge(t, key, h, with(c, "aud", []string{r.base + "/mcp", "x"})),
		"expired":              forge(t, key, h, with(c, "exp", now)),
		"no exp":               forge(t, key, h, with(c, "exp", nil)),
		"exp of a string":      forge(t, key, h, with(c, "exp", "9999999999")),
		"negative exp":         forge(t, key, h, with(c, "exp", -1)),
		"no user":              forge(t, key, h, with(c, "sub", nil)),
		"other user":           forge(t, key, h, with(c, "sub", "1")),
		"other client":         forge(t, key, h, with(c, "client_id", "mcpd_client_x")),
		"no grant":             forge(t, key, h, with(c, "grant_id", nil)),
		"unknown grant":        forge(t, key, h, with(c, "grant_id", "AAAAAAAAAAAAAAAAAAAAAA")),
		"cut":                  s.access[:len(s.access)-2],
		"padded":               s.access + "=",
		"with a space":         s.access + " ",
	}
	for name, token := range tests {
		t.Run(name, func(t *testing.T) {
			if id, err := r.server.Verify(t.Context(), token); !errors.Is(err, authserver.ErrInvalidToken) {
				t.Errorf("%+v, %v", id, err)
			}
		})
	}
	r.uses(s.access)
	r.clock.Add(time.Hour)
	r.dead(s.access)
}

func TestAttack18LongTokenCostsNothing(t *testing.T) { // not parallel: it counts allocations
	r := newRig(t)
	long := strings.Repeat("a", 1<<20)
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() { _, _ = r.server.Verify(ctx, long) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTokenOfAnotherServer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	other := newRig(t, public)
	s := r.login(r.register("Here"))
	other.dead(s.access)
}

func TestVerifyReadsNothingWhenWarm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Warm"))
	r.uses(s.access) // confirms
	r.uses(s.access)
	if g := record[authserver.Grant](r, authserver.KindGrant, grantID(t, s.access)); !g.Confirmed {
		t.Fatal("the generation is not confirmed")
	}
	touched, calls := r.store.touched(), r.emu.Counters().Calls()
	for range 100 {
		id := r.uses(s.access)
		if user, err := r.server.CurrentUser(t.Context(), id); err != nil || user.Username != "nelly" {
			t.Fatalf("%+v, %v", user, err)
		}
	}
	if r.store.touched() != touched {
		t.Errorf("%d calls of the store", r.store.touched()-touched)
	}
	if r.emu.Counters().Calls() != calls {
		t.Error("Discord was called")
	}
}

func TestConfirmingOnce(t *testing.T) {
	t.Parallel()
	var f *failingStore
	r := newRig(t, func(cfg *authserver.Config) { f = failing(cfg) })
	s := r.login(r.register("Confirm"))
	id := grantID(t, s.access)
	confirmed := func() bool { return record[authserver.Grant](r, authserver.KindGrant, id).Confirmed }
	f.after(0)
	r.uses(s.access) // the write fails, the request does not
	r.uses(s.access)
	if confirmed() {
		t.Fatal("confirmed by a store that fails")
	}
	f.after(-1)
	r.uses(s.access)
	if !confirmed() {
		t.Fatal("not tried again")
	}
	writes := r.store.writes.Load()
	at(32, func(int) *answer { r.uses(s.access); return nil })
	if n := r.store.writes.Load() - writes; n != 0 {
		t.Errorf("%d more writes", n)
	}
	// Older tokens confirm nothing.
	old := s.access
	s.take(s.renew())
	r.uses(old)
	if confirmed() {
		t.Error("generation 1 has confirmed generation 2")
	}
}

func TestTwoNodesSeeRevocationAtOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	two := *r
	two.start()
	s := r.login(r.register("Nodes"))
	for range 3 {
		r.uses(s.access)
		two.uses(s.access)
	}
	if a := two.revoke(s.client, s.access); a.Status != http.StatusOK {
		t.Fatalf("revoke: %d", a.Status)
	}
	two.dead(s.access)
	r.dead(s.access)
}

func TestLostFeedEmptiesTheCache(t *testing.T) {
	t.Parallel()
	var f *failingStore
	r := newRig(t, func(cfg *authserver.Config) { f = failing(cfg) })
	s := r.login(r.register("Feed"))
	r.uses(s.access)
	r.uses(s.access)
	touched := r.store.touched()
	r.uses(s.access)
	if r.store.touched() != touched {
		t.Fatal("not warm")
	}
	f.lost <- struct{}{}
	soon(t, "a read once the feed is lost", func() bool {
		touched := r.store.touched()
		r.uses(s.access)
		return r.store.touched() > touched
	})
	soon(t, "no reads once it is back", func() bool {
		r.clock.Add(10 * time.Second)
		touched := r.store.touched()
		r.uses(s.access)
		return r.store.touched() == touched
	})
}

// lateStore loses its feed at once, takes it up again when told to, and can be
// stopped after a read.
type lateStore struct {
	authserver.Store
	watches atomic.Int64
	reads   atomic.Int64
	watch   chan struct{}
	held    chan chan struct{} // a read that is done, and how to let it return
	hold    atomic.Bool
	ready   chan struct{} // closed when the feed runs
}

// Watch implements authserver.Store.
func (l *lateStore) Watch(ctx context.Context, ready func(), changed func(authserver.Kind, string)) error {
	if l.watches.Add(1) == 1 {
		return errDown
	}
	select {
	case <-l.watch:
		return l.Store.Watch(ctx, func() { ready(); close(l.ready) }, changed)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Get implements authserver.Store.
func (l *lateStore) Get(ctx context.Context, kind authserver.Kind, id string) (authserver.Record, error) {
	l.reads.Add(1)
	rec, err := l.Store.Get(ctx, kind, id)
	if kind == authserver.KindGrant && l.hold.Load() {
		free := make(chan struct{})
		l.held <- free
		<-free
	}
	return rec, err
}

// TestReadBeforeTheFeedIsNotKept revokes a grant on another node after it was
// read, and before the feed of changes runs: nobody is told.
func TestReadBeforeTheFeedIsNotKept(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Late"))
	r.uses(s.access)
	late := &lateStore{Store: r.store.Store, watch: make(chan struct{}), held: make(chan chan struct{}), ready: make(chan struct{})}
	two := *r
	two.cfg.Store = late
	two.start()

	late.hold.Store(true)
	verified := make(chan error, 1)
	go func() {
		_, err := two.server.Verify(t.Context(), s.access)
		verified <- err
	}()
	free := <-late.held
	late.hold.Store(false)
	if a := r.revoke(s.client, s.access); a.Status != http.StatusOK {
		t.Fatalf("revoke: %d", a.Status)
	}
	close(late.watch)
	<-late.ready
	close(free)
	if err := <-verified; err != nil {
		t.Fatalf("what was good when it was read: %v", err)
	}
	two.dead(s.access)
}
