package tui_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

func TestResultKeys(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.choose("get_user_info")
		s.see("✓ get_user_info", "[result]  text", "›▾ {9 keys}", "enter fold")
		s.press("/")
		s.write("walks q4") // letters and digits belong to the field
		s.see("/walks q4", "no match")
		s.press("esc")
		s.press("/")
		s.write("walks")
		s.see("1 of 1")
		s.press("enter", "esc") // ends the search, and does not yet go back
		s.see("✓ get_user_info", ".bio ──")
		s.press("w")
		s.see("the text twin", "[text]")
		s.press("y")
		s.see("copied all of it")
		s.send(tea.WindowSizeMsg{Width: 40, Height: 12})
		s.see("the text twin")
		s.press("x")
		s.see("nothing was received")
		s.press("esc")
		s.see("[1 Tools]", "Who is signed in")
		s.press("4", "enter", "w")
		s.see("✓ get_user_info", "[result]") // the result is as it was left
	})
}

func TestResultIsSaved(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "out.json")
	open(t, func(s *stage) {
		s.choose("get_user_info")
		s.press("s")
		s.see("Save as: get_user_info.json")
		s.press("ctrl+u")
		s.send(tea.PasteMsg{Content: path + "\n"})
		s.press("enter")
		s.see("saved /")
	})
	got, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(got), `"permissions": 80351110224678912`) {
		t.Errorf("%q, %v", got, err)
	}
}

// TestResultIsOpened plays the desktop: what it is given, and what it answers.
func TestResultIsOpened(t *testing.T) {
	t.Parallel()
	var files, urls []string
	set := setting{open: func(path string) error {
		files = append(files, filepath.Base(path))
		return errors.New("no viewer")
	}, browse: func(url string) error {
		urls = append(urls, url)
		return nil
	}}
	set.session = &session{tools: []client.Tool{{Name: "links"}, {Name: "text"}}}
	play(t, set, func(s *stage) {
		s.settle()
		s.press("enter", "o")
		s.see("Open in the browser? https://example.com/a")
		s.press("y")
		s.press("o", "q", "x", "n") // neither a yes nor the end
		if s.quit || len(urls) != 1 || urls[0] != "https://example.com/a" {
			t.Errorf("opened %q, quit %v", urls, s.quit)
		}
		s.press("enter")
		s.see("✓ https://example.com/a", "Buy milk.") // read from this server
		s.press("esc", "esc", "down", "enter", "down", "down", "enter")
		s.see("not opened: no viewer; s saves it")
		s.m.ClearShelf()
	})
	if len(files) != 1 || files[0] != "result.png" {
		t.Errorf("opened %q", files)
	}
}

func TestRefusalShowsTheServersError(t *testing.T) {
	t.Parallel()
	play(t, setting{width: 80, height: 24, session: &session{tools: []client.Tool{{Name: "refuse"}}}}, func(s *stage) {
		s.settle()
		s.press("enter")
		s.see("refuse could not be called", "The server refused the call", "Run mcpdiscord tools to see its tools", "error: {3 keys}", "code: -32602", "[result]  raw")
		s.press("x")
		s.see("[raw]", `method: "tools/call"`)
		s.press("r")
		if len(s.session.calls) != 2 {
			t.Errorf("calls %q", s.session.calls)
		}
		s.press("esc")
		s.see("1 of 1")
	})
}

// TestLinksLeadBack follows links, one in what another led to, and goes back by one level each time.
func TestLinksLeadBack(t *testing.T) {
	t.Parallel()
	tools := []client.Tool{{Name: "get_user_info"}, {Name: "text"}}
	play(t, setting{session: &session{tools: tools, resources: resources(), linked: true}}, func(s *stage) {
		s.settle()
		s.press("down", "enter", "G")
		s.see("✓ text", "› [resource_link notes")
		s.press("enter")
		s.see("✓ file:///notes.txt", "Buy milk.", "[resource_link file:")
		s.press("G", "enter")
		s.see("✓ file:///next.txt")
		s.press("r") // once more is no level of its own
		s.see("✓ file:///next.txt")
		s.press("esc")
		s.see("✓ file:///notes.txt", "› [resource_link file:")
		s.press("4", "1") // the pane keeps the way
		s.press("esc")
		s.see("✓ text", "› [resource_link notes")
		s.press("esc")
		s.see("[1 Tools]", "› text")
		s.press("4")
		s.see("1 of 4", "✓ file:///notes.txt", "✓ file:///next.txt")
		s.press("down", "enter", "esc") // from here it leads to the list
		s.see("2 of 4")
		s.press("1", "enter", "G", "enter", "ctrl+p")
		s.write("get_user_info")
		s.press("enter", "esc") // what was opened in between ends the way
		s.see("[1 Tools]", "› text")
	})
}

// TestEditLeadsBack gives up the form that a result's arguments were opened in.
func TestEditLeadsBack(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.choose("secret")
		s.press("ctrl+s", "e")
		s.see("password", "note")
		s.press("esc")
		s.see("✓ secret", "done: true")
		s.press("e")
		s.write("x")
		s.press("ctrl+s")
		s.see("✓ secret")
		s.press("esc", "esc")
		s.see("[1 Tools]", "› secret")
	})
}
