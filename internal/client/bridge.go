package client

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of a bridge. What the client does not read keeps waiting where it
// is: in these, and at the server.
const (
	// maxMessage bounds one message of the client, in bytes; one of the server
	// is bounded by maxResult.
	maxMessage = 16 << 20
	// maxPending and maxPendingBytes bound the requests under way.
	maxPending      = 128
	maxPendingBytes = 64 << 20
	// maxOneWay bounds the notifications and responses that wait to be sent.
	maxOneWay = 16
	// largeMessage is what only one message of the server may exceed at a
	// time, until the client has read it.
	largeMessage = 1 << 20
	// farewell bounds the end of a session.
	farewell = 2 * time.Second
)

// Stdio is the side of a bridge where the MCP client is.
type Stdio struct {
	// In has the client's messages, one on each line. A Read that is blocked
	// when the context ends is left behind.
	In io.Reader
	// Out gets the server's messages, one in each Write, and nothing else.
	Out io.Writer
	// Program stands for "{program}" in the hints that the client gets.
	Program string
	// Trouble hears of what goes wrong, once until something goes well again;
	// one call at a time. nil: nobody.
	Trouble func(error)
}

// bridge carries messages between a client that speaks stdio and an MCP server
// that speaks HTTP.
type bridge struct {
	signer *signer
	stdio  Stdio
	// stop ends everything under way.
	stop     context.CancelCauseFunc
	requests sync.WaitGroup
	others   sync.WaitGroup
	// oneWay holds what gets no answer, in the client's order.
	oneWay chan *message
	// large is held by the one message that exceeds largeMessage.
	large chan struct{}
	// rebuilding is held by the one goroutine that makes a session.
	rebuilding chan struct{}
	// wake tells the listener that there may be something to listen to.
	wake chan struct{}
	// denied is set when a person did not sign in: nobody is asked twice.
	denied atomic.Bool

	writing   sync.Mutex // serializes Out
	reporting sync.Mutex // serializes Trouble

	mu      sync.Mutex
	loaded  bool // the saved sign-in, if there is one
	pending map[string]*pending
	bytes   int // of all pending
	asked   int // counts our own requests
	session *bridged
	hangUp  context.CancelFunc       // ends listening to session; nil: nobody does
	mirrors map[string][]paramHeader // by tool
	told    string                   // the last trouble
}

// pending is a request that was not answered yet.
type pending struct {
	*message
	cancel context.CancelFunc
	done   chan struct{} // closed when nothing is under way for it any more
	wrote  chan struct{} // closed when it was sent
	once   sync.Once     // closes wrote

	sessionID string   // that the answer came with
	in        *bridged // of ours: the session that it belongs to
	ours      bool     // not the client's
	reply     *message // to ours
}

func (p *pending) sent() { p.once.Do(func() { close(p.wrote) }) }

var (
	errClientGone = errors.New("the client does not read its answers any more")
	errNoTime     = errors.New("no time left")
)

// Bridge carries messages between an MCP client at stdio and cfg.Server until
// the client's messages end, then waits at most cfg.Timeout for what is under
// way; it also bounds whatever is not a request of the client. Messages pass as
// they are, with the headers that they need over HTTP (both generations of the
// protocol). A lost session is made anew, and what did not reach the server is
// sent again; what may have reached it never.
//
// What cannot be delivered is answered with a JSON-RPC error. So is a request
// that needs a sign-in, where cfg.SignIn does not allow one; one that another
// process makes is found by the next request.
func Bridge(ctx context.Context, cfg Config, stdio Stdio) error {
	s, err := newSigner(cfg)
	if err != nil {
		return err
	}
	defer s.done()
	work, stop := context.WithCancelCause(ctx)
	b := &bridge{
		signer: s, stdio: stdio, stop: stop,
		oneWay: make(chan *message, maxOneWay), large: make(chan struct{}, 1), rebuilding: make(chan struct{}, 1), wake: make(chan struct{}, 1),
		pending: map[string]*pending{}, mirrors: map[string][]paramHeader{},
	}
	listening, deafen := context.WithCancel(work)
	b.others.Go(func() { b.sendOneWay(work) })
	b.others.Go(func() { b.listenAlways(listening) })
	served := make(chan error, 1)
	b.others.Go(func() {
		defer close(b.oneWay)
		served <- b.serve(work)
	})
	select {
	case err = <-served:
	case <-work.Done(): // serve may be writing to a client that does not read
		err = work.Err()
	}
	deafen()
	if err == nil {
		b.finish(work)
	}
	stop(nil)
	b.await(context.Background(), farewell)
	b.leave(ctx, b.current())
	switch {
	case ctx.Err() != nil:
		return s.ended(ctx.Err())
	case errors.Is(context.Cause(work), errClientGone):
		return &Error{Kind: KindFailure, Message: errClientGone.Error(), Err: err}
	}
	return err
}

