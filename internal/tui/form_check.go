package tui

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// misfit checks the arguments against the whole schema and says what does not fit; "" where
// nothing is known to. A schema that cannot be used checks nothing.
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
		return misfitWords(err.Error())
	}
	return ""
}

// misfitWords makes one line of what the validator says: where, and what is wrong there.
func misfitWords(text string) string {
	text, _, _ = strings.Cut(text, "\n")
	parts := strings.Split(text, ": ")
	name := "it"
	for len(parts) > 1 && strings.HasPrefix(parts[0], "validating ") {
		if _, rest, found := strings.Cut(parts[0], "/properties/"); found && name == "it" {
			name, _, _ = strings.Cut(rest, "/")
		}
		parts = parts[1:]
	}
	why := strings.Join(parts, ": ")
	if strings.Contains(why, "<anonymous") {
		why = "none of what is allowed"
	}
	return oneLine(name+" does not fit the schema: "+why, 300)
}

// checker walks a schema to find out whether checking a value against it ends, and soon.
type checker struct {
	document json.RawMessage
	left     int // bytes that may still be read
}

// usable says whether a schema can be used to check a value. It cannot where checking could come
// back to the same schema without having gone into the value; nor where it has what the validator
// does not know as the standard does: OpenAPI's nullable, types that are none, dynamic references,
// references from an inner $id, keywords in other letters.
func usable(document json.RawMessage) bool {
	c := &checker{document: document, left: 8 << 20}
	return parseNode(document) != nil && c.walk(document)
}

func (c *checker) walk(schema json.RawMessage) bool {
	if !c.inPlace(schema, nil) {
		return false
	}
	for _, each := range inner(schema) {
		if !c.walk(each) {
			return false
		}
	}
	return true
}

// inner are the values in an object or an array.
func inner(raw json.RawMessage) []json.RawMessage {
	if typeOf(bytes.TrimSpace(raw)) == "array" {
		return elements(raw)
	}
	_, values := members(raw)
	return values
}

// inPlace follows all schemas that the same value is checked against.
func (c *checker) inPlace(schema json.RawMessage, refs []string) bool {
	if c.left -= len(schema); c.left < 0 {
		return false
	}
	n := parseNode(schema)
	if n == nil {
		return true
	}
	if n["nullable"] != nil || n["$dynamicRef"] != nil || n["$recursiveRef"] != nil || n.otherCase() ||
		n["$id"] != nil && len(schema) < len(c.document) {
		return false
	}
	if typ := n.text("type"); typ != "" && !slices.Contains(jsonTypes, typ) {
		return false
	}
	if ref := n.text("$ref"); ref != "" {
		c.left -= len(c.document)
		target := pointed(c.document, ref)
		if target == nil || slices.Contains(refs, ref) || !c.inPlace(target, append(slices.Clip(refs), ref)) {
			return false
		}
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies"} {
		for _, each := range inner(n[keyword]) {
			if !c.inPlace(each, refs) {
				return false
			}
		}
	}
	for _, keyword := range []string{"not", "if", "then", "else"} {
		if !c.inPlace(n[keyword], refs) {
			return false
		}
	}
	return true
}

var jsonTypes = []string{"string", "number", "integer", "boolean", "object", "array", "null"}

// followed are the keywords that usable looks at.
var followed = []string{
	"$ref", "$dynamicRef", "$recursiveRef", "$id", "allOf", "anyOf", "oneOf", "dependentSchemas",
	"dependencies", "not", "if", "then", "else", "type",
}

// otherCase says whether a schema has one of them in other letters: to the validator AnyOf is
// anyOf, as encoding/json has it.
func (n node) otherCase() bool {
	for name, value := range n {
		for _, keyword := range followed {
			if name == keyword || !strings.EqualFold(name, keyword) {
				continue
			}
			if keyword != "type" || len(value) > 0 && value[0] != '{' { // else a property with that name
				return true
			}
		}
	}
	return false
}
