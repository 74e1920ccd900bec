package client

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// expectation is somebody who waits for a stream of the newer generation.
type expectation struct {
	uri   string
	watch *trace
	sent  bool       // guarded by Conn.mu
	done  chan error // gets what became of it
}

// Subscribe asks the server to tell Config.Heard when a resource changes, until
// Unsubscribe; it makes up for sessions and streams that are lost. A resource
// that is watched already stays so.
func (c *Conn) Subscribe(ctx context.Context, uri string) error {
	if err := sendable(uri); err != nil {
		return err
	}
	if err := c.alone(ctx); err != nil {
		return err
	}
	defer func() { <-c.watching }()
	c.mu.Lock()
	_, watched := c.watched[uri]
	c.mu.Unlock()
	if watched {
		return nil
	}
	return c.subscribe(ctx, uri)
}

// Unsubscribe ends a Subscribe. After an error the resource is still watched.
func (c *Conn) Unsubscribe(ctx context.Context, uri string) error {
	if err := c.alone(ctx); err != nil {
		return err
	}
	defer func() { <-c.watching }()
	c.mu.Lock()
	on, current := c.watched[uri], c.session
	c.mu.Unlock()
	if on != nil && on == current {
		err := c.run(ctx, func(ctx context.Context, session *mcp.ClientSession, _ *trace) error {
			if session != on {
				return nil // its subscriptions ended with it
			}
			return session.Unsubscribe(ctx, &mcp.UnsubscribeParams{URI: uri})
		})
		if err != nil {
			return err
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.watched, uri)
	return nil
}

// alone waits until nobody else changes what is watched. Who got it gives it back.
func (c *Conn) alone(ctx context.Context) error {
	select {
	case c.watching <- struct{}{}:
		return nil
	case <-ctx.Done():
		return c.signer.ended(ctx.Err())
	}
}

// subscribe watches a resource on the session that there is.
func (c *Conn) subscribe(ctx context.Context, uri string) error {
	return c.run(ctx, func(ctx context.Context, session *mcp.ClientSession, watch *trace) error {
		result := session.InitializeResult()
		if err := c.wants("subscriptions to resources", offered(result).Subscribe); err != nil {
			return err
		}
		c.mu.Lock()
		before, known := c.watched[uri]
		c.watched[uri] = session // news may come at once
		c.mu.Unlock()
		var err error
		if result.ProtocolVersion >= firstAborting {
			err = c.listen(ctx, session, &expectation{uri: uri, watch: watch, done: make(chan error, 1)})
		} else {
			err = session.Subscribe(ctx, &mcp.SubscribeParams{URI: uri})
		}
		if err == nil {
			return nil
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.watched[uri] = before; !known {
			delete(c.watched, uri)
		}
		return err
	})
}

// listen opens a stream for a resource, as the newer generation has it. The SDK
// neither waits for the server's answer nor says that there was an error.
func (c *Conn) listen(ctx context.Context, session *mcp.ClientSession, x *expectation) error {
	c.mu.Lock()
	c.expected = x
	c.mu.Unlock()
	err := session.Subscribe(ctx, &mcp.SubscribeParams{URI: x.uri})
	c.mu.Lock()
	sent := x.sent
	c.expected = nil
	c.mu.Unlock()
	switch {
	case err != nil:
	case !sent:
		err = mcp.ErrConnectionClosed
	default:
		select {
		case err = <-x.done:
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	if err != nil { // so that the SDK does not take it for watched
		_ = session.Unsubscribe(context.WithoutCancel(ctx), &mcp.UnsubscribeParams{URI: x.uri})
	}
	return err
}

// expects gives who waits for a stream of these topics; nil: nobody.
func (c *Conn) expects(t topics) *expectation {
	c.mu.Lock()
	defer c.mu.Unlock()
	if x := c.expected; x != nil && slices.Equal(t.URIs, []string{x.uri}) {
		x.sent = true
		return x
	}
	return nil
}

// unwatched takes note that the server does not tell of a resource any more.
func (c *Conn) unwatched(uri string, why error) {
	c.mu.Lock()
	session := c.watched[uri]
	delete(c.watched, uri)
	c.mu.Unlock()
	if session == nil {
		return
	}
	ctx := context.Background()
	_ = session.Unsubscribe(ctx, &mcp.UnsubscribeParams{URI: uri}) // sends nothing in this generation
	var ch *challenge
	if errors.As(why, &ch) {
		why = c.signer.forbidden(ch)
	}
	c.tell(News{Kind: NewsUnwatched, URI: uri, Err: c.explain(ctx, why, &trace{})})
}

// reached notes that an operation got through: what waits for the server tries
// again, and a session that was made anew is told what the lost one knew.
func (c *Conn) reached(session *mcp.ClientSession) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.down {
		c.down = false
		close(c.woken)
		c.woken = make(chan struct{})
	}
	if c.behind && session == c.session {
		c.behind = false
		c.closers.Go(func() { c.catchUp(session) })
	}
}

// rest waits, unless the server is there again before.
func (c *Conn) rest(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	woken := c.woken
	c.mu.Unlock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-woken:
	case <-ctx.Done():
	}
	return ctx.Err()
}

// flapping is how far apart sessions that are made anew are told of. What is told
// is mostly asked for, and a server that loses each session may lose the next by that.
const flapping = 10 * time.Second

// catchUp watches in a session that was made anew what was watched before, and
// tells what may have been missed.
func (c *Conn) catchUp(session *mcp.ClientSession) {
	ctx := c.life
	c.mu.Lock()
	early := time.Until(c.toldAt.Add(flapping))
	if c.told == session {
		early = 0
	}
	c.mu.Unlock()
	if pause(ctx, early) != nil || c.alone(ctx) != nil {
		return
	}
	defer func() { <-c.watching }()
	c.mu.Lock()
	before, told := slices.Sorted(maps.Keys(c.watched)), c.told == session
	current := session == c.session
	if current && !told {
		c.told, c.toldAt = session, time.Now()
	}
	c.mu.Unlock()
	if !current {
		return // what comes after it is told
	}
	for _, kind := range lists(session).kinds() {
		if !told {
			c.tell(News{Kind: kind})
		}
	}
	for _, uri := range before {
		c.mu.Lock()
		on, still := c.watched[uri]
		c.mu.Unlock()
		if !still || on == session {
			continue
		}
		err := c.subscribe(ctx, uri)
		var own *Error
		switch {
		case err == nil:
			c.tell(News{Kind: NewsResource, URI: uri, Missed: true})
		case errors.As(err, &own) && (own.Kind == KindUnavailable || own.Kind == KindInterrupted):
			c.mu.Lock()
			c.behind = true // to be tried when something has got through again
			c.mu.Unlock()
			return
		default:
			c.signer.log.Warn("could not watch a resource again", "server", c.signer.server, "reason", err.Error())
			c.mu.Lock()
			delete(c.watched, uri)
			c.mu.Unlock()
			c.tell(News{Kind: NewsUnwatched, URI: uri, Err: err})
		}
	}
}
