package client

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// cancelPatience bounds the wait for a server to take a cancellation.
const cancelPatience = time.Second

// firstAborting is the first protocol version in which a broken-off request is
// the cancellation; older ones need to be told.
const firstAborting = "2026-07-28"

// awaitCancel waits until the server has been told that an operation is over.
// The SDK tells it in the background, where closing the session, or the end of
// the process, would be faster.
func (t *trace) awaitCancel(session *mcp.ClientSession) {
	t.mu.Lock()
	requests := t.requests
	t.mu.Unlock()
	if result := session.InitializeResult(); requests == 0 || result == nil || result.ProtocolVersion >= firstAborting {
		return
	}
	patience := time.NewTimer(cancelPatience)
	defer patience.Stop()
	select {
	case <-t.told:
	case <-patience.C:
	}
}

// tell notes that the server has been told.
func (t *trace) tell() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.told == nil {
		return
	}
	select {
	case <-t.told:
	default:
		close(t.told)
	}
}

// isCancellation reports whether a request tells the server of a cancellation.
func isCancellation(req *http.Request) bool {
	return methodOf(req) == "notifications/cancelled" //nolint:misspell // as MCP spells it
}

// methodOf is the method of a short JSON-RPC message, else "".
func methodOf(req *http.Request) string {
	const most = 4096 // bytes
	if req.GetBody == nil || req.ContentLength > most {
		return ""
	}
	body, err := req.GetBody()
	if err != nil {
		return ""
	}
	defer body.Close()
	text, _ := io.ReadAll(io.LimitReader(body, most))
	var message struct {
		Method string `json:"method"`
	}
	_ = json.Unmarshal(text, &message)
	return message.Method
}
