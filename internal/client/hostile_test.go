package client_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

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
