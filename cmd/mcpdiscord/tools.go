package main

import (
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
	o := &clientOptions{}
	var login bool
	cmd := &cobra.Command{
		Use:   "tools [NAME] [flags]",
		Short: "List a server's tools, or show one",
		Example: `  mcpdiscord tools
  mcpdiscord tools list_guilds
  mcpdiscord tools --json --jq '.[].name'`,
		GroupID:     groupUse,
		Annotations: map[string]string{variables: clientVariables},
		Args:        atMostOne("NAME"),
	}
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
		return p.tools(cmd.Context(), o, first(args), login)
	}
	return cmd
}

func (p *program) tools(ctx context.Context, o *clientOptions, name string, login bool) error {
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
		fmt.Fprintln(&b, signature(t))
		if t.Description != "" {
			fmt.Fprintf(&b, "\n%s\n", client.Printable(strings.TrimSpace(t.Description)))
		}
		list, _ := properties(t.InputSchema)
		if len(list) > 0 {
			fmt.Fprintln(&b, "\nArguments:")
		}
		width := 0
		for _, a := range list {
			width = max(width, len([]rune(a.name)))
		}
		for _, a := range list {
			fmt.Fprintf(&b, "  %-*s  %s\n", width, client.PrintableLine(a.name), client.PrintableLine(argumentLine(a)))
		}
		fmt.Fprintf(&b, "\nExample:\n  %s call %s\n", p.name, client.PrintableLine(exampleCall(t.Name, list)))
		_, err := io.WriteString(w, b.String())
		return err
	})
}

func argumentLine(a property) string {
	parts := []string{strings.Join(a.types, "|")}
	if a.required {
		parts = append(parts, "required")
	}
	if len(a.enum) > 0 {
		var choices []string
		for _, c := range a.enum {
			choices = append(choices, string(c))
		}
		parts = append(parts, "one of "+clip(strings.Join(choices, ", ")))
	}
	if len(a.fallback) > 0 {
		parts = append(parts, "default "+clip(string(a.fallback)))
	}
	line := strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), ", ")
	if a.description != "" {
		line += "; " + a.description
	}
	return strings.TrimPrefix(line, "; ")
}

// exampleCall is a command line that fits the tool, as far as its schema says.
func exampleCall(name string, list []property) string {
	words := []string{name}
	for _, a := range list {
		if !a.required {
			continue
		}
		switch {
		case len(a.enum) > 0:
			words = append(words, shellWord(a.name+":="+string(a.enum[0])))
		case slices.Contains(a.types, "integer"), slices.Contains(a.types, "number"):
			words = append(words, shellWord(a.name+"=1"))
		case slices.Contains(a.types, "boolean"):
			words = append(words, shellWord(a.name+"=true"))
		case slices.Contains(a.types, "array"):
			words = append(words, shellWord(a.name+":=[]"))
		case slices.Contains(a.types, "object"):
			words = append(words, shellWord(a.name+":={}"))
		default:
			words = append(words, shellWord(a.name+"=text"))
		}
	}
	return strings.Join(words, " ")
}

// shellWord quotes a word for a POSIX shell where that is needed.
func shellWord(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-+=:.,/@%", r)
	}
	if strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
