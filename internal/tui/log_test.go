package tui_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// copies presses y, and wants a text in the clipboard.
func (s *stage) copies(want string) {
	s.t.Helper()
	_, cmd := s.m.Update(keyNamed("y"))
	switch {
	case cmd == nil && want != "":
		s.t.Errorf("nothing is copied, want %q", want)
	case cmd != nil:
		if got := cmd(); want == "" || !reflect.DeepEqual(got, tea.SetClipboard(want)()) {
			s.t.Errorf("copied %q, want %q", got, want)
		}
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("6")
		s.see("Nothing has happened yet.")
		s.press("enter", "down")
		s.copies("")
		s.press("1")
		s.some()
		s.press("6")
		s.see("› 12:00:04 slow: info sweeper: swept three", "15 of 15", "enter show", "y copy")
		s.copies("slow: info sweeper: swept three")
		s.see("copied the line, 31 bytes")
		s.press("up")
		s.see("› 12:00:04 mcpdiscord call --server http://localhost:8000/mcp slow", "14 of 15")
		s.copies("mcpdiscord call --server http://localhost:8000/mcp slow")
		s.see("copied the command, 55 bytes")
		s.press("enter")
		s.see("✓ command of 12:00:04", "mcpdiscord call --server http://localhost:8000/mcp slow")
		s.press("esc")
		s.see("14 of 15")
		close(s.session.release)
		s.settle() // the cursor stays on its entry
		s.see("› 12:00:04 mcpdiscord call --server http://localhost:8000/mcp slow", "14 of 16")
		s.press("G")
		s.see("› 12:00:07 slow answered after 2.5 s", "16 of 16")
		s.press("g")
		s.see("› 12:00:00 mcpdiscord call", "1 of 16")
		s.click(20, 3)
		s.see("› 12:00:00 text answered", "2 of 16")
		s.click(20, 3)
		s.see("✓ line of 12:00:00", "text answered after 0 ms")
		s.press("esc")
		s.click(20, 2)
		s.see("1 of 16")
	})
}

// TestLogOfLongCommands has commands that are longer than the window: they are cut there, and copied
// as they are.
func TestLogOfLongCommands(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("word ", 3000) + "end"
	play(t, setting{width: 40, height: 12}, func(s *stage) {
		s.settle()
		s.choose("delete_channel")
		s.send(tea.PasteMsg{Content: long})
		s.press("ctrl+s", "y", "esc", "esc", "6")
		s.see("2 of 2")
		s.press("up")
		s.see("1 of 2", " …")
		checkFrame(t, s.frame(), 40, 12)
		s.copies("mcpdiscord call --server http://localhost:8000/mcp delete_channel 'channel_id=" + long + "'")
		s.press("enter", "G")
		s.see("word word end'")
		s.press("esc", "1", "enter")
		s.send(tea.PasteMsg{Content: strings.Repeat("'", 19_000)}) // longer on a line
		s.press("ctrl+s", "y", "esc", "esc", "6", "G", "up")
		s.copies("")
		s.see("not copied: a terminal takes at")
	})
}

// TestLogIsBounded fills it.
func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.choose("delete_channel")
		s.send(tea.PasteMsg{Content: strings.Repeat("x", 60_000)})
		for range 60 {
			s.press("ctrl+s", "y", "esc")
		}
		s.press("esc", "6", "g")
		if got, want := s.m.Log(), 2<<20; got > want || got < want/2 {
			t.Errorf("%d bytes are kept", got)
		}
		s.see("› 12:00:00", "1 of 6")
	})
}

// TestWrapping breaks lines where a reader would.
func TestWrapping(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, text, want string }{
		{"words", "words of a sentence that goes on", "words of a sentence|that goes on"},
		{"a word that fits a row", "mcpdiscord call --server http://h:80/mcp/x slow", "mcpdiscord call|--server|http://h:80/mcp/x|slow"},
		{"an address", "https://auth.example.com/authorize?client=1&code=abc", "https://auth.|example.com/|authorize?client=1&|code=abc"},
		{"after words", "see https://auth.example.com/authorize", "see https://auth.|example.com/|authorize"},
		{"slashes stay together", "aaaaaaaaaaaaaaaaa://bbbbbbbbbbbbbb", "aaaaaaaaaaaaaaaaa://|bbbbbbbbbbbbbb"},
		{"a list", "one,two,three,four,five,six,seven", "one,two,three,four,|five,six,seven"},
		{"no seam", strings.Repeat("x", 45), strings.Repeat("x", 20) + "|" + strings.Repeat("x", 20) + "|xxxxx"},
		{"a seam far behind", "a/" + strings.Repeat("x", 30), "a/" + strings.Repeat("x", 18) + "|" + strings.Repeat("x", 12)},
		{"wide", "日本語日本語日本語日本語", "日本語日本語日本語日|本語"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := strings.Join(tui.Wrap(ansi.WcWidth, test.text, 20), "|"); got != test.want {
				t.Errorf("rows %q, want %q", got, test.want)
			}
		})
	}
}

// TestLogKeepsWords has the words of a command whole where a row has room, also those with spaces.
func TestLogKeepsWords(t *testing.T) {
	t.Parallel()
	tool := client.Tool{Name: "post", InputSchema: json.RawMessage(`{"properties":{"text":{"type":"string"}}}`)}
	for text, row := range map[string]string{
		"it is short":       "'text=it is short'",
		"it's the 'text' ¿": `'text=it'\''s the '\''text'\'' ¿'`,
		"a bell\aand more":  `'text:="a bell\u0007and more"'`,
	} {
		play(t, setting{width: 50, height: 12, session: &session{tools: []client.Tool{tool}}}, func(s *stage) {
			s.settle()
			s.press("enter")
			s.send(tea.PasteMsg{Content: text})
			s.press("ctrl+s", "6")
			s.see(fmt.Sprintf("\n%12s%s\n", "", row))
		})
	}
}
