package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// Elicitation is what a server wants to know of the user while it executes a
// call. Its texts are the server's: print them with [Printable].
type Elicitation struct {
	// Server is the URL of the server that asks.
	Server  string
	Message string
	// Schema is the object that is asked for, as on the wire: flat, with
	// properties that are strings, numbers, booleans or choices.
	Schema json.RawMessage
	// URL is the address to open in a browser instead, "" for none. It must
	// not be fetched, nor opened before the user has seen and allowed it.
	URL string
	// Host is the URL's, in lower case.
	Host string
	// Refused says why the URL must not be opened; nil: it may be.
	Refused error
}

// Action is the user's answer to an elicitation.
type Action string

// The actions that MCP knows. Decline is a no, Cancel is no answer.
const (
	Accept  Action = "accept"
	Decline Action = "decline"
	Cancel  Action = "cancel"
)

// Answer is the answer to an elicitation. Content is a JSON object that fits
// the schema; with Accept of a form only.
type Answer struct {
	Action  Action
	Content json.RawMessage
}

// errOpenFirst ends a call whose server wants an address visited before
// (-32042 of MCP 2025-11-25).
var errOpenFirst = errors.New("an address has to be opened first")

// clientOptions tell the SDK what we can do. With Config.Elicit the capability
// is declared even where the answer will be no: every server has to cope with
// a no, while a tool whose server may not ask mostly just fails. Without it
// nothing is declared, and a server that asks all the same gets an error.
func (c *Conn) clientOptions() *mcp.ClientOptions {
	o := &mcp.ClientOptions{Capabilities: &mcp.ClientCapabilities{}}
	if c.signer.cfg.Elicit != nil {
		o.ElicitationHandler = c.elicit
		o.Capabilities.Elicitation = &mcp.ElicitationCapabilities{Form: &mcp.FormElicitationCapabilities{}, URL: &mcp.URLElicitationCapabilities{}}
	}
	c.hear(o)
	return o
}

// elicit answers the server's question, in every generation of the protocol:
// as a request within the answer to a call, and as a result that wants input.
// No clock runs meanwhile. A question ends with its call, and with its session.
func (c *Conn) elicit(ctx context.Context, req *mcp.ElicitRequest) (*mcp.ElicitResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	resume, err := c.operations.pause(&asking{req.Session, cancel})
	if err != nil {
		return nil, err
	}
	defer resume()
	asker, schema := c.operations.asker(ctx, req.Params)
	defer context.AfterFunc(asker, cancel)()
	answer, err := c.signer.cfg.Elicit(asked{ctx, asker}, c.elicitation(req.Params, schema))
	if err != nil {
		return nil, err
	}
	result := &mcp.ElicitResult{Action: string(answer.Action)}
	if answer.Action != Accept || req.Params.URL != "" {
		return result, nil
	}
	result.Content = map[string]any{}
	if len(answer.Content) > 0 {
		// The SDK makes float64 of numbers in any case.
		if err := json.Unmarshal(answer.Content, &result.Content); err != nil {
			return nil, fmt.Errorf("reading the answer: %w", err)
		}
	}
	return result, nil
}

// asked is the context of a question with the values of the operation's that it
// belongs to. An older generation's question comes in a context of the session,
// which has those of whoever began the session.
type asked struct {
	context.Context

	of context.Context
}

// Value implements [context.Context].
func (a asked) Value(key any) any { return a.of.Value(key) }

func (c *Conn) elicitation(p *mcp.ElicitParams, schema json.RawMessage) Elicitation {
	e := Elicitation{Server: c.signer.server, Message: p.Message, URL: p.URL}
	if p.URL == "" {
		e.Schema = schema
		return e
	}
	u, err := c.signer.reach.check(p.URL)
	if err != nil {
		e.Refused = err
		return e
	}
	e.Host = u.Hostname()
	return e
}

// openFirst asks the user to open the addresses that a server wants visited
// before it executes a call (-32042). The call is not repeated: only the user
// knows when he is done there.
func (c *Conn) openFirst(ctx context.Context, data json.RawMessage) error {
	var wanted struct {
		Elicitations []*mcp.ElicitParams `json:"elicitations"`
	}
	if c.signer.cfg.Elicit == nil || json.Unmarshal(data, &wanted) != nil {
		return errNeedsInput
	}
	const most = 4 // addresses at once; a stranger sends them
	for i, p := range wanted.Elicitations {
		if p == nil || p.URL == "" || i == most {
			return errNeedsInput
		}
		result, err := c.elicit(ctx, &mcp.ElicitRequest{Params: p})
		if err != nil {
			return err
		}
		if Action(result.Action) != Accept {
			return errNeedsInput
		}
	}
	return errOpenFirst
}

