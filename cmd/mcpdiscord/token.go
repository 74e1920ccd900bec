package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// tokenOptions are what token alone has.
type tokenOptions struct {
	minTTL        time.Duration
	claims, force bool
}

func (p *program) tokenCommand() *cobra.Command {
	o, t := &clientOptions{}, tokenOptions{}
	cmd := &cobra.Command{
		Use:   "token [SERVER] [flags]",
		Short: "Print the access token, for another program",
		Long: `Print the access token and nothing else, for another program; a token that has ended is
renewed first.

Whoever has it can do what you can: hand it over in a pipe or a variable, never as an
argument. No sign-in is started: exit code 4 means that one is needed.`,
		Example: `  MCPDISCORD_TOKEN=$(mcpdiscord token --min-ttl 5m) ./nightly-job
  curl -H @<(printf 'Authorization: Bearer %s' "$(mcpdiscord token)") https://mcp.example.com/api
  mcpdiscord token --claims`,
		GroupID:     groupUse,
		Annotations: map[string]string{variables: "MCPDISCORD_TOKEN: an access token, which is printed as it is"},
		Args:        atMostOne("SERVER"),
	}
	f := cmd.Flags()
	f.SortFlags = false
	addServerFlags(f, o)
	f.DurationVar(&t.minTTL, "min-ttl", 0, "renew it when it lives for less than this")
	f.BoolVar(&t.claims, "claims", false, "print what a JWT says instead; nothing of it is verified")
	f.BoolVar(&t.force, "force", false, "print it on a terminal, too")
	f.BoolVar(&o.output.json, "json", false, "errors as JSON")
	setVariable(f, "claims", "-")
	setVariable(f, "force", "-")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := p.prepare(o); err != nil {
			return err
		}
		return p.token(cmd.Context(), o, t, first(args))
	}
	return cmd
}

func (p *program) token(ctx context.Context, o *clientOptions, t tokenOptions, argument string) error {
	switch {
	case t.minTTL < 0:
		return usageError("--min-ttl is longer than zero", "", nil)
	case isTerminal(p.out) && !t.force && !t.claims:
		return usageError("the token would be shown on the terminal", "pipe it into the program that needs it; --force shows it, --claims shows what it says", nil)
	}
	cfg, err := p.savedConfig(o, argument)
	if err != nil {
		return err
	}
	answered := p.wait(o, cfg.Server)
	token, err := client.AccessToken(ctx, cfg, t.minTTL)
	answered()
	if err != nil {
		return err
	}
	if t.claims {
		return p.printClaims(ctx, token, cfg.Server)
	}
	return p.write(outputFlags{}, func(w io.Writer, _ bool) error {
		_, err := fmt.Fprintln(w, token)
		return err
	})
}

func (p *program) printClaims(ctx context.Context, token, server string) error {
	header, claims, err := client.Claims(token)
	if err != nil {
		return failure("the access token of "+server+" is no JWT: only its server can read it", "run {program} status "+server+" to see what is known of it", err)
	}
	text, err := json.Marshal(struct {
		Header   json.RawMessage `json:"header"`
		Claims   json.RawMessage `json:"claims"`
		Verified bool            `json:"verified"` // never: that is for whoever the token is meant for
	}{header, claims, false})
	if err != nil {
		return err
	}
	return p.answer(ctx, outputFlags{}, text)
}
