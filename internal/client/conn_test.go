package client_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// A stored token costs two requests: server/discover and tools/call. Nothing
// is probed.
func TestColdCallIsTwoPosts(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	f.set(func() { clear(f.hits) })
	r.SignIn = false
	call(t, r.connect(t), "echo")
	if diff := cmp.Diff(map[string]int{"/mcp": 2}, f.hits); diff != "" {
		t.Errorf("requests:\n%s", diff)
	}
}

func TestResultAsReceived(t *testing.T) {
	t.Parallel()
	for _, asJSON := range []bool{false, true} {
		f := newFake(t)
		f.mcp = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return testServer() },
			&mcp.StreamableHTTPOptions{Stateless: true, JSONResponse: asJSON})
		conn := newRig(t, f).connect(t)
		result, err := conn.Call(t.Context(), client.Call{Name: "echo", Arguments: json.RawMessage(`{"zeta":"80351110224678912","mid":1.10,"alpha":80351110224678912345}`)})
		if err != nil {
			t.Fatal(explain(err))
		}
		want(t, "structured", string(result.Structured), `{"zeta":80351110224678912345,"alpha":1.10}`)
		want(t, "text", result.Content[0].Text, `{"zeta":"80351110224678912","mid":1.10,"alpha":80351110224678912345}`)
		want(t, "type", result.Content[0].Type, "text")
		if !strings.Contains(string(result.Raw), `"content":[`) || !strings.Contains(string(result.Raw), "80351110224678912345") {
			t.Errorf("raw: %s", result.Raw)
		}
		failed := call(t, conn, "fail")
		want(t, "is error", failed.IsError, true)
	}
}

func TestSchemasInWireOrder(t *testing.T) {
	t.Parallel()
	conn := newRig(t, newFake(t)).connect(t)
	for range 2 { // the second answer may come from the SDK's cache
		tools, err := conn.Tools(t.Context())
		if err != nil {
			t.Fatal(explain(err))
		}
		want(t, "tools", len(tools), 4)
		tool := tools[0]
		want(t, "name", tool.Name, "echo")
		want(t, "title", tool.Title, "echo")
		want(t, "destructive", tool.Destructive, false)
		schema := string(tool.InputSchema)
		if z, m, a := strings.Index(schema, "zeta"), strings.Index(schema, "mid"), strings.Index(schema, "alpha"); z < 0 || z > m || m > a {
			t.Errorf("schema: %s", schema)
		}
	}
}

func TestToolsLife(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		results []string
		life    time.Duration
		known   bool
	}{
		{"no answer", nil, 0, false},
		{"nothing said", []string{`{"tools":[]}`}, 0, true},
		{"none", []string{`{"tools":[],"ttlMs":0}`}, 0, true},
		{"a minute", []string{`{"tools":[],"ttlMs":60000}`}, time.Minute, true},
		{"the shortest page", []string{`{"tools":[],"ttlMs":60000}`, `{"tools":[],"ttlMs":2e3}`}, 2 * time.Second, true},
		{"for ever", []string{`{"tools":[],"ttlMs":1e300}`}, 24 * time.Hour, true},
		{"negative", []string{`{"tools":[],"ttlMs":-5}`}, 0, true},
		{"a word", []string{`{"tools":[],"ttlMs":"soon"}`}, 0, true},
	} {
		if life, known := client.ToolsLifeOf(c.results...); life != c.life || known != c.known {
			t.Errorf("%s: %v %v, want %v %v", c.name, life, known, c.life, c.known)
		}
	}
}

func TestWrongArguments(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := newRig(t, f).connect(t)
	before := f.count("/mcp")
	for _, arguments := range []string{`[1]`, `"x"`, `{"a":`, `null`} {
		_, err := conn.Call(t.Context(), client.Call{Name: "echo", Arguments: json.RawMessage(arguments)})
		wantKind(t, err, client.KindUsage)
	}
	want(t, "requests", f.count("/mcp"), before)
	_, err := conn.Call(t.Context(), client.Call{Name: "no-such-tool"})
	wantKind(t, err, client.KindFailure)
}

// A server of the older generation, with sessions: it is called, it restarts
// and loses the session, it is called again.
func TestOlderServerWithSessions(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	sessions := func() http.Handler {
		server := testServer()
		return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	}
	f.mcp = sessions()
	conn := newRig(t, f).connect(t)
	call(t, conn, "echo")
	want(t, "protocol", conn.Identity().ProtocolVersion, "2025-11-25")
	f.set(func() { f.mcp = sessions() })
	call(t, conn, "echo")
}

