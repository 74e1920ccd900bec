package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"sync"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// Limits toward the proxied server. How long it may think is Config.ProxyTimeout:
// MCP servers send not even a header before they have something to say.
const (
	upstreamDial    = 5 * time.Second
	upstreamTLS     = 10 * time.Second
	upstreamHeaders = 64 << 10 // bytes
	// upstreamIdle is below the five seconds after which Node and uvicorn close
	// an idle connection: a request on a connection that is just being closed
	// is lost.
	upstreamIdle = 4 * time.Second

	// streamCheck is how long a stream can outlive its grant.
	streamCheck = 5 * time.Second
)

// proxy stands before somebody else's MCP server: who comes through is signed
// in, and the server learns who it is from headers (proxy_headers.go). The path
// and the query of the proxied URL are used as they are; those of the request
// go nowhere.
type proxy struct {
	server   *Server
	upstream *url.URL
	reverse  *httputil.ReverseProxy
}

// newProxy checks Config.Proxy and Config.ProxyKeys. Its errors are *Error.
func newProxy(s *Server) (*proxy, error) {
	u := *s.cfg.Proxy
	switch {
	case (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.Opaque != "":
		return nil, &Error{Message: "the proxied URL is not an http or https URL", Hint: "write it like http://127.0.0.1:9000/mcp", Usage: true}
	case u.User != nil:
		return nil, &Error{Message: "the proxied URL has a user name or password in it", Hint: "leave it out: command lines are visible to everybody on the machine", Usage: true}
	case u.Fragment != "":
		return nil, &Error{Message: "the proxied URL has a fragment", Hint: "leave out what follows the #", Usage: true}
	}
	for _, key := range s.cfg.ProxyKeys {
		if len(key) < minProxyKey {
			return nil, fmt.Errorf("server: one of Config.ProxyKeys has %d bytes, not %d", len(key), minProxyKey)
		}
	}
	if u.Path == "" {
		u.Path = "/"
	}
	p := &proxy{server: s, upstream: &u}
	p.reverse = &httputil.ReverseProxy{
		Rewrite:        p.rewrite,
		ModifyResponse: p.modifyResponse,
		ErrorHandler:   p.failed,
		ErrorLog:       slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		// FlushInterval stays 0: events, and answers of unknown length, are
		// flushed at every write anyhow; an answer of known length is no stream,
		// and flushing its header alone costs a tenth of the throughput.
		BufferPool: new(copyBuffers),
		Transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: upstreamDial, KeepAlive: 30 * time.Second}).DialContext,
			TLSHandshakeTimeout:    upstreamTLS,
			MaxIdleConnsPerHost:    s.cfg.MaxInFlight,
			IdleConnTimeout:        upstreamIdle,
			MaxResponseHeaderBytes: upstreamHeaders,
			DisableCompression:     true, // what the client accepts is the client's choice
			ForceAttemptHTTP2:      true,
		},
	}
	return p, nil
}

// ServeHTTP implements [http.Handler]. w is an *exchange.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e, s := w.(*exchange), p.server
	user := e.identity.User.ID
	if !openSession(s.cfg.ProxyKeys, user, r.Header) {
		// What a client gets for a session that is over: it starts a new one.
		e.refuse(http.StatusNotFound, "there is no such session")
		return
	}
	longLived := r.Method == http.MethodGet || r.Header.Get("Mcp-Method") == "subscriptions/listen"
	inside := s.calls
	if longLived {
		inside = s.streams
	}
	if !inside.enter(user) {
		e.busy()
		return
	}
	defer inside.leave(user)

	ctx := r.Context()
	if longLived {
		e.stream = true
		var stop func()
		ctx, stop = s.streamContext(ctx, r, e)
		defer stop()
	}
	if limit := s.cfg.ProxyTimeout; limit > 0 && !longLived {
		slow, cancel := context.WithCancelCause(ctx)
		defer cancel(nil)
		e.slow = time.AfterFunc(limit, func() { cancel(errSlow) })
		defer e.slow.Stop()
		ctx = slow
	}
	r = r.WithContext(ctx)
	if r.ContentLength != 0 {
		// Else net/http takes the body away when the answer begins, which may be
		// before the transport has seen its end: the answer would break off.
		_ = http.NewResponseController(e.ResponseWriter).EnableFullDuplex()
		r.Body = p.boundedBody(e, r.Body)
	}
	p.reverse.ServeHTTP(e, r)
	e.moreTime() // for the end of a stream that was silent for long
}

// streamContext ends a long-lived stream when the server drains, and when the
// access token that opened it is over or its grant revoked.
func (s *Server) streamContext(ctx context.Context, r *http.Request, e *exchange) (context.Context, func()) {
	token, _ := bearerToken(r.Header["Authorization"])
	ctx, cancel := context.WithDeadline(ctx, e.identity.Expires)
	done := make(chan struct{})
	go func() {
		defer close(done)
		look := time.NewTicker(s.streamCheck)
		defer look.Stop()
		for {
			select {
			case <-s.draining:
				cancel()
				return
			case <-ctx.Done():
				return
			case <-look.C:
				// A store that does not answer is no reason to end a stream, but a right
				// that nobody has confirmed for too long is.
				_, err := s.cfg.Auth.Verify(ctx, token)
				if errors.Is(err, authserver.ErrInvalidToken) || errors.Is(err, authserver.ErrNotAllowed) || errors.Is(err, authserver.ErrAccessUnknown) {
					cancel()
					return
				}
			}
		}
	}()
	return ctx, func() {
		cancel()
		<-done
	}
}

