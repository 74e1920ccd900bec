package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

func (p *program) statusCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:   "status [SERVER] [flags]",
		Short: "Say who is signed in to a server",
		Long: `Say who is signed in to a server, and for how long.

The server is asked whether the sign-in is still good: exit code 4 means that it cannot
be used, 5 that the server could not be asked; then what is saved is printed all the
same.`,
		Example: `  mcpdiscord status
  mcpdiscord status https://mcp.example.com/mcp
  mcpdiscord status --json`,
		GroupID:     groupUse,
		Annotations: map[string]string{variables: "MCPDISCORD_TOKEN: an access token to ask about"},
		Args:        atMostOne("SERVER"),
	}
	f := cmd.Flags()
	f.SortFlags = false
	addServerFlags(f, o)
	addOutputFlags(f, o)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := p.prepare(o); err != nil {
			return err
		}
		return p.status(cmd.Context(), o, first(args))
	}
	return cmd
}

func (p *program) status(ctx context.Context, o *clientOptions, argument string) error {
	cfg, err := p.savedConfig(o, argument)
	if err != nil {
		return err
	}
	answered := p.wait(o, cfg.Server)
	id, err := client.Status(ctx, cfg)
	answered()
	if id == nil {
		return err
	}
	return errors.Join(p.printStatus(ctx, o.output, *id, err == nil), err)
}

// printStatus prints who is signed in; unconfirmed is what the server could not
// be asked about.
func (p *program) printStatus(ctx context.Context, o outputFlags, id client.Identity, confirmed bool) error {
	if o.json || o.jq != "" {
		return p.printIdentity(ctx, o, id, confirmed)
	}
	line := identityLine(id, time.Now())
	if !confirmed {
		line = "not confirmed: " + line
	}
	return p.write(o, func(w io.Writer, _ bool) error {
		_, err := fmt.Fprintln(w, line)
		return err
	})
}

// savedConfig is the client's configuration for the commands that work on a
// saved sign-in and never start one.
func (p *program) savedConfig(o *clientOptions, argument string) (client.Config, error) {
	cache, err := p.openCache(o)
	if err != nil {
		return client.Config{}, err
	}
	serverURL, err := p.resolve(o, argument, cache)
	if err != nil {
		return client.Config{}, err
	}
	cfg, _ := p.clientConfig(o, serverURL, cache, false)
	return cfg, nil
}
