package tui

import (
	"context"
	"encoding/json"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

func newPrompts() listPane {
	return listPane{
		heading: "Prompts", none: "This server has no prompts.", nothing: "No prompt has all of these words.",
		forms: map[formKey]*form{}, fetch: fetchPrompts,
	}
}

func fetchPrompts(ctx context.Context, session Session) ([]item, error) {
	if !session.Capabilities().Prompts {
		return nil, nil
	}
	prompts, err := session.Prompts(ctx)
	if err != nil {
		return nil, err
	}
	items := make([]item, 0, len(prompts))
	for _, p := range prompts {
		it := item{kind: itemPrompt, id: p.Name, definition: string(p.Raw)}
		for _, argument := range p.Arguments[:min(len(p.Arguments), maxFields)] {
			note := orElse(argument.Description, argument.Title)
			it.shape.fields = append(it.shape.fields, newTextField(argument.Name, note, argument.Required))
		}
		items = append(items, it.named(p.Name, p.Title, p.Description))
	}
	return items, nil
}

func (it *item) prompt(ctx context.Context, session Session, arguments json.RawMessage) (*client.Result, error) {
	res, err := session.Prompt(ctx, it.id, textArguments(arguments))
	if err != nil {
		return nil, err
	}
	return &client.Result{Raw: res.Raw, Content: script(res), Exchange: res.Exchange}, nil
}

// script is the messages of a prompt in order, each under its role.
func script(res *client.PromptResult) []client.Content {
	var contents []client.Content
	say := func(text string) { contents = append(contents, client.Content{Type: "text", Text: text}) }
	if res.Description != "" {
		say(res.Description)
	}
	for _, message := range res.Messages {
		if message.Content.Type == "text" {
			say(message.Role + ":\n" + message.Content.Text)
			continue
		}
		say(message.Role + ":")
		contents = append(contents, message.Content)
	}
	return contents
}
