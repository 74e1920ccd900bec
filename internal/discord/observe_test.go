package discord_test

import (
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

func TestObserve(t *testing.T) {
	t.Parallel()
	var answer atomic.Int64 // a status; 0 breaks off
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		status := int(answer.Load())
		if status == 0 {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(`{"id":"1"}`))
	}))
	defer srv.Close()
	var mu sync.Mutex
	var seen []string
	c, err := discord.New(discord.Config{
		URL: srv.URL, ClientID: "1", ClientSecret: "s", RedirectURI: "http://localhost/auth/callback",
		Observe: func(op string, result discord.Result, took time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			if (took == 0) != (result == discord.ResultHeld) {
				t.Errorf("%s took %v", result, took)
			}
			seen = append(seen, op+": "+string(result))
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []int64{200, 0, 403, 401, 500, 429, 200} {
		answer.Store(status)
		_, _ = c.CurrentUser(t.Context(), "token")
	}
	const op = "get current user: "
	want := []string{op + "ok", op + "unreachable", op + "refused", op + "unauthorized", op + "unauthorized", op + "server_error", op + "rate_limited", op + "held"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
}
