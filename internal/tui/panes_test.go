package tui_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

func resources() []client.Resource {
	return []client.Resource{
		{URI: "file:///notes.txt", Name: "notes.txt", Title: "Notes", Description: "What was said.", MIMEType: "text/plain", Size: 1234},
		{URI: "https://example.com/logo.png", MIMEType: "image/png"},
		{URI: "evil://\x1b]0;x\x07\u202e" + strings.Repeat("n", 5000), Name: "\x1b[2Jevil", Description: "\u202eboo"},
	}
}

func templates() []client.ResourceTemplate {
	return []client.ResourceTemplate{
		{URITemplate: "users://{id}/files{?kind,limit}", Name: "files", Title: "Files of a user", Description: "A template."},
		{URITemplate: "broken://{", Name: "broken"},
	}
}

func prompts() []client.Prompt {
	return []client.Prompt{
		{
			Name: "review", Title: "Review code", Description: "Asks for a review.",
			Arguments: []client.PromptArgument{
				{Name: "language", Description: "Of the code.", Required: true}, {Name: "code", Title: "The code", Required: true}, {Name: "tone"},
			},
		},
		{Name: "greet"},
	}
}

func (s *session) Resources(context.Context) ([]client.Resource, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.resources, nil
}

func (s *session) ResourceTemplates(context.Context) ([]client.ResourceTemplate, error) {
	return s.templates, nil
}

func (s *session) Prompts(context.Context) ([]client.Prompt, error) {
	s.mu.Lock()
	s.prompted++
	s.mu.Unlock()
	return s.prompts, nil
}

func (s *session) ReadResource(_ context.Context, uri string) (*client.ResourceResult, error) {
	s.heard("read " + uri)
	if strings.HasPrefix(uri, "broken") {
		return nil, &client.Error{Kind: client.KindUsage, Message: "the server has no resource \"broken://{\""}
	}
	res := &client.ResourceResult{
		Raw:      json.RawMessage(`{"contents":[{"text":"Buy milk."}]}`),
		Contents: []client.Content{{Type: "resource", URI: uri, Text: "Buy milk.\nAnd \x1b[2Jbread."}},
	}
	if s.linked {
		res.Contents = append(res.Contents, client.Content{Type: "resource_link", URI: "file:///next.txt"})
	}
	return res, nil
}

func (s *session) Prompt(_ context.Context, name string, arguments map[string]string) (*client.PromptResult, error) {
	text, _ := json.Marshal(arguments)
	s.heard("prompt " + name + " " + string(text))
	return &client.PromptResult{
		Description: "A review.",
		Messages: []client.PromptMessage{
			{Role: "user", Content: client.Content{Type: "text", Text: "Please review this " + arguments["language"] + " code:\n" + arguments["code"]}},
			{Role: "assistant", Content: client.Content{Type: "image", MIMEType: "image/png", Data: "AAAA"}},
		},
	}, nil
}

func (s *session) heard(call string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, call)
}

func TestResources(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("2")
		s.see("[2 Resources]", "notes.txt", "file:///notes.txt", "text/plain, 1.2 kB", "enter read")
		s.press("enter")
		s.see("✓ notes.txt", "Buy milk.", "And ␛[2Jbread.")
		s.press("r", "esc", "/")
		s.write("user")
		s.press("enter", "enter")
		s.see("mcpdiscord read --server http://localhost:8000/mcp users:///files")
		s.press("ctrl+s")
		s.see("required")
		s.write("a b/ü")
		s.press("down", "down")
		s.write("5")
		s.press("ctrl+s")
		s.see("✓ files")
		s.press("4")
		s.see("✓ files", "✓ notes.txt")
		s.press("6")
		s.see("read --server http://localhost:8000/mcp file:///notes.txt")
		const address = "read users://a%20b%2F%C3%BC/files?limit=5"
		if want := []string{"read file:///notes.txt", "read file:///notes.txt", address}; !slices.Equal(s.session.calls, want) {
			t.Errorf("%q, want %q", s.session.calls, want)
		}
	})
}

