package tui_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// keysIn presses keys in a form of one property x, as [stage.play] has them.
func keysIn(f *tui.Form, keys string) {
	for word := range strings.FieldsSeq(keys) {
		if msg, ok := chord(word); ok {
			f.Key(msg)
			continue
		}
		for _, r := range word {
			f.Key(keyNamed(string(r)))
		}
	}
}

// chord is a key by its name, with what is held down.
func chord(name string) (tea.KeyPressMsg, bool) {
	if msg, ok := named[name]; ok {
		return msg, true
	}
	for prefix, mod := range map[string]tea.KeyMod{"ctrl+": tea.ModCtrl, "alt+": tea.ModAlt, "shift+": tea.ModShift} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			msg := keyNamed(rest)
			return tea.KeyPressMsg{Code: msg.Code, Mod: mod}, true
		}
	}
	return tea.KeyPressMsg{}, false
}

func TestFields(t *testing.T) {
	t.Parallel()
	const person = `{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer","default":7}},"required":["name"]}`
	tests := []struct{ name, property, keys, want string }{
		{"optional text left alone", `{"type":"string"}`, "", `{}`},
		{"optional text, sent empty", `{"type":"string"}`, "ctrl+t", `{"x":""}`},
		{"optional text, not empty after all", `{"type":"string"}`, "ctrl+t ctrl+t", `{}`},
		{"a newline in a text", `{"type":"string"}`, "a ctrl+j b", `{"x":"a\nb"}`},
		{"null on purpose", `{"type":["string","null"]}`, "ctrl+t", `{"x":null}`},
		{"null, then empty, then nothing", `{"type":["string","null"]}`, "ctrl+t ctrl+t ctrl+t", `{}`},
		{"null is gone once something is typed", `{"type":["string","null"]}`, "ctrl+t a", `{"x":"a"}`},
		{"boolean or null", `{"type":["boolean","null"]}`, "right right right", `{"x":null}`},
		{"choice or null", `{"anyOf":[{"enum":["a"]},{"type":"null"}]}`, "right right", `{"x":null}`},
		{"text before other types", `{"type":["integer","string"]}`, "5", `{"x":"5"}`},
		{"the other type", `{"type":["integer","string"]}`, "5 ctrl+t", `{"x":5}`},
		{"round to the first type", `{"type":["integer","string"]}`, "5 ctrl+t ctrl+t", `{"x":"5"}`},
		{"other types by the default", `{"type":["string","integer"],"default":8}`, "", `{"x":8}`},
		{"a text or an object", `{"anyOf":[` + person + `,{"type":"string"}]}`, "ctrl+t down Ann", `{"x":{"name":"Ann","age":7}}`},
		{"choice by what is typed", `{"enum":["alpha","beta","gamma","alphabet"]}`, "phab", `{"x":"alphabet"}`},
		{"choice, next of those found", `{"enum":["alpha","beta","gamma","alphabet"]}`, "alp right", `{"x":"alphabet"}`},
		{"choices named beside them", `{"type":"string","enum":["a","b"],"enumNames":["Alpha","Beta"]}`, "beta", `{"x":"b"}`},
		{"null is kept by the arrows", `{"type":["string","null"]}`, "a ctrl+t left", `{"x":null}`},
		{"null is taken back", `{"type":["string","null"]}`, "a ctrl+t backspace", `{"x":"a"}`},
		{"constant", `{"const":7}`, "right", `{"x":7}`},
		{"several choices", `{"type":"array","items":{"enum":["a","b","c"]}}`, "space down down space", `{"x":["a","c"]}`},
		{"several choices by letter", `{"type":"array","items":{"enum":["a","b","c"]}}`, "c space", `{"x":["c"]}`},
		{"several choices, taken back", `{"type":"array","items":{"enum":["a","b","c"]}}`, "space backspace", `{}`},
		{"no choice, but an array", `{"type":"array","items":{"enum":["a","b","c"]}}`, "ctrl+t", `{"x":[]}`},
		{"list", `{"type":"array","items":{"type":"integer"}}`, "space 1 ctrl+n 2 ctrl+n 3", `{"x":[1,2,3]}`},
		{"list, an item removed", `{"type":"array","items":{"type":"integer"}}`, "space 1 ctrl+n 2 ctrl+n 3 up ctrl+x", `{"x":[1,3]}`},
		{"list, an item moved up", `{"type":"array","items":{"type":"integer"}}`, "space 1 ctrl+n 2 ctrl+n 3 alt+up", `{"x":[1,3,2]}`},
		{"list, an item moved down", `{"type":"array","items":{"type":"integer"}}`, "space 1 ctrl+n 2 up alt+down", `{"x":[2,1]}`},
		{"list, an empty text as an item", `{"type":"array","items":{"type":"string"}}`, "space ctrl+t", `{"x":[""]}`},
		{"list, sent empty", `{"type":"array","items":{"type":"string"}}`, "ctrl+t", `{"x":[]}`},
		{"list of objects", `{"type":"array","items":` + person + `}`, "space Ann ctrl+n Bo", `{"x":[{"name":"Ann","age":7},{"name":"Bo","age":7}]}`},
		{"list of lists", `{"type":"array","items":{"type":"array","items":{"type":"integer"}}}`, "space space 1 ctrl+n 2", `{"x":[[1,2]]}`},
		{"a group that is closed", person, "", `{}`},
		{"a group", person, "space down Ann", `{"x":{"name":"Ann","age":7}}`},
		{"a group closed again", person, "space down Ann up space", `{}`},
		{"a group with nothing in it", `{"type":"object","properties":{"a":{"type":"string"}}}`, "space", `{"x":{}}`},
		{"a schema within itself", `{"$ref":"#/properties/x","type":"object","properties":{"x":{"$ref":"#"}}}`, "", `{}`},
		{"date, today", `{"type":"string","format":"date"}`, "shift+up", `{"x":"2026-03-14"}`},
		{"date, the next day", `{"type":"string","format":"date"}`, "shift+up shift+up", `{"x":"2026-03-15"}`},
		{"date, the month before", `{"type":"string","format":"date"}`, "shift+up left left left shift+down", `{"x":"2026-02-14"}`},
		{"date, a year later", `{"type":"string","format":"date"}`, "shift+up home shift+up", `{"x":"2027-03-14"}`},
		{"time", `{"type":"string","format":"time"}`, "shift+up home shift+down", `{"x":"11:00:00Z"}`},
		{"date and time", `{"type":"string","format":"date-time"}`, "shift+up shift+up", `{"x":"2026-03-14T12:01:00Z"}`},
		{"JSON over several lines", `{}`, `{ enter "a":1 enter }`, `{"x":{"a":1}}`},
		{"JSON, the line above", `{}`, `[1, enter 2] up home delete [3`, `{"x":[31,2]}`},
		{"JSON, the cursor's line only", `{}`, `[1, ctrl+j 2] ctrl+u 3]`, `{"x":[1,3]}`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := tui.NewForm([]byte(`{"type":"object","properties":{"x":` + test.property + `}}`))
			f.Now(noon)
			keysIn(f, test.keys)
			if got, ok := f.Arguments(); !ok || string(got) != test.want {
				t.Errorf("arguments %s, want %s\n%s", f.Text(), test.want, strings.Join(rows(f), "\n"))
			}
		})
	}
}

