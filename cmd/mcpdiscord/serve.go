package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	addr, baseURL, addrFile    string
	clientID, clientSecretFile string
	discordURL, redirectPath   string
	scopes, optionalScopes     []string
	allowRedirect, allowOrigin []string
	proxy, store               string
	accessTokenTTL             time.Duration
	refreshGrace, grantTTL     time.Duration
	dev                        bool
	emulatorAddr               string
	logs                       logFlags
	signingKey, encryptionKey  []byte
	clientSecret               discord.Secret
	environmentIgnored         []string
}

// guide leads through the Developer Portal.
const guide = "https://github.com/mcpdiscord/mcpdiscord/blob/main/docs/discord-application.md"

func (p *program) serveCommand() *cobra.Command {
	o := &serveOptions{}
	cmd := &cobra.Command{
		Use:   "serve [flags]",
		Short: "Run an MCP server that people sign in to with Discord",
		Long: `Run an MCP server over HTTP that people sign in to with Discord.

Discord's application: DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET; see
` + guide + `.
Keys: JWT_SIGNING_KEY and STORAGE_ENCRYPTION_KEY, else a key file beside the store.`,
		Example: `  mcpdiscord serve --dev
  DISCORD_CLIENT_ID=… DISCORD_CLIENT_SECRET=… mcpdiscord serve --base-url https://mcp.example.com
  mcpdiscord serve --dev --proxy http://127.0.0.1:3000/mcp`,
		GroupID: groupServe,
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return p.serve(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.addr, "addr", "127.0.0.1:8000", "where to listen; port 0 takes a free one")
	f.StringVar(&o.baseURL, "base-url", "", "the URL that people and clients see: scheme and host (default http://localhost:PORT)")
	f.StringVar(&o.clientID, "client-id", "", "Discord's id of your application")
	f.StringVar(&o.clientSecretFile, "client-secret-file", "", "a file that holds the application's secret, instead of DISCORD_CLIENT_SECRET")
	f.StringSliceVar(&o.scopes, "scopes", []string{"identify"}, "Discord scopes that every sign-in needs")
	f.StringSliceVar(&o.optionalScopes, "optional-scopes", []string{"email", "guilds"}, "Discord scopes that are granted when asked for")
	f.StringVar(&o.redirectPath, "redirect-path", "/auth/callback", "where Discord sends people back")
	f.StringSliceVar(&o.allowRedirect, "allow-redirect", nil, "a redirect URI of clients to allow exactly, beside https and loopback (repeatable)")
	f.StringSliceVar(&o.allowOrigin, "allow-origin", nil, "an origin whose pages may call /mcp (repeatable)")
	f.StringVar(&o.proxy, "proxy", "", "protect the MCP server at this URL instead of the built-in tools")
	f.StringVar(&o.store, "store", "", "where records are kept: bolt:PATH or memory: (default a file in the data directory)")
	f.DurationVar(&o.accessTokenTTL, "access-token-ttl", time.Hour, "life of an access token")
	f.DurationVar(&o.refreshGrace, "refresh-grace", time.Minute, "how long the previous refresh token still answers")
	f.DurationVar(&o.grantTTL, "grant-ttl", 720*time.Hour, "life of a sign-in without use")
	f.BoolVar(&o.dev, "dev", false, "sign in against a Discord emulator on this machine; for development")
	f.StringVar(&o.emulatorAddr, "emulator-addr", "127.0.0.1:8001", "with --dev: where the emulator listens")
	f.StringVar(&o.discordURL, "discord-url", discord.DefaultURL, "where Discord is; https, or loopback with --dev")
	o.logs = addLogFlags(f)
	f.StringVar(&o.addrFile, "addr-file", "", "write the MCP URL to this file once it is served")
	setVariable(f, "client-id", "DISCORD_CLIENT_ID")
	setVariable(f, "discord-url", "DISCORD_URL")
	return cmd
}

// serve runs until the context ends.
func (p *program) serve(ctx context.Context, o *serveOptions) error {
	logger, err := p.logger(o.logs)
	if err != nil {
		return err
	}
	if err := p.completeServe(o); err != nil {
		return err
	}
	tuneGarbageCollector(p.getenv)
	listeners, err := listen(o)
	if err != nil {
		return err
	}
	defer closeAll(listeners) // for the errors below; Serve closes them itself
	if o.dev {
		o.clientID, o.clientSecret = emulator.DefaultClientID, emulator.DefaultClientSecret
		if o.discordURL == discord.DefaultURL {
			e, err := startEmulator(ctx, o.emulatorAddr, []string{o.baseURL + o.redirectPath}, logger)
			if err != nil {
				return err
			}
			defer e.stop()
			o.discordURL = e.url
		}
	}
	running, err := newServing(ctx, o, logger)
	if err != nil {
		return err
	}
	defer running.close()
	p.banner(o)
	if o.addrFile != "" {
		if err := writeAddrFile(o.addrFile, o.baseURL+authserver.ResourcePath); err != nil {
			return err
		}
	}
	return running.server.Serve(ctx, listeners)
}

// listen binds the address, and completes a base URL that was left out.
func listen(o *serveOptions) ([]net.Listener, error) {
	if o.baseURL != "" {
		return server.Listen(o.addr, o.baseURL)
	}
	const base = "http://localhost"
	listeners, err := server.Listen(o.addr, base)
	if err != nil {
		return nil, err
	}
	o.baseURL = base + ":" + portOf(listeners[0].Addr())
	return listeners, nil
}

// completeServe checks the flags and reads the secrets, before anything is
// opened.
func (p *program) completeServe(o *serveOptions) error {
	var err error
	if o.signingKey, err = p.key("JWT_SIGNING_KEY"); err != nil {
		return err
	}
	if o.encryptionKey, err = p.key("STORAGE_ENCRYPTION_KEY"); err != nil {
		return err
	}
	if o.store == "" {
		dirs, err := p.directories()
		if err != nil {
			return err
		}
		name := "mcpdiscord.db"
		if o.dev {
			name = "dev.db"
		}
		o.store = "bolt:" + filepath.Join(dirs.data, name)
	}
	if o.proxy != "" {
		u, err := url.Parse(o.proxy)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil {
			return usageError("--proxy is the http or https URL of an MCP server", "for example --proxy http://127.0.0.1:3000/mcp", err)
		}
	}
	if o.dev {
		return p.completeDev(o)
	}
	return p.completeCredentials(o)
}

// completeDev refuses whatever would let strangers in: the emulator signs
// anyone in as anyone.
func (p *program) completeDev(o *serveOptions) error {
	host, _, err := net.SplitHostPort(o.addr)
	if err != nil {
		return usageError(fmt.Sprintf("%q is not an address", o.addr), "give --addr 127.0.0.1:8000", err)
	}
	if !isLoopbackHost(host) {
		return usageError("--dev signs anyone in as anyone, so it serves on loopback only", "leave --addr out, or serve with a Discord application: "+guide, nil)
	}
	if o.baseURL != "" {
		u, err := url.Parse(o.baseURL)
		if err != nil || !isLoopbackHost(u.Hostname()) {
			return usageError("--dev signs anyone in as anyone, so its base URL is on loopback only", "leave --base-url out, or serve with a Discord application: "+guide, err)
		}
	}
	if o.discordURL != discord.DefaultURL {
		u, err := url.Parse(o.discordURL)
		if err != nil || u.Scheme != "http" || !isLoopbackHost(u.Hostname()) {
			return usageError("with --dev, --discord-url (DISCORD_URL) is an emulator on this machine", "leave it out to start one, or give --discord-url http://127.0.0.1:8001", err)
		}
	}
	for _, name := range []string{"DISCORD_CLIENT_ID", "DISCORD_CLIENT_SECRET"} {
		if p.getenv(name) != "" {
			o.environmentIgnored = append(o.environmentIgnored, name)
		}
	}
	return nil
}

func (p *program) completeCredentials(o *serveOptions) error {
	o.clientSecret = discord.Secret(p.getenv("DISCORD_CLIENT_SECRET"))
	if o.clientSecretFile != "" {
		text, err := os.ReadFile(o.clientSecretFile)
		if err != nil {
			return usageError("the file of --client-secret-file cannot be read: "+o.clientSecretFile, "check its name and its mode", err)
		}
		o.clientSecret = discord.Secret(strings.TrimSpace(string(text)))
	}
	if o.clientID == "" || o.clientSecret == "" {
		return usageError("serve needs a Discord application: DISCORD_CLIENT_ID and DISCORD_CLIENT_SECRET are not both set",
			"run {program} serve --dev to try it without one, or create one: see "+guide, nil)
	}
	if strings.Trim(o.clientID, "0123456789") != "" {
		return usageError("DISCORD_CLIENT_ID is a number, the Client ID on the OAuth2 page of your application", guide, nil)
	}
	u, err := url.Parse(o.discordURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && (!p.loopbackDiscord || !isLoopbackHost(u.Hostname()))) {
		return usageError("--discord-url is an https URL", "to sign in against an emulator on this machine run {program} serve --dev", err)
	}
	return nil
}

// key reads a key from the environment; nil where there is none.
func (p *program) key(variable string) ([]byte, error) {
	value := p.getenv(variable)
	if value == "" {
		return nil, nil
	}
	key, err := store.ParseKey(value)
	if err != nil {
		return nil, usageError(variable+" is not a key of at least 32 bytes", "make one with: openssl rand -base64 32", err)
	}
	return key, nil
}

// boundTo is the Discord that the store belongs to. The emulator's port says
// nothing: every emulator is the same Discord.
func (o *serveOptions) boundTo() string {
	if o.dev {
		return "emulator"
	}
	return o.discordURL
}

// serving is a server and what it stands on.
type serving struct {
	server *server.Server
	auth   *authserver.Server
	store  *store.Opened
}

func newServing(ctx context.Context, o *serveOptions, logger *slog.Logger) (_ *serving, err error) {
	s := &serving{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	upstream, err := discord.New(discord.Config{
		URL: o.discordURL, ClientID: o.clientID, ClientSecret: o.clientSecret,
		RedirectURI: o.baseURL + o.redirectPath, Version: buildVersion(), Logger: logger,
	})
	if err != nil {
		return nil, usageError("the Discord application is not usable: "+err.Error(), guide, err)
	}
	if err := probe(ctx, upstream, logger); err != nil {
		return nil, err
	}
	s.store, err = store.Open(ctx, store.Config{URL: o.store, SigningKey: o.signingKey, EncryptionKey: o.encryptionKey, Logger: logger})
	if err != nil {
		return nil, err
	}
	s.auth, err = authserver.New(ctx, authserver.Config{
		BaseURL: o.baseURL, Discord: upstream, DiscordURL: o.boundTo(), ApplicationID: o.clientID,
		Store: s.store, SigningKey: s.store.SigningKey,
		Scopes: o.scopes, OptionalScopes: o.optionalScopes, RedirectPath: o.redirectPath, AllowRedirect: o.allowRedirect,
		AccessTokenTTL: o.accessTokenTTL, RefreshGrace: o.refreshGrace, GrantTTL: o.grantTTL, Logger: logger,
	})
	if err != nil {
		return nil, fromAuthserver(err)
	}
	// A key of its own for each use (RFC 5869).
	proxyKey, err := hkdf.Key(sha256.New, s.store.SigningKey, nil, "mcpdiscord proxied session", 32)
	if err != nil {
		return nil, err
	}
	cfg := server.Config{
		BaseURL: o.baseURL, Auth: s.auth, Discord: upstream, AllowOrigin: o.allowOrigin, Dev: o.dev,
		Version: buildVersion(), ProxyKey: proxyKey, Logger: logger,
	}
	if o.proxy != "" {
		if cfg.Proxy, err = url.Parse(o.proxy); err != nil {
			return nil, err
		}
	}
	s.server, err = server.New(cfg)
	return s, err
}

func (s *serving) close() {
	if s.auth != nil {
		_ = s.auth.Close()
	}
	if s.store != nil {
		_ = s.store.Close()
	}
}

// probe asks Discord once whether the application's secret is right. Only a
// clear no ends the start: Discord may have a bad day.
func probe(ctx context.Context, upstream *discord.Client, logger *slog.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	err := upstream.CheckCredentials(ctx)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, discord.ErrInvalidClient):
		return usageError("Discord does not know this client id and secret", "reset the secret in the Developer Portal and set DISCORD_CLIENT_SECRET: "+guide, err)
	case errors.Is(context.Cause(ctx), context.Canceled):
		return err
	}
	logger.Warn("discord_credentials_unchecked", "error", err)
	return nil
}

