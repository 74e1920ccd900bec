// Package authserver is the OAuth 2.1 authorization server that mcpdiscord is
// toward MCP clients. People sign in to it with Discord.
//
// The protocol is a row of steps, one file each, in this order: metadata.go,
// register.go, authorize.go, consent.go, callback.go, token.go, revoke.go; and
// verify.go for every request at the resource. No step calls another: each
// takes the record that its predecessor left in the [Store] (records.go) and
// leaves its own.
package authserver

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// Config describes an authorization server. BaseURL, Discord, ApplicationID,
// Store and SigningKeys are required.
type Config struct {
	BaseURL       string // the issuer: scheme and authority alone
	ServerName    string // on the pages; "" means the host of BaseURL
	Discord       *discord.Client
	DiscordURL    string // what Discord talks to; the store is bound to it
	ApplicationID string // Discord's id of our application; the store is bound to it
	Store         Store
	SigningKeys   [][]byte // at least 32 bytes each; every key is derived from them. The first signs, all verify

	Scopes         []string // required at every sign-in; nil means identify
	OptionalScopes []string // granted when asked for; nil means none
	RedirectPath   string   // where Discord sends people back; "" means /auth/callback
	AllowRedirect  []string // exact redirect URIs beside https and loopback; nil means DefaultAllowRedirect
	Access         Access   // who may come in; zero means everybody

	WebhookKey ed25519.PublicKey // verifies Discord's events; nil: there are none

	AccessTokenTTL time.Duration // 0 means 1 h
	RefreshGrace   time.Duration // 0 means 60 s
	GrantTTL       time.Duration // without refresh; 0 means 30 days
	MaxClients     int           // registered clients, and as many described by documents; 0 means 10,000
	Limits         Limits        // of one address and of one user

	NoDocuments      bool     // a client id is never a URL (CIMD is off)
	DocumentHosts    []string // whose documents are read, where *.example.com is all below it; nil means any
	MaxDocumentBytes int64    // of a client's document, or its keys; 0 means 64 KiB

	// OutageGrace is how long access tokens that were good stay so while the
	// store does not answer; 0: not at all.
	OutageGrace time.Duration

	Audit  func(ctx context.Context, e Event) // takes the audit trail, quickly; nil: it goes to Logger
	Logger *slog.Logger                       // nil: nothing is logged
	Now    func() time.Time                   // nil: time.Now
}

// ResourcePath is where the MCP server is, below BaseURL.
const ResourcePath = "/mcp"

// Server is the authorization server. New makes one.
type Server struct {
	cfg      Config // with every default filled in
	base     baseURL
	resource string // BaseURL + ResourcePath
	keys     keyring
	log      *slog.Logger
	now      func() time.Time

	origins *http.CrossOriginProtection
	clients clientIndex
	pages   *pages
	mem     *memory // see memory.go
	limits  *limiter
	access  *accessControl // see access.go

	described clientIndex                        // by documents, see clientid.go
	documents *fetcher                           // see fetch.go
	fixed     atomic.Pointer[map[string]*Client] // of the operator's file

	storeID  string    // of the store that we are bound to, see bind.go
	trail    *trail    // see audit.go
	counters *counters // see stats.go
}

// New checks the configuration and binds the store to it: a store that belongs
// to another issuer, Discord application, Discord or signing key is refused
// with a [*BindError].
func New(ctx context.Context, cfg Config) (*Server, error) {
	base, err := cfg.complete()
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg:      cfg,
		base:     base,
		resource: cfg.BaseURL + ResourcePath,
		log:      cfg.Logger,
		now:      cfg.Now,
		origins:  http.NewCrossOriginProtection(),
		access:   newAccessControl(cfg.Access),
		trail:    newTrail(),
		counters: newCounters(),
		limits:   newLimiter(cfg.Limits, cfg.MaxClients),
		mem:      newMemory(),
	}
	if s.keys, err = deriveKeyring(cfg.SigningKeys); err != nil {
		return nil, err
	}
	s.documents = newFetcher(cfg.MaxDocumentBytes, cfg.Now)
	if err := s.origins.AddTrustedOrigin(cfg.BaseURL); err != nil {
		return nil, fmt.Errorf("trusting the base URL's origin: %w", err)
	}
	s.pages = newPages(cfg.ServerName, base.Host)
	if err := s.bind(ctx); err != nil {
		return nil, err
	}
	if err := s.loadClients(ctx); err != nil {
		return nil, err
	}
	s.openVerify(ctx)
	return s, nil
}

// Routes are the endpoints of the authorization server. GET stands for HEAD
// too, as in http.ServeMux.
func (s *Server) Routes() []Route {
	routes := []Route{
		{Method: http.MethodPost, Path: "/register", CORS: true, Handler: s.json(s.limited(limitRegister, s.serveRegister))},
		{Method: http.MethodGet, Path: "/authorize", Handler: s.page(s.limited(limitAuthorize, s.serveAuthorize))},
		{Method: http.MethodPost, Path: "/consent", Handler: s.page(s.limited(limitConsent, s.serveConsent))},
		{Method: http.MethodGet, Path: s.cfg.RedirectPath, Handler: s.page(s.serveCallback)},
		{Method: http.MethodPost, Path: "/token", CORS: true, Handler: s.json(s.serveToken)},
		{Method: http.MethodPost, Path: "/revoke", CORS: true, Handler: s.json(s.serveRevoke)},
	}
	if s.cfg.WebhookKey != nil {
		routes = append(routes, Route{Method: http.MethodPost, Path: WebhookPath, Handler: s.json(s.serveWebhook)})
	}
	return append(s.metadataRoutes(), routes...)
}

// ScopesRequired are the scopes that every sign-in grants.
func (s *Server) ScopesRequired() []string { return s.cfg.Scopes }

// Close ends what the server runs. It leaves the store open.
func (s *Server) Close() error {
	s.closeVerify()
	return nil
}

// Route is one endpoint of the authorization server.
type Route struct {
	Method  string // "" means any
	Path    string // a pattern of http.ServeMux, without the method
	CORS    bool   // any origin may read the answer (metadata, /register, /token, /revoke)
	Handler http.Handler
}

// Identity is who calls: what [Server.Verify] found in an access token and its
// grant.
type Identity struct {
	User     User
	Scopes   []string // of this access token
	ClientID string
	GrantID  string
	Expires  time.Time
}
