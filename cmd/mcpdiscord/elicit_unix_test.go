//go:build unix

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/creack/pty"
)

// TestElicitOnTerminal answers a form and an address on a real
// pseudo-terminal: a mistake, an edit, a no, a yes, Ctrl-D and Ctrl-C.
func TestElicitOnTerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel) // after the parallel tests, which may wait long for their turn
	upstream := exec.CommandContext(ctx, "protected", filepath.Join(dir, "addr"))
	if err := upstream.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = upstream.Process.Kill(); _ = upstream.Wait() })
	url := awaitFile(filepath.Join(dir, "addr"), nil)
	for name, test := range map[string]struct {
		tool  string
		says  []string // each is awaited
		types []string // and then typed
		code  int
		ends  string
	}{
		"answer": {
			"paint",
			[]string{
				"asks you, for the tool paint:", "one of red, green", "coats = ", "serial = ", "glossy = ", "Send it?",
				"color = ", "coats = ", "serial = ", "glossy = ", `{"color":"red","coats":2,"glossy":true}`,
			},
			[]string{"", "blue\nGREEN\n", "0\n3\n", "\n", "\n", "\ne\n", "red\n", "\n", "\n", "yes\n", "y\n"},
			0, `"action":"accept"`,
		},
		"decline":      {"paint", []string{"color = ", "coats = ", "serial = ", "glossy = ", "Send it?"}, []string{"red\n", "\n", "\n", "\n", "d\n"}, 0, `"action":"decline"`},
		"Ctrl-D":       {"paint", []string{"color = "}, []string{"\x04"}, 0, `"action":"cancel"`},
		"Ctrl-C":       {"paint", []string{"color = "}, []string{"\x03"}, 130, "interrupted"},
		"address, no":  {"link", []string{"at the host 127.0.0.1", "Open it"}, []string{"", "\nn\n"}, 0, `"action":"decline"`},
		"address, yes": {"link", []string{"http://127.0.0.1:9/pay?a=1", "Open it"}, []string{"", "y\n"}, 0, `"action":"accept"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			tabs := filepath.Join(home, "tabs")
			cmd := exec.CommandContext(ctx, "mcpdiscord", "call", test.tool, "--server", url, "--color", "never", "--json")
			cmd.Env = []string{
				"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TERM=dumb", "XDG_RUNTIME_DIR=" + home,
				"BROWSER=browser nothing", "BROWSER_LOG=" + tabs, "GORACE=atexit_sleep_ms=10",
			}
			terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 200})
			if err != nil {
				t.Fatal(err)
			}
			defer terminal.Close()
			shown, read := record(terminal)
			times := map[string]int{}
			for i, text := range test.says {
				times[text]++
				waitFor(t, text, shown.showsTimes(text, times[text]))
				if _, err := terminal.WriteString(test.types[i]); err != nil {
					t.Fatal(err)
				}
			}
			<-read
			_ = cmd.Wait()
			text := strings.ReplaceAll(strings.ReplaceAll(shown.text.String(), `": "`, `":"`), "\r", "")
			if code := cmd.ProcessState.ExitCode(); code != test.code || !strings.Contains(text, test.ends) || strings.Contains(text, "\x1b") {
				t.Errorf("it ended with %d:\n%s", code, text)
			}
			if _, err := os.Stat(tabs); (err == nil) != (name == "address, yes") {
				t.Errorf("a browser was opened: %t", err == nil)
			}
		})
	}
}