// boundedBody bounds a request's body in size and time.
func (p *proxy) boundedBody(e *exchange, body io.ReadCloser) io.ReadCloser {
	conn := http.NewResponseController(e.ResponseWriter)
	_ = conn.SetReadDeadline(time.Now().Add(bodyTimeout))
	return &timedBody{ReadCloser: http.MaxBytesReader(e.ResponseWriter, body, maxBody), conn: conn}
}

// timedBody lifts the connection's read deadline when the body is read: left
// on, it would end the answer.
type timedBody struct {
	io.ReadCloser
	conn *http.ResponseController
}

func (b *timedBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if err != nil {
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}

// rewrite makes the request that the proxied server gets.
func (p *proxy) rewrite(pr *httputil.ProxyRequest) {
	u := *p.upstream
	pr.Out.URL = &u
	pr.Out.Host = ""
	pr.Out.Trailer = nil // some servers take trailers for headers
	stripRequest(pr.Out.Header)
	e := exchangeOf(pr.In.Context())
	setIdentity(pr.Out.Header, e.identity)
	setTrace(pr.Out.Header, e)
}

// modifyResponse makes the answer that the client gets. Answers that the
// client would take for ours become a 502: a 401 or 403 would send the person
// to sign in again and again, and a redirect would send their token elsewhere.
func (p *proxy) modifyResponse(res *http.Response) error {
	ctx := res.Request.Context()
	e := exchangeOf(ctx)
	if e.slow != nil { // it has begun to answer, and may take its time
		e.slow.Stop()
	}
	switch {
	case res.StatusCode == http.StatusUnauthorized, res.StatusCode == http.StatusForbidden, res.StatusCode == http.StatusProxyAuthRequired:
		return p.refused(ctx, res, "the MCP server behind this one refused the request itself (HTTP %d); its operator must let this server in")
	case res.StatusCode >= 300 && res.StatusCode < 400 && res.StatusCode != http.StatusNotModified:
		return p.refused(ctx, res, "the MCP server behind this one wants to redirect the request (HTTP %d); its operator must give this server the final URL")
	}
	stripResponse(res.Header)
	sealSession(p.server.cfg.ProxyKeys[0], e.identity.User.ID, res.Header)
	res.Body = &streamBody{ReadCloser: res.Body, ctx: ctx}
	return nil
}

// errSlow ends a request that the proxied server does not begin to answer.
var errSlow = errors.New("the proxied server does not answer")

// upstreamError is an answer of the proxied server that is not passed on.
type upstreamError struct{ text string }

func (e *upstreamError) Error() string { return e.text }

func (p *proxy) refused(ctx context.Context, res *http.Response, format string) error {
	p.server.log.LogAttrs(ctx, slog.LevelWarn, "the proxied server refused a request", slog.Int("status", res.StatusCode))
	return &upstreamError{fmt.Sprintf(format, res.StatusCode)}
}

// failed answers where the proxied server did not, or not usably.
func (p *proxy) failed(_ http.ResponseWriter, r *http.Request, err error) {
	ctx := r.Context()
	e := exchangeOf(ctx)
	if known, ok := errors.AsType[*upstreamError](err); ok {
		e.refuse(http.StatusBadGateway, known.text)
		return
	}
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		e.tooLarge()
		return
	}
	if errors.Is(context.Cause(ctx), errSlow) {
		p.server.log.LogAttrs(ctx, slog.LevelWarn, "the proxied server does not answer", slog.Duration("after", p.server.cfg.ProxyTimeout))
		e.refuse(http.StatusGatewayTimeout, "the MCP server behind this one took too long; try again later, or tell its operator")
		return
	}
	if ctx.Err() != nil { // the client is gone, or the stream is over
		e.refuse(http.StatusServiceUnavailable, "the request was ended")
		return
	}
	p.server.log.LogAttrs(ctx, slog.LevelError, "reaching the proxied server", slog.String("error", err.Error()))
	e.refuse(http.StatusBadGateway, "the MCP server behind this one does not answer; try again later, or tell its operator")
}

// streamBody ends an answer cleanly where we ended it (a drain, a token that
// is over), instead of breaking the connection off.
type streamBody struct {
	io.ReadCloser
	ctx context.Context // of one answer: it lives as long as this body
}

func (b *streamBody) Read(into []byte) (int, error) {
	n, err := b.ReadCloser.Read(into)
	if err != nil && !errors.Is(err, io.EOF) && b.ctx.Err() != nil {
		err = io.EOF
	}
	return n, err
}

// copyBuffers are the buffers that answers are copied with.
type copyBuffers struct{ pool sync.Pool }

const copyBuffer = 32 << 10 // bytes

// Get implements [httputil.BufferPool].
func (b *copyBuffers) Get() []byte {
	if buffer, ok := b.pool.Get().(*[copyBuffer]byte); ok {
		return buffer[:]
	}
	return new([copyBuffer]byte)[:]
}

// Put implements [httputil.BufferPool].
func (b *copyBuffers) Put(buffer []byte) { b.pool.Put((*[copyBuffer]byte)(buffer)) }
