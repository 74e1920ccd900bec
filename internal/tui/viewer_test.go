package tui_test

import (
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

func structured(raw string) *client.Result { return &client.Result{Structured: json.RawMessage(raw)} }

func textResult(texts ...string) *client.Result {
	res := &client.Result{}
	for _, s := range texts {
		res.Content = append(res.Content, client.Content{Type: "text", Text: s})
	}
	return res
}

// keys presses keys by their names; "type:words" is pasted.
func keys(v *tui.Viewer, names string) {
	for name := range strings.FieldsSeq(names) {
		if text, ok := strings.CutPrefix(name, "type:"); ok {
			v.Paste(text)
			continue
		}
		v.Press(keyNamed(name))
	}
}

func TestTrees(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		res  *client.Result
		want string // trimmed rows
	}{
		{"nothing", &client.Result{}, "The answer is empty."},
		{"null", &client.Result{Structured: json.RawMessage("null"), Content: textResult("a").Content}, "a"},
		{"structured beside its text", &client.Result{Structured: json.RawMessage(`[ ]`), Content: textResult("a").Content}, "›  []"},
		{"texts", textResult("a\r\nb\n", "c"), "a|b||c"},
		{"a line of 1 kB", textResult(strings.Repeat("x", 1024) + "\nnext"), strings.Repeat(strings.Repeat("x", 78)+"|", 13) + strings.Repeat("x", 10) + "|next"},
		{"tabs", textResult("a\tb"), "a    b"},
		{"text that is JSON", textResult(` {"a" : 1} `), "›▾ {1 key}|a: 1"},
		{"text that is almost JSON", textResult(`{"a":}`), `{"a":}`},
		{"numbers as received", structured(`[80351110224678912345.10,1.50e3]`), "›▾ [2 items]|0: 80351110224678912345.10|1: 1.50e3"},
		{"printable escapes are shown", structured(`["\u003c\u00e9\ud83d\ude00"]`), `›▾ [1 item]|0: "<é😀"`},
		{"others stay", structured(`["\u001b\u0022\u005c\u202e\ud800\u0000"]`), `›▾ [1 item]|0: "\u001b\u0022\u005c\u202e\ud800\u0000"`},
		{"raw bidi is spelled out", structured("[\"\u202e\"]"), `›▾ [1 item]|0: "<U+202E>"`},
		{"keys", structured(`{"a_1":1,"1a":2,"a b":3,"\u0061":4,"":5}`), `›▾ {5 keys}|a_1: 1|"1a": 2|"a b": 3|"a": 4|"": 5`},
		{"spaces around a key", structured("{\"a\" \n\t: 1, \"b:\"\r\n:2 ,\"c\\\"\":3}"), `›▾ {3 keys}|a: 1|"b:": 2|"c\"": 3`},
		{"a key as long as may be", structured(`{"` + strings.Repeat("k", 198) + `":1}`), `›▾ {1 key}|` + strings.Repeat("k", 71) + "|" + strings.Repeat("k", 71) + "|" + strings.Repeat("k", 56) + `: 1`},
		{"empty ones", structured(`{"a":{},"b":[ ]}`), "›▾ {2 keys}|a: {}|b: []"},
		{"lines in a string", structured(`["one\ntwo"]`), `›▾ [1 item]|▸ 0: "one\ntwo" … 10 bytes`},
		{"image", &client.Result{Content: []client.Content{{Type: "image", MIMEType: "image/png", Data: "QUJD"}}}, "› [image image/png, 3 bytes]"},
		{"resource", &client.Result{Content: []client.Content{{Type: "resource", URI: "file:///a\x1b", Text: "in it"}}}, "› [resource file:///a␛]|in it"},
		{
			"error", &client.Result{IsError: true, Structured: json.RawMessage(`{"code":7}`), Content: textResult("no\x1b[31m", `{"code":7}`).Content},
			"› no␛[31m||▾ {1 key}|code: 7",
		},
		{"structured with an image", &client.Result{
			Structured: json.RawMessage(`1`), Content: []client.Content{{Type: "text", Text: "1"}, {Type: "image", Data: "QQ=="}},
		}, "›  1||[image, 1 byte]"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := tui.NewViewer(test.res, 78, 20)
			rows := v.Rows()
			for i, row := range rows {
				rows[i] = strings.TrimSpace(ansi.Strip(row))
			}
			if got := strings.Join(rows, "|"); got != test.want {
				t.Errorf("rows %q, want %q", got, test.want)
			}
		})
	}
}

