package server_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

func TestProxySessions(t *testing.T) {
	t.Parallel()
	r := before(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		session := req.Header.Get("Mcp-Session-Id")
		if session == "" {
			session = "session.1"
		}
		w.Header().Set("Mcp-Session-Id", session)
		_, _ = io.WriteString(w, session)
	}))
	nellys, masons := r.signIn(nelly, "identify"), r.signIn(mason, "identify")
	sealed := r.send(message{token: nellys}).header.Get("Mcp-Session-Id")
	other := r.send(message{token: masons}).header.Get("Mcp-Session-Id")
	if !strings.HasPrefix(sealed, "session.1.") || sealed == other {
		t.Fatalf("sessions %q and %q", sealed, other)
	}
	for _, test := range []struct {
		name, token string
		ids         []string
		status      int
	}{
		{"own", nellys, []string{sealed}, 200},
		{"of another user", masons, []string{sealed}, 404},
		{"without its MAC", nellys, []string{"session.1"}, 404},
		{"with an empty MAC", nellys, []string{"session.1."}, 404},
		{"changed", nellys, []string{"x" + sealed}, 404},
		{"cut", nellys, []string{sealed[:len(sealed)-1]}, 404},
		{"MAC alone", nellys, []string{sealed[strings.LastIndexByte(sealed, '.'):]}, 404},
		{"two", nellys, []string{sealed, sealed}, 404},
		{"empty", nellys, []string{""}, 404},
		{"endless", nellys, []string{strings.Repeat("a", 10_000) + "." + sealed}, 404},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
				got := r.send(message{method: method, token: test.token, header: http.Header{"Mcp-Session-Id": test.ids}})
				if got.status != test.status || got.status == 200 && (got.body != "session.1" || got.header.Get("Mcp-Session-Id") != sealed) {
					t.Errorf("%s: %d %s, session %q", method, got.status, got.body, got.header.Get("Mcp-Session-Id"))
				}
			}
		})
	}
}

func TestProxySessionsOutliveTheirKey(t *testing.T) {
	t.Parallel()
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Mcp-Session-Id", "session.1")
		_, _ = io.WriteString(w, req.Header.Get("Mcp-Session-Id"))
	}))
	t.Cleanup(upstream.Close)
	with := func(letters ...string) *rig {
		return start(t, setup{config: func(c *server.Config) {
			proxyTo(t, upstream.URL)(c)
			c.ProxyKeys = nil
			for _, letter := range letters {
				c.ProxyKeys = append(c.ProxyKeys, bytes.Repeat([]byte(letter), 32))
			}
		}})
	}
	before, during, after := with("o"), with("n", "o"), with("n")
	session := func(r *rig, id string) answer {
		return r.send(message{token: r.signIn(nelly, "identify"), header: http.Header{"Mcp-Session-Id": {id}}})
	}
	old := before.send(message{token: before.signIn(nelly, "identify")}).header.Get("Mcp-Session-Id")
	got := session(during, old)
	if got.status != 200 || got.body != "session.1" {
		t.Fatalf("a session of the old key: %d %s", got.status, got.body)
	}
	if id := got.header.Get("Mcp-Session-Id"); id == old || session(after, id).status != 200 {
		t.Errorf("not bound anew: %s", id)
	}
	if got := session(after, old); got.status != 404 {
		t.Errorf("a session of a key that is gone: %d", got.status)
	}
}

// A client with sessions of the SDK, through the proxy.
func TestProxySDK(t *testing.T) {
	t.Parallel()
	upstream := mcp.NewServer(&mcp.Implementation{Name: "up", Version: "1"}, nil)
	type nothing struct{}
	mcp.AddTool(upstream, &mcp.Tool{Name: "who"}, func(_ context.Context, req *mcp.CallToolRequest, _ nothing) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: req.Extra.Header.Get("X-Discord-Username")}}}, nil, nil
	})
	r := before(t, mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return upstream }, nil))
	client := mcp.NewClient(&mcp.Implementation{Name: "t", Version: "1"}, nil)
	session, err := client.Connect(t.Context(), &mcp.StreamableClientTransport{
		Endpoint: r.base + "/mcp", HTTPClient: &http.Client{Transport: bearer(r.signIn(mason, "identify"))},
	}, nil)
	must(t, err)
	result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "who"})
	must(t, err)
	if text := result.Content[0].(*mcp.TextContent).Text; text != "mason" {
		t.Errorf("upstream sees %q", text)
	}
	if _, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: "get_user_info"}); err == nil {
		t.Error("a built-in tool is there")
	}
	must(t, session.Close())
}
