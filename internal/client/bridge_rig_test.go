package client_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// pipe is an MCP client at the stdio side of a bridge.
type pipe struct {
	t     *testing.T
	in    *io.PipeWriter
	lines chan string // what the bridge wrote
	ended chan error  // what it ended with
	stop  context.CancelFunc

	mu      sync.Mutex
	trouble []string
}

// bridge starts a bridge; the test ends it.
func (r *rig) bridge(t *testing.T) *pipe {
	t.Helper()
	in, stdin := io.Pipe()
	stdout, out := io.Pipe()
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	p := &pipe{t: t, in: stdin, lines: make(chan string, 1000), ended: make(chan error, 1), stop: stop}
	go func() {
		scanner := bufio.NewScanner(stdout)
		scanner.Buffer(nil, 100<<20)
		for scanner.Scan() {
			p.lines <- scanner.Text()
		}
		close(p.lines)
	}()
	go func() {
		err := client.Bridge(ctx, r.Config, client.Stdio{In: in, Out: out, Program: "prog", Trouble: func(err error) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.trouble = append(p.trouble, err.Error())
		}})
		_ = out.Close()
		p.ended <- err
		close(p.ended)
	}()
	t.Cleanup(func() {
		stop()
		_ = stdin.Close()
		<-p.ended
	})
	return p
}

// send gives the bridge lines.
func (p *pipe) send(lines ...string) {
	p.t.Helper()
	for _, line := range lines {
		if _, err := io.WriteString(p.in, line+"\n"); err != nil {
			p.t.Fatal(err)
		}
	}
}

// line is the next line that the bridge writes.
func (p *pipe) line() string {
	p.t.Helper()
	select {
	case line, open := <-p.lines:
		if !open {
			p.t.Fatal("the bridge has ended")
		}
		return line
	case <-p.t.Context().Done():
		p.t.Fatal("the bridge writes nothing")
	}
	return ""
}

// ask sends a request and gives the next line, its answer.
func (p *pipe) ask(request string) string {
	p.t.Helper()
	p.send(request)
	return p.line()
}

// close ends the client's messages and gives what else the bridge wrote.
func (p *pipe) close() (rest []string, err error) {
	_ = p.in.Close()
	for line := range p.lines {
		rest = append(rest, line)
	}
	return rest, <-p.ended
}

const initialized = `{"jsonrpc":"2.0","method":"notifications/initialized"}`

func initialize(id any) string {
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%v,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{"elicitation":{}},"clientInfo":{"name":"t","version":"1"}}}`, id)
}

// open begins a session of the older generation.
func (p *pipe) open() {
	p.t.Helper()
	if answer := p.ask(initialize(1)); !strings.Contains(answer, `"protocolVersion":"2025-11-25"`) {
		p.t.Fatalf("initialize: %s", answer)
	}
	p.send(initialized)
}

// meta is what each request of 2026-07-28 carries.
const meta = `"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientCapabilities":{},"io.modelcontextprotocol/clientInfo":{"name":"t","version":"1"}}`

// calling is a tools/call in one of the generations.
func calling(modern bool, id, tool, arguments string) string {
	more := ""
	if modern {
		more = "," + meta
	}
	return fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"method":"tools/call","params":{"name":%q,"arguments":%s%s}}`, id, tool, arguments, more)
}

// said checks that a line is a response with an error, and gives its code and
// message.
func said(t *testing.T, line, id string) (code int, message string) {
	t.Helper()
	var answer struct {
		ID    json.RawMessage `json:"id"`
		Error struct {
			Code    int    `json:"code"`
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal([]byte(line), &answer); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	want(t, "id of "+line, string(answer.ID), id)
	return answer.Error.Code, answer.Error.Message
}

// script is an MCP server that answers by hand; it notes what it gets.
type script struct {
	*fake
	answer func(w http.ResponseWriter, r *http.Request, body string)

	mu       sync.Mutex
	requests []recorded
}

type recorded struct {
	method string
	header http.Header
	body   string
}

// scripted puts a script behind the fake's door.
func scripted(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, body string)) *script {
	t.Helper()
	s := &script{fake: newFake(t), answer: answer}
	s.mcp = s
	return s
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	s.requests = append(s.requests, recorded{r.Method, r.Header.Clone(), string(body)})
	s.mu.Unlock()
	s.answer(w, r, string(body))
}

// got are the requests so far whose method and body contain these.
func (s *script) got(method, text string) []recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	var some []recorded
	for _, r := range s.requests {
		if r.method == method && strings.Contains(r.body, text) {
			some = append(some, r)
		}
	}
	return some
}

// idOf is a request's id, as it was written.
func idOf(body string) string {
	var request struct {
		ID json.RawMessage `json:"id"`
	}
	_ = json.Unmarshal([]byte(body), &request)
	return string(request.ID)
}

func writeJSON(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, text)
}

func writeEvents(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/event-stream")
	_, _ = io.WriteString(w, text)
	_ = http.NewResponseController(w).Flush()
}

// handshake answers what begins a session, and says whether it did.
func handshake(w http.ResponseWriter, r *http.Request, body, session string) bool {
	switch {
	case r.Method == http.MethodDelete:
		w.WriteHeader(http.StatusNoContent)
	case strings.Contains(body, `"initialize"`):
		w.Header().Set("Mcp-Session-Id", session)
		writeJSON(w, 200, `{"jsonrpc":"2.0","id":`+idOf(body)+`,"result":{"protocolVersion":"2025-11-25","capabilities":{},"serverInfo":{"name":"s","version":"1"}}}`)
	case r.Method == http.MethodPost && idOf(body) == "":
		w.WriteHeader(http.StatusAccepted)
	default:
		return false
	}
	return true
}
