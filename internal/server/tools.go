package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// toolTimeout bounds one run of a tool. Clients of the older revisions cannot
// cancel a call, so it is the only end of a call that hangs.
const toolTimeout = 30 * time.Second

// tool is one built-in tool. The built-in tools take no arguments.
type tool struct {
	def    *mcp.Tool
	scopes []string // beside those of every access token
	needs  []string // all of them, for the challenge
	// run returns the structured content: a struct, so that the order of its
	// keys is the order on the wire. A toolError is for the person who calls.
	run func(ctx context.Context, id *authserver.Identity) (any, error)
}

// builtinTools is the table of the tools, by name.
func (s *Server) builtinTools() map[string]tool {
	tools := map[string]tool{}
	for _, t := range []tool{s.getUserInfo(), s.listGuilds()} {
		t.needs = append(append([]string{}, s.required...), t.scopes...)
		t.def.InputSchema = noArguments
		tools[t.def.Name] = t
	}
	return tools
}

// noArguments is the input schema of a tool without arguments. Schemas are
// written out here, not inferred: clients show their properties in this order.
var noArguments = json.RawMessage(`{"type":"object","properties":{},"additionalProperties":false}`)

// toolError is a failure in words for the person who calls, and what to do
// about it.
type toolError string

func (e toolError) Error() string { return string(e) }

// handlerOf is the SDK's side of a tool: it checks the scopes once more, bounds
// the time, and answers with structured content and its twin in text.
func (s *Server) handlerOf(t tool) mcp.ToolHandler {
	return func(ctx context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		id := IdentityFrom(ctx)
		if id == nil || missing(t.needs, id.Scopes) {
			return failed("The tool " + t.def.Name + " needs the scopes " + strings.Join(t.needs, " ") + ". Sign in again to grant them."), nil
		}
		if !noneGiven(req.Params.Arguments) {
			return failed("The tool " + t.def.Name + " takes no arguments."), nil
		}
		ctx, cancel := context.WithTimeout(ctx, toolTimeout)
		defer cancel()
		out, err := t.run(ctx, id)
		if err != nil {
			return s.toolFailed(ctx, t.def.Name, err), nil
		}
		structured, err := encode(out)
		if err != nil {
			return s.toolFailed(ctx, t.def.Name, err), nil
		}
		return &mcp.CallToolResult{
			StructuredContent: structured,
			Content:           []mcp.Content{&mcp.TextContent{Text: string(structured)}},
		}, nil
	}
}

// noneGiven says whether the arguments of a call are absent, null or {}.
func noneGiven(arguments json.RawMessage) bool {
	switch strings.TrimSpace(string(arguments)) {
	case "", "null", "{}":
		return true
	}
	var given map[string]json.RawMessage
	return json.Unmarshal(arguments, &given) == nil && len(given) == 0
}

// toolFailed tells the caller what a toolError says, and of anything else only
// that it happened.
func (s *Server) toolFailed(ctx context.Context, name string, err error) *mcp.CallToolResult {
	if known, ok := errors.AsType[toolError](err); ok {
		return failed(string(known))
	}
	s.log.LogAttrs(ctx, slog.LevelError, "running a tool", slog.String("tool", name), slog.String("error", err.Error()))
	return failed("Something went wrong on this server. Try again in a minute.")
}

func failed(text string) *mcp.CallToolResult {
	return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: text}}}
}

// encode writes v as JSON, with <, > and & as they are.
func encode(v any) (json.RawMessage, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// readOnly are the annotations of a tool that only reads.
func readOnly(title string, openWorld bool) *mcp.ToolAnnotations {
	no := false
	return &mcp.ToolAnnotations{
		Title:           title,
		ReadOnlyHint:    true,
		IdempotentHint:  true,
		DestructiveHint: &no,
		OpenWorldHint:   &openWorld,
	}
}

// orNull is s, or null in JSON where there is none.
func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
