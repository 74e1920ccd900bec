package tui_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

func encodedText(t *testing.T, text string) []byte {
	t.Helper()
	raw, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// script makes an editor of shell commands; $1 is the file.
func script(t *testing.T, commands string) []string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "editor")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+commands+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{"/bin/sh", path}
}

func TestEditorProgram(t *testing.T) {
	t.Parallel()
	note := filepath.Join(t.TempDir(), "note")
	got, err := tui.Edit(script(t, `ls -l "$1" | cut -c1-10 > `+note+`; ls -ld "$(dirname "$1")" | cut -c1-10 >> `+note+`; echo "$1" >> `+note+`; echo new >> "$1"`), "old\n")
	if err != nil || got != "old\nnew\n" {
		t.Errorf("the text is %q, %v", got, err)
	}
	said, err := os.ReadFile(note)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(said), "\n")
	if lines[0] != "-rw-------" || lines[1] != "drwx------" {
		t.Errorf("file and directory are %q", lines[:2])
	}
	if _, err := os.Stat(filepath.Dir(lines[2])); !os.IsNotExist(err) {
		t.Errorf("the directory is left behind: %v", err)
	}
	if _, err := tui.Edit(script(t, "exit 1"), ""); err == nil {
		t.Error("a failed editor is no error")
	}
	if _, err := tui.Edit([]string{"/nonexistent/editor"}, ""); err == nil {
		t.Error("no editor is no error")
	}
	if _, err := tui.Edit(script(t, `head -c 1100000 /dev/zero > "$1"`), ""); err == nil {
		t.Error("a text that is too long is no error")
	}
}

// TestEdited gives the screen what came back from an editor.
func TestEdited(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.choose("everything")
		s.write("7")
		s.press("ctrl+o")
		s.see("set EDITOR to write the arguments in an editor")
		s.send(s.m.Edited(`{"guild_id":"8", "count":6, "mode":"soft", "other":[1]}`, nil))
		s.see("8", "soft", "and other, which the form has no field for")
		s.send(s.m.Edited("{\n\"guild_id\" 9", nil))
		s.see("not JSON at line 2, character 12; ctrl+o opens it again", "8")
		if got := s.m.Draft(); got != "{\n\"guild_id\" 9" {
			t.Errorf("the draft is %q", got)
		}
		s.send(s.m.Edited(`[]`, nil))
		s.see("not a JSON object")
		s.send(s.m.Edited("", os.ErrNotExist))
		s.see("the editor: file does not exist")
		s.press("ctrl+s")
		if want := `everything {"guild_id":"8","count":6,"mode":"soft","other":[1]}`; len(s.session.calls) != 1 || s.session.calls[0] != want {
			t.Errorf("calls %q, want %q", s.session.calls, want)
		}
	})
}

// TestCopyCommand copies the line to the terminal's clipboard.
func TestCopyCommand(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.choose("everything")
		s.write("7 a")
		_, cmd := s.m.Update(tea.KeyPressMsg{Code: 'y', Mod: tea.ModCtrl})
		if cmd == nil || cmd() != tea.SetClipboard("mcpdiscord call --server http://localhost:8000/mcp everything 'guild_id=7 a' count:=5")() {
			t.Error("the line is not copied")
		}
		s.see("copied the command")
	})
}

// TestFocusAfterEditor gives the screen what came back from an editor while the focus is on a field.
func TestFocusAfterEditor(t *testing.T) {
	t.Parallel()
	const roles = `{"channel":"a","author":{"name":"b"},"people":[{"name":"Ann","roles":["x","y","z"]},{"name":"Bea"}]}`
	tests := []struct{ name, keys, text, want string }{
		{"a field", "@ratio", `{"channel":"a","ratio":2}`, `ratio +2$`},
		{"one that is not sent", "@ratio 2", `{"channel":"a"}`, `ratio +number`},
		{"one of a group", "@name Ann @url", `{"author":{"name":"Bea"}}`, `url +uri`},
		{"a group that is gone", "@icon space @width 7", `{"author":{"name":"Bea"}}`, `icon .*not sent`},
		{"an item", "@people space Ann tab space admin ctrl+n guest", roles, `2\. +y$`},
		{"an item of an item that is gone", "@people space Ann tab space admin ctrl+n guest", `{"people":[]}`, `people +(empty|list)`},
		{"a field of another kind", "@tags space a", `{"tags":"all"}`, `tags +"all"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			play(t, setting{width: 80, height: 60, session: &session{tools: []client.Tool{{
				Name: "announce", InputSchema: json.RawMessage(kindsOfFields),
			}}}}, func(s *stage) {
				s.settle()
				s.press("enter")
				s.chords(test.keys)
				s.send(s.m.Edited(test.text, nil))
				if row := regexp.MustCompile(`(?m)^ +› *(.*)$`).FindStringSubmatch(s.frame()); row == nil || !regexp.MustCompile("^"+test.want).MatchString(row[1]) {
					t.Errorf("the focus is on %q, want %s:\n%s", row, test.want, s.frame())
				}
			})
		})
	}
}
