package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// serve is the outermost handler: it checks the Host, routes, survives panics,
// and logs one line.
func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	e := &exchange{
		ResponseWriter: w,
		mcp:            r.URL.Path == authserver.ResourcePath,
		id:             s.requestID(r),
		trace:          parseTrace(r.Header["Traceparent"]),
		writeTimeout:   s.writeTimeout,
	}
	w.Header()[headerRequestID] = e.id // for pages
	r = r.WithContext(authserver.WithClientAddress(context.WithValue(r.Context(), exchangeKey{}, e), s.clientAddress(r)))
	start := time.Now()
	defer func() {
		v := recover()
		s.finish(e, r, v)
		took := time.Since(start)
		s.observe(e, r, took)
		s.logRequest(e, r, took)
		if v != nil && !e.muted {
			panic(http.ErrAbortHandler) // half an answer must not look whole
		}
	}()
	if r.ContentLength != 0 {
		// Also for whoever is refused: net/http waits for the body before it sends
		// the refusal. Who may send more gets more time, and who has read it all
		// lifts this: left on, it would end the answer.
		_ = http.NewResponseController(w).SetReadDeadline(start.Add(s.formTimeout)) // a recorder in a test has none
	}
	if !s.hostAllowed(r) {
		e.refuse(http.StatusForbidden, "the Host header does not name this machine; this server only serves it")
		return
	}
	s.mux.ServeHTTP(e, r)
}

// finish answers 500 after a panic, where nothing was answered yet.
// [http.ErrAbortHandler] is how the reverse proxy says that its upstream broke
// off: no fault of ours.
func (s *Server) finish(e *exchange, r *http.Request, v any) {
	if v == nil {
		if e.rewrite { // a refusal without a text
			_, _ = e.Write(nil)
		}
		return
	}
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return
	}
	s.logPanic(r.Context(), v)
	if e.status == 0 {
		e.refuse(http.StatusInternalServerError, "something went wrong on this server")
	}
}

// refuse answers with status and a text in the form of the route.
func (e *exchange) refuse(status int, text string) {
	if e.mcp {
		e.writeError(status, status, text)
		return
	}
	http.Error(e, text, status)
	e.muted = true
}

func (s *Server) logPanic(ctx context.Context, v any) {
	s.log.LogAttrs(ctx, slog.LevelError, "panic", slog.Any("value", v), slog.String("stack", string(debug.Stack())))
}

// maxLogged bounds what a stranger can put into a log line, in bytes.
const maxLogged = 128

// logRequest writes the line of one request: no query, no header, no body.
func (s *Server) logRequest(e *exchange, r *http.Request, took time.Duration) {
	ctx := r.Context()
	if !s.log.Enabled(ctx, slog.LevelInfo) {
		return
	}
	attrs := make([]slog.Attr, 0, 10)
	attrs = append(attrs,
		slog.String("method", cut(r.Method)),
		slog.String("path", cut(r.URL.Path)),
		slog.Int("status", e.status),
		slog.Int64("bytes", e.bytes),
		slog.Int64("ms", took.Milliseconds()),
		slog.String("remote", authserver.ClientAddress(ctx).String()),
	)
	if e.identity != nil {
		attrs = append(attrs, slog.String("user", e.identity.User.ID), slog.String("client", e.identity.ClientID))
	}
	if e.message.method != "" {
		attrs = append(attrs, slog.String("rpc", cut(e.message.method)))
	}
	if e.message.tool != "" {
		attrs = append(attrs, slog.String("tool", cut(e.message.tool)))
	}
	s.log.LogAttrs(ctx, slog.LevelInfo, "request", attrs...)
}

func cut(text string) string {
	if len(text) > maxLogged {
		return text[:maxLogged] + "…"
	}
	return text
}
