package store_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
	"github.com/mcpdiscord/mcpdiscord/internal/store/storetest"
)

// redisConfig is of a store in the Redis at addr.
func redisConfig(addr string) store.Config {
	return store.Config{URL: "redis://" + addr, SigningKeys: [][]byte{otherKey}, EncryptionKeys: [][]byte{testKey}}
}

func plainRedis(t *testing.T, addr string, now func() time.Time) authserver.Store {
	t.Helper()
	s, err := store.Redis(t.Context(), "redis://"+addr, now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestMiniredis(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, now func() time.Time) authserver.Store {
		return plainRedis(t, miniredis.RunT(t).Addr(), now)
	})
}

func TestMiniredisSealed(t *testing.T) {
	t.Parallel()
	storetest.Run(t, func(t *testing.T, now func() time.Time) authserver.Store {
		cfg := redisConfig(miniredis.RunT(t).Addr())
		cfg.Now = now
		return openWith(t, cfg)
	})
}

// count is the updater that counts up, and how often it ran.
func count(runs *int) func(*authserver.Record) (*authserver.Record, error) {
	return func(old *authserver.Record) (*authserver.Record, error) {
		n := 0
		if old != nil {
			n, _ = strconv.Atoi(string(old.Value))
		}
		if runs != nil {
			*runs++
		}
		return &authserver.Record{Value: []byte(strconv.Itoa(n + 1))}, nil
	}
}

// What was done is done once, and said to be done, although its answer is lost.
func TestRedisLostAnswer(t *testing.T) {
	t.Parallel()
	p := newProxy(t, miniredis.RunT(t).Addr())
	s := plainRedis(t, p.addr(), nil)
	ctx, kind := t.Context(), authserver.KindCode
	create(t, s, kind, "warm", "1") // Redis knows the script
	steps := []struct {
		name string
		do   func() error
		want string // "" for absent
	}{
		{"create", func() error { return s.Create(ctx, kind, "a", authserver.Record{Value: []byte("1")}) }, "1"},
		{"update", func() error { return s.Update(ctx, kind, "a", count(nil)) }, "2"},
		{"take", func() error {
			rec, err := s.Take(ctx, kind, "a")
			if err == nil && string(rec.Value) != "2" {
				return fmt.Errorf("took %q", rec.Value)
			}
			return err
		}, ""},
		{"update what is absent", func() error { return s.Update(ctx, kind, "a", count(nil)) }, "1"},
		{"delete", func() error { return s.Delete(ctx, kind, "a") }, ""},
	}
	for _, step := range steps {
		p.lose.Store(1)
		if err := step.do(); err != nil {
			t.Fatalf("%s: %v", step.name, err)
		}
		if p.lose.Load() >= 0 {
			t.Fatalf("%s: no answer was lost", step.name)
		}
		rec, err := s.Get(ctx, kind, "a")
		if string(rec.Value) != step.want || (step.want == "") != errors.Is(err, authserver.ErrNotFound) {
			t.Fatalf("after %s: %q, %v", step.name, rec.Value, err)
		}
	}
}

// Where nobody can know whether a write took place, it is an error, the updater
// is not run on what may be its own work, and watchers are told.
func TestRedisOutcomeUnknown(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	p := newProxy(t, m.Addr())
	s, other := plainRedis(t, p.addr(), nil), plainRedis(t, m.Addr(), nil)
	create(t, s, authserver.KindGrant, "a", "1")
	changes := watchChanges(t, s)
	p.onLose = func() {
		if err := other.Update(context.Background(), authserver.KindGrant, "a", count(nil)); err != nil {
			t.Error(err)
		}
	}
	p.lose.Store(1)
	runs := 0
	err := s.Update(t.Context(), authserver.KindGrant, "a", count(&runs))
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || runs != 1 {
		t.Errorf("Update = %v after %d runs", err, runs)
	}
	if got := get(t, s, authserver.KindGrant, "a"); string(got) != "3" {
		t.Errorf("a is %q, want 3", got)
	}
	for range 2 { // ours, and the other's
		if got := next(t, changes); got != "grant a" {
			t.Errorf("change is %q", got)
		}
	}
}

// watchChanges returns the changes that s tells of; it ends with the test.
func watchChanges(t *testing.T, s authserver.Store) <-chan string {
	t.Helper()
	changes, ended := make(chan string, 1000), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	ready := make(chan struct{})
	go func() {
		ended <- s.Watch(ctx, func() { close(ready) }, func(kind authserver.Kind, id string) { changes <- string(kind) + " " + id })
	}()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatalf("Watch = %v", err)
	}
	t.Cleanup(func() { cancel(); <-ended })
	return changes
}

// next waits for a change.
func next(t *testing.T, changes <-chan string) string {
	t.Helper()
	select {
	case change := <-changes:
		return change
	case <-time.After(10 * time.Second):
		t.Fatal("a change did not come")
		return ""
	}
}

