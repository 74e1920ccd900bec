package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// changing is a server whose resource and lists change, and that can begin anew.
type changing struct {
	*fake
	server    *mcp.Server
	stateless bool
	heard     chan client.News

	mu      sync.Mutex // guards what follows
	handler http.Handler
	refuse  error                                           // of subscriptions
	before  func(w http.ResponseWriter, method string) bool // nil: nothing; true: it has answered
	watched []string                                        // + and - and an address
	methods []string
}

func newChanging(t *testing.T, stateless bool) (*changing, *client.Conn) {
	t.Helper()
	c := &changing{fake: newFake(t), stateless: stateless, heard: make(chan client.News, 1000)}
	note := func(sign, uri string) error {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.watched = append(c.watched, sign+uri)
		return c.refuse
	}
	c.server = mcp.NewServer(&mcp.Implementation{Name: "changing", Version: "1"}, &mcp.ServerOptions{
		SubscribeHandler:   func(_ context.Context, r *mcp.SubscribeRequest) error { return note("+", r.Params.URI) },
		UnsubscribeHandler: func(_ context.Context, r *mcp.UnsubscribeRequest) error { return note("-", r.Params.URI) },
	})
	read := func(context.Context, *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		return &mcp.ReadResourceResult{}, nil
	}
	c.server.AddResource(&mcp.Resource{URI: "test://1", Name: "n"}, read)
	c.server.AddTool(&mcp.Tool{Name: "first", InputSchema: map[string]any{"type": "object"}}, nothing)
	c.server.AddPrompt(&mcp.Prompt{Name: "first"}, nil)
	c.restart()
	c.mcp = http.HandlerFunc(c.serve)
	r := newRig(t, c.fake)
	r.Heard = func(news client.News) { c.heard <- news }
	return c, r.connect(t)
}

func nothing(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	return &mcp.CallToolResult{}, nil
}

func (c *changing) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	_, method, _ := strings.Cut(string(body), `"method":"`)
	method, _, _ = strings.Cut(r.Method+" "+method, `"`)
	c.mu.Lock()
	c.methods = append(c.methods, method)
	handler, before := c.handler, c.before
	c.mu.Unlock()
	if before == nil || !before(w, method) {
		handler.ServeHTTP(w, r)
	}
}

// restart forgets all sessions, and cuts all streams.
func (c *changing) restart() {
	c.mu.Lock()
	c.handler = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return c.server },
		&mcp.StreamableHTTPOptions{Stateless: c.stateless, PropagateRequestCancellation: c.stateless})
	c.mu.Unlock()
	c.CloseClientConnections()
}

// answer makes the server answer something itself.
func (c *changing) answer(before func(w http.ResponseWriter, method string) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.before = before
}

// had is what the server was asked to tell of.
func (c *changing) had() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return strings.Join(c.watched, " ")
}

// hear waits for news, doing something meanwhile again and again.
func (c *changing) hear(t *testing.T, what string, wanted func(client.News) bool, meanwhile func()) client.News {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(15 * time.Second)
	for {
		select {
		case news := <-c.heard:
			if wanted(news) {
				return news
			}
		case <-tick.C: // a stream may still be on its way
			meanwhile()
		case <-deadline:
			t.Fatalf("nothing was heard of %s; the server had %s", what, c.had())
		}
	}
}

func (c *changing) changes(t *testing.T) func() {
	return func() {
		if err := c.server.ResourceUpdated(t.Context(), &mcp.ResourceUpdatedNotificationParams{URI: "test://1"}); err != nil {
			t.Error(err)
		}
	}
}

func changed(news client.News) bool { return news.Kind == client.NewsResource && !news.Missed }
func missed(news client.News) bool  { return news.Kind == client.NewsResource && news.Missed }

func pings(t *testing.T, conn *client.Conn) func() {
	return func() { _ = conn.Ping(t.Context()) }
}

func subscribe(t *testing.T, conn *client.Conn) {
	t.Helper()
	if err := conn.Subscribe(t.Context(), "test://1"); err != nil {
		t.Fatal(explain(err))
	}
}

// inBoth runs a test in both generations of the protocol.
func inBoth(t *testing.T, test func(t *testing.T, c *changing, conn *client.Conn)) {
	t.Helper()
	for version, stateless := range generations {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			c, conn := newChanging(t, stateless)
			test(t, c, conn)
		})
	}
}

