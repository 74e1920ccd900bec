package discord_test

import (
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

const goodPair = `{"access_token":"a","refresh_token":"r","token_type":"Bearer","expires_in":604800,"scope":"identify"}`

// TestAttack28SignInFloodLeavesRefreshes floods the sign-in half: no second
// sees more than Discord's 50 calls, sign-ins take at most half, and a refresh
// in the midst of it goes out at once.
func TestAttack28SignInFloodLeavesRefreshes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var mu sync.Mutex
		perSecond := make(map[int]int)
		c := newClient(t, without(nil, func(*http.Request) (*http.Response, error) {
			mu.Lock()
			defer mu.Unlock()
			perSecond[int(time.Since(start)/time.Second)]++
			return reply(400, `{"error":"invalid_grant"}`), nil
		}))
		var wg sync.WaitGroup
		var refused atomic.Int32
		for range 1000 {
			wg.Go(func() {
				if _, err := c.Exchange(t.Context(), "garbage", "v"); errors.Is(err, discord.ErrUnavailable) {
					refused.Add(1)
				}
			})
		}
		synctest.Wait()
		before := time.Now()
		if _, err := c.Refresh(t.Context(), "token"); !errors.Is(err, discord.ErrInvalidGrant) {
			t.Errorf("refresh: %v", err)
		}
		if waited := time.Since(before); waited != 0 {
			t.Errorf("the refresh waited %v", waited)
		}
		wg.Wait()
		for second, calls := range perSecond {
			if calls > 51 { // the first second has its burst, and the refresh
				t.Errorf("second %d: %d calls", second, calls)
			}
			if second > 0 && calls > 25 {
				t.Errorf("second %d: %d sign-ins", second, calls)
			}
		}
		if refused.Load() < 800 {
			t.Errorf("only %d of 1000 were refused", refused.Load())
		}
		// When the flood is over, a bystander signs in.
		time.Sleep(4 * time.Second)
		if _, err := c.Exchange(t.Context(), "garbage", "v"); !errors.Is(err, discord.ErrInvalidGrant) {
			t.Errorf("bystander: %v", err)
		}
	})
}

func TestQueueRespectsTheCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newClient(t, without(nil, func(*http.Request) (*http.Response, error) { return reply(200, goodPair), nil }))
		for {
			before := time.Now()
			if _, err := c.Refresh(t.Context(), "token"); err != nil {
				t.Fatal(err)
			}
			if time.Since(before) > 0 { // the burst is spent
				break
			}
		}
		var wg sync.WaitGroup
		for range 400 {
			wg.Go(func() { _, _ = c.Refresh(t.Context(), "token") })
		}
		synctest.Wait()
		_, err := c.Refresh(t.Context(), "token")
		if e := wantError(t, err, discord.ErrUnavailable); e.RetryAfter < 5*time.Second || e.Status != 0 {
			t.Errorf("error = %+v", e)
		}
		wg.Wait()
	})
}

func TestHold(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		body   string
		header []string
		held   []string // what else waits
		free   []string
	}{
		{"of one user", `{"retry_after":30,"global":false}`, []string{"X-RateLimit-Scope", "user"}, nil, []string{"other user", "authorization", "refresh"}},
		{"global", `{"retry_after":30,"global":true}`, nil, []string{"other user", "authorization", "refresh"}, nil},
		{"global by header", `{"retry_after":30}`, []string{"X-RateLimit-Global", "true"}, []string{"other user", "authorization", "refresh"}, nil},
		{"Cloudflare", `<html>1015</html>`, []string{"Retry-After", "30"}, []string{"other user", "authorization", "refresh"}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clock, limited, calls := newClock(), true, 0
			c := newClient(t, without(clock.Now, func(*http.Request) (*http.Response, error) {
				calls++
				if limited {
					return reply(429, tt.body, tt.header...), nil
				}
				return reply(200, `{"id":"1","application":{"id":"1"},`+goodPair[1:]), nil
			}))
			call := func(what string) error {
				var err error
				switch what {
				case "user":
					_, err = c.CurrentUser(t.Context(), "token")
				case "other user":
					_, err = c.CurrentUser(t.Context(), "other")
				case "authorization":
					_, err = c.CurrentAuthorization(t.Context(), "token")
				case "refresh":
					_, err = c.Refresh(t.Context(), "token")
				}
				return err
			}
			wantError(t, call("user"), discord.ErrUnavailable)
			limited, calls = false, 0
			for _, what := range append(tt.held, "user") {
				if e := wantError(t, call(what), discord.ErrUnavailable); e.RetryAfter != 30*time.Second {
					t.Errorf("%s: retry after %v", what, e.RetryAfter)
				}
			}
			if calls != 0 {
				t.Errorf("%d calls while held", calls)
			}
			for _, what := range tt.free {
				if err := call(what); err != nil {
					t.Errorf("%s: %v", what, err)
				}
			}
			clock.Advance(30 * time.Second)
			for _, what := range append(tt.held, "user") {
				if err := call(what); err != nil {
					t.Errorf("%s afterwards: %v", what, err)
				}
			}
		})
	}
}