// A node hears of each change of another, once it is there to be read.
func TestRedisFeedOfOtherNodes(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	a, b := plainRedis(t, m.Addr(), nil), plainRedis(t, m.Addr(), nil)
	stranger, err := store.Redis(t.Context(), "redis://"+m.Addr()+"?prefix=other", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	changes, own := watchChanges(t, a), watchChanges(t, b)
	for i := range 50 {
		create(t, stranger, authserver.KindGrant, "of another deployment", "1")
		id := strconv.Itoa(i)
		create(t, b, authserver.KindGrant, id, id)
		if got := next(t, own); got != "grant "+id {
			t.Fatalf("the writer heard of %q before Create returned", got)
		}
		if got := next(t, changes); got != "grant "+id {
			t.Fatalf("change is %q", got)
		}
		if got := get(t, a, authserver.KindGrant, id); string(got) != id {
			t.Fatalf("%s is %q when its change is told", id, got)
		}
		if err := stranger.Delete(t.Context(), authserver.KindGrant, "of another deployment"); err != nil {
			t.Fatal(err)
		}
	}
	if len(own) > 0 || len(changes) > 0 {
		t.Errorf("%d and %d changes too many", len(own), len(changes))
	}
}

// A connection that hangs ends the watch within 5 seconds; calls fail as fast,
// and go on when it goes on.
func TestRedisHangs(t *testing.T) {
	t.Parallel()
	p := newProxy(t, miniredis.RunT(t).Addr())
	s := plainRedis(t, p.addr(), nil)
	create(t, s, authserver.KindGrant, "a", "1")
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Watch(t.Context(), func() { close(ready) }, func(authserver.Kind, string) {}) }()
	<-ready
	p.hang()
	var wg sync.WaitGroup
	for i := range 64 { // more than there are connections, and eight for each record
		wg.Go(func() {
			within(t, "Update", func() error {
				return s.Update(context.Background(), authserver.KindGrant, strconv.Itoa(i/8), count(nil))
			})
		})
	}
	for range 3 {
		wg.Go(func() {
			within(t, "Get", func() error { _, err := s.Get(context.Background(), authserver.KindGrant, "a"); return err })
		})
	}
	within(t, "Watch", func() error { return <-ended })
	wg.Wait()
	p.resume()
	if got := get(t, s, authserver.KindGrant, "a"); string(got) != "1" {
		t.Errorf("a is %q", got)
	}
	watchChanges(t, s)
}

// within wants an error that is no answer, within 5 seconds.
func within(t *testing.T, what string, do func() error) {
	t.Helper()
	began := time.Now()
	err := do()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("%s took %v", what, took)
	}
	for _, answer := range []error{nil, authserver.ErrNotFound, authserver.ErrExists, context.Canceled, context.DeadlineExceeded} {
		if errors.Is(err, answer) {
			t.Errorf("%s = %v", what, err)
		}
	}
}

// Three nodes with 64 writers each on one record: every update counts.
func TestRedisRaceOfNodes(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	raceOfNodes(t, plainRedis(t, m.Addr(), nil), plainRedis(t, m.Addr(), nil), plainRedis(t, m.Addr(), nil))
}

func raceOfNodes(t *testing.T, nodes ...authserver.Store) {
	t.Helper()
	const writers = 64
	var wg sync.WaitGroup
	for _, s := range nodes {
		for range writers {
			wg.Go(func() {
				if err := s.Update(context.Background(), authserver.KindUpstream, "a", count(nil)); err != nil {
					t.Errorf("Update: %v", err)
				}
			})
		}
	}
	wg.Wait()
	if got := get(t, nodes[0], authserver.KindUpstream, "a"); string(got) != strconv.Itoa(writers*len(nodes)) {
		t.Errorf("a is %q", got)
	}
}