// TestSubscribe: the user hears that a resource has changed, until he does not
// want to any more; and asking twice is asking once.
func TestSubscribe(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, c *changing, conn *client.Conn) {
		if !conn.Capabilities().Subscribe {
			t.Fatal("not offered")
		}
		subscribe(t, conn)
		subscribe(t, conn)
		if news := c.hear(t, "the change", changed, c.changes(t)); news.URI != "test://1" {
			t.Errorf("heard %+v", news)
		}
		want(t, "asked", c.had(), "+test://1")
		for range 2 {
			if err := conn.Unsubscribe(t.Context(), "test://1"); err != nil {
				t.Fatal(explain(err))
			}
		}
		poll(t, func() bool { return c.had() == "+test://1 -test://1" })
		call(t, conn, "first")
		c.mu.Lock()
		defer c.mu.Unlock()
		if slices.Contains(c.methods, "POST notifications/cancelled") { //nolint:misspell // as MCP spells it
			t.Error("a stream that was closed was canceled, too")
		}
		discovers := len(slices.DeleteFunc(slices.Clone(c.methods), func(m string) bool { return m != "POST server/discover" }))
		want(t, "sessions asked for", discovers, 1)
	})
}

// TestSubscribeAgain: a server that begins anew knows nothing of what was
// watched. It is watched again, and the user hears that he may have missed
// something.
func TestSubscribeAgain(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, c *changing, conn *client.Conn) {
		subscribe(t, conn)
		c.hear(t, "the change", changed, c.changes(t))
		c.restart()
		c.hear(t, "the cut", func(n client.News) bool { return n.Kind == client.NewsCut }, func() {})
		if news := c.hear(t, "what may have changed", missed, pings(t, conn)); news.URI != "test://1" {
			t.Errorf("heard %+v", news)
		}
		c.hear(t, "the change afterwards", changed, c.changes(t))
	})
}

// TestSubscribeAgainRefused: then the user hears that, once, and may try again.
func TestSubscribeAgainRefused(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, c *changing, conn *client.Conn) {
		subscribe(t, conn)
		c.hear(t, "the change", changed, c.changes(t))
		c.mu.Lock()
		c.refuse = errors.New("too many watch it")
		c.mu.Unlock()
		c.restart()
		news := c.hear(t, "the refusal", func(n client.News) bool { return n.Kind == client.NewsUnwatched }, pings(t, conn))
		if own := wantKind(t, news.Err, client.KindFailure); news.URI != "test://1" || !strings.Contains(own.Message, "too many watch it") {
			t.Errorf("heard %s, %s", news.URI, explain(news.Err))
		}
		c.mu.Lock()
		c.refuse = nil
		c.mu.Unlock()
		subscribe(t, conn)
		c.hear(t, "the change afterwards", changed, c.changes(t))
	})
}

// TestSubscribeRefused: the SDK would say nothing of that in the newer generation.
func TestSubscribeRefused(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, c *changing, conn *client.Conn) {
		c.refuse = errors.New("too many watch it")
		for range 2 {
			own := wantKind(t, conn.Subscribe(t.Context(), "test://1"), client.KindFailure)
			if !strings.Contains(own.Message, "too many watch it") {
				t.Error(explain(own))
			}
		}
		c.refuse = nil
		subscribe(t, conn)
	})
}

