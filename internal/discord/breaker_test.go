package discord_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// shared counts as a store does: in a window that begins with the first.
type shared struct {
	fails, hangs atomic.Bool
	asked        int
	counts       map[string]int64
	ends         map[string]time.Time
}

func (s *shared) count(ctx context.Context, key string, window time.Duration) (int64, error) {
	s.asked++
	switch {
	case s.hangs.Load():
		<-ctx.Done()
		return 0, ctx.Err()
	case s.fails.Load():
		return 0, errors.New("away")
	}
	if !time.Now().Before(s.ends[key]) {
		s.counts[key], s.ends[key] = 0, time.Now().Add(window)
	}
	s.counts[key]++
	return s.counts[key], nil
}

// refusedNodes are processes behind one address, to which Discord says no.
// Their turn is that of the loop: none of this is concurrent.
func refusedNodes(t *testing.T, n int) (nodes []*discord.Client, store *shared, calls *int) {
	t.Helper()
	store, calls = &shared{counts: map[string]int64{}, ends: map[string]time.Time{}}, new(int)
	for range n {
		cfg := without(nil, func(*http.Request) (*http.Response, error) {
			*calls++
			return reply(401, `{"error":"invalid_client","message":"401: Unauthorized","code":0}`), nil
		})
		cfg.Count = store.count
		nodes = append(nodes, newClient(t, cfg))
	}
	return nodes, store, calls
}

// TestBreakerOfAllNodes: ten nodes behind one address stop together, where one
// would.
func TestBreakerOfAllNodes(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
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
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				nodes, _, calls := refusedNodes(t, 10)
				var last error
				for i := range 5000 { // 8 minutes
					last = tt.call(t, nodes[i%10], i)
					time.Sleep(100 * time.Millisecond)
				}
				// Each hears of the others with its own next refusal; one of the API's
				// is two calls.
				if *calls < tt.most || *calls > tt.most+2*len(nodes) {
					t.Errorf("%d calls left, want %d", *calls, tt.most)
				}
				if e := wantError(t, last, discord.ErrUnavailable); e.Status != 0 || e.RetryAfter <= 0 || e.RetryAfter > 10*time.Minute {
					t.Errorf("error = %+v", e)
				}
				time.Sleep(11 * time.Minute)
				*calls = 0
				if errors.Is(tt.call(t, nodes[0], 0), discord.ErrUnavailable) || *calls == 0 {
					t.Error("the breaker did not close")
				}
			})
		})
	}
}

// TestBreakerWithoutTheStore: where they cannot count together, no call fails or
// waits for that, and ten nodes stop far below the ban.
func TestBreakerWithoutTheStore(t *testing.T) {
	t.Parallel()
	for _, how := range []string{"fails", "hangs"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				nodes, store, calls := refusedNodes(t, 10)
				store.fails.Store(how == "fails")
				store.hangs.Store(how == "hangs")
				var waited time.Duration
				for i := range 10_000 {
					began := time.Now()
					_, err := nodes[i%10].Refresh(t.Context(), "token")
					waited += time.Since(began)
					if i < 5000 && !errors.Is(err, discord.ErrInvalidClient) {
						t.Fatalf("call %d: %v", i, err)
					}
					time.Sleep(30 * time.Millisecond)
				}
				if *calls != 8000 {
					t.Errorf("%d calls left, want 8000", *calls)
				}
				if store.asked > 1000 || waited > time.Duration(store.asked)*500*time.Millisecond {
					t.Errorf("asked the store %d times, waited %s", store.asked, waited)
				}
			})
		})
	}
	t.Run("and with it again", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			nodes, store, calls := refusedNodes(t, 1)
			store.fails.Store(true)
			for range 100 {
				_, _ = nodes[0].Refresh(t.Context(), "token")
				time.Sleep(100 * time.Millisecond)
			}
			store.fails.Store(false)
			for range 4000 {
				_, _ = nodes[0].Refresh(t.Context(), "token")
				time.Sleep(100 * time.Millisecond)
			}
			if *calls != 2000 {
				t.Errorf("%d calls left, want 2000", *calls)
			}
		})
	})
}

// TestRefusalIsCountedThough its caller is gone.
func TestRefusalIsCountedThoughTheCallerIsGone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	counted := false
	cfg := without(nil, func(*http.Request) (*http.Response, error) {
		cancel()
		return reply(401, `{"error":"invalid_client"}`), nil
	})
	cfg.Count = func(ctx context.Context, _ string, _ time.Duration) (int64, error) {
		counted = ctx.Err() == nil
		return 1, nil
	}
	_, _ = newClient(t, cfg).Refresh(ctx, "token")
	if !counted {
		t.Error("not counted")
	}
}
