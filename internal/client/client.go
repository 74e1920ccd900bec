// Package client is an MCP client that signs in: it discovers the
// authorization server of an MCP server, registers itself, takes the user
// through a browser sign-in on a loopback redirect, keeps and renews the
// tokens, and calls tools.
//
// The protocol parts follow RFC 9728 (which authorization server), RFC 8414
// (its endpoints), RFC 7591 (registration), RFC 6749 with 7636, 8252, 8707 and
// 9207 (the sign-in), RFC 7009 (sign-out) and the MCP authorization
// specification of 2026-07-28. The MCP session itself is the SDK's; the SDK's
// own sign-in handler is not used, because it guesses endpoints where the
// specification says refuse, sends a code twice, and cannot be told how a
// stored client authenticates. This package plugs in through the same
// [auth.OAuthHandler] seam.
package client

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// Cache keeps sign-ins between runs; *tokencache.Cache is one.
type Cache interface {
	// Load gives a copy of the sign-in, or tokencache.ErrNotFound.
	Load(ctx context.Context, key tokencache.Key) (*tokencache.Session, error)
	// Save stores the sign-in under its own Resource and Issuer.
	Save(ctx context.Context, session *tokencache.Session) error
	// Delete removes the sign-in; one that is not there is no error.
	Delete(ctx context.Context, key tokencache.Key) error
	// Unlock makes sure, before a sign-in, that its outcome can be saved.
	Unlock(ctx context.Context, key tokencache.Key) error
	// Lock excludes every other goroutine and process from the key.
	Lock(ctx context.Context, key tokencache.Key) (unlock func(), err error)
	// Server is what is remembered, without secrets, of a server's URL.
	Server(url string) (tokencache.Server, bool, error)
	// Remember stores it, Forget removes it.
	Remember(server tokencache.Server) error
	Forget(url string) error
}

