package server_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// raw sends text over a connection of its own, and neither more nor does it
// read.
func (r *rig) raw(text string) net.Conn {
	r.t.Helper()
	conn, err := new(net.Dialer).DialContext(r.t.Context(), "tcp", strings.TrimPrefix(r.base, "http://"))
	must(r.t, err)
	r.t.Cleanup(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, text)
	must(r.t, err)
	return conn
}

// Strangers who send slowly keep nobody from signing in.
func TestSlowSenders(t *testing.T) {
	t.Parallel()
	r := start(t, setup{config: func(c *server.Config) { c.MaxInFlight = 2 }})
	for range 8 {
		r.raw("POST /register HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	}
	// A connection that was opened later is served later: one round trip on each
	// is enough for all of the slow ones to be in work.
	for range 8 {
		if token := r.signIn(nelly, "identify"); token == "" {
			t.Fatal("nobody can sign in")
		}
	}
}

// A body that is longer than any handler takes is refused, and one that breaks
// off too.
func TestFormBodies(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	for _, size := range []int{64 << 10, 64<<10 + 1, 1 << 20} {
		res, err := http.Post(r.base+"/register", "application/json", strings.NewReader(strings.Repeat(" ", size)))
		must(t, err)
		_ = readAll(t, res)
		if want := size > 64<<10; (res.StatusCode == http.StatusRequestEntityTooLarge) != want {
			t.Errorf("%d bytes: %s", size, res.Status)
		}
	}
}

// Who is refused and does not send the body that he spoke of is cut off.
func TestSlowStranger(t *testing.T) {
	t.Parallel()
	r := start(t, setup{prepare: func(s *server.Server) { s.SetFormTimeout(100 * time.Millisecond) }})
	for _, path := range []string{"/mcp", "/nowhere", "/register", "/.well-known/oauth-authorization-server"} {
		for _, host := range []string{"localhost", "evil.example"} {
			conn := r.raw("POST " + path + " HTTP/1.1\r\nHost: " + host + "\r\nContent-Length: 100\r\n\r\n")
			must(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
			if _, err := io.Copy(io.Discard, conn); err != nil {
				t.Errorf("%s at %s: the connection is still open: %v", path, host, err)
			}
		}
	}
}

// Who does not read gets no more, so that a place is not held for ever.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 1)
	upstream := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		event := "data: " + strings.Repeat("x", 64<<10) + "\n\n"
		for req.Context().Err() == nil {
			if _, err := io.WriteString(w, event); err != nil {
				break
			}
		}
		ended <- struct{}{}
	})
	r := beforeWith(t, upstream, setup{prepare: func(s *server.Server) { s.SetWriteTimeout(200 * time.Millisecond) }})
	token := r.signIn(nelly, "identify")
	r.raw(fmt.Sprintf("GET /mcp HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", token))
	next(t, "the end of the stream that nobody reads", ended)
}

// A stream may be silent for longer than a client may take to read.
func TestSilentStream(t *testing.T) {
	t.Parallel()
	more := make(chan struct{})
	upstream := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: first\n\n")
		_ = http.NewResponseController(w).Flush()
		<-more
		_, _ = io.WriteString(w, "data: second\n\n")
		_ = http.NewResponseController(w).Flush()
		<-more
	})
	r := beforeWith(t, upstream, setup{prepare: func(s *server.Server) { s.SetWriteTimeout(50 * time.Millisecond) }})
	res, err := http.DefaultClient.Do(r.request(t.Context(), message{token: r.signIn(nelly, "identify")}))
	must(t, err)
	pause := time.NewTicker(150 * time.Millisecond)
	defer pause.Stop()
	for range 2 {
		<-pause.C
		more <- struct{}{}
	}
	if body := readAll(t, res); body != "data: first\n\ndata: second\n\n" {
		t.Errorf("stream %q", body)
	}
}
