package client_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

const wallSchema = `{"type":"object","properties":{"zeta":{"type":"string"},"alpha":{"type":"integer"}},"required":["zeta"]}`

// askingFake has a tool that asks in the way of a generation of the protocol.
func askingFake(t *testing.T, stateless bool, question *mcp.ElicitParams) *fake {
	t.Helper()
	f := newFake(t)
	server := mcp.NewServer(&mcp.Implementation{Name: "asking", Version: "1"}, nil)
	server.AddTool(&mcp.Tool{Name: "ask", InputSchema: json.RawMessage(`{"type":"object"}`)}, asks(stateless, question))
	f.mcp = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server },
		&mcp.StreamableHTTPOptions{Stateless: stateless, PropagateRequestCancellation: true})
	return f
}

// asks is a tool that asks, and gives back what it was told.
func asks(stateless bool, question *mcp.ElicitParams) mcp.ToolHandler {
	return func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		var answer any = req.Params.InputResponses["q"]
		switch {
		case !stateless:
			given, err := req.Session.Elicit(ctx, question)
			if err != nil {
				return nil, err
			}
			answer = given
		case req.Params.InputResponses == nil:
			return &mcp.CallToolResult{InputRequests: mcp.InputRequestMap{"q": question}, RequestState: "state"}, nil
		}
		text, err := json.Marshal(answer)
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: string(text)}}}, err
	}
}

var generations = map[string]bool{"2026-07-28": true, "2025-11-25": false}

// TestElicit answers a form in both generations of the protocol. The clock of
// the call stands meanwhile.
func TestElicit(t *testing.T) {
	t.Parallel()
	for version, stateless := range generations {
		for _, answer := range []client.Answer{
			{Action: client.Accept, Content: json.RawMessage(`{"zeta":"z","alpha":42}`)},
			{Action: client.Decline},
			{Action: client.Cancel},
		} {
			f := askingFake(t, stateless, &mcp.ElicitParams{Message: "what?", RequestedSchema: json.RawMessage(wallSchema)})
			r := newRig(t, f)
			r.Timeout = time.Second
			var asked []client.Elicitation
			r.Elicit = func(_ context.Context, e client.Elicitation) (client.Answer, error) {
				asked = append(asked, e)
				<-time.After(1200 * time.Millisecond) // longer than Timeout
				return answer, nil
			}
			conn := r.connect(t)
			want(t, "version", conn.Identity().ProtocolVersion, version)
			got := call(t, conn, "ask").Content[0].Text
			wanted := `{"action":"` + string(answer.Action) + `"}`
			if answer.Content != nil {
				wanted = `{"action":"accept","content":{"alpha":42,"zeta":"z"}}`
			}
			want(t, version+" answer", got, wanted)
			if len(asked) != 1 || asked[0].Message != "what?" || asked[0].Server != r.Server {
				t.Fatalf("%s: asked %+v", version, asked)
			}
			want(t, version+" schema", string(asked[0].Schema), wallSchema)
		}
	}
}

type nameKey struct{}

// TestElicitAtOnce has two calls ask at once, over one session: each question comes
// in a context with the values of its call's, and neither waits for the other.
func TestElicitAtOnce(t *testing.T) {
	t.Parallel()
	for version, stateless := range generations {
		f := newFake(t)
		server := mcp.NewServer(&mcp.Implementation{Name: "asking", Version: "1"}, nil)
		for _, name := range []string{"one", "two"} {
			question := &mcp.ElicitParams{Message: name + "?", RequestedSchema: json.RawMessage(wallSchema)}
			server.AddTool(&mcp.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object"}`)}, asks(stateless, question))
		}
		f.mcp = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server },
			&mcp.StreamableHTTPOptions{Stateless: stateless, PropagateRequestCancellation: true})
		r := newRig(t, f)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		met, asked := make(chan struct{}), atomic.Int32{}
		r.Elicit = func(ctx context.Context, e client.Elicitation) (client.Answer, error) {
			if name, _ := ctx.Value(nameKey{}).(string); name+"?" != e.Message {
				t.Errorf("%s: %q was asked for the call %q", version, e.Message, name)
			}
			if asked.Add(1) == 2 {
				close(met)
			}
			select {
			case <-met:
			case <-ctx.Done():
			}
			return client.Answer{Action: client.Decline}, nil
		}
		conn := r.connect(t)
		var calls sync.WaitGroup
		for _, name := range []string{"one", "two"} {
			calls.Go(func() {
				if _, err := conn.Call(context.WithValue(ctx, nameKey{}, name), client.Call{Name: name}); err != nil {
					t.Errorf("%s: %v", version, err)
				}
			})
		}
		calls.Wait()
	}
}

// TestElicitNobody is a tool that asks a client which asks nobody.
func TestElicitNobody(t *testing.T) {
	t.Parallel()
	for version, stateless := range generations {
		f := askingFake(t, stateless, &mcp.ElicitParams{Message: "what?", RequestedSchema: json.RawMessage(wallSchema)})
		result, err := newRig(t, f).connect(t).Call(t.Context(), client.Call{Name: "ask"})
		if err == nil && !result.IsError {
			t.Errorf("%s: got %s", version, result.Raw)
		}
	}
}

