// Package server is the MCP resource server and the whole HTTP surface of
// mcpdiscord.
//
// A request for the MCP endpoint walks one corridor (mcp.go): the origin may
// ask (origin.go), the bearer token is good (bearer.go), there is room
// (limit.go), and the token's scopes cover the call (scope.go). Behind it are
// the built-in tools (tools.go and a file for each), or somebody else's MCP
// server (proxy.go). Every other route is the authorization server's.
package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// Config describes a server. BaseURL and Auth are required, and Discord too
// unless Proxy is set.
type Config struct {
	BaseURL     string // scheme and authority alone; the resource is BaseURL + authserver.ResourcePath
	Auth        *authserver.Server
	Discord     *discord.Client
	AllowOrigin []string // exact web origins that may call the MCP endpoint beside the base URL's
	Dev         bool     // any loopback origin may call too
	Proxy       *url.URL // the MCP endpoint to stand before; nil: the built-in tools
	ProxyKeys   [][]byte // bind proxied sessions to their user, at least 32 bytes each; the first makes, all open; nil: a random one, and sessions end with the process
	Version     string   // of this build; "" means dev
	MaxInFlight int      // MCP requests at once, and as many long-lived streams; 0 means 1,024

	TrustedProxies []netip.Prefix // whose X-Forwarded-For counts; nil: nobody's
	MaxConnections int            // open at once; 0: half of what the system lets this process open
	TLS            *Certificate   // nil: plain http, and TLS ends before
	ProxyTimeout   time.Duration  // until the proxied server begins to answer; 0: for ever

	DrainDelay time.Duration     // between /readyz saying so and the end of new connections; 0: none
	Observe    func(Observation) // told of each request once it is answered, quickly; nil: nobody
	Logger     *slog.Logger      // nil: nothing is logged
}

// Server is the HTTP surface. New makes one.
type Server struct {
	cfg       Config
	log       *slog.Logger
	loopback  bool                // the base URL is on this machine
	origins   map[string]struct{} // that may call the MCP endpoint
	required  []string            // scopes of every access token
	challenge challenges
	methods   string         // of the MCP endpoint, for Allow
	mux       *http.ServeMux // every route
	mcp       http.Handler   // behind the corridor: the tools or the proxied server
	sdk       *mcp.Server    // of the tools
	tools     map[string]tool
	calls     *room
	streams   *room         // long-lived answers of a proxied server
	others    *room         // requests that are not for the MCP endpoint
	ready     readiness     // see health.go
	leaving   chan struct{} // /readyz says so
	draining  chan struct{}
	drainOnce sync.Once

	proxyWarned atomic.Bool // see warnProxy

	headerTimeout, formTimeout, writeTimeout, streamCheck time.Duration
}

// New validates cfg and returns a server. Errors that a flag can cause are
// *Error.
func New(cfg Config) (*Server, error) {
	base, err := parseBaseURL(cfg.BaseURL)
	if err != nil {
		return nil, err
	}
	switch {
	case cfg.Auth == nil:
		return nil, errors.New("server: Config.Auth is missing")
	case cfg.Proxy == nil && cfg.Discord == nil:
		return nil, errors.New("server: Config.Discord is missing")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxInFlight == 0 {
		cfg.MaxInFlight = defaultInFlight
	}
	if cfg.Version == "" {
		cfg.Version = "dev"
	}
	s := &Server{
		cfg:      cfg,
		log:      cfg.Logger,
		loopback: isLoopbackHost(base.Host),
		required: cfg.Auth.ScopesRequired(),
		calls:    newRoom(cfg.MaxInFlight),
		streams:  newRoom(cfg.MaxInFlight),
		others:   newRoom(cfg.MaxInFlight),
		leaving:  make(chan struct{}),
		draining: make(chan struct{}),

		headerTimeout: headerTimeout, formTimeout: formTimeout, writeTimeout: writeTimeout, streamCheck: streamCheck,
	}
	if s.origins, err = allowedOrigins(cfg.BaseURL, cfg.AllowOrigin); err != nil {
		return nil, err
	}
	s.challenge = newChallenges(cfg.BaseURL, s.required)
	if err := s.chooseMCP(); err != nil {
		return nil, err
	}
	s.mux = s.routes()
	return s, nil
}

// chooseMCP puts the proxy or the built-in tools behind the corridor.
func (s *Server) chooseMCP() error {
	if s.cfg.Proxy == nil {
		s.methods = http.MethodPost
		s.tools = s.builtinTools()
		s.mcp = s.newMCP()
		return nil
	}
	if len(s.cfg.ProxyKeys) == 0 {
		key := make([]byte, minProxyKey)
		_, _ = rand.Read(key) // never fails
		s.cfg.ProxyKeys = [][]byte{key}
	}
	s.methods = "GET, POST, DELETE"
	proxy, err := newProxy(s)
	s.mcp = proxy
	return err
}

// Handler returns everything that is served.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.serve) }

// routes is the table of everything that is served.
func (s *Server) routes() *http.ServeMux {
	mux := http.NewServeMux()
	preflights := map[string]bool{}
	for _, route := range s.cfg.Auth.Routes() {
		h := route.Handler
		if route.CORS {
			h = anyOrigin(h)
			if !preflights[route.Path] {
				preflights[route.Path] = true
				mux.HandleFunc("OPTIONS "+route.Path, servePublicPreflight)
			}
		}
		mux.Handle(strings.TrimSpace(route.Method+" "+route.Path), s.bounded(h))
	}
	mux.HandleFunc(authserver.ResourcePath, s.serveMCP)
	mux.HandleFunc("GET /{$}", s.serveRoot)
	return mux
}

// serveRoot tells a person who opens the base URL where they are.
func (s *Server) serveRoot(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = fmt.Fprintf(w, "This is an MCP server that people sign in to with Discord.\nIts MCP URL is %s%s\n", s.cfg.BaseURL, authserver.ResourcePath)
}

// drain ends the long-lived streams, so that they do not hold up a shutdown.
func (s *Server) drain() { s.drainOnce.Do(func() { close(s.draining) }) }

// parseBaseURL checks that base is scheme and authority alone, and that nobody
// can listen in. Its errors are *Error; they do not repeat base, which may hold
// a password.
func parseBaseURL(base string) (*url.URL, error) {
	u, err := url.Parse(base)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || base != u.Scheme+"://"+u.Host {
		return nil, &Error{Message: "the base URL is not a scheme and a host alone", Hint: "write it like https://mcp.example.com", Usage: true}
	}
	if u.Scheme == "http" && !isLoopbackHost(u.Host) {
		return nil, &Error{Message: "the base URL is http, which anybody on the way can read", Hint: "use https; plain http is for localhost alone", Usage: true}
	}
	return u, nil
}

// exchangeKey is where a request's context holds its exchange.
type exchangeKey struct{}

// exchangeOf returns the exchange that ctx belongs to, or nil.
func exchangeOf(ctx context.Context) *exchange {
	e, _ := ctx.Value(exchangeKey{}).(*exchange)
	return e
}
