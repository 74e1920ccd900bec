package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// demoUser is the first of the emulator's users.
const demoUser = "80351110224678912"

func (p *program) demoCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Show the whole flow on this machine, narrated",
		Long: `Show the whole flow on this machine, narrated: a Discord emulator, the server, and a
client that registers, signs in and calls a tool.

It needs no account, network, keychain or browser, and leaves nothing behind.`,
		Example: "  mcpdiscord demo\n  mcpdiscord demo --open      # then try it with your own browser\n  mcpdiscord demo | less",
		GroupID: groupServe,
		Args:    noArguments,
	}
	open := cmd.Flags().Bool("open", false, "keep it running afterwards, for a real browser")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return p.demo(cmd.Context(), *open) }
	return cmd
}

// demo runs everything that serve --dev and connect run, with memory stores on
// free loopback ports.
func (p *program) demo(ctx context.Context, open bool) error {
	logger := slog.New(slog.DiscardHandler)
	o := &serveOptions{
		addr: "127.0.0.1:0", redirectPath: "/auth/callback", dev: true, store: "memory:",
		scopes: []string{"identify"}, optionalScopes: []string{"email", "guilds"},
	}
	listeners, err := listen(o)
	if err != nil {
		return err
	}
	defer closeAll(listeners)
	e, err := startEmulator(ctx, "127.0.0.1:0", emulator.Config{RedirectURIs: []string{o.baseURL + o.redirectPath}, Logger: logger})
	if err != nil {
		return err
	}
	defer e.stop()
	o.discordURL, o.clientID, o.clientSecret = e.url, emulator.DefaultClientID, emulator.DefaultClientSecret
	running, err := newServing(ctx, o, logger, &observing{})
	if err != nil {
		return err
	}
	defer running.close()
	serveCtx, stopServing := context.WithCancel(ctx)
	served := make(chan error, 1)
	go func() { served <- running.server.Serve(serveCtx, listeners) }()
	defer func() {
		stopServing()
		if err := <-served; err != nil {
			p.note("%s", err)
		}
	}()

	mcpURL := o.baseURL + authserver.ResourcePath
	fmt.Fprintf(p.out, "Discord emulator   %s\nMCP server         %s\n\n", e.url, mcpURL)
	if err := p.walk(ctx, mcpURL); err != nil {
		return err
	}
	if !open {
		return nil
	}
	fmt.Fprintf(p.out, "\nNow with your own browser, in another terminal (Ctrl-C here ends it):\n\n  %s connect --token-store memory %s\n", p.name, mcpURL)
	<-ctx.Done()
	return nil
}

// walk signs in and calls get_user_info, and narrates each exchange.
func (p *program) walk(ctx context.Context, mcpURL string) error {
	cache, err := tokencache.Open(tokencache.Config{Store: tokencache.StoreMemory})
	if err != nil {
		return err
	}
	story := &narrator{p: p, next: http.DefaultTransport}
	visitor := newPerson(false, demoUser, story)
	visits := make(chan error, 1)
	conn, err := client.Connect(ctx, client.Config{
		Server: mcpURL, Cache: cache, SignIn: true, Timeout: 30 * time.Second, LoginTimeout: time.Minute,
		Transport: story, Version: buildVersion(),
		OpenBrowser: func(_ context.Context, address string) error {
			go func() { visits <- visitor.visit(ctx, address) }()
			return nil
		},
	})
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := <-visits; err != nil {
		return fmt.Errorf("walking through the sign-in: %w", err)
	}
	result, err := conn.Call(ctx, client.Call{Name: "get_user_info"})
	if err != nil {
		return err
	}
	fmt.Fprintln(p.out, "\nget_user_info answered:")
	return p.result(ctx, outputFlags{}, result)
}

// narrator prints each exchange: method, URL without secrets, status, time.
type narrator struct {
	p    *program
	next http.RoundTripper
	mu   sync.Mutex
	seen map[string]bool // titles that were printed
}

// RoundTrip implements [http.RoundTripper].
func (n *narrator) RoundTrip(r *http.Request) (*http.Response, error) {
	begun := time.Now()
	response, err := n.next.RoundTrip(r)
	status := "failed"
	if err == nil {
		status = fmt.Sprint(response.StatusCode)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if title := titleOf(r, status); title != "" && !n.seen[title] {
		if n.seen == nil {
			n.seen = map[string]bool{}
		}
		n.seen[title] = true
		fmt.Fprintln(n.p.out, title)
	}
	fmt.Fprintf(n.p.out, "  %-4s %-72s %s  %.1f ms\n", r.Method, withoutSecrets(r.URL), status, float64(time.Since(begun).Microseconds())/1000)
	return response, err
}

// titleOf names the step of the protocol that an exchange begins.
func titleOf(r *http.Request, status string) string {
	switch path := r.URL.Path; {
	case path == authserver.ResourcePath && status == "401":
		return "The client calls the server and is told where to sign in"
	case path == authserver.ResourcePath:
		return "The client calls the server with its token"
	case path == "/.well-known/oauth-protected-resource"+authserver.ResourcePath, path == "/.well-known/oauth-authorization-server":
		return "It discovers the authorization server"
	case path == "/register":
		return "It registers itself"
	case path == "/authorize":
		return "The browser opens: the consent page, approved"
	case path == "/oauth2/authorize":
		return "Discord: the person signs in as Nelly"
	case path == "/auth/callback":
		return "Discord sends the browser back, and the server sends it on to the client"
	case path == "/token":
		return "The client redeems its code for tokens"
	}
	return ""
}

// shownParameters are those whose values are no secrets.
var shownParameters = map[string]bool{
	"client_id": true, "redirect_uri": true, "response_type": true, "scope": true, "resource": true,
	"code_challenge_method": true, "iss": true, "prompt": true, "error": true,
}

// withoutSecrets is a URL with only the names of the parameters that are.
func withoutSecrets(u *url.URL) string {
	shown := *u
	query := u.Query()
	for name := range query {
		if !shownParameters[name] {
			query.Set(name, "…")
		}
	}
	shown.RawQuery = query.Encode()
	text, err := url.QueryUnescape(shown.String())
	if err != nil {
		return u.Scheme + "://" + u.Host + u.Path
	}
	return client.PrintableLine(text)
}
