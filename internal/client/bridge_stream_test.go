package client_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// The stream that answers a request is cut and taken up again where it was,
// after the pause that the server asks for.
func TestBridgeResumes(t *testing.T) {
	t.Parallel()
	var cut atomic.Int64
	s := scripted(t, func(w http.ResponseWriter, r *http.Request, body string) {
		switch last := r.Header.Get("Last-Event-Id"); {
		case handshake(w, r, body, "one"):
		case r.Method == http.MethodPost:
			writeEvents(w, "\ufeff: hello\r\nid: a-1\r\nretry: 1500\r\ndata:\r\n\r\n")
			writeEvents(w, "id: a-2\nevent: message\ndata: {\"jsonrpc\":\"2.0\",\ndata: \"method\":\"notifications/progress\",\"params\":{\"n\":1.0}}\n\n"+
				"event: other\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"not/ours\"}\n\nid: a-3\ndata: {\"jsonrpc\":\"2.0\",\"id\":")
			cut.Store(time.Now().UnixNano())
		case last == "":
			w.WriteHeader(http.StatusMethodNotAllowed)
		case last == "a-2":
			if pause := time.Duration(time.Now().UnixNano() - cut.Load()); pause < 1490*time.Millisecond {
				t.Errorf("taken up after %v", pause)
			}
			writeEvents(w, "id: a-4\ndata: {\"jsonrpc\":\"2.0\",\"id\":2,\"result\":{\"n\":1.0}}\n\n")
		default:
			t.Errorf("taken up at %q", last)
		}
	})
	p := signedInTo(t, s).bridge(t)
	p.open()
	p.send(calling(false, "2", "a", "{}"))
	want(t, "progress", p.line(), `{"jsonrpc":"2.0","method":"notifications/progress","params":{"n":1.0}}`)
	want(t, "answer", p.line(), `{"jsonrpc":"2.0","id":2,"result":{"n":1.0}}`)
	want(t, "calls", len(s.got("POST", "tools/call")), 1)
}

// A stream that cannot be taken up again: the request has failed, and is not
// sent again.
func TestBridgeDoesNotResume(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		modern bool
		event  string
	}{
		"the protocol has none": {true, "id: a-1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n"},
		"without ids":           {false, "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n"},
		"a bad id":              {false, "id: \x01\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n"},
		"the server forgot it":  {false, "id: a-1\nretry: 1\ndata: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/progress\"}\n\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := scripted(t, func(w http.ResponseWriter, r *http.Request, body string) {
				switch {
				case handshake(w, r, body, "one"):
				case r.Method == http.MethodPost:
					writeEvents(w, c.event)
				default:
					w.WriteHeader(http.StatusMethodNotAllowed)
				}
			})
			p := signedInTo(t, s).bridge(t)
			if !c.modern {
				p.open()
			}
			p.ask(calling(c.modern, "2", "a", "{}"))
			_, message := said(t, p.line(), "2")
			want(t, "message", message, s.URL+"/mcp broke off before it answered")
			want(t, "calls", len(s.got("POST", "tools/call")), 1)
		})
	}
}

// What the server says of itself comes on a stream of its own, which is taken
// up again, also in a session that was made anew. It never starts a sign-in.
func TestBridgeListens(t *testing.T) {
	t.Parallel()
	var gets atomic.Int32
	changed := "data: {\"jsonrpc\":\"2.0\",\"method\":\"notifications/tools/list_changed\",\"params\":{\"get\":%d}}\n\n"
	s := scripted(t, func(w http.ResponseWriter, r *http.Request, body string) {
		session := "one"
		if gets.Load() >= 3 {
			session = "two"
		}
		if handshake(w, r, body, session) {
			return
		}
		get := gets.Add(1)
		switch {
		case get == 3: // the session is lost
			w.WriteHeader(http.StatusNotFound)
			return
		case r.Header.Get("Mcp-Session-Id") != session, r.Header.Get("Mcp-Protocol-Version") != "2025-11-25", r.Header.Get("Accept") != "text/event-stream":
			t.Errorf("headers of %d: %v", get, r.Header)
		case get == 2 && r.Header.Get("Last-Event-Id") != "e1", get != 2 && r.Header.Get("Last-Event-Id") != "":
			t.Errorf("Last-Event-ID of %d: %q", get, r.Header.Get("Last-Event-Id"))
		}
		writeEvents(w, fmt.Sprintf("id: e%d\nretry: 1\n"+changed, get, get))
		if get == 4 {
			<-r.Context().Done()
		}
	})
	p := signedInTo(t, s).bridge(t)
	p.open()
	for _, get := range []int{1, 2, 4} {
		want(t, "message", p.line(), fmt.Sprintf(`{"jsonrpc":"2.0","method":"notifications/tools/list_changed","params":{"get":%d}}`, get))
	}
	want(t, "handshakes", len(s.got("POST", `"initialize"`)), 2)
	if _, err := p.close(); err != nil {
		t.Error(err)
	}
	want(t, "requests to listen", gets.Load(), 4)
}

