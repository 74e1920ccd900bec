package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

// checkDial bounds the look at a server that we stand before.
const checkDial = 5 * time.Second

// checkup prints one line for each thing that is checked, and remembers the
// worst.
type checkup struct {
	p      *program
	failed int
	worst  *userError // nil: all is good
}

func (c *checkup) line(mark, what, text string) {
	fmt.Fprintf(c.p.out, "%s %s: %s\n", mark, what, client.PrintableLine(text))
}

func (c *checkup) good(what, text string) { c.line("✓", what, text) }

// warn is for what does not keep a server from starting.
func (c *checkup) warn(what, text string) { c.line("!", what, text) }

// try prints how a check went; good is said where it went well. It returns
// whether it did.
func (c *checkup) try(what, good string, err error) bool {
	if err == nil {
		if good != "" {
			c.good(what, good)
		}
		return true
	}
	e := toUserError(err)
	text := e.message
	if e.hint != "" {
		text += " (" + strings.ReplaceAll(e.hint, "{program}", c.p.name) + ")"
	}
	if e.code == exitUnavailable { // it keeps no server from starting, but is no yes
		c.warn(what, text)
	} else {
		c.line("✗", what, text)
		c.failed++
	}
	// What is wrong with the configuration is worse than what is wrong with the
	// machine, and that is worse than what may pass.
	order := []int{exitUnavailable, exitFailure, exitUsage}
	if c.worst == nil || slices.Index(order, e.code) > slices.Index(order, c.worst.code) {
		c.worst = e
	}
	return false
}

// checkHandler is a log that prints what the rooms warn of.
type checkHandler struct {
	slog.Handler
	c *checkup
}

// Enabled implements [slog.Handler].
func (h checkHandler) Enabled(_ context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn
}

// Handle implements [slog.Handler].
func (h checkHandler) Handle(_ context.Context, r slog.Record) error {
	text := strings.ReplaceAll(r.Message, "_", " ")
	r.Attrs(func(a slog.Attr) bool {
		text += fmt.Sprintf(", %s: %s", strings.ReplaceAll(a.Key, "_", " "), a.Value)
		return true
	})
	h.c.warn("note", text)
	return nil
}

// checkServe looks at all that a start needs, and changes nothing. What a server
// that runs already has is no fault: this is run before it is restarted.
func (p *program) checkServe(ctx context.Context, o *serveOptions) error {
	c := &checkup{p: p}
	logger := slog.New(checkHandler{slog.DiscardHandler, c})
	placed := c.address(o) // and so there is a base URL
	if placed {
		if c.try("base URL", o.baseURL, nil); strings.HasPrefix(o.baseURL, "http://") {
			c.warn("base URL", "plain http: it is reached from this machine alone")
		}
		c.good("redirect URI", o.baseURL+o.redirectPath+" (register exactly this with Discord)")
	}
	c.store(ctx, o, placed, logger)
	c.discord(ctx, o)
	if placed {
		c.rest(ctx, o, logger)
	}
	c.access(o)
	c.observed(ctx, o)
	if o.proxy != "" {
		c.proxied(ctx, o.proxy)
	}
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	if c.worst == nil {
		return nil
	}
	message, mark := fmt.Sprintf("serve would not start: %d checks failed", c.failed), "✗"
	switch {
	case c.worst.code == exitUnavailable:
		message, mark = "not everything could be checked; serve would start", "!"
	case c.failed == 1:
		message = "serve would not start: a check failed"
	}
	return &userError{code: c.worst.code, kind: c.worst.kind, message: message, hint: "see the lines that begin with " + mark, err: c.worst}
}

// address binds where the server is to listen and lets go of it. It says
// whether there is a base URL.
func (c *checkup) address(o *serveOptions) bool {
	listeners, err := listen(o)
	closeAll(listeners)
	if errors.Is(err, syscall.EADDRINUSE) || errors.Is(err, syscall.Errno(10048)) { // the other is Windows's
		if o.baseURL == "" {
			_, port, _ := net.SplitHostPort(o.addr) // listen has read it
			o.baseURL = o.door.scheme() + "://localhost:" + port
		}
		c.warn("address", o.addr+" is in use: fine if that is the server to be restarted")
		return true
	}
	return c.try("address", o.addr+" is free", err)
}

// store looks at the store, and at whose it is.
func (c *checkup) store(ctx context.Context, o *serveOptions, placed bool, logger *slog.Logger) {
	looked, err := store.Look(ctx, store.Config{URL: o.store, SigningKeys: o.signingKeys, EncryptionKeys: o.encryptionKeys, Logger: logger})
	if err != nil {
		c.try("store", "", err)
		return
	}
	defer func() { _ = looked.Close() }()
	name := o.store
	if i := strings.LastIndex(name, "@"); i >= 0 && store.HasPassword(name) {
		name = name[:strings.Index(name, ":")+1] + "//…" + name[i:]
	}
	switch {
	case looked.InUse:
		c.warn("store", name+" is in use by another process, so it was not read: fine if that is the server to be restarted")
	case o.store == "memory:":
		c.warn("store", "memory: nobody stays signed in over a restart")
	case looked.New:
		c.good("store", name+" is new: it is made at the first start")
	default:
		c.good("store", name+" opens with these keys")
		if !placed {
			return
		}
		err := authserver.CheckBinding(ctx, authserver.Config{
			BaseURL: o.baseURL, DiscordURL: o.boundTo(), ApplicationID: o.clientID, Store: looked.Store, SigningKeys: looked.SigningKeys,
		})
		if err != nil {
			err = fromAuthserver(err)
		}
		c.try("store's owner", "this base URL, application and signing key", err)
	}
}

