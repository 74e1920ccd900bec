package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

func (p *program) logoutCommand() *cobra.Command {
	o := &clientOptions{}
	var all bool
	cmd := &cobra.Command{
		Use:   "logout [SERVER] [flags]",
		Short: "Sign out: revoke the tokens and forget them",
		Long: `Sign out: revoke the tokens, and forget them and the server.

With --all of every saved server: each is said, one that fails does not stop the others,
and the exit code is the worst of them.`,
		Example: `  mcpdiscord logout
  mcpdiscord logout https://mcp.example.com/mcp
  mcpdiscord logout --all --timeout 5s`,
		GroupID: groupUse,
		Args:    atMostOne("SERVER"),
	}
	f := cmd.Flags()
	f.SortFlags = false
	addServerFlags(f, o)
	f.BoolVar(&all, "all", false, "of every saved server")
	setVariable(f, "all", "-")
	f.BoolVar(&o.output.json, "json", false, "errors as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := p.prepare(o); err != nil {
			return err
		}
		switch {
		case all && (len(args) > 0 || p.typed(cmd, "server")):
			return usageError("there are both a server and --all", "leave out one of them", nil)
		case all:
			return p.logoutAll(cmd.Context(), o)
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
	cfg.AccessToken = "" // of MCPDISCORD_TOKEN: nothing of it is kept, so nothing is to be forgotten
	p.forgetKept(cfg.Server)
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
	server := client.PrintableLine(cfg.Server)
	switch known.Issuer {
	case "":
		p.note("nobody was signed in to %s", server)
	case tokencache.Given:
		p.note("the saved token of %s is forgotten; it was not revoked, and ends by itself", server)
	default:
		p.note("signed out of %s", server)
	}
	return nil
}

// severity orders exit codes: what is left undone for good, what a keychain
// keeps, what ends by itself.
var severity = map[int]int{exitUnavailable: 1, exitAuth: 2, exitUsage: 3, exitFailure: 4}

// logoutAll signs out of every saved server.
func (p *program) logoutAll(ctx context.Context, o *clientOptions) error {
	cache, err := p.openCache(o)
	if err != nil {
		return err
	}
	all, err := cache.Servers()
	if err != nil {
		return err
	}
	saved := visibleServers(all)
	if len(saved) == 0 {
		p.note("no server is saved")
	}
	failed, worst := 0, &userError{}
	for _, s := range saved {
		err := p.logout(ctx, o, s.URL)
		if ctx.Err() != nil {
			return err
		}
		if err == nil {
			continue
		}
		failed++
		p.report(err)
		if e := toUserError(err); severity[e.code] > severity[worst.code] {
			worst = e
		}
	}
	if failed == 0 {
		return nil
	}
	return &userError{code: worst.code, kind: worst.kind, message: fmt.Sprintf("%d of %d servers could not be signed out of as they should", failed, len(saved)), err: worst}
}
