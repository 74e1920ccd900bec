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
	"strconv"
	"sync"
	"time"
)

const (
	// maxResult bounds what one operation reads from the MCP server, in bytes.
	maxResult = 64 << 20
	// maxRequests bounds how many requests one operation sends: pages of a
	// list, mostly.
	maxRequests = 256
)

var (
	errResultTooLarge  = fmt.Errorf("the answer is larger than %d MiB", maxResult>>20)
	errTooManyRequests = errors.New("the list does not end")
)

// trace watches one operation on the wire: the SDK gives numbers as float64,
// schemas in another order, and HTTP statuses as words.
type trace struct {
	mu       sync.Mutex
	requests int
	bytes    int
	bodies   []*tapped
	status   int           // of the last answer
	html     bool          // the last answer was a page
	retry    time.Duration // its Retry-After
	stopped  error         // why no more requests may be sent
	told     chan struct{} // closed when the server was told of the cancellation; nil: nobody waits
	hear     func([]byte)  // gets each message of a stream when it comes; nil: nobody listens
	method   string        // of the request that is kept
	request  []byte        // the last one of that method
	broken   bool          // an answer broke off
	opening  bool          // a session is being made
	greeted  bool          // the older generation's handshake was begun

	asked map[string]bool // the ids of the server's requests that are being answered; guarded by operations.mu
}

type traceKey struct{}

func withTrace(ctx context.Context, t *trace) context.Context {
	return context.WithValue(ctx, traceKey{}, t)
}

// traceOf is who watches a request. What nobody does has a trace of its own, for
// the bounds: so do answers to the server, which a session of an older generation
// gives in the context of whoever makes it, or made it long ago.
func traceOf(req *http.Request) *trace {
	watch, _ := req.Context().Value(traceKey{}).(*trace)
	if watch == nil || watch.opening && methodOf(req) == "" {
		return &trace{}
	}
	return watch
}

// tap is the transport of the MCP session. It belongs to whoever put a trace
// into the request's context.
type tap struct {
	conn      *Conn
	base      http.RoundTripper
	userAgent string
}

// RoundTrip implements http.RoundTripper.
func (t *tap) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context()) // RoundTrippers do not touch what they are given
	req.Header.Set("User-Agent", t.userAgent)
	watch := traceOf(req)
	switch {
	case req.Method == http.MethodGet:
		return t.get(req, watch)
	case req.Header.Get("Mcp-Protocol-Version") >= firstAborting && isCancellation(req):
		return made(req, http.StatusAccepted, http.NoBody), nil // that the request was broken off has said it
	case req.Header.Get("Mcp-Method") == "subscriptions/listen":
		return t.listen(req), nil
	case isCancellation(req):
		defer watch.tell() // a POST that was broken off does not stop this one
		return t.base.RoundTrip(req)
	}
	if watch.opening && methodOf(req) == "initialize" {
		if err := watch.handshake(); err != nil {
			watch.stop(err)
			return nil, err
		}
	}
	return t.exchange(req, watch)
}

// exchange sends a request of the operation that watches it.
func (t *tap) exchange(req *http.Request, watch *trace) (*http.Response, error) {
	if err := watch.admit(); err != nil {
		return nil, err
	}
	watch.sends(req)
	resp, err := t.base.RoundTrip(req)
	if err != nil {
		watch.unanswered(err)
		return nil, err
	}
	resp.Body = watch.saw(resp)
	return resp, nil
}

// admit counts a request. Once an operation is known to be lost, the SDK's
// fallback to the older handshake must not try again.
func (t *trace) admit() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped != nil {
		return t.stopped
	}
	if t.requests++; t.requests > maxRequests {
		return errTooManyRequests
	}
	return nil
}

// broke notes that an answer broke off: whatever comes of it, the server may
// have executed the request.
func (t *trace) broke() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken = true
}

// half notes that an answer ended in its middle. Half an answer to the probe says
// nothing of the server's generation: no handshake follows.
func (t *trace) half(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.broken = true
	if t.opening && t.stopped == nil {
		t.stopped = err
	}
}

func (t *trace) stop(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stopped == nil {
		t.stopped = err
	}
}

// unanswered notes that a request had no answer, whatever earlier ones had.
func (t *trace) unanswered(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status, t.html = 0, false
	if t.stopped == nil {
		t.stopped = err
	}
}