// fromAuthserver puts what New refused into the words of the command line.
func fromAuthserver(err error) error {
	var bind *authserver.BindError
	if errors.As(err, &bind) {
		return failure(bind.Error(), "start with the settings that this store was made with, or give another --store", err)
	}
	return usageError(err.Error(), "run {program} serve --help", err)
}

// banner tells a person what to do next.
func (p *program) banner(o *serveOptions) {
	mcpURL := o.baseURL + authserver.ResourcePath
	if o.dev {
		p.note("WARNING: --dev signs anyone in as anyone, against a Discord emulator on %s. Use it on your own machine only.", o.discordURL)
		if len(o.environmentIgnored) > 0 {
			p.note("note: --dev ignores %s", strings.Join(o.environmentIgnored, " and "))
		}
	}
	p.note("MCP server:    %s", mcpURL)
	p.note("Redirect URI:  %s%s   (register exactly this with Discord)", o.baseURL, o.redirectPath)
	if mcpURL == defaultServer {
		p.note("Try it:        %s connect", p.name)
	} else {
		p.note("Try it:        %s connect %s", p.name, mcpURL)
	}
}

// writeAddrFile writes the URL so that a reader never sees half of it.
func writeAddrFile(path, text string) error {
	temporary := path + ".new"
	err := os.WriteFile(temporary, []byte(text+"\n"), 0o600)
	if err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return failure("the file of --addr-file cannot be written: "+path, "check its directory", err)
	}
	return nil
}

// tuneGarbageCollector trades memory that is there for speed: the MCP SDK
// allocates some 400 KB a request. Who sets GOGC or GOMEMLIMIT decides himself.
func tuneGarbageCollector(getenv func(string) string) {
	if getenv("GOGC") == "" && getenv("GOMEMLIMIT") == "" {
		debug.SetGCPercent(400)
	}
}

func closeAll(listeners []net.Listener) {
	for _, l := range listeners {
		_ = l.Close()
	}
}

func portOf(addr net.Addr) string {
	_, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return ""
	}
	return port
}

func isLoopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
