package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

func TestParseTrace(t *testing.T) {
	t.Parallel()
	const id, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	const good = "00-" + id + "-" + span + "-01"
	zeros := strings.Repeat("0", 32)
	for _, tt := range []struct {
		name   string
		values []string
		want   string
	}{
		{"good", []string{good}, id + span},
		{"not sampled", []string{"00-" + id + "-" + span + "-00"}, id + span},
		{"later version", []string{"cc-" + id + "-" + span + "-01"}, id + span},
		{"later version with more", []string{"cc-" + id + "-" + span + "-01-what"}, id + span},
		{"later version with more, glued", []string{"cc-" + id + "-" + span + "-01what"}, ""},
		{"version 00 with more", []string{good + "-what"}, ""},
		{"version ff", []string{"ff-" + id + "-" + span + "-01"}, ""},
		{"version no hex", []string{"0x-" + id + "-" + span + "-01"}, ""},
		{"none", nil, ""},
		{"empty", []string{""}, ""},
		{"two", []string{good, good}, ""},
		{"short", []string{good[:54]}, ""},
		{"upper case", []string{strings.ToUpper(good)}, ""},
		{"trace of zeros", []string{"00-" + zeros + "-" + span + "-01"}, ""},
		{"span of zeros", []string{"00-" + id + "-" + zeros[:16] + "-01"}, ""},
		{"flags no hex", []string{"00-" + id + "-" + span + "-0g"}, ""},
		{"span no hex", []string{"00-" + id + "-" + span[:15] + "\n-01"}, ""},
		{"other separators", []string{"00_" + id + "_" + span + "_01"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			traceID, spanID := server.ParseTrace(tt.values)
			if traceID+spanID != tt.want {
				t.Errorf("got %q, want %q", traceID+spanID, tt.want)
			}
		})
	}
}

func FuzzParseTrace(f *testing.F) {
	f.Add("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	f.Add("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x")
	f.Fuzz(func(t *testing.T, value string) {
		traceID, spanID := server.ParseTrace([]string{value})
		if traceID+spanID != "" && (len(traceID) != 32 || len(spanID) != 16 || strings.Trim(traceID+spanID, "0123456789abcdef") != "") {
			t.Errorf("%q gives %q %q", value, traceID, spanID)
		}
	})
}

// A request's id is ours, is in the answer, and reaches what runs for it. Only
// a trusted proxy may have drawn it.
func TestRequestID(t *testing.T) {
	t.Parallel()
	const given = "from-the-balancer.1"
	for _, tt := range []struct {
		name    string
		trusted string
		sent    []string
		taken   bool
	}{
		{"a stranger's", "", []string{given}, false},
		{"another proxy's", "10.0.0.0/8", []string{given}, false},
		{"a trusted proxy's", "127.0.0.1/32", []string{given}, true},
		{"two", "127.0.0.1/32", []string{given, given}, false},
		{"empty", "127.0.0.1/32", []string{""}, false},
		{"with a space", "127.0.0.1/32", []string{"a b"}, false},
		{"long", "127.0.0.1/32", []string{strings.Repeat("a", 65)}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var seen, traceID string
			r := start(t, setup{
				config: func(c *server.Config) {
					if tt.trusted != "" {
						c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix(tt.trusted)}
					}
				},
				prepare: func(s *server.Server) {
					s.HandleFunc("GET /seen", func(_ http.ResponseWriter, r *http.Request) {
						seen = server.RequestID(r.Context())
						traceID, _ = server.Trace(r.Context())
					})
				},
			})
			a := r.send(message{method: http.MethodGet, path: "/seen", header: http.Header{
				"X-Request-Id": tt.sent, "Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
			}})
			got := a.header["X-Request-Id"]
			if len(got) != 1 || got[0] != seen {
				t.Fatalf("answered %q, seen %q", got, seen)
			}
			if (seen == given) != tt.taken || !tt.taken && (len(seen) != 16 || strings.Trim(seen, "0123456789abcdef") != "") {
				t.Errorf("the id is %q", seen)
			}
			if traceID != "0af7651916cd43dd8448eb211c80319c" {
				t.Errorf("the trace is %q", traceID)
			}
		})
	}
	if id := server.RequestID(t.Context()); id != "" {
		t.Errorf("outside of a request the id is %q", id)
	}
}

