package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// TestMain lets the test binary be one of several client processes, or a
// browser.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case "client-process":
			os.Exit(clientProcess(os.Args[2], os.Args[3], os.Args[4]))
		case "browser-process":
			os.Exit(browserProcess(os.Args[2], os.Args[3:]))
		}
	}
	os.Exit(m.Run())
}

// mortal is a cache whose process dies while it saves.
type mortal struct {
	client.Cache
	when string
}

func (m mortal) Save(ctx context.Context, session *tokencache.Session) error {
	if saved, err := m.Load(ctx, session.Key()); err == nil && saved.AccessToken == session.AccessToken {
		return m.Cache.Save(ctx, session) // nothing new in hand
	}
	if m.when == "before" {
		die()
	}
	err := m.Cache.Save(ctx, session)
	if m.when == "after" {
		die()
	}
	return err
}

// die is kill -9.
func die() {
	self, err := os.FindProcess(os.Getpid())
	if err == nil {
		err = self.Kill()
	}
	fmt.Println(err)
	select {}
}

// clientProcess calls a tool like `call` does: without permission to sign in.
func clientProcess(server, dir, when string) int {
	cache, err := tokencache.Open(tokencache.Config{StateDir: dir, ConfigDir: dir, Store: tokencache.StorePlain})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	conn, err := client.Connect(context.Background(), client.Config{Server: server, Cache: mortal{cache, when}})
	if err != nil {
		fmt.Println(explain(err))
		return 1
	}
	result, err := conn.Call(context.Background(), client.Call{Name: "echo", Arguments: []byte(`{"zeta":"from a process"}`)})
	if err != nil {
		fmt.Println(explain(err))
		return 1
	}
	fmt.Println(string(result.Raw))
	return 0
}

// process runs a client process and gives its output.
func process(t *testing.T, r *rig, dir, when string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), os.Args[0], "client-process", r.Server, dir, when).CombinedOutput()
	return string(out), err
}

// expiredSession signs in and lets the access token be over, for the server
// and by the clock.
func expiredSession(t *testing.T, f *fake) (*rig, string) {
	t.Helper()
	r, dir := newRigIn(t, f)
	r.advance(-2 * time.Hour)
	_ = r.connect(t).Close()
	f.set(func() { clear(f.access) })
	return r, dir
}

// N1: a second process replayed the rotated refresh token and lost the login.
func TestAttack25ProcessesGapN1(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r, dir := expiredSession(t, f)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			out, err := process(t, r, dir, "")
			if err != nil || !strings.Contains(out, "from a process") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	all.Wait()
	want(t, "refreshes", f.refreshes(), 1)
	want(t, "replays", f.reused, 0)
	want(t, "browsers", r.opened(), 1)
}

// TestAttack25KilledWhileSaving: the process dies with the new tokens in hand.
// The server forgives a lost answer, as ours does; nothing here may need more
// than that.
func TestAttack25KilledWhileSaving(t *testing.T) {
	t.Parallel()
	for when, refreshes := range map[string]int{"before": 2, "after": 1} {
		t.Run(when, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			r, dir := expiredSession(t, f)
			f.set(func() { f.on["/token"] = f.forgiving() })
			if out, err := process(t, r, dir, when); err == nil {
				t.Fatalf("the process lives: %s", out)
			}
			for range 2 {
				out, err := process(t, r, dir, "")
				if err != nil || !strings.Contains(out, "from a process") {
					t.Errorf("%v: %s", err, out)
				}
			}
			want(t, "refreshes", f.refreshes(), refreshes)
			want(t, "browsers", r.opened(), 1)
		})
	}
}

// forgiving answers a refresh that comes again as it did the first time.
func (f *fake) forgiving() http.HandlerFunc {
	var mu sync.Mutex
	given := map[string]string{}
	return func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		form, _ := url.ParseQuery(string(body))
		token := form.Get("refresh_token")
		if given[token] == "" {
			answer := httptest.NewRecorder()
			f.token(answer, r, form)
			given[token] = answer.Body.String()
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, given[token])
	}
}
