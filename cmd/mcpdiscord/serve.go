package main

import (
	"context"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"log/slog"
	"net"
	"net/url"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

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
Keys: JWT_SIGNING_KEY and STORAGE_ENCRYPTION_KEY, each KEY or NEW,OLD; else a key
file beside the store. With Redis both are needed.`,
		Example: `  mcpdiscord serve --dev
  DISCORD_CLIENT_ID=… DISCORD_CLIENT_SECRET=… mcpdiscord serve --base-url https://mcp.example.com
  mcpdiscord serve --dev --proxy http://127.0.0.1:3000/mcp`,
		GroupID: groupServe,
		Annotations: map[string]string{variables: `DISCORD_CLIENT_SECRET: the application's secret
JWT_SIGNING_KEY, STORAGE_ENCRYPTION_KEY: keys of at least 32 bytes
REDIS_HOST, REDIS_PORT: a Redis, where no --store is given
GOGC, GOMEMLIMIT: of the Go runtime`},
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.serve(cmd.Context(), o) },
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&o.addr, "addr", "127.0.0.1:8000", "where to listen; port 0 takes a free one")
	f.StringVar(&o.baseURL, "base-url", "", "the URL that people and clients see: scheme and host (default http://localhost:PORT)")
	addDoorFlags(f, &o.door)
	f.StringVar(&o.clientID, "client-id", "", "Discord's id of your application")
	f.StringVar(&o.clientSecretFile, "client-secret-file", "", "a file that holds the application's secret, instead of DISCORD_CLIENT_SECRET")
	f.StringSliceVar(&o.scopes, "scopes", []string{"identify"}, "Discord scopes that every sign-in needs")
	f.StringSliceVar(&o.optionalScopes, "optional-scopes", []string{"email", "guilds"}, "Discord scopes that are granted when asked for")
	f.StringVar(&o.redirectPath, "redirect-path", "/auth/callback", "where Discord sends people back")
	f.StringSliceVar(&o.allowRedirect, "allow-redirect", nil, "a redirect URI of clients to allow exactly, beside https and loopback (repeatable)")
	addClientFlags(f, &o.clients)
	addAccessFlags(f, &o.access)
	f.StringSliceVar(&o.allowOrigin, "allow-origin", nil, "an origin whose pages may call /mcp (repeatable)")
	f.StringVar(&o.proxy, "proxy", "", "protect the MCP server at this URL instead of the built-in tools")
	addStoreFlags(f, o)
	f.DurationVar(&o.accessTokenTTL, "access-token-ttl", time.Hour, "life of an access token")
	f.DurationVar(&o.refreshGrace, "refresh-grace", time.Minute, "how long the previous refresh token still answers")
	f.DurationVar(&o.grantTTL, "grant-ttl", 720*time.Hour, "life of a sign-in without use")
	f.DurationVar(&o.outageGrace, "outage-grace", 5*time.Minute, "how long known tokens stay good while the store is away; 0: not at all")
	f.BoolVar(&o.dev, "dev", false, "sign in against a Discord emulator on this machine; for development")
	f.StringVar(&o.emulatorAddr, "emulator-addr", "127.0.0.1:8001", "with --dev: where the emulator listens")
	f.StringVar(&o.discordURL, "discord-url", discord.DefaultURL, "where Discord is; https, or loopback with --dev")
	o.logs = addLogFlags(f)
	addObserveFlags(f, &o.observe)
	addAdminFlags(f, &o.adminSocket)
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
	if o.check {
		return p.checkServe(ctx, o)
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
			e, err := startEmulator(ctx, o.emulatorAddr, emulator.Config{
				RedirectURIs: []string{o.baseURL + o.redirectPath}, WebhookURL: o.baseURL + authserver.WebhookPath, Logger: logger,
			})
			if err != nil {
				return err
			}
			defer e.stop()
			o.discordURL, o.access.webhookKey = e.url, e.WebhookPublicKey()
		}
	}
	seen, err := newObserving(ctx, o.observe, logger)
	if err != nil {
		return err
	}
	defer seen.close()
	running, err := newServing(ctx, o, logger, seen)
	if err != nil {
		return err
	}
	defer running.close()
	defer o.clients.follow(ctx, running.auth, logger)()
	stopAdmin, err := p.startAdmin(o.adminSocket, listeners[0].Addr(), running.auth, logger)
	if err != nil {
		return err
	}
	defer stopAdmin()
	seen.watch(running)
	p.banner(o, listeners)
	if seen.listener != nil {
		p.note("Metrics:       http://%s/metrics", seen.listener.Addr())
	}
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
	base := o.door.scheme() + "://localhost"
	listeners, err := server.Listen(o.addr, base)
	if err != nil {
		return nil, err
	}
	o.baseURL = base + ":" + portOf(listeners[0].Addr())
	return listeners, nil
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

// count counts for all servers that share the store. It is there before Discord
// is called.
func (s *serving) count(ctx context.Context, key string, window time.Duration) (int64, error) {
	return s.store.Incr(ctx, key, window)
}

