package store_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// A flood before a Redis that hangs: once that is known, all but a few are
// answered at once, so that they do not pile up.
func TestRedisHangingHoldsFew(t *testing.T) {
	t.Parallel()
	p := newProxy(t, miniredis.RunT(t).Addr())
	s := plainRedis(t, p.addr(), nil)
	p.hang()
	ctx := context.Background()
	if _, err := s.Get(ctx, authserver.KindGrant, "first"); err == nil {
		t.Fatal("an answer")
	}
	const flood = 500
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		held int
	)
	for range flood {
		wg.Go(func() {
			began := time.Now()
			err := s.Update(ctx, authserver.KindGrant, "a", func(old *authserver.Record) (*authserver.Record, error) { return old, nil })
			if err == nil {
				t.Error("written")
			} else if !strings.Contains(err.Error(), "enough calls wait") || time.Since(began) > time.Second {
				mu.Lock()
				held++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if held == 0 || held > 64 {
		t.Errorf("%d of %d were held, want 64 at most", held, flood)
	}
	p.resume()
	for tries := 0; ; tries++ {
		if _, err := s.Get(ctx, authserver.KindGrant, "first"); errors.Is(err, authserver.ErrNotFound) {
			break
		} else if tries == 100 {
			t.Fatalf("not used again: %v", err)
		}
	}
}
