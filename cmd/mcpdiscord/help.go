package main

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// help shows the help of a command. Behind the name of a command that is none
// there is none, but what was probably meant.
func (p *program) help(cmd *cobra.Command, _ []string) {
	if cmd.HasSubCommands() {
		if p.helped = noArguments(cmd, cmd.Flags().Args()); p.helped != nil {
			return
		}
	}
	p.showHelp(cmd)
}

// showHelp writes the help of a command. It is no template of cobra's, because
// templates find methods by their names: with text/template in the program the
// linker has to keep the methods of every type.
func (p *program) showHelp(cmd *cobra.Command) {
	everywhere := everywhereFlags(cmd)
	var b strings.Builder
	b.WriteString(strings.TrimRight(cmp.Or(cmd.Long, cmd.Short+"."), "\n") + "\n\nUsage:\n  ")
	if cmd.Runnable() {
		b.WriteString(cmd.UseLine())
	}
	if cmd.HasAvailableSubCommands() {
		b.WriteString("\n  " + cmd.CommandPath() + " COMMAND")
	}
	if cmd.HasExample() {
		b.WriteString("\n\nExamples:\n" + cmd.Example)
	}
	b.WriteString(commandHelp(cmd) + flagHelp(cmd))
	if everywhere.HasAvailableFlags() {
		b.WriteString("\n\nEverywhere:\n" + strings.TrimRight(everywhere.FlagUsages(), "\n"))
	}
	if !cmd.HasParent() {
		b.WriteString(topicHelp())
	}
	b.WriteString(variableHelp(cmd))
	if cmd.HasAvailableSubCommands() {
		fmt.Fprintf(&b, "\n\n\"%s COMMAND --help\" says more about a command.", cmd.CommandPath())
	}
	if _, err := fmt.Fprintln(cmd.OutOrStdout(), b.String()); err != nil {
		p.helped = unwritten(err)
	}
}

// commandHelp is a command's commands under the titles of their groups.
func commandHelp(cmd *cobra.Command) string {
	var b strings.Builder
	for _, group := range cmd.Groups() {
		b.WriteString("\n\n" + group.Title)
		for _, c := range cmd.Commands() {
			if c.GroupID == group.ID && (c.IsAvailableCommand() || c.Name() == "help") {
				fmt.Fprintf(&b, "\n  %-*s %s", c.NamePadding(), c.Name(), c.Short)
			}
		}
	}
	return b.String()
}
