//go:build redis && unix

package store_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

// The variable is of a file without the tag.
func init() {
	benchRedis = func(b *testing.B) string { return "redis://" + startRedis(b, "--appendfsync", "everysec").addr() }
}

// BenchmarkRedisMemory says how many bytes of Redis a grant takes.
func BenchmarkRedisMemory(b *testing.B) {
	server := startRedis(b)
	s, err := store.Open(b.Context(), redisConfig(server.addr()))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	used := func() (n int64) {
		for line := range strings.Lines(server.rdb.Info(b.Context(), "memory").Val()) {
			_, _ = fmt.Sscanf(line, "used_memory:%d", &n)
		}
		return n
	}
	before := used()
	for i := range b.N {
		rec := authserver.Record{Value: grant.Value, Expires: time.Now().Add(time.Hour)}
		if err := s.Create(b.Context(), authserver.KindGrant, fmt.Sprintf("mcpd_grant_%022d", i), rec); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(used()-before)/float64(b.N), "redis-B/grant")
}
