package tui_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

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
		{"tabs", textResult("a\tb"), "a    b"},
		{"text that is JSON", textResult(` {"a" : 1} `), "›▾ {1 key}|a: 1"},
		{"text that is almost JSON", textResult(`{"a":}`), `{"a":}`},
		{"numbers as received", structured(`[80351110224678912345.10,1.50e3]`), "›▾ [2 items]|0: 80351110224678912345.10|1: 1.50e3"},
		{"printable escapes are shown", structured(`["\u003c\u00e9\ud83d\ude00"]`), `›▾ [1 item]|0: "<é😀"`},
		{"others stay", structured(`["\u001b\u0022\u005c\u202e\ud800\u0000"]`), `›▾ [1 item]|0: "\u001b\u0022\u005c\u202e\ud800\u0000"`},
		{"raw bidi is spelled out", structured("[\"\u202e\"]"), `›▾ [1 item]|0: "<U+202E>"`},
		{"keys", structured(`{"a_1":1,"1a":2,"a b":3,"\u0061":4,"":5}`), `›▾ {5 keys}|a_1: 1|"1a": 2|"a b": 3|"a": 4|"": 5`},
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
		}, "›  1||[image, 1 bytes]"},
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

func TestHugeResults(t *testing.T) {
	t.Parallel()
	for name, res := range map[string]*client.Result{
		"values":       structured("[" + strings.Repeat("1,", 2<<20) + "1]"),
		"bytes":        structured(`"` + strings.Repeat("x", 20<<20) + `"`),
		"newlines":     structured(`"` + strings.Repeat(`\n`, 2<<20) + `"`),
		"digits":       structured(strings.Repeat("1", 2<<20)),
		"text":         textResult(strings.Repeat("x", 20<<20)),
		"text lines":   textResult(strings.Repeat("\n", 2<<20) + "x"),
		"deep":         structured(strings.Repeat("[", 9000) + strings.Repeat("]", 9000)),
		"many content": {Content: slices.Repeat([]client.Content{{Type: "image", Data: "QQ=="}}, 700_000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := tui.NewViewer(res, 60, 12)
			keys(v, "+ right G")
			cut := name == "values" || name == "newlines" || name == "text lines" || name == "many content"
			if got := strings.Contains(v.Frame(), "more are not shown here; s saves everything."); got != cut {
				t.Errorf("cut: %v:\n%s", got, v.Frame())
			}
			if words := v.Sound(); words != "" {
				t.Error(words)
			}
			if v.Bytes() > 128<<20 {
				t.Errorf("%d bytes", v.Bytes())
			}
		})
	}
}

// TestLargeIsKeptOnce has the structured content and the image in the answer only.
func TestLargeIsKeptOnce(t *testing.T) {
	t.Parallel()
	data := strings.Repeat("QUJD", 100_000)
	response := `{"result":{"structuredContent":"` + strings.Repeat("x", 400_000) + `","content":[{"data":"` + data + `"}]}}`
	res := structured(`"` + strings.Repeat("x", 400_000) + `"`)
	res.Content = []client.Content{{Type: "image", Data: data}}
	res.Exchange.Response = json.RawMessage(response)
	v := tui.NewViewer(res, 60, 12)
	if n := v.Bytes(); n > len(response)+50_000 || !v.Shares() {
		t.Errorf("%d bytes for an answer of %d, shared: %v", n, len(response), v.Shares())
	}
}

func FuzzViewer(f *testing.F) {
	f.Add([]byte(guild), "plain", "tGjjxw+-GkkhlNn", uint8(40))
	f.Add([]byte(`{"a":[1,"x\u00e9",{}],"b":null}`), "日本語 👨‍👩‍👧‍👦\twith\x1b[31m "+strings.Repeat("x", 5000), "+GjjkkPp", uint8(7))
	f.Add([]byte(`"`+strings.Repeat(`\\`, 3000)+`\n\u00`+`e9"`), "", "llljjjPPp-k", uint8(30))
	f.Add([]byte(strings.Repeat("[", 100)+strings.Repeat("]", 100)), `[{"a":1},{"b":"`+strings.Repeat("y", 3000)+`"}]`, "Gh/a\rnNtGl\r", uint8(20))
	f.Fuzz(func(t *testing.T, raw []byte, text, presses string, width uint8) {
		res := textResult(text)
		res.Structured = raw
		res.Exchange = client.Exchange{Request: raw, Response: raw}
		w := max(20, int(width))
		v := tui.NewViewer(res, w, 6)
		if len(presses) > 60 {
			presses = presses[:60]
		}
		for _, r := range presses {
			switch r {
			case '\r':
				v.Press(keyNamed("enter"))
			case 'P':
				v.Press(keyNamed("pgdown"))
			case 'p':
				v.Press(keyNamed("pgup"))
			case 's', 'o': // those are not of this test
			default:
				v.Press(keyNamed(string(r)))
			}
			rows := v.Rows()
			if words := v.Sound(); words != "" {
				t.Fatalf("after %q: %s", r, words)
			}
			if len(rows) == 0 || len(rows) > 6 {
				t.Fatalf("after %q: %d rows", r, len(rows))
			}
			for _, row := range rows {
				if n := ansi.WcWidth.StringWidth(row); n > w {
					t.Errorf("a row of %d columns in %d: %q", n, w, row)
				}
				if plain := ansi.Strip(row); client.PrintableLine(plain) != plain {
					t.Errorf("row %q", plain)
				}
			}
		}
	})
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
