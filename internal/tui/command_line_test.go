package tui_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

func TestCommandLine(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, tool, arguments, want string }{
		{"no arguments", "get_user_info", `{}`, `p call --server http://h/mcp get_user_info`},
		{"text keeps its digits", "t", `{"id":"80351110224678912","n":80351110224678912}`, `p call --server http://h/mcp t id=80351110224678912 n:=80351110224678912`},
		{"quoted", "t", `{"a":"it's $HOME","b":{"c":[1,"x y"]}}`, `p call --server http://h/mcp t 'a=it'\''s $HOME' 'b:={"c":[1,"x y"]}'`},
		{"null is not a text", "t", `{"a":null,"b":"null"}`, `p call --server http://h/mcp t a:=null 'b:="null"'`},
		{"an empty text", "t", `{"a":""}`, `p call --server http://h/mcp t a=`},
		{"no file", "t", `{"a":"@b","c":"@@d","e":"f@g"}`, `p call --server http://h/mcp t a=@@b c=@@@d e=f@g`},
		{"what is not seen", "t", "{\"a\":\"1\\n2\",\"b\":\"\u202e\U000e0001\"}", `p call --server http://h/mcp t 'a:="1\n2"' 'b:="\u202e\udb40\udc01"'`},
		{"names that are no words", "t", `{"a=b":1,"c":"d"}`, `p call --server http://h/mcp t '{"a=b":1,"c":"d"}'`},
		{"a name like a flag", "t", `{"-x":"1"}`, `p call --server http://h/mcp -- t -x=1`},
		{"a tool like a flag", "--help", `{}`, `p call --server http://h/mcp -- --help`},
		{"a tool for a shell", "a;b \x1b'", `{}`, `p call --server http://h/mcp $'a;b \033\047'`},
		{"too long", "t", `{"a":"` + strings.Repeat("x", 70<<10) + `"}`, `p call --server http://h/mcp -- t - < arguments.json`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := tui.Line("call", test.tool, "http://h/mcp", test.arguments); got != test.want {
				t.Errorf("line\n%s\nwant\n%s", got, test.want)
			}
		})
	}
}

// TestCommandLineInShell gives lines to a real shell: it sees the words that were meant.
func TestCommandLineInShell(t *testing.T) {
	t.Parallel()
	shell, err := exec.LookPath("bash")
	if err != nil {
		shell = "/bin/sh" // all but the last line are for any shell
	}
	for _, text := range []string{"plain", "a b", `'"\$(x) !*?[]{}~#&|;<>`, "日本語", "-n", "a\\nb", "it's ''"} {
		line := tui.Line("call", text, "", `{"`+`k":`+string(encodedText(t, text))+`}`)
		line = strings.Replace(line, "p call", `printf '%s\n'`, 1)
		line = strings.Replace(line, " -- ", " ", 1)
		out, err := exec.CommandContext(t.Context(), shell, "-c", line).Output()
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if want := text + "\nk=" + text + "\n"; string(out) != want {
			t.Errorf("the shell made %q of %s", out, line)
		}
	}
}

func TestRedacted(t *testing.T) {
	t.Parallel()
	const schema = `{"properties":{"user":{"type":"string"},"pass":{"type":"string","format":"password"},
		"deep":{"type":"object","properties":{"key":{"type":"string","writeOnly":true},"id":{"type":"integer"}}},
		"list":{"type":"array","items":{"type":"string","writeOnly":true}},"people":{"type":"array","items":{"type":"object","properties":{"pin":{"type":"integer","writeOnly":true}}}},
		"either":{"anyOf":[{"type":"integer"},{"type":"object","properties":{"k":{"type":"string","format":"password"}}}]},
		"any":{"type":"object","additionalProperties":{"writeOnly":true}},"boxed":{"writeOnly":true}}}`
	f := tui.NewForm([]byte(schema))
	got := f.Redacted(`{"user":"a","pass":"SECRET","deep":{"key":"SECRET","id":7},"list":["SECRET"],"people":[{"pin":1234,"SECRET":0}],
		"either":{"k":"SECRET"},"any":{"a":"SECRET"},"boxed":["SECRET"],"unknown":1}`)
	want := `{"user":"a","pass":"•••","deep":{"key":"•••","id":7},"list":["•••"],"people":[{"pin":"•••","SECRET":0}],` +
		`"either":{"k":"•••"},"any":"•••","boxed":"•••","unknown":1}`
	if got != want {
		t.Errorf("redacted\n%s\nwant\n%s", got, want)
	}
	whole := tui.NewForm([]byte(`{"additionalProperties":{"writeOnly":true}}`))
	if got := whole.Redacted(`{"a":"SECRET"}`); strings.Contains(got, "SECRET") {
		t.Errorf("redacted: %s", got)
	}
}

// TestSecretsOnCommandLine: a line never has a secret, and is one that call understands.
func TestSecretsOnCommandLine(t *testing.T) {
	t.Parallel()
	const schema = `{"properties":{"user":{"type":"string"},"pass":{"type":"string","format":"password"},"pass word":{"type":"string","writeOnly":true},
		"pass@word":{"type":"string","writeOnly":true},"pin":{"type":"integer","writeOnly":true},"-p":{"type":"string","writeOnly":true},
		"deep":{"type":"object","properties":{"key":{"type":"string","writeOnly":true},"id":{"type":"integer"}}},"any":{"writeOnly":true},"a=b":{"type":"string"}}}`
	f := tui.NewForm([]byte(schema))
	for arguments, want := range map[string]string{
		`{"user":"a","pass":"SECRET"}`:                        `p call t user=a pass=@pass.txt`,
		`{"pass":"SECRET","pass word":"SECRET"}`:              `p call t pass=@pass.txt 'pass word=@pass_word.txt'`,
		`{"pass word":"SECRET","pass@word":"SECRET"}`:         `p call t 'pass word=@pass_word.txt' pass@word=@pass_word-2.txt`,
		`{"user":"a","pin":4711,"deep":{"id":7}}`:             `p call t user=a 'deep:={"id":7}' - < secrets.json`,
		`{"deep":{"key":"SECRET","id":7},"pass":"SECRET"}`:    `p call t pass=@pass.txt - < secrets.json`,
		`{"any":{"a":"SECRET"},"user":"•••"}`:                 `p call t 'user=•••' - < secrets.json`,
		`{"any":"SECRET"}`:                                    `p call t any=@any.txt`,
		`{"-p":"SECRET"}`:                                     `p call -- t -p=@-p.txt`,
		`{"pass":"SECRET","a=b":"c"}`:                         `p call -- t - < arguments.json`,
		`{"pass":null,"deep":{"\u00e9":1,"id":[]},"user":""}`: `p call t pass:=null 'deep:={"é":1,"id":[]}' user=`,
		`{"pass":""}`: `p call t pass=@pass.txt`,
	} {
		got := f.Line(arguments)
		if got != want || strings.Contains(got, "SECRET") || strings.Contains(got, "4711") {
			t.Errorf("%s\nis\n%s\nwant\n%s", arguments, got, want)
		}
	}
	whole := tui.NewForm([]byte(`{"additionalProperties":{"writeOnly":true}}`))
	if got := whole.Line(`{"a":"SECRET"}`); got != "p call -- t - < arguments.json" {
		t.Error(got)
	}
}
