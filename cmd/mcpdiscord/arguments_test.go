package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/schema"
)

// wordsOf are the arguments of a command line.
func wordsOf(t *testing.T, args []string) []word {
	t.Helper()
	words, err := parseWords(args, strings.NewReader(`{"stdin":true}`))
	if err != nil {
		t.Fatal(err)
	}
	return words
}

func TestBuildArguments(t *testing.T) {
	t.Parallel()
	const open = `{"type":"object"}`
	props := func(text string) string { return `{"type":"object","properties":{` + text + `}}` }
	for _, test := range []struct {
		name, schema string
		args         []string
		want         string // the arguments, or after "!" words of the refusal
	}{
		{"snowflake stays a string", props(`"id":{"type":"string"}`), []string{"id=80351110224678912"}, `{"id":"80351110224678912"}`},
		{"big integer keeps its digits", props(`"n":{"type":"integer"}`), []string{"n=123456789012345678901234567890"}, `{"n":123456789012345678901234567890}`},
		{"negative number", props(`"n":{"type":"number"}`), []string{"n=-1.50"}, `{"n":-1.50}`},
		{"number beyond float64", props(`"n":{"type":"number"}`), []string{"n=1e400"}, `{"n":1e400}`},
		{"fraction for an integer", props(`"n":{"type":"integer"}`), []string{"n=1.5"}, `!n is an integer, not "1.5"`},
		{"empty string", props(`"s":{"type":"string"}`), []string{"s="}, `{"s":""}`},
		{"empty integer", props(`"n":{"type":"integer"}`), []string{"n="}, `!n is an integer, not ""`},
		{"unicode and equal signs", props(`"s":{"type":"string"}`), []string{"s=ü=\"\n"}, `{"s":"ü=\"\n"}`},
		{"key with a dot", props(`"a.b":{"type":"boolean"}`), []string{"a.b=true"}, `{"a.b":true}`},
		{"key with an equal sign", props(`"a=b":{"type":"integer"}`), []string{`{"a=b":1}`}, `{"a=b":1}`},
		{"boolean of another language", props(`"b":{"type":"boolean"}`), []string{"b=True"}, `!b is a boolean`},
		{"array and object", props(`"l":{"type":"array"},"o":{"type":"object"}`), []string{"l=[1,2]", `o={"x":1}`}, `{"l":[1,2],"o":{"x":1}}`},
		{"later ones override", props(`"a":{"type":"integer"},"b":{}`), []string{"a=1", "b=1", `{"a":2}`, "a:=3"}, `{"a":3,"b":"1"}`},
		{"stdin", open, []string{"-"}, `{"stdin":true}`},

		{"nullable by type", props(`"n":{"type":["integer","null"]}`), []string{"n=null"}, `{"n":null}`},
		{"nullable by anyOf", props(`"n":{"anyOf":[{"type":"integer"},{"type":"null"}]}`), []string{"n=5"}, `{"n":5}`},
		{"nullable string by anyOf", props(`"s":{"anyOf":[{"type":"string"},{"type":"null"}]}`), []string{"s=5"}, `{"s":"5"}`},
		{"none of anyOf", props(`"n":{"anyOf":[{"type":"integer"},{"type":"null"}]}`), []string{"n=x"}, `!n is an integer or null, not "x"`},
		{"oneOf with anything", props(`"n":{"oneOf":[{"type":"integer"},{}]}`), []string{"n:=5"}, `!n does not fit`},
		{"enum", props(`"e":{"enum":["a","b"]}`), []string{"e=b"}, `{"e":"b"}`},
		{"not of the enum", props(`"e":{"enum":["a","b"]}`), []string{"e=c"}, `!e does not fit`},
		{"enum of numbers", props(`"e":{"enum":[1,2]}`), []string{"e=2"}, `{"e":2}`},
		{"enum of both", props(`"e":{"enum":["1",2]}`), []string{"e=2"}, `{"e":2}`},
		{"minimum", props(`"n":{"type":"integer","minimum":10}`), []string{"n=5"}, `!n does not fit: 5 is less than 10`},
		{"digits of a snowflake", props(`"id":{"type":"string"}`), []string{"id:=80351110224678912"}, `!id does not fit: type: 80351110224678912 has`},
		{"nested", props(`"o":{"type":"object","properties":{"n":{"type":"integer"}}}`), []string{`o={"n":"x"}`}, `!o does not fit: type`},
		{"ref", `{"$defs":{"N":{"type":"integer"}},"type":"object","properties":{"n":{"$ref":"#/$defs/N"}}}`, []string{"n=5"}, `{"n":5}`},
		{"ref to an enum", `{"$defs":{"a/b":{"enum":["x"],"type":"string"}},"properties":{"e":{"$ref":"#/$defs/a~1b"}}}`, []string{"e=y"}, `!e does not fit`},
		{"ref at the top", `{"$ref":"#/definitions/A","definitions":{"A":{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}}}`, []string{"n=5"}, `{"n":5}`},
		{"ref that recurs into the value", `{"$defs":{"T":{"type":"object","properties":{"t":{"$ref":"#/$defs/T"},"n":{"type":"integer"}}}},"properties":{"t":{"$ref":"#/$defs/T"}}}`, []string{`t={"t":{"n":"x"}}`}, `!t does not fit`},

		{"text null of a nullable string", props(`"s":{"type":["string","null"]}`), []string{"s=null"}, `{"s":null}`},
		{"text null as it is", props(`"s":{"type":["string","null"]}`), []string{`s:="null"`}, `{"s":"null"}`},
		{"text null of a string", props(`"s":{"type":"string"}`), []string{"s=null"}, `{"s":"null"}`},
		{"nullable of OpenAPI", props(`"n":{"type":"integer","nullable":true}`), []string{"n=null"}, `{"n":null}`},
		{"nullable of OpenAPI, a number", props(`"n":{"type":"integer","nullable":true}`), []string{"n=5"}, `{"n":5}`},
		{"null of what cannot be null", props(`"n":{"type":"integer"}`), []string{"n=null"}, `!n is an integer, not "null"`},
		{"const", props(`"c":{"const":5}`), []string{"c=5"}, `{"c":5}`},
		{"not the const", props(`"c":{"const":"x"}`), []string{"c=y"}, `!c does not fit`},
		{"integer or a word", props(`"n":{"anyOf":[{"type":"integer"},{"const":"auto"}]}`), []string{"n=5"}, `{"n":5}`},
		{"a word or an integer", props(`"n":{"anyOf":[{"type":"integer"},{"const":"auto"}]}`), []string{"n=auto"}, `{"n":"auto"}`},
		{"neither of the two", props(`"n":{"anyOf":[{"type":"integer"},{"enum":["auto"]}]}`), []string{"n=x"}, `!n does not fit`},
		{"integer by allOf", `{"$defs":{"N":{"type":"integer"}},"properties":{"n":{"allOf":[{"$ref":"#/$defs/N"}],"default":3}}}`, []string{"n=5"}, `{"n":5}`},
		{"integer by allOf and number", props(`"n":{"type":"number","allOf":[{"type":"integer"}]}`), []string{"n=1.5"}, `!n is an integer`},
		{"string with two patterns", props(`"s":{"type":"string","anyOf":[{"pattern":"^a"},{"pattern":"^1"}]}`), []string{"s=1"}, `{"s":"1"}`},
		{"property of allOf", `{"allOf":[{"properties":{"n":{"type":"integer"}},"required":["n"]}]}`, []string{"n=5"}, `{"n":5}`},
		{"missing, by allOf", `{"allOf":[{"properties":{"n":{"type":"integer"}},"required":["n"]}]}`, nil, `!needs the argument "n"`},
		{"property of either", `{"oneOf":[{"properties":{"n":{"type":"integer"}},"required":["n"]},{"properties":{"b":{"type":"boolean"}},"required":["b"]}]}`, []string{"b=true"}, `{"b":true}`},
		{"property of both, of two types", `{"anyOf":[{"properties":{"n":{"type":"integer"}}},{"properties":{"n":{"type":"boolean"}}}]}`, []string{"n=true"}, `{"n":true}`},
		{"required, yet not described", `{"properties":{"a":{}},"required":["b"]}`, []string{"b=1"}, `{"b":"1"}`},
		{"required alone", `{"type":"object","required":["b"]}`, []string{"b=1", "c=2"}, `{"b":"1","c":"2"}`},
		{"ref beside properties", `{"$ref":"#/$defs/A","$defs":{"A":{"properties":{"a":{"type":"integer"}}}},"properties":{"b":{"type":"integer"}}}`, []string{"a=1", "b=2"}, `{"a":1,"b":2}`},
		{"array of big integers", props(`"l":{"type":"array","items":{"type":"integer"}}`), []string{"l=[80351110224678912,9007199254740993]"}, `{"l":[80351110224678912,9007199254740993]}`},
		{"item of another type", props(`"l":{"type":"array","items":{"type":"integer"}}`), []string{`l=["x"]`}, `!l does not fit`},
		{"too few items", props(`"l":{"type":"array","minItems":1}`), []string{"l=[]"}, `!l does not fit`},
		{"at signs", props(`"s":{"type":"string"}`), []string{"s=@@everyone"}, `{"s":"@everyone"}`},

		{"unknown", props(`"a":{}`), []string{"b=1"}, `!has no argument "b"`},
		{"unknown, closed", `{"properties":{},"additionalProperties":false}`, []string{"b=1"}, `!has no argument "b"`},
		{"unknown, open", `{"properties":{"ab":{}},"additionalProperties":true}`, []string{"abc=1"}, `{"abc":"1"}`},
		{"unknown, by pattern", `{"properties":{"a":{}},"patternProperties":{"^x":{}},"additionalProperties":false}`, []string{"x1=1"}, `{"x1":"1"}`},
		{"unknown, by allOf", `{"properties":{"a":{}},"allOf":[{"properties":{"b":{}}}]}`, []string{"b=1"}, `{"b":"1"}`},
		{"unknown, nothing declared", open, []string{"b=1"}, `{"b":"1"}`},
		{"missing", `{"properties":{"a":{}},"required":["a"]}`, nil, `!needs the argument "a"`},

		{"no schema", ``, []string{"a=1"}, `{"a":"1"}`},
		{"schema is a list", `[1]`, []string{"a=1"}, `{"a":"1"}`},
		{"schema is null", `null`, []string{"a=1"}, `{"a":"1"}`},
		{"required is no list", `{"properties":{"n":{"type":"integer"}},"required":true}`, []string{"n=1"}, `{"n":1}`},
		{"properties are no object", `{"properties":[1]}`, []string{"a=1"}, `{"a":"1"}`},
		{"property is no schema", props(`"a":7`), []string{"a=1"}, `{"a":"1"}`},
		{"type that is none", props(`"a":{"type":"snowflake"}`), []string{"a:=1"}, `{"a":1}`},
		{"pattern that is none", props(`"a":{"type":"string","pattern":"(?<x"}`), []string{"a=1"}, `{"a":"1"}`},
		{"remote ref", props(`"a":{"$ref":"https://example.com/schema"}`), []string{"a=1"}, `{"a":"1"}`},
		{"dead ref", props(`"a":{"$ref":"#/nowhere"}`), []string{"a=1"}, `{"a":"1"}`},
		{"ref to itself", `{"$ref":"#"}`, []string{"a=1"}, `{"a":"1"}`},
		{"allOf with itself", `{"allOf":[{"$ref":"#"}]}`, []string{"a=1"}, `{"a":"1"}`},
		{"two that refer to each other", `{"$defs":{"A":{"$ref":"#/$defs/B"},"B":{"not":{"$ref":"#/$defs/A"}}},"properties":{"a":{"$ref":"#/$defs/A"}}}`, []string{"a=1"}, `{"a":"1"}`},
		{"allOf with itself, in other letters", `{"ALLOF":[{"$Ref":"#"}]}`, []string{"a=1"}, `{"a":"1"}`},
		{"anyOf with itself, in other letters", props(`"a":{"AnyOf":[{"$ref":"#/properties/a"}]}`), []string{"a=1"}, `{"a":"1"}`},
		{"property named like a keyword", props(`"Type":{"type":"integer"}`), []string{`{"Type":"x"}`}, `!Type does not fit`},
		{"dependency on itself", `{"$schema":"http://json-schema.org/draft-07/schema#","dependencies":{"a":{"$ref":"#"}}}`, []string{"a=1"}, `{"a":"1"}`},
		{"dynamic ref", `{"$dynamicRef":"#x","$dynamicAnchor":"x"}`, []string{"a=1"}, `{"a":"1"}`},
		{"schemas without end", doubling(60), []string{"a=1"}, `{"a":"1"}`},
		{"deep schema", `{"properties":{"a":` + strings.Repeat(`{"items":`, 5000) + `{}` + strings.Repeat(`}`, 5000) + `}}`, []string{"a=1"}, `{"a":"1"}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			tool := client.Tool{Name: "tool", InputSchema: json.RawMessage(test.schema)}
			got, err := buildArguments(tool, wordsOf(t, test.args))
			if words, refused := strings.CutPrefix(test.want, "!"); refused {
				var user *userError
				if !errors.As(err, &user) || user.code != exitUsage || !strings.Contains(user.message, words) {
					t.Errorf("got %s and %v, want a refusal with %q", got, err, words)
				}
				return
			}
			if err != nil || string(got) != test.want {
				t.Errorf("got %s and %v, want %s", got, err, test.want)
			}
		})
	}
}

// doubling is a small schema that checks a value 2^n times.
func doubling(n int) string {
	var b strings.Builder
	b.WriteString(`{"$defs":{"s` + strings.Repeat("x", n) + `":{}`)
	for i := range n {
		next := `{"$ref":"#/$defs/s` + strings.Repeat("x", i+1) + `"}`
		b.WriteString(`,"s` + strings.Repeat("x", i) + `":{"allOf":[` + next + `,` + next + `]}`)
	}
	b.WriteString(`},"$ref":"#/$defs/s"}`)
	return b.String()
}

// Whatever is in a file is text where text fits.
func TestArgumentFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "value")
	for _, test := range []struct{ schema, text, want string }{
		{`{"type":"string"}`, "5\n", `{"a":"5\n"}`},
		{`{"type":["string","null"]}`, "null", `{"a":"null"}`},
		{`{}`, "null", `{"a":"null"}`},
		{`{"type":"object"}`, "{\"x\":1}", `{"a":{"x":1}}`},
	} {
		if err := os.WriteFile(file, []byte(test.text), 0o600); err != nil {
			t.Fatal(err)
		}
		tool := client.Tool{InputSchema: json.RawMessage(`{"properties":{"a":` + test.schema + `}}`)}
		if got, err := buildArguments(tool, wordsOf(t, []string{"a=@" + file})); err != nil || string(got) != test.want {
			t.Errorf("%s of %s: got %s and %v, want %s", test.text, test.schema, got, err, test.want)
		}
	}
}

// Where no argument alone is wrong, the schema says what is.
func TestArgumentsTogether(t *testing.T) {
	t.Parallel()
	tool := client.Tool{Name: "send it", InputSchema: json.RawMessage(`{"properties":{"phone":{"type":"string"},"email":{"type":"string"}},"anyOf":[{"required":["phone"]},{"required":["email"]}]}`)}
	_, err := buildArguments(tool, nil)
	if err == nil {
		t.Fatal("nothing was refused")
	}
	if got, want := toUserError(err).hint, "run {program} tools 'send it' to see its schema"; got != want {
		t.Errorf("hint: got %q, want %q", got, want)
	}
}

// What JSON cannot say is refused, not replaced.
func TestArgumentsUTF8(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{{"a=\xff"}, {"a=@@\xff"}, {"\xff=a"}, {`a:="` + "\xff" + `"`}, {`{"a":"` + "\xff" + `"}`}, {"-"}} {
		if words, err := parseWords(args, strings.NewReader("{\"a\":\"\xff\"}")); err == nil || toUserError(err).code != exitUsage {
			t.Errorf("%q: got %v and %v", args, words, err)
		}
	}
}

// Branches in branches are not read for ever.
func TestWideSchema(t *testing.T) {
	t.Parallel()
	branch := `{"$ref":"#"},`
	wide := `{"properties":{"a":{"anyOf":[` + strings.Repeat(branch, 99) + `{"type":"integer"}]}},"allOf":[` + strings.Repeat(branch, 99) + `{}]}`
	tool := client.Tool{Name: "tool", InputSchema: json.RawMessage(wide)}
	if got, err := buildArguments(tool, wordsOf(t, []string{"b=1"})); err != nil || string(got) != `{"b":"1"}` {
		t.Errorf("got %s and %v", got, err)
	}
	_, _ = exampleCall(tool), argumentTable(tool.InputSchema)
}

// Whatever a server says of a tool, nothing breaks.
func FuzzSchema(f *testing.F) {
	f.Add(`{"$ref":"#"}`, "a=1")
	f.Add(doubling(3), "a=1")
	f.Add(`{"properties":{"n":{"anyOf":[{"type":"integer"},{"$ref":"#/properties/n"}]}}}`, "n=1")
	f.Add(`{"properties":{"a":{"type":"string","pattern":"^(a|b)+$","minLength":3}},"required":["a","b"],"nullable":true}`, "a=@@x")
	f.Add(`{"oneOf":[{"required":["a"]},{"$ref":"#/$defs/x"}],"$defs":{"x":{"properties":{"a":{"items":[{"const":1}],"minItems":9}}}}}`, `a:=[1]`)
	f.Fuzz(func(t *testing.T, document, arg string) {
		tool := client.Tool{Name: "tool", InputSchema: json.RawMessage(document)}
		_, _, _ = signature(tool), argumentTable(tool.InputSchema), exampleCall(tool)
		if strings.Contains(arg, "=@") && !strings.Contains(arg, "=@@") {
			return // a file of this machine
		}
		words, err := parseWords([]string{arg}, strings.NewReader("{}"))
		if err != nil {
			return
		}
		arguments, err := buildArguments(tool, words)
		switch {
		case err == nil && !json.Valid(arguments):
			t.Errorf("%s makes %s", arg, arguments)
		case err != nil && schema.Parse(tool.InputSchema) == nil:
			t.Errorf("a schema that is none refuses %s: %v", arg, err)
		}
	})
}
