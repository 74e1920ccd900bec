//go:build unix

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/creack/pty"
)

// tuiScreen is connect on a pseudo-terminal.
type tuiScreen struct {
	*screen

	t        *testing.T
	cmd      *exec.Cmd
	terminal *os.File
	ended    <-chan struct{}
}

func connectOnTerminal(t *testing.T, mcpURL string, env ...string) *tuiScreen {
	t.Helper()
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "mcpdiscord", "connect", mcpURL)
	cmd.Env = append([]string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TERM=xterm-256color", "XDG_RUNTIME_DIR=" + home, "GORACE=atexit_sleep_ms=10"}, env...)
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	x := &tuiScreen{t: t, cmd: cmd, terminal: terminal}
	x.screen, x.ended = record(terminal)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-x.ended
		_ = terminal.Close()
	})
	return x
}

func (x *tuiScreen) press(keys string) {
	x.t.Helper()
	if _, err := x.terminal.WriteString(keys); err != nil {
		x.t.Fatal(err)
	}
}

func (x *tuiScreen) sees(text string) {
	x.t.Helper()
	waitFor(x.t, text, x.shows(text))
}

// choose leads to a tool by its name.
func (x *tuiScreen) choose(tool string) {
	x.t.Helper()
	x.sees(tool) // in the list
	x.press("/" + tool + "\r")
	x.sees("clear filter")
	x.press("\r")
}

// exits waits for the end and compares the exit code, and what was left of the terminal.
func (x *tuiScreen) exits(code int) {
	x.t.Helper()
	<-x.ended
	err := x.cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() != code || err == nil && code != 0 {
		x.t.Errorf("connect ended with %v, want %d", err, code)
	}
	for _, mode := range []string{"\x1b[?1049l", "\x1b[?25h", "\x1b[?2004l", "\x1b[?1002l"} {
		if !x.shows(mode)() {
			x.t.Errorf("the terminal did not get %q back", mode)
		}
	}
}

// viewer is a desktop's program that says what it was given, reaches for the terminal, and stays
// open until somebody writes into its pipe.
const viewer = `#!/bin/sh
{
	echo "$1"
	(echo stolen >/dev/tty) 2>/dev/null && echo 'has the terminal'
} >"$SEEN.part"
mv "$SEEN.part" "$SEEN"
read -r _ <"$SEEN.pipe"
`

// TestOpenOnTerminal opens an image with the desktop's program, and quits while that still shows
// it: by a key, and by the end of the terminal.
func TestOpenOnTerminal(t *testing.T) {
	t.Parallel()
	upstream := startUpstream(t)
	for name, test := range map[string]struct {
		quit func(*tuiScreen)
		code int
	}{
		"q":      {func(x *tuiScreen) { x.press("q") }, 0},
		"hangup": {func(x *tuiScreen) { _ = x.cmd.Process.Signal(syscall.SIGHUP) }, 129},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bin, tmp, seen := t.TempDir(), t.TempDir(), filepath.Join(t.TempDir(), "seen")
			if err := os.WriteFile(filepath.Join(bin, "xdg-open"), []byte(viewer), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mkfifo(seen+".pipe", 0o600); err != nil {
				t.Fatal(err)
			}
			x := connectOnTerminal(t, upstream, "PATH="+bin+":"+os.Getenv("PATH"), "TMPDIR="+tmp, "SEEN="+seen, "DISPLAY=:0")
			x.choose("shot")
			x.sees("[image image/png, 10 bytes]")
			x.press("\r")
			waitFor(t, "the viewer", func() bool {
				_, err := os.Stat(seen)
				return err == nil
			})
			text, _ := os.ReadFile(seen)
			path := strings.TrimSuffix(string(text), "\n")
			if filepath.Base(path) != "result.png" || filepath.Dir(filepath.Dir(path)) != tmp {
				t.Errorf("the viewer got %q", text)
			}
			for path, mode := range map[string]os.FileMode{path: 0o600, filepath.Dir(path): 0o700 | os.ModeDir} {
				if info, err := os.Stat(path); err != nil || info.Mode() != mode {
					t.Errorf("%s: %v, %v, want %v", path, info, err, mode)
				}
			}
			test.quit(x)
			x.exits(test.code)
			if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
			waitFor(t, "the viewer that outlives the screen", func() bool {
				pipe, err := os.OpenFile(seen+".pipe", os.O_WRONLY|syscall.O_NONBLOCK, 0)
				if err != nil {
					return false // nobody reads there
				}
				return pipe.Close() == nil // which ends it
			})
		})
	}
}

// TestOpenWithoutDesktop says what helps where nothing can show an image.
func TestOpenWithoutDesktop(t *testing.T) {
	t.Parallel()
	x := connectOnTerminal(t, startUpstream(t))
	x.choose("shot")
	x.sees("[image image/png, 10 bytes]")
	x.press("\r")
	x.sees("not opened: there is no desktop here; s saves it")
	x.press("q")
	x.exits(0)
}

// TestQuestionsOnTerminal answers what a tool asks, in both generations of the protocol.
func TestQuestionsOnTerminal(t *testing.T) {
	t.Parallel()
	upstream := startUpstream(t)
	for path, version := range map[string]string{"/mcp": "MCP 2026-07-28", "/old": "MCP 2025-11-25"} {
		x := connectOnTerminal(t, strings.TrimSuffix(upstream, "/mcp")+path)
		x.sees(version)
		x.choose("paint")
		x.sees("choose one of 2")
		x.press("\x1b[C\x1b[C\x13") // red, green
		x.sees(`"green"`)
		x.press("q")
		x.exits(0)
	}
}

// TestConnectOnDumbTerminal signs in without the screen, which such a terminal cannot show.
func TestConnectOnDumbTerminal(t *testing.T) {
	t.Parallel()
	x := connectOnTerminal(t, startUpstream(t), "TERM=dumb")
	<-x.ended
	if err := x.cmd.Wait(); err != nil || strings.Contains(x.String(), "\x1b") {
		t.Errorf("%v: %q", err, x.String())
	}
}
