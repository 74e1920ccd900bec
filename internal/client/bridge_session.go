package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// maxKept bounds what is kept of a session to make it anew.
const maxKept = 256

// bridged is a session of the generations that have an initialize. It is kept
// with what makes another like it. Its fields are guarded by bridge.mu once it
// is in use, but for those that never change.
type bridged struct {
	id         string          // "": the server gave none
	version    string          // of the protocol
	initialize json.RawMessage // the parameters

	opened *message // notifications/initialized, once the server has it
	deaf   bool     // the server has nothing to listen to
	kept   []*message
}

// current is the session in use, or nil.
func (b *bridge) current() *bridged {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.session
}

// adopt puts a session into the place of another. What listens to that stops.
func (b *bridge) adopt(session *bridged) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.session = session
	if b.hangUp != nil {
		b.hangUp()
	}
}

// lost says whether an answer means that the session is no more. A 404 may
// also say that there is no such method. The examples of the TypeScript SDK,
// and what was made from them, say 400 in words.
func (s *bridged) lost(status int, body []byte) bool {
	if s == nil || s.id == "" {
		return false
	}
	_, known := errorOf(body)
	switch status {
	case http.StatusNotFound:
		return known.Code != codeMethodNotFound
	case http.StatusBadRequest:
		said := strings.ToLower(known.Message)
		return known.Code == -32000 && (strings.Contains(said, "session") || strings.Contains(said, "not initialized"))
	}
	return false
}

// note keeps what an answer says that later messages need.
func (b *bridge) note(p *pending, answer *message) {
	if answer.result == nil {
		return
	}
	switch {
	case p.method == "initialize":
		former := b.current()
		b.adopt(&bridged{id: p.sessionID, version: versionOf(answer), initialize: p.params})
		b.others.Go(func() { b.leave(context.Background(), former) })
	case p.method == "tools/list" && p.version != "":
		b.learn(answer.result)
	case p.version != "":
	case p.method == "logging/setLevel", p.method == "resources/subscribe", p.method == "resources/unsubscribe":
		b.keep(p.message)
	}
}

// keep keeps a request that changed the session: it is asked for again in the
// next one.
func (b *bridge) keep(m *message) {
	uri := func(of *message) string {
		var params struct {
			URI string `json:"uri"`
		}
		_ = json.Unmarshal(of.params, &params)
		return params.URI
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.session == nil {
		return
	}
	kept := slices.DeleteFunc(slices.Clone(b.session.kept), func(old *message) bool {
		return strings.HasPrefix(old.method, "resources/") == strings.HasPrefix(m.method, "resources/") && uri(old) == uri(m)
	})
	if m.method != "resources/unsubscribe" && len(kept) < maxKept {
		kept = append(kept, m)
	}
	b.session.kept = kept
}

// versionOf is the protocol version that initialize was answered with.
func versionOf(answer *message) string {
	var result struct {
		Version string `json:"protocolVersion"`
	}
	_ = json.Unmarshal(answer.result, &result)
	return token(result.Version)
}

// initialized tells the server that the client is ready, and then listens.
func (b *bridge) initialized(ctx context.Context, m *message) {
	if err := b.tell(ctx, m, b.sessionFor(m)); err != nil {
		if ctx.Err() == nil {
			b.trouble(err)
		}
		return
	}
	b.mu.Lock()
	session := b.session
	if session != nil {
		session.opened = m
	}
	b.mu.Unlock()
	b.rouse(session)
}

// rebuild makes a session in the place of one that the server lost, unless
// somebody just did.
func (b *bridge) rebuild(ctx context.Context, lost *bridged) error {
	select {
	case b.rebuilding <- struct{}{}:
		defer func() { <-b.rebuilding }()
	case <-ctx.Done():
		return ctx.Err()
	}
	b.mu.Lock()
	current := b.session
	fresh := &bridged{initialize: lost.initialize, opened: lost.opened, kept: lost.kept}
	b.mu.Unlock()
	if current != lost {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, b.signer.cfg.Timeout)
	defer cancel()
	answer, err := b.ask(ctx, nil, "initialize", lost.initialize)
	if err != nil {
		return err
	}
	fresh.id, fresh.version = answer.sessionID, versionOf(answer.reply)
	if fresh.version != lost.version {
		return &Error{
			Kind: KindFailure, Message: fmt.Sprintf("%s came back with another version of the protocol, %s", b.signer.server, brief(fresh.version)),
			Hint: "start the MCP client anew",
		}
	}
	if fresh.opened != nil {
		if err := b.tell(ctx, fresh.opened, fresh); err != nil {
			return err
		}
	}
	b.signer.log.Info("made a lost session anew", "server", b.signer.server)
	for _, m := range fresh.kept {
		if _, err := b.ask(ctx, fresh, m.method, m.params); err != nil {
			b.signer.log.Warn("could not restore a part of the session", "method", m.method)
		}
	}
	b.adopt(fresh)
	b.rouse(fresh)
	return nil
}

// ask sends a request of our own in a session; nil: in none. Without an error,
// it has a reply with a result.
func (b *bridge) ask(ctx context.Context, session *bridged, method string, params json.RawMessage) (*pending, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b.mu.Lock()
	b.asked++
	id := strconv.Quote("mcpdiscord:" + strconv.Itoa(b.asked))
	b.mu.Unlock()
	if params == nil {
		params = json.RawMessage("{}")
	}
	raw := append([]byte(`{"jsonrpc":"2.0","id":`+id+`,"method":"`+method+`","params":`), params...)
	m, bad := parseMessage(append(raw, '}'))
	if bad != nil {
		return nil, &Error{Kind: KindFailure, Message: bad.text}
	}
	p := &pending{message: m, cancel: cancel, done: make(chan struct{}), wrote: make(chan struct{}), ours: true, in: session}
	b.mu.Lock()
	b.add(p)
	b.mu.Unlock()
	defer close(p.done)
	err := b.exchange(ctx, p)
	b.settle(p)
	switch {
	case err != nil:
		return nil, b.explain(err, true)
	case p.reply == nil:
		return nil, &Error{Kind: KindFailure, Message: b.signer.server + " did not answer"}
	case p.reply.result == nil:
		said, _ := errorOf(p.reply.raw)
		return nil, b.pass(p, said)
	}
	if method == "tools/list" {
		b.learn(p.reply.result)
	}
	return p, nil
}

// leave ends a session at the server.
func (b *bridge) leave(ctx context.Context, session *bridged) {
	if session == nil || session.id == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
	defer cancel()
	resp, err := b.once(ctx, outgoing{method: http.MethodDelete, header: b.commonHeaders(session)})
	if err != nil {
		return // it ends there by itself
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	_ = resp.Body.Close()
}
