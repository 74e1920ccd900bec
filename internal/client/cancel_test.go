package client_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// TestCancelReachesServer interrupts a call: the tool's context ends in both
// generations of the protocol.
func TestCancelReachesServer(t *testing.T) {
	t.Parallel()
	for version, stateless := range generations {
		f := newFake(t)
		started, ended := make(chan struct{}), make(chan struct{})
		server := mcp.NewServer(&mcp.Implementation{Name: "slow", Version: "1"}, nil)
		server.AddTool(&mcp.Tool{Name: "slow", InputSchema: json.RawMessage(`{"type":"object"}`)}, func(ctx context.Context, _ *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			close(started)
			select {
			case <-ctx.Done():
				close(ended)
			case <-time.After(5 * time.Second):
			}
			return nil, ctx.Err()
		})
		f.mcp = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server },
			&mcp.StreamableHTTPOptions{Stateless: stateless, PropagateRequestCancellation: stateless})
		conn := newRig(t, f).connect(t)
		want(t, "version", conn.Identity().ProtocolVersion, version)
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-started; cancel() }()
		_, err := conn.Call(ctx, client.Call{Name: "slow"})
		wantKind(t, err, client.KindInterrupted)
		if err := conn.Close(); err != nil { // as the command does at once
			t.Error(err)
		}
		select {
		case <-ended:
		case <-time.After(6 * time.Second):
			t.Errorf("%s: the tool was not told", version)
		}
	}
}
