package client

import (
	"bytes"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// The codes of JSON-RPC that a bridge answers with, and MCP's for a header
// that contradicts its message.
const (
	codeParseError     = -32700
	codeInvalidRequest = -32600
	codeMethodNotFound = -32601
	codeInternalError  = -32603
	codeHeaderMismatch = -32020
)

// maxBatch bounds how many messages come as one (protocol 2025-03-26).
const maxBatch = 128

// metaVersion is where a message of 2026-07-28 or later names its version; in
// an older one it means nothing.
const metaVersion = "io.modelcontextprotocol/protocolVersion"

// message is one JSON-RPC message, and what a bridge has to know of it.
type message struct {
	raw    []byte          // on one line
	id     json.RawMessage // nil: a notification
	key    string          // the id, comparable
	method string          // "": a response
	params json.RawMessage
	result json.RawMessage // nil: none, or an error

	version   string          // of the protocol, where a message names its own; "": that of the session
	name      string          // what it is about, for the header Mcp-Name
	requestID json.RawMessage // the request that a cancellation is about
	cancels   *pending        // that request, if it is under way
}

// badMessage says what is wrong with a message.
type badMessage struct {
	id   json.RawMessage // nil: not known
	code int
	text string
}

// parseMessages reads one JSON-RPC message, or a batch of them. With an error,
// the messages are those of a batch that are good.
func parseMessages(text []byte) ([]*message, *badMessage) {
	if !utf8.Valid(text) || !json.Valid(text) {
		return nil, &badMessage{code: codeParseError, text: "the message is not JSON"}
	}
	if bytes.ContainsAny(text, "\r\n") {
		var line bytes.Buffer
		_ = json.Compact(&line, text) // it is valid
		text = line.Bytes()
	}
	text = bytes.TrimSpace(text)
	if text[0] != '[' {
		m, bad := parseMessage(text)
		if bad != nil {
			return nil, bad
		}
		return []*message{m}, nil
	}
	var batch []json.RawMessage
	if err := json.Unmarshal(text, &batch); err != nil || len(batch) == 0 || len(batch) > maxBatch {
		return nil, &badMessage{code: codeInvalidRequest, text: "the batch is empty or too long"}
	}
	var messages []*message
	var problem *badMessage
	for _, each := range batch {
		m, bad := parseMessage(each)
		if bad != nil {
			problem = bad
			continue
		}
		messages = append(messages, m)
	}
	return messages, problem
}

// parseMessage reads one message. The names of its members are compared
// exactly, as servers do.
func parseMessage(text []byte) (*message, *badMessage) {
	invalid := &badMessage{code: codeInvalidRequest, text: "the message is not one of JSON-RPC 2.0"}
	var members map[string]json.RawMessage
	if json.Unmarshal(text, &members) != nil {
		return nil, invalid
	}
	m := &message{raw: text, id: members["id"], params: members["params"], result: members["result"]}
	if string(m.id) == "null" {
		m.id = nil
	}
	if m.id != nil {
		if m.key = idKey(m.id); m.key == "" {
			return nil, invalid
		}
	}
	invalid.id = m.id
	_, named := members["method"]
	_, hasID := members["id"]
	switch {
	case string(members["jsonrpc"]) != `"2.0"`:
		return nil, invalid
	case named && (json.Unmarshal(members["method"], &m.method) != nil || m.method == ""):
		return nil, invalid
	case named && hasID && m.id == nil:
		return nil, invalid
	case !named && (m.result == nil && members["error"] == nil || m.id == nil && m.result != nil):
		return nil, invalid
	}
	m.readParams()
	return m, nil
}

// readParams notes what the headers of a message and a cancellation need.
func (m *message) readParams() {
	var params map[string]json.RawMessage
	if m.method == "" || len(m.params) == 0 || json.Unmarshal(m.params, &params) != nil {
		return
	}
	var meta map[string]json.RawMessage
	if json.Unmarshal(params["_meta"], &meta) == nil {
		_ = json.Unmarshal(meta[metaVersion], &m.version) // another type is none
		if m.version < firstAborting {
			m.version = ""
		}
	}
	m.requestID = params["requestId"]
	source := ""
	switch {
	case m.method == "tools/call", m.method == "prompts/get":
		source = "name"
	case m.method == "resources/read":
		source = "uri"
	case strings.HasPrefix(m.method, "tasks/"):
		source = "taskId"
	}
	_ = json.Unmarshal(params[source], &m.name)
}

// idKey makes ids comparable: the same string or number may be written in
// several ways, and most servers read a number as a float64. "" is no id.
func idKey(id json.RawMessage) string {
	var value any
	_ = json.Unmarshal(id, &value)
	switch v := value.(type) {
	case string:
		return "s" + v
	case float64:
		return "n" + strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// rpcError is the error of a JSON-RPC response.
type rpcError struct {
	Code    int       `json:"code"`
	Message string    `json:"message"`
	Data    *rpcCause `json:"data,omitempty"`
}

// rpcCause is what an error of ours says for programs.
type rpcCause struct {
	Kind Kind   `json:"kind"`
	Hint string `json:"hint,omitempty"`
}

// refuse answers the client with an error; nil: the id is not known.
func (b *bridge) refuse(id json.RawMessage, code int, text string) {
	b.reply(id, rpcError{Code: code, Message: text})
}

// fail answers a request with what went wrong.
func (b *bridge) fail(p *pending, err error) {
	var own *Error
	if !errors.As(err, &own) {
		own = b.explain(err, true)
	}
	b.trouble(own)
	hint := strings.ReplaceAll(own.Hint, "{program}", first(b.stdio.Program, "mcpdiscord"))
	text := own.Message
	if hint != "" {
		text += ": " + hint
	}
	code := codeInternalError
	if errors.Is(err, errOtherGeneration) {
		code = codeMethodNotFound
	}
	b.reply(p.id, rpcError{Code: code, Message: text, Data: &rpcCause{Kind: own.Kind, Hint: hint}})
}

// reply writes a response with an error: an rpcError, or one as the server
// gave it.
func (b *bridge) reply(id json.RawMessage, problem any) {
	if id == nil {
		id = json.RawMessage("null")
	}
	text, err := json.Marshal(problem)
	if err != nil {
		return // it is made of what can be written
	}
	line := append([]byte(`{"jsonrpc":"2.0","id":`), id...)
	line = append(append(append(line, `,"error":`...), text...), '}')
	_ = b.write(line) // which ends everything when it fails
}

// errorOf is the error of a body that is a JSON-RPC response with one.
func errorOf(body []byte) (raw json.RawMessage, known struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
},
) {
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &answer) != nil || json.Unmarshal(answer.Error, &known) != nil || known.Code == 0 {
		return nil, known
	}
	return answer.Error, known
}
