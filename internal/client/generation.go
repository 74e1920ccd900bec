package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// MCP has two generations: from 2026-07-28 on each request stands alone, before
// there was a handshake. Which one a server speaks is asked with
// server/discover, which has no effects, and only what an older server answers
// to that is followed by the handshake ("Backward Compatibility" of the
// specification's transport page). The SDK does both, and falls back after any
// error; what may not lead there is stopped here, on the wire.

// lastHandshake is the newest version with a handshake; a server may make it an
// older one.
const lastHandshake = "2025-11-25"

// open makes a session. A server that spoke an older generation the last time
// is not asked again, unless it does not any more.
func (c *Conn) open(ctx context.Context) (*mcp.ClientSession, error) {
	c.mu.Lock()
	spoken := c.spoken
	c.mu.Unlock()
	if spoken != "" && spoken < firstAborting {
		session, err := c.dial(ctx, &mcp.ClientSessionOptions{ProtocolVersion: lastHandshake})
		watch, _ := ctx.Value(traceKey{}).(*trace)
		if err == nil || ctx.Err() != nil || watch == nil || watch.over() {
			return session, err
		}
	}
	return c.dial(ctx, nil)
}

func (c *Conn) dial(ctx context.Context, options *mcp.ClientSessionOptions) (*mcp.ClientSession, error) {
	return c.client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint:             c.signer.server,
		HTTPClient:           c.http,
		MaxRetries:           2, // of a stream that broke and can be taken up again; no request is repeated
		DisableStandaloneSSE: c.signer.cfg.Elicit == nil && c.signer.cfg.Heard == nil,
		OAuthHandler:         &handler{signer: c.signer},
		MaxEventSize:         maxResult,
	}, options)
}

// over reports whether the operation is lost whatever else is tried.
func (t *trace) over() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stopped != nil
}

// errNoVersion is the error for a server whose versions are none of ours.
type errNoVersion struct{ theirs []string }

func (e *errNoVersion) Error() string { return fmt.Sprintf("it speaks MCP %q", e.theirs) }

// words is the error for a message.
func (e *errNoVersion) words() string {
	return fmt.Sprintf("speaks MCP %s, this program %s", brief(strings.Join(e.theirs, ", ")), strings.Join(mcp.SupportedProtocolVersions(), ", "))
}

// handshake decides, by the answer to the probe, whether the older generation's
// handshake may follow. Without a probe it may.
func (t *trace) handshake() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.greeted = true
	if len(t.bodies) == 0 {
		return nil
	}
	messages := t.bodies[len(t.bodies)-1].messages()
	var answer struct {
		Error *struct {
			Code    int64  `json:"code"`
			Message string `json:"message"`
			Data    struct {
				Supported []string `json:"supported"`
			} `json:"data"`
		} `json:"error"`
		Result struct {
			Supported []string `json:"supportedVersions"`
		} `json:"result"`
	}
	if len(messages) == 0 || json.Unmarshal(messages[len(messages)-1], &answer) != nil {
		return nil
	}
	theirs := answer.Result.Supported
	if e := answer.Error; e != nil && t.status == http.StatusBadRequest {
		switch e.Code {
		case mcp.CodeHeaderMismatch, mcp.CodeMissingRequiredClientCapabilities:
			// It speaks the newer generation, and found fault with the request.
			return &jsonrpc.Error{Code: e.Code, Message: e.Message}
		case mcp.CodeUnsupportedProtocolVersion:
			theirs = e.Data.Supported
		}
	}
	ours := mcp.SupportedProtocolVersions()
	if len(theirs) > 0 && !slices.ContainsFunc(theirs, func(v string) bool { return slices.Contains(ours, v) }) {
		return &errNoVersion{theirs}
	}
	return nil
}

// explainGeneration is explain for what only a new session meets; nil: nothing
// of that kind.
func (s *signer) explainGeneration(err error, watch *trace) *Error {
	watch.mu.Lock()
	status, greeted, stopped := watch.status, watch.greeted, watch.stopped
	watch.mu.Unlock()
	var none *errNoVersion
	switch fault := protocolError(stopped); {
	case errors.As(stopped, &none):
		return &Error{Kind: KindFailure, Message: s.server + " " + none.words(), Hint: "look for a newer version of this program", Err: err}
	case fault != nil:
		return &Error{Kind: KindFailure, Message: fmt.Sprintf("%s finds fault with a request: %s", s.server, brief(fault.Message)), Err: stopped}
	case !greeted || stopped != nil || protocolError(err) != nil:
		return nil
	}
	switch status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed:
		return &Error{
			Kind: KindFailure, Message: fmt.Sprintf("%s does not answer as an MCP server (HTTP status %d)", s.server, status),
			Hint: "check the address; it often ends in /mcp. The transport HTTP+SSE of 2024-11-05 is not supported", Err: err,
		}
	}
	return nil
}
