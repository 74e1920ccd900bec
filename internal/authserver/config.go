package authserver

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Defaults of [Config].
const (
	defaultRedirectPath   = "/auth/callback"
	defaultAccessTokenTTL = time.Hour
	defaultRefreshGrace   = time.Minute
	defaultGrantTTL       = 30 * 24 * time.Hour
	defaultMaxClients     = 10_000

	minSigningKey   = 32          // bytes
	minLifetime     = time.Second // tokens count whole seconds
	maxLifetime     = 10 * 365 * 24 * time.Hour
	maxAllowScopes  = 32 // configured scopes
	scopeIdentify   = "identify"
	scopeEmail      = "email"
	scopeGuilds     = "guilds"
	scopeGuildsJoin = "guilds.join"
)

// baseURL is the issuer, taken apart.
type baseURL struct {
	Secure   bool   // https
	Loopback bool   // the host is this computer
	Host     string // authority: host[:port]
	Hostname string
	Port     string // "" for the scheme's own
}

// redirectPath is what a redirect path may look like: nothing that
// http.ServeMux reads as a wildcard.
var redirectPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)+$`)

// complete fills in the defaults and says what is wrong.
func (cfg *Config) complete() (baseURL, error) {
	base, err := parseBaseURL(cfg.BaseURL)
	if err != nil {
		return base, err
	}
	switch {
	case cfg.Discord == nil:
		return base, errors.New("no Discord client")
	case cfg.ApplicationID == "":
		return base, errors.New("no Discord application id")
	case cfg.Store == nil:
		return base, errors.New("no store")
	case len(cfg.SigningKeys) == 0:
		return base, errors.New("no signing key")
	}
	for _, key := range cfg.SigningKeys {
		if len(key) < minSigningKey {
			return base, fmt.Errorf("a signing key has %d bytes, fewer than %d", len(key), minSigningKey)
		}
	}
	cfg.ServerName = cmp.Or(cleanName(cfg.ServerName), base.Host)
	cfg.RedirectPath = cmp.Or(cfg.RedirectPath, defaultRedirectPath)
	if err := checkRedirectPath(cfg.RedirectPath); err != nil {
		return base, err
	}
	if err := cfg.completeScopes(); err != nil {
		return base, err
	}
	if err := cfg.Access.Check(); err != nil {
		return base, err
	}
	switch {
	case cfg.WebhookKey != nil && len(cfg.WebhookKey) != ed25519.PublicKeySize:
		return base, errors.New("the public key of Discord's events is no Ed25519 key")
	case cfg.RedirectPath == WebhookPath:
		return base, fmt.Errorf("redirect path %q: another endpoint is there", cfg.RedirectPath)
	}
	if cfg.AllowRedirect == nil {
		cfg.AllowRedirect = DefaultAllowRedirect()
	}
	for _, uri := range cfg.AllowRedirect {
		if err := checkAllowRedirect(uri); err != nil {
			return base, fmt.Errorf("allowing redirect URI %q: %w", uri, err)
		}
	}
	cfg.AccessTokenTTL = cmp.Or(cfg.AccessTokenTTL, defaultAccessTokenTTL)
	cfg.RefreshGrace = cmp.Or(cfg.RefreshGrace, defaultRefreshGrace)
	cfg.GrantTTL = cmp.Or(cfg.GrantTTL, defaultGrantTTL)
	cfg.MaxClients = cmp.Or(cfg.MaxClients, defaultMaxClients)
	cfg.MaxDocumentBytes = cmp.Or(cfg.MaxDocumentBytes, defaultDocumentBytes)
	switch {
	case min(cfg.AccessTokenTTL, cfg.GrantTTL) < minLifetime, cfg.RefreshGrace < 0, cfg.OutageGrace < 0, cfg.MaxClients < 0, cfg.MaxDocumentBytes < 0:
		return base, errors.New("a lifetime is shorter than a second, or a limit is negative")
	case max(cfg.AccessTokenTTL, cfg.GrantTTL, cfg.RefreshGrace, cfg.OutageGrace) > maxLifetime:
		return base, errors.New("a lifetime is longer than ten years")
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return base, nil
}

func (cfg *Config) completeScopes() error {
	if cfg.Scopes == nil {
		cfg.Scopes = []string{scopeIdentify}
	}
	cfg.Scopes = union(cfg.Scopes, nil)
	cfg.OptionalScopes = slices.DeleteFunc(union(cfg.OptionalScopes, nil), func(scope string) bool {
		return slices.Contains(cfg.Scopes, scope)
	})
	if len(cfg.Scopes)+len(cfg.OptionalScopes) > maxAllowScopes {
		return errors.New("too many scopes")
	}
	for _, scope := range cfg.supportedScopes() {
		if !scopeToken(scope) {
			return fmt.Errorf("scope %q is malformed", scope)
		}
	}
	// Discord tells who signed in only with identify.
	if !slices.Contains(cfg.Scopes, scopeIdentify) {
		return errors.New("the required scopes lack identify, without which Discord does not tell who signed in")
	}
	return nil
}

func (cfg *Config) supportedScopes() []string { return union(cfg.Scopes, cfg.OptionalScopes) }

// parseBaseURL takes an issuer apart. It has one spelling only, because
// clients compare it byte for byte (RFC 8414 §3.3, RFC 9207 §2.4).
func parseBaseURL(raw string) (baseURL, error) {
	wrong := func(why string) (baseURL, error) {
		return baseURL{}, fmt.Errorf("base URL %q: %s", raw, why)
	}
	u, err := url.Parse(raw)
	if err != nil || u.Hostname() == "" {
		return wrong("not a URL with a host")
	}
	base := baseURL{
		Secure:   u.Scheme == "https",
		Loopback: loopbackHost(u.Hostname()),
		Host:     u.Host,
		Hostname: u.Hostname(),
		Port:     u.Port(),
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return wrong("the scheme must be https (or http on this computer)")
	case u.Scheme+"://"+u.Host != raw:
		return wrong("only scheme, host and port belong in it: no path, no slash at its end")
	case raw != strings.ToLower(raw):
		return wrong("write it in lower case")
	case base.Secure && base.Port == "443", !base.Secure && base.Port == "80", strings.HasSuffix(raw, ":"):
		return wrong("leave out the port, it is the scheme's own")
	case !canonicalHost(base.Hostname):
		return wrong("write the address as browsers do")
	case !base.Secure && !base.Loopback:
		return wrong("plain http is for this computer only (localhost): use https")
	}
	return base, nil
}

// loopbackHost says whether a host name or address without brackets is this
// computer.
func loopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(host)
	return err == nil && addr.Unmap().IsLoopback()
}

// canonicalHost says whether an address is spelled as a browser spells it: its
// cookies belong to that spelling alone.
func canonicalHost(host string) bool {
	addr, err := netip.ParseAddr(host)
	return err != nil || addr.Unmap().String() == host
}

func checkRedirectPath(path string) error {
	if !redirectPath.MatchString(path) || strings.Contains(path, "/.") {
		return fmt.Errorf("redirect path %q: it must look like %s", path, defaultRedirectPath)
	}
	first, _, _ := strings.Cut(path[1:], "/")
	if slices.Contains([]string{"register", "authorize", "consent", "token", "revoke", ResourcePath[1:]}, first) {
		return fmt.Errorf("redirect path %q: another endpoint is there", path)
	}
	return nil
}
