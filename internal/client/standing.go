package client

import (
	"context"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// standingPatience bounds the wait for a server to open the stream on which it
// may ask something. Some only answer once they have something to say.
const standingPatience = 300 * time.Millisecond

// get sends a GET: of a session of an older generation, to take up a stream
// that broke, or to open the one on which the server asks its own questions.
// The newer generation has neither.
func (t *tap) get(req *http.Request) (*http.Response, error) {
	again := req.Header.Get("Last-Event-ID") != ""
	if watch, _ := req.Context().Value(traceKey{}).(*trace); watch != nil && again {
		watch.broke()
	}
	switch {
	case req.Header.Get("Mcp-Protocol-Version") >= firstAborting:
		return noStream(req), nil
	case again:
		return t.exchange(req)
	case req.Header.Get("Mcp-Session-Id") == "":
		return noStream(req), nil // what it asks could not be meant for us
	}
	s := &standing{ctx: req.Context(), opened: make(chan struct{})}
	go s.open(t.base, req)
	patience := time.NewTimer(standingPatience)
	defer patience.Stop()
	select {
	case <-s.opened:
		if s.body == nil {
			return noStream(req), nil
		}
	case <-patience.C:
	case <-req.Context().Done():
	}
	resp := noStream(req)
	resp.StatusCode, resp.Status, resp.Body = http.StatusOK, "200 OK", s
	resp.Header.Set("Content-Type", "text/event-stream")
	return resp, nil
}

// noStream is the answer of a server that has no such stream.
func noStream(req *http.Request) *http.Response {
	return &http.Response{
		Status: "405 Method Not Allowed", StatusCode: http.StatusMethodNotAllowed, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: req,
	}
}

// standing is a stream that may still be on its way. It does not end before its
// context does: that a server closes it is no reason to end the session.
type standing struct {
	ctx    context.Context
	opened chan struct{}
	body   io.ReadCloser // once opened; nil: there is none
}

func (s *standing) open(base http.RoundTripper, req *http.Request) {
	defer close(s.opened)
	resp, err := base.RoundTrip(req)
	if err != nil {
		return
	}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.StatusCode != http.StatusOK || kind != "text/event-stream" {
		_ = resp.Body.Close()
		return
	}
	s.body = resp.Body
}

// Read implements io.Reader.
func (s *standing) Read(p []byte) (int, error) {
	select {
	case <-s.opened:
	case <-s.ctx.Done():
		return 0, s.ctx.Err()
	}
	if s.body != nil {
		if n, err := s.body.Read(p); n > 0 || err == nil {
			return n, nil
		}
	}
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

// Close implements io.Closer. The SDK calls it once the context is over.
func (s *standing) Close() error {
	<-s.opened
	if s.body == nil {
		return nil
	}
	return s.body.Close()
}
