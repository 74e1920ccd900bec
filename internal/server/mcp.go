package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// protocolVersions are the revisions of MCP that the built-in server speaks:
// one without sessions, and two of the generation that starts with initialize.
// All are served without sessions. 2025-03-26 is left out for its batches.
var protocolVersions = []string{"2026-07-28", "2025-11-25", "2025-06-18"}

// serveMCP is the corridor before the MCP endpoint, in the order of the
// specification: origin, token, method, and then the message.
func (s *Server) serveMCP(w http.ResponseWriter, r *http.Request) {
	e, ok := w.(*exchange)
	if !ok {
		panic("server: the MCP endpoint is reached past Handler")
	}
	origin := r.Header["Origin"]
	if !s.originAllowed(origin) {
		e.refuse(http.StatusForbidden, "this server does not take requests from that web origin")
		return
	}
	if len(origin) == 1 {
		e.origin = origin[0]
	}
	if r.Method == http.MethodOptions {
		s.servePreflight(e, r)
		return
	}
	if !s.authenticate(e, r) {
		return
	}
	if !s.methodAllowed(r.Method) {
		e.Header().Set("Allow", s.methods)
		e.refuse(http.StatusMethodNotAllowed, "the MCP endpoint takes "+s.methods)
		return
	}
	if r.ContentLength > maxBody {
		e.tooLarge()
		return
	}
	s.mcp.ServeHTTP(e, r)
}

func (s *Server) methodAllowed(method string) bool {
	switch method {
	case http.MethodPost:
		return true
	case http.MethodGet, http.MethodDelete:
		return s.cfg.Proxy != nil
	default:
		return false
	}
}

func (e *exchange) tooLarge() {
	e.refuse(http.StatusRequestEntityTooLarge, "the message is larger than 4 MiB")
}

// busy answers that there is no room. A client tries again; a 4xx would make
// it give up.
func (e *exchange) busy() {
	e.Header().Set("Retry-After", busyRetry)
	e.refuse(http.StatusServiceUnavailable, "this server is busy; try again in a second")
}

// newMCP returns the SDK's server with the built-in tools, and what stands
// before it.
func (s *Server) newMCP() http.Handler {
	// The list of tools never changes, and saying so (ListChanged is false) means
	// that no client holds a stream open to learn of changes.
	sdkLog := slog.New(warnings{s.log.Handler()})
	s.sdk = mcp.NewServer(&mcp.Implementation{Name: "mcpdiscord", Title: "mcpdiscord", Version: s.cfg.Version}, &mcp.ServerOptions{
		Instructions:              "Tools about the Discord account that signed in.",
		Logger:                    sdkLog,
		Capabilities:              &mcp.ServerCapabilities{Tools: &mcp.ToolCapabilities{}},
		SetCacheable:              func(_ context.Context, _ mcp.Request, c *mcp.Cacheable) { c.TTLMs, c.CacheScope = listTTL, "private" },
		SupportedProtocolVersions: protocolVersions,
	})
	for _, t := range s.tools {
		s.sdk.AddTool(t.def, s.handlerOf(t))
	}
	s.sdk.AddReceivingMiddleware(s.guard)
	sdk := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s.sdk }, &mcp.StreamableHTTPOptions{
		Stateless:                    true,
		Logger:                       sdkLog,
		DisableLocalhostProtection:   true, // origin.go does it, and knows our base URL
		MaxRequestBodyBytes:          -1,   // serveMessage does it
		PropagateRequestCancellation: true,
	})
	return &messages{server: s, sdk: sdk}
}

// listTTL is how long a client may keep the list of tools, in milliseconds. It
// only changes with the build.
const listTTL = 10 * 60 * 1000

// messages reads a POSTed message and lets the SDK have it if the token's
// scopes cover what it calls.
type messages struct {
	server *Server
	sdk    http.Handler
}

// ServeHTTP implements [http.Handler]. w is an *exchange.
func (h *messages) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e, s := w.(*exchange), h.server
	user := e.identity.User.ID
	if !s.calls.enter(user) {
		e.busy()
		return
	}
	defer s.calls.leave(user)

	body := bodies.Get().(*bytes.Buffer)
	defer giveBack(body)
	if !readBody(e, r, body) || !s.admit(e, r, body.Bytes()) {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body.Bytes()))
	r.Header.Del("Last-Event-ID") // streams are not resumable; to be ignored
	e.sdk = true
	e.Header().Set("X-Accel-Buffering", "no")
	h.sdk.ServeHTTP(e, r)
}

// bodies are buffers for requests: the SDK copies what it reads.
var bodies = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// maxKept bounds the buffers that are kept for the next request, in bytes.
const maxKept = 64 << 10

func giveBack(b *bytes.Buffer) {
	if b.Cap() <= maxKept {
		b.Reset()
		bodies.Put(b)
	}
}

// readBody reads a request's body, or answers and returns false.
func readBody(e *exchange, r *http.Request, into *bytes.Buffer) bool {
	conn := http.NewResponseController(e.ResponseWriter)
	_ = conn.SetReadDeadline(time.Now().Add(bodyTimeout)) // a recorder in a test has none
	if r.ContentLength > 0 {
		into.Grow(int(min(r.ContentLength, maxKept)) + bytes.MinRead)
	}
	_, err := into.ReadFrom(http.MaxBytesReader(e, r.Body, maxBody))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		e.tooLarge()
		return false
	}
	if err != nil {
		e.refuse(http.StatusBadRequest, "the request broke off")
		return false
	}
	_ = conn.SetReadDeadline(time.Time{})
	return true
}

// admit decides whether the SDK gets the message, or answers and returns false.
func (s *Server) admit(e *exchange, r *http.Request, body []byte) bool {
	m, err := parseMessage(body)
	e.message = m
	if err != nil {
		code := codeInvalidRequest
		if errors.Is(err, errNotJSON) {
			code = codeParse
		}
		e.writeError(http.StatusBadRequest, code, err.Error())
		return false
	}
	if m.method != "initialize" && r.Header.Get("Mcp-Protocol-Version") == "" {
		// Without it the version is 2025-03-26, which is not spoken here.
		e.writeError(http.StatusBadRequest, codeHeaderMismatch, "the header MCP-Protocol-Version is needed; this server speaks "+strings.Join(protocolVersions, ", "))
		return false
	}
	if m.method != methodCall {
		return true
	}
	if t := s.tools[m.tool]; missing(t.scopes, e.identity.Scopes) {
		s.stepUp(e, t.needs)
		return false
	}
	return true
}

// guard keeps a panic in a tool from ending the process: tools run on the SDK's
// goroutines, where net/http does not catch it. And it refuses what is not
// among our capabilities, which the SDK would answer with empty lists.
func (s *Server) guard(next mcp.MethodHandler) mcp.MethodHandler {
	return func(ctx context.Context, method string, req mcp.Request) (res mcp.Result, err error) {
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			s.logPanic(ctx, v)
			if e := exchangeOf(ctx); e != nil {
				e.panicked.Store(true)
			}
			res, err = nil, &jsonrpc.Error{Code: codeInternal, Message: "something went wrong on this server"}
		}()
		if strings.HasPrefix(method, "prompts/") || strings.HasPrefix(method, "resources/") {
			return nil, &jsonrpc.Error{Code: codeMethodNotFound, Message: "this server has tools only"}
		}
		return next(ctx, method, req)
	}
}
