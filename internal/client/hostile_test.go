package client_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// TestServerAsksForEver: a session answers as often as its server asks, also
// after a time in which the server could take no answer.
func TestServerAsksForEver(t *testing.T) {
	t.Parallel()
	const most = 400
	var answered atomic.Int32
	s := newStreams(t)
	s.get = func(w http.ResponseWriter, r *http.Request) {
		event(w, ": here\n\n")
		for i := range most {
			event(w, fmt.Sprintf(`data: {"jsonrpc":"2.0","id":"ping-%d","method":"ping"}`+"\n\n", i))
		}
		<-r.Context().Done()
	}
	serve := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		switch {
		case !strings.Contains(string(body), `"ping-`):
			serve.ServeHTTP(w, r)
		case answered.Add(1) < 3:
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusAccepted)
		}
	})
	conn, err := client.Connect(t.Context(), client.Config{Server: s.URL, Elicit: agree})
	if err != nil {
		t.Fatal(explain(err))
	}
	defer conn.Close()
	poll(t, func() bool { return answered.Load() == most })
}

// TestStreamThatAlwaysEnds is no reason for a loop, however short a pause its
// server asks for.
func TestStreamThatAlwaysEnds(t *testing.T) {
	t.Parallel()
	s := newStreams(t)
	s.get = func(w http.ResponseWriter, _ *http.Request) {
		event(w, "retry: 1\ndata:\n\n")
		<-time.After(5 * time.Millisecond)
	}
	conn, err := client.Connect(t.Context(), client.Config{Server: s.URL, Elicit: agree})
	if err != nil {
		t.Fatal(explain(err))
	}
	defer conn.Close()
	<-time.After(700 * time.Millisecond)
	if streams := len(s.seen()); streams > 3 {
		t.Errorf("%d streams were asked for", streams)
	}
}

// TestBusyAtFirst: a server that cannot be heard when a session begins may be later.
func TestBusyAtFirst(t *testing.T) {
	t.Parallel()
	s := newStreams(t)
	var asked atomic.Int32
	s.get = func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) == 1 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		event(w, `data: {"jsonrpc":"2.0","method":"notifications/tools/list_changed"}`+"\n\n")
		<-r.Context().Done()
	}
	heard := make(chan client.News, 100)
	conn, err := client.Connect(t.Context(), client.Config{Server: s.URL, Heard: func(n client.News) { heard <- n }})
	if err != nil {
		t.Fatal(explain(err))
	}
	defer conn.Close()
	want(t, "heard", (<-heard).Kind, client.NewsTools)
}

// TestSignedOutStream: a stream that is opened again is nobody's after a sign-out,
// even where the session takes long to end.
func TestSignedOutStream(t *testing.T) {
	t.Parallel()
	c, conn := newChanging(t, false)
	var out atomic.Bool
	opened, seen := make(chan string, 100), make(chan struct{})
	defer close(seen)
	c.set(func() {
		c.on["/mcp"] = func(w http.ResponseWriter, r *http.Request) {
			switch r.Method {
			case http.MethodGet:
				if out.Load() {
					opened <- r.Header.Get("Authorization")
				}
				w.WriteHeader(http.StatusServiceUnavailable)
			case http.MethodDelete:
				<-seen
			}
		}
	})
	c.CloseClientConnections()
	c.hear(t, "the cut", func(n client.News) bool { return n.Kind == client.NewsCut }, func() {})
	_ = conn.SignOut(t.Context()) // which the server may not hear of, on a connection that was cut
	out.Store(true)
	want(t, "token", <-opened, "")
}

// TestUnheard: the user learns why a server does not tell any more.
func TestUnheard(t *testing.T) {
	t.Parallel()
	for status, words := range map[int]string{http.StatusNotFound: "HTTP status 404", http.StatusForbidden: "refuses this request (403)"} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			c, conn := newChanging(t, true)
			subscribe(t, conn)
			c.answer(func(w http.ResponseWriter, method string) bool {
				if method == "POST subscriptions/listen" {
					w.WriteHeader(status)
				}
				return method == "POST subscriptions/listen"
			})
			c.CloseClientConnections()
			news := c.hear(t, "the refusal", func(n client.News) bool { return n.Kind == client.NewsUnwatched }, func() {})
			if !strings.Contains(news.Err.Error(), words) {
				t.Error(explain(news.Err))
			}
		})
	}
}

// TestClosedMeanwhile: a session that is being made when its connection is closed
// is ended, and none is made afterwards.
func TestClosedMeanwhile(t *testing.T) {
	t.Parallel()
	c, conn := newChanging(t, false)
	greets, goOn := make(chan struct{}, 10), make(chan struct{})
	var deleted atomic.Int32
	c.answer(func(_ http.ResponseWriter, method string) bool {
		switch method {
		case "POST initialize":
			greets <- struct{}{}
			<-goOn
		case "DELETE ":
			deleted.Add(1)
		}
		return false
	})
	c.restart()
	done := make(chan error, 1)
	go func() {
		err := conn.Ping(t.Context())
		for err != nil && len(greets) == 0 { // the cut was not noticed before
			err = conn.Ping(t.Context())
		}
		done <- err
	}()
	poll(t, func() bool { return len(greets) > 0 })
	before := deleted.Load()
	_ = conn.Close()
	close(goOn)
	wantKind(t, <-done, client.KindInterrupted)
	poll(t, func() bool { return deleted.Load() > before })
	wantKind(t, conn.Ping(t.Context()), client.KindInterrupted)
	want(t, "sessions", len(greets), 1)
}

