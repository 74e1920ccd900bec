package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/schema"
)

// errNoAnswer ends a dialog at the end of the input (Ctrl-D).
var errNoAnswer = errors.New("no answer")

// dialog asks a person line by line. What it prints goes to stderr.
type dialog struct {
	p     *program
	ctx   context.Context //nolint:containedctx // a dialog lives within one question
	lines <-chan string
	ended <-chan struct{}
}

// line prompts and reads one line, without the space around it.
func (d *dialog) line(prompt string) (string, error) {
	fmt.Fprint(d.p.err, prompt)
	select {
	case line := <-d.lines:
		return strings.TrimSpace(line), nil
	case <-d.ended:
		return "", errNoAnswer
	case <-d.ctx.Done():
		return "", d.ctx.Err()
	}
}

// choose asks until one of the letters is typed, or a word that begins so. An
// empty line chooses nothing: no answer is a yes by accident.
func (d *dialog) choose(prompt, letters string) (byte, error) {
	for {
		line, err := d.line(prompt)
		if err != nil {
			return 0, err
		}
		if line = strings.ToLower(line); line != "" && strings.Contains(letters, line[:1]) {
			return line[0], nil
		}
	}
}

// form asks for each property, shows the whole, and sends it on a yes alone.
func (d *dialog) form(e client.Elicitation) (client.Answer, error) {
	list, _ := properties(e.Schema)
	if len(list) > 0 {
		d.p.note("An empty line takes the default or leaves it out; Ctrl-D gives no answer.")
	}
	for {
		values, order := map[string]json.RawMessage{}, []string(nil)
		for _, p := range list {
			value, err := d.field(e.Schema, p)
			if err != nil {
				return client.Answer{}, err
			}
			if value != nil {
				values[p.name], order = value, append(order, p.name)
			}
		}
		content := object(order, values)
		name, why := schema.Misfit(e.Schema, content)
		if why != "" {
			d.p.note("%s", client.PrintableLine(misfit(name, why)))
		} else {
			d.p.note("This is the answer: %s", client.PrintableLine(string(content)))
		}
		prompt, letters := "Send it? (y)es, (e)dit, (d)ecline, (c)ancel: ", "yedc"
		switch {
		case why != "":
			prompt, letters = "(e)dit, (d)ecline, (c)ancel: ", "edc"
		case len(list) == 0:
			prompt, letters = "Agree? (y)es, (d)ecline, (c)ancel: ", "ydc"
		}
		switch chosen, err := d.choose(prompt, letters); {
		case err != nil:
			return client.Answer{}, err
		case chosen == 'y':
			return client.Answer{Action: client.Accept, Content: content}, nil
		case chosen == 'd':
			return client.Answer{Action: client.Decline}, nil
		case chosen == 'c':
			return client.Answer{Action: client.Cancel}, nil
		}
	}
}

// field asks for one property; nil leaves it out.
func (d *dialog) field(schema json.RawMessage, p property) (json.RawMessage, error) {
	choices := choicesOf(schema, p)
	about := p
	about.enum = nil
	what := argumentLine(schema, about)
	if len(choices) > 0 {
		what += "; " + choiceHint(choices)
	}
	d.p.note("%s", client.PrintableLine(clipLong(p.name+"  "+what)))
	for {
		line, err := d.line("  " + client.PrintableLine(clip(p.name)) + " = ")
		switch {
		case err != nil:
			return nil, err
		case line == "" && len(p.fallback) > 0:
			return p.fallback, nil
		case line == "" && !p.required:
			return nil, nil
		case line == "":
			d.p.note("  it is required")
			continue
		}
		value, problem := typedAnswer(p, choices, line)
		if problem == nil {
			if reason := misfitOf(schema, p.name, value); reason != "" {
				problem = errors.New(reason)
			}
		}
		if problem == nil {
			return value, nil
		}
		d.p.note("  it is to be %s", client.PrintableLine(problem.Error()))
	}
}