// operations are those that are under way: what each saw on the wire, and its
// clock. The clocks stand while the user is asked something.
type operations struct {
	mu      sync.Mutex
	asking  map[*asking]bool
	running map[*operating]bool
	over    map[*mcp.ClientSession]bool // is being closed
}

type operating struct {
	of    context.Context // whose values its questions have
	clock *time.Timer
	limit time.Duration
	watch *trace
}

// begin starts an operation. Its context ends with errCallTimeout; end is to
// be called in any case.
func (o *operations) begin(ctx context.Context, limit time.Duration, watch *trace) (_ context.Context, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	o.mu.Lock()
	defer o.mu.Unlock()
	it := &operating{ctx, time.AfterFunc(limit, func() { cancel(errCallTimeout) }), limit, watch}
	if len(o.asking) > 0 {
		it.clock.Stop()
	}
	if o.running == nil {
		o.running = map[*operating]bool{}
	}
	o.running[it] = true
	return ctx, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		it.clock.Stop()
		delete(o.running, it)
		cancel(nil)
	}
}

// maxQuestions bounds how many questions wait for their answers.
const maxQuestions = 32

var errTooManyQuestions = errors.New("too many questions at once")

// asking is a question that waits for its answer.
type asking struct {
	session *mcp.ClientSession // nil: it belongs to an operation alone
	cancel  context.CancelFunc
}

// pause stops the clocks; resume winds them up again.
func (o *operations) pause(q *asking) (resume func(), err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case len(o.asking) >= maxQuestions:
		return nil, errTooManyQuestions
	case o.over[q.session]:
		return nil, errClosed
	}
	if o.asking == nil {
		o.asking = map[*asking]bool{}
	}
	o.asking[q] = true
	for it := range o.running {
		it.clock.Stop()
	}
	return func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		if delete(o.asking, q); len(o.asking) > 0 {
			return
		}
		for it := range o.running {
			it.clock.Reset(it.limit)
		}
	}, nil
}

// end closes a session. The SDK waits for its questions, so they end first.
func (o *operations) end(session *mcp.ClientSession) {
	o.mu.Lock()
	if o.over == nil {
		o.over = map[*mcp.ClientSession]bool{}
	}
	o.over[session] = true
	for q := range o.asking {
		if q.session == session {
			q.cancel()
		}
	}
	o.mu.Unlock()
	_ = session.Close()
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.over, session)
}

// asker finds the operation that a question belongs to, as far as its context and
// the wire tell, and the schema as the server wrote it, in its order: the SDK gives a
// map. Where they are not found, a context without values and the map have to do.
func (o *operations) asker(ctx context.Context, p *mcp.ElicitParams) (of context.Context, schema json.RawMessage) {
	own, _ := ctx.Value(traceKey{}).(*trace)
	of = context.Background()
	o.mu.Lock()
	defer o.mu.Unlock()
	for it := range o.running {
		if it.watch == own { // a result that wants input
			schema, _ = it.watch.question(p)
			of = it.of
			break
		}
		if found, here := it.watch.question(p); here {
			of, schema = it.of, found
			break
		}
	}
	if schema == nil {
		schema, _ = json.Marshal(p.RequestedSchema) // it was JSON
	}
	return of, schema
}

// question looks for a question among what was received, and returns its schema. A
// request is found once: the next call may be asked the same.
func (t *trace) question(p *mcp.ElicitParams) (schema json.RawMessage, here bool) {
	type question struct {
		Params struct {
			Message string          `json:"message"`
			URL     string          `json:"url"`
			Schema  json.RawMessage `json:"requestedSchema"`
		} `json:"params"`
	}
	for _, message := range t.messages() {
		var found struct {
			question

			ID     json.RawMessage `json:"id"`
			Result struct {
				Requests map[string]question `json:"inputRequests"`
			} `json:"result"`
		}
		if json.Unmarshal(message, &found) != nil {
			continue
		}
		matches := func(q question) bool {
			var value any
			_ = json.Unmarshal(q.Params.Schema, &value) // without a schema it stays nil
			return q.Params.Message == p.Message && q.Params.URL == p.URL && reflect.DeepEqual(value, p.RequestedSchema)
		}
		for _, q := range found.Result.Requests {
			if matches(q) {
				return q.Params.Schema, true
			}
		}
		if id := string(found.ID); !t.asked[id] && matches(found.question) {
			if t.asked == nil {
				t.asked = map[string]bool{}
			}
			t.asked[id] = true
			return found.Params.Schema, true
		}
	}
	return nil, false
}
