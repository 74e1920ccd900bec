//go:build keychain

package main

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestKeychain runs the program against a real Secret Service
// (scripts/with-keyring.sh): one sign-in, then many processes at once, when its
// token has expired. One of them refreshes, all of them answer, and nobody opens
// a browser.
func TestKeychain(t *testing.T) {
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		t.Fatal("there is no session bus: run scripts/with-keyring.sh go test -tags keychain …")
	}
	const life = time.Second
	home := t.TempDir()
	front := newSlowRefresh(t)
	mcpURL := front.url + "/mcp"
	serve := func(flags ...string) (stop func()) {
		_, stop = startServeWith(t, map[string]string{"GOGC": "100"}, filepath.Join(home, "log"), append([]string{
			"--dev", "--emulator-addr", "127.0.0.1:0", "--addr", front.inner.Host, "--base-url", front.url, "--store", "bolt:" + filepath.Join(home, "store.db"),
		}, flags...)...)
		return stop
	}
	stop := serve("--access-token-ttl", life.String())
	tabs := filepath.Join(home, "tabs")
	mcpdiscord := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "mcpdiscord", args...)
		cmd.Env = append(os.Environ(), "HOME="+home, "MCPDISCORD_SERVER="+mcpURL, "BROWSER=browser approve "+demoUser, "BROWSER_LOG="+tabs,
			"GORACE=atexit_sleep_ms=10")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		return out.String(), err
	}
	if out, err := mcpdiscord("connect"); err != nil || strings.Contains(out, "no keychain") {
		t.Fatalf("connect: %v\n%s", err, out)
	}
	if found, err := exec.Command("secret-tool", "search", "--all", "service", "mcpdiscord").CombinedOutput(); err != nil || !bytes.Contains(found, []byte("attribute.service = mcpdiscord")) {
		t.Errorf("the keychain has no item of ours: %v\n%s", err, found)
	}
	ended := expired(life)
	stop()
	serve() // the next token lives on, so that one refresh is enough for all
	waitFor(t, "the token's end", ended)

	const processes = 50
	var all sync.WaitGroup
	for range processes {
		all.Go(func() {
			if out, err := mcpdiscord("call", "get_user_info"); err != nil || !strings.Contains(out, "nelly") {
				t.Errorf("call: %v\n%s", err, out)
			}
		})
	}
	all.Wait()
	if n := front.refreshes.Load(); n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
	if text, err := os.ReadFile(tabs); err != nil || strings.Count(string(text), "\n") != 1 {
		t.Errorf("browsers were opened: %v\n%s", err, text)
	}
	if out, err := mcpdiscord("logout"); err != nil {
		t.Errorf("logout: %v\n%s", err, out)
	}
	if found, _ := exec.Command("secret-tool", "search", "--all", "service", "mcpdiscord").Output(); len(found) > 0 {
		t.Errorf("logout left something in the keychain:\n%s", found)
	}
}

// slowRefresh stands before serve, counts refreshes, and holds each back until
// the other processes have the expired token, too: without a lock they would
// come as well.
type slowRefresh struct {
	url       string
	inner     *url.URL // of serve
	refreshes atomic.Int32
}

func newSlowRefresh(t *testing.T) *slowRefresh {
	s := &slowRefresh{inner: &url.URL{Scheme: "http", Host: "127.0.0.1:" + freePort(t)}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *slowRefresh) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/token" {
		body, _ := io.ReadAll(r.Body) // what is missing, serve refuses
		r.Body = io.NopCloser(bytes.NewReader(body))
		if bytes.Contains(body, []byte("grant_type=refresh_token")) {
			s.refreshes.Add(1)
			<-time.After(time.Second)
		}
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(s.inner); r.Out.Host = r.In.Host }}
	proxy.ServeHTTP(w, r)
}

// expired holds once d has passed since it was made.
func expired(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}
