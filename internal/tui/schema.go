package tui

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Bounds of the schemas that get a form; beyond them the arguments are typed as one JSON object.
const (
	maxSchema  = 256 << 10 // bytes
	maxFields  = 200
	maxChoices = 1000
	maxRefs    = 8 // $ref after $ref
)

type kind uint8

const (
	kindText kind = iota
	kindInteger
	kindNumber
	kindBoolean
	kindChoice
	kindJSON
)

// field is one argument of a tool, read from its schema.
type field struct {
	name      string // the property as the server spells it
	label     string // the same, printable
	note      string // the description, printable
	typ       string // the type in a few words, printable
	kind      kind
	container byte // JSON must begin with this: '{', '[', or 0 for any
	required  bool
	nullable  bool // null is a value: required and left empty sends it
	choices   []choice
	preset    json.RawMessage // the default, compact; nil: none
}

// choice is one value of an enum, or true and false.
type choice struct {
	label string
	raw   json.RawMessage
}

// shape is the arguments of a tool.
type shape struct {
	fields []field
	whole  bool // one field holds all arguments as a JSON object
}

// node is a JSON Schema by its keywords. Anything that is not one is an empty node.
type node map[string]json.RawMessage

// reader reads one schema document; what its pointers lead to is parsed once.
type reader struct{ parsed map[string]node }

// parseShape reads an input schema. A schema that is odd never prevents a call: what it does not
// understand becomes a field for JSON.
func parseShape(raw json.RawMessage) shape {
	root := parseNode(raw)
	if len(bytes.TrimSpace(raw)) == 0 {
		return shape{}
	}
	if root == nil || len(raw) > maxSchema {
		return wholeShape("The tool's schema cannot be read.", false)
	}
	rd := reader{parsed: map[string]node{"": root}}
	top := rd.resolve(root, 0)
	if types, _ := top.types(); len(types) > 0 && !slices.Contains(types, "object") {
		return wholeShape("The tool's schema is not that of an object.", false)
	}
	names, nodes := members(top["properties"])
	var required []string
	_ = json.Unmarshal(top["required"], &required)
	switch {
	case len(names) > maxFields:
		return wholeShape("The tool has too many arguments for a form.", len(required) > 0)
	case len(names) == 0 && (top.open() || len(required) > 0):
		return wholeShape("The tool takes arguments of any name.", len(required) > 0)
	}
	fields := make([]field, 0, len(names))
	for i, name := range names {
		fields = append(fields, rd.newField(name, nodes[i], slices.Contains(required, name)))
	}
	slices.SortStableFunc(fields, func(a, b field) int {
		switch {
		case a.required == b.required:
			return 0
		case a.required:
			return -1
		}
		return 1
	})
	return shape{fields: fields}
}

func wholeShape(note string, required bool) shape {
	return shape{whole: true, fields: []field{{
		label: "arguments", note: note + " Type them as a JSON object.", typ: "object",
		kind: kindJSON, container: '{', required: required,
	}}}
}

// open says whether a schema without properties asks for some.
func (n node) open() bool {
	if n["patternProperties"] != nil {
		return true
	}
	extra := n["additionalProperties"]
	return extra != nil && string(extra) != "false"
}

func parseNode(raw json.RawMessage) node {
	var n node
	if json.Unmarshal(raw, &n) != nil {
		return nil
	}
	return n
}

// members lists an object's members in the order on the wire. Of a name that comes
// twice the last value counts, as everywhere in JSON.
func members(raw json.RawMessage) (names []string, values []json.RawMessage) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil, nil
	}
	seen := map[string]int{}
	for dec.More() {
		token, err := dec.Token()
		name, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || dec.Decode(&value) != nil {
			return names, values
		}
		if at, ok := seen[name]; ok {
			values[at] = value
			continue
		}
		seen[name] = len(names)
		names, values = append(names, name), append(values, value)
	}
	return names, values
}

func (rd reader) newField(name string, raw json.RawMessage, required bool) field {
	n := rd.resolve(parseNode(raw), 0)
	types, nullable := n.types()
	f := field{
		name: name, label: oneLine(name, 200), note: prose(n.text("description"), 2000),
		required: required, nullable: nullable, preset: compact(n["default"]),
	}
	if f.label == "" {
		f.label = `""`
	}
	if f.note == "" {
		f.note = prose(n.text("title"), 200)
	}
	f.choices = rd.choices(n)
	switch {
	case len(f.choices) > 0:
		f.kind, f.typ = kindChoice, "choice"
	case len(types) != 1:
		f.kind, f.typ = kindJSON, "JSON"
		if len(types) > 1 {
			f.typ = oneLine(strings.Join(types, " or "), 80) + " as JSON"
		}
	default:
		rd.setType(&f, n, types[0])
	}
	if string(f.preset) == "null" {
		f.preset = nil
	}
	return f
}

