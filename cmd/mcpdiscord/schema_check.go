package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

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

// misfits begins the reason where no argument alone is wrong.
const misfits = "the arguments do not fit the tool: "

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
		return misfits + why
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
	if nullable(known) || otherCase(known) {
		return false // of the first the validator does not know
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
	for _, keyword := range []string{"allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies"} {
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

// followed are the keywords that usable looks at.
var followed = []string{
	"$ref", "$dynamicRef", "$recursiveRef", "$id", "allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies", "not", "if", "then", "else", "type",
}

// otherCase says whether a schema has one of them in other letters: to the
// validator AnyOf is anyOf, as encoding/json has it.
func otherCase(known map[string]json.RawMessage) bool {
	for name, value := range known {
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
