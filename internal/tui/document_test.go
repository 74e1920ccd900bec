package tui_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

func texts(res *client.Result) []string {
	d := tui.NewDocument(res)
	return d.Texts()
}

func TestDocuments(t *testing.T) {
	t.Parallel()
	text := func(s ...string) (c []client.Content) {
		for _, s := range s {
			c = append(c, client.Content{Type: "text", Text: s})
		}
		return c
	}
	tests := []struct {
		name string
		res  client.Result
		want []string
	}{
		{"nothing", client.Result{}, []string{"The answer is empty."}},
		{"null", client.Result{Structured: json.RawMessage("null"), Content: text("a")}, []string{"a"}},
		{"structured beside its text", client.Result{Structured: json.RawMessage(`[ ]`), Content: text("a")}, []string{"[]"}},
		{"texts", client.Result{Content: text("a\r\nb\n", "c")}, []string{"a", "b", "", "c"}},
		{"text that is JSON", client.Result{Content: text(` {"a" : 1} `)}, []string{"{", `"a": 1`, "}"}},
		{"text that is almost JSON", client.Result{Content: text(`{"a":}`)}, []string{`{"a":}`}},
		{"numbers as received", client.Result{Structured: json.RawMessage(`80351110224678912345.10`)}, []string{"80351110224678912345.10"}},
		{"printable escapes are shown", client.Result{Structured: json.RawMessage(`"\u003c\u00e9\ud83d\ude00"`)}, []string{`"<é😀"`}},
		{"others stay", client.Result{Structured: json.RawMessage(`"\u001b\u0022\u005c\u202e\ud800\n\u0000"`)}, []string{`"\u001b\u0022\u005c\u202e\ud800\n\u0000"`}},
		{"raw bidi is spelled out", client.Result{Structured: json.RawMessage("\"\u202e\"")}, []string{`"<U+202E>"`}},
		{"image", client.Result{Content: []client.Content{{Type: "image", MIMEType: "image/png", Data: "QUJD"}}}, []string{"[image image/png, 3 bytes]"}},
		{"audio", client.Result{Content: []client.Content{{Type: "audio", MIMEType: "audio/wav", Data: strings.Repeat("QUJD", 500_000)}}}, []string{"[audio audio/wav, 1.5 MB]"}},
		{"resource", client.Result{Content: []client.Content{{Type: "resource", URI: "file:///a\x1b", Text: "in it"}}}, []string{"[resource file:///a␛]", "in it"}},
		{"structured with an image", client.Result{
			Structured: json.RawMessage(`1`),
			Content:    []client.Content{{Type: "text", Text: "1"}, {Type: "image", Data: "QQ=="}},
		}, []string{"1", "", "[image, 1 bytes]"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := texts(&test.res); !slices.Equal(got, test.want) {
				t.Errorf("lines %q, want %q", got, test.want)
			}
		})
	}
}

func TestLargeResultSaysWhatIsCut(t *testing.T) {
	t.Parallel()
	for name, res := range map[string]*client.Result{
		"lines":        {Structured: json.RawMessage("[" + strings.Repeat("1,", 1<<20) + "1]")},
		"bytes":        {Structured: json.RawMessage(`"` + strings.Repeat("x", 20<<20) + `"`)},
		"text":         {Content: []client.Content{{Type: "text", Text: strings.Repeat("x", 20<<20)}}},
		"text lines":   {Content: []client.Content{{Type: "text", Text: strings.Repeat("\n", 1<<20) + "x"}}},
		"deep":         {Structured: json.RawMessage(strings.Repeat("[", 9000) + strings.Repeat("]", 9000))},
		"many content": {Content: slices.Repeat([]client.Content{{Type: "image"}}, 300_000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lines := texts(res)
			total := 0
			for _, l := range lines {
				total += len(l)
			}
			if len(lines) > 200_002 || total > 17<<20 {
				t.Errorf("%d lines of %d bytes", len(lines), total)
			}
			if cut := strings.HasSuffix(lines[len(lines)-1], "more are not shown here; call prints everything."); cut == (name == "deep") {
				t.Errorf("last line %q", lines[len(lines)-1])
			}
		})
	}
}

// TestScrollShowsEveryRow walks down row by row, and finds the rows of one large window.
func TestScrollShowsEveryRow(t *testing.T) {
	t.Parallel()
	d := tui.NewDocument(answers["get_user_info"])
	for _, w := range []int{20, 38, 78} {
		whole := d.Page(ansi.WcWidth, w, 1000, 0)
		for n := range len(whole) - 5 {
			if got, want := d.Page(ansi.WcWidth, w, 6, n), whole[n:n+6]; !slices.Equal(got, want) {
				t.Fatalf("width %d, row %d: %q, want %q", w, n, got, want)
			}
		}
		if got, want := d.Page(ansi.WcWidth, w, 6, 1000), whole[len(whole)-6:]; !slices.Equal(got, want) {
			t.Errorf("width %d, the end: %q, want %q", w, got, want)
		}
	}
}

