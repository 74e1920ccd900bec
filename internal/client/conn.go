package client

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/oauth2"
)

// maxTools bounds the list of tools that is kept.
const maxTools = 10_000

// Conn is a connection to an MCP server, signed in where the server wants it.
// It is safe for concurrent use. A lost session is rebuilt by the next call.
type Conn struct {
	signer *signer
	client *mcp.Client
	http   *http.Client

	// connecting is held by the one goroutine that makes a session.
	connecting chan struct{}
	// watching is held by the one goroutine that changes what is watched.
	watching chan struct{}
	life     context.Context // ended by Close, with die
	die      context.CancelFunc
	// closers are the sessions that are being closed.
	closers    sync.WaitGroup
	operations operations
	calls      atomic.Uint64 // counts them, for their progress tokens

	mu        sync.Mutex
	session   *mcp.ClientSession // nil: to be made
	logging   *mcp.ClientSession // the one that was asked for its log
	version   string             // the protocol's
	spoken    string             // as version, or as Config.Protocol says
	offers    Capabilities
	schemas   map[string]schemas            // by tool, as last seen on the wire
	toolsLife time.Duration                 // see ToolsLife
	watched   map[string]*mcp.ClientSession // by URI: where it is watched, as of yet
	expected  *expectation                  // nil: nobody waits for a stream
	told      *mcp.ClientSession            // the last one whose lists were said to have changed
	toldAt    time.Time                     // when that was
	behind    bool                          // what was watched is to be watched again
	down      bool                          // the server could not be reached
	woken     chan struct{}                 // closed once it is there again
}