// keep makes the trace keep the last request of a method.
func (t *trace) keep(method string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.method = method
}

// tellAll has each message of a stream told when it comes.
func (t *trace) tellAll(hear func(message []byte)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.hear = hear
}

// sends keeps a request, if it is of the method that is wanted.
func (t *trace) sends(req *http.Request) {
	t.mu.Lock()
	method := t.method
	t.mu.Unlock()
	if method == "" || req.GetBody == nil {
		return
	}
	body, err := req.GetBody()
	if err != nil {
		return
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	var message struct {
		Method string `json:"method"`
	}
	if err != nil || json.Unmarshal(text, &message) != nil || message.Method != method {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.request = text
}

// exchange is the request that was kept, and its answer.
func (t *trace) exchange() Exchange {
	t.mu.Lock()
	defer t.mu.Unlock()
	e := Exchange{Request: t.request}
	var asked, answered struct {
		ID     json.RawMessage `json:"id"`
		Method string          `json:"method"` // of the server's own requests
	}
	if json.Unmarshal(e.Request, &asked) != nil {
		return e
	}
	for _, message := range t.seen() {
		answered.Method = ""
		if json.Unmarshal(message, &answered) == nil && answered.Method == "" && bytes.Equal(answered.ID, asked.ID) {
			e.Response = message
		}
	}
	return e
}

// saw notes an answer and wraps its body.
func (t *trace) saw(resp *http.Response) io.ReadCloser {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status = resp.StatusCode
	t.html = kind == "text/html"
	t.retry = retryAfter(resp.Header)
	if t.stopped == nil && (unavailableStatus(resp.StatusCode) || t.opening && resp.StatusCode >= 500) {
		t.stopped = &statusError{resp.StatusCode}
	}
	body := &tapped{trace: t, body: resp.Body, stream: kind == "text/event-stream"}
	t.bodies = append(t.bodies, body)
	return body
}

// retryAfter is how long a server asks to wait; 0 when it does not.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds <= 0 {
		return 0
	}
	return time.Duration(min(seconds, 24*3600)) * time.Second
}

// statusError is an HTTP status that ended an operation.
type statusError struct{ status int }

func (e *statusError) Error() string { return "HTTP status " + strconv.Itoa(e.status) }

// results are the results of all JSON-RPC answers that were seen, in order,
// byte for byte.
func (t *trace) results() []json.RawMessage {
	t.mu.Lock()
	defer t.mu.Unlock()
	var results []json.RawMessage
	for _, message := range t.seen() {
		var answer struct {
			Result json.RawMessage `json:"result"`
		}
		if json.Unmarshal(message, &answer) == nil && answer.Result != nil {
			results = append(results, answer.Result)
		}
	}
	return results
}

// answers counts the answers that were seen so far.
func (t *trace) answers() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.bodies)
}

// received is the last result that came after so many answers, byte for byte.
// Where none did, the SDK had it still, and gives it as it knows it.
func (t *trace) received(seen int, known any) (raw json.RawMessage, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, body := range t.bodies[seen:] {
		for _, message := range body.messages() {
			var answer struct {
				Result json.RawMessage `json:"result"`
			}
			if json.Unmarshal(message, &answer) == nil && answer.Result != nil {
				raw = answer.Result
			}
		}
	}
	if raw == nil {
		return json.Marshal(known)
	}
	if wantsInput(raw) {
		return nil, errNeedsInput
	}
	return raw, nil
}

// wantsInput says whether a result is none yet: the server asks something first.
func wantsInput(result json.RawMessage) bool {
	var known struct {
		Type string `json:"resultType"`
	}
	return json.Unmarshal(result, &known) == nil && known.Type == "input_required"
}

// asks says whether the last word of the server was a question.
func (t *trace) asks() bool {
	messages := t.messages()
	var last struct {
		Result json.RawMessage `json:"result"`
	}
	return len(messages) > 0 && json.Unmarshal(messages[len(messages)-1], &last) == nil && wantsInput(last.Result)
}

// messages are all JSON texts that were seen so far, in order.
func (t *trace) messages() [][]byte {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen()
}

// seen is messages for who holds the lock.
func (t *trace) seen() [][]byte {
	var all [][]byte
	for _, body := range t.bodies {
		all = append(all, body.messages()...)
	}
	return all
}
