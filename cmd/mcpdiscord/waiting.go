package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// waitTick is how often the line of a waiting command changes, and how long a
// command is quiet before there is one.
const waitTick = time.Second

// waiting is one line on a terminal that says what a command waits for, and for
// how long. Whatever else is written takes it away first.
type waiting struct {
	mu    sync.Mutex
	shown bool
	holds int // while people are asked something
}

// wait shows the line until end is called, which may be more than once. Where
// stderr is no terminal, or one that cannot take a line back, nothing moves.
func (p *program) wait(o *clientOptions, host string) (end func()) {
	if !isTerminal(p.err) || p.getenv("TERM") == "dumb" || o.debug {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	began := time.Now()
	go func() {
		defer close(ended)
		tick := time.NewTicker(waitTick)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.waiting.show(p, "waiting for "+client.PrintableLine(host)+", "+time.Since(began).Truncate(waitTick).String())
			case <-done:
				p.clearLine()
				return
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(done)
		<-ended
	})
}

// hold keeps the line away while a person is asked something.
func (p *program) hold() (release func()) {
	p.clearLine()
	p.waiting.mu.Lock()
	defer p.waiting.mu.Unlock()
	p.waiting.holds++
	return sync.OnceFunc(func() {
		p.waiting.mu.Lock()
		defer p.waiting.mu.Unlock()
		p.waiting.holds--
	})
}

func (w *waiting) show(p *program, line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holds == 0 {
		fmt.Fprintf(p.err, "\r%s\x1b[K", line)
		w.shown = true
	}
}

// clearLine takes the line away, if there is one.
func (p *program) clearLine() {
	p.waiting.mu.Lock()
	defer p.waiting.mu.Unlock()
	if p.waiting.shown {
		fmt.Fprint(p.err, "\r\x1b[K")
		p.waiting.shown = false
	}
}
