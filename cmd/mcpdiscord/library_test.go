package main

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// addLibrary gives a server of the scripts resources, prompts, and tools that
// answer with more than text.
func addLibrary(s *mcp.Server) {
	image := &mcp.ImageContent{MIMEType: "image/png", Data: []byte("\x89PNG\x00image")}
	text := &mcp.TextContent{Text: "a caption"}
	answers := map[string]*mcp.CallToolResult{
		"shot": {Content: []mcp.Content{image}},
		"album": {Content: []mcp.Content{
			text, image, &mcp.AudioContent{MIMEType: "audio/wav", Data: []byte("RIFF")},
			&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "test://blob", MIMEType: "application/pdf", Blob: []byte("%PDF")}},
			&mcp.EmbeddedResource{Resource: &mcp.ResourceContents{URI: "test://text", Text: "embedded text"}},
			&mcp.ResourceLink{URI: "test://link\x1b[31m", Name: "link", MIMEType: "text/plain"},
		}},
		"chart": {Content: []mcp.Content{text, image}, StructuredContent: json.RawMessage(`{"points":[1.10]}`)},
	}
	for name, answer := range answers {
		s.AddTool(&mcp.Tool{Name: name, InputSchema: json.RawMessage(`{"type":"object"}`)}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
			return answer, nil
		})
	}
	s.AddTool(&mcp.Tool{Name: "busy", InputSchema: json.RawMessage(`{"type":"object"}`)}, busy)
	read := func(_ context.Context, r *mcp.ReadResourceRequest) (*mcp.ReadResourceResult, error) {
		switch r.Params.URI {
		case "test://logo":
			return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: r.Params.URI, MIMEType: "image/png", Blob: image.Data}}}, nil
		case "test://broken":
			return nil, errors.New("the disk is \x1b]0;owned\x07 full")
		}
		return &mcp.ReadResourceResult{Contents: []*mcp.ResourceContents{{URI: r.Params.URI, MIMEType: "text/plain", Text: "no end of line at " + r.Params.URI}}}, nil
	}
	s.AddResource(&mcp.Resource{URI: "test://notes", Name: "notes", Description: "What was \x1b[31mwritten.\nMore.", MIMEType: "text/plain", Size: 80}, read)
	s.AddResource(&mcp.Resource{URI: "test://logo", Name: "logo", Title: "The logo"}, read)
	s.AddResource(&mcp.Resource{URI: "test://broken", Name: "broken"}, read)
	s.AddResourceTemplate(&mcp.ResourceTemplate{URITemplate: "test://user/{id}", Name: "user", MIMEType: "text/plain"}, read)
	s.AddPrompt(&mcp.Prompt{
		Name: "greet", Description: "Greet \x1b[31msomebody.", Arguments: []*mcp.PromptArgument{{Name: "who", Description: "the one to greet", Required: true}, {Name: "style"}},
	}, func(_ context.Context, r *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		given, err := json.Marshal(r.Params.Arguments)
		return &mcp.GetPromptResult{Description: "a greeting", Messages: []*mcp.PromptMessage{{Role: "user", Content: &mcp.TextContent{Text: "Greet " + string(given)}}}}, err
	})
	s.AddPrompt(&mcp.Prompt{Name: "describe"}, func(context.Context, *mcp.GetPromptRequest) (*mcp.GetPromptResult, error) {
		return &mcp.GetPromptResult{Messages: []*mcp.PromptMessage{{Role: "user", Content: image}, {Role: "assistant", Content: text}}}, nil
	})
}

// busy says how far it is, and logs, until it is interrupted.
func busy(ctx context.Context, r *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	//nolint:staticcheck // deprecated, and what servers do
	if err := r.Session.Log(ctx, &mcp.LoggingMessageParams{Level: "warning", Logger: "disk", Data: "nearly \x1b[31mfull\nmcpdiscord: forged"}); err != nil {
		return nil, err
	}
	for i := 1.0; r.Params.GetProgressToken() != nil; i++ {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-tick.C:
		}
		if err := r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: r.Params.GetProgressToken(), Progress: i, Total: 1e6, Message: "fetching\x1b[31m"}); err != nil {
			return nil, err
		}
	}
	return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "nobody looks"}}}, nil
}