// A trace that cannot be read is not passed on, and the id of an answer is ours
// alone.
func TestProxyTrace(t *testing.T) {
	t.Parallel()
	r := before(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", "theirs")
		echo(w, r)
	}))
	got := r.send(message{token: r.signIn(nelly, "identify"), header: http.Header{"Traceparent": {"00-1"}, "Tracestate": {"a=1"}}})
	if strings.Contains(got.body, "Trace") {
		t.Errorf("passed on:\n%s", got.body)
	}
	if ids := got.header["X-Request-Id"]; len(ids) != 1 || !strings.Contains(got.body, "X-Request-Id: "+ids[0]+"\n") {
		t.Errorf("answered %q for\n%s", ids, got.body)
	}
}

// What is observed is bounded: routes as registered, methods that some route
// knows, tools that exist.
func TestObserve(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var seen []server.Observation
	r := start(t, setup{config: func(c *server.Config) {
		c.Observe = func(o server.Observation) {
			mu.Lock()
			defer mu.Unlock()
			if o.Took < 0 || o.Took > time.Minute {
				t.Errorf("it took %v", o.Took)
			}
			o.Took = 0
			seen = append(seen, o)
		}
	}})
	token := r.signIn(nelly, "identify")
	mu.Lock()
	seen = nil
	mu.Unlock()
	for _, m := range []message{
		{token: token},
		{token: token, body: callTool("no_such_tool")},
		{},
		{method: "BREW"},
		{method: http.MethodGet, path: "/no/such/path"},
		{method: http.MethodGet, path: "/authorize?client_id=1"},
		{method: http.MethodDelete, path: "/register"},
	} {
		r.send(m)
	}
	mu.Lock()
	defer mu.Unlock()
	want := []server.Observation{
		{Route: "/mcp", Method: "POST", Status: 200, Tool: "get_user_info"},
		{Route: "/mcp", Method: "POST", Status: 200},
		{Route: "/mcp", Method: "POST", Status: 401},
		{Route: "/mcp", Status: 401},
		{Method: "GET", Status: 404},
		{Route: "/authorize", Method: "GET", Status: 400},
		{Method: "DELETE", Status: 405},
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Error(diff)
	}
	if stats := r.server.Stats(); stats != (server.Stats{}) {
		t.Errorf("at rest: %+v", stats)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	ask := func(path string) (int, string) {
		w := httptest.NewRecorder()
		r.server.Health().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return w.Code, strings.TrimSpace(w.Body.String())
	}
	is := func(path string, status int, body string) {
		t.Helper()
		if code, got := ask(path); code != status || got != body {
			t.Errorf("%s: %d %s, want %d %s", path, code, got, status, body)
		}
	}
	is("/readyz", 200, `{"status":"ok"}`)
	r.store.broken.Store(true)
	is("/readyz", 200, `{"status":"ok"}`) // as a second ago
	eventually(t, "the store is missed", func() bool {
		code, body := ask("/readyz")
		return code == 503 && body == `{"status":"unavailable","failing":["store"]}`
	})
	is("/healthz", 200, `{"status":"ok"}`)
	r.store.broken.Store(false)
	reads := r.store.reads.Load()
	for range 100 {
		ask("/readyz")
	}
	if n := r.store.reads.Load() - reads; n > 2 {
		t.Errorf("100 probes read the store %d times", n)
	}
	r.stop()
	eventually(t, "it leaves", func() bool {
		code, body := ask("/readyz")
		return code == 503 && body == `{"status":"unavailable","failing":["draining"]}`
	})
	is("/healthz", 200, `{"status":"ok"}`)
	for _, path := range []string{"/healthz", "/readyz", "/metrics"} { // not where strangers are
		w := httptest.NewRecorder()
		req := httptest.NewRequestWithContext(t.Context(), http.MethodGet, r.base+path, nil)
		if r.server.Handler().ServeHTTP(w, req); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d on the main address", path, w.Code)
		}
	}
}

// While the server leaves it still takes connections: whoever sends them learns
// first that they are not wanted.
func TestDrainDelay(t *testing.T) {
	t.Parallel()
	r := start(t, setup{config: func(c *server.Config) { c.DrainDelay = 300 * time.Millisecond }})
	stopped := make(chan struct{})
	go func() {
		r.stop()
		close(stopped)
	}()
	eventually(t, "it leaves", func() bool {
		w := httptest.NewRecorder()
		r.server.Health().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/readyz", nil))
		return w.Code == 503
	})
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Get(r.base)
	if err != nil {
		t.Fatalf("while it leaves: %v", err)
	}
	_ = readAll(t, res)
	next(t, "it stopped", stopped)
}
