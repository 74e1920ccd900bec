package server_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// At the end, a call in flight completes, and a stream that would live for
// hours does not hold it up.
func TestDrain(t *testing.T) {
	t.Parallel()
	var running chan context.Context
	var release chan struct{}
	r := start(t, setup{prepare: func(s *server.Server) { running, release = blocking(s) }})
	token := r.signIn(nelly, "identify")
	listen := modern("subscriptions/listen", "", `"notifications":{"toolsListChanged":true}`)
	listen.token = token
	stream, err := http.DefaultClient.Do(r.request(t.Context(), listen))
	must(t, err)
	defer func() { _ = stream.Body.Close() }()
	if stream.StatusCode != 200 {
		t.Fatalf("listen: %d %s", stream.StatusCode, readAll(t, stream))
	}
	called := make(chan string, 1)
	req := r.request(t.Context(), message{token: token, body: callTool("wait")})
	go func() {
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			called <- err.Error()
			return
		}
		body, err := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err != nil {
			body = []byte(err.Error())
		}
		called <- string(body)
	}()
	next(t, "the tool runs", running)

	stopped := make(chan struct{})
	begin := time.Now()
	go func() {
		r.stop()
		close(stopped)
	}()
	_, err = io.Copy(io.Discard, stream.Body) // the stream ends while the call goes on
	if err != nil {
		t.Errorf("the stream broke off: %v", err)
	}
	select {
	case <-stopped:
		t.Fatal("the server did not wait for the call")
	case body := <-called:
		t.Fatalf("the call did not complete: %s", body)
	default:
	}
	close(release)
	if body := next(t, "the call's answer", called); !strings.Contains(body, `"structuredContent":{}`) {
		t.Errorf("the call's answer is %s", body)
	}
	next(t, "the end of the server", stopped)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("draining took %v", took)
	}
	if _, err := http.Get(r.base); err == nil {
		t.Error("the server still answers")
	}
}
