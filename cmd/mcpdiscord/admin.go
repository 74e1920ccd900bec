package main

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/server"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

const groupAdmin = "admin"

// adminOptions are the flags of admin's commands.
type adminOptions struct {
	socket       string
	json         bool
	user, client string
	all, yes     bool
}

func (p *program) adminCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "admin",
		Short: "See and end the sign-ins at a server on this machine",
		Long: `See and end the sign-ins at a server that runs on this machine, as its user or root.

With several servers on one store, any of them will do.`,
		Example: `  mcpdiscord admin grants
  mcpdiscord admin clients --json
  mcpdiscord admin revoke --user 80351110224678912`,
		GroupID: groupCare,
		Args:    noArguments,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddGroup(&cobra.Group{ID: groupAdmin, Title: "Commands:"})
	cmd.AddCommand(p.adminClientsCommand(), p.adminGrantsCommand(), p.adminRevokeCommand())
	return cmd
}

func addAdminClientFlags(f *pflag.FlagSet, o *adminOptions, what string) {
	f.SortFlags = false
	f.StringVar(&o.socket, "socket", "", "the --admin-socket of the server (default the one that runs as this user)")
	f.BoolVar(&o.json, "json", false, what)
	setVariable(f, "socket", "MCPDISCORD_ADMIN_SOCKET")
}

const eachAsJSON = "one JSON object on each line"

func (p *program) adminClientsCommand() *cobra.Command {
	o := &adminOptions{}
	cmd := &cobra.Command{
		Use:   "clients [flags]",
		Short: "List the clients that are known",
		Long: `List the clients that are known: those that registered themselves, those that a document
describes, and those of the operator's file.

A client id names software, not an installation. Without a terminal: one line each, its
fields separated by tabs.`,
		Example: `  mcpdiscord admin clients
  mcpdiscord admin clients | cut -f 1,3
  mcpdiscord admin clients --json | jq .client_id`,
		GroupID: groupAdmin,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.adminList(cmd.Context(), o, server.AdminClientsPath, clientColumns)
		},
	}
	addAdminClientFlags(cmd.Flags(), o, eachAsJSON)
	return cmd
}

func (p *program) adminGrantsCommand() *cobra.Command {
	o := &adminOptions{}
	cmd := &cobra.Command{
		Use:   "grants [flags]",
		Short: "List the sign-ins that are good: who allowed which client what",
		Long: `List the sign-ins that are good: who allowed which client what, since when, and until
when unless it is used.

Without a terminal: one line each, its fields separated by tabs.`,
		Example: `  mcpdiscord admin grants
  mcpdiscord admin grants --user 80351110224678912
  mcpdiscord admin grants --json | jq -r .username | sort | uniq -c`,
		GroupID: groupAdmin,
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path := server.AdminGrantsPath
			if o.user != "" {
				if !discord.IsSnowflake(o.user) {
					return notSnowflake()
				}
				path += "?user=" + o.user
			}
			return p.adminList(cmd.Context(), o, path, grantColumns)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.user, "user", "", "the Discord id of the user whose sign-ins are meant")
	setVariable(f, "user", "-")
	addAdminClientFlags(f, o, eachAsJSON)
	return cmd
}

func (p *program) adminRevokeCommand() *cobra.Command {
	o := &adminOptions{}
	cmd := &cobra.Command{
		Use:   "revoke [GRANT…] [flags]",
		Short: "End sign-ins at once, on every server that shares the store",
		Long: `End sign-ins at once, on every server that shares the store: single ones, all of a user,
all that use a client, or all.

Discord is told of users who have none left. Nobody is kept from signing in again: that
is what serve --allow-user is for.`,
		Example: `  mcpdiscord admin revoke --user 80351110224678912
  mcpdiscord admin revoke --client mcpd_client_x4bTq
  mcpdiscord admin revoke --all --yes`,
		GroupID: groupAdmin,
		RunE:    func(cmd *cobra.Command, args []string) error { return p.adminRevoke(cmd.Context(), o, args) },
	}
	f := cmd.Flags()
	f.StringVar(&o.user, "user", "", "the Discord id of the user whose sign-ins are meant")
	f.StringVar(&o.client, "client", "", "the id of the client whose sign-ins are meant, of all its users")
	f.BoolVar(&o.all, "all", false, "every sign-in")
	f.BoolVar(&o.yes, "yes", false, "with --all: do not ask")
	for _, name := range []string{"user", "client", "all", "yes"} { // nothing from afar says what is revoked
		setVariable(f, name, "-")
	}
	addAdminClientFlags(f, o, "errors as JSON")
	return cmd
}

