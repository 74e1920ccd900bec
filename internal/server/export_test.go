package server

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// ListenWith is Listen with another way to bind.
func ListenWith(bind func(network, address string) (net.Listener, error), addr, baseURL string) ([]net.Listener, error) {
	return listen(bind, addr, baseURL)
}

// ParseMessage shows what the door sees in a message.
func ParseMessage(body []byte) (id, method, tool string, err error) {
	m, err := parseMessage(body)
	return m.id, m.method, m.tool, err
}

// AddTool adds a tool of a test, before the server is used.
func (s *Server) AddTool(name string, scopes []string, run func(ctx context.Context, id *authserver.Identity) (any, error)) {
	t := tool{
		def:    &mcp.Tool{Name: name, InputSchema: noArguments},
		scopes: scopes,
		needs:  append(append([]string{}, s.required...), scopes...),
		run:    run,
	}
	s.tools[name] = t
	s.sdk.AddTool(t.def, s.handlerOf(t))
}

// HandleFunc adds a route of a test, before the server is used.
func (s *Server) HandleFunc(pattern string, h http.HandlerFunc) { s.mux.HandleFunc(pattern, h) }

// SetStreamCheck changes how often a long-lived stream is looked at, before the
// server is used.
func (s *Server) SetStreamCheck(d time.Duration) { s.streamCheck = d }

// SetWriteTimeout changes how long a client may take to read, before the server
// is used.
func (s *Server) SetWriteTimeout(d time.Duration) { s.writeTimeout = d }

// SetFormTimeout changes how long a stranger may take to send a body, before
// the server is used.
func (s *Server) SetFormTimeout(d time.Duration) { s.formTimeout = d }

// AdminAdmits says whether the admin socket lets a user in.
func AdminAdmits(uid int, known bool) bool { return adminAdmits(uid, known) }

// SafeHeader shows how a name is written into a header.
func SafeHeader(text string) string { return safeHeader(text) }

// SDK is the SDK's server, without the corridor before it.
func (s *Server) SDK() *mcp.Server { return s.sdk }

// ParseTrace shows what is read of the values of traceparent.
func ParseTrace(values []string) (traceID, spanID string) {
	t := parseTrace(values)
	return t.id, t.span
}

// SetHeaderTimeout changes how long a stranger may take to begin, before the
// server serves.
func (s *Server) SetHeaderTimeout(d time.Duration) { s.headerTimeout = d }

// LoadCertificateWith is LoadCertificate with another clock.
func LoadCertificateWith(certFile, keyFile string, log *slog.Logger, now func() time.Time) (*Certificate, error) {
	return loadCertificate(certFile, keyFile, log, now)
}

// ClientAddress shows where a request comes from.
func (s *Server) ClientAddress(r *http.Request) netip.Addr { return s.clientAddress(r) }

// Connect opens a connection from an address as far as the bounds on
// connections go.
func (s *Server) Connect() func(from netip.Addr) bool { return s.newConnections().enter }