func (rd reader) setType(f *field, n node, typ string) {
	f.typ = typ
	switch typ {
	case "string":
		f.kind = kindText
		if format := n.text("format"); format != "" {
			f.typ = oneLine(format, 40)
		}
	case "integer", "number":
		f.kind = kindNumber
		if typ == "integer" {
			f.kind = kindInteger
		}
		f.typ += n.bounds()
	case "boolean":
		f.kind = kindBoolean
		f.choices = []choice{{"false", json.RawMessage("false")}, {"true", json.RawMessage("true")}}
	case "array":
		f.kind, f.container = kindJSON, '['
		f.typ = "array as JSON"
		if of, _ := rd.resolve(parseNode(n["items"]), 0).types(); len(of) == 1 {
			f.typ = "array of " + oneLine(of[0], 20) + " as JSON"
		}
	case "object":
		f.kind, f.container = kindJSON, '{'
		f.typ = "object as JSON"
	default: // not a type of JSON Schema
		f.kind, f.typ = kindJSON, "JSON"
	}
}

// bounds is the range of a number in words. The server checks it; the form only shows it.
func (n node) bounds() string {
	low, high := scalar(n["minimum"]), scalar(n["maximum"])
	switch {
	case low != "" && high != "":
		return " " + low + " to " + high
	case low != "":
		return " from " + low
	case high != "":
		return " up to " + high
	}
	return ""
}

func scalar(raw json.RawMessage) string {
	if !isNumber(string(raw)) || len(raw) > 24 {
		return ""
	}
	return string(raw)
}

// text is the value of a keyword whose value is a string.
func (n node) text(keyword string) string {
	var s string
	_ = json.Unmarshal(n[keyword], &s)
	return s
}

// types lists the types but null, and says whether null is one.
func (n node) types() (types []string, nullable bool) {
	if json.Unmarshal(n["type"], &types) != nil {
		types = nil
		if one := n.text("type"); one != "" {
			types = []string{one}
		}
	}
	nullable = slices.Contains(types, "null")
	if len(types) > 1 {
		types = slices.DeleteFunc(types, func(s string) bool { return s == "null" })
	}
	return types, nullable || string(n["nullable"]) == "true"
}

// choices lists the values of an enum, a const, or an anyOf of constants.
func (rd reader) choices(n node) []choice {
	var values []json.RawMessage
	if n["const"] != nil {
		values = []json.RawMessage{n["const"]}
	} else if json.Unmarshal(n["enum"], &values) != nil || len(values) == 0 {
		return rd.constants(n)
	}
	if len(values) > maxChoices {
		return nil
	}
	out := make([]choice, 0, len(values))
	for _, raw := range values {
		raw = compact(raw)
		out = append(out, choice{label: choiceLabel(raw), raw: raw})
	}
	return out
}

// constants reads `anyOf` and `oneOf` of {"const": …, "title": …}.
func (rd reader) constants(n node) []choice {
	for _, keyword := range []string{"oneOf", "anyOf"} {
		var parts []json.RawMessage
		if json.Unmarshal(n[keyword], &parts) != nil || len(parts) == 0 || len(parts) > maxChoices {
			continue
		}
		var out []choice
		for _, raw := range parts {
			part := rd.resolve(parseNode(raw), maxRefs-1)
			if part["const"] == nil {
				return nil
			}
			value := compact(part["const"])
			label := choiceLabel(value)
			if title := oneLine(part.text("title"), 60); title != "" && title != label {
				label += " (" + title + ")"
			}
			out = append(out, choice{label: label, raw: value})
		}
		return out
	}
	return nil
}

func choiceLabel(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) == nil && raw[0] == '"' && s != "" {
		return oneLine(s, 200)
	}
	return oneLine(string(raw), 200)
}

func compact(raw json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	if len(raw) == 0 || json.Compact(&b, raw) != nil {
		return nil
	}
	return b.Bytes()
}

// resolve follows references within the document, and takes the one part that is left when an
// optional type is written as anyOf [type, null], or one type as allOf [type].
func (rd reader) resolve(n node, depth int) node {
	if depth >= maxRefs {
		return n
	}
	if ref := n.text("$ref"); strings.HasPrefix(ref, "#/") {
		return rd.resolve(rd.at(ref[1:]), depth+1).under(n)
	}
	for _, keyword := range []string{"anyOf", "oneOf", "allOf"} {
		var parts []json.RawMessage
		if json.Unmarshal(n[keyword], &parts) != nil {
			continue
		}
		var rest []node
		null := false
		for _, raw := range parts[:min(len(parts), maxChoices)] {
			part := parseNode(raw)
			if part.text("type") == "null" {
				null = true
				continue
			}
			rest = append(rest, part)
		}
		if len(rest) != 1 {
			continue
		}
		only := rd.resolve(rest[0], depth+1).under(n)
		if null {
			only["nullable"] = json.RawMessage("true")
		}
		return only
	}
	return n
}

// under is n with the words and the default of the schema that referred to it.
func (n node) under(outer node) node {
	merged := node{}
	for keyword, value := range n {
		merged[keyword] = value
	}
	for _, keyword := range []string{"title", "description", "default", "nullable"} {
		if outer[keyword] != nil {
			merged[keyword] = outer[keyword]
		}
	}
	return merged
}

// at follows a JSON pointer.
func (rd reader) at(pointer string) node {
	if n, ok := rd.parsed[pointer]; ok {
		return n
	}
	cut := strings.LastIndexByte(pointer, '/')
	name := strings.NewReplacer("~1", "/", "~0", "~").Replace(pointer[cut+1:])
	n := parseNode(rd.at(pointer[:max(0, cut)])[name])
	rd.parsed[pointer] = n
	return n
}
