package tui_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

func TestSearch(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, keys, want string }{
		{"count", "/ type:name", "1 of 2"},
		{"next", "/ type:name enter n", "2 of 2"},
		{"around the end", "/ type:name enter n n", "1 of 2"},
		{"backwards around", "/ type:name enter N", "2 of 2"},
		{"arrows while typing", "/ type:name down", "2 of 2"},
		{"none", "/ type:nowhere", "no match"},
		{"any case", "/ type:admin", "1 of 1"},
		{"upper case counts", "/ type:ADMIN", "no match"},
		{"upper case", "/ type:Admin", "1 of 1"},
		{"a key and its value", `/ type:id: type:2`, "no match"},
		{"from the cursor", "G / type:id enter", "1 of 3"},
		{"no longer", "/ type:name enter esc", ".name"},
		{"letters are typed", "/ n a m e", "1 of 2"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := tui.NewViewer(structured(`{"id":1,"name":"a","b":[{"id":2,"name":"Admin"},{"id":3}],"end":0}`), 60, 10)
			keys(v, test.keys)
			if _, got, _ := strings.Cut(v.Frame(), "-- "); !strings.HasPrefix(got, test.want) {
				t.Errorf("corner %q, want %q:\n%s", got, test.want, v.Frame())
			}
		})
	}
}

// TestSearchesDoNotPileUp types while a search runs: one more follows it, for what is then typed.
func TestSearchesDoNotPileUp(t *testing.T) {
	t.Parallel()
	v := tui.NewViewer(textResult("one", "two", "three"), 60, 10)
	keys(v, "/")
	answer := v.Queue(keyNamed("t"))
	if answer == nil {
		t.Fatal("no search began")
	}
	for _, name := range []string{"h", "r"} {
		if v.Queue(keyNamed(name)) != nil {
			t.Error("a second search began while one runs")
		}
	}
	if !strings.Contains(v.Frame(), "searching …") {
		t.Errorf("it does not say so:\n%s", v.Frame())
	}
	answer()
	if !strings.Contains(v.Frame(), "1 of 1") {
		t.Errorf("not found:\n%s", v.Frame())
	}
}

// FuzzSearch holds the search without case to the one of the standard library.
func FuzzSearch(f *testing.F) {
	f.Add("Straße ÄÖ x", "äö")
	f.Add("aaaB", "aab")
	f.Add("\u212aelvin \xff", "k")
	f.Fuzz(func(t *testing.T, s, text string) {
		from, to := tui.Find(text, s)
		if from < 0 {
			return
		}
		if from > to || to > len(s) || to == from || utf8.RuneCountInString(s[from:to]) != utf8.RuneCountInString(strings.ToValidUTF8(text, "\uFFFD")) {
			t.Errorf("%q in %q: %d–%d", text, s, from, to)
		}
		if got := tui.Marked(text, s); got != s {
			t.Errorf("%q highlighted in %q gives %q", text, s, got)
		}
	})
}
