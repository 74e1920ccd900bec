package tui_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// TestSchemas reads schemas as servers write them.
func TestSchemas(t *testing.T) {
	t.Parallel()
	object := func(property string) string { return `{"type":"object","properties":{"x":` + property + `}}` }
	tests := []struct{ name, schema, typ string }{
		{"string", object(`{"type":"string"}`), "string"},
		{"format", object(`{"type":"string","format":"date-time"}`), "date-time"},
		{"integer in a range", object(`{"type":"integer","minimum":1,"maximum":100}`), "integer 1 to 100"},
		{"number from", object(`{"type":"number","minimum":0.5}`), "number from 0.5"},
		{"number up to", object(`{"type":"number","maximum":9}`), "number up to 9"},
		{"odd range", object(`{"type":"number","minimum":"1","maximum":[]}`), "number"},
		{"boolean", object(`{"type":"boolean"}`), "boolean"},
		{"enum", object(`{"enum":["a",1,null]}`), "choice"},
		{"const", object(`{"const":"only"}`), "choice"},
		{"titled constants", object(`{"oneOf":[{"const":"a","title":"An A"},{"const":"b"}]}`), "choice"},
		{"nullable by list", object(`{"type":["null","string"]}`), "string"},
		{"nullable by anyOf", object(`{"anyOf":[{"type":"integer"},{"type":"null"}]}`), "integer"},
		{"two types", object(`{"type":["string","integer"]}`), "string or integer"},
		{"two schemas", object(`{"anyOf":[{"type":"integer"},{"type":"string"}]}`), "string or integer"},
		{"two schemas, one unknown", object(`{"anyOf":[{"type":"integer"},{}]}`), "JSON"},
		{"list of what is unknown", object(`{"type":"array","items":{}}`), "array as JSON"},
		{"several choices", object(`{"type":"array","items":{"enum":["a","b"]}}`), "choices"},
		{"list of objects", object(`{"type":"array","items":{"properties":{"a":{}},"type":"object"}}`), "list of object"},
		{"group", object(`{"type":"object","properties":{"a":{"type":"string"}}}`), "object"},
		{"allOf adds up", object(`{"allOf":[{"type":"integer"},{"minimum":1},{"maximum":3}]}`), "integer 1 to 3"},
		{"only null", object(`{"type":"null"}`), "null"},
		{"array", object(`{"type":"array"}`), "array as JSON"},
		{"array of", object(`{"type":"array","items":{"type":"string"}}`), "list of string"},
		{"object", object(`{"type":"object"}`), "object as JSON"},
		{"true", object(`true`), "JSON"},
		{"not a schema", object(`17`), "JSON"},
		{"unknown type", object(`{"type":"snowflake"}`), "JSON"},
		{"type is a number", object(`{"type":3}`), "JSON"},
		{
			"reference", `{"properties":{"x":{"$ref":"#/$defs/a~1b"}},"$defs":{"a/b":{"type":"integer"}}}`, "integer",
		},
		{
			"allOf reference", `{"properties":{"x":{"allOf":[{"$ref":"#/definitions/A"}]}},"definitions":{"A":{"enum":["a"]}}}`, "choice",
		},
		{"reference in a circle", `{"properties":{"x":{"$ref":"#/$defs/A"}},"$defs":{"A":{"$ref":"#/$defs/A"}}}`, "JSON"},
		{"reference to nothing", `{"properties":{"x":{"$ref":"#/nowhere"}}}`, "JSON"},
		{"root by reference", `{"$ref":"#/$defs/A","$defs":{"A":{"properties":{"x":{"type":"string"}}}}}`, "string"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := tui.NewForm(json.RawMessage(test.schema)).Types()["x"]; got != test.typ {
				t.Errorf("type %q, want %q", got, test.typ)
			}
		})
	}
}

