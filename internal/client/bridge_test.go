package client_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// signedIn is a rig whose sign-in was made before, by connect.
func signedIn(t *testing.T, f *fake) *rig {
	t.Helper()
	r := newRig(t, f)
	_ = r.connect(t).Close()
	r.SignIn = false
	return r
}

// A message passes as it is, in both generations of the protocol, with the
// headers that it needs over HTTP.
func TestBridgeGenerations(t *testing.T) {
	t.Parallel()
	for version, stateless := range generations {
		f := newFake(t)
		server := testServer()
		var mu sync.Mutex
		var seen []http.Header
		inner := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: stateless})
		r := signedIn(t, f)
		f.set(func() {
			f.mcp = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				seen = append(seen, r.Header.Clone())
				mu.Unlock()
				inner.ServeHTTP(w, r)
			})
		})
		p := r.bridge(t)
		if !stateless {
			p.open()
		}
		answer := p.ask(calling(stateless, `"x\u002fy"`, "echo", `{"zeta":"1","alpha":80351110224678912345}`))
		for _, part := range []string{`"id":"x/y"`, `{"zeta":80351110224678912345,"alpha":1.10}`, `80351110224678912345}"`} {
			if !strings.Contains(answer, part) {
				t.Errorf("%s: no %s in %s", version, part, answer)
			}
		}
		mu.Lock()
		last := seen[len(seen)-1]
		for _, h := range seen {
			if h.Get("Mcp-Method") == "tools/call" {
				last = h
			}
		}
		mu.Unlock()
		want(t, "version", last.Get("Mcp-Protocol-Version"), version)
		if stateless {
			want(t, "method", last.Get("Mcp-Method"), "tools/call")
			want(t, "name", last.Get("Mcp-Name"), "echo")
			want(t, "session", last.Get("Mcp-Session-Id"), "")
		} else if last.Get("Mcp-Session-Id") == "" {
			t.Error("the session is not named")
		}
		rest, err := p.close()
		want(t, "end", err, nil)
		want(t, "more lines", len(rest), 0)
	}
}

// Twenty messages with an expired token: one refresh, twenty answers.
func TestBridgeOneRefresh(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := signedIn(t, f)
	p := r.bridge(t)
	want(t, "first", strings.Contains(p.ask(calling(true, "0", "echo", "{}")), `"id":0`), true)
	f.set(func() { clear(f.access) })
	got := map[string]bool{}
	for i := range 20 {
		p.send(calling(true, fmt.Sprint(i+1), "echo", "{}"))
	}
	for range 20 {
		line := p.line()
		if !strings.Contains(line, `"result"`) {
			t.Fatal(line)
		}
		got[idOf(line)] = true
	}
	want(t, "answers", len(got), 20)
	want(t, "refreshes", f.refreshes(), 1)
	r.advance(59*time.Minute + 30*time.Second)
	p.ask(calling(true, "30", "echo", "{}"))
	want(t, "refreshes, the last one early", f.refreshes(), 2)
}

// Nobody is signed in: the client is told what to run, and a sign-in that
// another process makes is found without a restart. So is a wider one.
func TestBridgeSignedOutThenIn(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.SignIn = false
	p := r.bridge(t)
	code, message := said(t, p.ask(calling(true, "1", "echo", "{}")), "1")
	want(t, "code", code, -32603)
	want(t, "message", message, "not signed in to "+r.Server+": run prog connect "+r.Server)
	elsewhere := r.Config
	elsewhere.SignIn = true
	connect := func() {
		conn, err := client.Connect(t.Context(), elsewhere)
		if err != nil {
			t.Fatal(explain(err))
		}
		_ = conn.Close()
	}
	connect()
	if line := p.ask(calling(true, "2", "echo", "{}")); !strings.Contains(line, `"result"`) {
		t.Error(line)
	}
	_, message = said(t, p.ask(calling(true, "3", "list_guilds", "{}")), "3")
	want(t, "missing scope", message, "this needs a permission that was not granted: guilds: run prog connect "+r.Server+" --scope guilds")
	elsewhere.Scopes = []string{"guilds"}
	connect()
	if line := p.ask(calling(true, "4", "list_guilds", "{}")); !strings.Contains(line, `"result"`) {
		t.Error(line)
	}
	want(t, "browsers", r.opened(), 2) // connect's
	p.mu.Lock()
	defer p.mu.Unlock()
	want(t, "troubles", len(p.trouble), 2)
}

