package client_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

const (
	resourcePath = "/.well-known/oauth-protected-resource/mcp"
	serverPath   = "/.well-known/oauth-authorization-server"
)

// diagnosed is a whole diagnosis, by its steps' names.
func diagnosed(t *testing.T, cfg client.Config) map[string]client.Step {
	t.Helper()
	steps, err := client.Diagnose(t.Context(), cfg)
	if err != nil {
		t.Fatal(explain(err))
	}
	all := map[string]client.Step{}
	for step := range steps {
		if client.PrintableLine(step.Message+step.Fix) != step.Message+step.Fix {
			t.Errorf("%s is not fit for a terminal: %q, %q", step.Name, step.Message, step.Fix)
		}
		if wrong := step.Verdict == client.VerdictFail || step.Verdict == client.VerdictWarn; step.Verdict != client.VerdictSkipped && wrong == (step.Fix == "") {
			t.Errorf("%s is %s, and its fix is %q", step.Name, step.Verdict, step.Fix)
		}
		all[step.Name] = step
	}
	return all
}

// verdictsOf are the steps' names by their verdicts.
func verdictsOf(all map[string]client.Step, verdict client.Verdict) []string {
	var names []string
	for name, step := range all {
		if step.Verdict == verdict {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func wantSteps(t *testing.T, all map[string]client.Step, verdict client.Verdict, names ...string) {
	t.Helper()
	slices.Sort(names)
	if got := verdictsOf(all, verdict); !slices.Equal(got, names) {
		t.Errorf("%s: got %q, want %q\n%+v", verdict, got, names, all)
	}
}

// answering is a handler with one answer.
func answering(status int, header, value, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(header, value)
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

// A server that is well, before and after a sign-in: nothing is registered,
// opened or written.
func TestDiagnoseWell(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r, dir := newRigIn(t, f)
	all := diagnosed(t, r.Config)
	wantSteps(t, all, client.VerdictSkipped, "tls", "sign_in", "tools")
	want(t, "the fix", all["sign_in"].Fix, "run {program} connect "+r.Server)
	wantSteps(t, all, client.VerdictFail)
	wantSteps(t, all, client.VerdictWarn)
	want(t, "registrations", f.count("/register"), 0)
	want(t, "authorizations", f.count("/authorize"), 0)
	want(t, "files", disk(t, dir), "")

	r.connect(t)
	before, browsers := disk(t, dir), r.opened()
	all = diagnosed(t, r.Config)
	wantSteps(t, all, client.VerdictSkipped, "tls")
	wantSteps(t, all, client.VerdictFail)
	if !strings.HasPrefix(all["tools"].Message, "4 tools in ") || !strings.Contains(all["sign_in"].Message, "Nelly") {
		t.Errorf("got %+v", all)
	}
	want(t, "files", disk(t, dir), before)
	want(t, "browsers", r.opened(), browsers)

	r.advance(2 * time.Hour) // the token has ended, and this clock is wrong
	all = diagnosed(t, r.Config)
	wantSteps(t, all, client.VerdictFail, "clock")
	want(t, "refreshes", f.refreshes(), 1)

	f.set(func() { f.refresh = map[string]string{}; f.access = map[string][]string{} })
	all = diagnosed(t, r.Config)
	wantSteps(t, all, client.VerdictFail, "clock", "tools")
	want(t, "the fix", all["tools"].Fix, "run {program} connect "+r.Server)
}

// What can be wrong with a server, which steps say so, and which are not taken
// for it.
func TestDiagnoseIll(t *testing.T) {
	t.Parallel()
	page := answering(200, "Content-Type", "text/html", "<h1>hi</h1>")
	auth := []string{"resource_metadata", "authorization_server", "issuer", "pkce", "registration"}
	for _, test := range []struct {
		name    string
		change  func(f *fake)
		fails   []string
		skipped []string
		message string
	}{
		{"issuer", func(f *fake) { f.meta["issuer"] = f.URL + "/" }, []string{"issuer"}, nil, "instead of"},
		{"no PKCE", func(f *fake) { f.meta["code_challenge_methods_supported"] = []string{"plain"} }, []string{"pkce"}, nil, "S256"},
		{"no registration", func(f *fake) { f.meta["registration_endpoint"] = nil }, []string{"registration"}, nil, "beforehand"},
		{"no resource metadata", func(f *fake) { f.on[resourcePath] = http.NotFound }, []string{"resource_metadata"}, auth[1:], "nowhere"},
		{"another's", func(f *fake) { f.prm["resource"] = "https://other.example/mcp" }, []string{"resource_metadata"}, auth[1:], "calls itself https://other.example/mcp"},
		{"no authorization server", func(f *fake) { f.prm["authorization_servers"] = nil }, []string{"resource_metadata"}, auth[1:], "no authorization server"},
		{"a private one", func(f *fake) { f.prm["authorization_servers"] = []string{"https://10.0.0.1"} }, []string{"authorization_server"}, auth[2:], "private network"},
		{"a page", func(f *fake) { f.on[serverPath] = page }, []string{"authorization_server"}, auth[2:], "publishes no metadata"},
		{"no JSON", func(f *fake) { f.on[serverPath] = answering(200, "Content-Type", "application/json", "{") }, []string{"authorization_server"}, auth[2:], "not JSON"},
		{"a loop", func(f *fake) { f.on[serverPath] = answering(302, "Location", serverPath, "") }, []string{"authorization_server"}, auth[2:], "somewhere else"},
		{"an endpoint without TLS", func(f *fake) { f.meta["token_endpoint"] = "http://example.com/token" }, []string{"authorization_server"}, auth[2:], "not https"},
		{"not found", func(f *fake) { f.on["/mcp"] = http.NotFound }, []string{"endpoint"}, auth, "HTTP status 404"},
		{"not allowed", func(f *fake) { f.on["/mcp"] = answering(405, "Allow", "GET", "") }, []string{"endpoint"}, auth, "HTTP status 405"},
		{"forbidden", func(f *fake) { f.on["/mcp"] = answering(403, "X", "Y", "") }, []string{"endpoint"}, auth, "refuses strangers"},
		{"broken", func(f *fake) { f.on["/mcp"] = answering(500, "X", "Y", "") }, []string{"endpoint"}, auth, "HTTP status 500"},
		{"busy", func(f *fake) { f.on["/mcp"] = answering(503, "Retry-After", "7", "") }, []string{"endpoint"}, auth, "HTTP status 503"},
		{"a site", func(f *fake) { f.on["/mcp"] = page }, []string{"endpoint"}, auth, "does not answer as an MCP server"},
		{"moved", func(f *fake) { f.on["/mcp"] = answering(308, "Location", "https://new.example/mcp?token=1", "") }, []string{"endpoint"}, auth, "redirects to https://new.example/mcp"},
		{"moved in circles", func(f *fake) { f.on["/mcp"] = answering(307, "Location", "/mcp", "") }, []string{"endpoint"}, auth, "redirects to "},
		{"hostile", func(f *fake) { f.prm["resource"] = "https://x\x1b[2J\u202e\r\n/mcp" }, []string{"resource_metadata"}, auth[1:], "another address"},
		{"hostile, too", func(f *fake) { f.meta["issuer"] = "\x1b]0;x\a" + strings.Repeat("x", 9000) }, []string{"issuer"}, nil, "instead of"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.set(func() { test.change(f) })
			all := diagnosed(t, newRig(t, f).Config)
			wantSteps(t, all, client.VerdictFail, test.fails...)
			wantSteps(t, all, client.VerdictSkipped, append(test.skipped, "tls", "sign_in", "tools")...)
			want(t, "connect is no fix", all["sign_in"].Fix, "")
			if step := all[test.fails[0]]; !strings.Contains(step.Message, test.message) || len(step.Message) > 2000 || strings.Contains(step.Message, "token=1") {
				t.Errorf("got %q, want %q in it", step.Message, test.message)
			}
		})
	}
}

// A server without a door has no sign-in to look at.
func TestDiagnoseOpen(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.set(func() { f.on["/mcp"] = f.mcp.ServeHTTP })
	all := diagnosed(t, newRig(t, f).Config)
	wantSteps(t, all, client.VerdictFail)
	wantSteps(t, all, client.VerdictSkipped, "tls", "resource_metadata", "authorization_server", "issuer", "pkce", "registration", "sign_in")
	want(t, "tools", all["tools"].Verdict, client.VerdictOK)
	want(t, "metadata", f.count(resourcePath), 0)
}

// Servers as of 2025-03-26 may be their own authorization server; one that has
// neither documents nor endpoints wants a key.
func TestDiagnoseUndescribed(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name        string
		on          map[string]http.HandlerFunc
		warns, fail []string
	}{
		{"described", nil, []string{"resource_metadata"}, nil},
		{"guessed", map[string]http.HandlerFunc{serverPath: http.NotFound}, []string{"resource_metadata", "authorization_server"}, nil},
		{"nothing", map[string]http.HandlerFunc{serverPath: http.NotFound, "/authorize": http.NotFound}, []string{"resource_metadata"}, []string{"authorization_server"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.set(func() {
				for path, handler := range test.on {
					f.on[path] = handler
				}
				f.on[resourcePath] = http.NotFound
				f.on["/mcp"] = answering(401, "WWW-Authenticate", "Bearer", "")
			})
			all := diagnosed(t, newRig(t, f).Config)
			wantSteps(t, all, client.VerdictWarn, test.warns...)
			wantSteps(t, all, client.VerdictFail, test.fail...)
		})
	}
}

// What the user brings is not shown to the server before its own step.
func TestDiagnoseGiven(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.AccessToken = "mine-and-secret"
	all := diagnosed(t, r.Config)
	wantSteps(t, all, client.VerdictFail, "tools")
	want(t, "as a stranger", f.bearers[0], "")
	want(t, "with the token", f.bearers[len(f.bearers)-1], "mine-and-secret")
	r.AccessToken = ""
	r.Header = http.Header{"Authorization": {"Bearer another-secret"}, "X-Api-Key": {"key"}}
	f.bearers = nil
	diagnosed(t, r.Config)
	want(t, "as a stranger", f.bearers[0], "")
	want(t, "with the header", f.bearers[len(f.bearers)-1], "another-secret")
	want(t, "in steps", strings.Contains(stepsJSON(t, all), "secret"), false)
}

func stepsJSON(t *testing.T, all map[string]client.Step) string {
	t.Helper()
	text, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The server's clock is what tokens are made by.
func TestDiagnoseClock(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		ahead   time.Duration
		verdict client.Verdict
		message string
	}{
		{20 * time.Second, client.VerdictOK, "the same"},
		{2 * time.Minute, client.VerdictWarn, "ahead of"},
		{-2 * time.Minute, client.VerdictWarn, "behind"},
		{-10 * time.Minute, client.VerdictFail, "tokens look expired"},
	} {
		f := newFake(t)
		r := newRig(t, f)
		date := r.Now().Add(-test.ahead).UTC().Format(http.TimeFormat)
		f.set(func() {
			f.on["/mcp"] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Date", date)
				w.Header().Set("WWW-Authenticate", "Bearer")
				w.WriteHeader(http.StatusUnauthorized)
			}
		})
		step := diagnosed(t, r.Config)["clock"]
		if step.Verdict != test.verdict || !strings.Contains(step.Message, test.message) {
			t.Errorf("%s: got %+v", test.ahead, step)
		}
	}
}

// Where there is nobody, the steps of this computer are taken all the same, and
// in their place.
func TestDiagnoseNobody(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(nil)
	gone.Close()
	for server, fails := range map[string]string{gone.URL + "/mcp": "tcp", "https://nobody..invalid/mcp": "dns"} {
		var names []string
		steps, err := client.Diagnose(t.Context(), client.Config{Server: server, Timeout: 20 * time.Second},
			func(context.Context) client.Step {
				return client.Step{Name: client.StepTokenStore, Verdict: client.VerdictFail}
			},
			func(context.Context) client.Step {
				return client.Step{Name: client.StepBrowser, Verdict: client.VerdictOK}
			},
		)
		if err != nil {
			t.Fatal(explain(err))
		}
		for step := range steps {
			if step.Verdict != client.VerdictSkipped {
				names = append(names, step.Name+" "+string(step.Verdict))
			}
		}
		expected := "address ok, dns ok, tcp fail, callback_port ok, token_store fail, browser ok"
		if fails == "dns" {
			expected = "address ok, dns fail, callback_port ok, token_store fail, browser ok"
		}
		want(t, server, strings.Join(names, ", "), expected)
	}
}

func TestDiagnoseCallbackPort(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	r := newRig(t, newFake(t))
	r.CallbackPort = ln.Addr().(*net.TCPAddr).Port
	wantSteps(t, diagnosed(t, r.Config), client.VerdictFail, "callback_port")
}

// Ctrl-C ends it at once, without a last word.
func TestDiagnoseInterrupted(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.set(func() {
		f.on["/mcp"] = func(_ http.ResponseWriter, r *http.Request) {
			cancel()
			<-r.Context().Done()
		}
	})
	steps, err := client.Diagnose(ctx, newRig(t, f).Config)
	if err != nil {
		t.Fatal(explain(err))
	}
	last := ""
	for step := range steps {
		last = step.Name
	}
	want(t, "the last step", last, "tls")
}

// A forgotten program on the other loopback address is told apart.
func TestDiagnoseTwoPrograms(t *testing.T) {
	t.Parallel()
	one, other := newFake(t), httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want(t, "a header for another", r.Header.Get("X-Api-Key"), "")
		http.NotFound(w, r)
	}))
	t.Cleanup(other.Close)
	host := func(url string) string { return strings.TrimPrefix(url, "http://") }
	for address, two := range map[string]bool{host(other.URL): true, host(one.URL): false} {
		got, err := client.TwoPrograms(t.Context(), one.URL+"/mcp", host(one.URL), address)
		if err != nil {
			t.Fatal(explain(err))
		}
		want(t, address, got, two)
	}
}
