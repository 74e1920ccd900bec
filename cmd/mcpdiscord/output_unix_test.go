//go:build unix

package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/creack/pty"
)

// An answer is indented on a terminal alone, colored where that is wanted, and
// neither in a file, wherever the command runs.
func TestAnswerFits(t *testing.T) {
	t.Parallel()
	const (
		answer   = `{"a":[1,"x"]}`
		colored  = "{\x1b[34m\"a\"\x1b[0m:[\x1b[36m1\x1b[0m,\x1b[32m\"x\"\x1b[0m]}\n"
		indented = "{\r\n  \x1b[34m\"a\"\x1b[0m: [\r\n    \x1b[36m1\x1b[0m,\r\n    \x1b[32m\"x\"\x1b[0m\r\n  ]\r\n}\r\n"
	)
	for _, test := range []struct {
		name          string
		terminal      bool // stdout is one
		color, jq     string
		file          bool
		want, written string
	}{
		{"terminal", true, "auto", "", false, indented, ""},
		{"terminal, never", true, "never", "", false, "{\r\n  \"a\": [\r\n    1,\r\n    \"x\"\r\n  ]\r\n}\r\n", ""},
		{"terminal, jq", true, "auto", ".", false, indented, ""},
		{"terminal, jq for a string", true, "auto", ".a[1]", false, "x\r\n", ""},
		{"terminal, file", true, "auto", "", true, "", answer + "\n"},
		{"terminal, file, always", true, "always", "", true, "", answer + "\n"},
		{"terminal, file, jq", true, "always", ".", true, "", answer + "\n"},
		{"pipe", false, "auto", "", false, answer + "\n", ""},
		{"pipe, always", false, "always", "", false, colored, ""},
		{"pipe, always, jq", false, "always", ".", false, colored, ""},
		{"pipe, file, always", false, "always", "", true, "", answer + "\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(nil, func(string) string { return "" }, nil)
			p.color = test.color
			read, out := outputs(t, test.terminal)
			p.out = out
			o := outputFlags{jq: test.jq}
			if test.file {
				o.file = filepath.Join(t.TempDir(), "answer")
			}
			shown := make(chan string, 1)
			go func() {
				text, _ := io.ReadAll(read) // a terminal that is gone is an error
				shown <- string(text)
			}()
			if err := p.answer(t.Context(), o, json.RawMessage(answer)); err != nil {
				t.Fatal(err)
			}
			_ = out.Close()
			if got := <-shown; got != test.want {
				t.Errorf("shown is %q, want %q", got, test.want)
			}
			if written, _ := os.ReadFile(o.file); string(written) != test.written {
				t.Errorf("written is %q, want %q", written, test.written)
			}
		})
	}
}

// outputs are both ends of a terminal or of a pipe.
func outputs(t *testing.T, terminal bool) (read, out *os.File) {
	t.Helper()
	open := os.Pipe
	if terminal {
		open = pty.Open
	}
	read, out, err := open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = read.Close(); _ = out.Close() })
	return read, out
}