// discord asks Discord about the application.
func (c *checkup) discord(ctx context.Context, o *serveOptions) {
	upstream, err := o.upstream(nil, nil, nil)
	if err == nil {
		err = probe(ctx, upstream, true, slog.New(slog.DiscardHandler))
	}
	c.try("Discord", "it knows application "+o.clientID+" and its secret", err)
}

// rest makes a whole server that keeps nothing and listens nowhere.
func (c *checkup) rest(ctx context.Context, o *serveOptions, logger *slog.Logger) {
	trial := *o
	trial.store = "memory:"
	running, err := newServing(ctx, &trial, logger, &observing{})
	if err == nil {
		defer running.close()
	}
	if !c.try("configuration", "scopes, redirect URIs, origins and limits", err) {
		return
	}
	if trial.door.certificate != nil {
		c.good("certificate", fmt.Sprintf("%s, until %s", o.door.tlsCert, trial.door.certificate.Leaf().NotAfter.Format(time.DateOnly)))
	}
	if o.clients.file != "" {
		c.good("clients", o.clients.file)
	}
}

// access says who may come in: to have left it out is no fault, and everybody.
func (c *checkup) access(o *serveOptions) {
	a := o.access.access
	var who []string
	if len(a.Guilds) > 0 || len(a.Roles) > 0 {
		rule := "whoever"
		if len(a.Guilds) > 0 {
			rule += " is in server " + strings.Join(a.Guilds, " or ")
		}
		if len(a.Guilds) > 0 && len(a.Roles) > 0 {
			rule += " and"
		}
		for i, role := range a.Roles {
			rule += []string{" has role ", " or "}[min(i, 1)] + role.Role + " in " + role.Guild
		}
		who = append(who, rule)
	}
	switch n := len(a.Users); {
	case n == 1:
		who = append(who, "1 Discord account")
	case n > 1:
		who = append(who, fmt.Sprintf("%d Discord accounts", n))
	}
	if len(who) == 0 {
		c.warn("access", "everybody with a Discord account may come in (--allow-user, --allow-guild and --require-role change that)")
	} else {
		c.good("access", strings.Join(who, ", and "))
	}
	if o.access.webhookKey != nil && o.baseURL != "" {
		c.good("events", o.baseURL+authserver.WebhookPath+" (give it to Discord under Webhooks, with the event Application Deauthorized)")
	}
}

// observed looks at where a server would write and be seen.
func (c *checkup) observed(ctx context.Context, o *serveOptions) {
	if addr := o.observe.metricsAddr; addr != "" {
		ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
		if err == nil {
			err = ln.Close()
		}
		switch {
		case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, syscall.Errno(10048)):
			c.warn("metrics", addr+" is in use: fine if that is the server to be restarted")
		case err != nil:
			c.try("metrics", "", usageError("--metrics-addr cannot be listened on: "+addr, "give an address of this machine with a free port", err))
		default:
			c.good("metrics", addr+" is free")
		}
	}
	if path := o.observe.auditLog; path != auditToLog {
		file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|syscall.O_NONBLOCK, 0)
		if err == nil {
			err = file.Close()
		} else if errors.Is(err, os.ErrNotExist) {
			var info os.FileInfo
			if info, err = os.Stat(filepath.Dir(path)); err == nil && !info.IsDir() {
				err = errors.New("its directory is none")
			}
		}
		if err != nil {
			err = usageError("the file of --audit-log cannot be written: "+path, "check its directory and its mode", err)
		}
		c.try("audit log", path, err)
	}
}

// proxied looks whether the server behind ours is there. It may come later.
func (c *checkup) proxied(ctx context.Context, address string) {
	u, err := url.Parse(address)
	if err != nil {
		return // refused already
	}
	ctx, cancel := context.WithTimeout(ctx, checkDial)
	defer cancel()
	port := u.Port()
	if port == "" {
		port = u.Scheme
	}
	at := net.JoinHostPort(u.Hostname(), port)
	var conn net.Conn
	if u.Scheme == "https" {
		conn, err = (&tls.Dialer{}).DialContext(ctx, "tcp", at)
	} else {
		conn, err = (&net.Dialer{}).DialContext(ctx, "tcp", at)
	}
	if err != nil {
		c.warn("proxied server", at+" does not answer: until it does, so does no tool")
		return
	}
	_ = conn.Close()
	c.good("proxied server", at+" answers")
}
