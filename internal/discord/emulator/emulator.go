// Package emulator is a Discord for one machine: it speaks the part of
// Discord's HTTP that mcpdiscord uses, with a sign-in page, rotating tokens, a
// few ready users, and faults on demand. It is for development and tests: it
// answers on loopback only, and every answer says that it is not Discord.
package emulator

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The application that an emulator knows when Config names no other.
const (
	DefaultClientID     = "157730590492196864"
	DefaultClientSecret = "emulator-secret-not-for-production"
	DefaultBotToken     = "emulator-bot-token-not-for-production" //nolint:gosec // public
)

// Config describes an emulator.
type Config struct {
	URL          string             // base URL it is reached at; "": Start takes the listener's
	ClientID     string             // "" means DefaultClientID
	ClientSecret string             // "" means DefaultClientSecret
	BotToken     string             // "" means DefaultBotToken
	RedirectURIs []string           // exact matches; nil: any loopback http or https one
	KillEarlier  bool               // a second authorization of a user ends the user's earlier tokens
	Users        []User             // nil: the ready users, nelly first
	WebhookURL   string             // told of deauthorizations; http or https on loopback; "": none
	WebhookKey   ed25519.PrivateKey // signs for the webhook; nil: one is made
	Logger       *slog.Logger       // nil: nothing is logged
	Now          func() time.Time   // nil: time.Now
}

// Emulator is an [http.Handler] with the state of one emulated Discord. It is
// safe for concurrent use.
type Emulator struct {
	cfg     Config
	host    string // Config.URL's, accepted beside loopback names
	mux     *http.ServeMux
	csrf    *http.CrossOriginProtection
	webhook *webhook

	mu       sync.Mutex
	state    state
	faults   []*Fault
	counters Counters
	limit    limit
	limits   map[string]*window
}

// New checks cfg and returns an Emulator.
func New(cfg Config) (*Emulator, error) {
	if cfg.ClientID == "" {
		cfg.ClientID = DefaultClientID
	}
	if cfg.ClientSecret == "" {
		cfg.ClientSecret = DefaultClientSecret
	}
	if cfg.BotToken == "" {
		cfg.BotToken = DefaultBotToken
	}
	if cfg.Users == nil {
		cfg.Users = ReadyUsers()
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	base, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("parsing the emulator's URL: %w", err)
	}
	state, err := newState(cfg)
	if err != nil {
		return nil, err
	}
	webhook, err := newWebhook(cfg)
	if err != nil {
		return nil, err
	}
	e := &Emulator{
		cfg:      cfg,
		host:     base.Host,
		mux:      http.NewServeMux(),
		csrf:     http.NewCrossOriginProtection(),
		webhook:  webhook,
		state:    state,
		counters: make(Counters),
		limit:    limit{calls: limitCalls, window: limitWindow},
		limits:   make(map[string]*window),
	}
	e.routes()
	return e, nil
}

// Start serves an emulator on a free port of 127.0.0.1 until stop is called.
func Start(cfg Config) (e *Emulator, baseURL string, stop func(), err error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp4", "127.0.0.1:0")
	if err != nil {
		return nil, "", nil, fmt.Errorf("listening for the emulator: %w", err)
	}
	baseURL = "http://" + listener.Addr().String()
	if cfg.URL == "" {
		cfg.URL = baseURL
	}
	if e, err = New(cfg); err != nil {
		return nil, "", nil, errors.Join(err, listener.Close())
	}
	server := &http.Server{
		Handler:           e,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(e.cfg.Logger.Handler(), slog.LevelDebug),
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	stop = sync.OnceFunc(func() {
		_ = server.Close()
		<-done
	})
	return e, baseURL, stop, nil
}

// Users returns the accounts that can sign in, in the sign-in page's order.
func (e *Emulator) Users() []User {
	e.mu.Lock()
	defer e.mu.Unlock()
	users := make([]User, 0, len(e.state.order))
	for _, id := range e.state.order {
		users = append(users, e.state.accounts[id].user)
	}
	return users
}

func (e *Emulator) routes() {
	e.handle("GET /oauth2/authorize", EndpointAuthorize, e.authorizePage)
	e.handle("POST /oauth2/authorize", EndpointAuthorize, e.authorizeSubmit)
	e.handle("POST /api/v10/oauth2/token", EndpointToken, e.token)
	e.handle("POST /api/v10/oauth2/token/revoke", EndpointRevoke, e.revoke)
	e.handle("GET /api/v10/oauth2/@me", EndpointAuthorization, e.bearer(e.currentAuthorization))
	e.handle("GET /api/v10/users/@me", EndpointUser, e.bearer(e.currentUser))
	e.handle("GET /api/v10/users/@me/guilds", EndpointGuilds, e.bearer(e.currentUserGuilds))
	e.handle("GET /api/v10/users/@me/guilds/{guild}/member", EndpointMember, e.bearer(e.currentUserMember))
	e.handle("GET /api/v10/users/@me/connections", EndpointConnections, e.bearer(e.currentUserConnections))
	e.handle("PUT /api/v10/guilds/{guild}/members/{user}", EndpointJoin, e.putMember)
	e.control()
	e.mux.HandleFunc("/api/", func(w http.ResponseWriter, _ *http.Request) {
		writeAPIError(w, http.StatusNotFound, "404: Not Found", 0)
	})
	e.mux.HandleFunc("GET /{$}", e.help)
	e.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		e.problemPage(w, http.StatusNotFound, "There is nothing here", "The emulator has a sign-in page, Discord’s API, and its own switches under /emulator/.")
	})
}

// handle puts what every endpoint shares around h: counting, faults, and the
// rate limit headers.
func (e *Emulator) handle(pattern, endpoint string, h http.HandlerFunc) {
	e.mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		grant := ""
		if endpoint == EndpointToken {
			grant = grantType(r)
		}
		if endpoint != EndpointAuthorize && !e.rateLimit(w, r, endpoint) {
			e.count(endpoint, grant, "429")
			return
		}
		if fault, ok := e.takeFault(endpoint, grant); ok {
			// Counted first: a hang may never end.
			e.count(endpoint, grant, fault.result())
			fault.show(w, r, h)
			return
		}
		counted := &countedWriter{ResponseWriter: w, status: http.StatusOK}
		h(counted, r)
		e.count(endpoint, grant, strconv.Itoa(counted.status))
	})
}

// ServeHTTP implements [http.Handler].
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("X-Discord-Emulator", "mcpdiscord: this is not Discord")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if !e.isOurs(r.Host) {
		// A name that merely resolves to this machine is a web page's trick
		// to reach it (DNS rebinding).
		http.Error(w, "the Discord emulator answers on loopback only", http.StatusMisdirectedRequest)
		return
	}
	if err := e.csrf.Check(r); err != nil {
		http.Error(w, "cross-origin request refused", http.StatusForbidden)
		return
	}
	e.mux.ServeHTTP(w, r)
}

func (e *Emulator) isOurs(host string) bool {
	if e.host != "" && strings.EqualFold(host, e.host) {
		return true
	}
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	return isLoopback(strings.Trim(name, "[]"))
}

func isLoopback(name string) bool {
	if strings.EqualFold(name, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.IsLoopback()
}