// TestElicitInVain is a tool that only ever asks, and one that asks what nobody
// answers.
func TestElicitInVain(t *testing.T) {
	t.Parallel()
	for question, times := range map[string]int{
		`{"method":"elicitation/create","params":{"message":"what?","requestedSchema":` + wallSchema + `}}`: 9,
		`{"method":"sampling/createMessage","params":{"messages":[],"maxTokens":1}}`:                        0,
	} {
		f := newFake(t)
		listing(t, f, map[string]func(string) string{
			"server/discover": func(string) string {
				return `{"resultType":"complete","supportedVersions":["2026-07-28"],"capabilities":{"tools":{}}}`
			},
			"tools/call": func(string) string {
				return `{"resultType":"input_required","requestState":"s","inputRequests":{"q":` + question + `}}`
			},
		})
		r := newRig(t, f)
		r.AccessToken = "given"
		asked := 0
		r.Elicit = func(context.Context, client.Elicitation) (client.Answer, error) {
			asked++
			return client.Answer{Action: client.Decline}, nil
		}
		_, err := r.connect(t).Call(t.Context(), client.Call{Name: "ask"})
		want(t, "message", wantKind(t, err, client.KindFailure).Message, "the server asks for more input, and got none")
		want(t, "asked", asked, times)
	}
}

// TestAttack24ElicitedAddress offers addresses: nothing is fetched, and what
// leads astray is marked as refused.
func TestAttack24ElicitedAddress(t *testing.T) {
	t.Parallel()
	for address, refused := range map[string]bool{
		"https://EXAMPLE.com/pay": false, "javascript:alert(1)": true, "file:///etc/passwd": true,
		"https://bank.example@evil.example/": true, "http://example.com/": true, "https://10.0.0.1/": true, "https://a.example/\x1b]0;x": true,
	} {
		for version, stateless := range generations {
			f := askingFake(t, stateless, &mcp.ElicitParams{Mode: "url", Message: "go", URL: address, ElicitationID: "1"})
			r := newRig(t, f)
			var asked client.Elicitation
			r.Elicit = func(_ context.Context, e client.Elicitation) (client.Answer, error) {
				asked = e
				return client.Answer{Action: client.Decline}, nil
			}
			conn := r.connect(t)
			visits := r.opened()
			if got := call(t, conn, "ask").Content[0].Text; !strings.Contains(got, `"decline"`) {
				t.Errorf("%s: the tool got %s", version, got)
			}
			want(t, address, asked.Refused != nil, refused)
			want(t, "visits", r.opened(), visits)
			if !refused {
				want(t, "host", asked.Host, "example.com")
			}
		}
	}
}

// TestElicitInterrupted ends a call while the user is asked, and with it the question.
func TestElicitInterrupted(t *testing.T) {
	t.Parallel()
	for _, stateless := range generations {
		f := askingFake(t, stateless, &mcp.ElicitParams{Message: "what?", RequestedSchema: json.RawMessage(wallSchema)})
		r := newRig(t, f)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		r.Elicit = func(question context.Context, _ client.Elicitation) (client.Answer, error) {
			cancel()
			<-question.Done()
			ended <- question.Err()
			return client.Answer{}, question.Err()
		}
		_, err := r.connect(t).Call(ctx, client.Call{Name: "ask"})
		wantKind(t, err, client.KindInterrupted)
		<-ended
	}
}

// TestElicitGone is a server that goes away while the user is asked.
func TestElicitGone(t *testing.T) {
	t.Parallel()
	for version, stateless := range generations {
		f := askingFake(t, stateless, &mcp.ElicitParams{Message: "what?", RequestedSchema: json.RawMessage(wallSchema)})
		r := newRig(t, f)
		r.Elicit = func(context.Context, client.Elicitation) (client.Answer, error) {
			_ = f.Listener.Close()
			f.CloseClientConnections()
			return client.Answer{Action: client.Decline}, nil
		}
		_, err := r.connect(t).Call(t.Context(), client.Call{Name: "ask"})
		t.Logf("%s: %s", version, wantKind(t, err, client.KindUnavailable).Message)
	}
}

// TestOpenFirst is a server of 2025-11-25 that wants an address visited before
// it executes a call (-32042).
func TestOpenFirst(t *testing.T) {
	t.Parallel()
	for action, says := range map[client.Action]string{client.Accept: "opened address", client.Decline: "got none"} {
		f := newFake(t)
		server := mcp.NewServer(&mcp.Implementation{Name: "asking", Version: "1"}, nil)
		server.AddTool(&mcp.Tool{Name: "ask", InputSchema: json.RawMessage(`{"type":"object"}`)}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return nil, mcp.URLElicitationRequiredError([]*mcp.ElicitParams{{Mode: "url", Message: "go", URL: "https://example.com/pay", ElicitationID: "1"}})
		})
		f.mcp = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, nil)
		r := newRig(t, f)
		var asked []string
		r.Elicit = func(_ context.Context, e client.Elicitation) (client.Answer, error) {
			asked = append(asked, e.URL)
			return client.Answer{Action: action}, nil
		}
		_, err := r.connect(t).Call(t.Context(), client.Call{Name: "ask"})
		if own := wantKind(t, err, client.KindFailure); !strings.Contains(own.Message, says) {
			t.Errorf("%s: %s", action, explain(err))
		}
		want(t, "asked", strings.Join(asked, " "), "https://example.com/pay")
	}
}
