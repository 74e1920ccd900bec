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

// At the end, a call in flight completes. (TestProxyDrain has the streams that
// would hold it up.)
func TestDrain(t *testing.T) {
	t.Parallel()
	var running chan context.Context
	var release chan struct{}
	r := start(t, setup{prepare: func(s *server.Server) { running, release = blocking(s) }})
	token := r.signIn(nelly, "identify")
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

	fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	stopped := make(chan struct{})
	begin := time.Now()
	go func() {
		r.stop()
		close(stopped)
	}()
	eventually(t, "no new connections", func() bool {
		_, err := fresh.Get(r.base)
		return err != nil
	})
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
}
