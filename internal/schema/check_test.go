package schema_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/schema"
)

func props(text string) string { return `{"type":"object","properties":{` + text + `}}` }

func TestMisfit(t *testing.T) {
	t.Parallel()
	const either = `{"anyOf":[{"required":["a"]},{"required":["b"]}]}`
	for _, test := range []struct{ name, schema, value, member, why string }{
		{"fits", props(`"n":{"type":"integer"}`), `{"n":5}`, "", ""},
		{"type", props(`"n":{"type":"integer"}`), `{"n":"x"}`, "n", `type: x has type "string", want "integer"`},
		{"minimum", props(`"n":{"minimum":10}`), `{"n":5}`, "n", "5 is less than 10"},
		{"inside", props(`"o":` + props(`"n":{"type":"integer"}`)), `{"o":{"n":"x"}}`, "o", `type: x has type "string", want "integer"`},
		{"not of the enum", props(`"e":{"enum":["a","b"]}`), `{"e":"c"}`, "e", "it is none of [a b]"},
		{"none of several", props(`"n":{"anyOf":[{"type":"integer"},{"type":"null"}]}`), `{"n":"x"}`, "n", "it is none of what is allowed"},
		{"multiple", props(`"n":{"multipleOf":0.25}`), `{"n":-0.1}`, "n", "-0.1 is not a multiple of 0.25"},
		{"by a reference", `{"$defs":{"a/b":{"maximum":3}},"properties":{"n":{"$ref":"#/$defs/a~1b"}}}`, `{"n":5}`, "n", "5 is greater than 3"},
		{"inside a reference", `{"$defs":{"o":` + props(`"n":{"maximum":3}`) + `},"properties":{"a":{"$ref":"#/$defs/o"}}}`, `{"a":{"n":5}}`, "a", "5 is greater than 3"},
		{"no member alone", either, `{}`, "", "it is none of what is allowed"},
		{"digits of a snowflake", props(`"id":{"type":"string"}`), `{"id":80351110224678912}`, "id", `type: 80351110224678912 has type "integer", want "string"`},
		{"named like a keyword", props(`"Type":{"type":"integer"},"nullable":{"type":"integer"}`), `{"nullable":"x"}`, "nullable", `type: x has type "string", want "integer"`},
		{"no schema", `[1]`, `{"n":5}`, "", ""},
		{"nothing", ``, `{"n":5}`, "", ""},
		{"value that is none", props(`"n":{"type":"integer"}`), `{"n":`, "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			member, why := schema.Misfit(json.RawMessage(test.schema), json.RawMessage(test.value))
			if member != test.member || why != test.why {
				t.Errorf("got %q, %q, want %q, %q", member, why, test.member, test.why)
			}
		})
	}
}

// A schema that cannot be used checks nothing. Each of these forbids the value,
// but for what makes it unusable.
func TestUnusable(t *testing.T) {
	t.Parallel()
	const and = `,"b":{"type":"integer"}`
	for _, test := range []struct{ name, schema string }{
		{"type that is none", props(`"a":{"type":"snowflake"}` + and)},
		{"pattern that is none", props(`"a":{"pattern":"(?<x"}` + and)},
		{"nullable of OpenAPI", props(`"a":{"type":"integer","nullable":true}` + and)},
		{"remote ref", props(`"a":{"$ref":"https://example.com/schema"}` + and)},
		{"dead ref", props(`"a":{"$ref":"#/nowhere"}` + and)},
		{"ref within an inner document", props(`"a":{"$id":"https://example.com/","$ref":"#/properties/b","properties":{"b":{}}}` + and)},
		{"ref to itself", props(`"a":{"$ref":"#/properties/a"}` + and)},
		{"allOf with itself", props(`"a":{"allOf":[{"$ref":"#/properties/a"}]}` + and)},
		{"not and itself", props(`"a":{"not":{"$ref":"#/properties/a"}}` + and)},
		{"two that refer to each other", props(`"a":{"$ref":"#/properties/c"},"c":{"if":{"$ref":"#/properties/a"}}` + and)},
		{"in other letters", props(`"a":{"AnyOf":[{"$ref":"#/properties/a"}]}` + and)},
		{"dependency on itself", props(`"a":{"dependencies":{"x":{"$ref":"#/properties/a"}}}` + and)},
		{"dynamic ref", props(`"a":{"$dynamicRef":"#x","$dynamicAnchor":"x"}` + and)},
		{"without end", strings.Replace(doubling(60), `"$ref"`, `"properties":{"b":{"type":"integer"}},"$ref"`, 1)},
		{"deep", props(`"a":` + strings.Repeat(`{"items":`, 5000) + `{}` + strings.Repeat(`}`, 5000) + and)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if member, why := schema.Misfit(json.RawMessage(test.schema), json.RawMessage(`{"b":"x"}`)); why != "" {
				t.Errorf("got %q, %q", member, why)
			}
		})
	}
	if _, why := schema.Misfit(json.RawMessage(props(`"a":{}`+and)), json.RawMessage(`{"b":"x"}`)); why == "" {
		t.Error("the value fits anyway")
	}
}

// doubling is a small schema that checks a value 2^n times.
func doubling(n int) string {
	var b strings.Builder
	b.WriteString(`{"$ref":"#/$defs/s","$defs":{"s` + strings.Repeat("x", n) + `":{}`)
	for i := range n {
		next := `{"$ref":"#/$defs/s` + strings.Repeat("x", i+1) + `"}`
		b.WriteString(`,"s` + strings.Repeat("x", i) + `":{"allOf":[` + next + `,` + next + `]}`)
	}
	return b.String() + `}}`
}

// Whatever a server says, the check ends, and says what is wrong in one line.
func FuzzMisfit(f *testing.F) {
	f.Add(`{"$ref":"#"}`, `{"a":1}`)
	f.Add(doubling(3), `{}`)
	f.Add(`{"properties":{"n":{"anyOf":[{"type":"integer"},{"$ref":"#/properties/n"}]}}}`, `{"n":"x"}`)
	f.Add(props(`"a":{"enum":["x: y"]}`), `{"a":"b\nc: d"}`)
	f.Add(props(`"a":{"type":"string","pattern":"^(a|b)+$"}`), `{"a":1e99}`)
	f.Fuzz(func(t *testing.T, document, value string) {
		member, why := schema.Misfit(json.RawMessage(document), json.RawMessage(value))
		if strings.Contains(member+why, "\n") || why == "" && member != "" {
			t.Errorf("it says %q of %q", why, member)
		}
		schema.Children(json.RawMessage(document))
		if at := schema.At(json.RawMessage(document), value); at != nil && json.Valid([]byte(document)) != json.Valid(at) {
			t.Errorf("in %s %q leads to %s", document, value, at)
		}
	})
}
