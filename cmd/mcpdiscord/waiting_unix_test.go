//go:build unix

package main

import (
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// TestWaitingOnTerminal: a server that does not answer is named while the
// command waits, and Ctrl-C ends that.
func TestWaitingOnTerminal(t *testing.T) {
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // it takes connections, and that is all
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	url := "http://" + silent.Addr().String() + "/mcp"
	home := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "mcpdiscord", "call", "anything", "--server", url)
	cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TERM=xterm", "XDG_RUNTIME_DIR=" + home, "GORACE=atexit_sleep_ms=10"}
	terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	shown, ended := record(terminal)
	waitFor(t, "what is waited for", shown.shows("waiting for "+url+", 1s"))
	waitFor(t, "that it goes on", shown.shows(", 2s"))
	if _, err := terminal.WriteString("\x03"); err != nil {
		t.Fatal(err)
	}
	<-ended
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	if _, last, _ := strings.Cut(shown.text.String(), "2s"); !strings.Contains(last, "\r\x1b[K") {
		t.Errorf("the line stays: %q", last)
	}
}