// With SignIn the bridge opens the browser itself, once: a denial is the answer
// to every request that follows.
func TestBridgeSignIn(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	if line := r.bridge(t).ask(calling(true, "1", "echo", "{}")); !strings.Contains(line, `"result"`) {
		t.Error(line)
	}
	f = newFake(t)
	f.deny = true
	r = newRig(t, f)
	p := r.bridge(t)
	for i := range 3 {
		if code, _ := said(t, p.ask(calling(true, fmt.Sprint(i), "echo", "{}")), fmt.Sprint(i)); code != -32603 {
			t.Error(code)
		}
	}
	want(t, "browsers", r.opened(), 1)
}

// A server of the older generation restarts: the session is made anew, with
// what was set in it, and the client does not notice.
func TestBridgeLostSession(t *testing.T) {
	t.Parallel()
	for _, lost := range []struct {
		name   string
		status int
		body   string
	}{
		{"as specified", 404, "session not found"},
		{"as the TypeScript SDK", 404, `{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}`},
		{"as its examples", 400, `{"jsonrpc":"2.0","error":{"code":-32000,"message":"Bad Request: No valid session ID provided"},"id":null}`},
	} {
		t.Run(lost.name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			session := "one"
			s := scripted(t, func(w http.ResponseWriter, r *http.Request, body string) {
				mu.Lock()
				current := session
				mu.Unlock()
				switch {
				case strings.Contains(body, `"initialize"`) || r.Method == http.MethodDelete:
					handshake(w, r, body, current)
				case r.Header.Get("Mcp-Session-Id") != current:
					writeJSON(w, lost.status, lost.body)
				case handshake(w, r, body, current):
				case r.Method == http.MethodGet:
					w.WriteHeader(http.StatusMethodNotAllowed)
				default:
					writeJSON(w, 200, `{"jsonrpc":"2.0","id":`+idOf(body)+`,"result":{"n":1.50}}`)
				}
			})
			p := signedInTo(t, s).bridge(t)
			p.open()
			p.ask(`{"jsonrpc":"2.0","id":2,"method":"logging/setLevel","params":{"level":"debug"}}`)
			mu.Lock()
			session = "two"
			mu.Unlock()
			p.send(calling(false, "3", "a", "{}"), calling(false, "4", "b", "{}"))
			for range 2 {
				if line := p.line(); !strings.Contains(line, `"result":{"n":1.50}`) {
					t.Error(line)
				}
			}
			want(t, "handshakes", len(s.got("POST", `"initialize"`)), 2)
			want(t, "initialized", len(s.got("POST", "notifications/initialized")), 2)
			want(t, "levels", len(s.got("POST", "logging/setLevel")), 2)
			if _, err := p.close(); err != nil {
				t.Error(err)
			}
			ended := s.got("DELETE", "")
			want(t, "sessions ended", len(ended), 1)
			want(t, "the session", ended[0].header.Get("Mcp-Session-Id"), "two")
		})
	}
}

// A tool asks the client something, and says how far it is.
func TestBridgeServerAsks(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	server := mcp.NewServer(&mcp.Implementation{Name: "asking", Version: "1"}, nil)
	server.AddTool(&mcp.Tool{Name: "ask", InputSchema: json.RawMessage(`{"type":"object"}`)}, func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		answer, err := req.Session.Elicit(ctx, &mcp.ElicitParams{Message: "Which?", RequestedSchema: json.RawMessage(`{"type":"object","properties":{"color":{"type":"string"}}}`)})
		if err != nil {
			return nil, err
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: fmt.Sprint(answer.Content["color"])}}}, nil
	})
	f.mcp = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
	p := signedIn(t, f).bridge(t)
	p.open()
	question := p.ask(calling(false, "7", "ask", "{}"))
	if !strings.Contains(question, `"elicitation/create"`) {
		t.Fatal(question)
	}
	answer := p.ask(`{"jsonrpc":"2.0","id":` + idOf(question) + `,"result":{"action":"accept","content":{"color":"red"}}}`)
	if !strings.Contains(answer, `"text":"red"`) || idOf(answer) != "7" {
		t.Error(answer)
	}
}

// A canceled request ends at the server, in both generations, and is not
// answered.
func TestBridgeCancel(t *testing.T) {
	t.Parallel()
	for version, stateless := range generations {
		f := newFake(t)
		started, ended := make(chan struct{}), make(chan struct{})
		server := testServer()
		server.AddTool(&mcp.Tool{Name: "slow", InputSchema: json.RawMessage(`{"type":"object"}`)}, func(ctx context.Context, _ *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			close(started)
			<-ctx.Done()
			close(ended)
			return nil, ctx.Err()
		})
		f.mcp = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server },
			&mcp.StreamableHTTPOptions{Stateless: stateless, PropagateRequestCancellation: stateless})
		r := signedIn(t, f)
		before := f.count("/mcp")
		p := r.bridge(t)
		if !stateless {
			p.open()
		}
		p.send(calling(stateless, "5", "slow", "{}"))
		<-started
		p.send(`{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":5,"reason":"enough"}}`) //nolint:misspell // as MCP spells it
		select {
		case <-ended:
		case <-t.Context().Done():
			t.Fatalf("%s: the tool was not told", version)
		}
		if line := p.ask(calling(stateless, "6", "echo", "{}")); idOf(line) != "6" {
			t.Errorf("%s: %s", version, line)
		}
		if requests := f.count("/mcp") - before; stateless {
			want(t, "requests: nothing but the calls", requests, 2)
		}
	}
}