// Connect connects to cfg.Server, and signs in when the server wants it and
// cfg.SignIn allows it, or when cfg.Scopes holds what was not granted yet. The
// context bounds the whole, the user's time in the browser included.
func Connect(ctx context.Context, cfg Config) (*Conn, error) {
	c, err := newConn(cfg)
	if err != nil {
		return nil, err
	}
	if err := c.start(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

// newConn is a Conn that nothing was sent on.
func newConn(cfg Config) (*Conn, error) {
	s, err := newSigner(cfg)
	if err != nil {
		return nil, err
	}
	c := &Conn{
		signer:     s,
		spoken:     s.cfg.Protocol,
		connecting: make(chan struct{}, 1),
		watching:   make(chan struct{}, 1),
		woken:      make(chan struct{}),
		watched:    map[string]*mcp.ClientSession{},
		schemas:    map[string]schemas{},
	}
	c.life, c.die = context.WithCancel(context.Background())
	c.client = mcp.NewClient(&mcp.Implementation{Name: "mcpdiscord", Version: s.cfg.Version}, c.clientOptions())
	tapping := *s.mcp
	tapping.Transport = &tap{conn: c, base: s.mcp.Transport, userAgent: userAgent(s.cfg.Version)}
	c.http = &tapping
	return c, nil
}

// start makes the first session.
func (c *Conn) start(ctx context.Context) error {
	s := c.signer
	if err := s.load(ctx); err != nil {
		return err
	}
	if err := c.runAs(ctx, s.begin(), nil); err != nil {
		return err
	}
	session := s.current()
	if s.cfg.SignIn && !s.cfg.given() {
		if err := s.remember(session); err != nil { // a convenience: the connection is there
			s.log.Warn("could not note the connection", "server", s.server, "reason", err.Error())
		}
	}
	if !s.cfg.SignIn || session == nil || covers(session.Scopes, s.cfg.Scopes) {
		return nil
	}
	more := &challenge{status: http.StatusForbidden, code: "insufficient_scope", scopes: union(s.cfg.Scopes), bearer: s.bearer()}
	return s.answer(ctx, s.begin(), more)
}

// Close ends the session, and what is under way in it. The sign-in is kept.
func (c *Conn) Close() error {
	c.mu.Lock()
	session := c.session
	c.session = nil
	c.die()
	c.mu.Unlock()
	if session != nil {
		c.operations.end(session)
	}
	c.closers.Wait()
	c.signer.done()
	return nil
}

// Identity says who is signed in.
func (c *Conn) Identity() Identity {
	identity := c.signer.identity()
	c.mu.Lock()
	defer c.mu.Unlock()
	identity.ProtocolVersion = c.version
	return identity
}

// Tools lists the server's tools, all pages of them.
func (c *Conn) Tools(ctx context.Context) ([]Tool, error) {
	var tools []Tool
	err := c.run(ctx, func(ctx context.Context, session *mcp.ClientSession, watch *trace) error {
		tools = nil
		var found []*mcp.Tool
		for tool, err := range session.Tools(ctx, nil) {
			if err != nil {
				return err
			}
			if found = append(found, tool); len(found) > maxTools {
				return errTooManyRequests
			}
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if life, answered := wireSchemas(watch.results(), c.schemas); answered {
			c.toolsLife = life
		}
		for _, tool := range found {
			tools = append(tools, newTool(tool, c.schemas[tool.Name]))
		}
		return nil
	})
	return tools, err
}

// ToolsLife is how long the list that Tools gave last may be used, as its server
// says (ttlMs); 0 when it says nothing.
func (c *Conn) ToolsLife() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.toolsLife
}

// send is one operation on a session. The trace watches it.
type send func(ctx context.Context, session *mcp.ClientSession, watch *trace) error

// run gets an operation through: it renews tokens in time, answers challenges,
// and rebuilds a session that died before the operation reached the server.
// send may run several times, but never again after the server may have
// executed it.
func (c *Conn) run(ctx context.Context, send send) error {
	return c.runAs(ctx, c.operation(), send)
}

func (c *Conn) operation() *operation {
	op := c.signer.begin()
	op.quiet = c.signer.cfg.AskFirst
	return op
}

func (c *Conn) runAs(ctx context.Context, op *operation, send send) error {
	rebuilt := false
	for {
		if err := c.signer.ensure(ctx); err != nil {
			return err
		}
		watch, err := c.once(ctx, op.limit, send)
		if err == nil {
			return nil
		}
		var ch *challenge
		switch {
		case errors.As(err, &ch):
			if err := c.signer.answer(ctx, op, ch); err != nil {
				return err
			}
		case !rebuilt && ctx.Err() == nil && neverSent(err, watch):
			rebuilt = true
		default:
			return c.failed(c.explain(ctx, err, watch))
		}
	}
}

// failed notes that the server could not be reached, where that is so.
func (c *Conn) failed(err error) error {
	var own *Error
	if errors.As(err, &own) && own.Kind == KindUnavailable {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.down = true
	}
	return err
}

// neverSent reports whether the session was dead before the operation: then it
// can be repeated.
func neverSent(err error, watch *trace) bool {
	watch.mu.Lock()
	requests, broken := watch.requests, watch.broken
	watch.mu.Unlock()
	return !broken && (errors.Is(err, mcp.ErrSessionMissing) || errors.Is(err, mcp.ErrConnectionClosed) && requests == 0)
}

// once sends one operation within its timeout.
func (c *Conn) once(ctx context.Context, limit time.Duration, send send) (*trace, error) {
	watch, sent := &trace{opening: true}, &trace{told: make(chan struct{})}
	ctx, end := c.operations.begin(ctx, limit, sent)
	defer end()
	session, err := c.connected(withTrace(ctx, watch))
	if err != nil || send == nil {
		return watch, timely(ctx, err)
	}
	watch = sent
	err = send(withTrace(ctx, watch), session, watch)
	if err == nil {
		c.reached(session)
	}
	if err != nil && ctx.Err() != nil {
		watch.awaitCancel(session)
	}
	if errors.Is(err, mcp.ErrConnectionClosed) || errors.Is(err, mcp.ErrSessionMissing) {
		c.lose(session)
	}
	return watch, timely(ctx, err)
}

var errCallTimeout = errors.New("call timeout")

// timely tells our own timeout from the caller's.
func timely(ctx context.Context, err error) error {
	if err != nil && errors.Is(context.Cause(ctx), errCallTimeout) {
		return errCallTimeout
	}
	return err
}

// connected gives the session, and makes one where there is none.
func (c *Conn) connected(ctx context.Context) (*mcp.ClientSession, error) {
	select {
	case c.connecting <- struct{}{}:
		defer func() { <-c.connecting }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	c.mu.Lock()
	session := c.session
	c.mu.Unlock()
	if session != nil {
		return session, nil
	}
	if c.life.Err() != nil {
		return nil, errClosed
	}
	session, err := c.open(ctx)
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	if c.life.Err() != nil { // meanwhile
		c.mu.Unlock()
		c.operations.end(session)
		return nil, errClosed
	}
	c.session = session
	c.behind = c.version != "" // there was another one
	result := session.InitializeResult()
	if result != nil {
		c.version, c.spoken, c.offers = result.ProtocolVersion, result.ProtocolVersion, offered(result)
	}
	c.mu.Unlock()
	if result != nil {
		c.signer.cfg.Spoke(result.ProtocolVersion)
	}
	return session, nil
}

// errClosed is the error for what is asked of a Conn after its Close.
var errClosed = &Error{Kind: KindInterrupted, Message: "the connection was closed"}

// lose forgets a dead session.
func (c *Conn) lose(dead *mcp.ClientSession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == dead {
		c.session = nil
		c.closers.Go(func() { c.operations.end(dead) })
	}
}

// handler is the SDK's seam for sign-ins (auth.OAuthHandler). It only carries:
// the token out, the challenge in. What a challenge asks for is done by
// Conn.run, where the caller's context is and no lock of the SDK is held.
type handler struct{ signer *signer }

// TokenSource implements auth.OAuthHandler; nil sends no token.
func (h *handler) TokenSource(context.Context) (oauth2.TokenSource, error) {
	bearer := h.signer.bearer()
	if bearer == "" {
		return nil, nil
	}
	return oauth2.StaticTokenSource(&oauth2.Token{AccessToken: bearer}), nil
}

// Authorize implements auth.OAuthHandler: the challenge becomes the error of
// the request.
func (h *handler) Authorize(_ context.Context, req *http.Request, resp *http.Response) error {
	ch := challenged(req, resp)
	traceOf(req).stop(ch)
	return ch
}

// challenged reads a challenge to its end, so that the connection is reused.
func challenged(req *http.Request, resp *http.Response) *challenge {
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	ch := newChallenge(req, resp)
	ch.text = refusalText(body)
	return ch
}
