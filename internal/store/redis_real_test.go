//go:build redis && unix

package store_test

import (
	"context"
	"errors"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
	"github.com/mcpdiscord/mcpdiscord/internal/store/storetest"
)

func TestRealRedis(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	storetest.Run(t, func(t *testing.T, now func() time.Time) authserver.Store {
		return plainRedis(t, server.addr()+deployment(), now)
	})
}

func TestRealRedisSealed(t *testing.T) {
	t.Parallel()
	server := startRedis(t, "--requirepass", "hunter2")
	storetest.Run(t, func(t *testing.T, now func() time.Time) authserver.Store {
		cfg := redisConfig(":hunter2@" + server.addr() + deployment())
		cfg.Now = now
		return openWith(t, cfg)
	})
}

func TestRealRedisCluster(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t)
	addrs := nodes[0].addr() + "," + nodes[1].addr()
	storetest.Run(t, func(t *testing.T, now func() time.Time) authserver.Store {
		cfg := redisConfig("")
		cfg.URL, cfg.Now = "redis+cluster://"+addrs+deployment(), now
		return openWith(t, cfg)
	})
	t.Run("race of nodes", func(t *testing.T) {
		cfg := redisConfig("")
		cfg.URL = "redis+cluster://" + addrs + deployment()
		raceOfNodes(t, openWith(t, cfg), openWith(t, cfg), openWith(t, cfg))
	})
	t.Run("one of it alone", func(t *testing.T) {
		wantRefused(t, redisConfig(nodes[1].addr()), "is one of a cluster")
	})
	t.Run("no cluster", func(t *testing.T) {
		cfg := redisConfig("")
		cfg.URL = "redis+cluster://" + startRedis(t).addr()
		wantRefused(t, cfg, "is no cluster")
	})
}

func TestRealRedisRaceOfNodes(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	var nodes []authserver.Store
	for range 4 {
		nodes = append(nodes, plainRedis(t, server.addr(), nil))
	}
	raceOfNodes(t, nodes...)
}

// A Redis that would drop records is refused, also where it tells only INFO; one
// that loses them when it stops is warned of.
func TestRealRedisSettings(t *testing.T) {
	t.Parallel()
	user := func(rules string) []string { return strings.Fields("--user default on nopass ~* &* +@all " + rules) }
	for _, tc := range []struct {
		name    string
		args    []string
		refused string
		warning string
	}{
		{"evicts", []string{"--maxmemory-policy", "allkeys-lru"}, "its maxmemory-policy is allkeys-lru", ""},
		{"evicts what expires", []string{"--maxmemory-policy", "volatile-ttl"}, "its maxmemory-policy is volatile-ttl", ""},
		{"evicts, without CONFIG", append(user("-config"), "--maxmemory-policy", "allkeys-lru"), "its maxmemory-policy is allkeys-lru", ""},
		{"no AOF", []string{"--appendonly", "no"}, "", "store_not_durable"},
		{"without CONFIG and INFO", user("-config -info"), "", "store_eviction_unknown"},
		{"no scripts", user("-@scripting"), "cannot be used", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cfg := redisConfig(startRedis(t, tc.args...).addr())
			log, lines := newLog()
			cfg.Logger = log
			if tc.refused != "" {
				wantRefused(t, cfg, tc.refused)
				return
			}
			openWith(t, cfg)
			wantLine(t, lines, tc.warning)
		})
	}
}

// The rights that the documents name are enough: those of docs/configuration.md,
// and each line of docs/deploy.md for users.acl.
func TestRealRedisNarrowUser(t *testing.T) {
	t.Parallel()
	least := documented(t, "configuration.md", `Its user needs \x60([^\x60]+)\x60,\s+better also \x60([^\x60]+)\x60;`)
	lines := documented(t, "deploy.md", `(?m)^ +user mcpdiscord on #.* (~mcpdiscord\*.*)$`)
	if len(least) != 1 || len(lines) != 2 {
		t.Fatalf("the documents name the rights %q and %q", least, lines)
	}
	for _, rights := range append(lines, least...) {
		t.Run(rights, func(t *testing.T) {
			t.Parallel()
			server := startRedis(t, strings.Fields("--user narrow on >hunter2 "+rights)...)
			cfg := redisConfig("narrow:hunter2@" + server.addr())
			log, said := newLog()
			cfg.Logger = log
			s := openWith(t, cfg)
			changes := watchChanges(t, s)
			create(t, s, authserver.KindGrant, "a", "1")
			if got := next(t, changes); got != "grant a" {
				t.Errorf("change is %q", got)
			}
			if _, _, err := s.List(t.Context(), authserver.KindGrant, ""); err != nil {
				t.Error(err)
			}
			if _, err := s.Incr(t.Context(), "a", time.Minute); err != nil {
				t.Error(err)
			}
			if _, err := s.Take(t.Context(), authserver.KindGrant, "a"); err != nil {
				t.Error(err)
			}
			if len(said) > 0 {
				t.Errorf("log: %s", <-said)
			}
		})
	}
}

