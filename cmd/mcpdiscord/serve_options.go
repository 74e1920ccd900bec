package main

import (
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// serveOptions are the flags of serve.
type serveOptions struct {
	addr, baseURL, addrFile     string
	clientID, clientSecretFile  string
	discordURL, redirectPath    string
	scopes, optionalScopes      []string
	allowRedirect, allowOrigin  []string
	proxy, store                string
	accessTokenTTL              time.Duration
	refreshGrace, grantTTL      time.Duration
	outageGrace                 time.Duration
	dev, check                  bool
	emulatorAddr, adminSocket   string
	door                        doorFlags
	clients                     clientFlags
	access                      accessFlags
	logs                        logFlags
	observe                     observeFlags
	signingKeys, encryptionKeys [][]byte
	clientSecret                discord.Secret
	environmentIgnored          []string
}

// completeServe checks the flags and reads the secrets, before anything is
// opened.
func (p *program) completeServe(o *serveOptions) error {
	if o.accessTokenTTL <= 0 || o.refreshGrace <= 0 || o.grantTTL <= 0 {
		return usageError("--access-token-ttl, --refresh-grace and --grant-ttl are longer than zero", "leave them out for the defaults", nil)
	}
	if o.outageGrace < 0 {
		return usageError("--outage-grace is below zero", "0 accepts nothing while the store is away", nil)
	}
	o.scopes, o.optionalScopes = trimmed(o.scopes), trimmed(o.optionalScopes)
	o.allowRedirect, o.allowOrigin = trimmed(o.allowRedirect), trimmed(o.allowOrigin)
	if err := p.completeStore(o); err != nil {
		return err
	}
	if err := o.observe.complete(); err != nil {
		return err
	}
	if err := o.clients.complete(); err != nil {
		return err
	}
	if err := o.access.complete(p.environ); err != nil {
		return err
	}
	if err := o.door.complete(o.baseURL); err != nil {
		return err
	}
	if !strings.HasPrefix(o.redirectPath, "/") {
		return usageError("--redirect-path begins with a slash", "for example --redirect-path /auth/callback", nil)
	}
	if o.proxy != "" {
		u, err := url.Parse(o.proxy)
		if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") || u.User != nil || u.Fragment != "" {
			return usageError("--proxy is the http or https URL of an MCP server, without a user name or #", "for example --proxy http://127.0.0.1:3000/mcp", err)
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
	ignored := []string{"DISCORD_CLIENT_ID", "DISCORD_CLIENT_SECRET"}
	if o.discordURL == discord.DefaultURL { // our emulator has a key of its own
		ignored = append(ignored, "DISCORD_PUBLIC_KEY")
	}
	for _, name := range ignored {
		if p.getenv(name) != "" {
			o.environmentIgnored = append(o.environmentIgnored, name)
		}
	}
	return nil
}

func (p *program) completeCredentials(o *serveOptions) error {
	o.clientSecret = discord.Secret(p.getenv("DISCORD_CLIENT_SECRET"))
	if o.clientSecretFile != "" {
		var err error
		if o.clientSecret, err = readSecret(o.clientSecretFile); err != nil {
			return err
		}
		p.warnIfOpen(o.clientSecretFile)
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

// maxSecret bounds what is read of a secret's file, in bytes.
const maxSecret = 4 << 10

// readSecret reads the one line of a secret's file.
func readSecret(path string) (discord.Secret, error) {
	file, err := os.Open(path)
	if err != nil {
		return "", usageError("the file of --client-secret-file cannot be read: "+path, "check its name and its mode", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxSecret+1))
	secret := strings.TrimSpace(string(text))
	if err != nil || secret == "" || len(text) > maxSecret || strings.ContainsAny(secret, "\r\n") {
		return "", usageError("the file of --client-secret-file is not one line of text: "+path, "put the Client Secret in it, and nothing else", err)
	}
	return discord.Secret(secret), nil
}

// trimmed is a list without the spaces around its items, and without empty ones.
func trimmed(list []string) []string {
	var items []string
	for _, item := range list {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

func isLoopbackHost(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
