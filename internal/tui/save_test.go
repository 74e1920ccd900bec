package tui_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

func TestSave(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "out.json")
	save := func(v *tui.Viewer, path string) string {
		keys(v, "s ctrl+u")
		v.Paste(path)
		keys(v, "enter")
		_, _, notice := v.Last()
		return notice
	}
	v := tui.NewViewer(structured(`{"n":1.50}`), 100, 8)
	if notice := save(v, path); !strings.HasPrefix(notice, "saved ") {
		t.Fatalf("notice %q:\n%s", notice, v.Frame())
	}
	checkFile(t, path, "{\n  \"n\": 1.50\n}\n")
	if err := os.WriteFile(path, []byte("mine"), 0o644); err != nil {
		t.Fatal(err)
	}
	save(v, path)
	if !strings.Contains(v.Frame(), "it exists: enter again replaces it") {
		t.Errorf("no question:\n%s", v.Frame())
	}
	checkFile(t, path, "mine")
	keys(v, "backspace n enter") // another name asks anew
	if !strings.Contains(v.Frame(), "it exists") {
		t.Errorf("no question:\n%s", v.Frame())
	}
	keys(v, "enter")
	checkFile(t, path, "{\n  \"n\": 1.50\n}\n")

	for where, want := range map[string]string{
		filepath.Join(dir, "no", "f"): "no such directory", dir: "that is no file", "~/f": "~ is not expanded", " ": "type a path",
	} {
		save(v, where)
		if !strings.Contains(v.Frame(), want) {
			t.Errorf("%s: no %q:\n%s", where, want, v.Frame())
		}
		keys(v, "esc")
	}
	entries, _ := os.ReadDir(dir)
	if len(entries) != 1 {
		t.Errorf("files left: %v", entries)
	}
}

// checkFile also says that only its owner reads a file that was written here.
func checkFile(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil || string(got) != want {
		t.Errorf("%s: %q, %v, want %q", path, got, err, want)
	}
	info, err := os.Stat(path)
	if err == nil && want != "mine" && runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestMedia(t *testing.T) {
	t.Parallel()
	piece := func(kind, mime, name, data string) client.Content {
		return client.Content{Type: kind, MIMEType: mime, Name: name, Data: data}
	}
	tests := []struct {
		name    string
		content client.Content
		file    string // that is opened; "": it is not
	}{
		{"image", piece("image", "image/png", "", "QUJD"), "result.png"},
		{"with parameters", piece("audio", "Audio/WAV; rate=1", "beep", "QUJD"), "beep.wav"},
		{"a hostile name", piece("image", "image/png", "../../.ssh/a b\x1b", "QUJD"), "ssh-a-b.png"},
		{"another ending", piece("image", "image/png", "run.desktop", "QUJD"), "run.desktop.png"},
		{"a page", piece("resource", "text/html", "a.html", "QUJD"), ""},
		{"a drawing with scripts", piece("image", "image/svg+xml", "a.svg", "QUJD"), ""},
		{"a program", piece("resource", "application/x-desktop", "a", "QUJD"), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := tui.NewViewer(&client.Result{Content: []client.Content{test.content}}, 60, 8)
			keys(v, "enter")
			if kind, _, _ := v.Last(); (kind == tui.ActOpen) != (test.file != "") {
				t.Fatalf("action %d:\n%s", kind, v.Frame())
			}
			if test.file == "" {
				if !strings.Contains(v.Frame(), "Save as: ") {
					t.Errorf("it is not offered to be saved:\n%s", v.Frame())
				}
				return
			}
			opened := ""
			err := v.Open(func(path string) error {
				opened = path
				checkFile(t, path, "ABC")
				return nil
			})
			if err != nil || filepath.Base(opened) != test.file {
				t.Errorf("opened %q, %v, want %q", opened, err, test.file)
			}
			if _, err := os.Stat(filepath.Dir(opened)); err == nil {
				t.Errorf("%s is left", opened)
			}
		})
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	for uri, want := range map[string]int{
		"https://example.com/a":      tui.ActBrowse,
		"http://127.0.0.1:8000/a":    tui.ActBrowse,
		"http://localhost/a":         tui.ActBrowse,
		"http://example.com/a":       0,
		"https://a@example.com/":     0,
		"https://example.com/\u202e": 0,
		"file:///etc/passwd":         0,
		"javascript:alert(1)":        0,
		"vscode://x":                 0,
		"https:opaque":               0,
	} {
		t.Run(strings.ReplaceAll(uri, "/", "|"), func(t *testing.T) {
			t.Parallel()
			v := tui.NewViewer(&client.Result{Content: []client.Content{{Type: "resource_link", URI: uri}}}, 60, 8)
			keys(v, "enter")
			if kind, text, _ := v.Last(); kind != tui.ActRead || text != uri {
				t.Errorf("enter does %d with %q", kind, text)
			}
			keys(v, "o n") // n is a no
			if kind, _, _ := v.Last(); kind == tui.ActBrowse {
				t.Error("opened without a yes")
			}
			keys(v, "o y")
			if kind, _, _ := v.Last(); kind != want && (want != 0 || kind == tui.ActBrowse) {
				t.Errorf("o y does %d, want %d", kind, want)
			}
		})
	}
}

// TestPagerGetsPrintableText looks at what would reach the terminal.
func TestPagerGetsPrintableText(t *testing.T) {
	t.Parallel()
	v := tui.NewViewer(textResult("a\x1b[2Jb\u202ec\nd"), 60, 8)
	keys(v, "o")
	if kind, _, _ := v.Last(); kind != tui.ActPage || v.Paged() != "a␛[2Jb<U+202E>c\nd\n" {
		t.Errorf("%d: %q", kind, v.Paged())
	}
}

func TestPager(t *testing.T) {
	t.Parallel()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// A pager that is quit with another status, or before it has read all, is no error.
	if _, err := tui.Page([]string{exe, "-no-such-flag"}, strings.Repeat("x", 1<<20)); err != nil {
		t.Error(err)
	}
	if _, err := tui.Page([]string{"no-such-pager-here"}, "x"); err == nil || !strings.HasPrefix(err.Error(), "starting the pager no-such-pager-here: ") {
		t.Errorf("error %v", err)
	}
}

// TestSaveThatWasLeft: what comes of a save after its field was left says so, and is not taken for
// the outcome of the next one.
func TestSaveThatWasLeft(t *testing.T) {
	t.Parallel()
	there := filepath.Join(t.TempDir(), "there")
	if err := os.WriteFile(there, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, next := range []string{"esc", "esc s", "x"} { // left, left for another save, changed
		open(t, func(s *stage) {
			s.send(tea.WindowSizeMsg{Width: 200, Height: 24})
			s.choose("text")
			s.press("s", "ctrl+u")
			s.send(tea.PasteMsg{Content: there})
			for name := range strings.FieldsSeq("enter " + next) { // sooner than the outcome comes
				s.send(keyNamed(name))
			}
			s.settle()
			if next != "x" {
				s.see("not saved: there is " + there + " already")
			}
			if strings.Contains(s.frame(), "enter again replaces it") {
				t.Errorf("the next save would replace it:\n%s", s.frame())
			}
		})
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "mine" {
		t.Errorf("%q, %v", text, err)
	}
}
