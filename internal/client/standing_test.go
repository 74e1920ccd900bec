package client_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// streams is a server of the older generation with a session. Its tool asks on
// the stream that a GET opens, or breaks its answer off.
type streams struct {
	*httptest.Server
	session string
	get     http.HandlerFunc // nil: the stream of its questions
	call    http.HandlerFunc // nil: the tool asks first

	ask    chan struct{}
	answer chan json.RawMessage
	mu     sync.Mutex
	gets   []http.Header
}

func newStreams(t *testing.T) *streams {
	t.Helper()
	s := &streams{session: "session-1", ask: make(chan struct{}), answer: make(chan json.RawMessage, 1)}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

const question = `{"jsonrpc":"2.0","id":77,"method":"elicitation/create","params":{"message":"sure?","requestedSchema":{"type":"object","properties":{"sure":{"type":"boolean"}}}}}`

func event(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, text)
	_ = http.NewResponseController(w).Flush()
}

func (s *streams) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodGet {
		s.mu.Lock()
		s.gets = append(s.gets, r.Header)
		s.mu.Unlock()
		if s.get != nil {
			s.get(w, r)
			return
		}
		event(w, ": here\n\n")
		select {
		case <-s.ask:
			event(w, "data: "+question+"\n\n")
			<-r.Context().Done()
		case <-r.Context().Done():
		}
		return
	}
	var message struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"`
		Result json.RawMessage `json:"result"`
	}
	body, _ := io.ReadAll(r.Body)
	_ = json.Unmarshal(body, &message)
	respond := func(text string) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, strings.ReplaceAll(text, "ID", string(message.ID)))
	}
	switch {
	case message.Method == "initialize":
		if s.session != "" {
			w.Header().Set("Mcp-Session-Id", s.session)
		}
		respond(greeted)
	case message.Method == "tools/call" && s.call != nil:
		w.Header().Set("X-Id", string(message.ID))
		s.call(w, r)
	case message.Method == "tools/call":
		select {
		case s.ask <- struct{}{}:
			respond(`{"jsonrpc":"2.0","id":ID,"result":{"content":[{"type":"text","text":` + fmt.Sprintf("%q", <-s.answer) + `}]}}`)
		case <-r.Context().Done():
		}
	case message.Result != nil:
		s.answer <- message.Result
		w.WriteHeader(http.StatusAccepted)
	case message.Method == "server/discover":
		w.WriteHeader(http.StatusBadRequest)
	default:
		w.WriteHeader(http.StatusAccepted)
	}
}

func (s *streams) seen() []http.Header {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.gets
}

func agree(context.Context, client.Elicitation) (client.Answer, error) {
	return client.Answer{Action: client.Accept, Content: json.RawMessage(`{"sure":true}`)}, nil
}

// A server of the older generation may ask on a stream of its own.
func TestAskedOnStandingStream(t *testing.T) {
	t.Parallel()
	s := newStreams(t)
	conn, err := client.Connect(t.Context(), client.Config{Server: s.URL, Elicit: agree})
	if err != nil {
		t.Fatal(explain(err))
	}
	defer conn.Close()
	result := call(t, conn, "ask")
	if text := string(result.Raw); !strings.Contains(text, `\"sure\":true`) {
		t.Errorf("the server got %s", text)
	}
	want(t, "streams", len(s.seen()), 1)
	want(t, "session", s.seen()[0].Get("Mcp-Session-Id"), "session-1")
}

// A stream that does not come, or ends, or is none, is missed by nobody.
func TestStandingStreamMissing(t *testing.T) {
	t.Parallel()
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	for _, test := range []struct {
		name    string
		get     http.HandlerFunc
		session string
		elicit  bool
		gets    int
	}{
		{"refused", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusMethodNotAllowed) }, "s", true, 1},
		{"failed", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, "s", true, 1},
		{"unauthorized", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "s", true, 1},
		{"a page", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, "s", true, 1},
		{"silent", hang, "s", true, 1},
		{"ended", func(w http.ResponseWriter, _ *http.Request) { event(w, "id: 1\nretry: 60000\ndata:\n\n") }, "s", true, 1},
		{"no session", nil, "", true, 0},
		{"no questions", nil, "s", false, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStreams(t)
			s.get, s.session = test.get, test.session
			s.call = func(w http.ResponseWriter, _ *http.Request) {
				id := w.Header().Get("X-Id")
				event(w, "data: "+strings.ReplaceAll(called, "ID", id)+"\n\n")
			}
			cfg := client.Config{Server: s.URL}
			if test.elicit {
				cfg.Elicit = agree
			}
			conn, err := client.Connect(t.Context(), cfg)
			if err != nil {
				t.Fatal(explain(err))
			}
			for range 3 {
				call(t, conn, "any")
			}
			if err := conn.Close(); err != nil {
				t.Error(err)
			}
			want(t, "streams", len(s.seen()), test.gets)
		})
	}
}

// An answer that broke off is taken up where it ended; the call is not repeated.
func TestStreamTakenUp(t *testing.T) {
	t.Parallel()
	s := newStreams(t)
	calls, id := 0, ""
	s.call = func(w http.ResponseWriter, _ *http.Request) {
		calls++
		id = w.Header().Get("X-Id")
		event(w, "id: event-1\nretry: 1\ndata:\n\n")
	}
	s.get = func(w http.ResponseWriter, _ *http.Request) {
		event(w, "id: event-2\ndata: "+strings.ReplaceAll(called, "ID", id)+"\n\n")
	}
	conn, err := client.Connect(t.Context(), client.Config{Server: s.URL})
	if err != nil {
		t.Fatal(explain(err))
	}
	defer conn.Close()
	result := call(t, conn, "any")
	want(t, "answer", string(result.Raw), `{"content":[{"type":"text","text":"done"}]}`)
	want(t, "calls", calls, 1)
	want(t, "Last-Event-ID", s.seen()[0].Get("Last-Event-ID"), "event-1")

	// One that never goes on ends.
	s.get = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) }
	_, err = conn.Call(t.Context(), client.Call{Name: "any"})
	wantKind(t, err, client.KindUnavailable)
	want(t, "calls", calls, 2)
}

// The newer generation takes nothing up.
func TestNewerStreamNotTakenUp(t *testing.T) {
	t.Parallel()
	e := newEra(t, answered{200, fmt.Sprintf(discovered, `"2026-07-28"`)})
	broken := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Mcp-Method") != "tools/call" {
			e.ServeHTTP(w, r)
			return
		}
		event(w, "id: event-1\nretry: 1\ndata:\n\n")
	})
	server := httptest.NewServer(broken)
	t.Cleanup(server.Close)
	conn, err := client.Connect(t.Context(), client.Config{Server: server.URL, Elicit: agree})
	if err != nil {
		t.Fatal(explain(err))
	}
	defer conn.Close()
	_, err = conn.Call(t.Context(), client.Call{Name: "any"})
	wantKind(t, err, client.KindUnavailable)
	want(t, "asked", e.take(), "server/discover")
}
