package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

func (p *program) connectCommand() *cobra.Command {
	o := &clientOptions{}
	t := &tuiOptions{}
	var withToken bool
	cmd := &cobra.Command{
		Use:   "connect [SERVER] [flags]",
		Short: "Sign in to a server; on a terminal, open the TUI",
		Long: `Sign in to a server with your browser and keep the tokens; on a terminal, open the TUI.

SERVER is a URL or the name of a saved server. With --with-token no browser is needed:
an access token is read from stdin, tried at the server, and kept.`,
		Example: `  mcpdiscord connect
  mcpdiscord connect https://mcp.example.com/mcp
  mcpdiscord connect https://mcp.example.com/mcp --with-token < token.txt
  mcpdiscord connect --no-tui --json`,
		GroupID:     groupUse,
		Annotations: map[string]string{variables: clientVariables + "\nVISUAL, EDITOR: the command that the TUI opens a tool's arguments in\nPAGER: the command that the TUI shows a result in"},
		Args:        atMostOne("SERVER"),
	}
	f := cmd.Flags()
	f.SortFlags = false
	addServerFlags(f, o)
	addSignInFlags(f, o)
	f.BoolVar(&withToken, "with-token", false, "keep the access token that is on stdin, instead of a sign-in")
	setVariable(f, "with-token", "-")
	f.BoolVar(&t.off, "no-tui", false, "sign in only")
	f.BoolVar(&t.still, "reduced-motion", false, "nothing moves in the TUI but what changes")
	f.StringVar(&t.log, "log", "", "add a debug log, without secrets, to a `FILE`")
	f.BoolVar(&o.output.json, "json", false, "print who is signed in as JSON; errors too")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := p.prepare(o); err != nil {
			return err
		}
		if withToken {
			return p.connectWithToken(cmd.Context(), o, first(args))
		}
		return p.connect(cmd.Context(), o, t, first(args))
	}
	return cmd
}

func (p *program) connect(ctx context.Context, o *clientOptions, t *tuiOptions, argument string) error {
	cache, err := p.openCache(o)
	if err != nil {
		return err
	}
	serverURL, err := p.resolve(o, argument, cache)
	if err != nil {
		return err
	}
	screen := p.wantsTUI(o, t)
	cfg, stop := p.clientConfig(o, serverURL, cache, true)
	defer stop()
	if t.log != "" {
		file, err := openLog(t.log)
		if err != nil {
			return err
		}
		defer file.Close()
		logTo(&cfg, file)
	}
	if !screen {
		return p.signIn(ctx, o, cfg)
	}
	stop()
	if cfg.Debug != nil && t.log == "" {
		p.note("--debug is silent behind the TUI; --log is not, and --no-tui is without one")
		cfg.Debug = nil
	}
	return p.openTUI(ctx, o, t, cfg)
}

// signIn connects once, without the TUI, and says who is signed in.
func (p *program) signIn(ctx context.Context, o *clientOptions, cfg client.Config) error {
	answered := p.wait(o, cfg.Server)
	defer answered()
	conn, err := client.Connect(ctx, cfg)
	if err != nil {
		return err
	}
	identity := conn.Identity()
	if err := conn.Close(); err != nil {
		return err
	}
	answered()
	if o.output.json {
		return p.printIdentity(ctx, o.output, identity, true)
	}
	p.note("%s", identityLine(identity, time.Now()))
	return nil
}

// identityLine says in one line who is signed in, and for how long.
func identityLine(id client.Identity, now time.Time) string {
	name := displayName(id)
	switch {
	case id.Given && id.Expiry.IsZero():
		return fmt.Sprintf("connected to %s with a saved token", id.Server)
	case id.Given:
		return fmt.Sprintf("connected to %s with a saved token, which ends in %s", id.Server, about(id.Expiry.Sub(now)))
	case name == "":
		return fmt.Sprintf("connected to %s", id.Server)
	}
	if id.Expiry.IsZero() {
		return fmt.Sprintf("signed in to %s as %s", id.Server, name)
	}
	return fmt.Sprintf("signed in to %s as %s; the access token is renewed in %s", id.Server, name, about(id.Expiry.Sub(now)))
}

func displayName(id client.Identity) string {
	switch {
	case id.GlobalName != "" && id.GlobalName != id.Username:
		return client.PrintableLine(fmt.Sprintf("%s (%s)", id.GlobalName, id.Username))
	case id.Username != "":
		return client.PrintableLine(id.Username)
	case id.Grant == grantClient:
		return "the client " + client.PrintableLine(id.ClientID)
	}
	return client.PrintableLine(id.UserID)
}

// about is a duration as people say it.
func about(d time.Duration) string {
	switch {
	case d <= 0:
		return "a moment"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Round(time.Minute).Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// printedIdentity is who is signed in, as connect --json and status --json
// print it.
type printedIdentity struct {
	Server     string    `json:"server"`
	Issuer     string    `json:"issuer,omitempty"`
	ClientID   string    `json:"client_id,omitempty"`
	DiscordID  string    `json:"discord_id,omitempty"`
	Username   string    `json:"username,omitempty"`
	GlobalName string    `json:"global_name,omitempty"`
	Scopes     []string  `json:"scopes"`
	Expires    time.Time `json:"expires,omitzero"`
	Given      bool      `json:"given_token,omitempty"` // it was brought, and is not renewed
	Confirmed  bool      `json:"confirmed"`             // by the server, just now
}

func (p *program) printIdentity(ctx context.Context, o outputFlags, id client.Identity, confirmed bool) error {
	text, err := json.Marshal(printedIdentity{
		Server: id.Server, Issuer: id.Issuer, ClientID: id.ClientID, DiscordID: id.UserID, Username: id.Username,
		GlobalName: id.GlobalName, Scopes: append([]string{}, id.Scopes...), Expires: id.Expiry, Given: id.Given, Confirmed: confirmed,
	})
	if err != nil {
		return err
	}
	return p.answer(ctx, o, text)
}

// signInEvents tells on stderr what a sign-in is doing. From the address to
// open to its end it is a person who is waited for.
func (p *program) signInEvents() func(client.Event) {
	release := func() {}
	return func(e client.Event) {
		switch e.Kind {
		case client.EventSignIn:
			release()
			release = p.hold()
			p.note("Sign in with your browser:\n%s", client.PrintableLine(e.URL))
		case client.EventNoBrowser:
			p.note("No browser was opened: open the address yourself. From another machine, first run there:")
			p.note("  ssh -L %d:127.0.0.1:%d HOST", e.Port, e.Port)
			if isTerminal(p.in) {
				p.note("or paste the address that your browser ends at.")
			}
		case client.EventSignedIn: // the command says it in its own words
			release()
		default:
			if e.Text != "" {
				p.note("%s", client.PrintableLine(e.Text))
			}
		}
	}
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

// atMostOne refuses a second argument.
func atMostOne(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= 1 {
			return nil
		}
		return usageError(fmt.Sprintf("%s takes one %s", cmd.Name(), name), "run {program} "+cmd.Name()+" --help", nil)
	}
}
