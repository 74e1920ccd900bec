package client_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// TestSubscribe: in both generations of the protocol the user hears that a
// resource has changed.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	for name, stateless := range map[string]bool{"handshake": false, "stateless": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := mcp.NewServer(&mcp.Implementation{Name: "changing", Version: "1"}, &mcp.ServerOptions{
				SubscribeHandler:   func(context.Context, *mcp.SubscribeRequest) error { return nil },
				UnsubscribeHandler: func(context.Context, *mcp.UnsubscribeRequest) error { return nil },
			})
			server.AddResource(&mcp.Resource{URI: "test://1", Name: "n"}, func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
				return &mcp.ReadResourceResult{}, nil
			})
			f := newFake(t)
			f.mcp = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: stateless})
			r := newRig(t, f)
			heard := make(chan string, 10)
			r.Updated = func(uri string) { heard <- uri }
			conn := r.connect(t)
			if !conn.Capabilities().Subscribe {
				t.Fatal("not offered")
			}
			if err := conn.Subscribe(t.Context(), "test://1"); err != nil {
				t.Fatal(explain(err))
			}
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			deadline := time.After(5 * time.Second)
			for {
				select {
				case uri := <-heard:
					if uri != "test://1" {
						t.Errorf("heard %q", uri)
					}
					return
				case <-tick.C: // a stream may still be on its way
					if err := server.ResourceUpdated(t.Context(), &mcp.ResourceUpdatedNotificationParams{URI: "test://1"}); err != nil {
						t.Fatal(err)
					}
				case <-deadline:
					t.Fatal("nothing was heard")
				}
			}
		})
	}
}

func TestSubscribeNotOffered(t *testing.T) {
	t.Parallel()
	conn := newRig(t, libraryFake(t, true)).connect(t)
	if err := conn.Subscribe(t.Context(), "test://1"); err == nil || conn.Capabilities().Subscribe {
		t.Errorf("subscribed to what is not offered: %v", err)
	}
}
