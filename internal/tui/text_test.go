package tui_test

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

func FuzzWrap(f *testing.F) {
	f.Add("some words of different lengths and averyverylongwordthatfitsnowhere", uint8(10))
	f.Add("日本語日本語 👨‍👩‍👧‍👦👨‍👩‍👧‍👦 नमस्ते e\u0301", uint8(20))
	f.Add(" leading  and   many    spaces ", uint8(5))
	f.Fuzz(func(t *testing.T, s string, width uint8) {
		s = client.PrintableLine(s)
		w := max(20, int(width))
		for _, method := range []ansi.Method{ansi.WcWidth, ansi.GraphemeWidth} {
			rows := tui.Wrap(method, s, w)
			rest := s
			for _, row := range rows {
				if n := method.StringWidth(row); n > w {
					t.Errorf("%d columns in %d: %q", n, w, row)
				}
				at := strings.Index(rest, row)
				if at < 0 || strings.Trim(rest[:max(0, at)], " ") != "" {
					t.Fatalf("row %q does not follow in %q", row, rest)
				}
				rest = rest[at+len(row):]
			}
			if strings.Trim(rest, " ") != "" {
				t.Errorf("lost %q", rest)
			}
		}
	})
}

func TestFit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, s, want string
		method        ansi.Method
		w             int
	}{
		{name: "fits", s: "abc", w: 3, want: "abc"},
		{name: "cut", s: "abcd", w: 3, want: "ab…"},
		{name: "wide", s: "日本語", w: 4, want: "日…"},
		{name: "nothing", s: "abc", w: 0, want: ""},
		{name: "styles end after the cut", s: "\x1b[1mabcd\x1b[m", w: 3, want: "\x1b[1mab…\x1b[m"},
		{name: "a family by code points", s: "👨‍👩‍👧‍👦x", w: 7, want: "…"},
		{name: "a family as one", s: "👨‍👩‍👧‍👦xy", w: 3, method: ansi.GraphemeWidth, want: "👨‍👩‍👧‍👦…"},
	}
	for _, test := range tests {
		if got := tui.Fit(test.method, test.s, test.w); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestEditor(t *testing.T) {
	t.Parallel()
	keys := func(names string) (msgs []tea.KeyPressMsg) {
		for name := range strings.FieldsSeq(names) {
			msgs = append(msgs, keyNamed(name))
		}
		return msgs
	}
	tests := []struct{ name, text, keys, want, view string }{
		{"append", "ab", "c", "abc", "abc|"},
		{"in the middle", "ac", "left b", "abc", "ab|c"},
		{"home, end", "b", "home a end c", "abc", "abc|"},
		{"backspace, delete", "abcd", "left left backspace delete", "ad", "a|d"},
		{"at the edges", "a", "backspace backspace delete b", "b", "b|"},
		{"a family is one character", "a👨‍👩‍👧‍👦", "backspace", "a", "a|"},
		{"an accent goes with its letter", "ae\u0301", "backspace", "a", "a|"},
		{"left over a flag", "🇩🇪x", "left left y", "y🇩🇪x", "y|🇩🇪x"},
		{"words", "one two, three", "ctrl+w", "one two, ", "one two, |"},
		{"two words", "one two, three", "ctrl+w ctrl+w", "one ", "one |"},
		{"to the start", "abc", "left ctrl+u", "c", "|c"},
		{"to the end", "abc", "home right ctrl+k", "a", "a|"},
		{"scrolled", "0123456789abcdefghijklmnopqrst", "", "0123456789abcdefghijklmnopqrst", "bcdefghijklmnopqrst|"},
		{"scrolled with wide characters", strings.Repeat("日", 15), "x", strings.Repeat("日", 15) + "x", strings.Repeat("日", 9) + "x|"},
		{"controls", "a\n\tb\x1b", "", "a\n\tb\x1b", "a␤␉b␛|"},
		{"not UTF-8", "a\xff", "", "a\uFFFD", "a\uFFFD|"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			value, view, column := tui.Editor(ansi.GraphemeWidth, test.text, 20, keys(test.keys)...)
			before := ""
			for _, r := range view {
				if ansi.StringWidth(before+string(r)) > column {
					break
				}
				before += string(r)
			}
			if got := before + "|" + strings.TrimPrefix(view, before); value != test.want || got != test.view {
				t.Errorf("%q shown as %q, want %q as %q", value, got, test.want, test.view)
			}
		})
	}
}

// TestJoiners draws what a joiner has nothing to join in: it is not left to join what comes next.
func TestJoiners(t *testing.T) {
	t.Parallel()
	family, forms := "👨\u200d👩\u200d👧", "\u0915\u094d\u200d\u0937"
	for text, want := range map[string]string{
		family + forms + "👩\u200d⚕\ufe0f": family + forms + "👩\u200d⚕\ufe0f",
		"👩\u200d":                         "👩",
		"👩\u200d | x\u200dy":              "👩 | xy",
		"👩\u200d\u200d\u200d👩":            "👩\u200d👩",
		"👩\u200d\x1b[m":                   "👩\x1b[m",
		"👩\u200d│\u200d…":                 "👩│…",
	} {
		if got := tui.Unjoined(text); got != want {
			t.Errorf("%q is drawn as %q, want %q", text, got, want)
		}
	}
	floods := &session{tools: []client.Tool{{Name: "a\u200d", Description: strings.Repeat("👩\u200d", 500)}, {Name: strings.Repeat("👩\u200d", 500)}}}
	for _, size := range sizes {
		play(t, setting{width: size[0], height: size[1], session: floods}, func(s *stage) {
			s.settle()
			for _, row := range strings.Split(s.m.View().Content, "\n") {
				if strings.HasSuffix(ansi.Strip(row), "\u200d") || strings.Contains(row, "\u200d ") || strings.Contains(row, "\u200d\x1b") || strings.Contains(row, "\u200d│") {
					t.Errorf("%q", row)
				}
			}
		})
	}
}
