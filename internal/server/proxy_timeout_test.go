package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// A proxied server that does not begin to answer is given up, and its place is
// free again; one that has begun, or streams, may take its time.
func TestProxyTimeout(t *testing.T) {
	t.Parallel()
	const patience = 100 * time.Millisecond
	gone := make(chan struct{}, 4)
	upstream := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		pause := time.NewTimer(3 * patience)
		defer pause.Stop()
		if strings.Contains(string(body), "hang") {
			<-req.Context().Done()
			gone <- struct{}{}
			return
		}
		if req.Method == http.MethodPost { // a GET says nothing for long
			w.Header().Set("Content-Type", "text/event-stream")
			_ = http.NewResponseController(w).Flush()
		}
		<-pause.C
		_, _ = io.WriteString(w, "data: late\n\n")
	})
	r := beforeWith(t, upstream, setup{config: func(c *server.Config) { c.ProxyTimeout, c.MaxInFlight = patience, 1 }})
	token := r.signIn(nelly, "identify")
	for range 3 {
		r.send(message{token: token, body: callTool("hang")}).want(t, 504, 504)
		next(t, "the proxied server is told", gone)
	}
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		if got := r.send(message{token: token, method: method}); got.status != 200 || got.body != "data: late" {
			t.Errorf("%s: %d %q", method, got.status, got.body)
		}
	}
}
