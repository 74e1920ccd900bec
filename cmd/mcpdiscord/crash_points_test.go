//go:build redis && linux

package main

import (
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// crashPoint arms the death of the fleet's node; the function that it returns
// disarms it.
type crashPoint struct {
	name string
	arm  func(f *fleet, kill func()) (disarm func())
	sure bool // it is reached
	past bool // it is not: the step does no more
}

// discordPoints kill a node whose call Discord has answered: the answer is in
// its socket and not in its memory.
func discordPoints(op crashOp) (points []crashPoint) {
	for _, at := range op.discord {
		points = append(points, crashPoint{"answer of Discord to " + at, func(f *fleet, kill func()) func() {
			hook := func(endpoint string, left bool) {
				switch {
				case endpoint != at:
				case left:
					kill()
				default:
					f.nodes[0].signal(syscall.SIGSTOP)
				}
			}
			f.discord.hook.Store(&hook)
			return func() { f.discord.hook.Store(nil) }
		}, true, false})
	}
	return points
}

// killAtCommit watches the file's meta pages, which a commit writes last, and
// kills the node when the nth transaction from now is in the file.
func killAtCommit(f *fleet, n int, kill func()) (disarm func()) {
	file, err := os.Open(strings.TrimPrefix(f.store, "bolt:"))
	if err != nil {
		panic(err)
	}
	latest := func() (id uint64) {
		const page, at = 4096, 64 // a page's head is 16 bytes, then come 48 before the id
		var b [8]byte
		for i := range int64(2) {
			_, _ = file.ReadAt(b[:], i*page+at)
			id = max(id, binary.LittleEndian.Uint64(b[:]))
		}
		return id
	}
	begun, stop, done := latest(), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer file.Close()
		for latest() < begun+uint64(n) {
			select {
			case <-stop:
				return
			default:
			}
		}
		kill()
	}()
	return func() { close(stop); <-done }
}

// killWire stands between a node and Redis, and kills the node at a write.
type killWire struct {
	listener net.Listener
	target   string

	mu     sync.Mutex
	left   int  // writes until then; 0: never
	commit bool // let the write through, and no answer to it
	kill   func()
}

func newKillWire(t *testing.T, target string) *killWire {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &killWire{listener: listener, target: target}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", target)
			if err != nil {
				_ = near.Close()
				continue
			}
			w.join(near, far)
		}
	}()
	return w
}

func (w *killWire) set(n int, commit bool, kill func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left, w.commit, w.kill = n, commit, kill
}

// writing says what becomes of what a node sends: whether it goes on, and what
// is done when the answer is there.
func (w *killWire) writing(b []byte) (pass bool, answered func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left == 0 || !bytes.Contains(b, []byte("evalsha")) {
		return true, nil
	}
	if w.left--; w.left > 0 {
		return true, nil
	}
	if w.commit {
		return true, w.kill
	}
	w.kill()
	return false, nil
}

// join relays one connection, whose requests come one after another.
func (w *killWire) join(near, far net.Conn) {
	var mu sync.Mutex
	var dying func()
	relay := func(from, to net.Conn, pass func([]byte) bool) {
		defer from.Close()
		defer to.Close()
		for b := make([]byte, 1<<16); ; {
			n, err := from.Read(b)
			if err != nil || !pass(b[:n]) {
				return
			}
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
	}
	go relay(near, far, func(b []byte) bool {
		pass, answered := w.writing(b)
		mu.Lock()
		defer mu.Unlock()
		if answered != nil {
			dying = answered
		}
		return pass
	})
	go relay(far, near, func([]byte) bool {
		mu.Lock()
		defer mu.Unlock()
		if dying != nil {
			dying()
		}
		return dying == nil
	})
}
