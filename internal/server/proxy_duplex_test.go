package server_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"
)

// An answer that begins before the request has ended is passed on whole: the
// body of a request is not taken away from the transport that still sends it.
func TestProxyAnswersEarly(t *testing.T) {
	t.Parallel()
	r := before(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: early\n\n")
		_ = http.NewResponseController(w).Flush()
		rest, err := io.ReadAll(req.Body)
		if err == nil {
			_, _ = w.Write(rest)
		}
	}))
	token := r.signIn(nelly, "identify")
	body, late := io.Pipe()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request := r.request(ctx, message{token: token})
	request.Body, request.ContentLength = body, -1
	res, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	go func() {
		_, _ = io.WriteString(late, "the rest")
		_ = late.Close()
	}()
	got, err := io.ReadAll(res.Body)
	must(t, err)
	if string(got) != "data: early\n\nthe rest" {
		t.Errorf("the answer is %q", got)
	}
}