func TestOddSchemasStillCall(t *testing.T) {
	t.Parallel()
	many := map[string]any{}
	for i := range 300 {
		many[strings.Repeat("k", i+1)] = map[string]string{"type": "string"}
	}
	tooMany, err := json.Marshal(map[string]any{"properties": many})
	if err != nil {
		t.Fatal(err)
	}
	for name, schema := range map[string]string{
		"array": `[1]`, "string": `"x"`, "number": `1`, "broken": `{"type":`, "not of an object": `{"type":"string"}`,
		"any name": `{"additionalProperties":{"type":"string"}}`, "patterns": `{"patternProperties":{"a":{}}}`,
		"too many": string(tooMany), "too long": `{"properties":{},"x":"` + strings.Repeat("x", 1<<20) + `"}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := tui.NewForm(json.RawMessage(schema))
			if !f.Whole() {
				t.Fatal("no field for all arguments")
			}
			if got, ok := f.Arguments(); !ok || string(got) != "{}" {
				t.Errorf("nothing typed: %s, %v", got, ok)
			}
			f.Paste(` {"anything": 80351110224678912} `)
			f.Arguments() // the schema may forbid that
			if got, ok := f.Arguments(); !ok || string(got) != `{"anything":80351110224678912}` {
				t.Errorf("arguments %s, %v", got, ok)
			}
		})
	}
	for name, schema := range map[string]string{
		"none": ``, "empty": `{}`, "object": `{"type":"object"}`, "closed": `{"additionalProperties":false}`,
	} {
		if f := tui.NewForm(json.RawMessage(schema)); len(f.Names()) != 0 {
			t.Errorf("%s: fields %q", name, f.Names())
		}
	}
}

func TestFormArguments(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, property, typed, want string }{
		{"string keeps digits", `{"type":"string"}`, "80351110224678912", `"80351110224678912"`},
		{"string keeps spaces and quotes", `{"type":"string"}`, ` a "b" <c> `, `" a \"b\" <c> "`},
		{"integer keeps digits", `{"type":"integer"}`, "80351110224678912345", "80351110224678912345"},
		{"integer with spaces", `{"type":"integer"}`, " 7 ", "7"},
		{"number as typed", `{"type":"number"}`, "1.50e3", "1.50e3"},
		{"JSON keeps digits", `{}`, `{"id": 80351110224678912}`, `{"id":80351110224678912}`},
		{"a text as JSON", `{}`, `"a"`, `"a"`},
		{"text default", `{"type":"string","default":"a\nb"}`, "", `"a\nb"`},
		{"number default", `{"type":"number","default":1.50}`, "", "1.50"},
		{"boolean default", `{"type":"boolean","default":true}`, "", "true"},
		{"boolean without default", `{"type":"boolean"}`, "", "false"},
		{"choice default", `{"enum":["a",{"b":2}],"default":{ "b": 2}}`, "", `{"b":2}`},
		{"array default", `{"type":"array","default":[1, 2]}`, "", "[1,2]"},
		{"outer default of a reference", `{"anyOf":[{"type":"string","default":"in"},{"type":"null"}],"default":"out"}`, "", `"out"`},
		{"null for what is empty", `{"type":["string","null"]}`, "", "null"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := tui.NewForm(json.RawMessage(`{"properties":{"x":` + test.property + `},"required":["x"]}`))
			f.Paste(test.typed)
			got, ok := f.Arguments()
			if want := `{"x":` + test.want + `}`; !ok || string(got) != want {
				t.Errorf("arguments %s (%s), want %s", got, f.Reason(0), want)
			}
		})
	}
}

func TestFormRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, property, typed, reason string }{
		{"empty number", `{"type":"number"}`, " ", "required; ctrl+s again sends it"},
		{"a plus", `{"type":"number"}`, "+1", "not a number"},
		{"a leading zero", `{"type":"number"}`, "007", "not a number"},
		{"infinity", `{"type":"number"}`, "Infinity", "not a number"},
		{"two numbers", `{"type":"integer"}`, "1 2", "not a number"},
		{"fraction", `{"type":"integer"}`, "1.0", "not a whole number"},
		{"no choice", `{"enum":["a"]}`, "a", "required; ctrl+s again sends it"},
		{"object for an array", `{"type":"array"}`, "{}", "must be an array: […]; ctrl+s again sends it"},
		{"array for an object", `{"type":"object"}`, "[]", "must be an object: {…}; ctrl+s again sends it"},
		{"two values", `{}`, "1 2", "not JSON at character 3"},
		{"wide characters count once", `{}`, `["日本" x`, "not JSON at character 7"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := tui.NewForm(json.RawMessage(`{"properties":{"x":` + test.property + `},"required":["x"]}`))
			f.Paste(test.typed)
			if got, ok := f.Arguments(); ok || f.Reason(0) != test.reason {
				t.Errorf("arguments %s, reason %q, want %q", got, f.Reason(0), test.reason)
			}
		})
	}
}

// TestHostileSchemas reads schemas that double at each step, and checks arguments against them.
func TestHostileSchemas(t *testing.T) {
	t.Parallel()
	doubling := func(keyword string) string {
		defs := `"a0":{"type":"integer"}`
		for i := range 60 {
			next := fmt.Sprintf(`{"$ref":"#/$defs/a%d"}`, i)
			defs += fmt.Sprintf(`,"a%d":{"%s":[%s]}`, i+1, keyword, strings.Repeat(next+",", 9)+next)
		}
		return `{"properties":{"x":{"$ref":"#/$defs/a60"},"y":{"$ref":"#/$defs/a7"}},"$defs":{` + defs + `}}`
	}
	wide := `{"properties":{"x":{"allOf":[` + strings.Repeat(`{"properties":{`+strings.Repeat(`"k":{},`, 50)+`"l":{}}},`, 500) + `{}]}}}`
	nested := strings.Repeat(`{"type":"object","properties":{"x":`, 5000) + `{}` + strings.Repeat(`}}`, 5000)
	circle := `{"type":"object","properties":{"x":{"$ref":"#"},"y":{"type":"array","items":{"$ref":"#"}},"z":{"anyOf":[{"$ref":"#"},{"type":"string"}]}},"required":["x","y","z"]}`
	for name, schema := range map[string]string{
		"allOf": doubling("allOf"), "anyOf": doubling("anyOf"), "oneOf": doubling("oneOf"), "wide": wide, "nested": nested, "circle": circle,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			f := tui.NewForm([]byte(schema))
			f.Paste("1")
			f.Arguments()
			f.Arguments()
			f.Rows(0, 80, 24)
			if took := time.Since(start); took > 20*time.Second { // for ever, that is, on a slow machine with -race
				t.Errorf("it took %s", took)
			}
		})
	}
}

func TestFieldsInWireOrderRequiredFirst(t *testing.T) {
	t.Parallel()
	f := tui.NewForm(json.RawMessage(`{"properties":{"z":{},"b":{},"y":{},"a":{},"z":{}},"required":["a","y"]}`))
	if want := []string{"y", "a", "z", "b"}; !slices.Equal(f.Names(), want) {
		t.Errorf("order %q, want %q", f.Names(), want)
	}
}

func FuzzForm(f *testing.F) {
	f.Add(everything, "80351110224678912", byte(3))
	f.Add(`{"properties":{"a":{"$ref":"#/properties/a"},"b":{"enum":[1,"x"]}},"required":["b"]}`, "{", byte(1))
	f.Add(`{"type":"object","properties":{"\u0000":{"type":["null","boolean"]}},"required":["\u0000"]}`, "\x1b", byte(0))
	f.Add(`{"additionalProperties":true}`, `{"a":1}`, byte(9))
	f.Add(`{"properties":{"a":{"type":"string","default":"\ud800"}},"required":["a"]}`, "\xff", byte(2))
	f.Fuzz(func(t *testing.T, schema, text string, moves byte) {
		form := tui.NewForm(json.RawMessage(schema))
		for i := range form.Names() {
			form.Focus(i)
			form.Paste(text)
			for range int(moves) % 5 {
				form.Key(tea.KeyPressMsg{Code: tea.KeyRight})
				form.Key(tea.KeyPressMsg{Code: tea.KeyBackspace})
			}
		}
		arguments, ok := form.Arguments()
		for i := range form.Names() {
			form.Reason(i)
		}
		if !ok {
			return
		}
		var sent map[string]json.RawMessage
		if err := json.Unmarshal(arguments, &sent); err != nil {
			t.Fatalf("arguments %q: %v", arguments, err)
		}
		if form.Whole() {
			return
		}
		for name := range sent {
			if !slices.Contains(form.Names(), name) {
				t.Errorf("%q is not in the form", name)
			}
		}
		checkAgainst(t, schema, sent)
	})
}

// checkAgainst reads the plain parts of a schema by itself: names, required, single types.
func checkAgainst(t *testing.T, schema string, sent map[string]json.RawMessage) {
	t.Helper()
	var root map[string]json.RawMessage
	if json.Unmarshal([]byte(schema), &root) != nil || root["$ref"] != nil || root["anyOf"] != nil ||
		root["allOf"] != nil || root["oneOf"] != nil {
		return
	}
	var properties map[string]map[string]json.RawMessage
	var required []string
	odd := json.Unmarshal(root["properties"], &properties) != nil // a property that is no object
	_ = json.Unmarshal(root["required"], &required)
	for name := range sent {
		if _, ok := properties[name]; !ok && !odd {
			t.Errorf("%q is not in the schema %s", name, schema)
		}
	}
	for _, name := range required {
		if _, ok := properties[name]; ok && sent[name] == nil {
			t.Errorf("%q is required and not sent", name)
		}
	}
	for name, property := range properties {
		first := byte(0)
		switch string(property["type"]) {
		case `"string"`:
			first = '"'
		case `"array"`:
			first = '['
		case `"object"`:
			first = '{'
		}
		odd := false
		for _, keyword := range []string{"enum", "const", "$ref", "anyOf", "oneOf", "allOf", "nullable"} {
			odd = odd || property[keyword] != nil
		}
		if raw := sent[name]; raw != nil && first != 0 && !odd && raw[0] != first {
			t.Errorf("%q is sent as %s", name, raw)
		}
	}
}

func TestForeignWordsInForm(t *testing.T) {
	t.Parallel()
	evil := "\x1b]0;title\x07\u202e" + strings.Repeat("e", 10_000)
	schema, err := json.Marshal(map[string]any{
		"properties": map[string]any{
			evil:   map[string]any{"type": "string", "description": evil, "default": evil},
			"mode": map[string]any{"enum": []string{evil, "b"}, "default": evil},
			"odd":  map[string]any{"type": []string{evil, "string"}, "title": evil},
			"many": map[string]any{"type": "array", "items": map[string]any{"enum": []string{evil, "b"}}},
			"list": map[string]any{"type": "array", "items": map[string]any{"type": "string", "title": evil, "pattern": evil}, "default": []string{evil}},
			"deep": map[string]any{"type": "object", "properties": map[string]any{evil: map[string]any{"type": "string"}}, "default": map[string]string{evil: evil, evil + "2": evil}},
			"both": map[string]any{"anyOf": []any{map[string]any{"type": "string", "title": evil}, map[string]any{"type": "object", "title": evil, "properties": map[string]any{evil: map[string]any{}}}}},
		},
		"required": []string{evil},
	})
	if err != nil {
		t.Fatal(err)
	}
	hostile := &session{tools: []client.Tool{{Name: evil, Description: evil, InputSchema: schema, Destructive: true}}}
	for _, size := range sizes {
		play(t, setting{session: hostile, width: size[0], height: size[1]}, func(s *stage) {
			s.settle()
			checkFrame(t, s.frame(), size[0], size[1])
			s.press("enter")
			for range 20 {
				checkFrame(t, s.frame(), size[0], size[1])
				s.send(tea.KeyPressMsg{Code: 't', Mod: tea.ModCtrl})
				checkFrame(t, s.frame(), size[0], size[1])
				s.send(tea.KeyPressMsg{Code: 't', Mod: tea.ModCtrl})
				s.press("tab")
			}
			s.press("ctrl+s")
			checkFrame(t, s.frame(), size[0], size[1])
			s.press("y")
			checkFrame(t, s.frame(), size[0], size[1])
			var sent map[string]any
			if err := json.Unmarshal([]byte(strings.TrimPrefix(s.session.calls[len(s.session.calls)-1], evil)), &sent); err != nil {
				t.Fatal(err)
			}
			if sent[evil] != evil || sent["mode"] != evil {
				t.Error("what is sent is not what the server offered")
			}
		})
	}
}
