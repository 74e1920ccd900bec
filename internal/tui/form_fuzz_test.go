package tui_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"

	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// dice draws choices from the bytes of a fuzzer; when they are used up it always draws 0.
type dice struct{ left []byte }

func (d *dice) roll(n int) int {
	if len(d.left) == 0 {
		return 0
	}
	b := d.left[0]
	d.left = d.left[1:]
	return int(b) % n
}

func (d *dice) pick(list ...string) string { return list[d.roll(len(list))] }

// schema draws a schema as servers write them, which the validator knows.
func (d *dice) schema(depth int) map[string]any {
	kinds := 12
	if depth == 0 {
		kinds = 8
	}
	s := map[string]any{}
	switch d.roll(kinds) {
	case 0:
		s["type"] = "string"
		d.some(s, "minLength", "maxLength")
		if d.roll(4) == 0 {
			s["pattern"] = d.pick("^[a-z]*$", "a", "(?=x)", `\d`)
		}
	case 1:
		s["type"] = "integer"
		d.some(s, "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
	case 2:
		s["type"] = "number"
		d.some(s, "minimum", "maximum")
	case 3:
		s["type"] = "boolean"
	case 4:
		s["enum"] = []any{"a", 1, "b", nil, 2.5, []any{}}[:1+d.roll(6)]
	case 5:
		s["type"] = []string{"string", "null", "integer", "boolean"}[:2+d.roll(3)]
	case 6:
		s["oneOf"] = []any{map[string]any{"const": "x", "title": "An X"}, map[string]any{"const": "y"}}
	case 7:
		s["$ref"] = d.pick("#/$defs/text", "#/$defs/number", "#/$defs/loop")
	case 8:
		s["type"], s["items"] = "array", d.schema(depth-1)
		d.some(s, "minItems", "maxItems")
		if d.roll(3) == 0 {
			s["uniqueItems"] = true
		}
	case 9:
		return d.object(depth - 1)
	case 10:
		s["anyOf"] = []any{d.schema(depth - 1), d.schema(depth - 1), map[string]any{"type": "null"}}[:2+d.roll(2)]
	case 11:
		s["allOf"] = []any{map[string]any{"type": "integer"}, map[string]any{"minimum": d.roll(3)}}
	}
	return s
}

func (d *dice) some(s map[string]any, keywords ...string) {
	for _, keyword := range keywords {
		if d.roll(3) == 0 {
			s[keyword] = d.roll(5)
		}
	}
}

func (d *dice) object(depth int) map[string]any {
	properties, required := map[string]any{}, []string{}
	for i := range 1 + d.roll(4) {
		name := fmt.Sprintf("p%d", i)
		properties[name] = d.schema(depth)
		if d.roll(2) == 0 {
			required = append(required, name)
		}
	}
	s := map[string]any{"type": "object", "properties": properties, "required": required}
	if d.roll(3) == 0 {
		s["additionalProperties"] = false
	}
	return s
}

var pressed = []tea.KeyPressMsg{
	{Code: tea.KeyDown},
	{Code: tea.KeyUp},
	{Code: tea.KeyTab},
	{Code: tea.KeySpace, Text: " "},
	{Code: tea.KeyRight},
	{Code: tea.KeyLeft},
	{Code: '1', Text: "1"},
	{Code: 'a', Text: "a"},
	{Code: '{', Text: "{"},
	{Code: '"', Text: `"`},
	{Code: tea.KeyBackspace},
	{Code: tea.KeyEnter},
	{Code: 't', Mod: tea.ModCtrl},
	{Code: 'n', Mod: tea.ModCtrl},
	{Code: 'x', Mod: tea.ModCtrl},
	{Code: tea.KeyUp, Mod: tea.ModAlt},
	{Code: tea.KeyDown, Mod: tea.ModAlt},
	{Code: tea.KeyUp, Mod: tea.ModShift},
	{Code: 'j', Mod: tea.ModCtrl},
	{Code: '2', Text: "2"},
	{Code: 'y', Text: "y"},
	{Code: 'b', Text: "b"},
	{Code: '[', Text: "["},
	{Code: ']', Text: "]"},
	{Code: '.', Text: "."},
	{Code: tea.KeyHome},
	{Code: tea.KeyEnd},
	{Code: 'k', Mod: tea.ModCtrl},
	{Code: 'u', Mod: tea.ModCtrl},
	{Code: tea.KeyPgDown},
	{Code: tea.KeyPgUp},
}

// FuzzSchemaForm presses keys in forms of schemas as servers write them. What a form yields at the
// first try fits the schema, its fields alone have made sure of that, and a form that is filled
// from it yields the same.
func FuzzSchemaForm(f *testing.F) {
	for i := range 40 {
		var seed []byte
		for j := range 120 {
			seed = append(seed, byte((i+1)*(j+3)*(j+7)+i*i))
		}
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d := &dice{left: data}
		root := d.object(3)
		root["$defs"] = map[string]any{
			"text": map[string]any{"type": "string"}, "number": map[string]any{"type": "number", "maximum": 3},
			"loop": map[string]any{"type": "object", "properties": map[string]any{"next": map[string]any{"$ref": "#/$defs/loop"}}},
		}
		schema, err := json.Marshal(root)
		if err != nil {
			t.Fatal(err)
		}
		form := tui.NewForm(schema)
		form.Now(noon)
		for len(d.left) > 0 {
			form.Key(pressed[d.roll(len(pressed))])
			if d.roll(8) == 0 {
				checkRows(t, form, 20+d.roll(100), d.roll(30))
			}
		}
		for range 50 {
			arguments, ok := form.Arguments()
			if form.Misfit() != "" && !strings.Contains(string(schema), "anyOf") {
				t.Fatalf("no field says what is wrong with %s: %s\n%s", form.Text(), form.Misfit(), schema)
			}
			if ok {
				checkYield(t, schema, arguments, form)
				return
			}
			mend(form, d)
		}
	})
}

