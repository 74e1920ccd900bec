package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// TestExample makes an example for each schema, and calls with it.
func TestExample(t *testing.T) {
	t.Parallel()
	need := func(schema string) string {
		return `{"$defs":{"Role":{"type":"object","properties":{"id":{"type":"string","pattern":"^\\d{17,20}$"},"color":{"type":"integer","exclusiveMinimum":3}},"required":["id","color"]}},` +
			`"type":"object","properties":{"a":` + schema + `,"other":{"type":"string"}},"required":["a"]}`
	}
	for _, test := range []struct{ name, schema, want string }{
		{"nothing needed", `{"type":"object","properties":{"a":{"type":"string"}}}`, `tool`},
		{"text", need(`{"type":"string"}`), `tool a=text`},
		{"anything", need(`{}`), `tool a=text`},
		{"short text", need(`{"type":"string","maxLength":2}`), `tool a=te`},
		{"long text", need(`{"type":"string","minLength":6}`), `tool a=textxx`},
		{"empty text", need(`{"type":"string","maxLength":0}`), `tool a=`},
		{"pattern", need(`{"type":"string","pattern":"^\\d{17,20}$"}`), `tool a=11111111111111111`},
		{"pattern of words", need(`{"type":"string","pattern":"^(red|green)-[^a-z]+\\.$"}`), `tool a=red-1.`},
		{"format", need(`{"type":"string","format":"date-time"}`), `tool a=2026-01-31T12:00:00Z`},
		{"own example", need(`{"type":"string","examples":["#general"]}`), `tool 'a=#general'`},
		{"default before an example", need(`{"type":"integer","examples":[7],"default":8}`), `tool a=8`},
		{"own example that is wrong", need(`{"type":"integer","examples":["x"]}`), `tool a=1`},
		{"default", need(`{"type":"integer","default":7}`), `tool a=7`},
		{"at sign", need(`{"type":"string","default":"@nelly"}`), `tool a=@@nelly`},
		{"quotes", need(`{"type":"string","default":"it's"}`), `tool 'a=it'\''s'`},
		{"enum", need(`{"enum":["red","green"]}`), `tool a=red`},
		{"enum of numbers", need(`{"enum":[5,6]}`), `tool a=5`},
		{"const", need(`{"const":{"x":1}}`), `tool 'a={"x":1}'`},
		{"boolean", need(`{"type":"boolean"}`), `tool a=true`},
		{"integer", need(`{"type":"integer","minimum":10,"maximum":20}`), `tool a=10`},
		{"big integer", need(`{"type":"integer","minimum":9007199254740993}`), `tool a=9007199254740993`},
		{"negative integer", need(`{"type":"integer","maximum":-5}`), `tool a=-5`},
		{"multiple", need(`{"type":"integer","minimum":7,"multipleOf":5}`), `tool a=10`},
		{"number between", need(`{"type":"number","exclusiveMinimum":0,"exclusiveMaximum":0.1}`), `tool a=0.05`},
		{"number or null", need(`{"type":["null","number"]}`), `tool a=1`},
		{"null alone", need(`{"type":"null"}`), `tool a=null`},
		{"nullable by anyOf", need(`{"anyOf":[{"type":"null"},{"type":"integer","minimum":3}]}`), `tool a=3`},
		{"nullable of OpenAPI", need(`{"type":"integer","nullable":true}`), `tool a=1`},
		{"union", need(`{"oneOf":[{"type":"integer"},{"type":"string"}]}`), `tool a:=1`},
		{"array", need(`{"type":"array","items":{"type":"integer"}}`), `tool 'a=[]'`},
		{"array with items", need(`{"type":"array","items":{"$ref":"#/$defs/Role"},"minItems":1}`), `tool 'a=[{"id":"11111111111111111","color":4}]'`},
		{"none twice", need(`{"type":"array","items":{"type":"string"},"minItems":2,"uniqueItems":true}`), `tool 'a=["text","text1"]'`},
		{"choices none twice", need(`{"type":"array","items":{"enum":["x","y"]},"minItems":2,"uniqueItems":true}`), `tool 'a=["x","y"]'`},
		{"tuple", need(`{"type":"array","prefixItems":[{"type":"string"},{"type":"boolean"}],"minItems":2}`), `tool 'a=["text",true]'`},
		{"object", need(`{"$ref":"#/$defs/Role"}`), `tool 'a={"id":"11111111111111111","color":4}'`},
		{"object by allOf", need(`{"allOf":[{"$ref":"#/$defs/Role"}],"default":null}`), `tool 'a={"id":"11111111111111111","color":4}'`},
		{"one of two", `{"type":"object","properties":{"a":{"type":"string"},"b":{"type":"integer"}},"anyOf":[{"required":["b"]},{"required":["a"]}]}`, `tool b=1`},
		{"required, yet not described", `{"type":"object","properties":{},"required":["a"]}`, `tool a=text`},
		{"name with an equal sign", `{"type":"object","properties":{"a=b":{"type":"integer"}},"required":["a=b"]}`, `tool '{"a=b":1}'`},
		{"name with a dash", `{"type":"object","properties":{"-a":{"type":"integer"}},"required":["-a"]}`, `tool '{"-a":1}'`},
		{"no schema", ``, `tool`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tool := client.Tool{Name: "tool", InputSchema: json.RawMessage(test.schema)}
			if got := exampleCall(tool); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if _, err := buildArguments(tool, wordsOf(t, exampleWords(tool.InputSchema))); err != nil {
				t.Errorf("the example is refused: %v", err)
			}
		})
	}
	if got := exampleCall(client.Tool{Name: "-x y"}); got != `-- '-x y'` {
		t.Errorf("got %s", got)
	}
}