const guild = `{"id":"80351110224678912","n":80351110224678912,"roles":[{"id":1,"name":"Admin"},{"id":2,"name":"Moderator","tags":["a","b"]}],` +
	`"text":"line one\nline \"two\"\nend","last":true}`

// TestTreeKeys follows the cursor by its path.
func TestTreeKeys(t *testing.T) {
	t.Parallel()
	tests := []struct{ keys, want string }{
		{"", "."},
		{"down down", ".n"},
		{"j j j", ".roles"},
		{"j j j k", ".n"},
		{"down down down down right down", ".roles[0].name"},
		{"down down down right right", ".roles[0].id"},
		{"down down down right right left", ".roles[0]"},
		{"down down down right right left left left", ".roles"},
		{"down down down left down", ".text"},            // folded
		{"down down down enter down", ".text"},           // so, too
		{"down down down space down", ".text"},           // so, too
		{"- down down down down", ".text"},               // all of them
		{"- + down down down down down", ".roles[0].id"}, // and none
		{"down down down down down down -", ".roles"},    // the cursor goes to what shows
		{"G", ".last"},
		{"G up", ".text"},                   // a long string is folded
		{"G up right right right", ".text"}, // a line of it
		{"G g", "."},
		{"pgdown", ".roles[1]"},
		{"pgdown pgdown pgdown", ".last"},
		{"pgdown pgdown pgdown pgup pgup pgup", "."},
		{"h down", "."}, // the root folds as well
		{"/ type:mod enter", ".roles[1].name"},
		{"down down down left / type:mod enter", ".roles[1].name"}, // a fold that hides it opens
		{"/ type:two enter", ".text"},                              // in a long string
		{"/ type:nothing enter", "."},
		{"down / type:mod esc", ".id"}, // back where it began
	}
	for _, test := range tests {
		t.Run(test.keys, func(t *testing.T) {
			t.Parallel()
			v := tui.NewViewer(structured(guild), 40, 8)
			keys(v, test.keys)
			if strings.HasSuffix(test.keys, "enter") && strings.Contains(test.keys, "/") {
				keys(v, "esc") // the corner shows the path again
			}
			want := strings.TrimSuffix("x"+test.want, "x.")
			if _, got, _ := strings.Cut(v.Frame(), "-- "); got != strings.TrimPrefix(want, "x") {
				t.Errorf("cursor at %s, want %s:\n%s", got, test.want, v.Frame())
			}
			if words := v.Sound(); words != "" {
				t.Error(words)
			}
		})
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	v := tui.NewViewer(structured(guild), 40, 8)
	keys(v, "t")
	want := []string{"  id  name       tags", "›  1  Admin", "   2  Moderator  [2]"}
	rows := v.Rows()
	for i := range rows {
		rows[i] = ansi.Strip(rows[i])
	}
	if !slices.Equal(rows, want) {
		t.Errorf("rows %q, want %q", rows, want)
	}
	keys(v, "down y")
	if kind, text, _ := v.Last(); kind != tui.ActCopy || !strings.Contains(text, `"name": "Moderator"`) {
		t.Errorf("copied %d %q", kind, text)
	}
	keys(v, "right right right right")
	if frame := ansi.Strip(v.Frame()); !strings.Contains(frame, "row 2 of 2, column 3 of 3") || strings.Contains(frame, "Admin") {
		t.Errorf("columns do not move:\n%s", frame)
	}
	keys(v, "/ type:moder enter")
	if frame := ansi.Strip(v.Frame()); !strings.Contains(frame, "1 of 1") || !strings.Contains(frame, "› Moderator") {
		t.Errorf("not found:\n%s", frame)
	}
	keys(v, "up enter") // the row at the cursor opens, not the match
	if frame := ansi.Strip(v.Frame()); !strings.Contains(frame, "›    ▾ 0: {2 keys}") {
		t.Errorf("the search takes the cursor away:\n%s", frame)
	}
	keys(v, "t down esc enter")
	if frame := ansi.Strip(v.Frame()); !strings.HasSuffix(frame, "-- .roles[1]") {
		t.Errorf("the row does not open in the tree:\n%s", frame)
	}
	keys(v, "- t enter") // what hides the row opens
	if frame := ansi.Strip(v.Frame()); !strings.HasSuffix(frame, "-- .roles[1]") || !strings.Contains(frame, `name: "Moderator"`) {
		t.Errorf("the row does not open in a folded tree:\n%s", frame)
	}
	keys(v, "g / type:admin enter esc t") // the row that the cursor is in
	if frame := v.Frame(); !strings.Contains(frame, "row 1 of 2") {
		t.Errorf("the table forgets the cursor:\n%s", frame)
	}
	keys(v, "down enter t t")
	if frame := v.Frame(); !strings.HasSuffix(frame, "-- .roles[1]") {
		t.Errorf("t does not lead back:\n%s", frame)
	}
}

// TestTableFitsLateRows has its widest cell where no sample would look.
func TestTableFitsLateRows(t *testing.T) {
	t.Parallel()
	v := tui.NewViewer(structured("["+strings.Repeat(`{"a":1},`, 2000)+`{"a":"eleven wide"}]`), 40, 8)
	keys(v, "t G")
	if !strings.Contains(v.Frame(), "eleven wide") {
		t.Errorf("cut:\n%s", v.Frame())
	}
}

// TestTableOfLongRows has rows with more keys than there are columns: their cells are found at once.
func TestTableOfLongRows(t *testing.T) {
	t.Parallel()
	row := func(first string, n int) string {
		var b strings.Builder
		b.WriteString(`{"a":` + first)
		for i := range n {
			fmt.Fprintf(&b, `,"%s%d":0`, strings.Trim(first, `"`), i)
		}
		return b.String() + `,"z":"last","a":"twice"}`
	}
	rows := []string{`{"a":0,"z":1}`, row(`"x"`, 500), row(`"y"`, 30_000)}
	v := tui.NewViewer(structured("["+strings.Join(rows, ",")+"]"), 30, 8)
	keys(v, "t down")
	want := []string{"a z x0 x1 x2 x3", "0 1", "› x last 0 0 0 0", "y last"}
	got := v.Rows()
	for i := range got {
		got[i] = strings.Join(strings.Fields(ansi.Strip(got[i])), " ")
	}
	if !slices.Equal(got, want) {
		t.Errorf("rows %q, want %q", got, want)
	}
}

func TestNoTable(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{`{"a":1}`, `[1,2]`, `[]`, `[{}]`, `[{"a":1},2]`} {
		v := tui.NewViewer(structured(raw), 40, 8)
		keys(v, "t")
		if _, _, notice := v.Last(); !strings.HasPrefix(notice, "nothing here is a table") {
			t.Errorf("%s: notice %q", raw, notice)
		}
	}
}

func TestCopies(t *testing.T) {
	t.Parallel()
	parts := &client.Result{Content: []client.Content{{Type: "resource_link", URI: "file:///n", Name: "n"}, {Type: "image", Data: "QUJD"}}}
	tests := []struct {
		name       string
		res        *client.Result
		keys, want string // "": not copied
	}{
		{"a string without its quotes", structured(guild), "down y", "80351110224678912"},
		{"a number with its digits", structured(guild), "down down y", "80351110224678912"},
		{"all lines of a string", structured(guild), "G up y", "line one\nline \"two\"\nend"},
		{"a line of it", structured(guild), "G up right down down y", `line "two"`},
		{"an object", structured(guild), "down down down down y", "{\n  \"id\": 1,\n  \"name\": \"Admin\"\n}"},
		{"a path", structured(guild), "down down down down down p", ".roles[0].id"},
		{"a path that needs quotes", structured(`[{"a b":1}]`), "down down p", `.[0]["a b"]`},
		{"a path of many steps", structured(strings.Repeat(`{"a":`, 5000) + "1" + strings.Repeat("}", 5000)), "+ G p", strings.Repeat(".a", 5000)},
		{"a path that is too long", structured(`{"` + strings.Repeat("x", 80_000) + `":[1]}`), "G p", ""},
		{"a path of an image", parts, "down p", ""},
		{"all", structured(`[1.10]`), "Y", "[\n  1.10\n]\n"},
		{"text", textResult("one", "two\n"), "y", "one\ntwo\n"},
		{"a URI", parts, "y", "file:///n"},
		{"an image", parts, "down y", ""},
		{"too much", structured(`"` + strings.Repeat("x", 80_000) + `"`), "y", ""},
		{"all of too much", structured(`"` + strings.Repeat("x", 80_000) + `"`), "Y", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := tui.NewViewer(test.res, 60, 12)
			keys(v, test.keys)
			kind, text, notice := v.Last()
			if copied := kind == tui.ActCopy; copied != (test.want != "") || text != test.want || notice == "" {
				t.Errorf("kind %d, %q (%s), want %q", kind, text, notice, test.want)
			}
		})
	}
}

