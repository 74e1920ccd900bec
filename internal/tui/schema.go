package tui

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
)

// Bounds of the schemas that get a form; beyond them values are typed as JSON.
const (
	maxSchema   = 256 << 10 // bytes
	maxFields   = 200       // of one object
	maxWork     = 2 << 20   // bytes of schemas put together
	maxInner    = 500       // of all objects and lists inside, as variants too
	maxDepth    = 4         // objects and lists in one another
	maxVariants = 8
	maxChoices  = 1000
	maxRefs     = 8 // $ref after $ref
)

type kind uint8

const (
	kindText kind = iota
	kindInteger
	kindNumber
	kindBoolean
	kindChoice  // one of choices
	kindChoices // any of choices, as an array
	kindList    // an array of item
	kindGroup   // an object of fields
	kindJSON
)

// field is one argument of a tool, or a part of one, read from its schema. It never changes.
type field struct {
	name      string // the property as the server spells it
	label     string // the same, printable
	note      string // the description, printable
	typ       string // the type in a few words, printable
	kind      kind
	container byte // JSON must begin with this: '{', '[', or 0 for any
	all       bool // it holds all arguments, as an object
	required  bool
	nullable  bool   // null is a value: required and left empty sends it
	format    string // of text; "": none that is known
	secret    bool   // writeOnly or a password: masked, and never in a command line or on disk
	hides     bool   // JSON that may hold secrets
	choices   []choice
	preset    json.RawMessage // the default, compact; nil: none
	rules     rules
	fields    []*field // of a group
	item      *field   // of a list
	variants  []*field // what else may be entered here, this one among them; nil: nothing
}

// choice is one value of an enum, or true and false.
type choice struct {
	label string
	raw   json.RawMessage
}

// shape is the arguments of a tool, or of whatever else is filled in.
type shape struct {
	fields []*field
	whole  bool            // one field holds all arguments as a JSON object
	hides  bool            // some arguments are secrets
	schema json.RawMessage // what the arguments are checked against in the end; nil: nothing
}

// reader reads one schema document; what its pointers lead to is parsed once.
type reader struct {
	parsed map[string]node
	left   int  // inner fields that may still be made
	work   int  // bytes that may still be put together
	hides  bool // there are secrets somewhere
}

// parseShape reads an input schema. A schema that is odd never prevents a call: what it does not
// understand becomes a field for JSON.
func parseShape(raw json.RawMessage) shape {
	root := parseNode(raw)
	if len(bytes.TrimSpace(raw)) == 0 {
		return shape{}
	}
	hides := bytes.Contains(raw, []byte(`"writeOnly"`)) || bytes.Contains(raw, []byte(`"password"`))
	if root == nil || len(raw) > maxSchema {
		return wholeShape("The tool's schema cannot be read.", false, hides)
	}
	rd := &reader{parsed: map[string]node{"": root}, left: maxInner, work: maxWork, hides: hides}
	top := rd.resolve(root, 0)
	s := rd.shape(top, raw)
	s.hides = hides
	return s
}

func (rd *reader) shape(top node, raw json.RawMessage) shape {
	if types, _ := top.types(); len(types) > 0 && !slices.Contains(types, "object") {
		return wholeShape("The tool's schema is not that of an object.", false, rd.hides)
	}
	names, nodes := members(top["properties"])
	required := top.names("required")
	switch {
	case len(names) > maxFields:
		return wholeShape("The tool has too many arguments for a form.", len(required) > 0, rd.hides).of(raw)
	case len(names) == 0 && (top.open() || len(required) > 0):
		return wholeShape("The tool takes arguments of any name.", len(required) > 0, rd.hides).of(raw)
	}
	return shape{fields: rd.fields(names, nodes, required, 0)}.of(raw)
}

// of is the shape with the schema that the arguments are checked against.
func (s shape) of(schema json.RawMessage) shape {
	s.schema = schema
	return s
}

func wholeShape(note string, required, hides bool) shape {
	return shape{whole: true, fields: []*field{{
		label: "arguments", note: note + " Type them as a JSON object.", typ: "object",
		kind: kindJSON, container: '{', all: true, required: required, hides: hides, rules: noRules,
	}}}
}

// fields reads an object's properties, the required ones first.
func (rd *reader) fields(names []string, nodes []json.RawMessage, required []string, depth int) []*field {
	fields := make([]*field, 0, len(names))
	for i, name := range names {
		fields = append(fields, rd.newField(name, nodes[i], slices.Contains(required, name), depth))
	}
	slices.SortStableFunc(fields, func(a, b *field) int {
		switch {
		case a.required == b.required:
			return 0
		case a.required:
			return -1
		}
		return 1
	})
	return fields
}

func (rd *reader) newField(name string, raw json.RawMessage, required bool, depth int) *field {
	n := rd.resolve(parseNode(raw), 0)
	f := rd.typed(n, depth)
	f.name, f.label, f.required = name, oneLine(name, 200), required
	if f.label == "" {
		f.label = `""`
	}
	if f.note = prose(n.text("description"), 2000); f.note == "" {
		f.note = prose(n.text("title"), 200)
	}
	f.preset = compact(n["default"])
	if f.preset == nil && n["const"] != nil && required {
		f.preset = compact(n["const"])
	}
	if string(f.preset) == "null" {
		f.preset = nil
	}
	for _, v := range f.variants {
		v.name, v.label, v.required, v.nullable, v.note, v.preset = f.name, f.label, f.required, f.nullable, f.note, f.preset
		v.variants = f.variants
	}
	return f
}