func TestArgumentTable(t *testing.T) {
	t.Parallel()
	const schema = `{"$defs":{"Field":{"type":"object","properties":{"name":{"type":"string","maxLength":256},"inline":{"type":"boolean","default":false}},"required":["name"]},
		"Node":{"type":"object","properties":{"next":{"$ref":"#/$defs/Node"}}}},
	"type":"object","required":["channel","embed"],"properties":{
		"channel":{"type":"string","pattern":"^\\d+$","description":"Where\nto \u001b[31m."},
		"limit":{"anyOf":[{"type":"integer","minimum":1,"maximum":100},{"type":"null"}],"default":50},
		"kind":{"enum":["text",2]},
		"even":{"type":"integer","exclusiveMinimum":0,"multipleOf":2},
		"embed":{"type":"object","properties":{"title":{"type":"string","minLength":1},"fields":{"type":"array","items":{"$ref":"#/$defs/Field"},"maxItems":25}},"required":["title"]},
		"tags":{"type":["array","null"],"items":{"type":"string","format":"uuid"},"uniqueItems":true},
		"grid":{"type":"array","items":{"type":"array","items":{"type":"number"}},"minItems":2,"maxItems":2},
		"node":{"$ref":"#/$defs/Node"},
		"any":{}}}`
	const want = `  channel                string                    required, pattern ^\d+$; Where to ␛[31m.
  limit                  integer|null              1 to 100, default 50
  kind                   integer|string            one of "text", 2
  even                   integer                   more than 0, a multiple of 2
  embed                  object                    required
  embed.title            string                    required, at least 1 character
  embed.fields           array of object           at most 25 items
  embed.fields[].name    string                    required, at most 256 characters
  embed.fields[].inline  boolean                   default false
  tags                   array of string|null      none twice
  grid                   array of array of number  2 items
  node                   object
  node.next              object
  any
`
	if diff := cmp.Diff(want, argumentTable(json.RawMessage(schema))); diff != "" {
		t.Error(diff)
	}
	long := `{"properties":{"x":{}`
	for i := range 300 {
		long += `,"x` + strings.Repeat("y", i) + `":{}`
	}
	if got := strings.Count(argumentTable(json.RawMessage(long+"}}")), "\n"); got != maxRows+1 {
		t.Errorf("a table of 300 arguments has %d lines", got)
	}
}
