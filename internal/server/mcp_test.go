package server_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// modern is a request of revision 2026-07-28. params are members of its params.
func modern(method, name, params string) message {
	if params != "" {
		params += ","
	}
	header := http.Header{"Mcp-Method": {method}}
	if name != "" {
		header["Mcp-Name"] = []string{name}
	}
	return message{
		version: "2026-07-28",
		header:  header,
		body: `{"jsonrpc":"2.0","id":7,"method":"` + method + `","params":{` + params +
			`"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}}}}`,
	}
}

func legacy(method, params string) string {
	return `{"jsonrpc":"2.0","id":7,"method":"` + method + `","params":{` + params + `}}`
}

func TestVersions(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	token := r.signIn(nelly, "identify")
	initialize := func(version string) string {
		return legacy("initialize", `"protocolVersion":"`+version+`","capabilities":{},"clientInfo":{"name":"t","version":"1"}`)
	}
	mismatch := modern("tools/list", "", "")
	mismatch.body = strings.Replace(mismatch.body, `"2026-07-28"`, `"v999"`, 1)
	unknown := modern("tools/list", "", "")
	unknown.body = strings.Replace(unknown.body, `"2026-07-28"`, `"2027-01-01"`, 1)
	unknown.version = "2027-01-01"
	bare := modern("tools/list", "", "")
	bare.version = "-"
	otherName := modern("tools/call", "list_guilds", `"name":"get_user_info"`)
	for _, test := range []struct {
		name         string
		message      message
		status, code int
		version      string // negotiated
	}{
		{name: "discover", message: modern("server/discover", "", ""), status: 200},
		{name: "modern call", message: modern("tools/call", "get_user_info", `"name":"get_user_info"`), status: 200},
		{name: "modern, header and body differ", message: mismatch, status: 400, code: -32020},
		{name: "modern, unknown version", message: unknown, status: 400, code: -32022},
		{name: "modern, no header", message: bare, status: 400, code: -32020},
		{name: "modern, another name in the header", message: otherName, status: 400, code: -32020},
		{name: "modern ping", message: modern("ping", "", ""), status: 404, code: -32601},
		{name: "modern, no such method", message: modern("no/such", "", ""), status: 404, code: -32601},
		{name: "modern prompts, which we do not have", message: modern("prompts/list", "", ""), status: 404, code: -32601},
		{name: "initialize 2025-11-25", message: message{version: "-", body: initialize("2025-11-25")}, status: 200, version: "2025-11-25"},
		{name: "initialize 2025-06-18", message: message{version: "-", body: initialize("2025-06-18")}, status: 200, version: "2025-06-18"},
		{name: "initialize 2025-03-26", message: message{version: "-", body: initialize("2025-03-26")}, status: 200, version: "2025-11-25"},
		{name: "initialize 2024-11-05", message: message{version: "-", body: initialize("2024-11-05")}, status: 200, version: "2025-11-25"},
		{name: "initialize 2026-07-28", message: message{version: "-", body: initialize("2026-07-28")}, status: 200, version: "2025-11-25"},
		{name: "initialize 2099-01-01", message: message{version: "-", body: initialize("2099-01-01")}, status: 200, version: "2025-11-25"},
		{name: "call 2025-06-18", message: message{version: "2025-06-18"}, status: 200},
		{name: "call 2025-03-26", message: message{version: "2025-03-26"}, status: 400, code: -32600},
		{name: "call 1900", message: message{version: "1900-01-01"}, status: 400, code: -32600},
		{name: "call without a version", message: message{version: "-"}, status: 400, code: -32020},
		{name: "ping", message: message{body: legacy("ping", "")}, status: 200},
		{name: "session id is ignored", message: message{header: http.Header{"Mcp-Session-Id": {"x"}}}, status: 200},
		{name: "last event is ignored", message: message{header: http.Header{"Last-Event-Id": {"x"}}}, status: 200},
		{name: "unknown tool", message: message{body: callTool("nope")}, status: 200, code: -32602},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.message.token = token
			got := r.send(test.message)
			got.want(t, test.status, test.code)
			out := got.rpc(t)
			if out.Result.ProtocolVersion != test.version {
				t.Errorf("negotiated %q, want %q", out.Result.ProtocolVersion, test.version)
			}
			if id := got.header.Get("Mcp-Session-Id"); id != "" {
				t.Errorf("session %q", id)
			}
			if test.name == "discover" {
				want := []string{"2026-07-28", "2025-11-25", "2025-06-18"}
				if diff := cmp.Diff(want, out.Result.SupportedVersions); diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func TestMessages(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	token := r.signIn(nelly, "identify")
	big := callUserInfo[:len(callUserInfo)-1] + `,"x":"` + strings.Repeat("x", 4<<20) + `"}`
	for _, test := range []struct {
		name         string
		message      message
		status, code int
	}{
		{"GET", message{method: http.MethodGet}, 405, 405},
		{"DELETE", message{method: http.MethodDelete}, 405, 405},
		{"PUT", message{method: http.MethodPut}, 405, 405},
		{"batch", message{body: `[` + callUserInfo + `]`}, 400, -32600},
		{"two names", message{body: `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_user_info","name":"list_guilds"}}`}, 400, -32600},
		{"not JSON", message{body: `{`}, 400, -32700},
		{"not UTF-8", message{body: "\"\xff\""}, 400, -32700},
		{"no body", message{body: " "}, 400, -32700},
		{"too large", message{body: big}, 413, 413},
		{"notification", message{body: `{"jsonrpc":"2.0","method":"notifications/initialized"}`}, 202, 0},
		{"form", message{header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}}, 415, -32600},
		{"accepts no events", message{header: http.Header{"Accept": {"application/json"}}}, 400, -32600},
		{"odd id", message{body: `{"jsonrpc":"2.0","id":{},"method":"ping"}`}, 400, -32600},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.message.token = token
			got := r.send(test.message)
			got.want(t, test.status, test.code)
			if test.status == 405 && got.header.Get("Allow") != "POST" {
				t.Errorf("Allow is %q", got.header.Get("Allow"))
			}
			if test.status >= 400 && got.header.Get("Content-Type") != "application/json" {
				t.Errorf("the SDK's clients give up on %q", got.header.Get("Content-Type"))
			}
			if test.status == 202 && got.body != "" {
				t.Errorf("body %q", got.body)
			}
		})
	}
}

