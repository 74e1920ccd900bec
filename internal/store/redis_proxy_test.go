package store_test

import (
	"bytes"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// proxy stands before a Redis and does what networks do.
type proxy struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup

	requests atomic.Int64 // that came from clients
	lose     atomic.Int64 // how many answers of scripts to lose, with their connections
	onLose   func()       // runs before such a connection ends

	mu    sync.Mutex
	conns map[net.Conn]struct{}
	gate  chan struct{} // while it is not closed, nothing passes
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, target: target, conns: make(map[net.Conn]struct{}), gate: make(chan struct{})}
	close(p.gate)
	p.wg.Go(p.accept)
	t.Cleanup(func() {
		_ = l.Close()
		p.resume()
		p.cut()
		p.wg.Wait()
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// hang makes a half-open connection of each: nothing passes, nothing ends.
func (p *proxy) hang() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gate = make(chan struct{})
}

func (p *proxy) resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.gate:
	default:
		close(p.gate)
	}
}

// cut ends every connection.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

func (p *proxy) pass() {
	p.mu.Lock()
	gate := p.gate
	p.mu.Unlock()
	<-gate
}

func (p *proxy) accept() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		target := p.target
		p.mu.Unlock()
		far, err := net.Dial("tcp", target)
		if err != nil {
			_ = near.Close()
			continue
		}
		p.mu.Lock()
		p.conns[near], p.conns[far] = struct{}{}, struct{}{}
		p.mu.Unlock()
		var losing atomic.Bool
		p.wg.Go(func() {
			p.relay(near, far, func(b []byte) bool {
				p.requests.Add(1)
				if bytes.Contains(b, []byte("evalsha")) && p.lose.Add(-1) >= 0 {
					losing.Store(true)
				}
				return true
			})
		})
		p.wg.Go(func() {
			p.relay(far, near, func([]byte) bool {
				if losing.Load() && p.onLose != nil {
					p.onLose()
				}
				return !losing.Load()
			})
		})
	}
}

func (p *proxy) relay(from, to net.Conn, ok func([]byte) bool) {
	defer from.Close()
	defer to.Close()
	b := make([]byte, 1<<16)
	for {
		n, err := from.Read(b)
		p.pass()
		if err != nil || !ok(b[:n]) {
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}
