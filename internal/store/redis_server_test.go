//go:build redis && unix

package store_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisServer is a real redis-server, which ends with the test.
type redisServer struct {
	dir, port string
	args      []string
	process   *exec.Cmd
	rdb       *redis.Client
}

// startRedis starts a server as an operator should run it, but for args.
func startRedis(t testing.TB, args ...string) *redisServer {
	t.Helper()
	s := &redisServer{dir: t.TempDir(), port: freePort(t), args: args}
	s.rdb = redis.NewClient(&redis.Options{Addr: s.addr(), Protocol: 2, DialTimeout: time.Second})
	t.Cleanup(func() {
		s.kill()
		_ = s.rdb.Close()
	})
	s.start(t)
	return s
}

func (s *redisServer) addr() string { return "127.0.0.1:" + s.port }

func (s *redisServer) start(t testing.TB) {
	t.Helper()
	args := append([]string{
		"--port", s.port, "--bind", "127.0.0.1", "--dir", s.dir, "--logfile", filepath.Join(s.dir, "log"), "--daemonize", "no",
		"--save", "", "--appendonly", "yes", "--maxmemory-policy", "noeviction",
	}, s.args...)
	s.process = exec.Command("redis-server", args...)
	if err := s.process.Start(); err != nil {
		t.Fatalf("starting redis-server: %v (scripts/setup.sh installs it)", err)
	}
	poll(t, "redis-server answers", func() bool {
		err := s.rdb.Ping(t.Context()).Err()
		return err == nil || redis.HasErrorPrefix(err, "NOAUTH")
	})
}

func (s *redisServer) signal(t *testing.T, sig syscall.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

func (s *redisServer) kill() {
	if s.process != nil {
		_ = s.process.Process.Kill()
		_ = s.process.Wait()
	}
	s.process = nil
}

// freePort finds a port whose cluster port, 10000 above, is valid, too.
func freePort(t testing.TB) string {
	t.Helper()
	for {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		port := l.Addr().(*net.TCPAddr).Port
		_ = l.Close()
		if port < 55000 {
			return strconv.Itoa(port)
		}
	}
}

// poll waits for a condition, up to 20 seconds.
func poll(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !done() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("waiting that %s: %v", what, ctx.Err())
		}
	}
}

const clusterSlots = 16384

// startCluster makes a cluster of three, each with a third of the slots.
func startCluster(t *testing.T) []*redisServer {
	t.Helper()
	const n = 3
	nodes := make([]*redisServer, n)
	for i := range nodes {
		nodes[i] = startRedis(t, "--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
	}
	ctx := t.Context()
	for i, node := range nodes {
		if err := errors.Join(
			node.rdb.ClusterAddSlotsRange(ctx, i*clusterSlots/n, (i+1)*clusterSlots/n-1).Err(),
			node.rdb.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(),
			node.rdb.ClusterMeet(ctx, "127.0.0.1", nodes[0].port).Err(),
		); err != nil {
			t.Fatal(err)
		}
	}
	for _, node := range nodes {
		poll(t, "the cluster is whole", func() bool {
			info := node.rdb.ClusterInfo(ctx).Val()
			return strings.Contains(info, "cluster_state:ok") && strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", n))
		})
	}
	return nodes
}

var deployments atomic.Int64

// deployment is a prefix of its own: many tests share one server.
func deployment() string { return fmt.Sprintf("?prefix=t%d", deployments.Add(1)) }
