package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// property is one argument of a tool, as far as its schema says.
type property struct {
	name        string
	types       []string // of JSON Schema; nil: anything
	enum        []json.RawMessage
	required    bool
	description string
	fallback    json.RawMessage // default
}

// properties reads the arguments of a tool from its input schema, in the order
// of the wire, and whether these are all. What is odd in a schema is not known,
// and prevents nothing.
func properties(schema json.RawMessage) (list []property, closed bool) {
	top := schemaAt(schema, schema)
	names, values, err := members(top["properties"])
	if err != nil {
		return nil, false
	}
	var required []string
	_ = json.Unmarshal(top["required"], &required)
	for i, name := range names {
		own, target := keywords(values[i]), schemaAt(schema, values[i])
		p := property{name: name, types: typesOf(schema, values[i], maxRefs), fallback: own["default"], required: slices.Contains(required, name)}
		_ = json.Unmarshal(target["enum"], &p.enum)
		if json.Unmarshal(own["description"], &p.description) != nil {
			_ = json.Unmarshal(target["description"], &p.description)
		}
		list = append(list, p)
	}
	return list, isClosed(top, len(names))
}

// isClosed says whether a schema takes no other properties than the n that it
// names. Where it leaves that open, other names are mistakes.
func isClosed(top map[string]json.RawMessage, n int) bool {
	for _, keyword := range []string{"patternProperties", "allOf", "anyOf", "oneOf", "if", "dependentSchemas"} {
		if _, there := top[keyword]; there {
			return false
		}
	}
	more, there := top["additionalProperties"]
	return string(more) == "false" || !there && n > 0
}

// maxRefs bounds how many schemas lead to another one.
const maxRefs = 8

// keywords are those of a schema; nil for what is none.
func keywords(schema json.RawMessage) (known map[string]json.RawMessage) {
	_ = json.Unmarshal(schema, &known)
	return known
}

// schemaAt is a schema after its references to others in the same document.
func schemaAt(document, schema json.RawMessage) map[string]json.RawMessage {
	for range maxRefs {
		known := keywords(schema)
		var ref string
		if json.Unmarshal(known["$ref"], &ref) != nil || ref == "" {
			return known
		}
		if schema = pointedAt(document, ref); schema == nil {
			return known
		}
	}
	return nil
}

// pointedAt follows a reference within a document (RFC 6901); nil for any other.
func pointedAt(document json.RawMessage, ref string) json.RawMessage {
	path, local := strings.CutPrefix(ref, "#")
	if !local || path != "" && path[0] != '/' {
		return nil
	}
	for _, step := range strings.Split(path, "/")[1:] {
		step = strings.NewReplacer("~1", "/", "~0", "~").Replace(step)
		var list []json.RawMessage
		if i, err := strconv.Atoi(step); err == nil && json.Unmarshal(document, &list) == nil && i >= 0 && i < len(list) {
			document = list[i]
		} else {
			document = keywords(document)[step]
		}
	}
	return document
}

// typesOf are the JSON types that a schema allows; nil for any, and for what
// cannot be seen at once.
func typesOf(document, schema json.RawMessage, depth int) []string {
	known := schemaAt(document, schema)
	var one string
	var types []string
	if json.Unmarshal(known["type"], &one) == nil && one != "" {
		types = []string{one}
	} else {
		_ = json.Unmarshal(known["type"], &types)
	}
	switch {
	case slices.ContainsFunc(types, isOdd):
		return nil
	case len(types) > 0:
		return types
	}
	var choices []json.RawMessage
	if json.Unmarshal(known["enum"], &choices) == nil {
		for _, choice := range choices {
			types = append(types, jsonType(string(choice)))
		}
		slices.Sort(types)
		return slices.Compact(types)
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		if json.Unmarshal(known[keyword], &choices) != nil || depth == 0 {
			continue
		}
		for _, choice := range choices {
			more := typesOf(document, choice, depth-1)
			if more == nil {
				return nil
			}
			for _, t := range more {
				if !slices.Contains(types, t) {
					types = append(types, t)
				}
			}
		}
		return types
	}
	return nil
}

// isOdd says whether a type is none of JSON Schema's.
func isOdd(name string) bool {
	switch name {
	case "string", "number", "integer", "boolean", "object", "array", "null":
		return false
	}
	return true
}

// misfit checks the arguments against the whole schema and says what does not
// fit; "" where nothing is known to. A schema that cannot be used checks
// nothing.
func misfit(schema, arguments json.RawMessage) string {
	var s jsonschema.Schema
	var value any
	if !usable(schema) || json.Unmarshal(schema, &s) != nil || json.Unmarshal(arguments, &value) != nil {
		return ""
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		return ""
	}
	if err := resolved.Validate(value); err != nil {
		return reason(exactNumbers(err.Error(), arguments))
	}
	return ""
}

