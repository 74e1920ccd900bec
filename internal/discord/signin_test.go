package discord_test

import (
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// TestAttack28SignInFloodLeavesChecks floods sign-ins of somebody who has an
// account, and is asked about in eight guilds each time: what is asked about
// those who are signed in goes out at once.
func TestAttack28SignInFloodLeavesChecks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		perSecond := make(map[int]int)
		c := newClient(t, without(nil, func(*http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			perSecond[int(time.Since(start)/time.Second)]++
			return reply(404, `{"message":"Unknown Guild","code":10004}`), nil
		}))
		var wg sync.WaitGroup
		var refused atomic.Int32
		ctx := discord.ForSignIn(t.Context())
		for range 1000 {
			wg.Go(func() {
				if _, err := c.GuildMember(ctx, "stranger", "1"); errors.Is(err, discord.ErrUnavailable) {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		before := time.Now()
		if _, err := c.GuildMember(t.Context(), "member", "1"); !errors.Is(err, discord.ErrNotMember) {
			t.Errorf("check: %v", err)
		}
		if waited := time.Since(before); waited != 0 {
			t.Errorf("the check waited %v", waited)
		}
		wg.Wait()
		for second, calls := range perSecond {
			if second > 0 && calls > 25 {
				t.Errorf("second %d: %d calls of sign-ins", second, calls)
			}
		}
		if refused.Load() < 800 {
			t.Errorf("only %d of 1000 were refused", refused.Load())
		}
	})
}