// What expires leaves Redis, its indexes too.
func TestRedisForgets(t *testing.T) {
	t.Parallel()
	m := miniredis.RunT(t)
	clock := storetest.NewClock()
	s := plainRedis(t, m.Addr(), clock.Now)
	const n = 100
	for i := range n {
		id := strconv.Itoa(i)
		if err := s.Create(t.Context(), authserver.KindClient, id, authserver.Record{Expires: clock.Now().Add(time.Minute)}); err != nil {
			t.Fatal(err)
		}
		create(t, s, authserver.KindCode, id, "1")
		if _, err := s.Take(t.Context(), authserver.KindCode, id); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Incr(t.Context(), id, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	if got := len(m.Keys()); got != 3*n+2 {
		t.Errorf("%d keys", got)
	}
	clock.Advance(3 * time.Minute)
	m.FastForward(3 * time.Minute)
	for i := range n/16 + 1 {
		create(t, s, authserver.KindClient, "new"+strconv.Itoa(i), "1")
	}
	members, err := m.ZMembers("mcpdiscord:{client}:ids")
	if err != nil || len(members) != n/16+1 {
		t.Errorf("the index has %d members, %v", len(members), err)
	}
	if got := len(m.Keys()); got != n/16+1+1 || m.Exists("mcpdiscord:{client}:expiry") {
		t.Errorf("%d keys are left: %v", got, m.Keys())
	}
}

// TestRedisRoundTrips holds what each call costs.
func TestRedisRoundTrips(t *testing.T) {
	t.Parallel()
	p := newProxy(t, miniredis.RunT(t).Addr())
	s := openWith(t, redisConfig(p.addr()))
	ctx, kind := t.Context(), authserver.KindGrant
	create(t, s, kind, "warm", "1")
	_, _ = s.Incr(ctx, "warm", time.Minute)
	_, _, _ = s.List(ctx, kind, "")
	got := map[string]int64{}
	for _, op := range []struct {
		name string
		do   func() error
	}{
		{"create", func() error { return s.Create(ctx, kind, "a", authserver.Record{Value: grant.Value}) }},
		{"get", func() error { _, err := s.Get(ctx, kind, "a"); return err }},
		{"update", func() error { return s.Update(ctx, kind, "a", replace) }},
		{"take", func() error { _, err := s.Take(ctx, kind, "a"); return err }},
		{"delete what is absent", func() error { return s.Delete(ctx, kind, "a") }},
		{"list a page", func() error { _, _, err := s.List(ctx, kind, ""); return err }},
		{"incr", func() error { _, err := s.Incr(ctx, "warm", time.Minute); return err }},
	} {
		before := p.requests.Load()
		if err := op.do(); err != nil {
			t.Fatalf("%s: %v", op.name, err)
		}
		got[op.name] = p.requests.Load() - before
	}
	want := map[string]int64{"create": 1, "get": 1, "update": 2, "take": 2, "delete what is absent": 1, "list a page": 1, "incr": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("round trips (-want +got):\n%s", diff)
	}
}

func TestRedisRefuses(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	m := miniredis.RunT(t)
	locked := miniredis.RunT(t)
	locked.RequireAuth("another password")
	used := miniredis.RunT(t)
	openWith(t, redisConfig(used.Addr()))
	dirty := miniredis.RunT(t)
	create(t, plainRedis(t, dirty.Addr(), nil), authserver.KindClient, "a", "1")
	for _, tc := range []struct {
		name, url, message string
		change             func(*store.Config)
	}{
		{"no signing key", "redis://:" + secret + "@" + m.Addr(), "JWT_SIGNING_KEY and STORAGE_ENCRYPTION_KEY are needed", func(c *store.Config) { c.SigningKeys = nil }},
		{"no encryption key", "redis://:" + secret + "@" + m.Addr(), "JWT_SIGNING_KEY and STORAGE_ENCRYPTION_KEY are needed", func(c *store.Config) { c.EncryptionKeys = nil }},
		{"another encryption key", "redis://" + used.Addr(), "STORAGE_ENCRYPTION_KEY does not fit", func(c *store.Config) { c.EncryptionKeys = [][]byte{otherKey} }},
		{"plain records", "redis://" + dirty.Addr(), "has records that no start of mcpdiscord has made", nil},
		{"wrong password", "redis://:" + secret + "@" + locked.Addr(), "does not accept the password", nil},
		{"no password", "redis://" + locked.Addr(), "does not accept the password", nil},
		{"nobody listens", "redis://:" + secret + "@127.0.0.1:1", "does not answer", nil},
		{"no TLS there", "rediss://:" + secret + "@" + m.Addr(), "does not answer", nil},
		{"no host", "redis://", "names no host", nil},
		{"no slashes", "redis:host", "names no host", nil},
		{"two hosts", "redis://a:1,b:2", "or more than one", nil},
		{"port", "redis://:" + secret + "@a:b", "names no host", nil},
		{"database", "redis://:" + secret + "@a/b", "no number of a database", nil},
		{"database of a cluster", "redis+cluster://a,b/1", "no number of a database", nil},
		{"percent", "redis://:" + secret + "%@a", "a lone %", nil},
		{"unknown option", "redis://:" + secret + "@a?pool=1", "takes prefix=NAME", nil},
		{"prefix", "redis://:" + secret + "@a?prefix={a}", "takes prefix=NAME", nil},
		{"cacert without TLS", "redis://a?cacert=x", "takes prefix=NAME", nil},
		{"no such cacert", "rediss://a?cacert=/nowhere/ca.pem", "cacert cannot be read", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg := redisConfig("")
			cfg.URL = tc.url
			if tc.change != nil {
				tc.change(&cfg)
			}
			wantRefused(t, cfg, tc.message)
			_, err := store.Open(t.Context(), cfg)
			for ; err != nil; err = errors.Unwrap(err) {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("an error repeats the password: %v", err)
				}
			}
		})
	}
}

func TestHasPassword(t *testing.T) {
	t.Parallel()
	for url, want := range map[string]bool{
		"redis://host": false, "bolt:/data/a@b": false, "memory:": false,
		"redis://:x@host": true, "rediss://u:x@host/1": true, "redis+cluster://u:x@a,b": true, "redis:x@y": true,
	} {
		if got := store.HasPassword(url); got != want {
			t.Errorf("HasPassword(%q) = %v", url, got)
		}
	}
}
