package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// flaky is a network that can be taken away.
type flaky struct {
	mu   sync.Mutex
	down bool
}

func (f *flaky) RoundTrip(req *http.Request) (*http.Response, error) {
	f.mu.Lock()
	down := f.down
	f.mu.Unlock()
	if down {
		return nil, syscall.ECONNREFUSED
	}
	return http.DefaultTransport.RoundTrip(req)
}

// The server is away, and comes back.
func TestBridgeServerDown(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := signedIn(t, f)
	network := &flaky{down: true}
	r.Transport = network
	p := r.bridge(t)
	_, message := said(t, p.ask(calling(true, "1", "echo", "{}")), "1")
	if !strings.Contains(message, "connection refused") {
		t.Error(message)
	}
	network.mu.Lock()
	network.down = false
	network.mu.Unlock()
	if line := p.ask(calling(true, "2", "echo", "{}")); !strings.Contains(line, `"result"`) {
		t.Error(line)
	}
	f.set(func() {
		f.on["/mcp"] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	_, message = said(t, p.ask(calling(true, "3", "echo", "{}")), "3")
	if !strings.HasSuffix(message, "(HTTP status 503): try again in 7s") {
		t.Error(message)
	}
	before := f.count("/mcp")
	f.set(func() {
		f.on["/mcp"] = func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	})
	_, message = said(t, p.ask(calling(true, "4", "echo", "{}")), "4")
	if !strings.HasSuffix(message, "broke off before it answered") {
		t.Error(message)
	}
	want(t, "requests", f.count("/mcp"), before+1) // it may have run
}

// What the server answers instead of JSON-RPC becomes JSON-RPC.
func TestBridgeWrongAnswers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, method string
		answer       func(w http.ResponseWriter)
		code         int
		text         string
	}{
		{"its own error, without an id", "ping", func(w http.ResponseWriter) {
			writeJSON(w, 400, `{"jsonrpc":"2.0","id":null,"error":{"code":-32099,"message":"no","data":{"n":1.0}}}`)
		}, -32099, "no"},
		{"a page", "ping", func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<p>")
		}, -32603, "does not answer as an MCP server"},
		{"an older server", "server/discover", func(w http.ResponseWriter) { w.WriteHeader(http.StatusMethodNotAllowed) }, -32601, "does not answer"},
		{"nothing", "ping", func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) }, -32603, "does not answer"},
		{"another's answer", "ping", func(w http.ResponseWriter) { writeJSON(w, 200, `{"jsonrpc":"2.0","id":"else","result":{}}`) }, -32603, "broke off"},
		{"a header without end", "ping", func(w http.ResponseWriter) {
			w.Header().Set("X-Endless", strings.Repeat("x", 2<<20))
			writeJSON(w, 200, `{"jsonrpc":"2.0","id":1,"result":{}}`)
		}, -32603, "broke off"},
		{"an error", "ping", func(w http.ResponseWriter) { w.WriteHeader(http.StatusInternalServerError) }, -32603, "failed (HTTP status 500)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := scripted(t, func(w http.ResponseWriter, _ *http.Request, _ string) { c.answer(w) })
			p := signedInTo(t, s).bridge(t)
			code, text := said(t, p.ask(`{"jsonrpc":"2.0","id":1,"method":"`+c.method+`","params":{`+meta+`}}`), "1")
			want(t, "code", code, c.code)
			if !strings.Contains(text, c.text) {
				t.Error(text)
			}
		})
	}
}

// signedInTo is a rig with a token for a script.
func signedInTo(t *testing.T, s *script) *rig {
	t.Helper()
	r := newRig(t, s.fake)
	r.SignIn, r.AccessToken = false, "given"
	s.set(func() { s.access["given"] = nil })
	return r
}

// At the end of the client's messages what is under way is answered, and the
// session ended.
func TestBridgeEnds(t *testing.T) {
	t.Parallel()
	arrived, hold := make(chan struct{}), make(chan struct{})
	s := scripted(t, func(w http.ResponseWriter, r *http.Request, body string) {
		switch {
		case handshake(w, r, body, "one"):
		case r.Method == http.MethodGet:
			writeEvents(w, ": open\n\n")
			<-r.Context().Done()
		default:
			close(arrived)
			<-hold
			writeJSON(w, 200, "{\n \"jsonrpc\": \"2.0\",\r\n \"id\": "+idOf(body)+",\n \"result\": {\"n\": 1.0}}\n")
		}
	})
	p := signedInTo(t, s).bridge(t)
	p.open()
	p.send(calling(false, "2", "a", "{}"))
	<-arrived
	go func() { _ = p.in.Close(); close(hold) }()
	rest, err := p.close()
	want(t, "end", err, nil)
	want(t, "answers", strings.Join(rest, "\n"), `{"jsonrpc":"2.0","id":2,"result":{"n":1.0}}`)
	want(t, "sessions ended", len(s.got("DELETE", "")), 1)
}

// An answer that takes longer than there is time is given up.
func TestBridgeEndsInTime(t *testing.T) {
	t.Parallel()
	s := scripted(t, func(_ http.ResponseWriter, r *http.Request, _ string) { <-r.Context().Done() })
	r := signedInTo(t, s)
	r.Timeout = 100 * time.Millisecond
	p := r.bridge(t)
	p.send(calling(true, "2", "a", "{}"), `{"jsonrpc":"2.0","id":3,"method":"subscriptions/listen","params":{`+meta+`}}`)
	poll(t, func() bool { return len(s.got("POST", "")) == 2 })
	rest, err := p.close()
	want(t, "end", err, nil)
	want(t, "answers", len(rest), 1)
	_, message := said(t, rest[0], "2")
	want(t, "message", message, s.URL+"/mcp did not answer within 100ms")
}

// An interrupted bridge ends at once, even when the client does not read.
func TestBridgeInterrupted(t *testing.T) {
	t.Parallel()
	s := scripted(t, func(w http.ResponseWriter, r *http.Request, body string) {
		if !handshake(w, r, body, "one") {
			w.WriteHeader(http.StatusMethodNotAllowed)
		}
	})
	r := signedInTo(t, s)
	in, stdin := io.Pipe()
	_, out := io.Pipe() // nobody reads
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- client.Bridge(ctx, r.Config, client.Stdio{In: in, Out: out}) }()
	if _, err := io.WriteString(stdin, initialize(1)+"\n"); err != nil {
		t.Fatal(err)
	}
	poll(t, func() bool { return len(s.got("POST", "")) == 1 })
	stop()
	wantKind(t, <-ended, client.KindInterrupted)
}

// A client that went away ends the bridge.
func TestBridgeClientGone(t *testing.T) {
	t.Parallel()
	r := signedIn(t, newFake(t))
	in, stdin := io.Pipe()
	reader, out := io.Pipe()
	_ = reader.CloseWithError(errors.New("gone"))
	ended := make(chan error, 1)
	go func() { ended <- client.Bridge(t.Context(), r.Config, client.Stdio{In: in, Out: out}) }()
	go func() { _, _ = io.WriteString(stdin, "nonsense\n") }()
	wantKind(t, <-ended, client.KindFailure)
}
