package main

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// fullDisk takes nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// A help that nobody gets is a failure.
func TestHelpUnwritten(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{}, {"--help"}, {"call", "--help"}, {"help", "serve"}} {
		p := newProgram(nil, func(string) string { return "" }, nil)
		root := p.root()
		root.SetOut(fullDisk{})
		root.SetArgs(args)
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		if p.helped == nil || toUserError(p.helped).code != exitFailure {
			t.Errorf("%q: got %v", args, p.helped)
		}
	}
}

// TestHelpGolden holds the --help of every command to testdata/help.
func TestHelpGolden(t *testing.T) {
	t.Parallel()
	const dir = "testdata/help"
	kept, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	golden := map[string]bool{}
	for _, path := range kept {
		golden[path] = true
	}
	walkCommands(documented(), func(c *cobra.Command) {
		path := filepath.Join(dir, pageName(c)+".txt")
		delete(golden, path)
		root := documented()
		var shown bytes.Buffer
		root.SetOut(&shown)
		root.SetArgs(append(strings.Fields(c.CommandPath())[1:], "--help"))
		if err := root.ExecuteContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		if *update {
			if err := os.WriteFile(path, shown.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			return
		}
		want, _ := os.ReadFile(path)
		if diff := cmp.Diff(string(want), shown.String()); diff != "" {
			t.Errorf("%s --help is not %s; if it should be, go test ./cmd/mcpdiscord -run TestHelp -update\n%s", c.CommandPath(), path, diff)
		}
	})
	for path := range golden {
		if !*update {
			t.Errorf("%s is of no command", path)
		} else if err := os.Remove(path); err != nil {
			t.Error(err)
		}
	}
}
