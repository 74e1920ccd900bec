package client

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// explain puts what went wrong with the MCP server into an Error.
func (c *Conn) explain(ctx context.Context, err error, watch *trace) error {
	s := c.signer
	watch.mu.Lock()
	status, html, retry, stopped, broken := watch.status, watch.html, watch.retry, watch.stopped, watch.broken
	watch.mu.Unlock()
	var own *Error
	var answered *statusError
	switch {
	case errors.As(err, &own):
		return own
	case ctx.Err() != nil:
		return s.ended(ctx.Err())
	case errors.Is(err, errCallTimeout):
		return &Error{Kind: KindUnavailable, Message: fmt.Sprintf("%s did not answer within %s", s.server, s.cfg.Timeout), Hint: "try again, or allow more with --timeout", Err: err}
	case errors.Is(err, errTooManyRequests), errors.Is(stopped, errResultTooLarge):
		why := errTooManyRequests
		if errors.Is(stopped, errResultTooLarge) {
			why = errResultTooLarge
		}
		return &Error{Kind: KindFailure, Message: s.server + ": " + why.Error(), Err: why}
	case errors.Is(err, errNeedsInput), stopped == nil && watch.asks():
		return &Error{Kind: KindFailure, Message: "the server asks for more input, and got none", Err: err}
	case errors.Is(err, errOpenFirst):
		return &Error{Kind: KindFailure, Message: "the tool needs what the opened address is for", Hint: "finish there, then call it again", Err: err}
	case errors.Is(err, errRedirect):
		return &Error{Kind: KindFailure, Message: s.server + " redirects to another place", Hint: "use the address that it moved to", Err: err}
	case s.explainGeneration(err, watch) != nil:
		return s.explainGeneration(err, watch)
	case errors.As(err, &answered) && unavailableStatus(answered.status), unavailableStatus(status):
		return s.busy(status, retry.String(), retry > 0, err)
	case protocolError(err) != nil:
		return &Error{Kind: KindFailure, Message: fmt.Sprintf("%s answered: %s", s.server, brief(protocolError(err).Message)), Err: err}
	case broken:
		return s.brokeOff(err)
	case stopped != nil && status == 0:
		return explainNetwork("cannot reach "+s.url.Host, stopped)
	case status >= 500:
		return &Error{Kind: KindFailure, Message: fmt.Sprintf("%s failed (HTTP status %d)", s.server, status), Err: err}
	case errors.Is(err, mcp.ErrSessionMissing): // also of the one that was made anew
		return &Error{Kind: KindUnavailable, Message: s.server + " lost the session that it had just begun", Hint: "try again", Err: err}
	case html, status >= 400:
		return notMCP(s.server, err)
	case errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(err.Error(), "terminated without response"):
		return s.brokeOff(err)
	case status == 0:
		return explainNetwork("cannot reach "+s.url.Host, err)
	case c.speaks():
		return &Error{Kind: KindFailure, Message: s.server + " gave an answer that cannot be read", Hint: "add --debug to see it", Err: err}
	}
	return notMCP(s.server, err)
}

// speaks reports whether the server has answered as one of MCP before.
func (c *Conn) speaks() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.version != ""
}

func (s *signer) brokeOff(err error) error {
	return &Error{Kind: KindUnavailable, Message: s.server + " broke off before it answered", Err: err}
}

// protocolError finds what the server said in JSON-RPC. The SDK's own mark for
// a request that was not accepted has the same type and says nothing.
func protocolError(err error) *jsonrpc.Error {
	var said *jsonrpc.Error
	if errors.As(err, &said) && said.Message != "rejected by transport" {
		return said
	}
	return nil
}

func notMCP(server string, err error) error {
	return &Error{Kind: KindFailure, Message: server + " does not answer as an MCP server", Hint: "check the address; it often ends in /mcp", Err: err}
}

// busy is the error for a server that says: later.
func (s *signer) busy(status int, after string, known bool, err error) error {
	hint := "try again later"
	if known {
		hint = "try again in " + after
	}
	what := "is not available"
	if status == http.StatusTooManyRequests {
		what = "limits how often it is asked"
	}
	return &Error{Kind: KindUnavailable, Message: fmt.Sprintf("%s %s (HTTP status %d)", s.server, what, status), Hint: hint, Err: err}
}

func unavailableStatus(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// explainNetwork puts a failed connection into words. The cause's own text may
// hold a URL with secrets, so none of it is used.
func explainNetwork(what string, err error) *Error {
	e := &Error{Kind: KindUnavailable, Message: what, Hint: "check that it is running and that the network works", Err: err}
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case err == nil:
		e.Hint = "try again later"
	case errors.As(err, &certificate):
		e.Kind, e.Message, e.Hint = KindFailure, what+": its certificate is not trusted", "check the address"
	case errors.As(err, &record), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		e.Kind, e.Message, e.Hint = KindFailure, what+": it does not speak https", "check the address"
	case strings.Contains(err.Error(), ": malformed "): // of the status line, or of a header
		e.Kind, e.Message, e.Hint = KindFailure, what+": it does not answer in HTTP", "check the address"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		e.Message, e.Hint = what+": it broke off before it answered", "try again"
	case errors.As(err, &dns):
		e.Message = what + ": no such host"
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Message = what + ": connection refused"
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		e.Message = what + ": it did not answer in time"
	}
	return e
}
