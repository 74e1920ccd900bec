package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func (p *program) manCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "man [COMMAND…] [flags]",
		Short: "Print a manual page",
		Long: `Print the manual page of the program, or of a command.

With --dir all pages are written there, for a package.`,
		Example: `  mcpdiscord man | man -l -
  mcpdiscord man call | man -l -
  mcpdiscord man --dir /usr/local/share/man/man1`,
		GroupID:     groupCare,
		Annotations: map[string]string{withoutConfig: "yes"},
	}
	dir := cmd.Flags().String("dir", "", "write all pages into this directory, which is there")
	setVariable(cmd.Flags(), "dir", "-")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		root := cmd.Root()
		switch {
		case *dir != "" && len(args) > 0:
			return usageError("--dir writes all pages", "leave "+args[0]+" out", nil)
		case *dir != "":
			return writePages(root, *dir)
		}
		target, err := commandNamed(root, args)
		if err != nil {
			return err
		}
		return p.write(outputFlags{}, func(w io.Writer, _ bool) error {
			_, err := io.WriteString(w, manPage(target))
			return err
		})
	}
	return cmd
}

// writePages writes the page of each command.
func writePages(cmd *cobra.Command, dir string) error {
	path := filepath.Join(dir, pageName(cmd)+".1")
	if err := os.WriteFile(path, []byte(manPage(cmd)), 0o644); err != nil { //nolint:gosec // a manual is for everybody
		return failure("the page cannot be written to "+path, "make the directory, or name another one", err)
	}
	var problems []error
	for _, c := range subcommands(cmd) {
		problems = append(problems, writePages(c, dir))
	}
	return errors.Join(problems...)
}

// subcommands are those that the help shows.
func subcommands(cmd *cobra.Command) (list []*cobra.Command) {
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() || c.Name() == "help" {
			list = append(list, c)
		}
	}
	return list
}

func pageName(cmd *cobra.Command) string { return strings.ReplaceAll(cmd.CommandPath(), " ", "-") }

// manPage is a command's manual page in the macros of man(7).
func manPage(cmd *cobra.Command) string {
	everywhere := everywhereFlags(cmd)
	r := &roff{}
	r.line(".TH", strings.ToUpper(pageName(cmd)), "1", "", "mcpdiscord "+buildVersion(), "User Commands")
	r.line(".SH", "NAME")
	r.text(pageName(cmd) + " - " + cmd.Short)
	r.line(".SH", "SYNOPSIS")
	use := cmd.UseLine()
	if cmd.HasAvailableSubCommands() {
		use = cmd.CommandPath() + " COMMAND [flags]"
	}
	r.line(".B", use)
	r.line(".SH", "DESCRIPTION")
	r.verbatim(cmp.Or(cmd.Long, cmd.Short+"."))
	r.commands(cmd)
	for _, g := range flagGroups {
		r.flags(g.title, groupFlags(cmd, g.flags))
	}
	r.flags("Everywhere", everywhere)
	if cmd.HasExample() {
		r.line(".SH", "EXAMPLES")
		r.verbatim(cmd.Example)
	}
	if cmd.HasParent() {
		r.line(".SH", "ENVIRONMENT")
		r.verbatim(strings.TrimPrefix(variableHelp(cmd), "\n\nVariables:\n"))
		r.line(".SH", "SEE ALSO")
		r.line(".BR", pageName(cmd.Parent()), "(1)")
		return r.page.String()
	}
	for _, t := range topics() {
		_, text, _ := strings.Cut(t.text, "\n\n")
		r.line(".SH", strings.ToUpper(strings.ReplaceAll(t.name, "-", " ")))
		r.verbatim(text)
	}
	return r.page.String()
}

// roff writes the language of manual pages.
type roff struct{ page strings.Builder }

// line writes a macro with its arguments.
func (r *roff) line(macro string, arguments ...string) {
	r.page.WriteString(macro)
	for _, argument := range arguments {
		r.page.WriteString(` "` + strings.ReplaceAll(escaped(argument), `"`, `\(dq`) + `"`)
	}
	r.page.WriteByte('\n')
}

// text writes a paragraph.
func (r *roff) text(text string) {
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		r.page.WriteString(escaped(line) + "\n")
	}
}

// verbatim writes lines as they are.
func (r *roff) verbatim(text string) {
	r.page.WriteString(".nf\n")
	r.text(text)
	r.page.WriteString(".fi\n")
}

func (r *roff) commands(cmd *cobra.Command) {
	list := subcommands(cmd)
	if len(list) > 0 {
		r.line(".SH", "COMMANDS")
	}
	for _, c := range list {
		r.page.WriteString(".TP\n")
		r.line(".BR", pageName(c), "(1)")
		r.text(c.Short)
	}
}

func (r *roff) flags(title string, flags *pflag.FlagSet) {
	if !flags.HasAvailableFlags() {
		return
	}
	r.line(".SH", strings.ToUpper(title))
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		r.page.WriteString(".TP\n")
		r.line(".BI", name, strings.TrimRight(" "+value, " "))
		r.text(usage)
		if !slices.Contains([]string{"", "false", "0", "0s", "[]"}, f.DefValue) {
			r.line(".br")
			r.text("Default: " + f.DefValue)
		}
		if variable := flagVariable(f); variable != "" {
			r.line(".br")
			r.text("Variable: " + variable)
		}
	})
}

// escaped is a line of text without meaning to roff.
func escaped(line string) string {
	line = strings.NewReplacer(`\`, `\e`, `-`, `\-`, "`", `\(ga`, `'`, `\(aq`, `^`, `\(ha`, `~`, `\(ti`).Replace(line)
	var b strings.Builder
	for _, c := range line {
		if c < 0x80 {
			b.WriteRune(c)
		} else {
			fmt.Fprintf(&b, `\[u%04X]`, c)
		}
	}
	if line = b.String(); strings.HasPrefix(line, ".") {
		return `\&` + line
	}
	return line
}
