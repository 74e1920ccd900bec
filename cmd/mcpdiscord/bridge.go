package main

import (
	"context"
	"encoding/json"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

func (p *program) bridgeCommand() *cobra.Command {
	o := &clientOptions{piped: true}
	var login, printConfig bool
	cmd := &cobra.Command{
		Use:   "bridge [SERVER] [flags]",
		Short: "Connect an MCP client that speaks stdio only",
		Long: `Carry MCP messages between a client that speaks stdio only, which starts this
command, and a server that speaks HTTP and wants a sign-in.

Run connect first: bridge uses that sign-in, and keeps it fresh. Without one, the client
is told what to run, and the next request finds it. stdout has JSON-RPC and nothing else.`,
		Example: `  mcpdiscord bridge --print-config
  mcpdiscord bridge https://mcp.example.com/mcp --print-config
  npx @modelcontextprotocol/inspector --cli mcpdiscord bridge --method tools/list`,
		GroupID:     groupUse,
		Annotations: map[string]string{variables: clientVariables},
		Args:        atMostOne("SERVER"),
	}
	f := cmd.Flags()
	f.SortFlags = false
	addServerFlags(f, o)
	f.BoolVar(&login, "login", false, "sign in with a browser where that is needed")
	addSignInFlags(f, o)
	f.BoolVar(&printConfig, "print-config", false, "print what to paste into the client's configuration")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := p.prepare(o); err != nil {
			return err
		}
		cache, err := p.openCache(o)
		if err != nil {
			return err
		}
		serverURL, err := p.resolve(o, first(args), cache)
		if err != nil {
			return err
		}
		if printConfig {
			return p.printBridgeConfig(cmd, serverURL, cache)
		}
		cfg, stop := p.clientConfig(o, serverURL, cache, login)
		defer stop()
		return p.bridge(cmd.Context(), cfg)
	}
	return cmd
}

func (p *program) bridge(ctx context.Context, cfg client.Config) error {
	signal.Ignore(syscall.SIGPIPE) // a client that went away: the session still has to end
	if isTerminal(p.in) {
		p.note("This is for an MCP client to start: it speaks MCP on stdin and stdout. See --print-config.")
	}
	return client.Bridge(ctx, cfg, client.Stdio{
		In: p.in, Out: p.out, Program: p.name,
		Trouble: func(err error) { p.report(err) },
	})
}

// printBridgeConfig prints the JSON that MCP clients read: how they start this
// command as it was started now.
func (p *program) printBridgeConfig(cmd *cobra.Command, serverURL string, cache *tokencache.Cache) error {
	servers, err := cache.Servers()
	if err != nil {
		return err
	}
	name := ""
	for _, s := range servers {
		if s.URL == serverURL {
			name = s.Name
		}
	}
	type command struct {
		Command string   `json:"command"`
		Args    []string `json:"args"`
	}
	config := map[string]map[string]command{"mcpServers": {
		configName(name, serverURL): {p.path(), append([]string{"bridge", serverURL}, p.typedFlags(cmd)...)},
	}}
	return p.write(outputFlags{}, func(w io.Writer, _ bool) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false) // people read it
		enc.SetIndent("", "  ")
		return enc.Encode(config)
	})
}

// configName is a saved server's name, or one made of its host, in characters
// that every client takes.
func configName(name, serverURL string) string {
	if u, err := url.Parse(serverURL); name == "" && err == nil {
		name = u.Host
	}
	return strings.Trim(strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_' {
			return r
		}
		return '-'
	}, name), "-")
}

// typedFlags are the flags of the command line, which a client has to give too.
// What the environment says may be a secret, and is the client's to set.
func (p *program) typedFlags(cmd *cobra.Command) []string {
	var given []string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name == "server" || f.Name == "print-config" || !p.typed(cmd, f.Name) {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		for _, value := range values {
			given = append(given, "--"+f.Name+"="+value)
		}
	})
	return given
}

// path is where this program is, as it was invoked: clients have a PATH of
// their own, and a link outlives what it leads to.
func (p *program) path() string {
	found, err := exec.LookPath(p.invoked)
	if err == nil {
		found, err = filepath.Abs(found)
	}
	if err != nil {
		if found, err = os.Executable(); err != nil {
			return p.name
		}
	}
	return found
}
