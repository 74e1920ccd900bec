package tui_test

import (
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// TestCorner looks at the words in the corner while a result is searched, folded and turned: they say
// which match is shown only where it is.
func TestCorner(t *testing.T) {
	t.Parallel()
	const people = `{"people":[{"name":"Ann","as":"a"},{"name":"Ben"},{"name":"Cid","as":"cook"}],"chef":{"name":"Ann"}}`
	tests := []struct{ name, keys, want string }{
		{"at the match", "/ type:Ann enter", "1 of 2"},
		{"while it is typed", "/ type:Ann", "1 of 2"},
		{"moved away", "/ type:Ann enter down", ".people[0].as"},
		{"and back", "/ type:Ann enter down up", "1 of 2"},
		{"at the root, without words of its own", "/ type:Ann enter g", "2 matches"},
		{"only one", "/ type:Cid enter g", "1 match"},
		{"none", "/ type:Dan enter down", "no match"},
		{"folded", "/ type:Ann enter left", ".people[0]"},
		{"all folded", "/ type:Ann enter n -", ".chef"},
		{"next from where the cursor is", "/ type:name enter G up n", "4 of 4"},
		{"previous from there", "/ type:name enter G up N", "3 of 4"},
		{"around", "/ type:name enter G n n", "1 of 4"},
		{"ended", "/ type:Ann enter esc", ".people[0].name"},
		{"ended in a table", "t / type:Cid enter esc", "row 3 of 3"},
		{"given up", "down / type:Cid esc", ".people"},
		{"given up in a table", "t / type:Cid esc", "row 1 of 3"},
		{"table", "/ type:Ann enter t", "1 of 1"},
		{"table at another row", "/ type:Ann enter t down", "row 2 of 3"},
		{"table and back", "/ type:Ann enter t down t", "1 of 2"},
		{"row that is opened", "t / type:Cid enter enter", ".people[2]"},
		{"search once more", "/ type:Ann enter down /", ".people[0].as"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := tui.NewViewer(structured(people), 60, 20)
			keys(v, test.keys)
			if _, got, _ := strings.Cut(v.Frame(), "-- "); got != test.want {
				t.Errorf("corner %q, want %q:\n%s", got, test.want, v.Frame())
			}
		})
	}
}

// TestCornerOfText is the same for a text, which has no cursor.
func TestCornerOfText(t *testing.T) {
	t.Parallel()
	res := textResult(strings.Repeat("line\n", 30) + "needle\n" + strings.Repeat("line\n", 30) + "needle")
	tests := []struct{ name, keys, want string }{
		{"at the match", "/ type:needle enter", "1 of 2"},
		{"scrolled", "/ type:needle enter g", "line 1–10 of 62"},
		{"scrolled back", "/ type:needle enter pgup pgdown", "1 of 2"},
		{"next from there", "/ type:needle enter G n", "2 of 2"},
		{"given up", "down down / type:needle esc", "line 3–12 of 62"},
		{"ended", "/ type:needle enter esc", "line 31–40 of 62"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := tui.NewViewer(res, 60, 10)
			keys(v, test.keys)
			if _, got, _ := strings.Cut(v.Frame(), "-- "); got != test.want {
				t.Errorf("corner %q, want %q:\n%s", got, test.want, v.Frame())
			}
		})
	}
}
