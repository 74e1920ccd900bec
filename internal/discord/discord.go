package discord

import (
	"log/slog"
	"net/http"
	"time"
)

// DefaultURL is where Discord lives.
const DefaultURL = "https://discord.com"

// Config describes one Discord application.
type Config struct {
	URL          string // scheme and authority; "" means DefaultURL
	ClientID     string // the application's id, a snowflake
	ClientSecret Secret
	RedirectURI  string            // byte for byte as registered in the Developer Portal
	Transport    http.RoundTripper // nil: an own keep-alive transport
	Timeout      time.Duration     // of one call; 0 means 10 s
	Version      string            // of this program, for the User-Agent
	Logger       *slog.Logger      // nil: nothing is logged
	Now          func() time.Time  // nil: time.Now
}

// Client calls Discord for one application. It is safe for concurrent use.
type Client struct {
	cfg  Config
	http *http.Client
}