// A message that does not say how long it is is bounded all the same.
func TestMessageTooLargeInChunks(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	req := r.request(t.Context(), message{token: r.signIn(nelly, "identify"), body: strings.Repeat(" ", 4<<20) + callUserInfo})
	req.ContentLength = -1
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	answer{res.StatusCode, res.Header, readAll(t, res)}.want(t, 413, 413)
}

// The SDK's own client, which gives a connection up at the first odd answer.
func TestSDKClient(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	token := r.signIn(nelly, "identify", "email")
	client := mcp.NewClient(&mcp.Implementation{Name: "t", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint:   r.base + "/mcp",
		HTTPClient: &http.Client{Transport: bearer(token)},
	}, nil)
	must(t, err)
	defer func() { _ = session.Close() }()
	_, err = session.CallTool(t.Context(), &mcp.CallToolParams{Name: "list_guilds"})
	if err == nil {
		t.Error("list_guilds without its scope")
	}
	list, err := session.ListTools(t.Context(), nil)
	must(t, err)
	if len(list.Tools) != 2 || list.Tools[0].Name != "get_user_info" || list.Tools[1].Name != "list_guilds" {
		t.Errorf("tools %v", list.Tools)
	}
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "get_user_info"})
	must(t, err)
	if result.IsError || result.StructuredContent == nil {
		t.Errorf("result %+v", result)
	}
}

// bearer adds a token to every request.
type bearer string

func (b bearer) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set("Authorization", "Bearer "+string(b))
	return http.DefaultTransport.RoundTrip(req)
}

func TestPanics(t *testing.T) {
	t.Parallel()
	r := start(t, setup{prepare: func(s *server.Server) {
		s.AddTool("panic", nil, func(context.Context, *authserver.Identity) (any, error) { panic("secret of a tool") })
		s.HandleFunc("GET /panic", func(http.ResponseWriter, *http.Request) { panic("secret of a route") })
		s.HandleFunc("GET /half", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("half"))
			panic("secret of a route")
		})
	}})
	token := r.signIn(nelly, "identify")
	for _, m := range []message{
		{token: token, body: callTool("panic")},
		{token: token, version: "2026-07-28", header: modern("tools/call", "panic", "").header, body: modern("tools/call", "panic", `"name":"panic"`).body},
	} {
		got := r.send(m)
		got.want(t, 500, -32603)
		if got.rpc(t).ID != float64(7) || strings.Contains(got.body, "secret") {
			t.Errorf("answer %s", got.body)
		}
	}
	if got := r.send(message{method: http.MethodGet, path: "/panic"}); got.status != 500 || strings.Contains(got.body, "secret") {
		t.Errorf("%d %s", got.status, got.body)
	}
	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // on an old connection it would try twice
	if res, err := fresh.Get(r.base + "/half"); err == nil {                   // half an answer must not look whole
		_, err = bufio.NewReader(res.Body).ReadString(0)
		_ = res.Body.Close()
		if err == nil || err.Error() == "EOF" {
			t.Error("half an answer ends like a whole one")
		}
	}
	r.send(message{token: token}).want(t, 200, 0)
	if n := strings.Count(r.logs.String(), `"msg":"panic"`); n != 4 {
		t.Errorf("%d panics in the log, want 4", n)
	}
}

