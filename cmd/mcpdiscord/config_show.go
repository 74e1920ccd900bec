package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const groupConfig = "config"

func (p *program) configCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the configuration, and where each value comes from",
		Long: `Show the configuration.

A flag beats its variable, that beats the configuration file, and that beats the
default.`,
		Example: `  mcpdiscord config show
  mcpdiscord config show serve --addr 127.0.0.1:9000
  mcpdiscord config path`,
		GroupID:     groupCare,
		Annotations: map[string]string{withoutConfig: "yes"},
		Args:        noArguments,
		RunE:        func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddGroup(&cobra.Group{ID: groupConfig, Title: "Commands:"})
	cmd.AddCommand(p.configShowCommand(), p.configPathCommand())
	return cmd
}

func (p *program) configPathCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "path",
		Short: "Print where the configuration file is, or would be",
		Example: `  mcpdiscord config path
  $EDITOR "$(mcpdiscord config path)"
  ls -l "$(mcpdiscord config path)"`,
		GroupID:     groupConfig,
		Annotations: map[string]string{withoutConfig: "yes"},
		Args:        noArguments,
		RunE: func(*cobra.Command, []string) error {
			path, err := p.configPath()
			if err != nil {
				return err
			}
			return p.write(outputFlags{}, func(w io.Writer, _ bool) error {
				_, err := fmt.Fprintln(w, path)
				return err
			})
		},
	}
}

func (p *program) configShowCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show [flags] [COMMAND [FLAG…]]",
		Short: "Show every value in effect, with its origin",
		Long: `Show every value in effect with its origin: flag, the name of a variable, the line of
the configuration file, or default.

With COMMAND and its flags: what that command line would use. Secrets are not shown,
only which are set. Without a terminal: one line each, its fields separated by tabs.`,
		Example: `  mcpdiscord config show
  mcpdiscord config show call --timeout 5s
  mcpdiscord config show --json serve`,
		GroupID: groupConfig,
	}
	f := cmd.Flags()
	f.SetInterspersed(false) // what follows COMMAND is of COMMAND
	f.BoolVar(&asJSON, "json", false, "print JSON; errors too")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		p.jsonErrors = asJSON
		return p.showConfig(cmd, args, asJSON)
	}
	return cmd
}

// shownValue is one value in effect, as config show --json prints it.
type shownValue struct {
	Key      string `json:"key"`
	Value    any    `json:"value"`
	Origin   string `json:"origin"` // flag, environment, file or default
	Variable string `json:"variable,omitempty"`
	Line     int    `json:"line,omitempty"`
}

func (p *program) showConfig(cmd *cobra.Command, args []string, asJSON bool) error {
	path, err := p.configPath()
	if err != nil {
		return err
	}
	commands, err := shownCommands(cmd, args)
	if err != nil {
		return err
	}
	values := map[settingName]shownValue{}
	for _, c := range commands {
		if err := p.setFlags(c); err != nil {
			return err
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if name, ok := nameOf(c, f); ok && c != cmd {
				o := p.origins[f]
				values[name] = shownValue{name.String(), shownAs(f), o.kind, o.variable, o.line}
			}
		})
	}
	names := make([]settingName, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b settingName) int { // the top, and then the sections
		return strings.Compare(a.section+"\x00"+a.key, b.section+"\x00"+b.key)
	})
	list := make([]shownValue, 0, len(names))
	for _, name := range names {
		list = append(list, values[name])
	}
	if asJSON {
		return p.printConfigJSON(cmd.Context(), path, list)
	}
	return p.printConfig(path, list)
}

// shownCommands are the commands whose flags are shown: the one that is named,
// with its flags parsed, else all.
func shownCommands(cmd *cobra.Command, args []string) ([]*cobra.Command, error) {
	var commands []*cobra.Command
	if len(args) == 0 {
		walkCommands(cmd.Root(), func(c *cobra.Command) { commands = append(commands, c) })
		return commands, nil
	}
	target, rest, err := cmd.Root().Find(args)
	if err != nil || target == cmd.Root() {
		return nil, noArguments(cmd.Root(), args)
	}
	if err := target.ParseFlags(rest); err != nil {
		return nil, flagError(target, err)
	}
	return []*cobra.Command{cmd.Root(), target}, nil
}

var userinfo = regexp.MustCompile(`://[^\s]*@`)

// shownAs is the value of a flag without secrets: of a header there is the name
// alone, of a URL no user and password.
func shownAs(f *pflag.Flag) any {
	text := f.Value.String()
	if list, ok := f.Value.(pflag.SliceValue); ok {
		values := []string{}
		for _, value := range list.GetSlice() {
			if f.Name == "header" {
				for line := range strings.Lines(value) { // one in each, in the variable
					name, _, _ := strings.Cut(line, ":")
					values = append(values, strings.TrimSpace(name)+": [redacted]")
				}
				continue
			}
			values = append(values, withoutUser(value))
		}
		return values
	}
	switch f.Value.Type() {
	case "bool":
		return text == "true"
	case "int", "int64":
		if n, err := strconv.Atoi(text); err == nil {
			return n
		}
	}
	return withoutUser(text)
}

func withoutUser(value string) string { return userinfo.ReplaceAllString(value, "://[redacted]@") }

// secretVariables hold secrets, and are the only ones to do so.
func secretVariables() []string {
	var variables []string
	for _, variable := range keptOut {
		variables = append(variables, variable)
	}
	slices.Sort(variables)
	return slices.Compact(variables)
}

func (p *program) printConfigJSON(ctx context.Context, path string, list []shownValue) error {
	secrets := map[string]bool{}
	for _, variable := range secretVariables() {
		secrets[variable] = p.getenv(variable) != ""
	}
	text, err := json.Marshal(struct {
		Path    string          `json:"path"`
		Values  []shownValue    `json:"values"`
		Secrets map[string]bool `json:"secrets"` // whether they are set
	}{path, list, secrets})
	if err != nil {
		return err
	}
	return p.answer(ctx, outputFlags{}, text)
}

func (p *program) printConfig(path string, list []shownValue) error {
	rows := make([][]string, 0, len(list))
	for _, v := range list {
		from := v.Origin
		switch from {
		case "environment":
			from = v.Variable
		case "file":
			from = fmt.Sprintf("%s:%d", path, v.Line)
		}
		text := fmt.Sprint(v.Value)
		if values, ok := v.Value.([]string); ok {
			text = strings.Join(values, ", ")
		}
		rows = append(rows, []string{v.Key, text, from})
	}
	for _, variable := range secretVariables() {
		if p.getenv(variable) != "" {
			rows = append(rows, []string{variable, "[redacted]", variable})
		}
	}
	return p.table(outputFlags{}, []string{"KEY", "VALUE", "FROM"}, rows)
}