// upstream is Discord, as the flags name it.
func (o *serveOptions) upstream(count discord.Count, observe discord.Observe, logger *slog.Logger) (*discord.Client, error) {
	upstream, err := discord.New(discord.Config{
		URL: o.discordURL, ClientID: o.clientID, ClientSecret: o.clientSecret,
		RedirectURI: o.baseURL + o.redirectPath, Version: buildVersion(), Count: count, Observe: observe, Logger: logger,
	})
	if err != nil {
		return nil, usageError("the Discord application is not usable: "+err.Error(), guide, err)
	}
	return upstream, nil
}

func newServing(ctx context.Context, o *serveOptions, logger *slog.Logger, seen *observing) (_ *serving, err error) {
	s := &serving{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if err := o.door.open(o.baseURL, logger); err != nil {
		return nil, err
	}
	upstream, err := o.upstream(s.count, seen.discord(), logger)
	if err != nil {
		return nil, err
	}
	s.store, err = store.Open(ctx, store.Config{URL: o.store, SigningKeys: o.signingKeys, EncryptionKeys: o.encryptionKeys, Observe: seen.store(), Logger: logger})
	if err != nil {
		return nil, err
	}
	// Before the store is bound to an application id that may be a typo.
	if !o.check { // which has done so
		if err := probe(ctx, upstream, false, logger); err != nil {
			return nil, err
		}
	}
	config := authserver.Config{
		BaseURL: o.baseURL, Discord: upstream, DiscordURL: o.boundTo(), ApplicationID: o.clientID,
		Store: s.store, SigningKeys: s.store.SigningKeys, Limits: o.door.rates,
		Scopes: o.scopes, OptionalScopes: o.optionalScopes, RedirectPath: o.redirectPath, AllowRedirect: o.allowRedirect,
		AccessTokenTTL: o.accessTokenTTL, RefreshGrace: o.refreshGrace, GrantTTL: o.grantTTL, OutageGrace: o.outageGrace, Audit: seen.events(), Logger: logger,
	}
	o.clients.configure(&config)
	o.access.configure(&config)
	s.auth, err = authserver.New(ctx, config)
	if err != nil {
		return nil, fromAuthserver(err)
	}
	if err := o.clients.load(s.auth); err != nil {
		return nil, err
	}
	// A key of its own for each use (RFC 5869).
	proxyKeys := make([][]byte, len(s.store.SigningKeys))
	for i, key := range s.store.SigningKeys {
		if proxyKeys[i], err = hkdf.Key(sha256.New, key, nil, "mcpdiscord proxied session", 32); err != nil {
			return nil, err
		}
	}
	cfg := server.Config{
		BaseURL: o.baseURL, Auth: s.auth, Discord: upstream, AllowOrigin: o.allowOrigin, Dev: o.dev,
		Version: buildVersion(), ProxyKeys: proxyKeys, DrainDelay: o.observe.drainDelay, Observe: seen.requests(), Logger: logger,
	}
	cfg.TrustedProxies, cfg.TLS, cfg.ProxyTimeout = o.door.proxies, o.door.certificate, o.door.proxyTimeout
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
// clear no ends the start: Discord may have a bad day. strict wants a clear yes.
func probe(ctx context.Context, upstream *discord.Client, strict bool, logger *slog.Logger) error {
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
	case strict:
		return unchecked(err)
	}
	logger.Warn("discord_credentials_unchecked", "error", err)
	return nil
}

// fromAuthserver puts what New refused into the words of the command line.
func fromAuthserver(err error) error {
	var bind *authserver.BindError
	if errors.As(err, &bind) {
		hint := "start with the settings that this store was made with, or give another --store"
		if bind.What == "signing key" {
			hint = "JWT_SIGNING_KEY has to hold the key that signs now (NEW,OLD while it changes); unset it if there was none"
		}
		return failure(bind.Error(), hint, err)
	}
	return usageError(err.Error(), "run {program} serve --help", err)
}

// banner tells a person what to do next.
func (p *program) banner(o *serveOptions, listeners []net.Listener) {
	mcpURL := o.baseURL + authserver.ResourcePath
	if o.dev {
		p.note("WARNING: --dev signs anyone in as anyone, against a Discord emulator on %s. Use it on your own machine only.", o.discordURL)
		if len(o.environmentIgnored) > 0 {
			p.note("note: --dev ignores %s", strings.Join(o.environmentIgnored, " and "))
		}
	}
	p.note("MCP server:    %s", mcpURL)
	if !strings.HasSuffix(o.baseURL, ":"+portOf(listeners[0].Addr())) { // what stands before it must know
		p.note("Listens on:    %s://%s", o.door.scheme(), listeners[0].Addr())
	}
	if c := o.door.certificate; c != nil {
		p.note("Certificate:   %s (until %s)", o.door.tlsCert, c.Leaf().NotAfter.Format(time.DateOnly))
	}
	register := "   (register exactly this with Discord)"
	if o.dev {
		register = ""
	}
	p.note("Redirect URI:  %s%s%s", o.baseURL, o.redirectPath, register)
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
		if limit := containerMemory(); limit > 0 {
			debug.SetMemoryLimit(limit / 10 * 7)
		}
	}
}

// containerMemory is what the container that we run in may use, in bytes; 0 for
// no limit, and where there are no control groups.
func containerMemory() int64 {
	text, err := os.ReadFile("/sys/fs/cgroup/memory.max")
	if err != nil {
		return 0
	}
	limit, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil { // "max"
		return 0
	}
	return limit
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