// TestLeftBehind: neither a sign-out nor a sign-in as another user leaves anything
// that the former one watched, nor the session in which he did.
func TestLeftBehind(t *testing.T) {
	t.Parallel()
	for name, leave := range map[string]func(*testing.T, *changing, *client.Conn) error{
		"out": func(t *testing.T, _ *changing, conn *client.Conn) error {
			t.Helper()
			if err := conn.SignOut(t.Context()); err != nil {
				return err
			}
			return conn.SignIn(t.Context(), nil)
		},
		"another": func(t *testing.T, c *changing, conn *client.Conn) error {
			t.Helper()
			c.set(func() { c.user = "1" })
			return conn.SignIn(t.Context(), nil)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inBoth(t, func(t *testing.T, c *changing, conn *client.Conn) {
				subscribe(t, conn)
				c.hear(t, "the change", changed, c.changes(t))
				if err := leave(t, c, conn); err != nil {
					t.Fatal(explain(err))
				}
				poll(t, func() bool { return conn.Ping(t.Context()) == nil })
				c.server.AddTool(&mcp.Tool{Name: "second", InputSchema: map[string]any{"type": "object"}}, nothing)
				c.hear(t, "the tools", func(n client.News) bool { return n.Kind == client.NewsTools }, func() {})
				subscribe(t, conn) // is not there already
				c.hear(t, "the change afterwards", func(n client.News) bool {
					if missed(n) {
						t.Error("it was watched again")
					}
					return changed(n)
				}, c.changes(t))
				if watched := c.had(); strings.Count(watched, "+") != 2 {
					t.Errorf("the server had %s", watched)
				}
			})
		})
	}
}

type callKey struct{}

// TestSameQuestions: calls that are asked the same are not taken for each other.
func TestSameQuestions(t *testing.T) {
	t.Parallel()
	s := newStreams(t)
	over := make(chan struct{})
	s.call = func(w http.ResponseWriter, _ *http.Request) {
		id := w.Header().Get("X-Id")
		event(w, "data: "+strings.Replace(question, "77", `"about-`+id+`"`, 1)+"\n\n")
		<-over
		event(w, "data: "+strings.ReplaceAll(called, "ID", id)+"\n\n")
	}
	asked := make(chan any, 10)
	conn, err := client.Connect(t.Context(), client.Config{Server: s.URL, Elicit: func(ctx context.Context, e client.Elicitation) (client.Answer, error) {
		asked <- ctx.Value(callKey{})
		return agree(ctx, e)
	}})
	if err != nil {
		t.Fatal(explain(err))
	}
	defer conn.Close()
	var calls sync.WaitGroup
	defer calls.Wait()
	defer close(over)
	for i := range 6 {
		calls.Go(func() {
			if _, err := conn.Call(context.WithValue(t.Context(), callKey{}, i), client.Call{Name: "any"}); err != nil {
				t.Error(explain(err))
			}
		})
		want[any](t, "call", <-asked, i)
		<-s.answer
	}
}

// TestEndlessQuestions: those that are too many at once are refused, and the end of
// the connection waits for none.
func TestEndlessQuestions(t *testing.T) {
	t.Parallel()
	const most, atOnce = 100, 32
	var asked, refused atomic.Int32
	s := newStreams(t)
	s.get = func(w http.ResponseWriter, r *http.Request) {
		for i := range most {
			event(w, "data: "+strings.Replace(question, "77", strconv.Itoa(1000+i), 1)+"\n\n")
		}
		<-r.Context().Done()
	}
	serve := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		if strings.Contains(string(body), "too many questions at once") {
			refused.Add(1)
		}
		serve.ServeHTTP(w, r)
	})
	conn, err := client.Connect(t.Context(), client.Config{Server: s.URL, Elicit: func(ctx context.Context, _ client.Elicitation) (client.Answer, error) {
		asked.Add(1)
		<-ctx.Done()
		return client.Answer{}, ctx.Err()
	}})
	if err != nil {
		t.Fatal(explain(err))
	}
	defer conn.Close()
	poll(t, func() bool { return refused.Load() == most-atOnce })
	want(t, "asked", asked.Load(), atOnce)
}

// TestFlapping: a server that loses its session by each request is not asked
// without end for what may have changed in the last one.
func TestFlapping(t *testing.T) {
	t.Parallel()
	c, conn := newChanging(t, false)
	c.restart()
	over, asked := time.After(700*time.Millisecond), 0
	for {
		_, _ = conn.Tools(t.Context())
		select {
		case <-over:
			if asked > 2 {
				t.Errorf("the tools were asked for %d times", asked)
			}
			return
		case news := <-c.heard:
			if news.Kind == client.NewsTools {
				asked++
				c.restart()
			}
		}
	}
}

// TestStreamLuredAway: no stream, new or opened again, leads to another origin,
// nor its token.
func TestStreamLuredAway(t *testing.T) {
	t.Parallel()
	inBoth(t, func(t *testing.T, c *changing, conn *client.Conn) {
		var lured, stolen atomic.Int32
		thief := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { stolen.Add(1) }))
		t.Cleanup(thief.Close)
		c.answer(func(w http.ResponseWriter, method string) bool {
			if method != "POST subscriptions/listen" && method != "GET " {
				return false
			}
			lured.Add(1)
			w.Header().Set("Location", thief.URL)
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		})
		c.CloseClientConnections()
		poll(t, func() bool { return lured.Load() > 0 })
		c.answer(nil)
		poll(t, func() bool { return conn.Ping(t.Context()) == nil })
		subscribe(t, conn)
		c.hear(t, "the change", changed, c.changes(t))
		want(t, "requests elsewhere", stolen.Load(), 0)
	})
}
