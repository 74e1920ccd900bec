//go:build unix

package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// TestHostileOnTerminal: nothing that a hostile server says is executed by a
// terminal, neither its names nor its answers nor its errors.
func TestHostileOnTerminal(t *testing.T) {
	t.Parallel()
	home := t.TempDir()
	addr := filepath.Join(home, "addr")
	server := exec.Command("ailing", addr)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Process.Kill(); _ = server.Wait() })
	url := awaitFile(addr, nil)
	for _, test := range []struct{ mode, command string }{
		{"nasty", "tools"},
		{"nasty", "tools whoami"},
		{"nasty", "call whoami"},
		{"nasty", "call whoami --json"},
		{"nasty", "call whoami --raw"},
		{"nasty", "call whoami --jq .content[0].text"},
		{"nasty", "call whoami --help"},
		{"nasty", "resources"},
		{"nasty", "read test://x"},
		{"nasty", "prompts"},
		{"nasty", "prompt p"},
		{"nasty", "doctor"},
		{"nasty-error", "tools"},
		{"nasty-error", "call whoami --debug"},
		{"nasty-page", "call whoami --debug"},
		{"nasty-refusal", "call whoami"},
		{"nasty-refusal", "connect --no-tui"},
	} {
		response, err := http.Post(strings.TrimSuffix(url, "/mcp")+"/mode", "text/plain", strings.NewReader(test.mode))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		cmd := exec.CommandContext(t.Context(), "mcpdiscord", append(strings.Fields(test.command), "--server", url, "--color", "never")...)
		cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TERM=xterm", "XDG_RUNTIME_DIR=" + home, "MCPDISCORD_TOKEN=x", "GORACE=atexit_sleep_ms=10"}
		terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 80})
		if err != nil {
			t.Fatal(err)
		}
		shown, ended := record(terminal)
		<-ended
		_ = cmd.Wait()
		_ = terminal.Close()
		text := shown.text.String()
		own := strings.NewReplacer("\r\n", "\n", "\r\x1b[K", "\n").Replace(text) // a waiting line that is taken back
		if len(text) == 0 || strings.ContainsFunc(own, raw) {
			t.Errorf("%s, %s: %q", test.mode, test.command, text)
		}
	}
}
