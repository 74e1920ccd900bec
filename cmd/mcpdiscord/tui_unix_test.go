//go:build unix

package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
)

// screen is what a program wrote to its terminal.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// String is all of it.
func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *screen) shows(text string) func() bool { return s.showsTimes(text, 1) }

func (s *screen) showsTimes(text string, times int) func() bool {
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return strings.Count(s.text.String(), text) >= times
	}
}

// record keeps what a terminal shows; ended is closed when its program has ended.
func record(terminal io.Reader) (shown *screen, ended <-chan struct{}) {
	shown, done := &screen{}, make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(shown, terminal) // a terminal without a program is an error
	}()
	return shown, done
}

// TestConnectOnTerminal drives connect on a real pseudo-terminal: the sign-in,
// the tools, a call that needs another scope and another sign-in, and q.
func TestConnectOnTerminal(t *testing.T) {
	t.Parallel()
	mcpURL := startServe(t, "--dev")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "mcpdiscord", "connect", mcpURL)
	cmd.Env = []string{
		"HOME=" + t.TempDir(), "PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", "XDG_RUNTIME_DIR=" + t.TempDir(),
		"BROWSER=browser approve " + demoUser, "GORACE=atexit_sleep_ms=10",
	}
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	shown, read := record(terminal)
	press := func(keys string) {
		t.Helper()
		if _, err := terminal.WriteString(keys); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the list of tools", shown.shows("list_guilds"))
	press("\r")
	waitFor(t, "the answer of get_user_info", shown.shows("80351110224678912"))
	press("\x1b")
	waitFor(t, "the list again", shown.showsTimes("Who is signed in", 2))
	press("j\r")
	waitFor(t, "the question for another scope", shown.shows("sign in again with guilds"))
	press("s")
	waitFor(t, "the guilds, after another sign-in", shown.shows("burrow"))
	press("q")
	<-read
	if err := cmd.Wait(); err != nil {
		t.Errorf("connect ended with %v", err)
	}
	if !shown.shows("\x1b[?1049l")() {
		t.Error("the terminal was not given back")
	}
}