// typed reads all of a field that its place in an object does not decide.
func (rd *reader) typed(n node, depth int) *field {
	types, nullable := n.types()
	f := &field{nullable: nullable, rules: newRules(n), hides: rd.hides && n.hides()}
	f.secret = string(n["writeOnly"]) == "true" || n.text("format") == "password"
	if f.choices = fitting(rd.choices(n), types); len(f.choices) > 0 {
		f.kind, f.typ, f.nullable = kindChoice, "choice", string(n["nullable"]) == "true"
		f.addNull()
		return f
	}
	if several := rd.variants(n, types, depth); several != nil {
		first := *several[0]
		f = &first
		var typs []string
		for _, v := range several {
			typs = append(typs, v.typ)
		}
		f.typ = oneLine(strings.Join(typs, " or "), 80)
		f.nullable = nullable || slices.ContainsFunc(several, func(v *field) bool { return v.nullable })
		f.variants = several
		return f
	}
	if len(types) != 1 {
		f.kind, f.typ = kindJSON, "JSON"
		if len(types) > 1 {
			f.typ = oneLine(strings.Join(types, " or "), 80) + " as JSON"
		}
		return f
	}
	rd.setType(f, n, types[0], depth)
	return f
}

// addNull makes null one of the choices where it is a value.
func (f *field) addNull() {
	null := choice{"null", json.RawMessage("null")}
	if f.nullable && !slices.ContainsFunc(f.choices, func(c choice) bool { return string(c.raw) == "null" }) {
		f.choices = append(f.choices, null)
	}
}

// variants are the fields for the types that a value may have; nil unless there are several and
// each gets more than JSON. Text is the first, as it is on the command line: so a snowflake keeps
// its digits.
func (rd *reader) variants(n node, types []string, depth int) []*field {
	var nodes []node
	for _, keyword := range []string{"anyOf", "oneOf"} {
		var parts []json.RawMessage
		if nodes == nil && json.Unmarshal(n[keyword], &parts) == nil && len(parts) <= maxVariants {
			outer := n.without("anyOf", "oneOf", "default", "title", "description")
			for _, part := range parts {
				if inner := rd.resolve(parseNode(part), 1); inner.text("type") != "null" {
					nodes = append(nodes, inner.merged(outer))
				}
			}
		}
	}
	if nodes == nil && len(types) > 1 && len(types) <= maxVariants {
		for _, typ := range types {
			nodes = append(nodes, n.merged(node{"type": quote(typ)}))
		}
	}
	if len(nodes) < 2 {
		return nil
	}
	var several []*field
	for _, each := range nodes {
		if rd.left--; rd.left < 0 {
			return nil
		}
		v := rd.typed(each, depth+1)
		if v.kind == kindJSON && v.container == 0 || v.variants != nil {
			return nil
		}
		if title := oneLine(each.text("title"), 40); title != "" {
			v.typ = title
		}
		several = append(several, v)
	}
	slices.SortStableFunc(several, func(a, b *field) int { return weight(a) - weight(b) })
	return several
}

// weight puts plain text before everything else.
func weight(f *field) int {
	if f.kind == kindText {
		return 0
	}
	return 1
}

func (rd *reader) setType(f *field, n node, typ string, depth int) {
	f.typ = typ
	switch typ {
	case "string":
		f.kind = kindText
		if format := n.text("format"); format != "" {
			f.format, f.typ = format, oneLine(format, 40)
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
		f.addNull()
	case "array":
		rd.setArray(f, n, depth)
	case "object":
		rd.setObject(f, n, depth)
	case "null":
		f.kind, f.nullable, f.typ = kindChoice, true, "null"
		f.addNull()
	default: // not a type of JSON Schema
		f.kind, f.typ = kindJSON, "JSON"
	}
}

func (rd *reader) setArray(f *field, n node, depth int) {
	f.kind, f.container, f.typ = kindJSON, '[', "array as JSON"
	items := parseNode(n["items"])
	if len(items) == 0 || n["prefixItems"] != nil || depth >= maxDepth {
		return
	}
	if rd.left--; rd.left < 0 {
		return
	}
	item := rd.newField("", n["items"], true, depth+1)
	item.label, item.preset, item.secret = "", nil, item.secret || f.secret
	switch {
	case item.kind == kindChoice && len(item.variants) == 0:
		f.kind, f.choices, f.typ, f.secret = kindChoices, item.choices, "choices", item.secret
	case item.kind == kindJSON && item.container == 0:
		return
	default:
		f.kind, f.item, f.typ = kindList, item, "list of "+item.typ
	}
}

func (rd *reader) setObject(f *field, n node, depth int) {
	f.kind, f.container, f.typ = kindJSON, '{', "object as JSON"
	names, nodes := members(n["properties"])
	if len(names) == 0 || len(names) > maxFields || depth >= maxDepth || rd.left < len(names) {
		return
	}
	rd.left -= len(names)
	f.kind, f.typ = kindGroup, "object"
	f.fields = rd.fields(names, nodes, n.names("required"), depth+1)
}