// serve takes the client's messages until they end.
func (b *bridge) serve(ctx context.Context) error {
	lines, ended := make(chan []byte), make(chan error, 1)
	go func() { // ends with the process where In does not
		ended <- readLines(ctx, b.stdio.In, lines)
	}()
	for {
		select {
		case line := <-lines:
			b.take(ctx, line)
		case err := <-ended:
			if err != nil && ctx.Err() == nil {
				return &Error{Kind: KindFailure, Message: "the client's messages cannot be read", Err: err}
			}
			return ctx.Err()
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// readLines gives the lines of the client, nil for one that is too long, and
// nil at their end.
func readLines(ctx context.Context, in io.Reader, lines chan<- []byte) error {
	reader := bufio.NewReaderSize(in, 64<<10)
	for {
		line, err := readLine(reader)
		if err == nil || line != nil {
			select {
			case lines <- line:
			case <-ctx.Done():
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readLine reads one line without what ends it; nil for one that is too long.
// With an error, a line that is not nil is the last one.
func readLine(reader *bufio.Reader) ([]byte, error) {
	line, long := []byte{}, false
	for {
		part, err := reader.ReadSlice('\n')
		if long = long || len(line)+len(part) > maxMessage; long {
			line = nil
		} else {
			line = append(line, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && len(line) == 0 {
			return nil, err
		}
		return line, err
	}
}

// take does what one line of the client asks for.
func (b *bridge) take(ctx context.Context, line []byte) {
	if line == nil {
		b.refuse(nil, codeInvalidRequest, fmt.Sprintf("the message is larger than %d MiB", maxMessage>>20))
		return
	}
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return
	}
	messages, err := parseMessages(line)
	if err != nil {
		b.refuse(err.id, err.code, err.text)
	}
	for _, m := range messages {
		switch {
		case m.method == "notifications/cancelled": //nolint:misspell // as MCP spells it
			b.cancel(m)
		case m.id != nil && m.method != "":
			p := b.begin(ctx, m)
			if p != nil && m.method == "initialize" { // everything else belongs to what it begins
				select {
				case <-p.done:
				case <-ctx.Done():
				}
			}
		case m.method == "notifications/initialized":
			b.initialized(ctx, m) // before anything that the client sends next
		default:
			select {
			case b.oneWay <- m:
			case <-ctx.Done():
			}
		}
	}
}

// begin starts a request of the client, unless it is refused.
func (b *bridge) begin(ctx context.Context, m *message) *pending {
	ctx, cancel := context.WithCancel(ctx)
	p := &pending{message: m, cancel: cancel, done: make(chan struct{}), wrote: make(chan struct{})}
	b.mu.Lock()
	why := ""
	switch {
	case b.pending[m.key] != nil:
		why = "another request with this id is under way"
	case len(b.pending) >= maxPending, len(b.pending) > 0 && b.bytes+len(m.raw) > maxPendingBytes:
		why = "too many requests are under way"
	default:
		b.add(p)
	}
	b.mu.Unlock()
	if why != "" {
		cancel()
		b.refuse(m.id, codeInvalidRequest, why)
		return nil
	}
	b.requests.Go(func() {
		defer close(p.done)
		defer cancel()
		err := b.exchange(ctx, p)
		if !b.settle(p) {
			return
		}
		switch noTime := errors.Is(context.Cause(ctx), errNoTime); {
		case noTime:
			b.fail(p, errNoTime)
		case ctx.Err() != nil:
		case err == nil:
			b.fail(p, errBrokenOff)
		default:
			b.fail(p, err)
		}
	})
	return p
}

// add makes a request one that is under way; mu is held.
func (b *bridge) add(p *pending) {
	b.pending[p.key] = p
	b.bytes += len(p.raw)
}

// settle says that a request needs no answer any more, and whether it did.
func (b *bridge) settle(p *pending) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.pending[p.key] != p {
		return false
	}
	delete(b.pending, p.key)
	b.bytes -= len(p.raw)
	return true
}

// waits says whether a request was not answered yet.
func (b *bridge) waits(p *pending) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pending[p.key] == p
}

// cancel ends a request that the client does not want answered any more. Since
// 2026-07-28 the broken-off request is the cancellation; older servers are told.
func (b *bridge) cancel(m *message) {
	b.mu.Lock()
	p := b.pending[idKey(m.requestID)]
	b.mu.Unlock()
	switch {
	case p == nil && b.current() == nil, p != nil && (p.ours || !b.settle(p)):
		return
	case p != nil && p.version != "":
		p.cancel()
		return
	}
	m.cancels = p
	select {
	case b.oneWay <- m:
	default: // the server is slow to take what it is told, and is not told
		if p != nil {
			p.cancel()
		}
	}
}

// finish waits for what is under way when the client's messages have ended.
func (b *bridge) finish(ctx context.Context) {
	b.mu.Lock()
	for key, p := range b.pending {
		if p.method == "subscriptions/listen" { // it has no end
			delete(b.pending, key)
			p.cancel()
		}
	}
	b.mu.Unlock()
	if !b.await(ctx, b.signer.cfg.Timeout) {
		b.stop(errNoTime)
	}
}

// await waits until nothing is under way any more, and says whether that is
// so. A client that does not read keeps it waiting for no longer than that.
func (b *bridge) await(ctx context.Context, longest time.Duration) bool {
	over := make(chan struct{})
	go func() {
		b.requests.Wait()
		b.others.Wait()
		close(over)
	}()
	timer := time.NewTimer(longest)
	defer timer.Stop()
	select {
	case <-over:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// write gives the client one message.
func (b *bridge) write(raw []byte) error {
	b.writing.Lock()
	defer b.writing.Unlock()
	if _, err := b.stdio.Out.Write(append(raw, '\n')); err != nil {
		b.stop(errClientGone)
		return errClientGone
	}
	return nil
}

// trouble tells of what went wrong; nil: nothing did.
func (b *bridge) trouble(err error) {
	b.reporting.Lock()
	defer b.reporting.Unlock()
	said := ""
	if err != nil {
		said = err.Error()
	}
	b.mu.Lock()
	again := b.told == said
	b.told = said
	b.mu.Unlock()
	if err != nil && !again && b.stdio.Trouble != nil {
		b.stdio.Trouble(err)
	}
}