func notSnowflake() error {
	return usageError("--user is the Discord id of a user, a number", "run {program} admin grants to see them", nil)
}

// revocations are what the flags and arguments say.
func (o *adminOptions) revocations(grants []string) ([]server.AdminRevocation, error) {
	ways := 0
	for _, given := range []bool{len(grants) > 0, o.user != "", o.client != "", o.all} {
		if given {
			ways++
		}
	}
	switch {
	case ways != 1:
		return nil, usageError("revoke needs grants, or one of --user, --client and --all", "run {program} admin grants to see what there is", nil)
	case o.user != "" && !discord.IsSnowflake(o.user):
		return nil, notSnowflake()
	case len(grants) == 0:
		return []server.AdminRevocation{{UserID: o.user, ClientID: o.client, All: o.all}}, nil
	}
	var list []server.AdminRevocation
	for _, id := range grants {
		if id == "" {
			return nil, usageError("the id of a grant is empty", "run {program} admin grants to see them", nil)
		}
		list = append(list, server.AdminRevocation{GrantID: id})
	}
	return list, nil
}

func (p *program) adminRevoke(ctx context.Context, o *adminOptions, grants []string) error {
	list, err := o.revocations(grants)
	if err != nil {
		return err
	}
	admin, err := p.dialAdmin(ctx, o)
	if err != nil {
		return err
	}
	defer admin.close()
	if o.all && !o.yes {
		if err := p.confirmAll(ctx); err != nil {
			return err
		}
	}
	var missing error
	total := 0
	for _, what := range list {
		ended := 0
		err := admin.revoke(ctx, what, func(n int) {
			ended = n
			if isTerminal(p.err) && n > 0 {
				fmt.Fprintf(p.err, "\rrevoked %d", total+n)
			}
		})
		total += ended
		if isTerminal(p.err) && ended > 0 {
			fmt.Fprint(p.err, "\r")
		}
		if err != nil {
			if total > 0 {
				p.note("revoked %s before that", sessions(total))
			}
			return err
		}
		if ended == 0 && !what.All && missing == nil {
			missing = nothingRevoked(what)
		}
	}
	if total > 0 || o.all {
		p.note("revoked %s", sessions(total))
	}
	return missing
}

func sessions(n int) string {
	if n == 1 {
		return "1 sign-in"
	}
	return fmt.Sprintf("%d sign-ins", n)
}

// nothingRevoked says what was not found.
func nothingRevoked(what server.AdminRevocation) error {
	message := "there is no sign-in with the id " + what.GrantID
	switch {
	case what.UserID != "":
		message = "the user " + what.UserID + " has no sign-in here"
	case what.ClientID != "":
		message = "nobody is signed in with the client " + client.PrintableLine(clip(what.ClientID))
	}
	return failure(message, "it may have ended already; run {program} admin grants to see what there is", nil)
}

// confirmAll asks a person, and refuses a script.
func (p *program) confirmAll(ctx context.Context) error {
	if !isTerminal(p.in) || !isTerminal(p.err) {
		return usageError("--all ends every sign-in, and nobody is there to ask", "give --yes too", nil)
	}
	fmt.Fprint(p.err, "This signs everybody out. Write yes to go on: ")
	answers := make(chan string, 1)
	go func() { // it ends with the process: nothing interrupts a terminal that is read
		line, _ := bufio.NewReader(p.in).ReadString('\n')
		answers <- strings.TrimSpace(line)
	}()
	select {
	case answer := <-answers:
		if answer == "yes" {
			return nil
		}
		return failure("nothing was revoked", "", nil)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
