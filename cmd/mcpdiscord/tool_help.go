package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// callHelp is the help of call. Behind the name of a tool it is that tool's,
// from the list that is kept or from its server; where neither has it, the help
// of call with a line that says why.
func (p *program) callHelp(o *clientOptions) func(*cobra.Command, []string) {
	return func(cmd *cobra.Command, _ []string) {
		name := first(cmd.Flags().Args())
		if name == "" {
			p.showHelp(cmd)
			return
		}
		tool, err := p.findTool(cmd, o, name)
		switch {
		case err == nil:
			p.helped = p.printToolHelp(tool)
		case cmd.Context().Err() != nil:
			p.helped = err
		default:
			p.showHelp(cmd)
			p.note("%s: this is the help of call, not of %s: %s", p.name, client.PrintableLine(name), client.PrintableLine(toUserError(err).message))
		}
	}
}

// findTool looks for a tool without starting a sign-in.
func (p *program) findTool(cmd *cobra.Command, o *clientOptions, name string) (client.Tool, error) {
	if err := p.environment(cmd); err != nil {
		return client.Tool{}, err
	}
	if err := p.prepare(o); err != nil {
		return client.Tool{}, err
	}
	isIt := func(t client.Tool) bool { return t.Name == name }
	if kept := p.keptTools(o); kept != nil && kept.fresh(time.Now()) {
		if i := slices.IndexFunc(kept.Tools, isIt); i >= 0 {
			return kept.Tools[i], nil
		}
	}
	conn, list, err := p.connectForTools(cmd.Context(), o, connecting{})
	if err != nil {
		return client.Tool{}, err
	}
	defer conn.Close()
	defer p.wait(o, conn.Identity().Server)()
	tools, _, err := list.tools(cmd.Context(), true)
	if err != nil {
		return client.Tool{}, err
	}
	i := slices.IndexFunc(tools, isIt)
	if i < 0 {
		return client.Tool{}, unknownTool(tools, name)
	}
	return tools[i], nil
}

func (p *program) printToolHelp(t client.Tool) error {
	return p.write(outputFlags{}, func(w io.Writer, _ bool) error {
		var b strings.Builder
		p.describeTool(&b, t)
		fmt.Fprintf(&b, "\n\"%s call --help\" says how arguments are written, and more about the flags.\n", p.name)
		_, err := io.WriteString(w, b.String())
		return err
	})
}

// describeTool says what a tool is and how it is called.
func (p *program) describeTool(b *strings.Builder, t client.Tool) {
	fmt.Fprintln(b, signature(t))
	if t.Description != "" {
		fmt.Fprintf(b, "\n%s\n", client.Printable(strings.TrimSpace(t.Description)))
	}
	if table := argumentTable(t.InputSchema); table != "" {
		fmt.Fprintf(b, "\nArguments:\n%s", table)
	}
	fmt.Fprintf(b, "\nExample:\n  %s call %s\n", p.name, client.PrintableLine(exampleCall(t)))
}