// TestHoldsAreBounded fills the table of holds: what no longer fits holds its
// whole path.
func TestHoldsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		status := 429
		c := newClient(t, without(nil, func(*http.Request) (*http.Response, error) {
			if status == 429 {
				return reply(429, `{"retry_after":3000}`), nil
			}
			return reply(200, `{"id":"1"}`), nil
		}))
		for i := range 1025 {
			_, err := c.CurrentUser(t.Context(), discord.Secret(fmt.Sprint("token", i)))
			wantError(t, err, discord.ErrUnavailable)
		}
		status = 200
		_, err := c.CurrentUser(t.Context(), "a token of nobody's")
		wantError(t, err, discord.ErrUnavailable)
		time.Sleep(time.Hour)
		if _, err := c.CurrentUser(t.Context(), "a token of nobody's"); err != nil {
			t.Error(err)
		}
	})
}

// TestBreaker refuses every call as Discord would after a mistake of ours, and
// counts what leaves: far below the 10,000 that ban the address.
func TestBreaker(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		most int
		call func(*testing.T, *discord.Client, int) error
	}{
		{"sign-ins", 1000, func(t *testing.T, c *discord.Client, _ int) error { return c.CheckCredentials(t.Context()) }},
		{"API", 1500, func(t *testing.T, c *discord.Client, i int) error {
			_, err := c.CurrentUser(t.Context(), discord.Secret(fmt.Sprint("token", i)))
			return err
		}},
		{"refreshes", 2000, func(t *testing.T, c *discord.Client, _ int) error {
			_, err := c.Refresh(t.Context(), "token")
			return err
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				calls := 0
				c := newClient(t, without(nil, func(*http.Request) (*http.Response, error) {
					calls++
					return reply(401, `{"error":"invalid_client","message":"401: Unauthorized","code":0}`), nil
				}))
				// Eight minutes, so that all of it is in one window.
				var last error
				for i := range 2400 {
					last = tt.call(t, c, i)
					time.Sleep(200 * time.Millisecond)
				}
				e := wantError(t, last, discord.ErrUnavailable)
				if calls != tt.most {
					t.Errorf("%d calls left, want %d", calls, tt.most)
				}
				if e.Status != 0 || e.RetryAfter <= 0 || e.RetryAfter > 11*time.Minute {
					t.Errorf("error = %+v", e)
				}
				time.Sleep(11 * time.Minute)
				calls = 0
				if errors.Is(tt.call(t, c, 0), discord.ErrUnavailable) || calls == 0 {
					t.Error("the breaker did not close")
				}
			})
		})
	}
}

func TestClockBefore1970(t *testing.T) {
	t.Parallel()
	c := newClient(t, without(func() time.Time { return time.Time{} }, func(*http.Request) (*http.Response, error) {
		return reply(401, `{"message":"401: Unauthorized","code":0}`), nil
	}))
	_, err := c.CurrentUser(t.Context(), "token")
	wantError(t, err, discord.ErrUnauthorized)
}
