package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
)

// standingPatience bounds the wait for a server to open the stream on which it
// may ask something. Some only answer once they have something to say.
const standingPatience = 300 * time.Millisecond

// get sends a GET: of a session of an older generation, to take up a stream
// that broke, or to open the one on which the server speaks unasked. The newer
// generation has neither.
func (t *tap) get(req *http.Request, watch *trace) (*http.Response, error) {
	again := req.Header.Get("Last-Event-ID") != ""
	if again {
		watch.broke()
	}
	switch {
	case req.Header.Get("Mcp-Protocol-Version") >= firstAborting:
		return noStream(req), nil
	case again:
		return t.exchange(req, watch)
	case req.Header.Get("Mcp-Session-Id") == "":
		return noStream(req), nil // what it says could not be meant for us
	}
	s := &standing{conn: t.conn, req: req.Clone(req.Context()), opened: make(chan struct{})}
	go s.begin()
	patience := time.NewTimer(standingPatience)
	defer patience.Stop()
	select {
	case <-s.opened:
		if s.over {
			return noStream(req), nil
		}
	case <-patience.C:
	case <-req.Context().Done():
	}
	return s.response(), nil
}

// listen sends subscriptions/listen, which is what the newer generation has.
// The SDK waits for no answer to it, and learns of none but its notifications.
func (t *tap) listen(req *http.Request) *http.Response {
	s := &standing{conn: t.conn, req: req.Clone(req.Context()), opened: make(chan struct{}), listens: true}
	s.topics = topicsOf(req)
	s.wanted = t.conn.expects(s.topics)
	go s.begin()
	return s.response()
}

// topicsOf are those that a subscriptions/listen asks for.
func topicsOf(req *http.Request) topics {
	var message struct {
		Params struct {
			Notifications topics `json:"notifications"`
		} `json:"params"`
	}
	if body, err := req.GetBody(); err == nil {
		_ = json.NewDecoder(body).Decode(&message) // the SDK wrote it
		_ = body.Close()
	}
	return message.Params.Notifications
}

// noStream is the answer of a server that has no such stream.
func noStream(req *http.Request) *http.Response {
	return made(req, http.StatusMethodNotAllowed, io.NopCloser(strings.NewReader("")))
}

// made is an answer of our own.
func made(req *http.Request, status int, body io.ReadCloser) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: body, Request: req,
	}
}

// standing is a stream on which a server speaks unasked. It does not end before
// its request's context does: one that is cut is opened again, so that neither
// the session nor what is heard in it ends with a connection.
type standing struct {
	conn    *Conn
	req     *http.Request
	listens bool         // it is subscriptions/listen
	topics  topics       // of that
	wanted  *expectation // who waits for it; nil: nobody (any more)
	opened  chan struct{}

	// What follows belongs to begin until opened is closed, then to Read.
	over   bool // the server has no such stream, or none any more
	body   io.ReadCloser
	events *events
	at     place
	began  time.Time
	again  bool // it was heard before, and may have missed something
	rest   []byte
}

func (s *standing) response() *http.Response {
	resp := made(s.req, http.StatusOK, s)
	resp.Header.Set("Content-Type", "text/event-stream")
	return resp
}

// send asks for the stream.
func (s *standing) send() (*http.Response, error) {
	req := s.req.Clone(s.req.Context())
	req.Header.Del("Authorization") // that of the SDK's request may have ended since, or be that of who signed out
	if bearer := s.conn.signer.bearer(); bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	if s.req.GetBody != nil {
		body, err := s.req.GetBody()
		if err != nil {
			return nil, err
		}
		req.Body = body
	}
	if s.at.id != "" && !s.listens {
		req.Header.Set("Last-Event-Id", s.at.id)
	}
	return s.conn.signer.mcp.Do(req)
}

// begin opens the stream. One of which nobody waits for the outcome may come later.
func (s *standing) begin() {
	defer close(s.opened)
	resp, err := s.send()
	switch {
	case err == nil && streams(resp):
		s.take(resp)
	case !s.listens && !later(resp, err):
		closeBody(resp)
		s.over = true
	case err != nil && s.wanted != nil:
		s.wanted.watch.stop(err)
		s.refuse(err)
	case err == nil && (s.wanted != nil || !passes(resp.StatusCode)):
		s.refuse(s.refusal(resp))
	default:
		closeBody(resp)
	}
}

// later says whether a session of an older generation may have a stream yet. Most
// servers that have none are not busy.
func later(resp *http.Response, err error) bool {
	if err != nil {
		return !errors.Is(err, errRedirect)
	}
	return unavailableStatus(resp.StatusCode)
}

// passes says whether a status speaks of now, and not of the stream.
func passes(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusRequestTimeout || status == http.StatusTooManyRequests || status >= 500
}

func (s *standing) take(resp *http.Response) {
	s.body, s.began = resp.Body, time.Now()
	s.events = &events{reader: bufio.NewReader(resp.Body)}
}

