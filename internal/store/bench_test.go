package store_test

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

// benchRedis starts a real Redis, with the tag redis.
var benchRedis func(b *testing.B) (url string)

// backends runs a benchmark over what a command may open.
func backends(b *testing.B, bench func(b *testing.B, s authserver.Store)) {
	urls := []string{"memory:", "bolt:" + filepath.Join(b.TempDir(), "store.db")}
	if benchRedis != nil {
		urls = append(urls, benchRedis(b))
	}
	for _, url := range urls {
		s, err := store.Open(b.Context(), store.Config{URL: url, SigningKeys: [][]byte{testKey}, EncryptionKeys: [][]byte{testKey}})
		if err != nil {
			b.Fatal(err)
		}
		name, _, _ := strings.Cut(url, ":")
		b.Run(name, func(b *testing.B) { bench(b, s) })
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// grant has the size of a grant.
var grant = authserver.Record{Value: make([]byte, 900), Expires: time.Now().Add(time.Hour)}

func replace(*authserver.Record) (*authserver.Record, error) { return &grant, nil }

func BenchmarkGet(b *testing.B) {
	backends(b, func(b *testing.B, s authserver.Store) {
		for i := range 100 {
			if err := s.Update(b.Context(), authserver.KindGrant, strconv.Itoa(i), replace); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				if _, err := s.Get(context.Background(), authserver.KindGrant, strconv.Itoa(i%100)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	})
}

// BenchmarkUpdate writes with 1, 8 and 64 writers at once; each write is on
// the disk when it returns.
func BenchmarkUpdate(b *testing.B) {
	backends(b, func(b *testing.B, s authserver.Store) {
		for _, writers := range []int64{1, 8, 64} {
			b.Run(strconv.FormatInt(writers, 10), func(b *testing.B) {
				b.ReportAllocs()
				var left atomic.Int64
				left.Store(int64(b.N))
				var wg sync.WaitGroup
				for w := range writers {
					wg.Go(func() {
						for n := left.Add(-1); n >= 0; n = left.Add(-1) {
							id := strconv.FormatInt(1000*w+n%1000, 10)
							if err := s.Update(context.Background(), authserver.KindGrant, id, replace); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
			})
		}
	})
}
