package client

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Tool is a tool of the server. Its texts are the server's: print them with
// [Printable]. The annotations are the server's claims and prove nothing.
type Tool struct {
	Name        string
	Title       string // for people; Name where the server gives none
	Description string
	// InputSchema and OutputSchema are as on the wire, so that the order of
	// properties is kept. OutputSchema may be nil.
	InputSchema, OutputSchema json.RawMessage

	ReadOnly bool // changes nothing
	// Destructive: the server says that it may destroy something. The
	// specification's default for a server that says nothing is true as well,
	// but hardly any server says anything, and a question before every call is
	// one that nobody reads.
	Destructive bool
	Idempotent  bool // a second call adds nothing
	OpenWorld   bool // reaches beyond the server
}

// Result is what a tool answered.
type Result struct {
	Raw        json.RawMessage // the whole result as received: numbers keep their digits
	Structured json.RawMessage // structuredContent, or nil
	Content    []Content
	IsError    bool // the tool says that it failed
	Exchange   Exchange
}

// Content is one piece of a result. Its texts are the server's.
type Content struct {
	Type     string // text, image, audio, resource, resource_link or a newer one
	Text     string
	MIMEType string
	URI      string
	Name     string
	Data     string          // base64
	Size     int             // of Data, decoded, in bytes
	Raw      json.RawMessage // the whole piece as received
}

// UnmarshalJSON keeps the piece whole and takes from it what is known.
func (c *Content) UnmarshalJSON(raw []byte) error {
	c.Raw = append(json.RawMessage(nil), raw...)
	var known struct {
		Type     string `json:"type"`
		Text     string `json:"text"`
		MIMEType string `json:"mimeType"`
		URI      string `json:"uri"`
		Name     string `json:"name"`
		Data     string `json:"data"`
		Blob     string `json:"blob"` // of what was read
		Resource struct {
			URI      string `json:"uri"`
			MIMEType string `json:"mimeType"`
			Text     string `json:"text"`
			Blob     string `json:"blob"`
		} `json:"resource"`
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		return fmt.Errorf("reading content: %w", err)
	}
	c.Type, c.Name = known.Type, known.Name
	c.Text = first(known.Text, known.Resource.Text)
	c.MIMEType = first(known.MIMEType, known.Resource.MIMEType)
	c.URI = first(known.URI, known.Resource.URI)
	c.Data = first(known.Data, known.Blob, known.Resource.Blob)
	c.Size = len(strings.TrimRight(c.Data, "=")) * 3 / 4
	return nil
}

// newResult reads a tools/call result as it was on the wire.
func newResult(raw json.RawMessage) (*Result, error) {
	var known struct {
		Structured json.RawMessage `json:"structuredContent"`
		Content    []Content       `json:"content"`
		IsError    bool            `json:"isError"`
	}
	if err := json.Unmarshal(raw, &known); err != nil {
		return nil, fmt.Errorf("reading result: %w", err)
	}
	if wantsInput(raw) {
		return nil, errNeedsInput
	}
	if string(known.Structured) == "null" {
		known.Structured = nil
	}
	return &Result{Raw: raw, Structured: known.Structured, Content: known.Content, IsError: known.IsError}, nil
}

var errNeedsInput = fmt.Errorf("the server asks for more input")

// schemas are a tool's schemas as on the wire.
type schemas struct {
	Name   string          `json:"name"`
	Input  json.RawMessage `json:"inputSchema"`
	Output json.RawMessage `json:"outputSchema"`
}

// wireSchemas collects the schemas of tools/list results, and for how long the
// shortest-lived of them is good. Without a result (the SDK had the list still)
// answered is false.
func wireSchemas(results []json.RawMessage, into map[string]schemas) (life time.Duration, answered bool) {
	for _, raw := range results {
		var list struct {
			Tools []schemas       `json:"tools"`
			TTL   json.RawMessage `json:"ttlMs"`
		}
		if json.Unmarshal(raw, &list) != nil {
			continue
		}
		answered = true
		// 0 counts as nothing said: SDKs that know of no life write it.
		if ms, err := strconv.ParseFloat(string(list.TTL), 64); err == nil && ms > 0 {
			ttl := time.Duration(min(ms, float64(maxToolsLife.Milliseconds()))) * time.Millisecond
			if life == 0 || ttl < life {
				life = ttl
			}
		}
		for _, tool := range list.Tools {
			into[tool.Name] = tool
		}
	}
	return life, answered
}

// maxToolsLife bounds what a server may say of its list.
const maxToolsLife = 24 * time.Hour

// newTool joins what the SDK read with the schemas of the wire.
func newTool(tool *mcp.Tool, wire schemas) Tool {
	t := Tool{
		Name: tool.Name, Title: first(tool.Title, tool.Name), Description: tool.Description,
		InputSchema: wire.Input, OutputSchema: wire.Output,
		OpenWorld: true, // the specification's default
	}
	if t.InputSchema == nil && tool.InputSchema != nil {
		t.InputSchema, _ = json.Marshal(tool.InputSchema)
	}
	if t.OutputSchema == nil && tool.OutputSchema != nil {
		t.OutputSchema, _ = json.Marshal(tool.OutputSchema)
	}
	if a := tool.Annotations; a != nil {
		t.Title = first(tool.Title, a.Title, tool.Name)
		t.ReadOnly, t.Idempotent = a.ReadOnlyHint, a.IdempotentHint
		t.Destructive = a.DestructiveHint != nil && *a.DestructiveHint && !a.ReadOnlyHint
		if a.OpenWorldHint != nil {
			t.OpenWorld = *a.OpenWorldHint
		}
	}
	return t
}