func TestPrompts(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("3", "enter")
		s.write("Go")
		s.press("enter")
		s.write("package main")
		s.see("mcpdiscord prompt --server http://localhost:8000/mcp review language=Go 'co…")
		s.press("ctrl+s")
		s.see("✓ review", "A review.", "user:", "Please review this Go code:", "package main", "assistant:", "image/png")
		s.press("esc", "esc", "down", "enter")
		s.see("✓ greet")
		want := []string{`prompt review {"code":"package main","language":"Go"}`, `prompt greet {}`}
		if !slices.Equal(s.session.calls, want) {
			t.Errorf("%q, want %q", s.session.calls, want)
		}
	})
}

func TestWhatIsNotOfferedIsNotAskedFor(t *testing.T) {
	t.Parallel()
	play(t, setting{session: &session{tools: tools()}}, func(s *stage) {
		s.settle()
		s.press("2")
		s.see("This server has no resources.")
		s.press("3")
		s.see("This server has no prompts.")
	})
}

// TestTemplates holds the examples of RFC 6570 that have no lists.
func TestTemplates(t *testing.T) {
	t.Parallel()
	values := map[string]string{
		"var": "value", "hello": "Hello World!", "path": "/foo/bar", "empty": "", "x": "1024", "y": "768", "half": "50%", "who": "ü", "base": "http://example.com/home/",
	}
	for template, want := range map[string]string{
		"{var}": "value", "{hello}": "Hello%20World%21", "{half}": "50%25", "O{empty}X": "OX", "O{undef}X": "OX",
		"{x,y}": "1024,768", "{x,hello,y}": "1024,Hello%20World%21,768", "?{x,undef}": "?1024", "{var:3}": "val", "{var:30}": "value",
		"{+hello}": "Hello%20World!", "{+half}": "50%25", "{base}index": "http%3A%2F%2Fexample.com%2Fhome%2Findex",
		"{+base}index": "http://example.com/home/index", "up{+path}{var}/here": "up/foo/barvalue/here", "{#path:6}here": "#/foo/bhere",
		"{#x,hello,y}": "#1024,Hello%20World!,768", "X{.x,y}": "X.1024.768", "{/var,x}/here": "/value/1024/here", "{/var,empty}": "/value/",
		"{;x,y,empty}": ";x=1024;y=768;empty", "{;hello:5}": ";hello=Hello", "{?x,y,empty}": "?x=1024&y=768&empty=", "{?x,undef}": "?x=1024",
		"?fixed=yes{&x}": "?fixed=yes&x=1024", "{&x,y,empty}": "&x=1024&y=768&empty=", "{who}": "%C3%BC", "ü/{var*}": "%C3%BC/value", "a%20{var}": "a%20value",
		"{": "{", "}": "}", "{}": "{}", "{var:0}": "{var:0}", "{!x}": "{!x}",
	} {
		if got := tui.Expand(template, values); got != want {
			t.Errorf("%s is %q, want %q", template, got, want)
		}
	}
}

// FuzzTemplate: whatever a server calls a template has a form, and an address.
func FuzzTemplate(f *testing.F) {
	for _, seed := range []string{"users://{id}{?kind*,limit:3}", "{", "{+a,b}", "{&x}", "{id}{id}", "\x1b{\u202e}"} {
		f.Add(seed, "a b/ü")
	}
	f.Fuzz(func(t *testing.T, template, value string) {
		template = strings.ToValidUTF8(template, "") // it was JSON
		required, address := tui.Template(template, value)
		if address == "" && template != "" && len(required) > 0 && value != "" {
			t.Errorf("%q has no address for %q", template, value)
		}
	})
}

// TestHistoryStaysOnItsCall: a call that begins comes above those there are.
func TestHistoryStaysOnItsCall(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.choose("text")
		s.press("esc")
		s.choose("empty")
		s.press("4", "down")
		s.see("› ✓ text", "2 of 2")
		s.press("r")
		s.see("✓ text")
		s.press("esc")
		s.see("› ✓ text", "3 of 3")
	})
}