// Read implements io.Reader. It gives whole messages: what a cut leaves half is none.
func (s *standing) Read(p []byte) (int, error) {
	ctx := s.req.Context()
	select {
	case <-s.opened:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	for len(s.rest) == 0 {
		switch {
		case s.over:
			<-ctx.Done()
		case s.body == nil:
			s.reopen(ctx)
		default:
			s.next(ctx)
		}
		if err := ctx.Err(); err != nil {
			return 0, err
		}
	}
	n := copy(p, s.rest)
	s.rest = s.rest[n:]
	return n, nil
}

// Close implements io.Closer. The SDK calls it once the context is over.
func (s *standing) Close() error {
	<-s.opened
	if s.body == nil {
		return nil
	}
	return s.body.Close()
}

// next takes an event.
func (s *standing) next(ctx context.Context) {
	ev, err := s.events.next(ctx)
	if err != nil {
		s.cut(ctx)
		return
	}
	if ev.id != nil {
		s.at.id = *ev.id
	}
	if ev.retry > 0 {
		s.at.retry = ev.retry
	}
	if text := s.events.data.text; len(bytes.TrimSpace(text)) > 0 && (ev.name == "" || ev.name == "message") {
		s.hear(ctx, text)
	}
}

// hear takes a message. Of an answer to subscriptions/listen the SDK hears nothing:
// it would take that for the end.
func (s *standing) hear(ctx context.Context, text []byte) {
	var message struct {
		Method string `json:"method"`
		Params struct {
			Notifications topics `json:"notifications"`
		} `json:"params"`
		Error *jsonrpc.Error `json:"error"`
	}
	switch err := json.Unmarshal(text, &message); {
	case err != nil && !json.Valid(text): // nothing that the SDK could read
	case !s.listens:
		s.give(text)
	case message.Method == "notifications/subscriptions/acknowledged":
		s.acknowledged(message.Params.Notifications)
	case message.Error != nil:
		s.refuse(message.Error)
	case message.Method == "":
		s.cut(ctx)
	default:
		s.give(text)
	}
}

// give hands messages to the SDK.
func (s *standing) give(messages ...[]byte) {
	for _, text := range messages {
		line := bytes.NewBufferString("data: ")
		_ = json.Compact(line, text) // it is valid
		s.rest = append(append(s.rest, line.Bytes()...), "\n\n"...)
	}
}

var errUntold = errors.New("the server does not tell when it changes")

// acknowledged looks at what the server will tell.
func (s *standing) acknowledged(granted topics) {
	for _, uri := range s.topics.URIs {
		if !slices.Contains(granted.URIs, uri) {
			s.refuse(&Error{Kind: KindFailure, Message: errUntold.Error(), Err: errUntold})
			return
		}
	}
	if len(s.topics.URIs) == 0 && len(granted.kinds()) == 0 {
		s.refuse(errUntold)
		return
	}
	s.answer(nil)
	if s.again {
		s.give(s.topics.missed()...)
	}
	s.again = true
}

// answer tells who waits for the stream, if anybody does.
func (s *standing) answer(err error) (told bool) {
	if s.wanted == nil {
		return false
	}
	s.wanted.done <- err
	s.wanted = nil
	return true
}

// cut ends the stream until it is opened again.
func (s *standing) cut(ctx context.Context) {
	s.shut()
	if ctx.Err() != nil {
		return
	}
	if time.Since(s.began) > max(s.at.pause(), reconnectSoon) { // or a short retry would be a loop
		s.at.fails = 0
	}
	s.conn.tell(News{Kind: NewsCut})
}

func (s *standing) shut() {
	if s.body != nil {
		_ = s.body.Close()
		s.body = nil
	}
}

// reopen tries, after a pause, to open the stream again; where the server numbers
// what it says, from there on.
func (s *standing) reopen(ctx context.Context) {
	s.at.fails++
	if s.conn.rest(ctx, s.at.pause()) != nil {
		return
	}
	_ = s.conn.signer.ensure(ctx) // else the server says what is missing
	resp, err := s.send()
	switch {
	case err != nil:
	case streams(resp):
		s.take(resp)
		if !s.listens && s.at.id == "" {
			s.give(s.conn.topics().missed()...)
		}
	case passes(resp.StatusCode):
		closeBody(resp)
	case s.at.id != "" && !s.listens: // it does not go on from there
		closeBody(resp)
		s.at.id = ""
	default:
		s.refuse(s.refusal(resp))
	}
}

// refuse ends the stream for good. A session that has none any more is probably
// over, which the next operation will find.
func (s *standing) refuse(err error) {
	s.shut()
	s.over = true
	if s.answer(err) || s.req.Context().Err() != nil {
		return
	}
	s.conn.signer.log.Info("does not hear the server any more", "server", s.conn.signer.server, "reason", brief(err.Error()))
	for _, uri := range s.topics.URIs {
		s.conn.unwatched(uri, err)
	}
	if !s.listens {
		s.conn.tell(News{Kind: NewsCut})
	}
}

// refusal is the error for an answer that is no stream.
func (s *standing) refusal(resp *http.Response) error {
	defer closeBody(resp)
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		return challenged(resp.Request, resp)
	}
	if s.wanted != nil {
		s.wanted.watch.saw(resp) // its status
	}
	body, _ := io.ReadAll(io.LimitReader(resp.Body, largeMessage))
	var answer struct {
		Error *jsonrpc.Error `json:"error"`
	}
	switch {
	case json.Unmarshal(body, &answer) == nil && answer.Error != nil:
		return answer.Error
	case resp.StatusCode == http.StatusOK:
		return &Error{Kind: KindFailure, Message: errUntold.Error(), Err: errUntold}
	}
	status := &statusError{resp.StatusCode}
	if passes(resp.StatusCode) {
		return status
	}
	return &Error{Kind: KindFailure, Message: fmt.Sprintf("%s does not tell when it changes (%s)", s.conn.signer.server, status), Err: status}
}
