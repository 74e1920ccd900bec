package client

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// maxDebugBody bounds what is kept of a body to show it, in bytes: one that is
// longer is not shown, since what is cut cannot be searched for secrets.
// maxDebugShown bounds what is shown of it.
const (
	maxDebugBody  = 1 << 20
	maxDebugShown = 16 << 10
)

// debugger shows HTTP exchanges, without secrets, to Config.Debug and
// Config.Exchanges. It stands innermost, so that it sees what goes over the
// wire. nil shows nothing.
type debugger struct {
	secrets secrets
	tell    func(HTTPExchange) // nil: nobody
	told    atomic.Uint64      // counts the exchanges

	mu  sync.Mutex // serializes writes
	out io.Writer  // nil: none
}

func newDebugger(cfg Config) *debugger {
	if cfg.Debug == nil && cfg.Exchanges == nil {
		return nil
	}
	d := &debugger{out: cfg.Debug, tell: cfg.Exchanges}
	d.hide(cfg.AccessToken, cfg.ClientSecret)
	return d
}

// hide makes sure that the values are never shown.
func (d *debugger) hide(values ...string) {
	if d != nil {
		d.secrets.add(values...)
	}
}

// over gives a transport whose exchanges are shown.
func (d *debugger) over(base http.RoundTripper) http.RoundTripper {
	if d == nil {
		return base
	}
	return &debugged{debugger: d, base: base}
}

