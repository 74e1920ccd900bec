package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestScriptingDocument runs each example of docs/scripting.md.
func TestScriptingDocument(t *testing.T) {
	t.Parallel()
	runExamples(t, "docs/scripting.md", 10)
}

// TestTUIDocument runs each example of docs/tui.md, which are few: the rest is on
// a terminal.
func TestTUIDocument(t *testing.T) {
	t.Parallel()
	runExamples(t, "docs/tui.md", 2)
}

// runExamples runs each example of a document, of which there are some: a block of
// sh, and behind it what it prints. Behind sh stands how: exit=N, signed-out, or
// upstream for the tools of a server without a door.
func runExamples(t *testing.T, document string, some int) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", document))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh([^\n]*)\n(.*?)```\n(?:\n```text\n(.*?)```\n)?").FindAllStringSubmatch(string(text), -1)
	if fences := strings.Count(string(text), "```sh"); len(blocks) != fences || fences < some {
		t.Fatalf("%s has %d blocks of sh, and %d can be read", document, fences, len(blocks))
	}
	params := scripts()
	params.Dir = ""
	dir := t.TempDir()
	for i, block := range blocks {
		path := filepath.Join(dir, fmt.Sprintf("example%02d.txtar", i+1))
		if err := os.WriteFile(path, []byte(exampleScript(strings.Fields(block[1]), block[2], block[3])), 0o600); err != nil {
			t.Fatal(err)
		}
		params.Files = append(params.Files, path)
	}
	testscript.Run(t, params)
}

// exampleScript is a testscript of one example.
func exampleScript(how []string, example, prints string) string {
	var b strings.Builder
	b.WriteString("[!exec:sh] stop 'there is no sh'\n")
	code, server, signedIn := "0", "serve main --dev --store memory: --emulator-addr 127.0.0.1:0\n", "exec mcpdiscord connect --no-tui\n"
	for _, word := range how {
		switch number, isCode := strings.CutPrefix(word, "exit="); {
		case isCode:
			code = number
		case word == "signed-out":
			signedIn = ""
		case word == "upstream":
			server, signedIn = "upstream\nenv MCPDISCORD_SERVER=$upstream\n", ""
		default:
			return "this is no word for an example: " + word
		}
	}
	b.WriteString(server + signedIn + "exits " + code + " sh example.sh\n")
	if prints == "" {
		b.WriteString("! stdout .\n")
	} else {
		var pattern []string
		for line := range strings.SplitSeq(strings.TrimSuffix(prints, "\n"), "\n") {
			pattern = append(pattern, strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*"))
		}
		b.WriteString("stdout '\\A" + strings.ReplaceAll(strings.Join(pattern, `\n`), "'", "''") + "\\n\\z'\n")
	}
	b.WriteString("-- example.sh --\n" + example)
	return b.String()
}
