package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

func (p *program) toolsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tools [NAME] [flags]",
		Short: "List a server's tools, or show one",
		Example: `  mcpdiscord tools
  mcpdiscord tools list_guilds
  mcpdiscord tools --json --jq '.[].name'`,
		Args: atMostOne("NAME"),
	}
	p.use(cmd, p.tools)
	return cmd
}

// use makes a command one that asks a server something, once, by run.
func (p *program) use(cmd *cobra.Command, run func(ctx context.Context, o *clientOptions, args []string, login bool) error) *clientOptions {
	o := &clientOptions{}
	var login bool
	cmd.GroupID = groupUse
	cmd.Annotations = map[string]string{variables: clientVariables}
	f := cmd.Flags()
	f.SortFlags = false
	addServerFlags(f, o)
	f.BoolVar(&login, "login", false, "sign in with a browser where that is needed")
	addSignInFlags(f, o)
	addOutputFlags(f, o)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := p.prepare(o); err != nil {
			return err
		}
		return run(cmd.Context(), o, args, login)
	}
	return o
}

func (p *program) tools(ctx context.Context, o *clientOptions, args []string, login bool) error {
	name := first(args)
	conn, list, err := p.connectForTools(ctx, o, connecting{login: login})
	if err != nil {
		return err
	}
	defer conn.Close()
	answered := p.wait(o, conn.Identity().Server)
	tools, _, err := list.tools(ctx, true)
	answered()
	if err != nil {
		return err
	}
	if name == "" {
		return p.printTools(ctx, o.output, tools)
	}
	i := slices.IndexFunc(tools, func(t client.Tool) bool { return t.Name == name })
	if i < 0 {
		return unknownTool(tools, name)
	}
	return p.printTool(ctx, o.output, tools[i])
}

// printedTool is a tool in JSON, under the names that MCP has for its parts.
type printedTool struct {
	Name         string             `json:"name"`
	Title        string             `json:"title,omitempty"`
	Description  string             `json:"description,omitempty"`
	InputSchema  json.RawMessage    `json:"inputSchema,omitempty"`
	OutputSchema json.RawMessage    `json:"outputSchema,omitempty"`
	Annotations  printedAnnotations `json:"annotations"`
}

type printedAnnotations struct {
	ReadOnly    bool `json:"readOnlyHint"`
	Destructive bool `json:"destructiveHint"`
	Idempotent  bool `json:"idempotentHint"`
	OpenWorld   bool `json:"openWorldHint"`
}

func printed(t client.Tool) printedTool {
	return printedTool{
		t.Name, t.Title, t.Description, t.InputSchema, t.OutputSchema,
		printedAnnotations{t.ReadOnly, t.Destructive, t.Idempotent, t.OpenWorld},
	}
}

func (p *program) printTools(ctx context.Context, o outputFlags, tools []client.Tool) error {
	if o.json || o.jq != "" {
		list := make([]printedTool, 0, len(tools))
		for _, t := range tools {
			list = append(list, printed(t))
		}
		text, err := json.Marshal(list)
		if err != nil {
			return err
		}
		return p.answer(ctx, o, text)
	}
	return p.write(o, func(w io.Writer, _ bool) error {
		for _, t := range tools {
			line := signature(t)
			if summary := firstLine(t.Description); summary != "" {
				line += "\n    " + client.PrintableLine(summary)
			}
			if _, err := fmt.Fprintln(w, line); err != nil {
				return err
			}
		}
		return nil
	})
}

func (p *program) printTool(ctx context.Context, o outputFlags, t client.Tool) error {
	if o.json || o.jq != "" {
		text, err := json.Marshal(printed(t))
		if err != nil {
			return err
		}
		return p.answer(ctx, o, text)
	}
	return p.write(o, func(w io.Writer, _ bool) error {
		var b strings.Builder
		p.describeTool(&b, t)
		printSchema(&b, "Input schema", t.InputSchema)
		printSchema(&b, "Output schema", t.OutputSchema)
		_, err := io.WriteString(w, b.String())
		return err
	})
}

// printSchema shows a schema as the server gave it, as far as it is JSON.
func printSchema(b *strings.Builder, title string, schema json.RawMessage) {
	var text bytes.Buffer
	if len(schema) > 0 && json.Indent(&text, schema, "  ", "  ") == nil {
		fmt.Fprintf(b, "\n%s:\n  %s\n", title, client.Printable(text.String()))
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