// rows are those of a form on a usual screen, without styles.
func rows(f *tui.Form) []string {
	rows, _, _ := f.Rows(0, 80, 20)
	return strings.Split(words(strings.Join(rows, "\n")), "\n")
}

func TestConstraints(t *testing.T) {
	t.Parallel()
	tests := []struct{ property, typed, reason string }{
		{`{"type":"integer","minimum":3}`, "2", "at least 3"},
		{`{"type":"integer","minimum":3}`, "3", ""},
		{`{"type":"integer","maximum":9007199254740992}`, "9007199254740993", "at most 9007199254740992"},
		{`{"type":"integer","exclusiveMaximum":9007199254740993}`, "9007199254740992", ""},
		{`{"type":"number","exclusiveMinimum":0}`, "0", "more than 0"},
		{`{"type":"number","minimum":0,"exclusiveMinimum":true}`, "0", "more than 0"},
		{`{"type":"number","minimum":5,"exclusiveMinimum":1}`, "4", "at least 5"},
		{`{"type":"number","exclusiveMaximum":1}`, "1.0", "less than 1"},
		{`{"type":"number","multipleOf":0.1}`, "0.3", ""},
		{`{"type":"number","multipleOf":0.1}`, "0.35", "a multiple of 0.1"},
		{`{"type":"integer","multipleOf":3}`, "90071992547409930000000000000000001", "a multiple of 3"},
		{`{"type":"number","maximum":1}`, "1e999999999", ""},
		{`{"type":"number","multipleOf":0}`, "1", ""},
		{`{"type":"string","minLength":3}`, "日本", "at least 3 characters"},
		{`{"type":"string","maxLength":1}`, "日本", "at most 1 character"},
		{`{"type":"string","maxLength":2}`, "日本", ""},
		{`{"type":"string","pattern":"^a+$"}`, "ab", "does not match ^a+$"},
		{`{"type":"string","pattern":"^(?!a)"}`, "a", ""},
		{`{"type":"string","format":"date"}`, "2026-02-30", "not a date like YYYY-MM-DD"},
		{`{"type":"string","format":"date"}`, "2024-02-29", ""},
		{`{"type":"string","format":"time"}`, "25:00:00Z", "not a time like hh:mm:ssZ"},
		{`{"type":"string","format":"time"}`, "23:00:00+01:00", ""},
		{`{"type":"string","format":"date-time"}`, "2026-03-14", "not a date-time like YYYY-MM-DDThh:mm:ssZ"},
		{`{"type":"string","format":"date-time"}`, "2026-03-14t12:00:00.5z", ""},
		{`{"type":"string","format":"email"}`, "nelly", "not an email like name@example.com"},
		{`{"type":"string","format":"email"}`, "nelly@example.com", ""},
		{`{"type":"string","format":"uri"}`, "/a", "not a uri like https://example.com/"},
		{`{"type":"string","format":"uri"}`, "discord://a", ""},
		{`{"type":"string","format":"uuid"}`, "1", "not a uuid like 123e4567-e89b-12d3-a456-426614174000"},
		{`{"type":"string","format":"uuid"}`, "123E4567-e89b-12d3-a456-426614174000", ""},
		{`{"type":"string","format":"ipv4"}`, "1.2.3", "not an ipv4 like 192.0.2.1"},
		{`{"type":"string","format":"ipv6"}`, "1.2.3.4", "not an ipv6 like 2001:db8::1"},
		{`{"type":"string","format":"ipv6"}`, "::1", ""},
		{`{"type":"string","format":"snowflake"}`, "x", ""},
		{`{"type":"array","items":{"type":"integer"},"minItems":2}`, "[1]", "at least 2 items"},
		{`{"type":"array","items":{"type":"integer"},"maxItems":1}`, "[1,2]", "at most 1 item"},
		{`{"type":"array","items":{"type":"number"},"uniqueItems":true}`, "[1,2,1.0]", "items 1 and 3 are the same"},
		{`{"type":"array","uniqueItems":true}`, `[{"a":1,"b":"1"},{"b":"1","a":1.0}]`, "items 1 and 2 are the same"},
		{`{"type":"array","uniqueItems":true}`, `["1",1]`, ""},
		{`{}`, "[1,\n2x", "not JSON at line 2, character 2"},
	}
	for _, test := range tests {
		t.Run(test.property+" "+test.typed, func(t *testing.T) {
			t.Parallel()
			f := tui.NewForm([]byte(`{"properties":{"x":` + test.property + `}}`))
			f.Paste(test.typed)
			if got := f.Reason(0); got != test.reason {
				t.Errorf("reason %q, want %q", got, test.reason)
			}
		})
	}
}

