package tui

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

func newResources() listPane {
	return listPane{
		heading: "Resources", none: "This server has no resources.", nothing: "No resource has all of these words.",
		forms: map[formKey]*form{}, fetch: fetchResources,
	}
}

// fetchResources lists the resources, and after them the templates for their addresses.
func fetchResources(ctx context.Context, session Session) ([]item, error) {
	if !session.Capabilities().Resources {
		return nil, nil
	}
	resources, err := session.Resources(ctx)
	if err != nil {
		return nil, err
	}
	templates, err := session.ResourceTemplates(ctx)
	if err != nil {
		return nil, err
	}
	watchable := session.Capabilities().Subscribe
	items := make([]item, 0, len(resources)+len(templates))
	for _, r := range resources {
		it := item{kind: itemResource, id: r.URI, watchable: watchable, facts: facts(r.URI, r.MIMEType, r.Size)}
		items = append(items, it.named(orElse(r.Name, r.URI), r.Title, r.Description))
	}
	for _, r := range templates {
		it := newTemplate(r.URITemplate)
		it.facts = facts(r.URITemplate, r.MIMEType, 0)
		items = append(items, it.named(orElse(r.Name, r.URITemplate), r.Title, r.Description))
	}
	return items, nil
}

// facts are the address, and what is known of what is there.
func facts(uri, mime string, bytes int64) []string {
	lines := []string{oneLine(uri, 1000)}
	var about []string
	if mime != "" {
		about = append(about, oneLine(mime, 100))
	}
	if bytes > 0 {
		about = append(about, size(int(bytes)))
	}
	if len(about) > 0 {
		lines = append(lines, strings.Join(about, ", "))
	}
	return lines
}

func orElse(s, other string) string {
	if strings.TrimSpace(s) == "" {
		return other
	}
	return s
}

// newTemplate is an item whose form has one field for each variable. What is no template is an
// address as it stands.
func newTemplate(text string) item {
	it := item{kind: itemTemplate, id: text, definition: text}
	parsed, err := parseTemplate(text)
	if err != nil {
		return it
	}
	names, needed := parsed.names()
	for _, name := range names[:min(len(names), maxFields)] {
		it.shape.fields = append(it.shape.fields, newTextField(name, "", needed[name]))
	}
	return it
}

// newTextField is a field of what takes nothing but text.
func newTextField(name, note string, required bool) *field {
	return &field{
		name: name, label: oneLine(orElse(name, `""`), 200), note: prose(note, 2000),
		typ: "string", kind: kindText, required: required, rules: noRules,
	}
}

// address is that of a resource, or what a template makes of the variables.
func (it *item) address(arguments json.RawMessage) string {
	if it.kind == itemTemplate {
		if parsed, err := parseTemplate(it.id); err == nil {
			return parsed.expand(textArguments(arguments))
		}
	}
	return it.id
}

// textArguments are the arguments of what takes nothing but text.
func textArguments(arguments json.RawMessage) map[string]string {
	var texts map[string]string
	_ = json.Unmarshal(arguments, &texts) // a form of text fields has made it
	return texts
}

func (it *item) read(ctx context.Context, session Session, arguments json.RawMessage) (*client.Result, error) {
	res, err := session.ReadResource(ctx, it.address(arguments))
	if err != nil {
		return nil, err
	}
	return &client.Result{Raw: res.Raw, Content: res.Contents, Exchange: res.Exchange}, nil
}
