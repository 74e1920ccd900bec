package client_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// answered is how a server answers a method.
type answered struct {
	status int
	body   string // ID stands for the request's
}

// era is an MCP server without sign-in that answers each method as it is told.
type era struct {
	*httptest.Server

	mu      sync.Mutex
	answers map[string]answered
	asked   []string // methods
	offered []string // versions, in initialize
}

const (
	discovered = `{"jsonrpc":"2.0","id":ID,"result":{"resultType":"complete","supportedVersions":[%s],"capabilities":{"tools":{}}}}`
	greeted    = `{"jsonrpc":"2.0","id":ID,"result":{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"old","version":"1"}}}`
	called     = `{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":"done"}]}}`
	refused    = `{"jsonrpc":"2.0","id":ID,"error":{"code":%d,"message":"no"}}`
)

// newEra answers the probe as given, the handshake and a call.
func newEra(t *testing.T, probe answered) *era {
	t.Helper()
	e := &era{answers: map[string]answered{
		"server/discover": probe, "initialize": {200, greeted}, "notifications/initialized": {202, ""}, "tools/call": {200, called},
	}}
	e.Server = httptest.NewServer(e)
	t.Cleanup(e.Close)
	return e
}

func (e *era) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var message struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Params struct {
			Version string `json:"protocolVersion"`
		} `json:"params"`
	}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &message)
	e.mu.Lock()
	defer e.mu.Unlock()
	e.asked = append(e.asked, first(message.Method, r.Method))
	if message.Method == "initialize" {
		e.offered = append(e.offered, message.Params.Version)
	}
	answer := e.answers[message.Method]
	if strings.HasPrefix(answer.body, "{") {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, strings.ReplaceAll(answer.body, "ID", string(message.ID)))
}

// take gives the methods that were asked since the last time.
func (e *era) take() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer func() { e.asked = nil }()
	return strings.TrimSpace(strings.Join(e.asked, " "))
}

const (
	modern = "server/discover tools/call"
	older  = "server/discover initialize notifications/initialized tools/call"
	stays  = "server/discover"
)

// TestGeneration is the table of "Backward Compatibility", row by row: what the
// answer to the probe leads to.
func TestGeneration(t *testing.T) {
	t.Parallel()
	refusal := func(code int) string { return fmt.Sprintf(refused, code) }
	unsupported := func(versions string) string {
		return `{"jsonrpc":"2.0","id":ID,"error":{"code":-32022,"message":"no","data":{"supported":[` + versions + `],"requested":"2026-07-28"}}}`
	}
	for _, test := range []struct {
		name  string
		probe answered
		asked string
		kind  client.Kind // "": it works
		says  string
	}{
		{"newer", answered{200, fmt.Sprintf(discovered, `"2026-07-28"`)}, modern, "", ""},
		{"both", answered{200, fmt.Sprintf(discovered, `"2025-11-25","2026-07-28"`)}, modern, "", ""},
		{"knows the probe, speaks older ones", answered{200, fmt.Sprintf(discovered, `"2025-11-25"`)}, older, "", ""},
		{"speaks none of ours", answered{200, fmt.Sprintf(discovered, `"2099-01-01"`)}, stays, client.KindFailure, "speaks MCP 2099-01-01, this program 2026-07-28, 2025-11-25"},
		{"refuses the version, speaks older ones", answered{400, unsupported(`"2025-11-25","2025-06-18"`)}, older, "", ""},
		{"refuses the version, speaks none of ours", answered{400, unsupported(`"2099-01-01"`)}, stays, client.KindFailure, "speaks MCP 2099-01-01"},
		{"refuses the version, speaks escapes", answered{400, unsupported(`"\u001b[2J"`)}, stays, client.KindFailure, "speaks MCP ␛[2J"},
		{"finds fault with a header", answered{400, refusal(-32020)}, stays, client.KindFailure, "finds fault with a request: no"},
		{"finds fault with capabilities", answered{400, refusal(-32021)}, stays, client.KindFailure, "finds fault with a request: no"},
		{"400 without a body", answered{400, ""}, older, "", ""},
		{"400 with text", answered{400, "Bad Request: no session"}, older, "", ""},
		{"400, its own error", answered{400, refusal(-32000)}, older, "", ""},
		{"400, invalid request", answered{400, refusal(-32600)}, older, "", ""},
		{"400, invalid parameters", answered{400, refusal(-32602)}, older, "", ""},
		{"404", answered{404, ""}, older, "", ""},
		{"404, no such method", answered{404, refusal(-32601)}, older, "", ""},
		{"405", answered{405, ""}, older, "", ""},
		{"406", answered{406, ""}, older, "", ""},
		{"415", answered{415, ""}, older, "", ""},
		{"no such method", answered{200, refusal(-32601)}, older, "", ""},
		{"its own error, in an answer", answered{200, refusal(-32020)}, older, "", ""}, // only with 400 it is the newer generation's
		{"429", answered{429, ""}, stays, client.KindUnavailable, "429"},
		{"500", answered{500, ""}, stays, client.KindFailure, "500"},
		{"500, an error", answered{500, refusal(-32603)}, stays, client.KindFailure, "500"},
		{"501", answered{501, ""}, stays, client.KindFailure, "501"},
		{"503", answered{503, ""}, stays, client.KindUnavailable, "503"},
		{"401", answered{401, ""}, stays, client.KindAuth, "not signed in"},
		{"403", answered{403, ""}, stays, client.KindAuth, "refuses this request"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			e := newEra(t, test.probe)
			conn, err := client.Connect(t.Context(), client.Config{Server: e.URL + "/mcp"})
			if test.kind != "" {
				if own := wantKind(t, err, test.kind); !strings.Contains(own.Message, test.says) {
					t.Errorf("it says %q, want %q in it", own.Message, test.says)
				}
				want(t, "asked", e.take(), test.asked)
				return
			}
			if err != nil {
				t.Fatal(explain(err))
			}
			defer conn.Close()
			call(t, conn, "any")
			want(t, "asked", e.take(), test.asked)
			version := "2026-07-28"
			if test.asked == older {
				version = "2025-06-18"
				want(t, "offered", e.offered[0], "2025-11-25")
			}
			want(t, "version", conn.Identity().ProtocolVersion, version)
		})
	}
}

