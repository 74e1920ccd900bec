package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// talkingFake has a tool that says much while it runs, in the way of a
// generation of the protocol.
func talkingFake(t *testing.T, stateless bool) *fake {
	t.Helper()
	f := newFake(t)
	//nolint:staticcheck // logging is deprecated, and what servers have
	server := mcp.NewServer(&mcp.Implementation{Name: "talking", Version: "1"}, &mcp.ServerOptions{Capabilities: &mcp.ServerCapabilities{Logging: &mcp.LoggingCapabilities{}}})
	server.AddTool(&mcp.Tool{Name: "talk", InputSchema: json.RawMessage(`{"type":"object"}`)}, func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		token := req.Params.GetProgressToken()
		for _, p := range []*mcp.ProgressNotificationParams{
			{ProgressToken: "a stranger's", Progress: 99},
			{ProgressToken: token, Progress: 1, Total: 2, Message: "half"},
			{ProgressToken: token, Progress: 2, Message: strings.Repeat("ä", 10_000)},
		} {
			if token == nil {
				break
			}
			if err := req.Session.NotifyProgress(ctx, p); err != nil {
				return nil, err
			}
		}
		for _, data := range []any{"in words", map[string]any{"n": json.Number("80351110224678912345")}} {
			//nolint:staticcheck // as above
			if err := req.Session.Log(ctx, &mcp.LoggingMessageParams{Level: "warning", Logger: "disk", Data: data}); err != nil {
				return nil, err
			}
		}
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "done"}}}, nil
	})
	f.mcp = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: stateless})
	return f
}

// TestCallHears gets what a server says of a call, in both generations of the
// protocol, and asks for nothing that nobody hears.
func TestCallHears(t *testing.T) {
	t.Parallel()
	for version, stateless := range generations {
		f := talkingFake(t, stateless)
		conn := newRig(t, f).connect(t)
		want(t, "version", conn.Identity().ProtocolVersion, version)
		for again := range 2 { // in one session
			var heard []string
			before := f.count("/mcp")
			result, err := conn.Call(t.Context(), client.Call{
				Name:     "talk",
				Progress: func(p client.Progress) { heard = append(heard, fmt.Sprint(p.Done, p.Total, len(p.Message))) },
				Log:      func(m client.LogMessage) { heard = append(heard, m.Level+" "+m.Logger+" "+m.Text) },
			})
			if err != nil {
				t.Fatal(explain(err))
			}
			if diff := cmp.Diff([]string{"1 2 4", "2 0 4099", "warning disk in words", `warning disk {"n":80351110224678912345}`}, heard); diff != "" {
				t.Errorf("%s heard:\n%s", version, diff)
			}
			want(t, "answer", result.Content[0].Text, "done")
			if again > 0 { // an older server was asked for its log before
				want(t, version+" requests", f.count("/mcp")-before, 1)
			}
		}
		result := call(t, conn, "talk")
		if request := string(result.Exchange.Request); strings.Contains(request, "progressToken") || strings.Contains(request, "logLevel") {
			t.Errorf("%s: asked for what nobody hears: %s", version, request)
		}
	}
}

// TestCallExchange keeps both messages of a call, also of one that failed.
func TestCallExchange(t *testing.T) {
	t.Parallel()
	conn := newRig(t, newFake(t)).connect(t)
	result, err := conn.Call(t.Context(), client.Call{Name: "echo", Arguments: json.RawMessage(`{"zeta":"1","alpha":80351110224678912345}`)})
	if err != nil {
		t.Fatal(explain(err))
	}
	if request := string(result.Exchange.Request); !strings.Contains(request, `"method":"tools/call"`) || !strings.Contains(request, `{"zeta":"1","alpha":80351110224678912345}`) {
		t.Errorf("request: %s", request)
	}
	if response := string(result.Exchange.Response); !strings.Contains(response, `"jsonrpc":"2.0"`) || !strings.Contains(response, string(result.Raw)) {
		t.Errorf("response: %s", response)
	}
	_, err = conn.Call(t.Context(), client.Call{Name: "no-such-tool"})
	own := wantKind(t, err, client.KindFailure)
	if !strings.Contains(string(own.Exchange.Request), "no-such-tool") || !strings.Contains(string(own.Exchange.Response), `"error":{`) {
		t.Errorf("exchange: %s %s", own.Exchange.Request, own.Exchange.Response)
	}
}