// A server of the older generation is told of a cancellation after the request,
// and holds nothing up when it ignores that.
func TestBridgeCancelIgnored(t *testing.T) {
	t.Parallel()
	s := scripted(t, func(w http.ResponseWriter, r *http.Request, body string) {
		if !handshake(w, r, body, "one") {
			<-r.Context().Done()
		}
	})
	r := signedInTo(t, s)
	r.Timeout = time.Minute
	var sent bytes.Buffer
	r.Debug = &sent
	p := r.bridge(t)
	p.open()
	p.send(calling(false, `"\u0061"`, "slow", "{}"), `{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"a"}}`) //nolint:misspell // as MCP spells it
	began := time.Now()
	rest, err := p.close()
	want(t, "end", err, nil)
	want(t, "answers", len(rest), 0)
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	// As they were sent: the server may look at one connection before the other.
	call, told := strings.Index(sent.String(), `"tools/call"`), strings.Index(sent.String(), `"requestId"`)
	if call < 0 || told < call {
		t.Errorf("the call is at %d of what was sent, its cancellation at %d", call, told)
	}
}

func TestBridgeBadMessages(t *testing.T) {
	t.Parallel()
	p := signedIn(t, newFake(t)).bridge(t)
	for _, c := range []struct {
		line, id string
		code     int
	}{
		{`nonsense`, "null", -32700},
		{`{"jsonrpc":"2.0","id":1`, "null", -32700},
		{"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"a\xff\"}", "null", -32700},
		{`[]`, "null", -32600},
		{`"text"`, "null", -32600},
		{`{"jsonrpc":"2.0","id":null,"method":"ping"}`, "null", -32600},
		{`{"jsonrpc":"2.0","id":{},"method":"ping"}`, "null", -32600},
		{`{"jsonrpc":"1.0","id":3,"method":"ping"}`, "3", -32600},
		{`{"jsonrpc":"2.0","id":4}`, "4", -32600},
		{`{"jsonrpc":"2.0","id":5,"method":7}`, "5", -32600},
	} {
		code, _ := said(t, p.ask(c.line), c.id)
		want(t, c.line, code, c.code)
	}
	code, message := said(t, p.ask(`{"jsonrpc":"2.0","id":9,"method":"`+strings.Repeat("x", 17<<20)+`"}`), "null")
	want(t, "large message", code, -32600)
	want(t, "large message", message, "the message is larger than 16 MiB")
	p.send("", "  ", "[\r"+calling(true, `"a"`, "echo", "{}")+",\r "+calling(true, `"b"`, "echo", "{}")+"]")
	ids := []string{idOf(p.line()), idOf(p.line())}
	slices.Sort(ids)
	want(t, "batch", strings.Join(ids, " "), `"a" "b"`)
}

// More requests than the bridge holds are refused; none is lost.
func TestBridgeTooManyRequests(t *testing.T) {
	t.Parallel()
	hold := make(chan struct{})
	s := scripted(t, func(w http.ResponseWriter, _ *http.Request, body string) {
		<-hold
		writeJSON(w, 200, `{"jsonrpc":"2.0","id":`+idOf(body)+`,"result":{}}`)
	})
	p := signedInTo(t, s).bridge(t)
	for i := range 130 {
		p.send(calling(true, fmt.Sprint(i), "a", "{}"))
	}
	for range 2 {
		line := p.line()
		_, message := said(t, line, idOf(line))
		want(t, "message", message, "too many requests are under way")
	}
	code, message := said(t, p.ask(calling(true, "0", "a", "{}")), "0")
	want(t, "the same id: "+message, code, -32600)
	close(hold)
	for range 128 {
		if line := p.line(); !strings.Contains(line, `"result"`) {
			t.Error(line)
		}
	}
}

// A tool whose arguments are mirrored in headers is called, though the client
// has its schema from elsewhere.
func TestBridgeMirrorsArguments(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	p := signedIn(t, f).bridge(t)
	for i := range 2 {
		before := f.count("/mcp")
		if line := p.ask(calling(true, fmt.Sprint(i), "regional", `{"region":"Zürich"}`)); !strings.Contains(line, "Zürich") {
			t.Error(line)
		}
		want(t, "requests", f.count("/mcp")-before, []int{3, 1}[i])
	}
}
