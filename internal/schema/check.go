package schema

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/google/jsonschema-go/jsonschema"
)

// Misfit checks a value against a whole schema and says in one line why it does
// not fit, and which member of the value is to blame, "" where that is none
// alone. Without a why it fits, as far as is known: a schema that cannot be used
// checks nothing.
func Misfit(document, value json.RawMessage) (member, why string) {
	var s jsonschema.Schema
	var decoded any
	if !usable(document) || json.Unmarshal(document, &s) != nil || json.Unmarshal(value, &decoded) != nil {
		return "", ""
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		return "", ""
	}
	if err := resolved.Validate(decoded); err != nil {
		return reason(exactNumbers(err.Error(), value))
	}
	return "", ""
}

// floats are numbers as the validator prints large ones.
var floats = regexp.MustCompile(`-?\d(?:\.\d+)?e[+-]\d+`)

// exactNumbers puts the digits back that the value has and the validator does
// not print.
func exactNumbers(text string, value json.RawMessage) string {
	exact := map[string]string{}
	dec := json.NewDecoder(bytes.NewReader(value))
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

// reason makes one line of what the validator says: the member, and what is
// wrong with it.
func reason(text string) (member, why string) {
	text, _, _ = strings.Cut(text, "\n")
	parts := strings.Split(text, ": ")
	for len(parts) > 1 && strings.HasPrefix(parts[0], "validating ") {
		if _, rest, found := strings.Cut(parts[0], "/properties/"); found && member == "" {
			member, _, _ = strings.Cut(rest, "/")
		}
		parts = parts[1:]
	}
	why = strings.Join(parts, ": ")
	if _, choices, found := strings.Cut(why, "does not equal any of: "); found {
		why = "it is none of " + choices
	}
	if strings.Contains(why, "<anonymous") {
		why = "it is none of what is allowed"
	}
	return member, plainLimit(why)
}

// plainLimit writes "5 is less than 10" where the validator has fractions and
// zeros: "minimum: 5/1 is less than 10.000000".
func plainLimit(why string) string {
	_, limit, _ := strings.Cut(why, ": ")
	fraction, rest, _ := strings.Cut(limit, " is ")
	number, isNumber := new(big.Rat).SetString(fraction)
	if !isNumber || !strings.Contains(fraction, "/") {
		return why
	}
	value, _ := number.Float64() // the validator made it from one
	if strings.Contains(rest, ".") {
		rest = strings.TrimRight(strings.TrimRight(rest, "0"), ".")
	}
	return strconv.FormatFloat(value, 'f', -1, 64) + " is " + rest
}

// maxReading bounds what is read to find out whether a schema can be used, in
// bytes.
const maxReading = 8 << 20

// usable says whether a schema can be used to check a value. It cannot where
// checking could come back to the same schema without having gone into the
// value, or would take longer than anybody waits; nor where it has types that
// are none, dynamic references, or some into other documents.
func usable(document json.RawMessage) bool {
	r := &reader{document: document, left: maxReading}
	return Parse(document) != nil && r.walk(document)
}

type reader struct {
	document json.RawMessage
	left     int // bytes
}

// walk looks at each schema of the document.
func (r *reader) walk(schema json.RawMessage) bool {
	if !r.inPlace(schema, nil) {
		return false
	}
	for _, each := range Children(schema) {
		if !r.walk(each) {
			return false
		}
	}
	return true
}

// inPlace follows all schemas that the same value is checked against.
func (r *reader) inPlace(schema json.RawMessage, refs []string) bool {
	if r.left -= len(schema); r.left < 0 {
		return false
	}
	n := Parse(schema)
	if n == nil {
		return true
	}
	if n.Nullable() || n.otherCase() {
		return false // of the first the validator does not know
	}
	if n["$dynamicRef"] != nil || n["$recursiveRef"] != nil || n["$id"] != nil && len(schema) < len(r.document) {
		return false // $id: references count from there
	}
	if name := n.Text("type"); name != "" && !IsType(name) {
		return false
	}
	if ref := n.Text("$ref"); ref != "" {
		r.left -= len(r.document)
		target := At(r.document, ref)
		if target == nil || slices.Contains(refs, ref) || !r.inPlace(target, append(slices.Clip(refs), ref)) {
			return false
		}
	}
	for _, keyword := range []string{"allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies"} {
		for _, each := range Children(n[keyword]) {
			if !r.inPlace(each, refs) {
				return false
			}
		}
	}
	for _, keyword := range []string{"not", "if", "then", "else"} {
		if !r.inPlace(n[keyword], refs) {
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
func (n Node) otherCase() bool {
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
