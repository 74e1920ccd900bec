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

func (p *program) promptsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prompts [flags]",
		Short: "List a server's prompts and their arguments",
		Example: `  mcpdiscord prompts
  mcpdiscord prompts --server https://mcp.example.com/mcp
  mcpdiscord prompts --jq '.[].name'`,
		Args: noArguments,
	}
	p.use(cmd, p.prompts)
	return cmd
}

func (p *program) promptCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prompt NAME [ARG…] [flags]",
		Short: "Fill in a prompt and print its messages",
		Long: `Fill in a prompt and print its messages.

ARG is key=value, key=@file, one JSON object, or - for an object on stdin; later ones
override.`,
		Example: `  mcpdiscord prompt summarize
  mcpdiscord prompt review language=Go code=@main.go
  mcpdiscord prompt review code=@main.go --jq '.messages[0].content.text'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usageError("prompt needs the name of a prompt", "run {program} prompts to see them", nil)
			}
			return nil
		},
	}
	o := p.use(cmd, p.prompt)
	cmd.Flags().BoolVar(&o.output.raw, "raw", false, "the whole result, as received")
	return cmd
}

func (p *program) prompts(ctx context.Context, o *clientOptions, _ []string, login bool) error {
	conn, server, err := p.connectFor(ctx, o, connecting{login: login})
	if err != nil {
		return err
	}
	defer conn.Close()
	answered := p.wait(o, server)
	list, err := conn.Prompts(ctx)
	answered()
	if err != nil {
		return err
	}
	if o.output.json || o.output.jq != "" {
		return p.answer(ctx, o.output, array(list, func(each client.Prompt) json.RawMessage { return each.Raw }))
	}
	return p.write(o.output, func(w io.Writer, _ bool) error {
		var b strings.Builder
		for _, each := range list {
			fmt.Fprintln(&b, promptSignature(each))
			if summary := firstLine(each.Description); summary != "" {
				fmt.Fprintln(&b, "    "+client.PrintableLine(summary))
			}
			for _, a := range each.Arguments {
				if a.Description != "" {
					fmt.Fprintln(&b, "    "+client.PrintableLine(a.Name+": "+firstLine(a.Description)))
				}
			}
		}
		_, err := io.WriteString(w, b.String())
		return err
	})
}

// promptSignature is a prompt as one line: name(argument, argument?).
func promptSignature(prompt client.Prompt) string {
	var names []string
	for _, a := range prompt.Arguments {
		name := a.Name
		if !a.Required {
			name += "?"
		}
		names = append(names, name)
	}
	return client.PrintableLine(prompt.Name + "(" + strings.Join(names, ", ") + ")")
}

func (p *program) prompt(ctx context.Context, o *clientOptions, args []string, login bool) error {
	words, err := parseWords(args[1:], p.in)
	if err != nil {
		return err
	}
	conn, server, err := p.connectFor(ctx, o, connecting{login: login})
	if err != nil {
		return err
	}
	defer conn.Close()
	answered := p.wait(o, server)
	defer answered()
	list, err := conn.Prompts(ctx)
	if err != nil {
		return err
	}
	arguments, err := promptArguments(list, args[0], words)
	if err != nil {
		return err
	}
	result, err := conn.Prompt(ctx, args[0], arguments)
	answered()
	switch {
	case err != nil:
		return err
	case o.output.raw:
		return p.answer(ctx, o.output, result.Raw)
	case o.output.json || o.output.jq != "":
		return p.picked(ctx, o.output, result.Raw, "description", "messages")
	}
	return p.parts(o.output, messageParts(result.Messages))
}

// promptArguments finds the prompt and checks what it is given.
func promptArguments(list []client.Prompt, name string, words []word) (map[string]string, error) {
	i := slices.IndexFunc(list, func(p client.Prompt) bool { return p.Name == name })
	if i < 0 {
		var names []string
		for _, p := range list {
			names = append(names, p.Name)
		}
		hint := "run {program} prompts to see them"
		if near := nearest(name, names); near != "" {
			hint = "did you mean " + near + "?"
		}
		return nil, usageError(fmt.Sprintf("the server has no prompt %q", name), hint, nil)
	}
	prompt := list[i]
	var names []string
	for _, a := range prompt.Arguments {
		names = append(names, a.Name)
	}
	arguments := map[string]string{}
	for _, w := range words {
		if len(names) > 0 && !slices.Contains(names, w.name) {
			hint := promptSignature(prompt)
			if near := nearest(w.name, names); near != "" {
				hint = fmt.Sprintf("did you mean %s? %s", near, hint)
			}
			return nil, usageError(fmt.Sprintf("%s has no argument %q", name, w.name), hint, nil)
		}
		arguments[w.name] = w.asText()
	}
	for _, a := range prompt.Arguments {
		if _, given := arguments[a.Name]; a.Required && !given {
			return nil, usageError(fmt.Sprintf("%s needs the argument %q", name, a.Name), promptSignature(prompt), nil)
		}
	}
	return arguments, nil
}

// asText is the word's value as a string: what is JSON but no string stays JSON.
func (w word) asText() string {
	text := w.text
	if w.raw != nil && json.Unmarshal(w.raw, &text) != nil {
		return string(w.raw)
	}
	return text
}

// messageParts are the messages of a prompt: one alone as it is, several below
// the role of each.
func messageParts(messages []client.PromptMessage) []client.Content {
	var parts []client.Content
	for i, m := range messages {
		if len(messages) > 1 {
			role := m.Role + ":"
			if i > 0 {
				role = "\n" + role
			}
			parts = append(parts, client.Content{Type: "text", Text: role})
		}
		parts = append(parts, m.Content)
	}
	return parts
}
