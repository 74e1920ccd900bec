package client

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Prompt is a prompt of the server. Its texts are the server's: print them with
// [Printable].
type Prompt struct {
	Name        string
	Title       string // for people; may be ""
	Description string
	Arguments   []PromptArgument
	Raw         json.RawMessage // as on the wire
}

// PromptArgument is an argument of a prompt; its value is a string.
type PromptArgument struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Required    bool   `json:"required"`
}

// PromptResult is what became of a prompt with its arguments.
type PromptResult struct {
	Raw         json.RawMessage // the whole result as received
	Description string
	Messages    []PromptMessage
	Exchange    Exchange
}

// PromptMessage is one message of a prompt. Its texts are the server's.
type PromptMessage struct {
	Role    string  `json:"role"` // user or assistant
	Content Content `json:"content"`
}

// UnmarshalJSON keeps the prompt whole and takes from it what is known.
func (p *Prompt) UnmarshalJSON(raw []byte) error {
	var known struct {
		Name        string           `json:"name"`
		Title       string           `json:"title"`
		Description string           `json:"description"`
		Arguments   []PromptArgument `json:"arguments"`
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		return fmt.Errorf("reading prompt: %w", err)
	}
	*p = Prompt{known.Name, known.Title, known.Description, known.Arguments, append(json.RawMessage(nil), raw...)}
	return nil
}

// Prompts lists the server's prompts, all pages of them.
func (c *Conn) Prompts(ctx context.Context) ([]Prompt, error) {
	var all []Prompt
	err := c.run(ctx, func(ctx context.Context, session *mcp.ClientSession, watch *trace) (err error) {
		if err := c.wants("prompts", offered(session.InitializeResult()).Prompts); err != nil {
			return err
		}
		all, err = pages[Prompt](watch, "prompts", func(cursor string) (any, string, error) {
			page, err := session.ListPrompts(ctx, &mcp.ListPromptsParams{Cursor: cursor})
			if err != nil {
				return nil, "", err
			}
			return page, page.NextCursor, nil
		})
		return err
	})
	return all, err
}

// Prompt gets the messages of a prompt.
func (c *Conn) Prompt(ctx context.Context, name string, arguments map[string]string) (*PromptResult, error) {
	if err := sendable(name); err != nil {
		return nil, err
	}
	var result *PromptResult
	err := c.run(ctx, func(ctx context.Context, session *mcp.ClientSession, watch *trace) error {
		if err := c.wants("prompts", offered(session.InitializeResult()).Prompts); err != nil {
			return err
		}
		watch.keep("prompts/get")
		seen := watch.answers()
		given, err := session.GetPrompt(ctx, &mcp.GetPromptParams{Name: name, Arguments: arguments})
		if err != nil {
			return err
		}
		raw, err := watch.received(seen, given)
		if err != nil {
			return err
		}
		var known struct {
			Description string          `json:"description"`
			Messages    []PromptMessage `json:"messages"`
		}
		if err := json.Unmarshal(raw, &known); err != nil {
			return fmt.Errorf("reading prompt: %w", err)
		}
		result = &PromptResult{raw, known.Description, known.Messages, watch.exchange()}
		return nil
	})
	return result, err
}
