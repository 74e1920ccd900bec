package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// exchange is one request and its answer: the ResponseWriter that handlers
// see, and what the log line and the tools want to know.
//
// At the MCP endpoint every refusal has a JSON-RPC body, because clients give a
// connection up when an error answer is not JSON-RPC. The SDK's own refusals
// are text: exchange writes them anew.
type exchange struct {
	http.ResponseWriter

	identity *authserver.Identity // who calls; nil before the token is checked
	message  message              // what is called, of the built-in server
	id       []string             // the request's, as a header's value
	trace    trace                // the caller's
	mcp      bool                 // refusals are JSON-RPC
	stream   bool                 // the answer lives for long
	sdk      bool                 // the SDK's refusals are text: write them anew
	origin   string               // the page that may read the answer; "" for none

	status   int // 0: nothing is written yet
	bytes    int64
	rewrite  bool // the next Write is the text of a refusal
	muted    bool // the answer is complete; what still comes is dropped
	panicked atomic.Bool

	writeTimeout time.Duration
	slow         *time.Timer // until the proxied server begins to answer; nil: there is no limit
}

// WriteHeader implements [http.ResponseWriter]. Informational answers are
// dropped: nobody here has anything to say in one.
func (e *exchange) WriteHeader(status int) {
	if status < http.StatusOK || e.status != 0 {
		return
	}
	if e.panicked.Load() {
		e.writeError(http.StatusInternalServerError, codeInternal, "something went wrong on this server")
		return
	}
	e.status = status
	if e.sdk && status >= http.StatusBadRequest && strings.HasPrefix(e.Header().Get("Content-Type"), "text/plain") {
		e.rewrite = true
		return // with the text
	}
	e.sendHeader()
}

// sendHeader sends the status, and with it the request's id and the CORS
// headers: the reverse proxy clears what was set before.
func (e *exchange) sendHeader() {
	e.Header()[headerRequestID] = e.id
	if e.origin != "" {
		allowOrigin(e.Header(), e.origin)
	}
	e.ResponseWriter.WriteHeader(e.status)
}

// Write implements [http.ResponseWriter].
func (e *exchange) Write(p []byte) (int, error) {
	if e.status == 0 {
		e.WriteHeader(http.StatusOK)
	}
	if e.rewrite {
		e.rewrite = false
		status := e.status
		e.status = 0
		e.writeError(status, codeInvalidRequest, strings.TrimSpace(string(p)))
	}
	if e.muted {
		return len(p), nil
	}
	e.moreTime()
	n, err := e.ResponseWriter.Write(p)
	e.bytes += int64(n)
	return n, err
}

// moreTime gives the client time to read what is written next. One that stops
// reading must not hold a place for ever.
func (e *exchange) moreTime() {
	_ = http.NewResponseController(e.ResponseWriter).SetWriteDeadline(time.Now().Add(e.writeTimeout)) // a recorder in a test has none
}

// writeError answers with a JSON-RPC error, once; what still comes is dropped.
func (e *exchange) writeError(status, code int, text string) {
	if e.status != 0 {
		return
	}
	body := rpcError(e.message.id, code, text)
	h := e.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Del("Content-Length")
	h.Del("Connection")
	e.status, e.muted = status, true
	e.moreTime()
	e.sendHeader()
	n, _ := e.ResponseWriter.Write(body) //nolint:gosec // G705: JSON with nosniff, nothing that a browser runs
	e.bytes += int64(n)
}

// Flush implements [http.Flusher].
func (e *exchange) Flush() {
	if e.muted || e.rewrite {
		return
	}
	if e.status == 0 {
		e.WriteHeader(http.StatusOK)
	}
	_ = http.NewResponseController(e.ResponseWriter).Flush()
}

// Unwrap lets [http.ResponseController] reach the connection.
func (e *exchange) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// Codes of JSON-RPC and MCP. Refusals that neither names have the HTTP status
// as their code: MCP asks for codes outside of JSON-RPC's range (-32768 to
// -32000).
const (
	codeParse          = -32700
	codeInvalidRequest = -32600
	codeMethodNotFound = -32601
	codeInternal       = -32603
	codeHeaderMismatch = -32020
)

// rpcError is a JSON-RPC error answer. Where the request's id is not known the
// answer has none, as MCP wants it.
func rpcError(id string, code int, text string) []byte {
	type rpcErr struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	body, _ := json.Marshal(struct { // of strings and integers: cannot fail
		Version string          `json:"jsonrpc"`
		ID      json.RawMessage `json:"id,omitempty"`
		Error   rpcErr          `json:"error"`
	}{"2.0", json.RawMessage(id), rpcErr{code, text}})
	return append(body, '\n')
}
