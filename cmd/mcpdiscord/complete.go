package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// flagValues are the words that a flag may have.
var flagValues = map[string][]string{
	"color":       {"auto", "always", "never"},
	"token-store": {"auto", "keychain", "file", "plain", "memory"},
	"log-format":  {"text", "json"},
	"log-level":   {"debug", "info", "warn", "error"},
	"elicit":      {"decline", "cancel"},
}

// fileFlags are those that name a file.
var fileFlags = []string{
	"output", "client-secret-file", "tls-cert", "tls-key", "clients-file", "addr-file", "audit-log", "admin-socket", "socket",
}

// completes says whether a command line asks for completions, as the scripts
// of cobra do.
func completes(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// addCompletions tells cobra what the arguments and the flags may be. Nothing
// of it asks the network or the keychain, and what cannot be known is silent.
func (p *program) addCompletions(cmd *cobra.Command) {
	cmd.ValidArgsFunction = p.completeArguments
	add := func(f *pflag.Flag) {
		if slices.Contains(fileFlags, f.Name) || f.Value.Type() == "bool" {
			return
		}
		_ = cmd.RegisterFlagCompletionFunc(f.Name, func(_ *cobra.Command, _ []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
			switch f.Name {
			case "server":
				return p.completeServers(), cobra.ShellCompDirectiveNoFileComp
			case "dir":
				return nil, cobra.ShellCompDirectiveFilterDirs
			}
			return flagValues[f.Name], cobra.ShellCompDirectiveNoFileComp
		}) // fails for a flag that has one already
	}
	cmd.LocalFlags().VisitAll(add)
	for _, child := range cmd.Commands() {
		p.addCompletions(child)
	}
}

// completeArguments goes by the words of a command's usage line.
func (p *program) completeArguments(cmd *cobra.Command, args []string, typed string) (list []cobra.Completion, how cobra.ShellCompDirective) {
	how = cobra.ShellCompDirectiveNoFileComp
	_ = p.environment(cmd) // what is wrong there is said when the command runs
	words := strings.Fields(cmd.Use)[1:]
	switch {
	case cmd.Name() == "call" && len(args) > 0:
		return p.completeToolArguments(cmd, args, typed)
	case len(args) >= len(words):
		return nil, how
	}
	switch strings.Trim(words[len(args)], "[]…") {
	case "SERVER":
		list = p.completeServers()
	case "TOOL":
		list = p.completeTools(cmd)
	case "NAME":
		if cmd.Name() == "tools" {
			list = p.completeTools(cmd)
		}
	case "SHELL":
		list = shells
	case "COMMAND", "COMMAND|TOPIC":
		for _, c := range cmd.Root().Commands() {
			if c.IsAvailableCommand() {
				list = append(list, cobra.CompletionWithDesc(c.Name(), c.Short))
			}
		}
		for _, t := range topics() {
			if cmd.Name() == "help" {
				list = append(list, cobra.CompletionWithDesc(t.name, t.short))
			}
		}
	}
	return list, how
}

// safe says whether a foreign word may be put on a command line: no shell takes
// any of its characters for more than itself.
func safe(word string) bool {
	return word != "" && !strings.ContainsAny(word[:1], "-@=~:%") && !strings.ContainsFunc(word, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._:/@+=%", r)
	})
}

// described is a completion with what is said of it, which is foreign.
func described(word, about string) cobra.Completion {
	return cobra.CompletionWithDesc(word, clip(client.PrintableLine(firstLine(about))))
}

func (p *program) completeServers() (list []cobra.Completion) {
	cache, err := p.openCache(&clientOptions{tokenStore: "auto"})
	if err != nil {
		return nil
	}
	saved, _ := cache.Servers() // none, where it cannot be read
	for _, s := range saved {
		if safe(s.Name) {
			list = append(list, described(s.Name, s.URL))
		}
		if safe(s.URL) {
			list = append(list, described(s.URL, s.User))
		}
	}
	return list
}

// toolsFor is the kept list of the server that the command line means.
func (p *program) toolsFor(cmd *cobra.Command) []client.Tool {
	server, err := cmd.Flags().GetString("server")
	if err != nil {
		return nil
	}
	kept := p.keptTools(&clientOptions{server: server, tokenStore: "auto"})
	if kept == nil {
		return nil
	}
	return kept.Tools
}

func (p *program) completeTools(cmd *cobra.Command) (list []cobra.Completion) {
	for _, t := range p.toolsFor(cmd) {
		if safe(t.Name) {
			list = append(list, described(t.Name, t.Description))
		}
	}
	return list
}

// completeToolArguments completes key= and, where they are known, the values.
func (p *program) completeToolArguments(cmd *cobra.Command, args []string, typed string) (list []cobra.Completion, how cobra.ShellCompDirective) {
	how = cobra.ShellCompDirectiveNoFileComp
	tools := p.toolsFor(cmd)
	i := slices.IndexFunc(tools, func(t client.Tool) bool { return t.Name == args[0] })
	if i < 0 {
		return nil, how
	}
	arguments, _ := properties(tools[i].InputSchema)
	if name, _, found := strings.Cut(typed, "="); found {
		for _, a := range arguments {
			if a.name == name && safe(name) {
				return valuesOf(a), how
			}
		}
		return nil, how
	}
	slices.SortStableFunc(arguments, func(a, b property) int { // those that are required first
		switch {
		case a.required == b.required:
			return 0
		case a.required:
			return -1
		}
		return 1
	})
	for _, a := range arguments {
		given := slices.ContainsFunc(args[1:], func(arg string) bool {
			return strings.HasPrefix(arg, a.name+"=") || strings.HasPrefix(arg, a.name+":=")
		})
		if !given && safe(a.name) && !strings.ContainsAny(a.name, "=:") {
			list = append(list, described(a.name+"=", argumentLine(tools[i].InputSchema, a)))
		}
	}
	return list, how | cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveKeepOrder
}

// valuesOf are key=value for each value that the schema lists.
func valuesOf(a property) (list []cobra.Completion) {
	for _, choice := range a.enum {
		w := exampleWord(a, choice)
		if value, plain := strings.CutPrefix(w, a.name+"="); plain && safe(value) {
			list = append(list, w)
		}
	}
	if slices.Contains(a.free, "boolean") {
		list = append(list, a.name+"=true", a.name+"=false")
	}
	return list
}
