package schema_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/schema"
)

func TestAt(t *testing.T) {
	t.Parallel()
	const document = `{"a":[{"b":1},2],"~/":3,"4":{"5":6}}`
	for ref, want := range map[string]string{
		"#": document, "#/a/0/b": "1", "#/a/1": "2", "#/~0~1": "3", "#/4/5": "6",
		"": "", "#x": "", "other#/a": "", "#/a/2": "", "#/a/-1": "", "#/b/c": "",
	} {
		if got := schema.At(json.RawMessage(document), ref); string(got) != want {
			t.Errorf("%s: got %s, want %s", ref, got, want)
		}
	}
}

func TestMembers(t *testing.T) {
	t.Parallel()
	for object, want := range map[string]string{
		`{"b":1,"a":[2],"b":3}`: `[b a] [3 [2]] <nil>`,
		` {} `:                  `[] [] <nil>`,
		` `:                     `[] [] <nil>`,
		`[1]`:                   `[] [] not a JSON object`,
		`null`:                  `[] [] not a JSON object`,
		`{"a":1} {}`:            `[] [] more than one JSON value`,
		`{"a":1`:                `[] [] EOF`,
	} {
		names, values, err := schema.Members(json.RawMessage(object))
		if got := fmt.Sprintf("%s %s %v", names, values, err); got != want {
			t.Errorf("%s: got %s, want %s", object, got, want)
		}
	}
}

func TestTypeOf(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`: "object", ` [1]`: "array", `"1.5"`: "string", `true`: "boolean", `false`: "boolean", `null`: "null",
		`-7`: "integer", `1e3`: "number", `0.5`: "number", ``: "", `x`: "", `1 2`: "", `nul`: "",
	} {
		if got := schema.TypeOf(json.RawMessage(text)); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}
