//go:build unix

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/term"
)

// login is the shell that a user has, from which connect is run.
const login = `
sh -c 'echo $$ >"$PID.part"; mv "$PID.part" "$PID"; exec mcpdiscord connect "$0"' "$1"
echo "ended with $?"
read -r _
`

// TestTerminalAfterCrash ends connect in ways that leave it no time, and looks at the terminal.
func TestTerminalAfterCrash(t *testing.T) {
	t.Parallel()
	upstream := startUpstream(t)
	for name, test := range map[string]struct {
		signal syscall.Signal
		said   string
	}{
		"killed":  {syscall.SIGKILL, "ended with 137"},
		"crashed": {syscall.SIGQUIT, "SIGQUIT: quit"}, // goes the way of a panic
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home, pid := t.TempDir(), filepath.Join(t.TempDir(), "pid")
			cmd := exec.CommandContext(t.Context(), "sh", "-c", login, "sh", upstream)
			cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", "XDG_RUNTIME_DIR=" + home, "PID=" + pid}
			terminal, line, err := pty.Open()
			if err != nil {
				t.Fatal(err)
			}
			defer line.Close()
			before := state(t, line)
			cmd.Stdin, cmd.Stdout, cmd.Stderr = line, line, line
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			shown, _ := record(terminal)
			t.Cleanup(func() {
				_ = terminal.Close()
				_ = cmd.Wait()
			})
			waitFor(t, "the tools", shown.shows("shot"))
			if reflect.DeepEqual(state(t, line), before) {
				t.Fatal("the TUI leaves the terminal as it is")
			}
			text, err := os.ReadFile(pid)
			if err != nil {
				t.Fatal(err)
			}
			number, err := strconv.Atoi(strings.TrimSpace(string(text)))
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(number, test.signal); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the end", shown.shows("ended with"))
			waitFor(t, "the terminal's own screen", shown.shows("\x1b[?1049l"))
			waitFor(t, "the terminal's state", func() bool { return reflect.DeepEqual(state(t, line), before) })
			waitFor(t, "what was said", func() bool {
				_, after, _ := strings.Cut(shown.String(), "\x1b[?1049l")
				return strings.Contains(after, test.said) || test.signal == syscall.SIGKILL && shown.shows(test.said)()
			})
			for _, mode := range []string{"\x1b[?25h", "\x1b[?2004l", "\x1b[?1002l", "\x1b[?1006l"} {
				waitFor(t, "the end of a mode", shown.shows(mode))
			}
		})
	}
}

// state is that of a terminal.
func state(t *testing.T, terminal *os.File) *term.State {
	t.Helper()
	s, err := term.GetState(int(terminal.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