// Whatever else may become of a subscription of the newer generation.
func TestSubscribeFails(t *testing.T) {
	t.Parallel()
	const listening = "POST subscriptions/listen"
	event := func(text string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "data: "+text+"\n\n")
		}
	}
	for _, test := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		kind   client.Kind
	}{
		{"not known", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNotFound) }, client.KindFailure},
		{"busy", func(w http.ResponseWriter) { w.WriteHeader(http.StatusServiceUnavailable) }, client.KindUnavailable},
		{"forbidden", func(w http.ResponseWriter) { w.WriteHeader(http.StatusForbidden) }, client.KindAuth},
		{"no stream", func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"jsonrpc":"2.0","id":1,"result":{}}`) }, client.KindFailure},
		{"nothing granted", event(`{"jsonrpc":"2.0","method":"notifications/subscriptions/acknowledged","params":{"notifications":{}}}`), client.KindFailure},
		{"an error", event(`{"jsonrpc":"2.0","id":1,"error":{"code":-32602,"message":"no"}}`), client.KindFailure},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c, conn := newChanging(t, true)
			c.answer(func(w http.ResponseWriter, method string) bool {
				if method == listening {
					test.answer(w)
				}
				return method == listening
			})
			wantKind(t, conn.Subscribe(t.Context(), "test://1"), test.kind)
			c.answer(nil)
			subscribe(t, conn)
		})
	}
}

// TestSubscribeHangs: a server that says nothing does not keep the user for ever.
func TestSubscribeHangs(t *testing.T) {
	t.Parallel()
	c, conn := newChanging(t, true)
	ctx, cancel := context.WithCancel(t.Context())
	c.answer(func(_ http.ResponseWriter, method string) bool {
		if method == "POST subscriptions/listen" {
			cancel()
			<-t.Context().Done()
		}
		return false
	})
	wantKind(t, conn.Subscribe(ctx, "test://1"), client.KindInterrupted)
	c.answer(nil)
	subscribe(t, conn)
}

// TestStreamsFollowRedirects within the server, as the other requests do.
func TestStreamsFollowRedirects(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, c *changing, conn *client.Conn) {
		var mu sync.Mutex
		turn := 0
		c.answer(func(w http.ResponseWriter, method string) bool {
			if method != "POST subscriptions/listen" && method != "GET " {
				return false
			}
			mu.Lock()
			defer mu.Unlock()
			if turn++; turn%2 == 0 {
				return false
			}
			w.Header().Set("Location", "/mcp")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		})
		if conn.Identity().ProtocolVersion < "2026-07-28" { // the stream was opened with the session
			c.restart()
			poll(t, func() bool { return conn.Ping(t.Context()) == nil }) // what was cut is no connection any more
		}
		subscribe(t, conn)
		c.hear(t, "the change", changed, c.changes(t))
	})
}

// TestBusyWhenBack: what cannot be watched again now is tried later, and nothing
// is told twice meanwhile.
func TestBusyWhenBack(t *testing.T) {
	t.Parallel()
	c, conn := newChanging(t, false)
	subscribe(t, conn)
	c.hear(t, "the change", changed, c.changes(t))
	var refused atomic.Int32
	c.answer(func(w http.ResponseWriter, method string) bool {
		if method != "POST resources/subscribe" {
			return false
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		refused.Add(1)
		return true
	})
	c.restart()
	poll(t, func() bool { pings(t, conn)(); return refused.Load() >= 3 })
	c.answer(nil)
	tools := 0
	c.hear(t, "what may have changed", func(n client.News) bool {
		if n.Kind == client.NewsTools {
			tools++
		}
		return missed(n)
	}, pings(t, conn))
	want(t, "changes of the tools", tools, 1)
}

// TestListsChanged: the user hears that there is more or less of something.
func TestListsChanged(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, c *changing, conn *client.Conn) {
		for kind, change := range map[client.NewsKind]func(){
			client.NewsTools: func() {
				c.server.AddTool(&mcp.Tool{Name: "second", InputSchema: map[string]any{"type": "object"}}, nothing)
			},
			client.NewsPrompts: func() { c.server.RemovePrompts("first"); c.server.AddPrompt(&mcp.Prompt{Name: "first"}, nil) },
			client.NewsResources: func() {
				c.server.RemoveResources("test://2")
				c.server.AddResource(&mcp.Resource{URI: "test://2", Name: "2"}, nil)
			},
		} {
			c.hear(t, string(kind), func(n client.News) bool { return n.Kind == kind }, change)
		}
		c.restart() // what is not heard meanwhile may have been
		c.hear(t, "the tools", func(n client.News) bool { return n.Kind == client.NewsTools }, pings(t, conn))
	})
}

func TestSubscribeNotOffered(t *testing.T) {
	t.Parallel()
	conn := newRig(t, libraryFake(t, true)).connect(t)
	if err := conn.Subscribe(t.Context(), "test://1"); err == nil || conn.Capabilities().Subscribe {
		t.Errorf("subscribed to what is not offered: %v", err)
	}
}

// TestSubscribeRenews: neither a new stream nor one that is opened again ends
// with an access token.
func TestSubscribeRenews(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, c *changing, conn *client.Conn) {
		c.set(func() { clear(c.access) })
		subscribe(t, conn)
		want(t, "refreshes", c.refreshes(), 1)
		c.set(func() { clear(c.access) })
		c.restart()
		c.hear(t, "what may have changed", missed, pings(t, conn))
		c.hear(t, "the change afterwards", changed, c.changes(t))
		want(t, "refreshes", c.refreshes(), 2)
	})
}
