package main

import (
	"cmp"
	"encoding/json"
	"math"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/schema"
)

// exampleCall is a command line that fits the tool, as far as its schema says:
// the name and the arguments that are required.
func exampleCall(tool client.Tool) string {
	words := exampleWords(tool.InputSchema)
	if strings.HasPrefix(tool.Name, "-") {
		words = append([]string{"--", tool.Name}, words...)
	} else {
		words = append([]string{tool.Name}, words...)
	}
	for i, w := range words {
		words[i] = shellWord(w)
	}
	return strings.Join(words, " ")
}

// exampleWords are arguments that fit a schema. What the schema itself gives as
// defaults and examples is preferred, where it fits.
func exampleWords(raw json.RawMessage) []string {
	var words []string
	for _, own := range []bool{true, false} {
		x := &exampler{schemaView: newSchemaView(raw), own: own}
		var order []string
		values := map[string]json.RawMessage{}
		words = nil
		for _, p := range x.needed(raw) {
			value := x.value(p.schema, maxNesting)
			words = append(words, exampleWord(p, value))
			order, values[p.name] = append(order, p.name), value
		}
		if _, why := schema.Misfit(raw, object(order, values)); why == "" {
			break
		}
	}
	return words
}

// exampleWord is one argument on the command line: key=value where that is
// read as the value again, else key:=json, else an object.
func exampleWord(p property, value json.RawMessage) string {
	if p.name == "" || strings.ContainsAny(p.name[:1], "-{ ") || strings.Contains(p.name, "=") || strings.HasSuffix(p.name, ":") {
		return string(object([]string{p.name}, map[string]json.RawMessage{p.name: value}))
	}
	text := string(value)
	var decoded string
	if json.Unmarshal(value, &decoded) == nil && text != "null" {
		text = decoded
	}
	again, err := typed(p, text)
	if err != nil || string(again) != string(value) {
		return p.name + ":=" + string(value)
	}
	if strings.HasPrefix(text, "@") {
		text = "@" + text
	}
	return p.name + "=" + text
}

// exampler makes values that fit a schema.
type exampler struct {
	*schemaView
	own bool // take what the schema gives as an example
}

// needed are the properties that an object must have.
func (x *exampler) needed(raw json.RawMessage) []property {
	list, _ := x.properties(raw)
	var also []string
	known := x.at(raw)
	for _, keyword := range []string{"anyOf", "oneOf"} {
		if branches := schema.Children(known[keyword]); len(branches) > 0 {
			_ = json.Unmarshal(x.at(branches[0])["required"], &also)
		}
	}
	return slices.DeleteFunc(list, func(p property) bool { return !p.required && !slices.Contains(also, p.name) })
}

func (x *exampler) value(schema json.RawMessage, depth int) json.RawMessage {
	known := x.concrete(schema, maxRefs)
	if x.own {
		var given []json.RawMessage
		own := merged(x.keywords(schema), known)
		if fallback := own["default"]; len(fallback) > 0 && string(fallback) != "null" {
			return fallback
		}
		if json.Unmarshal(own["examples"], &given) == nil && len(given) > 0 {
			return given[0]
		}
	}
	var choices []json.RawMessage
	switch {
	case known["const"] != nil:
		return known["const"]
	case json.Unmarshal(known["enum"], &choices) == nil && len(choices) > 0:
		return choices[0]
	}
	switch exampleType(known) {
	case "null":
		return json.RawMessage("null")
	case "boolean":
		return json.RawMessage("true")
	case "integer":
		return json.RawMessage(exampleNumber(known, 1))
	case "number":
		return json.RawMessage(exampleNumber(known, 0.5))
	case "array":
		return x.array(known, depth)
	case "object":
		return x.object(known, depth)
	}
	text, _ := json.Marshal(exampleText(known)) // a string: it cannot fail
	return text
}

// concrete is one of the schemas that a schema can be read as: all of allOf,
// and the first branch of anyOf and oneOf that is not null.
func (x *exampler) concrete(raw json.RawMessage, depth int) map[string]json.RawMessage {
	known := x.at(raw)
	if depth == 0 {
		return known
	}
	for _, each := range schema.Children(known["allOf"]) {
		known = merged(known, x.concrete(each, depth-1))
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		for _, each := range schema.Children(known[keyword]) {
			if branch := x.concrete(each, depth-1); string(branch["type"]) != `"null"` {
				known = merged(known, branch)
				break
			}
		}
	}
	return known
}

// exampleType is the first type that is not null, or what the other keywords
// are about.
func exampleType(known map[string]json.RawMessage) string {
	types := ownDomain(known).types
	for _, t := range types {
		if t != "null" {
			return t
		}
	}
	switch {
	case len(types) > 0:
		return "null"
	case known["properties"] != nil, known["required"] != nil:
		return "object"
	case known["items"] != nil, known["prefixItems"] != nil:
		return "array"
	case number(known["minimum"]) != "", number(known["maximum"]) != "":
		return "number"
	}
	return "string"
}

func (x *exampler) object(known map[string]json.RawMessage, depth int) json.RawMessage {
	if depth == 0 {
		return json.RawMessage("{}")
	}
	schema, _ := json.Marshal(known) // of a map that was JSON: it cannot fail
	var order []string
	values := map[string]json.RawMessage{}
	for _, p := range x.needed(schema) {
		order, values[p.name] = append(order, p.name), x.value(p.schema, depth-1)
	}
	return object(order, values)
}

// maxExampleItems bounds an example where the schema wants more.
const maxExampleItems = 16