// mend enters something else into the field that was refused.
func mend(form *tui.Form, d *dice) {
	form.Key(tea.KeyPressMsg{Code: tea.KeyBackspace})
	form.Key(tea.KeyPressMsg{Code: tea.KeySpace, Text: " "})
	for range 1 + d.roll(4) {
		form.Key(tea.KeyPressMsg{Code: '1', Text: "1"})
	}
	form.Key(tea.KeyPressMsg{Code: tea.KeyRight})
}

func checkYield(t *testing.T, schema, arguments json.RawMessage, form *tui.Form) {
	t.Helper()
	var s jsonschema.Schema
	var value any
	if err := json.Unmarshal(arguments, &value); err != nil {
		t.Fatalf("arguments %q: %v", arguments, err)
	}
	if err := json.Unmarshal(schema, &s); err != nil {
		t.Fatal(err)
	}
	if resolved, err := s.Resolve(nil); err == nil && !form.Insisted() {
		if err := resolved.Validate(value); err != nil {
			t.Errorf("%s does not fit %s: %v", arguments, schema, err)
		}
	}
	again := tui.NewForm(schema)
	if !again.Set(string(arguments)) {
		t.Fatalf("a form does not take %s", arguments)
	}
	checkRows(t, again, 80, 24)
	var back any
	if err := json.Unmarshal([]byte(again.Text()), &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(value, back); diff != "" {
		t.Errorf("a form filled from %s with %s:\n%s", arguments, schema, diff)
	}
}

func checkRows(t *testing.T, form *tui.Form, w, h int) {
	t.Helper()
	rows, x, y := form.Rows(ansi.WcWidth, w, h)
	if len(rows) > max(1, h) || y >= len(rows) || y >= 0 && (x < 0 || x > w) {
		t.Errorf("%d rows, cursor %d,%d in %d×%d", len(rows), x, y, w, h)
	}
	form.Hints()
}
