package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"
)

const (
	// reconnectSoon and reconnectLate bound the pause before a stream is taken
	// up again; a server's own retry is bounded by maxRetry.
	reconnectSoon = time.Second
	reconnectLate = 30 * time.Second
	maxRetry      = 5 * time.Minute
	// maxResumes bounds how often the stream of a request is taken up again
	// without anything new on it.
	maxResumes = 5
	// afterwards is how long a stream may go on after the answer: to its end,
	// so that the connection is used again.
	afterwards = time.Second
)

// bulk is text of the server on its way to the client.
type bulk struct {
	bridge *bridge // nil: several large ones may be on their way at once
	text   []byte
	large  bool
}

func (k *bulk) add(ctx context.Context, more []byte) error {
	size := len(k.text) + len(more)
	if size > maxResult {
		return errResultTooLarge
	}
	if size > largeMessage && !k.large && k.bridge != nil {
		select {
		case k.bridge.large <- struct{}{}:
			k.large = true
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	k.text = append(k.text, more...)
	return nil
}

// release forgets the text, which the client has.
func (k *bulk) release() {
	if k.large {
		<-k.bridge.large
	}
	k.text, k.large = nil, false
}

// fill reads a text to its end.
func (k *bulk) fill(ctx context.Context, from io.Reader) error {
	part := make([]byte, 32<<10)
	for {
		n, err := from.Read(part)
		if trouble := k.add(ctx, part[:n]); trouble != nil {
			return trouble
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// events reads server-sent events (HTML, 9.2.6).
type events struct {
	reader *bufio.Reader
	data   bulk
}

// event is one of them, but for its data.
type event struct {
	name  string
	id    *string
	retry time.Duration // 0: not said
}

// next reads one event, whose data is in e.data until the next one. What the
// end cut off is none, unless its data is whole.
func (e *events) next(ctx context.Context) (event, error) {
	e.data.release()
	var ev event
	seen, inData := false, false
	for begins := true; ; {
		part, err := e.reader.ReadSlice('\n')
		ended := !errors.Is(err, bufio.ErrBufferFull)
		if ended {
			part = bytes.TrimRight(part, "\r\n")
		}
		switch value, isData := bytes.CutPrefix(part, []byte("data:")); {
		case begins && len(part) == 0:
			if seen && err == nil {
				return ev, nil
			}
		case begins && isData:
			inData, seen = true, true
			value = bytes.TrimPrefix(value, []byte(" "))
			if e.data.text != nil {
				value = append([]byte{'\n'}, value...)
			}
			if err := e.data.add(ctx, value); err != nil {
				return ev, err
			}
		case !begins && inData:
			if err := e.data.add(ctx, part); err != nil {
				return ev, err
			}
		case begins:
			seen = ev.take(part) || seen
		}
		if ended && err != nil {
			if json.Valid(e.data.text) {
				return ev, nil
			}
			return ev, err
		}
		if begins = ended; ended {
			inData = false
		}
	}
}

// take reads a field that is not data, and says whether it is known.
func (ev *event) take(line []byte) bool {
	name, value, _ := bytes.Cut(line, []byte(":"))
	text := string(bytes.TrimPrefix(value, []byte(" ")))
	switch string(name) {
	case "event":
		ev.name = text
	case "id":
		id := token(text)
		ev.id = &id
	case "retry":
		if ms, err := strconv.Atoi(text); err == nil && ms >= 0 {
			ev.retry = max(time.Millisecond, min(time.Duration(min(ms, 1<<30))*time.Millisecond, maxRetry))
		}
	default:
		return false
	}
	return true
}

// place is where a stream is taken up again.
type place struct {
	id    string        // of the last event; "": it cannot be
	retry time.Duration // 0: the server did not say
	fails int           // in a row
}

// pause is how long to wait before that.
func (at *place) pause() time.Duration {
	if at.retry > 0 && at.fails <= 1 {
		return at.retry
	}
	return max(at.retry, min(reconnectSoon<<min(max(at.fails-1, 0), 10), reconnectLate))
}

// pump gives the client what a stream has, to its end; p is the request that
// it answers, nil: none. It never gives nil.
func (b *bridge) pump(ctx context.Context, stream io.Reader, at *place, p *pending) error {
	reader := &events{reader: bufio.NewReaderSize(stream, 32<<10), data: bulk{bridge: b}}
	defer reader.data.release()
	for {
		ev, err := reader.next(ctx)
		if err != nil {
			return err
		}
		at.fails = 0
		if ev.retry > 0 {
			at.retry = ev.retry
		}
		if len(bytes.TrimSpace(reader.data.text)) > 0 && (ev.name == "" || ev.name == "message") {
			messages, bad := parseMessages(reader.data.text)
			if bad != nil {
				b.trouble(notMCP(b.signer.server, errors.New(bad.text)))
			}
			for _, m := range messages {
				if err := b.deliver(m); err != nil {
					return err
				}
			}
		}
		if ev.id != nil {
			at.id = *ev.id
		}
		if p != nil && !b.waits(p) {
			defer time.AfterFunc(afterwards, p.cancel).Stop()
			p = nil
		}
	}
}

// follow gives the client the stream that answers a request. Where it was cut
// and the server numbers its events, it is taken up again.
func (b *bridge) follow(ctx context.Context, p *pending, resp *http.Response) error {
	at := &place{}
	for {
		if resp != nil {
			err := b.pump(ctx, resp.Body, at, p)
			_ = resp.Body.Close()
			switch {
			case errors.Is(err, errResultTooLarge):
				return &Error{Kind: KindFailure, Message: b.signer.server + ": " + err.Error(), Err: err}
			case errors.Is(err, errClientGone), ctx.Err() != nil:
				return err
			}
		}
		if !b.waits(p) {
			return nil
		}
		at.fails++
		session := b.sessionOf(p)
		if at.id == "" || session == nil || at.fails > maxResumes {
			return errBrokenOff
		}
		if err := pause(ctx, at.pause()); err != nil {
			return err
		}
		var err error
		resp, err = b.open(ctx, session, at)
		var own *Error
		switch {
		case err == nil && streams(resp):
		case err == nil && unavailableStatus(resp.StatusCode), errors.As(err, &own) && own.Kind == KindUnavailable:
			closeBody(resp)
			resp = nil
		case err == nil:
			closeBody(resp)
			return errBrokenOff
		default:
			return err
		}
	}
}

// open asks for a stream of a session: the one that was cut, or, at no place,
// the one for what the server says of itself.
func (b *bridge) open(ctx context.Context, session *bridged, at *place) (*http.Response, error) {
	h := b.commonHeaders(session)
	h.Set("Accept", "text/event-stream")
	if at.id != "" {
		h.Set("Last-Event-Id", at.id)
	}
	return b.send(ctx, outgoing{method: http.MethodGet, header: h, quiet: true})
}

func streams(resp *http.Response) bool {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	return resp.StatusCode == http.StatusOK && kind == "text/event-stream"
}

func closeBody(resp *http.Response) {
	if resp != nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
		_ = resp.Body.Close()
	}
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// rouse wakes the listener: a message of the session got through.
func (b *bridge) rouse(session *bridged) {
	if session == nil {
		return
	}
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// listenAlways listens to what the server says of itself, in one session after
// the other.
func (b *bridge) listenAlways(ctx context.Context) {
	for {
		select {
		case <-b.wake:
		case <-ctx.Done():
			return
		}
		b.mu.Lock()
		session := b.session
		ready := session != nil && session.opened != nil && !session.deaf
		heard, hangUp := context.WithCancel(ctx)
		b.hangUp = hangUp
		b.mu.Unlock()
		if ready {
			b.listen(heard, session)
		}
		hangUp()
	}
}

// listen listens to one session, until it ends or the server refuses. After a
// refusal it begins again when another message got through. A 404 is the end of
// a session that was heard; else that of a server with nothing to listen to.
func (b *bridge) listen(ctx context.Context, session *bridged) {
	at, heard := &place{}, false
	for {
		resp, err := b.open(ctx, session, at)
		var own *Error
		switch {
		case ctx.Err() != nil:
			closeBody(resp)
			return
		case err != nil && errors.As(err, &own) && own.Kind != KindUnavailable:
			b.signer.log.Info("does not listen to the server", "server", b.signer.server, "reason", own.Message)
			return
		case err != nil, unavailableStatus(resp.StatusCode), resp.StatusCode >= 500:
			closeBody(resp)
		case heard && session.lost(resp.StatusCode, nil):
			closeBody(resp)
			if b.rebuild(ctx, session) == nil {
				return
			}
		case !streams(resp):
			closeBody(resp)
			if at.id != "" { // it does not go on from there
				at.id = ""
				continue
			}
			b.mu.Lock()
			session.deaf = true
			b.mu.Unlock()
			return
		default:
			began := time.Now()
			heard = true
			_ = b.pump(ctx, resp.Body, at, nil)
			_ = resp.Body.Close()
			if time.Since(began) > reconnectLate {
				at.fails = 0
			}
		}
		at.fails++
		if pause(ctx, at.pause()) != nil {
			return
		}
	}
}
