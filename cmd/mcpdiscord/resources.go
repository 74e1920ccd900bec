package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

func (p *program) resourcesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "resources [flags]",
		Short: "List what a server gives to read",
		Example: `  mcpdiscord resources
  mcpdiscord resources --server https://mcp.example.com/mcp
  mcpdiscord resources --jq '.resources[].uri'`,
		Args: noArguments,
	}
	p.use(cmd, p.resources)
	return cmd
}

func (p *program) readCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "read URI [flags]",
		Short: "Read a resource and print it",
		Long: `Read a resource and print it: text as it is; what is none goes to -o FILE, or is
named by its type and size.`,
		Example: `  mcpdiscord read file:///notes.txt
  mcpdiscord read https://example.com/logo.png -o logo.png
  mcpdiscord read config://app --json --jq '.contents[0].mimeType'`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usageError("read needs the URI of one resource", "run {program} resources to see them", nil)
			}
			return nil
		},
	}
	o := p.use(cmd, p.read)
	cmd.Flags().BoolVar(&o.output.raw, "raw", false, "the whole result, as received")
	return cmd
}

func (p *program) resources(ctx context.Context, o *clientOptions, _ []string, login bool) error {
	conn, server, err := p.connectFor(ctx, o, connecting{login: login})
	if err != nil {
		return err
	}
	defer conn.Close()
	answered := p.wait(o, server)
	defer answered()
	resources, err := conn.Resources(ctx)
	if err != nil {
		return err
	}
	templates, err := conn.ResourceTemplates(ctx)
	answered()
	if err != nil {
		return err
	}
	if o.output.json || o.output.jq != "" {
		all := map[string]json.RawMessage{
			"resources":         array(resources, func(r client.Resource) json.RawMessage { return r.Raw }),
			"resourceTemplates": array(templates, func(t client.ResourceTemplate) json.RawMessage { return t.Raw }),
		}
		return p.answer(ctx, o.output, object([]string{"resources", "resourceTemplates"}, all))
	}
	return p.write(o.output, func(w io.Writer, _ bool) error {
		var b strings.Builder
		for _, r := range resources {
			fmt.Fprintln(&b, client.PrintableLine(r.URI))
			below(&b, r.Title, r.Name, r.Description, r.MIMEType, byteSize(int(min(r.Size, 1<<40))))
		}
		for _, t := range templates {
			fmt.Fprintln(&b, client.PrintableLine(t.URITemplate))
			below(&b, t.Title, t.Name, t.Description, t.MIMEType, "template")
		}
		_, err := io.WriteString(w, b.String())
		return err
	})
}

// below is the line below a URI: what is there, and of which kind.
func below(b *strings.Builder, title, name, description string, kinds ...string) {
	if title == "" {
		title = name
	}
	line := strings.TrimSuffix(title+": "+firstLine(description), ": ")
	kind := strings.Trim(strings.Join(kinds, ", "), ", ")
	if kind != "" {
		line += " (" + kind + ")"
	}
	if line = strings.TrimSpace(line); line != "" {
		fmt.Fprintln(b, "    "+client.PrintableLine(line))
	}
}

func (p *program) read(ctx context.Context, o *clientOptions, args []string, login bool) error {
	uri := args[0]
	conn, server, err := p.connectFor(ctx, o, connecting{login: login})
	if err != nil {
		return err
	}
	defer conn.Close()
	answered := p.wait(o, server)
	defer answered()
	result, err := conn.ReadResource(ctx, uri)
	if errors.Is(err, client.ErrNoResource) {
		err = unknownResource(ctx, conn, uri, err)
	}
	answered()
	switch {
	case err != nil:
		return err
	case o.output.raw:
		return p.answer(ctx, o.output, result.Raw)
	case o.output.json || o.output.jq != "":
		return p.picked(ctx, o.output, result.Raw, "contents")
	case len(result.Contents) == 1 && !isMedia(result.Contents[0]):
		return p.write(o.output, func(w io.Writer, terminal bool) error { return writeText(w, result.Contents[0].Text, terminal) })
	}
	return p.parts(o.output, result.Contents)
}

// writeText writes a text byte for byte; to a terminal, so that it does nothing
// but show, and that the prompt does not stick to it.
func writeText(w io.Writer, text string, terminal bool) error {
	if terminal {
		text = strings.TrimSuffix(client.Printable(text), "\n") + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}

// unknownResource says what may have been meant. What the server does not list
// is not known; then there is no suggestion.
func unknownResource(ctx context.Context, conn *client.Conn, uri string, cause error) error {
	message, hint := toUserError(cause).message, "run {program} resources to see them"
	var uris []string
	resources, _ := conn.Resources(ctx)
	for _, r := range resources {
		if uris = append(uris, r.URI); r.Name == uri {
			hint = "did you mean " + r.URI + "?"
		}
	}
	if near := nearest(uri, uris); near != "" {
		hint = "did you mean " + near + "?"
	}
	templates, _ := conn.ResourceTemplates(ctx)
	for _, t := range templates {
		if t.URITemplate == uri || t.Name == uri {
			hint = "put a value for each {…} into the template " + t.URITemplate
		}
	}
	return usageError(message, hint, cause)
}
