package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"
)

// outgoing is one HTTP request of a bridge.
type outgoing struct {
	method string
	body   []byte
	header http.Header
	quiet  bool   // nobody is asked to sign in
	sent   func() // called when it is on the wire, maybe more than once; nil: nobody asks
}

var (
	errBrokenOff       = errors.New("broken off")
	errOtherGeneration = errors.New("the server speaks an older generation of the protocol")
)

// exchange gets a request to the server and its answer to the client. It is
// sent again only when the server refused it unseen. Without an error, the
// server has said all that it will.
func (b *bridge) exchange(ctx context.Context, p *pending) error {
	rebuilt, relearned := false, false
	for {
		session := b.sessionOf(p)
		resp, err := b.send(ctx, outgoing{method: http.MethodPost, body: p.raw, header: b.headers(p.message, session), quiet: p.ours, sent: p.sent})
		if err != nil {
			return err
		}
		if resp.StatusCode/100 == 2 {
			b.trouble(nil)
			b.rouse(session)
			p.sessionID = token(resp.Header.Get("Mcp-Session-Id"))
			return b.receive(ctx, p, resp)
		}
		body, _ := io.ReadAll(io.LimitReader(resp.Body, largeMessage))
		_ = resp.Body.Close()
		said, known := errorOf(body)
		switch {
		case !rebuilt && !p.ours && session.lost(resp.StatusCode, body):
			rebuilt = true
			if err := b.rebuild(ctx, session); err != nil {
				return err
			}
		case !relearned && known.Code == codeHeaderMismatch && p.method == "tools/call" && p.version != "":
			relearned = true
			if err := b.relearn(ctx, p.message); err != nil {
				return err
			}
		case said != nil:
			return b.pass(p, said)
		default:
			return b.refused(p.message, resp)
		}
	}
}

// sessionFor is the session that a message belongs to; nil: to none.
func (b *bridge) sessionFor(m *message) *bridged {
	if m.method == "initialize" || m.version != "" {
		return nil
	}
	return b.current()
}

// sessionOf is the session that a request belongs to; nil: to none.
func (b *bridge) sessionOf(p *pending) *bridged {
	if p.ours {
		return p.in
	}
	return b.sessionFor(p.message)
}

// pass answers a request with the error that the server sent, which may lack
// the request's id.
func (b *bridge) pass(p *pending, said json.RawMessage) error {
	if p.ours {
		_, known := errorOf(append(append([]byte(`{"error":`), said...), '}'))
		return &Error{Kind: KindFailure, Message: b.signer.server + " answered: " + brief(known.Message)}
	}
	if b.settle(p) {
		b.reply(p.id, said)
	}
	return nil
}

// refused puts an HTTP status into words.
func (b *bridge) refused(m *message, resp *http.Response) error {
	s := b.signer
	switch status := resp.StatusCode; {
	case unavailableStatus(status):
		after := retryAfter(resp.Header)
		return s.busy(status, after.String(), after > 0, &statusError{status})
	case status >= 500:
		return &Error{Kind: KindFailure, Message: fmt.Sprintf("%s failed (HTTP status %d)", s.server, status), Err: &statusError{status}}
	case m.method == "server/discover":
		return notMCP(s.server, errOtherGeneration) // the client then tries that one
	default:
		return notMCP(s.server, &statusError{status})
	}
}

// receive reads the answer to a request, whichever form it has.
func (b *bridge) receive(ctx context.Context, p *pending, resp *http.Response) error {
	if kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type")); kind == "text/event-stream" {
		return b.follow(ctx, p, resp)
	}
	defer resp.Body.Close()
	body := &bulk{bridge: b}
	defer body.release()
	if err := body.fill(ctx, resp.Body); err != nil {
		if errors.Is(err, errResultTooLarge) {
			return &Error{Kind: KindFailure, Message: b.signer.server + ": " + err.Error(), Err: err}
		}
		return errBrokenOff
	}
	messages, bad := parseMessages(body.text)
	if bad != nil && len(messages) == 0 {
		return notMCP(b.signer.server, errors.New(bad.text))
	}
	for _, m := range messages {
		if len(messages) == 1 && m.method == "" && m.id == nil { // an error that lacks the id
			said, _ := errorOf(m.raw)
			return b.pass(p, said)
		}
		if err := b.deliver(m); err != nil {
			return err
		}
	}
	return nil
}

// deliver gives the client a message of the server: a response only when it is
// waited for.
func (b *bridge) deliver(m *message) error {
	if m.method != "" {
		return b.write(m.raw)
	}
	b.mu.Lock()
	p := b.pending[m.key]
	if p != nil && p.ours {
		p.reply = m
	}
	b.mu.Unlock()
	if p == nil || !b.settle(p) || p.ours {
		return nil
	}
	b.note(p, m)
	return b.write(m.raw)
}