// choice is one of the values that a property may have.
type choice struct{ value, title string }

// choicesOf are the choices of a property: enum with enumNames, oneOf or anyOf
// with const and title, the same in the items of an array.
func choicesOf(form json.RawMessage, p property) []choice {
	known := schema.Parse(schema.Parse(schema.Parse(form)["properties"])[p.name])
	if items := schema.Parse(known["items"]); items != nil {
		known = items
	}
	var values, titles []string
	_ = json.Unmarshal(known["enum"], &values)
	_ = json.Unmarshal(known["enumNames"], &titles)
	var list []choice
	for i, value := range values {
		c := choice{value: value}
		if i < len(titles) {
			c.title = titles[i]
		}
		list = append(list, c)
	}
	for _, keyword := range []string{"oneOf", "anyOf"} {
		var named []struct{ Const, Title string }
		if json.Unmarshal(known[keyword], &named) == nil {
			for _, n := range named {
				list = append(list, choice{n.Const, n.Title})
			}
		}
	}
	return list
}

// typedAnswer is what was typed, as JSON: a choice also by its title, several
// with commas between, a boolean also as yes or no.
func typedAnswer(p property, choices []choice, line string) (json.RawMessage, error) {
	pick := func(text string) string {
		text = strings.TrimSpace(text)
		i := slices.IndexFunc(choices, func(c choice) bool { return c.value == text })
		if i < 0 {
			i = slices.IndexFunc(choices, func(c choice) bool { return strings.EqualFold(c.value, text) || strings.EqualFold(c.title, text) })
		}
		if i < 0 {
			return text
		}
		return choices[i].value
	}
	switch {
	case slices.Contains(p.types, "array") && !strings.HasPrefix(line, "["):
		var picked []string
		for part := range strings.SplitSeq(line, ",") {
			picked = append(picked, pick(part))
		}
		return json.Marshal(picked)
	case slices.Contains(p.types, "boolean"):
		switch strings.ToLower(line) {
		case "y", "yes":
			line = "true"
		case "n", "no":
			line = "false"
		}
	}
	return typed(p, pick(line))
}

// misfitOf checks one property alone.
func misfitOf(form json.RawMessage, name string, value json.RawMessage) string {
	own, there := schema.Parse(schema.Parse(form)["properties"])[name]
	if !there {
		return ""
	}
	one := object([]string{"type", "properties"}, map[string]json.RawMessage{
		"type": json.RawMessage(`"object"`), "properties": object([]string{name}, map[string]json.RawMessage{name: own}),
	})
	_, why := schema.Misfit(one, object([]string{name}, map[string]json.RawMessage{name: value}))
	return why
}

// visit shows an address, and opens it on a yes alone.
func (d *dialog) visit(e client.Elicitation) (client.Answer, error) {
	d.p.note("%s", client.PrintableLine(e.URL))
	d.p.note("It is at the host %s.", client.PrintableLine(e.Host))
	if slices.ContainsFunc(strings.Split(e.Host, "."), func(label string) bool { return strings.HasPrefix(label, "xn--") }) {
		d.p.note("Careful: the name of the host is written in other letters than it seems.")
	}
	if strings.HasPrefix(e.URL, "http:") {
		d.p.note("Careful: the address is not encrypted.")
	}
	switch chosen, err := d.choose("Open it in your browser? (y)es, (d)ecline, (c)ancel: ", "ydnc"); {
	case err != nil:
		return client.Answer{}, err
	case chosen == 'c':
		return client.Answer{Action: client.Cancel}, nil
	case chosen != 'y':
		return client.Answer{Action: client.Decline}, nil
	}
	if err := client.OpenBrowser(d.ctx, e.URL, client.BrowserEnvironment{Getenv: d.p.getenv}); err != nil {
		d.p.note("No browser was opened: open the address yourself.")
	}
	return client.Answer{Action: client.Accept}, nil
}
