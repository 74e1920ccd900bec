package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Call is one call of a tool.
type Call struct {
	Name string
	// Arguments is a JSON object; nil is an empty one.
	Arguments json.RawMessage
	// Progress and Log hear what the server says of this very call while it
	// runs: one thing at a time, and nothing any more once Conn.Call has
	// returned. They must not block. A server is only asked for what is heard.
	Progress func(Progress)
	Log      func(LogMessage)
}

// Progress is how far a call is. Total is 0 where the server does not know it.
type Progress struct {
	Done, Total float64
	Message     string // the server's: print it with [PrintableLine]; bounded
}

// LogMessage is what a server logs during a call. Its texts are the server's,
// and bounded: print them with [Printable].
type LogMessage struct {
	Level  string // of RFC 5424: debug, info, notice, warning, error …
	Logger string // may be ""
	Text   string // JSON where the server sends no string
}

// Exchange is a request and its answer as they went over the wire: JSON-RPC
// messages. What did not is nil.
type Exchange struct {
	Request, Response json.RawMessage
}

const (
	// maxSaid bounds, in bytes, a message about a call; maxLogs how many lines
	// of a log one call may write.
	maxSaid = 4096
	maxLogs = 1000
	// logLevel is what a server is asked for.
	logLevel = "info"
)

// Call calls a tool. One that says that it failed is a Result with IsError, not
// an error. The error of a server's answer has its Exchange.
func (c *Conn) Call(ctx context.Context, call Call) (*Result, error) {
	call.Arguments = bytes.TrimSpace(call.Arguments)
	if len(call.Arguments) == 0 {
		call.Arguments = json.RawMessage("{}")
	}
	if call.Arguments[0] != '{' || !json.Valid(call.Arguments) {
		return nil, &Error{Kind: KindUsage, Message: "the arguments of a tool are a JSON object"}
	}
	if err := sendable(call.Name); err != nil {
		return nil, err
	}
	var result *Result
	var exchange Exchange
	err := c.run(ctx, func(ctx context.Context, session *mcp.ClientSession, watch *trace) error {
		watch.keep("tools/call")
		defer func() { exchange = watch.exchange() }()
		err := c.callOn(ctx, session, call, watch)
		if err != nil && (ctx.Err() != nil || !unread(err, watch)) {
			return err
		}
		results := watch.results()
		if len(results) == 0 {
			return io.ErrUnexpectedEOF
		}
		result, err = newResult(results[len(results)-1])
		return err
	})
	var own *Error
	if errors.As(err, &own) {
		told := *own // one failure may answer many calls
		told.Exchange = exchange
		err = &told
	}
	if result != nil {
		result.Exchange = exchange
	}
	return result, err
}

// unread reports whether the answer has come, and the SDK cannot read it: it
// knows no number beyond a float64, no type of content but those of today, and
// no more than 1,000 levels.
func unread(err error, watch *trace) bool {
	var own *Error
	var ch *challenge
	if errors.As(err, &own) || errors.As(err, &ch) || protocolError(err) != nil {
		return false
	}
	var answer struct {
		Result json.RawMessage `json:"result"`
	}
	return json.Unmarshal(watch.exchange().Response, &answer) == nil && answer.Result != nil
}

// callOn sends the call, and hears what is said about it meanwhile.
func (c *Conn) callOn(ctx context.Context, session *mcp.ClientSession, call Call, watch *trace) error {
	heard := &listener{call: call, token: strconv.FormatUint(c.calls.Add(1), 10)}
	defer heard.end()
	if call.Progress != nil || call.Log != nil {
		watch.tellAll(heard.hear)
	}
	if err := c.level(ctx, session, call); err != nil {
		return err
	}
	_, err := session.CallTool(ctx, heard.params(session))
	if said := protocolError(err); said != nil && said.Code == mcp.CodeHeaderMismatch {
		// The tool wants arguments mirrored in headers, which the SDK does
		// once it has seen the tool's schema.
		if _, err := session.ListTools(ctx, nil); err != nil {
			return err
		}
		_, err = session.CallTool(ctx, heard.params(session))
	}
	if said := protocolError(err); said != nil && said.Code == mcp.CodeURLElicitationRequired {
		return c.openFirst(ctx, said.Data)
	}
	return err
}

// level asks a server of an older generation for its log, once per session; a
// newer one is asked in each call. One that refuses is none that logs.
func (c *Conn) level(ctx context.Context, session *mcp.ClientSession, call Call) error {
	result := session.InitializeResult()
	if call.Log == nil || result == nil || result.ProtocolVersion >= firstAborting || !offered(result).Logging {
		return nil
	}
	c.mu.Lock()
	asked := c.logging == session
	c.logging = session
	c.mu.Unlock()
	if asked {
		return nil
	}
	//nolint:staticcheck // deprecated, and what the older generations have
	err := session.SetLoggingLevel(ctx, &mcp.SetLoggingLevelParams{Level: logLevel})
	if protocolError(err) != nil {
		return nil
	}
	return err
}

// listener hears what a server says of one call.
type listener struct {
	call  Call
	token string

	mu    sync.Mutex // held while the caller's functions run
	ended bool
	logs  int
}

// params are new for each request: the SDK writes into them.
func (l *listener) params(session *mcp.ClientSession) *mcp.CallToolParams {
	params := &mcp.CallToolParams{Meta: mcp.Meta{}, Name: l.call.Name, Arguments: l.call.Arguments}
	if l.call.Progress != nil {
		params.SetProgressToken(l.token)
	}
	if result := session.InitializeResult(); l.call.Log != nil && result != nil && result.ProtocolVersion >= firstAborting {
		params.Meta["io.modelcontextprotocol/logLevel"] = logLevel
	}
	return params
}

// hear takes any message of the answer's stream.
func (l *listener) hear(message []byte) {
	var said struct {
		Method string `json:"method"`
		Params struct {
			Token   json.RawMessage `json:"progressToken"`
			Done    float64         `json:"progress"`
			Total   float64         `json:"total"`
			Message string          `json:"message"`
			Level   string          `json:"level"`
			Logger  string          `json:"logger"`
			Data    json.RawMessage `json:"data"`
		} `json:"params"`
	}
	if json.Unmarshal(message, &said) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch p := said.Params; {
	case l.ended:
	case said.Method == "notifications/progress" && l.call.Progress != nil && string(p.Token) == strconv.Quote(l.token):
		l.call.Progress(Progress{Done: p.Done, Total: max(p.Total, 0), Message: clipped(p.Message)})
	case said.Method == "notifications/message" && l.call.Log != nil && l.logs < maxLogs:
		l.logs++
		l.call.Log(LogMessage{Level: clipped(p.Level), Logger: clipped(p.Logger), Text: logText(p.Data)})
	}
}

// end makes sure that nobody is told any more.
func (l *listener) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = true
}

// logText is what a server logs: its string, or JSON.
func logText(data json.RawMessage) string {
	var text string
	if json.Unmarshal(data, &text) != nil {
		text = string(data)
	}
	return clipped(text)
}

// clipped cuts a foreign text.
func clipped(text string) string {
	if len(text) <= maxSaid {
		return text
	}
	return strings.ToValidUTF8(text[:maxSaid], "") + "…"
}
