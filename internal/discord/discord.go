package discord

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"
)

// DefaultURL is where Discord lives.
const DefaultURL = "https://discord.com"

const defaultTimeout = 10 * time.Second

// Config describes one Discord application.
type Config struct {
	URL          string // scheme and authority; "" means DefaultURL
	ClientID     string // the application's id, a snowflake
	ClientSecret Secret
	RedirectURI  string            // byte for byte as registered in the Developer Portal
	Transport    http.RoundTripper // nil: an own keep-alive transport
	Timeout      time.Duration     // of one call; 0 means 10 s
	Version      string            // of this program, for the User-Agent
	Observe      Observe           // told of each call, quickly; nil: nobody
	Count        Count             // of refusals, for all processes behind one address; nil: this is the only one
	Logger       *slog.Logger      // nil: nothing is logged
	Now          func() time.Time  // nil: time.Now
}

// Client calls Discord for one application. It is safe for concurrent use.
type Client struct {
	cfg    Config
	http   *http.Client
	agent  string
	oauth  oauth2.Config
	budget *budget
}

// New checks cfg and returns a Client. It makes no call.
func New(cfg Config) (*Client, error) {
	if cfg.URL == "" {
		cfg.URL = DefaultURL
	}
	cfg.URL = strings.TrimSuffix(cfg.URL, "/")
	if err := checkURL(cfg.URL); err != nil {
		return nil, err
	}
	if cfg.ClientID == "" || cfg.ClientSecret == "" {
		return nil, errors.New("discord: client id and client secret are required")
	}
	if strings.ContainsAny(cfg.ClientID, ":\r\n") {
		return nil, errors.New("discord: client id holds a character that no id has")
	}
	redirect, err := url.Parse(cfg.RedirectURI)
	if err != nil || redirect.Scheme == "" || redirect.Host == "" {
		return nil, errors.New("discord: redirect URI is not an absolute URL")
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
	if cfg.Transport == nil {
		cfg.Transport = newTransport()
	}
	return &Client{
		cfg: cfg,
		http: &http.Client{
			Transport: cfg.Transport,
			// A redirect would carry our credentials to wherever it points.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		agent: userAgent(cfg.Version),
		oauth: oauth2.Config{
			ClientID:    cfg.ClientID,
			RedirectURL: cfg.RedirectURI,
			Endpoint:    oauth2.Endpoint{AuthURL: cfg.URL + "/oauth2/authorize"},
		},
		budget: newBudget(cfg.Now, cfg.Logger, cfg.Count),
	}, nil
}

// checkURL accepts https anywhere and http on loopback, without a path.
func checkURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" || u.User != nil || raw != u.Scheme+"://"+u.Host {
		return errors.New("discord: URL must be a scheme and an authority alone")
	}
	switch u.Scheme {
	case "https":
		return nil
	case "http":
		if isLoopback(u.Hostname()) {
			return nil
		}
		return errors.New("discord: http is for loopback only")
	default:
		return fmt.Errorf("discord: URL scheme %q is not http or https", u.Scheme)
	}
}

func isLoopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.IsLoopback()
}

// newTransport keeps its own connections, so that nothing else in the process
// can exhaust or close them.
func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           dialer.DialContext,
		ForceAttemptHTTP2:     true,
		MaxIdleConns:          64,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       90 * time.Second,
		TLSHandshakeTimeout:   5 * time.Second,
		ExpectContinueTimeout: time.Second,
		// The body limit is ours; this one is for the head of an answer.
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// userAgent has the form that Discord asks for; others may be blocked.
func userAgent(version string) string {
	version = strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' || r == '(' || r == ')' {
			return -1
		}
		return r
	}, version)
	return "DiscordBot (https://github.com/mcpdiscord/mcpdiscord, " + version + ")"
}
