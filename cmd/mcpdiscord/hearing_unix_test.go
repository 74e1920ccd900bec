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

// TestHearingOnTerminal: a call's progress is one line that is taken back, what
// its server logs stands above it, and neither does anything but show. Bytes
// are not written to a terminal.
func TestHearingOnTerminal(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	upstream := exec.CommandContext(ctx, "protected", filepath.Join(dir, "addr"))
	if err := upstream.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = upstream.Process.Kill(); _ = upstream.Wait() })
	url := awaitFile(filepath.Join(dir, "addr"), nil)
	for name, test := range map[string]struct {
		args []string
		says []string // each is awaited, then Ctrl-C is typed where it goes on
		code int
		ends string
	}{
		"progress": {
			[]string{"call", "busy"},
			[]string{"[warning] disk: nearly ␛[31mfull\r\n[warning] mcpdiscord: forged", "\r1 of 1000000 (0%): fetching…, 0s\x1b[K", "fetching…, 1s\x1b[K"},
			130, "\r\x1b[Kmcpdiscord: interrupted\r\n",
		},
		"bytes":       {[]string{"read", "test://logo"}, []string{"[resource, image/png, 10B, test://logo]", "-o FILE saves what is not text"}, 0, "text\r\n"},
		"bytes there": {[]string{"call", "shot", "-o", "/dev/stdout"}, []string{"mcpdiscord: the answer is not text, and /dev/stdout is a terminal"}, 1, "-o FILE\r\n"},
		"text":        {[]string{"read", "test://notes"}, []string{"no end of line at test://notes\r\n"}, 0, "notes\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			home := t.TempDir()
			cmd := exec.CommandContext(ctx, "mcpdiscord", append(test.args, "--server", url, "--color", "never")...)
			cmd.Env = []string{"HOME=" + home, "PATH=" + os.Getenv("PATH"), "TERM=xterm", "XDG_RUNTIME_DIR=" + home, "GORACE=atexit_sleep_ms=10"}
			terminal, err := pty.StartWithSize(cmd, &pty.Winsize{Rows: 30, Cols: 34})
			if err != nil {
				t.Fatal(err)
			}
			defer terminal.Close()
			shown, ended := record(terminal)
			for _, text := range test.says {
				waitFor(t, text, shown.shows(text))
			}
			if test.code == 130 {
				if _, err := terminal.WriteString("\x03"); err != nil {
					t.Fatal(err)
				}
			}
			<-ended
			_ = cmd.Wait()
			text := shown.text.String()
			if code := cmd.ProcessState.ExitCode(); code != test.code || !strings.HasSuffix(text, test.ends) || strings.Contains(text, "\x1b[31m") || strings.Contains(text, "\x89") {
				t.Errorf("it ended with %d:\n%q", code, text)
			}
		})
	}
}