func (x *exampler) array(known map[string]json.RawMessage, depth int) json.RawMessage {
	least, _ := strconv.Atoi(number(known["minItems"]))
	first := schema.Children(known["prefixItems"])
	items := []json.RawMessage{}
	for i := 0; depth > 0 && i < min(least, maxExampleItems); i++ {
		each := known["items"]
		if i < len(first) {
			each = first[i]
		}
		value := x.value(each, depth-1)
		if string(known["uniqueItems"]) == "true" {
			value = x.another(each, value, i)
		}
		items = append(items, value)
	}
	text, _ := json.Marshal(items) // of what was JSON: it cannot fail
	return text
}

// another is the n-th value beside one that fits.
func (x *exampler) another(schema, value json.RawMessage, n int) json.RawMessage {
	var text string
	choices := x.domain(schema, maxRefs).enum
	switch {
	case n == 0:
	case n < len(choices):
		return choices[n]
	case json.Unmarshal(value, &text) == nil:
		value, _ = json.Marshal(text + strconv.Itoa(n)) // a string: it cannot fail
	case number(value) != "":
		base, _ := strconv.ParseFloat(string(value), 64)
		return json.RawMessage(decimal(base + float64(n)))
	}
	return value
}

// exampleNumber is a number within the limits, preferably 1.
func exampleNumber(known map[string]json.RawMessage, step float64) string {
	limit := func(keyword string, otherwise float64) float64 {
		f, err := strconv.ParseFloat(number(known[keyword]), 64)
		if err != nil {
			return otherwise
		}
		return f
	}
	low, high := limit("minimum", math.Inf(-1)), limit("maximum", math.Inf(1))
	over, under := limit("exclusiveMinimum", math.Inf(-1)), limit("exclusiveMaximum", math.Inf(1))
	multiple := limit("multipleOf", 0)
	fits := func(f float64) bool {
		return f >= low && f <= high && f > over && f < under && !math.IsInf(f, 0) && (multiple == 0 || math.Mod(f, multiple) == 0)
	}
	candidates := []float64{1, low, math.Ceil(low), over + step, high, math.Floor(high), under - step, (over + under) / 2, (low + high) / 2, 0}
	if multiple > 0 {
		candidates = append(candidates, multiple, math.Ceil(low/multiple)*multiple, (math.Floor(over/multiple)+1)*multiple, math.Floor(high/multiple)*multiple)
	}
	for _, f := range candidates {
		if fits(f) && (step != 1 || f == math.Trunc(f)) {
			for _, keyword := range []string{"minimum", "maximum"} {
				if f == limit(keyword, math.NaN()) && f == math.Trunc(f) {
					return number(known[keyword]) // with all its digits
				}
			}
			return decimal(f)
		}
	}
	return "1"
}

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

// exampleFormats are texts of the formats of JSON Schema.
var exampleFormats = map[string]string{
	"date-time": "2026-01-31T12:00:00Z", "date": "2026-01-31", "time": "12:00:00Z", "duration": "PT1H",
	"email": "nelly@example.com", "hostname": "example.com", "ipv4": "192.0.2.1", "ipv6": "2001:db8::1",
	"uri": "https://example.com/", "uri-reference": "https://example.com/", "url": "https://example.com/",
	"uuid": "123e4567-e89b-42d3-a456-426614174000", "regex": "a+", "json-pointer": "/a",
}

// exampleText is a text of the pattern, the format and the length that a schema
// wants.
func exampleText(known map[string]json.RawMessage) string {
	var format, pattern string
	_ = json.Unmarshal(known["format"], &format)
	_ = json.Unmarshal(known["pattern"], &pattern)
	text := cmp.Or(exampleFormats[format], "text")
	if expression, err := regexp.Compile(pattern); pattern != "" && err == nil && !expression.MatchString(text) {
		if parsed, err := syntax.Parse(pattern, syntax.Perl); err == nil {
			text = matching(parsed.Simplify())
		}
		return text
	}
	least, _ := strconv.Atoi(number(known["minLength"]))
	if missing := min(least, 1000) - utf8.RuneCountInString(text); missing > 0 {
		text += strings.Repeat("x", missing)
	}
	if most, err := strconv.Atoi(number(known["maxLength"])); err == nil && most >= 0 && len(text) > most && format == "" {
		text = text[:most]
	}
	return text
}

// matching is a short text that a regular expression matches.
func matching(r *syntax.Regexp) string {
	var b strings.Builder
	switch r.Op {
	case syntax.OpLiteral:
		b.WriteString(string(r.Rune))
	case syntax.OpCharClass:
		b.WriteRune(readable(r.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('x')
	case syntax.OpCapture, syntax.OpPlus:
		b.WriteString(matching(r.Sub[0]))
	case syntax.OpRepeat:
		b.WriteString(strings.Repeat(matching(r.Sub[0]), r.Min))
	case syntax.OpConcat:
		for _, each := range r.Sub {
			b.WriteString(matching(each))
		}
	case syntax.OpAlternate:
		b.WriteString(matching(r.Sub[0]))
	}
	return b.String() // of all else nothing is the shortest
}

// readable is a character of a class, given as pairs of bounds.
func readable(class []rune) rune {
	for _, wanted := range "a1A" {
		for i := 0; i+1 < len(class); i += 2 {
			if class[i] <= wanted && wanted <= class[i+1] {
				return wanted
			}
		}
	}
	for i := 0; i+1 < len(class); i += 2 {
		for r := max(class[i], ' '+1); r <= class[i+1] && r < utf8.RuneSelf; r++ {
			return r
		}
	}
	if len(class) == 0 {
		return 'x'
	}
	return class[0]
}

// shellWord quotes a word for a POSIX shell where that is needed.
func shellWord(word string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-+=:.,/@%", r)
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !plain(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