// TestCallExchangeAsked keeps the call itself, not what was answered meanwhile.
func TestCallExchangeAsked(t *testing.T) {
	t.Parallel()
	for version, stateless := range generations {
		r := newRig(t, askingFake(t, stateless, &mcp.ElicitParams{Message: "what?", RequestedSchema: json.RawMessage(wallSchema)}))
		r.Elicit = func(context.Context, client.Elicitation) (client.Answer, error) {
			return client.Answer{Action: client.Decline}, nil
		}
		result := call(t, r.connect(t), "ask")
		if request := string(result.Exchange.Request); !strings.Contains(request, `"method":"tools/call"`) {
			t.Errorf("%s: request: %s", version, request)
		}
		want(t, version, strings.Contains(string(result.Exchange.Response), string(result.Raw)), true)
	}
}

// TestCallExchangeOfCall keeps the call itself, not what was sent because of it.
func TestCallExchangeOfCall(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	conn := r.connect(t)
	f.set(func() {
		f.on["/mcp"] = func(w http.ResponseWriter, req *http.Request) {
			var message struct {
				ID     json.RawMessage `json:"id"`
				Method string          `json:"method"`
			}
			if err := json.NewDecoder(req.Body).Decode(&message); err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,"error":{"code":%d,"message":"no %s"}}`, message.ID, mcp.CodeHeaderMismatch, message.Method)
		}
	})
	_, err := conn.Call(t.Context(), client.Call{Name: "echo"}) // and then the list, for the headers
	own := wantKind(t, err, client.KindFailure)
	if request := string(own.Exchange.Request); !strings.Contains(request, `"method":"tools/call"`) {
		t.Errorf("request: %s", request)
	}
	if response := string(own.Exchange.Response); !strings.Contains(response, "no tools/call") {
		t.Errorf("response: %s", response)
	}
}

// TestCallHearsPieces reads a stream that comes byte by byte, with the line
// endings of either kind, and an odd message among the good ones.
func TestCallHearsPieces(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.Transport = byBytes{}
	conn := r.connect(t)
	f.set(func() {
		f.on["/mcp"] = func(w http.ResponseWriter, req *http.Request) {
			var message struct {
				ID     json.RawMessage `json:"id"`
				Params struct {
					Meta struct {
						Token string `json:"progressToken"`
					} `json:"_meta"`
				} `json:"params"`
			}
			if err := json.NewDecoder(req.Body).Decode(&message); err != nil {
				t.Error(err)
			}
			w.Header().Set("Content-Type", "text/event-stream")
			progress := `data: {"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"` + message.Params.Meta.Token + `","progress":%s}}`
			stream := fmt.Sprintf(progress, "1") + "\r\n\r\n: a comment\n\n" + fmt.Sprintf(progress, `"x"`) + "\n\n" + fmt.Sprintf(progress, "2") +
				"\n\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\"id\":" + string(message.ID) + ",\ndata: \"result\":{\"resultType\":\"complete\",\"content\":[]}}\n\n"
			_, _ = w.Write([]byte(stream))
		}
	})
	var heard []float64
	if _, err := conn.Call(t.Context(), client.Call{Name: "echo", Progress: func(p client.Progress) { heard = append(heard, p.Done) }}); err != nil {
		t.Fatal(explain(err))
	}
	if diff := cmp.Diff([]float64{1, 2}, heard); diff != "" {
		t.Errorf("heard:\n%s", diff)
	}
}

// byBytes is a transport whose answers are read byte by byte.
type byBytes struct{}

func (byBytes) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{iotest.OneByteReader(resp.Body), resp.Body}
	}
	return resp, err
}

// TestCallHearsNothingLater interrupts a call that goes on talking.
func TestCallHearsNothingLater(t *testing.T) {
	t.Parallel()
	for _, stateless := range generations {
		f := newFake(t)
		server := mcp.NewServer(&mcp.Implementation{Name: "talking", Version: "1"}, nil)
		over := make(chan struct{})
		t.Cleanup(func() { close(over) })
		server.AddTool(&mcp.Tool{Name: "talk", InputSchema: json.RawMessage(`{"type":"object"}`)}, func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			for i := 0.0; ctx.Err() == nil; i++ {
				select {
				case <-over:
					return nil, context.Canceled
				default:
					_ = req.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: req.Params.GetProgressToken(), Progress: i})
				}
			}
			return nil, ctx.Err()
		})
		f.mcp = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: stateless, PropagateRequestCancellation: stateless})
		ctx, cancel := context.WithCancel(t.Context())
		returned := false // the race detector sees a hearer that comes too late
		_, err := newRig(t, f).connect(t).Call(ctx, client.Call{Name: "talk", Progress: func(p client.Progress) {
			if returned {
				t.Error("heard after the end")
			}
			if p.Done >= 3 {
				cancel()
			}
		}})
		returned = true
		wantKind(t, err, client.KindInterrupted)
	}
}
