package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// waitTick is how often the line of a waiting command changes, and how long a
// command is quiet before there is one.
const waitTick = time.Second

// redraw bounds how often a server's progress changes the line.
const redraw = 100 * time.Millisecond

// waiting is one line on a terminal that says what a command waits for, and for
// how long. Whatever else is written takes it away first.
type waiting struct {
	mu       sync.Mutex
	shown    bool
	holds    int    // while people are asked something
	progress string // what the server says of it instead, "": nothing
	began    time.Time
	drawn    time.Time
	curtain  func(line string) // while the TUI has the terminal, takes what is noted; nil: it does not
}

// wait shows the line until end is called, which may be more than once. Where
// stderr is no terminal, or one that cannot take a line back, nothing moves.
func (p *program) wait(o *clientOptions, host string) (end func()) {
	if !isTerminal(p.err) || p.getenv("TERM") == "dumb" || o.debug {
		return func() {}
	}
	done, ended := make(chan struct{}), make(chan struct{})
	p.waiting.begin()
	go func() {
		defer close(ended)
		tick := time.NewTicker(waitTick)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				p.waiting.show(p, "waiting for "+client.PrintableLine(host))
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

// hold keeps the line away while a person is asked something. Afterwards its
// time begins anew: the server was not waited for.
func (p *program) hold() (release func()) {
	p.clearLine()
	p.waiting.mu.Lock()
	defer p.waiting.mu.Unlock()
	p.waiting.holds++
	return sync.OnceFunc(func() {
		p.waiting.mu.Lock()
		defer p.waiting.mu.Unlock()
		if p.waiting.holds--; p.waiting.holds == 0 {
			p.waiting.began = time.Now()
		}
	})
}

func (w *waiting) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.began, w.progress = time.Now(), ""
}

// tell shows how far the server is, at once if the line is not just drawn.
func (w *waiting) tell(p *program, progress string) {
	w.mu.Lock()
	w.progress = progress
	fresh := time.Since(w.drawn) < redraw
	w.mu.Unlock()
	if !fresh {
		w.show(p, progress)
	}
}

// show draws the line, or what the server says instead.
func (w *waiting) show(p *program, line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.holds > 0 {
		return
	}
	if w.progress != "" {
		line = w.progress
	}
	took := ", " + time.Since(w.began).Truncate(waitTick).String()
	fmt.Fprintf(p.err, "\r%s%s\x1b[K", cut(line, width(p.err)-len(took)-1), took)
	w.shown, w.drawn = true, time.Now()
}

// width is that of a terminal, in columns.
func width(f *os.File) int {
	if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 0 {
		return columns
	}
	return 80
}

// cut shortens a line so that a terminal does not wrap it, which could not be
// taken back. What may be wide counts as wide.
func cut(line string, columns int) string {
	for i, r := range line {
		columns--
		if r >= 0x1100 {
			columns--
		}
		if columns < 1 {
			return line[:i] + "…"
		}
	}
	return line
}

// clearLine takes the line away, if there is one.
func (p *program) clearLine() {
	p.waiting.mu.Lock()
	defer p.waiting.mu.Unlock()
	p.waiting.clear(p)
}

// clear is clearLine for who holds the lock.
func (w *waiting) clear(p *program) {
	if w.shown {
		fmt.Fprint(p.err, "\r\x1b[K")
		w.shown = false
	}
}