// documented are the places of a document where a pattern matches: what its
// groups match, with spaces between.
func documented(t *testing.T, name, pattern string) (found []string) {
	t.Helper()
	doc, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(doc), -1) {
		found = append(found, strings.Join(match[1:], " "))
	}
	return found
}

// A Redis that stands still is an error within 5 seconds to every call; then it
// goes on. What it did late is told to the watchers, although we had given up.
func TestRealRedisPaused(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	s := openWith(t, redisConfig(server.addr()))
	create(t, s, authserver.KindGrant, "a", "1")
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Watch(t.Context(), func() { close(ready) }, func(authserver.Kind, string) {}) }()
	<-ready
	server.signal(t, syscall.SIGSTOP)
	ctx := context.Background()
	done := make(chan struct{})
	go func() {
		defer close(done)
		within(t, "Update", func() error { return s.Update(ctx, authserver.KindGrant, "a", count(nil)) })
	}()
	within(t, "Create", func() error { return s.Create(ctx, authserver.KindGrant, "b", authserver.Record{}) })
	within(t, "Get", func() error { _, err := s.Get(ctx, authserver.KindGrant, "a"); return err })
	within(t, "Incr", func() error { _, err := s.Incr(ctx, "a", time.Minute); return err })
	within(t, "Watch", func() error { return <-ended })
	<-done
	server.signal(t, syscall.SIGCONT)
	changes := watchChanges(t, s)
	poll(t, "the store works again", func() bool {
		return s.Update(ctx, authserver.KindGrant, "c", count(nil)) == nil
	})
	for next(t, changes) != "grant c" {
	}
	// Create was sent twice and may have been done late: once.
	if _, err := s.Take(ctx, authserver.KindGrant, "b"); err != nil && !errors.Is(err, authserver.ErrNotFound) {
		t.Error(err)
	}
	if _, err := s.Take(ctx, authserver.KindGrant, "b"); !errors.Is(err, authserver.ErrNotFound) {
		t.Errorf("b came back: %v", err)
	}
}

// kill -9 of Redis: what was acknowledged is there again, and no restart of
// ours is needed.
func TestRealRedisRestarted(t *testing.T) {
	t.Parallel()
	server := startRedis(t, "--appendfsync", "always")
	s := openWith(t, redisConfig(server.addr()))
	ctx := t.Context()
	create(t, s, authserver.KindGrant, "a", "1")
	ready, ended := make(chan struct{}), make(chan error, 1)
	go func() { ended <- s.Watch(ctx, func() { close(ready) }, func(authserver.Kind, string) {}) }()
	<-ready
	server.kill()
	within(t, "Watch", func() error { return <-ended })
	within(t, "Get", func() error { _, err := s.Get(ctx, authserver.KindGrant, "a"); return err })
	within(t, "Update", func() error { return s.Update(ctx, authserver.KindGrant, "a", count(nil)) })
	within(t, "Watch", func() error { return s.Watch(ctx, func() {}, func(authserver.Kind, string) {}) })
	server.start(t)
	if err := s.Update(ctx, authserver.KindGrant, "a", count(nil)); err != nil {
		t.Errorf("Update: %v", err)
	}
	if got := get(t, s, authserver.KindGrant, "a"); string(got) != "2" {
		t.Errorf("a is %q", got)
	}
	watchChanges(t, s)
}

// A full Redis is an error, and loses nothing.
func TestRealRedisFull(t *testing.T) {
	t.Parallel()
	server := startRedis(t, "--maxmemory", "8mb")
	s := openWith(t, redisConfig(server.addr()))
	create(t, s, authserver.KindGrant, "a", "1")
	value := authserver.Record{Value: make([]byte, 1<<20)}
	var err error
	for i := 0; err == nil && i < 100; i++ {
		err = s.Create(t.Context(), authserver.KindCode, strings.Repeat("x", i+1), value)
	}
	if err == nil || !strings.Contains(err.Error(), "OOM") {
		t.Errorf("Create in a full Redis = %v", err)
	}
	if got := get(t, s, authserver.KindGrant, "a"); string(got) != "1" {
		t.Errorf("a is %q", got)
	}
}

// A new pair of nodes at once on an empty Redis: one claims it, both work.
func TestRealRedisFirstStarts(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	errs := make(chan error, 8)
	for range cap(errs) {
		go func() {
			s, err := store.Open(context.Background(), redisConfig(server.addr()))
			if err == nil {
				_, err = s.Incr(context.Background(), "a", time.Minute)
				err = errors.Join(err, s.Close())
			}
			errs <- err
		}()
	}
	for range cap(errs) {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}