// floats are numbers as the validator prints large ones.
var floats = regexp.MustCompile(`-?\d(?:\.\d+)?e[+-]\d+`)

// exactNumbers puts the digits back that the arguments have and the validator
// does not print.
func exactNumbers(text string, arguments json.RawMessage) string {
	exact := map[string]string{}
	dec := json.NewDecoder(bytes.NewReader(arguments))
	dec.UseNumber()
	for token, err := dec.Token(); err == nil; token, err = dec.Token() {
		if n, ok := token.(json.Number); ok {
			if f, err := n.Float64(); err == nil {
				exact[fmt.Sprint(f)] = n.String()
			}
		}
	}
	return floats.ReplaceAllStringFunc(text, func(found string) string { return cmp.Or(exact[found], found) })
}

// reason makes one line of what the validator says: the argument, and what is
// wrong with it.
func reason(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	parts := strings.Split(text, ": ")
	name := ""
	for len(parts) > 1 && strings.HasPrefix(parts[0], "validating ") {
		if _, rest, found := strings.Cut(parts[0], "/properties/"); found && name == "" {
			name, _, _ = strings.Cut(rest, "/")
		}
		parts = parts[1:]
	}
	why := strings.Join(parts, ": ")
	if _, choices, found := strings.Cut(why, "does not equal any of: "); found {
		why = "it is none of " + choices
	}
	if strings.Contains(why, "<anonymous") {
		why = "it is none of what is allowed"
	}
	if name == "" {
		return "the arguments do not fit the tool: " + why
	}
	return fmt.Sprintf("%s does not fit: %s", name, why)
}

// maxReading bounds what is read to find out whether a schema can be used, in
// bytes.
const maxReading = 8 << 20

// usable says whether a schema can be used to check a value. It cannot where
// checking could come back to the same schema without having gone into the
// value, or would take longer than anybody waits; nor where it has types that
// are none, dynamic references, or some into other documents.
func usable(document json.RawMessage) bool {
	r := &schemaReader{document: document, left: maxReading}
	return keywords(document) != nil && r.walk(document)
}

type schemaReader struct {
	document json.RawMessage
	left     int // bytes
}

// walk looks at each schema of the document.
func (r *schemaReader) walk(node json.RawMessage) bool {
	if !r.inPlace(node, nil) {
		return false
	}
	for _, each := range children(node) {
		if !r.walk(each) {
			return false
		}
	}
	return true
}

// inPlace follows all schemas that the same value is checked against.
func (r *schemaReader) inPlace(schema json.RawMessage, refs []string) bool {
	if r.left -= len(schema); r.left < 0 {
		return false
	}
	known := keywords(schema)
	if known == nil {
		return true
	}
	if known["$dynamicRef"] != nil || known["$recursiveRef"] != nil || known["$id"] != nil && len(schema) < len(r.document) {
		return false // $id: references count from there
	}
	var name, ref string
	if json.Unmarshal(known["type"], &name) == nil && isOdd(name) {
		return false
	}
	if json.Unmarshal(known["$ref"], &ref) == nil {
		r.left -= len(r.document)
		target := pointedAt(r.document, ref)
		if target == nil || slices.Contains(refs, ref) || !r.inPlace(target, append(slices.Clip(refs), ref)) {
			return false
		}
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf", "dependentSchemas"} {
		for _, each := range children(known[keyword]) {
			if !r.inPlace(each, refs) {
				return false
			}
		}
	}
	for _, keyword := range []string{"not", "if", "then", "else"} {
		if !r.inPlace(known[keyword], refs) {
			return false
		}
	}
	return true
}

// children are the values in an object or an array.
func children(node json.RawMessage) []json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(node, &list) == nil {
		return list
	}
	return slices.Collect(maps.Values(keywords(node)))
}

// signature is a tool as one line: name(argument: type, argument?: type).
func signature(tool client.Tool) string {
	list, _ := properties(tool.InputSchema)
	var parts []string
	for _, p := range list {
		part := p.name
		if !p.required {
			part += "?"
		}
		if len(p.types) > 0 {
			part += ": " + strings.Join(p.types, "|")
		}
		if len(p.fallback) > 0 {
			part += " = " + clip(string(p.fallback))
		}
		parts = append(parts, part)
	}
	return client.PrintableLine(tool.Name + "(" + strings.Join(parts, ", ") + ")")
}
