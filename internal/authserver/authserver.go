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
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// Config describes an authorization server. BaseURL, Discord, ApplicationID,
// Store and SigningKey are required.
type Config struct {
	BaseURL       string // the issuer: scheme and authority alone
	ServerName    string // on the pages; "" means the host of BaseURL
	Discord       *discord.Client
	DiscordURL    string // what Discord talks to; the store is bound to it
	ApplicationID string // Discord's id of our application; the store is bound to it
	Store         Store
	SigningKey    []byte // at least 32 bytes; every key is derived from it

	Scopes         []string // required at every sign-in; nil means identify
	OptionalScopes []string // granted when asked for; nil means none
	RedirectPath   string   // where Discord sends people back; "" means /auth/callback
	AllowRedirect  []string // exact redirect URIs beside https and loopback; nil means DefaultAllowRedirect

	AccessTokenTTL time.Duration // 0 means 1 h
	RefreshGrace   time.Duration // 0 means 60 s
	GrantTTL       time.Duration // without refresh; 0 means 30 days
	MaxClients     int           // registered clients; 0 means 10,000

	Logger *slog.Logger     // nil: nothing is logged
	Now    func() time.Time // nil: time.Now
}

// ResourcePath is where the MCP server is, below BaseURL.
const ResourcePath = "/mcp"

// Server is the authorization server. New makes one.
type Server struct {
	cfg      Config
	resource string // BaseURL + ResourcePath
	keys     keys
	log      *slog.Logger
	now      func() time.Time
}

// New checks the configuration and binds the store to it.
func New(ctx context.Context, cfg Config) (*Server, error) {
	return nil, errors.New("not built yet")
}

// Routes are the endpoints of the authorization server.
func (s *Server) Routes() []Route { return nil }

// ScopesRequired are the scopes that every sign-in grants.
func (s *Server) ScopesRequired() []string { return s.cfg.Scopes }

// Close ends what the server runs. It leaves the store open.
func (s *Server) Close() error { return nil }

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