// TestInsist: what only a schema forbids is sent at the second try, unless it is the answer to a
// question; what is no value never is.
func TestInsist(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, schema, typed, want string }{
		{"a constraint", `{"properties":{"x":{"type":"integer","minimum":3}}}`, "2", `{"x":2}`},
		{"a number left out", `{"properties":{"x":{"type":"integer"}},"required":["x"]}`, "", `{}`},
		{"a text left out", `{"properties":{"x":{"type":"string"}},"required":["x"]}`, "", `{"x":""}`},
		{"the whole", `{"properties":{"x":{"type":"string"}},"not":{"required":["x"]}}`, "a", `{"x":"a"}`},
		{"no number", `{"properties":{"x":{"type":"integer"}}}`, "a", ""},
		{"no JSON", `{"properties":{"x":{}}}`, "{", ""},
		{"no object", `{"additionalProperties":true}`, "[]", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := tui.NewForm([]byte(test.schema))
			f.Paste(test.typed)
			if got, ok := f.Arguments(); ok {
				t.Fatalf("sent at once: %s", got)
			}
			got, ok := f.Arguments()
			if ok != (test.want != "") || string(got) != test.want {
				t.Errorf("sent %s, %v, want %s", got, ok, test.want)
			}
			f = tui.NewForm([]byte(test.schema))
			f.Strict()
			f.Paste(test.typed)
			for range 3 {
				if got, ok := f.Arguments(); ok {
					t.Errorf("an answer that does not fit: %s", got)
				}
			}
			f = tui.NewForm([]byte(test.schema))
			f.Paste(test.typed)
			f.Arguments()
			f.Key(keyNamed("tab"))
			f.Paste("")
			if got, ok := f.Arguments(); ok {
				t.Errorf("sent without being asked again: %s", got)
			}
		})
	}
}

// TestMisfitQuotesNoSecret: the validator would.
func TestMisfitQuotesNoSecret(t *testing.T) {
	t.Parallel()
	f := tui.NewForm([]byte(`{"properties":{"x":{"type":"string","format":"password"}},"not":{"properties":{"x":{"const":"SECRET"}}}}`))
	f.Paste("SECRET")
	if _, ok := f.Arguments(); ok || f.Misfit() != "the arguments do not fit the schema" {
		t.Errorf("it says %q", f.Misfit())
	}
	if text := strings.Join(rows(f), "\n"); strings.Contains(text, "SECRET") || !strings.Contains(text, "••••••") {
		t.Errorf("the form is\n%s", text)
	}
}

