package main

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// An answer that cannot be written is lost, and the exit code says so.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	open := mcp.NewServer(&mcp.Implementation{Name: "open", Version: "1"}, nil)
	mcp.AddTool(open, &mcp.Tool{Name: "hello"}, func(context.Context, *mcp.CallToolRequest, struct{}) (*mcp.CallToolResult, any, error) {
		return &mcp.CallToolResult{Content: []mcp.Content{&mcp.TextContent{Text: "hello"}}}, nil, nil
	})
	upstream := httptest.NewServer(mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return open }, &mcp.StreamableHTTPOptions{Stateless: true}))
	t.Cleanup(upstream.Close)
	for _, test := range []struct {
		name string
		args []string
	}{
		{"version", []string{"version"}},
		{"version as JSON", []string{"version", "--json"}},
		{"demo", []string{"demo"}},
		{"call", []string{"call", "hello"}},
		{"call for JSON", []string{"call", "hello", "--json"}},
		{"call with jq", []string{"call", "hello", "--jq", "."}},
		{"tools", []string{"tools"}},
		{"tool", []string{"tools", "hello"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			said, err := os.CreateTemp(t.TempDir(), "stderr")
			if err != nil {
				t.Fatal(err)
			}
			home := t.TempDir()
			environment := map[string]string{"HOME": home, "APPDATA": home, "LOCALAPPDATA": home, "MCPDISCORD_TOKEN_STORE": "memory", "MCPDISCORD_SERVER": upstream.URL}
			p := newProgram([]string{"mcpdiscord"}, func(name string) string { return environment[name] }, nil)
			p.in, p.out, p.err = brokenPipe(t), brokenPipe(t), said
			code := p.run(t.Context(), test.args)
			text, err := os.ReadFile(said.Name())
			if err != nil {
				t.Fatal(err)
			}
			if code != exitFailure || !strings.Contains(string(text), "the answer cannot be written to standard output") {
				t.Errorf("exit code %d\n%s", code, text)
			}
		})
	}
}

// brokenPipe is a pipe that nobody reads.
func brokenPipe(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	_ = r.Close()
	t.Cleanup(func() { _ = w.Close() })
	return w
}

// jq's numbers keep their digits, its strings are bare, and an expression
// without end is ended by Ctrl-C.
func TestFiltered(t *testing.T) {
	t.Parallel()
	const answer = `{"n":123456789012345678901234567890,"f":0.1000000000000000000001,"s":"a\"b"}`
	for _, test := range []struct{ name, expression, want string }{
		{"big integer", ".n", "123456789012345678901234567890\n"},
		{"long fraction", ".f", "0.1000000000000000000001\n"},
		{"string", ".s", "a\"b\n"},
		{"several", ".s, .n", "a\"b\n123456789012345678901234567890\n"},
		{"none", "empty", ""},
		{"halt", ".s, halt, .n", "a\"b\n"},
		{"environment is not there", "env|length", "0\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			p := newProgram(nil, func(string) string { return "" }, nil)
			out := filepath.Join(t.TempDir(), "out")
			if err := p.filtered(t.Context(), outputFlags{jq: test.expression, file: out}, json.RawMessage(answer)); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(out); err != nil || string(got) != test.want {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p := newProgram(nil, func(string) string { return "" }, nil)
	if err := p.filtered(ctx, outputFlags{jq: "repeat(1)|empty", file: filepath.Join(t.TempDir(), "out")}, json.RawMessage(answer)); err == nil {
		t.Error("an expression without end has ended")
	}
}