// A server that takes no handshake either has an older transport, or is none.
func TestNoGeneration(t *testing.T) {
	t.Parallel()
	for _, status := range []int{400, 404, 405} {
		e := newEra(t, answered{status, "no"})
		e.answers["initialize"] = answered{status, "no"}
		_, err := client.Connect(t.Context(), client.Config{Server: e.URL})
		own := wantKind(t, err, client.KindFailure)
		want(t, "message", own.Message, fmt.Sprintf("%s does not answer as an MCP server (HTTP status %d)", e.URL, status))
		want(t, "hint", own.Hint, "check the address; it often ends in /mcp. The transport HTTP+SSE of 2024-11-05 is not supported")
		want(t, "asked", e.take(), "server/discover initialize")
	}
}

// A server of the older generation is probed once; what is remembered of it is
// given up only when it does not hold, not when the server is merely away.
func TestGenerationRemembered(t *testing.T) {
	t.Parallel()
	e := newEra(t, answered{404, ""})
	var spoke []string
	cfg := client.Config{Server: e.URL, Spoke: func(version string) { spoke = append(spoke, version) }}
	connect := func() error {
		conn, err := client.Connect(t.Context(), cfg)
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	if err := connect(); err != nil {
		t.Fatal(explain(err))
	}
	want(t, "first", e.take(), "server/discover initialize notifications/initialized")
	cfg.Protocol = spoke[0]
	if err := connect(); err != nil {
		t.Fatal(explain(err))
	}
	want(t, "second", e.take(), "initialize notifications/initialized")

	e.answers["initialize"] = answered{503, ""}
	wantKind(t, connect(), client.KindUnavailable)
	want(t, "away", e.take(), "initialize")

	e.answers["server/discover"] = answered{200, fmt.Sprintf(discovered, `"2026-07-28"`)}
	for _, gone := range []answered{{404, fmt.Sprintf(refused, -32601)}, {400, ""}, {200, fmt.Sprintf(refused, -32601)}, {404, "gone"}} {
		e.answers["initialize"] = gone
		if err := connect(); err != nil {
			t.Fatal(explain(err))
		}
		want(t, "newer meanwhile", e.take(), "initialize server/discover")
	}
	cfg.Protocol = "2026-07-28"
	if err := connect(); err != nil {
		t.Fatal(explain(err))
	}
	want(t, "newer", e.take(), "server/discover")
	if !slices.Equal(spoke, []string{"2025-06-18", "2025-06-18", "2026-07-28", "2026-07-28", "2026-07-28", "2026-07-28", "2026-07-28"}) {
		t.Errorf("spoke %q", spoke)
	}
}

// A challenge to the handshake is answered like any other: it says nothing about
// the generation.
func TestGenerationRememberedSignIn(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.Protocol = "2025-11-25"
	conn := r.connect(t)
	call(t, conn, "echo")
	want(t, "version", conn.Identity().ProtocolVersion, "2025-11-25")
	want(t, "browsers", r.opened(), 1)
	want(t, "refused, handshake, notification, call", f.count("/mcp"), 4)
}

// An argument that is null travels in no header, one that is there does.
func TestNullArgumentInNoHeader(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var headers []http.Header
	f.on["/mcp"] = func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Method") == "tools/call" {
			headers = append(headers, r.Header)
		}
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		f.resource(w, r, body)
	}
	conn := newRig(t, f).connect(t)
	if _, err := conn.Tools(t.Context()); err != nil {
		t.Fatal(explain(err))
	}
	for _, arguments := range []string{`{"region":"eu"}`, `{"region":null}`, `{}`} {
		_, _ = conn.Call(t.Context(), client.Call{Name: "regional", Arguments: json.RawMessage(arguments)})
	}
	want(t, "calls", len(headers), 3)
	want(t, "there", headers[0].Get("Mcp-Param-Region"), "eu")
	want(t, "null", len(headers[1].Values("Mcp-Param-Region")), 0)
	want(t, "absent", len(headers[2].Values("Mcp-Param-Region")), 0)
}
