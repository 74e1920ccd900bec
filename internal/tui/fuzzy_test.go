package tui_test

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

func TestFuzzy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		word, text string
		ok         bool
	}{
		{"get", "get_user_info", true},
		{"gui", "get_user_info", true},
		{"guinfo", "get_user_info", true},
		{"user", "get_user_info", true},
		{"ser", "get_user_info", true},
		{"gx", "get_user_info", false},
		{"ofni", "get_user_info", false},
		{"u", "get_user_info", true},
		{"x", "get_user_info", false},
		{"no", "get_user_info", false}, // letters somewhere are no match
		{"é", "café", true},
		{"", "x", true},
		{"x", "", false},
		{"gb", "g and a text that is much too long before there is a b", false},
	} {
		score, at, ok := tui.Fuzzy(test.word, test.text)
		if ok != test.ok {
			t.Errorf("%q in %q: %v", test.word, test.text, ok)
		}
		if ok && test.word != "" && (score <= 0 || len(at) != len(test.word)) {
			t.Errorf("%q in %q: score %d at %v", test.word, test.text, score, at)
		}
		for i, place := range at {
			if test.text[place] != test.word[i] {
				t.Errorf("%q in %q: %v", test.word, test.text, at)
			}
		}
	}
	better := func(word, first, second string) {
		t.Helper()
		a, _, _ := tui.Fuzzy(word, first)
		b, _, _ := tui.Fuzzy(word, second)
		if a <= b {
			t.Errorf("%q: %q has %d, %q %d", word, first, a, second, b)
		}
	}
	better("user", "user_get", "get_user")
	better("user", "get_user", "superuser")
	better("user", "superuser", "unused_error")
	better("gui", "guild", "get_user_info")
}

func FuzzFuzzy(f *testing.F) {
	f.Add("gui", "get_user_info")
	f.Fuzz(func(t *testing.T, word, text string) {
		_, at, ok := tui.Fuzzy(word, text)
		if !ok && len(at) > 0 {
			t.Errorf("no match at %v", at)
		}
		for i, place := range at {
			if text[place] != word[i] || i > 0 && place <= at[i-1] {
				t.Errorf("%q in %q: %v", word, text, at)
			}
		}
	})
}

// TestFilterOfAPage: a page that was pasted into a filter is looked for as far as its first words go.
func TestFilterOfAPage(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("/")
		s.send(tea.PasteMsg{Content: strings.Repeat("e ", 100_000) + "nowhere"})
		s.see("› everything", "1 of 10, 12 in all")
		s.press("esc", "ctrl+p")
		s.send(tea.PasteMsg{Content: strings.Repeat("e ", 100_000) + "nowhere"})
		s.see("everything")
	})
}