// Config says which server to talk to and how. Its zero value but for Server
// is a client that keeps nothing, opens no browser and never signs in.
type Config struct {
	// Server is the URL of the MCP server: https, or http on loopback.
	Server string
	// Cache keeps sign-ins; nil keeps them as long as the Conn lives.
	Cache Cache
	// SignIn allows a browser sign-in. Without it a needed sign-in is an
	// error of KindAuth.
	SignIn bool
	// AskFirst keeps operations from signing in by themselves: what needs a
	// sign-in is an error that says so (Error.SignIn), for [Conn.SignIn]. Connect
	// itself still signs in.
	AskFirst bool
	// OpenBrowser opens a URL in the user's browser; nil: there is none, and
	// the URL is only announced. See [OpenBrowser].
	OpenBrowser func(ctx context.Context, url string) error
	// Paste delivers lines that the user typed: the address that a browser on
	// another machine ended at counts as the redirect. nil: none.
	Paste <-chan string
	// Events hears what happens during a sign-in, one event at a time. It must
	// not block. nil: nobody.
	Events func(Event)
	// CallbackPort is the loopback port for the redirect; 0: the one used
	// last, else any.
	CallbackPort int
	// LoginTimeout bounds one browser sign-in; 0: 5 minutes.
	LoginTimeout time.Duration
	// Scopes are asked for in addition to what the server asks for.
	Scopes []string
	// AccessToken, when set, is sent as it is: never saved, never renewed, no
	// sign-in.
	AccessToken string
	// Header is added to the requests to the MCP server's origin: those of MCP,
	// and the one for the resource metadata. Names are canonical; see
	// [CheckHeader]. With an Authorization header there is no sign-in, as with
	// AccessToken; both are an error.
	Header http.Header
	// ClientID and ClientSecret are a registration made beforehand: printable
	// ASCII, the secret "" for a public client. A saved sign-in of another
	// client is then not used.
	ClientID, ClientSecret string
	// ClientCredentials signs in as that client itself, without a user (RFC 6749,
	// section 4.4): ClientSecret is needed, SignIn is not. A saved sign-in of a
	// user is then not used.
	ClientCredentials bool
	// ClientMetadataURL is where a document describes this client (https, see
	// the draft "OAuth Client ID Metadata Document"). It is the client ID at
	// servers that support that, unless ClientID is set. Without either the
	// client registers itself (RFC 7591).
	ClientMetadataURL string
	// Timeout bounds one request to the server, sign-ins not counted; 0: 30
	// seconds.
	Timeout time.Duration
	// Transport carries every HTTP request; nil: one that dials only where a
	// sign-in with this server may lead.
	Transport http.RoundTripper
	// Elicit asks the user what the server wants to know during a call. It may
	// be called for several questions at once; its context ends with the call
	// and has the values of the call's context, where the call is known. An error
	// refuses the question. nil: nobody is asked, and the server is told so. The
	// time it takes is not counted by Timeout.
	Elicit func(ctx context.Context, question Elicitation) (Answer, error)
	// Heard hears what the server says of itself between the operations: that a
	// list has changed, or a resource (see [Conn.Subscribe]). It must not block.
	// nil: nobody.
	Heard func(News)
	// Protocol is the version of MCP that the server spoke the last time, "" if
	// that is not known: one of an older generation is then not probed first.
	Protocol string
	// Spoke hears the version of each new session; nil: nobody.
	Spoke func(version string)
	// Debug gets every HTTP exchange in words, without secrets: one Write for
	// each request, answer, body, and event of a stream. nil: none.
	Debug io.Writer
	// Exchanges hears of every HTTP exchange, without secrets: when its answer
	// begins, whenever more of it has come, and when it has ended (HTTPExchange.Done).
	// It is called from several goroutines, and must not block. nil: nobody.
	Exchanges func(HTTPExchange)
	// Version is our own version, told to the server.
	Version string
	// Logger gets one line per step and never a secret; nil: none.
	Logger *slog.Logger
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// EventKind names a step of a sign-in that the user should know of.
type EventKind string

// The events of a sign-in, in the order in which they may come.
const (
	// EventWaiting: another process is signing in to the same server.
	EventWaiting EventKind = "waiting"
	// EventDiscovered: URL is the authorization server.
	EventDiscovered EventKind = "discovered"
	// EventRegistered: the authorization server knows this client now.
	EventRegistered EventKind = "registered"
	// EventSignIn: URL must be opened in a browser. It is announced before
	// any browser is started, and always.
	EventSignIn EventKind = "sign_in"
	// EventNoBrowser: no browser was opened; the user must open URL. Port is
	// the loopback port that an ssh tunnel has to carry.
	EventNoBrowser EventKind = "no_browser"
	// EventOtherClient: there is a sign-in, but of another client than
	// Config.ClientID; a new one follows.
	EventOtherClient EventKind = "other_client"
	// EventClientUnknown: the browser will probably show an error, since the
	// authorization server does not know the given client.
	EventClientUnknown EventKind = "client_unknown"
	// EventPasteRefused: a pasted line is not the address that was expected.
	EventPasteRefused EventKind = "paste_refused"
	// EventReturned: the browser came back with a code, which is being exchanged.
	EventReturned EventKind = "returned"
	// EventSignedIn: the sign-in is complete and kept; Text is who it is.
	EventSignedIn EventKind = "signed_in"
)

// Event is one step of a sign-in.
type Event struct {
	Kind EventKind
	URL  string // EventDiscovered, EventSignIn, EventNoBrowser
	Port int    // EventSignIn, EventNoBrowser
	Text string // for the user, printable; may be ""
}

// Identity is who is signed in, where, and for how long.
type Identity struct {
	Server          string // the URL
	Issuer          string // the authorization server, "" without a sign-in
	Given           bool   // the token was brought by the user, see [SaveToken]
	ClientID        string
	Grant           string // client_credentials: the client itself is signed in
	Username        string
	GlobalName      string
	UserID          string
	Scopes          []string  // granted
	Expiry          time.Time // of the access token; zero: unknown
	ProtocolVersion string    // of MCP, once connected
}

// The defaults and bounds of Config.
const (
	defaultTimeout      = 30 * time.Second
	defaultLoginTimeout = 5 * time.Minute
)

func (cfg Config) withDefaults() Config {
	if cfg.Cache == nil {
		cfg.Cache = newMemory()
	}
	if cfg.Events == nil {
		cfg.Events = func(Event) {}
	}
	if cfg.Spoke == nil {
		cfg.Spoke = func(string) {}
	}
	if cfg.LoginTimeout <= 0 {
		cfg.LoginTimeout = defaultLoginTimeout
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = defaultTimeout
	}
	if cfg.Version == "" {
		cfg.Version = "dev"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return cfg
}