// TestSet fills forms from arguments; what they yield is the same, whatever the schema says.
func TestSet(t *testing.T) {
	t.Parallel()
	const schema = `{"type":"object","properties":{
		"text":{"type":"string","default":"preset"},"n":{"type":["integer","null"]},"mode":{"enum":["a","b"]},
		"tags":{"type":"array","items":{"enum":["x","y"]}},"list":{"type":"array","items":{"type":"string"}},
		"who":{"type":"object","properties":{"name":{"type":"string"}}},
		"either":{"anyOf":[{"type":"string"},{"type":"object","properties":{"a":{"type":"integer"}}}]},"any":{}}}`
	for _, arguments := range []string{
		`{}`, `{"text":"a\nb","n":80351110224678912345,"mode":"b","tags":["x","y"],"list":["a",""],"who":{"name":"Ann"}}`,
		`{"n":null}`, `{"text":"","list":[],"tags":[]}`, `{"either":{"a":1}}`, `{"either":"1"}`, `{"any":{"deep":[1,{"a":null}]}}`,
		`{"text":5,"n":"x","mode":"c","tags":["x","x"],"list":{"a":1},"who":[],"either":[true]}`,
		`{"who":{"name":"Ann","unknown":1.50},"other":{"a":"b"}}`,
		`{"n":1e400}`,
	} {
		f := tui.NewForm([]byte(schema))
		f.Paste("typed before")
		if !f.Set(arguments) {
			t.Errorf("%s is refused", arguments)
			continue
		}
		got := strings.Join(strings.Fields(f.Text()), "")
		if !sameJSON(t, got, arguments) {
			t.Errorf("%s became %s", arguments, got)
		}
	}
	for _, text := range []string{"", "[]", "null", `"a"`, "{", "{} {}"} {
		f := tui.NewForm([]byte(schema))
		f.Paste("typed before")
		if f.Set(text) || !strings.Contains(f.Text(), "typed before") {
			t.Errorf("%q is taken: %s", text, f.Text())
		}
	}
}

func TestWholeSet(t *testing.T) {
	t.Parallel()
	f := tui.NewForm([]byte(`{"additionalProperties":true}`))
	if !f.Set(`{"a":[1]}`) {
		t.Fatal("refused")
	}
	if got, ok := f.Arguments(); !ok || string(got) != `{"a":[1]}` {
		t.Errorf("arguments %s, %v", got, ok)
	}
}

// TestUnsent: a text that is no value yet is not lost on the way to an editor.
func TestUnsent(t *testing.T) {
	t.Parallel()
	f := tui.NewForm([]byte(`{"properties":{"n":{"type":"integer"},"j":{}}}`))
	f.Paste("1x")
	f.Key(keyNamed("down"))
	f.Paste(`{"a`)
	if got := strings.Join(strings.Fields(f.Text()), ""); got != `{"n":"1x","j":"{\"a"}` {
		t.Errorf("the text is %s", got)
	}
}

// BenchmarkForm draws and types into forms that are as large as they get.
func BenchmarkForm(b *testing.B) {
	var fields, choices []string
	for i := range 200 {
		fields = append(fields, `"f`+strings.Repeat("x", i%20)+string(rune('a'+i%26))+strings.Repeat("y", i/26)+`":{"type":"string","description":"A field.","minLength":2}`)
	}
	for range 1000 {
		choices = append(choices, `"choice `+strings.Repeat("n", len(choices)%30)+time.Duration(len(choices)).String()+`"`)
	}
	for name, schema := range map[string]string{
		"200 fields":   `{"properties":{` + strings.Join(fields, ",") + `}}`,
		"1000 choices": `{"properties":{"x":{"enum":[` + strings.Join(choices, ",") + `]}}}`,
		"1000 boxes":   `{"properties":{"x":{"type":"array","items":{"enum":[` + strings.Join(choices, ",") + `]}}}}`,
	} {
		b.Run(name, func(b *testing.B) {
			f := tui.NewForm([]byte(schema))
			for b.Loop() {
				f.Key(keyNamed("c"))
				f.Text()
				f.Rows(0, 120, 36)
			}
		})
	}
	b.Run("1 MB", func(b *testing.B) {
		f := tui.NewForm([]byte(`{"properties":{"x":{"type":"string","pattern":"a"}}}`))
		f.Paste(strings.Repeat("日本 ", 1<<17))
		for b.Loop() {
			f.Key(keyNamed("c"))
			f.Text()
			f.Rows(0, 120, 36)
		}
	})
}

// sameJSON compares by value, numbers by their digits.
func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	return cmp.Equal(decoded(t, a), decoded(t, b))
}

func decoded(t *testing.T, text string) any {
	t.Helper()
	var value any
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	if err := dec.Decode(&value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}