// A server that answers a GET with 404, as one that has routed POST alone, has
// nothing to listen to: it did not lose the session.
func TestBridgeNothingToListenTo(t *testing.T) {
	t.Parallel()
	listened := make(chan struct{}, 1)
	s := scripted(t, func(w http.ResponseWriter, r *http.Request, body string) {
		switch {
		case handshake(w, r, body, "one"):
		case r.Method == http.MethodGet:
			w.WriteHeader(http.StatusNotFound)
			select {
			case listened <- struct{}{}:
			default:
			}
		default:
			writeJSON(w, 200, `{"jsonrpc":"2.0","id":`+idOf(body)+`,"result":{}}`)
		}
	})
	p := signedInTo(t, s).bridge(t)
	p.open()
	<-listened
	for range 20 { // each would wake a listener that goes on
		p.ask(`{"jsonrpc":"2.0","id":2,"method":"ping"}`)
	}
	if _, err := p.close(); err != nil {
		t.Error(err)
	}
	want(t, "handshakes", len(s.got("POST", `"initialize"`)), 1)
	want(t, "requests to listen", len(s.got("GET", "")), 1)
}

// A message of many megabytes passes, one that is larger than the bound does
// not, and the next one passes again.
func TestBridgeLargeAnswers(t *testing.T) {
	t.Parallel()
	const size = 5 << 20
	s := scripted(t, func(w http.ResponseWriter, _ *http.Request, body string) {
		answer := `{"jsonrpc":"2.0","id":` + idOf(body) + `,"result":{"text":"` + strings.Repeat("x", size) + `"}}`
		switch {
		case strings.Contains(body, `"endless"`):
			w.Header().Set("Content-Type", "application/json")
			blank := strings.Repeat(" ", 1<<20)
			for range 66 {
				if _, err := io.WriteString(w, blank); err != nil {
					return
				}
			}
		case strings.Contains(body, `"stream"`):
			writeEvents(w, "data: "+answer+"\n\n")
		default:
			writeJSON(w, 200, answer)
		}
	})
	p := signedInTo(t, s).bridge(t)
	tools := []string{"stream", "json", "endless", "stream", "json"}
	for i, tool := range tools {
		p.send(calling(true, fmt.Sprint(i), tool, "{}"))
	}
	for range tools {
		line := p.line()
		if idOf(line) == "2" {
			_, message := said(t, line, "2")
			want(t, "message", message, s.URL+"/mcp: the answer is larger than 64 MiB")
		} else if len(line) < size || !strings.HasSuffix(line, `x"}}`) {
			t.Errorf("%d bytes: %.100s", len(line), line)
		}
	}
}

// Each way to write events, and what is in them.
func TestEvents(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("y", 100_000)
	for _, c := range []struct {
		name, stream string
		want         []string
	}{
		{"nothing", "", nil},
		{"one", "data: a\n\n", []string{"a"}},
		{"lines", "data: a\ndata:b\ndata\n\n", []string{"a\nb"}},
		{"other line ends", "data: a\r\n\r\ndata: b\r\n\r\n", []string{"a", "b"}},
		{"comments", ": x\n\n:\ndata: a\n: y\n\n", []string{"a"}},
		{"a long line", "data: " + long + "\ndata: z\n\n", []string{long + "\nz"}},
		{"a long line of another field", "x: " + long + "data: b\n\ndata: a\n\n", []string{"a"}},
		{"cut off", "data: a\n\ndata: b\n", []string{"a"}},
		{"whole, but for the last line end", "data: a\n\ndata: {}", []string{"a", "{}"}},
	} {
		if diff := cmp.Diff(c.want, client.EventsOf(t.Context(), strings.NewReader(c.stream))); diff != "" {
			t.Errorf("%s:\n%s", c.name, diff)
		}
	}
}

// FuzzBridgeMessages: whatever a server or client sends, what is passed on is
// one line of JSON.
func FuzzBridgeMessages(f *testing.F) {
	for _, text := range []string{initialized, initialize(1), calling(true, `"a"`, "b", "{}"), "[" + initialized + "]", "data: {}\n\n", `{"jsonrpc":"2.0","id":1e400,"result":{}}`, "id: \n\ndata"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, data := range append(client.EventsOf(t.Context(), strings.NewReader(text)), text) {
			for _, line := range client.LinesOf(data) {
				if again := client.LinesOf(line); len(again) != 1 || again[0] != line || strings.ContainsAny(line, "\r\n") {
					t.Errorf("%q became %q", line, again)
				}
			}
		}
	})
}