// A session that broke is rebuilt by the next call; a call that may have run
// is not repeated.
func TestSessionRebuilt(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := newRig(t, f).connect(t)
	f.set(func() {
		f.on["/mcp"] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte("{"))
		}
	})
	before := f.count("/mcp")
	_, err := conn.Call(t.Context(), client.Call{Name: "echo"})
	wantKind(t, err, client.KindFailure)
	want(t, "requests", f.count("/mcp"), before+1)
	f.set(func() { delete(f.on, "/mcp") })
	call(t, conn, "echo")
	call(t, conn, "echo")
}

func TestTimeoutAndCancel(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	r.Timeout = time.Second
	conn := r.connect(t)
	arrived := make(chan struct{}, 9)
	f.set(func() {
		f.on["/mcp"] = func(_ http.ResponseWriter, r *http.Request) { arrived <- struct{}{}; <-r.Context().Done() }
	})
	_, err := conn.Call(t.Context(), client.Call{Name: "echo"})
	own := wantKind(t, err, client.KindUnavailable)
	if !strings.Contains(own.Message, "within 1s") {
		t.Error(own.Message)
	}
	<-arrived
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-arrived; cancel() }()
	_, err = conn.Call(ctx, client.Call{Name: "echo"})
	wantKind(t, err, client.KindInterrupted)
	f.set(func() { delete(f.on, "/mcp") })
	call(t, conn, "echo")
}

// The clock of a call does not run while the user is in the browser.
func TestTimeoutNotDuringSignIn(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.Timeout = time.Second
	urls := r.manual()
	done := r.connecting(t)
	address := <-urls
	timer := time.NewTimer(1500 * time.Millisecond)
	defer timer.Stop()
	select {
	case err := <-done:
		t.Fatalf("gave up: %v", explain(err))
	case <-timer.C:
	}
	if _, _, err := get(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(explain(err))
	}
}

func TestGivenAccessToken(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.access["given"] = []string{"identify"}
	r := newRig(t, f)
	r.AccessToken = "given"
	conn := r.connect(t)
	call(t, conn, "echo")
	_, err := conn.Call(t.Context(), client.Call{Name: "list_guilds"})
	wantKind(t, err, client.KindAuth)
	f.set(func() { clear(f.access) })
	_, err = conn.Call(t.Context(), client.Call{Name: "echo"})
	own := wantKind(t, err, client.KindAuth)
	if strings.Contains(own.Message+own.Hint+r.log.String(), `"given"`) {
		t.Error("the token is told")
	}
	want(t, "browsers", r.opened(), 0)
	want(t, "registrations", f.count("/register"), 0)
	if r.saved(t) != nil {
		t.Error("the token was saved")
	}
	r.AccessToken = "bad\r\ntoken"
	_, err = client.Connect(t.Context(), r.Config)
	wantKind(t, err, client.KindUsage)
}

func TestServerWithoutSignIn(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.set(func() { f.on["/mcp"] = f.mcp.ServeHTTP })
	r := newRig(t, f)
	r.SignIn, r.Cache = false, nil
	conn := r.connect(t)
	call(t, conn, "echo")
	want(t, "user", conn.Identity().Username, "")
}

func TestNotSignedIn(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.SignIn = false
	_, err := client.Connect(t.Context(), r.Config)
	own := wantKind(t, err, client.KindAuth)
	want(t, "message", own.Message, "not signed in to "+f.URL+"/mcp")
	want(t, "hint", own.Hint, "run {program} connect "+f.URL+"/mcp")
	want(t, "browsers", r.opened(), 0)
	want(t, "requests", f.count("/mcp"), 1)
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	gone := httptest.NewServer(http.NotFoundHandler())
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	t.Cleanup(plain.Close)
	gone.Close()
	for name, test := range map[string]struct {
		server string
		kind   client.Kind
		says   string
	}{
		"refused":     {gone.URL + "/mcp", client.KindUnavailable, "connection refused"},
		"certificate": {secure.URL + "/mcp", client.KindFailure, "not trusted"},
		"no TLS":      {strings.Replace(plain.URL, "http:", "https:", 1) + "/mcp", client.KindFailure, "does not speak https"},
		"not MCP":     {plain.URL + "/mcp", client.KindFailure, "does not answer as an MCP server"},
		"plain http":  {"http://example.com/mcp", client.KindUsage, "use https"},
		"no scheme":   {"example.com/mcp", client.KindUsage, "not a server's address"},
		"user":        {"https://u:p@example.com/mcp", client.KindUsage, "user name"},
		"fragment":    {"https://example.com/mcp#x", client.KindUsage, "fragment"},
		"escape":      {"https://example.com/\x1b[2J", client.KindUsage, "characters"},
		"file":        {"file:///etc/passwd", client.KindUsage, "scheme"},
		"empty":       {"", client.KindUsage, "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := client.Connect(t.Context(), client.Config{Server: test.server, SignIn: true})
			own := wantKind(t, err, test.kind)
			if !strings.Contains(own.Message, test.says) || strings.Contains(own.Message, "\x1b") {
				t.Errorf("message %q, want it to say %q", own.Message, test.says)
			}
		})
	}
}