// sendOneWay sends what gets no answer, in the client's order.
func (b *bridge) sendOneWay(ctx context.Context) {
	for m := range b.oneWay {
		if m.cancels != nil && !m.cancels.begun(ctx) {
			m.cancels.cancel() // nobody knows of it
			continue
		}
		if err := b.tell(ctx, m, b.sessionFor(m)); err != nil && ctx.Err() == nil {
			b.trouble(err)
		}
		if m.cancels != nil {
			m.cancels.cancel()
		}
	}
}

// begun waits a moment for a request to be sent, so that its cancellation does
// not overtake it.
func (p *pending) begun(ctx context.Context) bool {
	patience := time.NewTimer(cancelPatience)
	defer patience.Stop()
	select {
	case <-p.wrote:
		return true
	case <-p.done:
	case <-patience.C:
	case <-ctx.Done():
	}
	return false
}

// tell sends a message that gets no answer.
func (b *bridge) tell(ctx context.Context, m *message, session *bridged) error {
	ctx, cancel := context.WithTimeout(ctx, b.signer.cfg.Timeout)
	defer cancel()
	for rebuilt := false; ; rebuilt = true {
		resp, err := b.send(ctx, outgoing{method: http.MethodPost, body: m.raw, header: b.headers(m, session), quiet: true})
		if err != nil {
			return b.explain(err, false)
		}
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		_ = resp.Body.Close()
		switch {
		case resp.StatusCode/100 == 2:
			b.rouse(session)
			return nil
		case session.lost(resp.StatusCode, body):
			if m.method == "" || m.cancels != nil || rebuilt {
				return nil // what it is about went with the session
			}
			if err := b.rebuild(ctx, session); err != nil {
				return err
			}
			session = b.current()
		default:
			return b.refused(m, resp)
		}
	}
}

// send gets one HTTP request through: it renews the token in time, and answers
// challenges. The sign-in is that of the moment, whichever process made it.
func (b *bridge) send(ctx context.Context, o outgoing) (*http.Response, error) {
	s := b.signer
	if err := b.load(ctx); err != nil {
		return nil, err
	}
	op := s.begin()
	op.quiet = o.quiet || b.denied.Load()
	for reloaded := false; ; {
		if err := s.ensure(ctx); err != nil {
			return nil, err
		}
		resp, err := b.once(ctx, o)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode != http.StatusUnauthorized && resp.StatusCode != http.StatusForbidden {
			return resp, nil
		}
		ch := newChallenge(resp.Request, resp)
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
		_ = resp.Body.Close()
		ch.text = refusalText(body)
		err = s.answer(ctx, op, ch)
		if err == nil {
			continue
		}
		var own *Error
		if !reloaded && errors.As(err, &own) && own.Kind == KindAuth {
			reloaded = true
			if found, trouble := s.reload(ctx, ch.bearer); found && trouble == nil {
				continue
			}
		}
		if op.signIns > 0 && ctx.Err() == nil {
			b.denied.Store(true)
		}
		return nil, err
	}
}

// load finds the saved sign-in, once it can be read.
func (b *bridge) load(ctx context.Context) error {
	if err := b.signer.enter(ctx); err != nil {
		return err
	}
	defer b.signer.leave()
	b.mu.Lock()
	loaded := b.loaded
	b.mu.Unlock()
	if loaded {
		return nil
	}
	if err := b.signer.load(ctx); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.loaded = true
	return nil
}

// once sends one HTTP request.
func (b *bridge) once(ctx context.Context, o outgoing) (*http.Response, error) {
	var wrote atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(info httptrace.WroteRequestInfo) {
		wrote.Store(true)
		if info.Err == nil && o.sent != nil {
			o.sent()
		}
	}})
	req, err := http.NewRequestWithContext(ctx, o.method, b.signer.server, bytes.NewReader(o.body))
	if err != nil {
		return nil, err
	}
	req.Header = o.header.Clone()
	if bearer := b.signer.bearer(); bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	resp, err := b.signer.mcp.Do(req)
	if err != nil {
		return nil, b.explain(err, wrote.Load())
	}
	return resp, nil
}

// explain puts what went wrong with the MCP server into an Error; seen says
// that the server may have got the request.
func (b *bridge) explain(err error, seen bool) *Error {
	s := b.signer
	var own *Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, errNoTime), errors.Is(err, context.DeadlineExceeded):
		return &Error{Kind: KindUnavailable, Message: fmt.Sprintf("%s did not answer within %s", s.server, s.cfg.Timeout), Err: err}
	case errors.Is(err, context.Canceled):
		return &Error{Kind: KindInterrupted, Message: "interrupted", Err: err}
	case errors.Is(err, errRedirect):
		return &Error{Kind: KindFailure, Message: s.server + " redirects to another place", Hint: "use the address that it moved to", Err: err}
	case seen:
		return &Error{Kind: KindUnavailable, Message: s.server + " broke off before it answered", Err: err}
	}
	return explainNetwork("cannot reach "+s.url.Host, err)
}