// write shows one record: a first line, and lines below it. Every line begins
// with the mark, so that nothing foreign passes for a line of ours.
func (d *debugger) write(mark string, lines ...string) {
	if d.out == nil {
		return
	}
	var b strings.Builder
	for _, line := range lines {
		for part := range strings.SplitSeq(strings.TrimRight(Printable(line), "\n"), "\n") {
			b.WriteString(strings.TrimRight(mark+" "+part, " ") + "\n")
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, _ = io.WriteString(d.out, b.String()) // a debugging aid that cannot be written is no error
}

// debugged is a transport whose exchanges are shown.
type debugged struct {
	*debugger
	base http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (d *debugged) RoundTrip(req *http.Request) (*http.Response, error) {
	x := d.showRequest(req)
	x.quiet, _ = req.Context().Value(quietKey{}).(bool)
	x.ID, x.Began = d.told.Add(1), time.Now()
	resp, err := d.base.RoundTrip(req)
	x.Took = time.Since(x.Began)
	took := x.Took.Milliseconds()
	if err != nil {
		x.Failed, x.Done = PrintableLine(d.secrets.redact(err.Error())), true
		d.write("<", fmt.Sprintf("no answer after %d ms: %s", took, x.Failed))
		d.tells(x)
		return nil, err
	}
	d.secrets.fromHeader(resp.Header, false)
	status := strings.TrimSpace(strings.TrimPrefix(resp.Status, fmt.Sprint(resp.StatusCode)))
	x.Status, x.ResponseHeader = resp.StatusCode, d.headers(resp.Header, false)
	d.write("<", append([]string{fmt.Sprintf("%d %s %d ms", resp.StatusCode, d.secrets.redact(status), took)}, x.ResponseHeader...)...)
	d.tells(x)
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	resp.Body = &debuggedBody{debugger: d.debugger, body: resp.Body, kind: kind, exchange: x}
	return resp, nil
}

// showRequest shows a request, and gives what is told of it.
func (d *debugged) showRequest(req *http.Request) *HTTPExchange {
	d.secrets.fromHeader(req.Header, true)
	kind, _, _ := mime.ParseMediaType(req.Header.Get("Content-Type"))
	var body []byte
	long := false
	if req.GetBody != nil {
		if copied, err := req.GetBody(); err == nil {
			body, _ = io.ReadAll(io.LimitReader(copied, maxDebugBody+1))
			_ = copied.Close()
			long = len(body) > maxDebugBody
		}
	}
	d.secrets.fromURL(req.URL)
	d.secrets.fromBody(kind, body) // before the first line: it may repeat them
	x := &HTTPExchange{Method: req.Method, URL: PrintableLine(d.secrets.url(req.URL.String())), Sent: req.ContentLength, RequestHeader: d.headers(req.Header, true)}
	lines := append([]string{x.Method + " " + x.URL}, x.RequestHeader...)
	switch {
	case long:
		x.RequestBody = tooLong
	case len(body) > 0:
		x.RequestBody = Printable(d.body(kind, body))
	}
	if x.RequestBody != "" {
		lines = append(lines, "", x.RequestBody)
	}
	d.write(">", lines...)
	return x
}

const tooLong = "(a body that is too long to be shown)"

// ours are the headers of requests that hold nothing of the user's. Any other,
// as those that he gives himself, is shown without its value.
var ours = []string{
	"Accept", "Accept-Encoding", "Cache-Control", "Content-Length", "Content-Type", "Last-Event-Id",
	"Mcp-Method", "Mcp-Name", "Mcp-Protocol-Version", "User-Agent",
}

// headers are the lines of a header, sorted.
func (d *debugger) headers(h http.Header, request bool) []string {
	var lines []string
	for name, values := range h {
		for _, value := range values {
			switch {
			case request && userHeader(name), secretHeader(name):
				value = redacted
			case http.CanonicalHeaderKey(name) == "Location", http.CanonicalHeaderKey(name) == "Content-Location":
				value = d.secrets.url(value)
			default:
				value = d.secrets.redact(value)
			}
			if len(value) > maxDebugShown {
				value = value[:maxDebugShown] + "…"
			}
			lines = append(lines, PrintableLine(d.secrets.redact(name)+": "+value))
		}
	}
	slices.Sort(lines)
	return lines
}

// body is a whole body, fit to be shown.
func (d *debugger) body(kind string, body []byte) string {
	if kind == "text/html" { // what a form of it holds has any name
		return fmt.Sprintf("(a page of %d bytes)", len(body))
	}
	text := d.secrets.body(kind, body)
	if len(text) > maxDebugShown {
		text = text[:maxDebugShown] + fmt.Sprintf("\n… (%d bytes in all)", len(body))
	}
	return text
}

// debuggedBody shows a body when it has been read: a stream event by event,
// anything else at its end.
type debuggedBody struct {
	*debugger
	body io.ReadCloser
	kind string

	mu       sync.Mutex // guards what follows
	exchange *HTTPExchange
	kept     []byte
	long     bool // kept is not all
	ended    bool
}

// Read implements io.Reader.
func (b *debuggedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.exchange.Received += int64(n)
	b.take(p[:n])
	if err != nil {
		b.end()
	}
	return n, err
}

// Close implements io.Closer.
func (b *debuggedBody) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.end()
	return b.body.Close()
}

func (b *debuggedBody) take(p []byte) {
	if b.kind != "text/event-stream" {
		b.keep(p)
		return
	}
	for len(p) > 0 {
		line, rest, found := bytes.Cut(p, []byte("\n"))
		b.keep(line)
		if !found {
			return
		}
		b.keep([]byte("\n"))
		p = rest
		if bytes.HasSuffix(b.kept, []byte("\n\n")) || bytes.HasSuffix(b.kept, []byte("\n\r\n")) {
			b.event()
		}
	}
}

func (b *debuggedBody) keep(p []byte) {
	if len(b.kept)+len(p) > maxDebugBody {
		p = p[:maxDebugBody-len(b.kept)]
		b.long = true
	}
	b.kept = append(b.kept, p...)
}

// event shows one event of a stream, and forgets it.
func (b *debuggedBody) event() {
	kept, long := bytes.TrimSpace(b.kept), b.long
	b.kept, b.long = nil, false
	if long {
		b.show(tooLong)
		return
	}
	var lines []string
	var data []byte
	for line := range bytes.Lines(kept) {
		line = bytes.TrimRight(line, "\r\n")
		if value, ok := bytes.CutPrefix(line, []byte("data:")); ok {
			data = append(append(data, bytes.TrimPrefix(value, []byte(" "))...), '\n')
		} else {
			lines = append(lines, b.secrets.redact(string(line)))
		}
	}
	if data = bytes.TrimSuffix(data, []byte("\n")); len(data) > 0 {
		b.secrets.fromBody("", data)
		lines = append(lines, "data: "+b.debugger.body("", data))
	}
	if len(lines) > 0 {
		b.show(strings.Join(lines, "\n"))
	}
}

func (b *debuggedBody) end() {
	if b.ended {
		return
	}
	b.ended = true
	switch {
	case b.kind == "text/event-stream" && len(b.kept) > 0:
		b.event()
	case b.long:
		b.show(tooLong)
	case len(bytes.TrimSpace(b.kept)) > 0:
		b.secrets.fromBody(b.kind, b.kept)
		b.show(b.debugger.body(b.kind, b.kept))
	}
	b.kept = nil
	b.exchange.Done = true
	b.tells(b.exchange)
}

// show shows more of the body.
func (b *debuggedBody) show(text string) {
	text = strings.TrimRight(Printable(text), "\n")
	b.write("<", "", text)
	b.exchange.adds(text)
	if b.kind == "text/event-stream" {
		b.tells(b.exchange)
	}
}

// hideSession makes sure that nothing secret of a sign-in is shown; nil: none.
func (d *debugger) hideSession(session *tokencache.Session) {
	if session != nil {
		d.hide(session.AccessToken, session.RefreshToken, session.ClientSecret)
	}
}
