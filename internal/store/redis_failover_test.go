//go:build redis && unix

package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// recovery is how long after a failover the store may go on saying that it is
// away. The cluster of these tests takes 2 to 5 s of it to choose a master.
const recovery = 10 * time.Second

// A replica takes over and the old primary becomes its replica, as Sentinel and
// hosted Redis do it behind one address: writes are refused at once, and go on
// without a restart, although the old one keeps our connections.
func TestRealRedisFailover(t *testing.T) {
	t.Parallel()
	primary, replica := startRedis(t), startRedis(t)
	replicate(t, replica, primary.port)
	address := newProxy(t, primary.addr())
	s := openWith(t, redisConfig(address.addr()))
	ctx := t.Context()
	create(t, s, authserver.KindGrant, "a", "1")
	changes := watchChanges(t, s)
	inSync(t, primary)
	if err := replica.rdb.Do(ctx, "REPLICAOF", "NO", "ONE").Err(); err != nil {
		t.Fatal(err)
	}
	replicate(t, primary, replica.port)

	began := time.Now()
	for what, err := range map[string]error{
		"Update": s.Update(ctx, authserver.KindGrant, "a", count(nil)),
		"Create": s.Create(ctx, authserver.KindGrant, "b", authserver.Record{}),
		"Incr":   func() error { _, err := s.Incr(ctx, "a", time.Minute); return err }(),
	} {
		if err == nil || !strings.Contains(err.Error(), "READONLY") {
			t.Errorf("%s at a replica = %v", what, err)
		}
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("to be refused took %s", took)
	}
	if got := get(t, s, authserver.KindGrant, "a"); string(got) != "1" {
		t.Errorf("a is %q", got)
	}

	address.mu.Lock()
	address.target = replica.addr()
	address.mu.Unlock()
	began = time.Now()
	poll(t, "the new primary writes", func() bool { return s.Update(ctx, authserver.KindGrant, "a", count(nil)) == nil })
	if took := time.Since(began); took > recovery {
		t.Errorf("recovery took %s", took)
	}
	if got := next(t, changes); got != "grant a" {
		t.Errorf("change is %q", got)
	}
	if n, err := replica.rdb.Exists(ctx, "mcpdiscord:{grant}:r:a").Result(); err != nil || n != 1 {
		t.Errorf("the new primary has %d of it, %v", n, err)
	}
}

// The master of the grants dies, and its replica takes over. Whoever reads or
// writes finds it, and so does the feed of a node on which nobody does.
func TestRealRedisClusterFailover(t *testing.T) {
	t.Parallel()
	nodes := startCluster(t)
	ctx := t.Context()
	owner := func(key string) int {
		slot, err := nodes[0].rdb.ClusterKeySlot(ctx, key).Result()
		if err != nil {
			t.Fatal(err)
		}
		return int(slot) * len(nodes) / clusterSlots
	}
	dies := owner("{grant}")
	prefix := ""
	for i := 0; prefix == ""; i++ { // with which the feed goes by the same master
		if name := fmt.Sprintf("f%d", i); owner(name+":0:changes") == dies {
			prefix = name
		}
	}
	addReplica(t, nodes, nodes[dies])
	cfg := redisConfig("")
	cfg.URL = "redis+cluster://" + nodes[0].addr() + "," + nodes[1].addr() + "," + nodes[2].addr() + "?prefix=" + prefix
	s, silent := openWith(t, cfg), openWith(t, cfg)
	create(t, s, authserver.KindGrant, "a", "1")
	if !watches(ctx, silent) {
		t.Fatal("no feed")
	}
	inSync(t, nodes[dies])

	nodes[dies].kill()
	began := time.Now()
	within(t, "Get", func() error { _, err := s.Get(ctx, authserver.KindGrant, "a"); return err })
	poll(t, "the new master writes", func() bool { return s.Update(ctx, authserver.KindGrant, "a", count(nil)) == nil })
	poll(t, "the feed runs", func() bool { return watches(ctx, silent) })
	if took := time.Since(began); took > recovery {
		t.Errorf("recovery took %s", took)
	}
	if got := get(t, s, authserver.KindGrant, "a"); string(got) != "2" {
		t.Errorf("a is %q", got)
	}
}

// watches reports whether the feed can be taken up.
func watches(ctx context.Context, s authserver.Store) (ready bool) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_ = s.Watch(ctx, func() { ready = true; cancel() }, func(authserver.Kind, string) {})
	return ready
}

// replicate makes a server the replica of one on a port.
func replicate(t *testing.T, s *redisServer, port string) {
	t.Helper()
	if err := s.rdb.Do(t.Context(), "REPLICAOF", "127.0.0.1", port).Err(); err != nil {
		t.Fatal(err)
	}
	s.isReplica(t)
}

// addReplica gives a master of a cluster a replica.
func addReplica(t *testing.T, nodes []*redisServer, master *redisServer) {
	t.Helper()
	ctx := t.Context()
	replica := startRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
	if err := replica.rdb.ClusterMeet(ctx, "127.0.0.1", master.port).Err(); err != nil {
		t.Fatal(err)
	}
	id := master.rdb.ClusterMyID(ctx).Val()
	poll(t, "the replica knows its master", func() bool { return replica.rdb.ClusterReplicate(ctx, id).Err() == nil })
	replica.isReplica(t)
	for _, node := range nodes {
		poll(t, "the others know the replica", func() bool { return strings.Contains(node.rdb.ClusterNodes(ctx).Val(), "slave "+id) })
	}
}

func (s *redisServer) isReplica(t *testing.T) {
	t.Helper()
	poll(t, "the replica follows", func() bool {
		return strings.Contains(s.rdb.Info(t.Context(), "replication").Val(), "master_link_status:up")
	})
}

// inSync waits until the replica of a primary has what was written.
func inSync(t *testing.T, primary *redisServer) {
	t.Helper()
	conn := primary.rdb.Conn() // WAIT is about the writes of its own connection
	defer conn.Close()
	err := conn.Set(t.Context(), "{grant}", "", time.Minute).Err()
	if n, waited := conn.Wait(t.Context(), 1, 10*time.Second).Result(); err != nil || waited != nil || n != 1 {
		t.Fatalf("%d replicas have it: %v, %v", n, err, waited)
	}
}
