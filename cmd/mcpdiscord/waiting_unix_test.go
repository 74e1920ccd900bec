//go:build unix

package main

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// TestWaitingOnTerminal: a server that does not answer is named while the
// command waits, before a sign-in and after it, and Ctrl-C ends that.
func TestWaitingOnTerminal(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections, and that is all
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	url := "http://" + silent.Addr().String() + "/mcp"
	door := startServe(t, "--dev", "--proxy", url)
	for name, test := range map[string]struct {
		url  string
		args []string
	}{
		"call":                   {url, []string{"call", "anything", "--server", url}},
		"connect":                {url, []string{"connect", "--no-tui", url}},
		"tools, login":           {url, []string{"tools", "--login", "--server", url}},
		"connect, after sign-in": {door, []string{"connect", "--no-tui", door}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shown, press, code := onTerminal(t, "approve "+demoUser, test.args...)
			waitFor(t, "what is waited for", shown.shows("waiting for "+test.url+", 1s"))
			waitFor(t, "that it goes on", shown.shows(", 2s"))
			press("\x03")
			if got := code(); got != 130 {
				t.Errorf("exit code %d", got)
			}
			if _, last, _ := strings.Cut(shown.text.String(), "2s"); !strings.Contains(last, "\r\x1b[K") {
				t.Errorf("the line stays: %q", last)
			}
		})
	}
}

// While a person signs in, no server is waited for.
func TestWaitingForPerson(t *testing.T) {
	t.Parallel()
	shown, _, code := onTerminal(t, "nothing", "connect", "--no-tui", startServe(t, "--dev"), "--login-timeout", "2s")
	if got := code(); got != exitAuth || !shown.shows("nobody signed in within 2s")() || shown.shows("waiting for")() {
		t.Errorf("exit code %d\n%s", got, shown.text.String())
	}
}

// onTerminal runs mcpdiscord on a pseudo-terminal, with a browser of person.go's
// words. code waits for its end.
func onTerminal(t *testing.T, browser string, args ...string) (shown *screen, press func(string), code func() int) {
	t.Helper()
	cmd, terminal, shown, ended := startOnTerminal(t, t.TempDir(), browser, args...)
	press = func(keys string) {
		t.Helper()
		if _, err := terminal.WriteString(keys); err != nil {
			t.Fatal(err)
		}
	}
	return shown, press, func() int {
		select {
		case <-ended:
		case <-time.After(time.Minute):
			t.Fatal("it has not ended after a minute")
		}
		_ = cmd.Wait()
		return cmd.ProcessState.ExitCode()
	}
}

// startOnTerminal is onTerminal with a home that several commands may share.
func startOnTerminal(t *testing.T, home, browser string, args ...string) (cmd *exec.Cmd, terminal *os.File, shown *screen, ended <-chan struct{}) {
	t.Helper()
	cmd = exec.CommandContext(t.Context(), "mcpdiscord", args...)
	cmd.Env = []string{
		"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TERM=xterm", "XDG_RUNTIME_DIR=" + home,
		"BROWSER=browser " + browser, "GORACE=atexit_sleep_ms=10",
	}
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 200})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = terminal.Close() })
	shown, ended = record(terminal)
	return cmd, terminal, shown, ended
}
