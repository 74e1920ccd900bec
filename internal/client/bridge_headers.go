package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// maxMirrors bounds the parameters of a tool that are sent as headers, and the
// tools that have such.
const (
	maxMirrors     = 64
	maxMirrorTools = 1000
	// maxTokenBytes bounds a session id and an event id.
	maxTokenBytes = 4096
)

// headers are those of a message (2026-07-28: Standard Request Headers, and
// Custom Headers from Tool Parameters), or of a session of an older generation.
func (b *bridge) headers(m *message, session *bridged) http.Header {
	h := b.commonHeaders(session)
	h.Set("Content-Type", "application/json")
	h.Set("Accept", "application/json, text/event-stream")
	if m.version == "" {
		return h
	}
	h.Set("Mcp-Protocol-Version", headerValue(m.version))
	h.Set("Mcp-Method", headerValue(m.method))
	if m.name != "" {
		h.Set("Mcp-Name", headerValue(m.name))
	}
	if m.method == "tools/call" {
		b.mirror(h, m)
	}
	return h
}

// commonHeaders are those of every request of a session; nil: of none.
func (b *bridge) commonHeaders(session *bridged) http.Header {
	h := http.Header{"User-Agent": {userAgent(b.signer.cfg.Version)}}
	if session == nil {
		return h
	}
	if session.version != "" {
		h.Set("Mcp-Protocol-Version", session.version)
	}
	if session.id != "" {
		h.Set("Mcp-Session-Id", session.id)
	}
	return h
}

// headerValue writes a text as a header's value (2026-07-28: Value Encoding).
func headerValue(text string) string {
	const begin, end = "=?base64?", "?="
	odd := text != strings.TrimSpace(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' })
	if !odd && (!strings.HasPrefix(text, begin) || !strings.HasSuffix(text, end)) {
		return text
	}
	return begin + base64.StdEncoding.EncodeToString([]byte(text)) + end
}

// token is a session or event id of the server's that a header can hold, or "".
func token(text string) string {
	if len(text) > maxTokenBytes || text != strings.TrimSpace(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return ""
	}
	return text
}

// paramHeader is a parameter of a tool that is sent as a header, too.
type paramHeader struct {
	path []string
	name string
}

// property is what we know of one in a tool's schema.
type property struct {
	Header     json.RawMessage     `json:"x-mcp-header"`
	Properties map[string]property `json:"properties"`
}

// learn notes the parameters that the tools of a list want as headers.
func (b *bridge) learn(result json.RawMessage) {
	var list struct {
		Tools []struct {
			Name        string   `json:"name"`
			InputSchema property `json:"inputSchema"`
		} `json:"tools"`
	}
	_ = json.Unmarshal(result, &list) // what is not understood has none
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, tool := range list.Tools {
		delete(b.mirrors, tool.Name)
		if found := tool.InputSchema.headers(nil); len(found) > 0 && len(found) <= maxMirrors && len(b.mirrors) < maxMirrorTools {
			b.mirrors[tool.Name] = found
		}
	}
}

// headers are the parameters below a property that want to be headers.
func (p property) headers(path []string) []paramHeader {
	var found []paramHeader
	for name, each := range p.Properties {
		at := append(append([]string{}, path...), name)
		var header string
		if json.Unmarshal(each.Header, &header) == nil && header != "" && len(header) < 256 && !strings.ContainsFunc(header, func(r rune) bool { return !tokenRune(r) }) {
			found = append(found, paramHeader{at, header})
		}
		found = append(found, each.headers(at)...)
	}
	return found
}

// mirror sets the headers of a tool's parameters.
func (b *bridge) mirror(h http.Header, m *message) {
	b.mu.Lock()
	wanted := b.mirrors[m.name]
	b.mu.Unlock()
	if len(wanted) == 0 {
		return
	}
	var params struct {
		Arguments json.RawMessage `json:"arguments"`
	}
	_ = json.Unmarshal(m.params, &params)
	for _, each := range wanted {
		value := params.Arguments
		for _, name := range each.path {
			var members map[string]json.RawMessage
			_ = json.Unmarshal(value, &members)
			value = members[name]
		}
		if text, ok := mirrored(value); ok {
			h.Set("Mcp-Param-"+each.name, headerValue(text))
		}
	}
}

// mirrored is a parameter's value as a header has it: a string, a boolean, or
// a whole number that every server can read.
func mirrored(value json.RawMessage) (string, bool) {
	var known any
	if json.Unmarshal(value, &known) != nil {
		return "", false
	}
	switch v := known.(type) {
	case string:
		return v, true
	case bool:
		return strconv.FormatBool(v), true
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return strconv.FormatInt(int64(v), 10), true
		}
	}
	return "", false
}

// relearn asks for the server's tools, whose schemas say which headers a call
// needs; the client may have them from an earlier run.
func (b *bridge) relearn(ctx context.Context, call *message) error {
	var params struct {
		Meta map[string]json.RawMessage `json:"_meta"`
	}
	_ = json.Unmarshal(call.params, &params)
	for name := range params.Meta {
		if !strings.HasPrefix(name, "io.modelcontextprotocol/") {
			delete(params.Meta, name) // a progress token is good for one request
		}
	}
	var cursor *string
	for range maxRequests {
		list, err := json.Marshal(struct {
			Meta   map[string]json.RawMessage `json:"_meta"`
			Cursor *string                    `json:"cursor,omitempty"`
		}{params.Meta, cursor})
		if err != nil {
			return err
		}
		answer, err := b.ask(ctx, nil, "tools/list", list)
		if err != nil {
			return err
		}
		var next struct {
			Cursor *string `json:"nextCursor"`
		}
		if json.Unmarshal(answer.reply.result, &next) != nil || next.Cursor == nil {
			return nil
		}
		cursor = next.Cursor
	}
	return errTooManyRequests
}