// blocking adds a tool that waits for release and tells when it runs.
func blocking(s *server.Server) (running chan context.Context, release chan struct{}) {
	running, release = make(chan context.Context, 64), make(chan struct{})
	s.AddTool("wait", nil, func(ctx context.Context, _ *authserver.Identity) (any, error) {
		running <- ctx
		select {
		case <-release:
		case <-ctx.Done():
		}
		return struct{}{}, ctx.Err()
	})
	return running, release
}

func TestTooManyInFlight(t *testing.T) {
	t.Parallel()
	var running chan context.Context
	var release chan struct{}
	r := start(t, setup{
		config:  func(c *server.Config) { c.MaxInFlight = 8 },
		prepare: func(s *server.Server) { running, release = blocking(s) },
	})
	tokens := []string{r.signIn(nelly, "identify"), r.signIn(mason, "identify")}
	var all sync.WaitGroup
	for _, token := range tokens { // two each: a quarter of the room
		for range 2 {
			req := r.request(t.Context(), message{token: token, body: callTool("wait")})
			all.Go(func() {
				res, err := http.DefaultClient.Do(req)
				if err == nil {
					_ = res.Body.Close()
				}
			})
			next(t, "the tool runs", running)
		}
	}
	for _, token := range tokens {
		got := r.send(message{token: token})
		got.want(t, 503, 503)
		if got.header.Get("Retry-After") == "" {
			t.Error("no Retry-After")
		}
	}
	r.send(message{token: r.signIn(quiet, "identify")}).want(t, 200, 0) // another user has room
	close(release)
	all.Wait()
	eventually(t, "room again", func() bool { return r.send(message{token: tokens[0]}).status == 200 })
}

// In the newest revision, a client that goes away has canceled its call.
func TestDisconnectCancels(t *testing.T) {
	t.Parallel()
	var running chan context.Context
	r := start(t, setup{prepare: func(s *server.Server) { running, _ = blocking(s) }})
	m := modern("tools/call", "wait", `"name":"wait"`)
	m.token = r.signIn(nelly, "identify")
	ctx, cancel := context.WithCancel(t.Context())
	req := r.request(ctx, m)
	go func() {
		if res, err := http.DefaultClient.Do(req); err == nil {
			_ = res.Body.Close()
		}
	}()
	inside := next(t, "the tool runs", running)
	if deadline, ok := inside.Deadline(); !ok || deadline.IsZero() {
		t.Error("a tool has no deadline")
	}
	if id := server.IdentityFrom(inside); id == nil || id.User.ID != nelly || id.User.Username != "nelly" || id.ClientID == "" {
		t.Errorf("identity %+v", id)
	}
	cancel()
	next(t, "the call is canceled", inside.Done())
}

// Two users on one connection are told apart.
func TestTwoUsersOneConnection(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	tokens := []string{r.signIn(nelly, "identify"), r.signIn(mason, "identify"), ""}
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(r.base, "http://"))
	must(t, err)
	defer func() { _ = conn.Close() }()
	answers := bufio.NewReader(conn)
	for i, want := range []string{"nelly", "mason", ""} {
		req := r.request(t.Context(), message{token: tokens[i]})
		must(t, req.Write(conn))
		res, err := http.ReadResponse(answers, req)
		must(t, err)
		body := readAll(t, res)
		if want == "" {
			answer{res.StatusCode, res.Header, body}.want(t, 401, 401)
		} else if !strings.Contains(body, fmt.Sprintf(`"username":"%s"`, want)) {
			t.Errorf("answer %d is not %s's: %s", i, want, body)
		}
	}
}
