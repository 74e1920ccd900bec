package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagGroups are the headings of the flags in the help, in this order. A flag
// means the same in every command, so one table serves all.
var flagGroups = []struct {
	title string
	flags []string
}{
	{"Try it", []string{"dev", "emulator-addr", "open"}},
	{"Address", []string{"addr", "base-url", "tls-cert", "tls-key", "trusted-proxies", "limits", "addr-file"}},
	{"Discord", []string{"client-id", "client-secret-file", "scopes", "optional-scopes", "redirect-path", "discord-url"}},
	{"People", []string{"allow-user", "allow-guild", "require-role", "discord-public-key"}},
	{"Clients", []string{"clients-file", "client-metadata-hosts", "client-metadata-max-bytes", "allow-redirect", "allow-origin", "proxy", "proxy-timeout"}},
	{"Records and tokens", []string{"store", "check", "access-token-ttl", "refresh-grace", "grant-ttl", "outage-grace"}},
	{"To be seen", []string{"log-format", "log-level", "audit-log", "metrics-addr", "drain-delay", "admin-socket"}},
	{"Which sign-ins", []string{"user", "client", "all", "yes"}},
	{"Server", []string{"server", "socket", "timeout", "header"}},
	{"Sign-in", []string{"login", "token-store", "no-browser", "callback-port", "login-timeout", "scope", "grant", "with-token", "oauth-client-id", "client-metadata-url"}},
	{"Call", []string{"elicit", "dry-run"}},
	{"Token", []string{"min-ttl", "claims", "force"}},
	{"Output", []string{"no-tui", "reduced-motion", "json", "jq", "raw", "output", "dir", "debug", "log", "print-config"}},
	{"Help", []string{"help", "version"}},
}

// groupOf is the heading of a flag, "" for none.
func groupOf(flag string) string {
	for _, g := range flagGroups {
		if slices.Contains(g.flags, flag) {
			return g.title
		}
	}
	return ""
}

// variables is the annotation of a command with the variables that it reads
// and that are no flag's own.
const variables = "variables"

// groupFlags are those of a command's flags that a group has, in its order.
func groupFlags(cmd *cobra.Command, names []string) *pflag.FlagSet {
	some := pflag.NewFlagSet("", pflag.ContinueOnError)
	some.SortFlags = false
	for _, name := range names {
		if f := cmd.LocalFlags().Lookup(name); f != nil && !f.Hidden {
			some.AddFlag(f)
		}
	}
	return some
}

// everywhereFlags are those that all commands have. It comes first: with it cobra
// adds them to the command's own.
func everywhereFlags(cmd *cobra.Command) *pflag.FlagSet {
	if !cmd.HasParent() {
		return cmd.PersistentFlags()
	}
	return cmd.InheritedFlags()
}

// flagHelp is a command's flags under their headings, as the help shows them.
func flagHelp(cmd *cobra.Command) string {
	var b strings.Builder
	for _, g := range flagGroups {
		if some := groupFlags(cmd, g.flags); some.HasFlags() {
			b.WriteString("\n\n" + g.title + ":\n" + strings.TrimRight(some.FlagUsages(), "\n"))
		}
	}
	return b.String()
}

// variableHelp says which variables a command reads.
func variableHelp(cmd *cobra.Command) string {
	var b strings.Builder
	b.WriteString("\n\nVariables:\n")
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if names := f.Annotations[envName]; len(names) == 1 && names[0] != "-" {
			b.WriteString("  " + names[0] + " for --" + f.Name + "\n")
		}
	})
	if extra := cmd.Annotations[variables]; extra != "" {
		b.WriteString("  " + strings.ReplaceAll(extra, "\n", "\n  ") + "\n")
	}
	if cmd.Flags().Lookup("oauth-client-id") != nil {
		b.WriteString("  MCPDISCORD_OAUTH_CLIENT_SECRET: the secret of --oauth-client-id\n")
	}
	b.WriteString("  NO_COLOR, CLICOLOR_FORCE: no color, color always\n")
	b.WriteString("  any other flag --a-b is MCPDISCORD_A_B, or a-b in config.yaml")
	return b.String()
}