func TestRaw(t *testing.T) {
	t.Parallel()
	res := structured(`{"a":1}`)
	res.Content = textResult(`{"a":1}`).Content
	res.Exchange = client.Exchange{
		Request:  json.RawMessage(`{"method":"tools/call"}`),
		Response: json.RawMessage(`{"result":{"structuredContent":{"a":1}}}`),
	}
	v := tui.NewViewer(res, 60, 12)
	keys(v, "x")
	for _, part := range []string{"▾ request: {1 key}", `method: "tools/call"`, "▾ response: {1 key}", "a: 1"} {
		if !strings.Contains(v.Frame(), part) {
			t.Errorf("no %q:\n%s", part, v.Frame())
		}
	}
	keys(v, "Y")
	if _, text, _ := v.Last(); !strings.HasPrefix(text, "{\n  \"method\": \"tools/call\"\n}\n{\n") {
		t.Errorf("copied %q", text)
	}
	keys(v, "w")
	if frame := v.Frame(); !strings.HasPrefix(frame, `{"a":1}`) {
		t.Errorf("text:\n%s", frame)
	}
}

var refusal = &client.Error{
	Kind: client.KindFailure, Message: "the server refused the call", Hint: "run {program} tools to see its tools",
	Exchange: client.Exchange{
		Request:  json.RawMessage(`{"method":"tools/call"}`),
		Response: json.RawMessage(`{"error":{"code":-32602,"message":"unknown tool","data":{"name":"x"}}}`),
	},
}

func TestFailureShowsWhatTheServerSaid(t *testing.T) {
	t.Parallel()
	v := tui.NewFailure(fmt.Errorf("calling: %w", refusal), 60, 12)
	for _, part := range []string{
		"›▾ error: {3 keys}", "code: -32602", `message: "unknown tool"`, `name: "x"`,
	} {
		if !strings.Contains(ansi.Strip(v.Frame()), part) {
			t.Errorf("no %q:\n%s", part, v.Frame())
		}
	}
	if got := ansi.Strip(v.Tabs()); got != "[result]  raw" {
		t.Errorf("views %q", got)
	}
	keys(v, "x down")
	if !strings.Contains(v.Frame(), `method: "tools/call"`) || !v.Used {
		t.Errorf("raw:\n%s", v.Frame())
	}
}

// TestFoldedRowOfAnyWidth: the mark of what was cut off is one character, whatever color ends there.
func TestFoldedRowOfAnyWidth(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("enter", "left")
		for w := 40; w < 120; w++ {
			s.send(tea.WindowSizeMsg{Width: w, Height: 24})
			if frame := s.m.View().Content; !utf8.ValidString(frame) {
				t.Fatalf("%d columns: %q", w, frame)
			}
		}
	})
}
