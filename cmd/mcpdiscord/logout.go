package main

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

func (p *program) logoutCommand() *cobra.Command {
	o := &clientOptions{}
	cmd := &cobra.Command{
		Use:   "logout [SERVER] [flags]",
		Short: "Sign out: revoke the tokens and forget them",
		Example: `  mcpdiscord logout
  mcpdiscord logout https://mcp.example.com/mcp
  mcpdiscord logout --timeout 5s`,
		GroupID: groupUse,
		Args:    atMostOne("SERVER"),
	}
	f := cmd.Flags()
	f.SortFlags = false
	addServerFlags(f, o)
	f.BoolVar(&o.output.json, "json", false, "errors as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := p.prepare(o); err != nil {
			return err
		}
		return p.logout(cmd.Context(), o, first(args))
	}
	return cmd
}

func (p *program) logout(ctx context.Context, o *clientOptions, argument string) error {
	cfg, err := p.savedConfig(o, argument)
	if err != nil {
		return err
	}
	if path := p.toolPath(cfg.Server); path != "" {
		_ = os.Remove(path) // a list of tools; it may not be there
	}
	known, _, err := cfg.Cache.Server(cfg.Server)
	if err != nil {
		return err
	}
	answered := p.wait(o, cfg.Server)
	err = client.Logout(ctx, cfg)
	answered()
	if err != nil {
		return err
	}
	said := "signed out of"
	if known.Issuer == "" {
		said = "nobody was signed in to"
	}
	p.note("%s %s", said, client.PrintableLine(cfg.Server))
	return nil
}