func TestResultKeysScroll(t *testing.T) {
	t.Parallel()
	play(t, setting{width: 40, height: 12}, func(s *stage) {
		s.settle()
		s.press("enter")
		for _, step := range []struct{ keys, see string }{
			{"", "line 1–7 of 14"},
			{"down", "line 2–8 of 14"},
			{"k", "line 1–7 of 14"},
			{"up", "line 1–7 of 14"},
			{"pgdown", "line 7–13 of 14"},
			{"G", "of 14"},
			{"end", "line 12–14 of 14"},
			{"j", "line 12–14 of 14"},
			{"pgup", "line 6–12 of 14"},
			{"g", "line 1–7 of 14"},
		} {
			s.play(step.keys)
			s.see(step.see)
		}
		s.press("G")
		s.send(tea.WindowSizeMsg{Width: 120, Height: 40})
		s.see(`"discord_id"`) // all of it is in the window again
	})
}

func FuzzDocument(f *testing.F) {
	f.Add([]byte(`{"a":[1,"x\u00e9",{}],"b":null}`), "", uint8(20), uint16(3))
	f.Add([]byte(nil), "plain 日本語 👨‍👩‍👧‍👦 text\twith\x1b[31m and "+strings.Repeat("x", 5000), uint8(7), uint16(900))
	f.Add([]byte(`"`+strings.Repeat(`\\`, 3000)+`"`), "", uint8(30), uint16(10))
	f.Add([]byte(`"`+strings.Repeat("e\u0301", 3000)+`"`), "", uint8(1), uint16(0))
	f.Fuzz(func(t *testing.T, structured []byte, text string, w uint8, n uint16) {
		res := &client.Result{Structured: structured, Content: []client.Content{{Type: "text", Text: text}}}
		d := tui.NewDocument(res)
		width := max(20, int(w)) // a window has at least 40 columns
		for _, method := range []ansi.Method{ansi.WcWidth, ansi.GraphemeWidth} {
			for _, row := range d.Page(method, width, 10, int(n%50)) {
				if got := method.StringWidth(row); got > width {
					t.Errorf("a row of %d columns in %d: %q", got, width, row)
				}
			}
			end, moved := d.Bottom(method, width, 10, int(n))
			if len(end) == 0 || len(moved) == 0 {
				t.Error("nothing shows")
			}
		}
		for _, l := range d.Texts() {
			if client.PrintableLine(l) != l || !utf8.ValidString(l) || len(l) > 64<<10 {
				t.Errorf("line %q", l)
			}
		}
		checkLayout(t, structured, d.Texts())
	})
}

// checkLayout says that laid-out JSON is the same JSON, where no character had to be replaced.
func checkLayout(t *testing.T, raw []byte, lines []string) {
	t.Helper()
	if !json.Valid(raw) || string(bytes.TrimSpace(raw)) == "null" || !utf8.Valid(raw) ||
		client.PrintableLine(string(raw)) != string(raw) || bytes.Contains(raw, []byte(`\u`)) {
		return
	}
	var want, got bytes.Buffer
	if err := json.Compact(&want, raw); err != nil {
		t.Fatal(err)
	}
	if err := json.Compact(&got, []byte(strings.Join(lines, ""))); err != nil {
		t.Fatalf("%v: %q", err, lines)
	}
	if got.String() != want.String() {
		t.Errorf("laid out %s, want %s", got.String(), want.String())
	}
}

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

// BenchmarkLargeResult is one key and one frame in a result of 10 MB.
func BenchmarkLargeResult(b *testing.B) {
	var raw bytes.Buffer
	raw.WriteString(`{"rows":[0`)
	for i := 0; raw.Len() < 10<<20; i++ {
		fmt.Fprintf(&raw, `,{"id":%d,"name":"日本 member %d","ok":true}`, 80351110224678912+i, i)
	}
	raw.WriteString("]}")
	res := &client.Result{Structured: raw.Bytes()}
	b.Run("layout", func(b *testing.B) {
		for b.Loop() {
			tui.NewDocument(res)
		}
	})
	d := tui.NewDocument(res)
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			d.Bottom(ansi.WcWidth, 118, 40, 39)
		}
	})
}
