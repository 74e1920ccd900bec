package client_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// rig is a client's configuration with a browser that approves at once.
type rig struct {
	client.Config
	fake  *fake
	cache *tokencache.Cache

	mu     sync.Mutex
	visits []string // what the browser opened
	pages  []string // what it ended at
	events []client.Event
	log    strings.Builder
	now    time.Time
}

func newRig(t *testing.T, f *fake) *rig {
	t.Helper()
	r, _ := newRigIn(t, f)
	return r
}

// newRigIn is newRig with the directory that its sign-ins are in.
func newRigIn(t *testing.T, f *fake) (*rig, string) {
	t.Helper()
	dir := t.TempDir()
	cache, err := tokencache.Open(tokencache.Config{StateDir: dir, ConfigDir: dir, Store: tokencache.StorePlain})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{fake: f, cache: cache, now: time.Now()}
	r.Config = client.Config{
		Server: f.URL + "/mcp", Cache: cache, SignIn: true, OpenBrowser: r.browse, Version: "test",
		Events:  func(e client.Event) { r.mu.Lock(); defer r.mu.Unlock(); r.events = append(r.events, e) },
		Logger:  slog.New(slog.NewTextHandler(lockedWriter{r}, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:     func() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return r.now },
		Timeout: 20 * time.Second, LoginTimeout: 20 * time.Second,
	}
	return r, dir
}

type lockedWriter struct{ r *rig }

func (w lockedWriter) Write(p []byte) (int, error) {
	w.r.mu.Lock()
	defer w.r.mu.Unlock()
	return w.r.log.Write(p)
}

// browse is a browser: it follows redirects and reads the page at the end.
func (r *rig) browse(ctx context.Context, address string) error {
	r.mu.Lock()
	r.visits = append(r.visits, address)
	r.mu.Unlock()
	page, _, err := get(ctx, address)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pages = append(r.pages, page)
	return err
}

func get(ctx context.Context, address string) (string, *http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return "", nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return string(body), resp, err
}

func (r *rig) opened() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.visits)
}

func (r *rig) advance(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *rig) connect(t *testing.T) *client.Conn {
	t.Helper()
	conn, err := client.Connect(t.Context(), r.Config)
	if err != nil {
		t.Fatalf("connecting: %v", explain(err))
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// saved is what the cache holds for the fake.
func (r *rig) saved(t *testing.T) *tokencache.Session {
	t.Helper()
	session, err := r.cache.Load(t.Context(), tokencache.Key{Resource: r.fake.URL + "/mcp", Issuer: r.fake.URL})
	if err != nil && !errors.Is(err, tokencache.ErrNotFound) {
		t.Fatal(err)
	}
	return session
}

func call(t *testing.T, conn *client.Conn, tool string) *client.Result {
	t.Helper()
	result, err := conn.Call(t.Context(), client.Call{Name: tool})
	if err != nil {
		t.Fatalf("calling %s: %v", tool, explain(err))
	}
	return result
}

// explain shows an error with what is behind it.
func explain(err error) string {
	var own *client.Error
	if errors.As(err, &own) {
		return fmt.Sprintf("%s: %s (hint: %s) caused by: %v", own.Kind, own.Message, own.Hint, own.Err)
	}
	return fmt.Sprint(err)
}

// wantKind checks an error and gives it as the Error that it must be.
func wantKind(t *testing.T, err error, kind client.Kind) *client.Error {
	t.Helper()
	var own *client.Error
	if !errors.As(err, &own) {
		t.Fatalf("got %v, want a client.Error", err)
	}
	if own.Kind != kind {
		t.Fatalf("got %s, want kind %s", explain(err), kind)
	}
	return own
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}