// Different spellings of one address are one server.
func TestServerSpelling(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	r.Server = strings.Replace(f.URL, "http:", "HTTP:", 1) + "/mcp"
	r.SignIn = false
	call(t, r.connect(t), "echo")
}

func TestStatus(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	_, err := client.Status(t.Context(), r.Config)
	wantKind(t, err, client.KindAuth)
	r.connect(t)
	identity, err := client.Status(t.Context(), r.Config)
	if err != nil {
		t.Fatal(explain(err))
	}
	identity.ClientID, identity.Expiry, identity.ProtocolVersion = "", time.Time{}, ""
	if diff := cmp.Diff(client.Identity{
		Server: f.URL + "/mcp", Issuer: f.URL, Username: "nelly", GlobalName: "Nelly", UserID: "80351110224678912", Scopes: []string{"identify"},
	}, *identity); diff != "" {
		t.Error(diff)
	}
	want(t, "requests to the server", f.count("/mcp"), 3)
	r.advance(2 * time.Hour)
	if identity, err = client.Status(t.Context(), r.Config); err != nil {
		t.Fatal(explain(err))
	}
	want(t, "refreshes", f.refreshes(), 1)
	if !identity.Expiry.After(r.Now()) {
		t.Errorf("expiry %s", identity.Expiry)
	}
	r.advance(2 * time.Hour)
	f.set(func() { clear(f.refresh) })
	_, err = client.Status(t.Context(), r.Config)
	wantKind(t, err, client.KindAuth)
	want(t, "browsers", r.opened(), 1)
}

// A token is renewed before it ends, and used to its end when that fails.
func TestRenewedEarly(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	conn := r.connect(t)
	r.advance(time.Hour - 59*time.Second)
	f.set(func() {
		f.on["/token"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	})
	call(t, conn, "echo")
	want(t, "refreshes", f.refreshes(), 1)
	f.set(func() { delete(f.on, "/token") })
	call(t, conn, "echo")
	call(t, conn, "echo")
	want(t, "refreshes", f.refreshes(), 2)
	want(t, "browsers", r.opened(), 1)
}

// What the user asks for with --scope is asked for although nobody refused.
func TestMoreScopesAtConnect(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	r.Scopes = []string{"guilds"}
	conn := r.connect(t)
	if diff := cmp.Diff([]string{"identify", "guilds"}, conn.Identity().Scopes); diff != "" {
		t.Error(diff)
	}
	call(t, conn, "list_guilds")
	r.connect(t)
	want(t, "browsers", r.opened(), 2)
}

// A client that was registered beforehand is used as it is.
func TestRegisteredBeforehand(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	ln := httptest.NewUnstartedServer(nil)
	address := ln.Listener.Addr().String()
	_ = ln.Listener.Close()
	_, port, _ := strings.Cut(address, ":")
	f.clients["mine"] = "http://127.0.0.1:" + port + "/callback"
	r.ClientID = "mine"
	if err := json.Unmarshal([]byte(port), &r.CallbackPort); err != nil {
		t.Fatal(err)
	}
	call(t, r.connect(t), "echo")
	want(t, "registrations", f.count("/register"), 0)
}

// A tool that wants an argument mirrored in a header refuses a call from a
// client that has not seen its schema: the list is fetched, the call repeated.
func TestMirroredArguments(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := newRig(t, f).connect(t)
	before := f.count("/mcp")
	for range 2 {
		result, err := conn.Call(t.Context(), client.Call{Name: "regional", Arguments: json.RawMessage(`{"region":"eu"}`)})
		if err != nil {
			t.Fatal(explain(err))
		}
		want(t, "text", result.Content[0].Text, `{"region":"eu"}`)
	}
	want(t, "requests", f.count("/mcp")-before, 4)
}
