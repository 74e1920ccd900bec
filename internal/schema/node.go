// Package schema reads JSON Schemas that strangers wrote, and checks values
// against them. What is odd in a schema is not known, and prevents nothing.
// Texts are returned as they stand: whoever shows them makes them printable.
package schema

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Node is a schema, or any other object of its document, by its keywords.
type Node map[string]json.RawMessage

// Parse reads an object; nil for what is none.
func Parse(raw json.RawMessage) (n Node) {
	_ = json.Unmarshal(raw, &n)
	return n
}

// Text is the value of a keyword whose value is a string; "" for any other.
func (n Node) Text(keyword string) (text string) {
	_ = json.Unmarshal(n[keyword], &text)
	return text
}

// Nullable says whether null is a value too, in the word of OpenAPI.
func (n Node) Nullable() bool { return string(n["nullable"]) == "true" }

// IsType says whether a name is one of JSON Schema's types.
func IsType(name string) bool {
	switch name {
	case "string", "number", "integer", "boolean", "object", "array", "null":
		return true
	}
	return false
}

// TypeOf names the type of a JSON text, "" for what is not JSON.
func TypeOf(raw json.RawMessage) string {
	if !json.Valid(raw) {
		return ""
	}
	switch bytes.TrimSpace(raw)[0] {
	case '{':
		return "object"
	case '[':
		return "array"
	case '"':
		return "string"
	case 't', 'f':
		return "boolean"
	case 'n':
		return "null"
	}
	if bytes.ContainsAny(raw, ".eE") {
		return "number"
	}
	return "integer"
}

// Members are the names and values in an object, in the order on the wire. Of a
// name that comes twice the last value counts, as everywhere in JSON. Nothing
// has none.
func Members(object json.RawMessage) (names []string, values []json.RawMessage, err error) {
	if len(bytes.TrimSpace(object)) == 0 {
		return nil, nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errors.New("not a JSON object")
	}
	seen := map[string]int{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, nil, err
		}
		name, _ := t.(string)
		if at, again := seen[name]; again {
			values[at] = value
			continue
		}
		seen[name] = len(names)
		names, values = append(names, name), append(values, value)
	}
	if _, err := dec.Token(); err != nil {
		return nil, nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("more than one JSON value")
	}
	return names, values, nil
}

// Children are the values in an array, as they stand, or in an object, by name.
func Children(raw json.RawMessage) []json.RawMessage {
	var list []json.RawMessage
	if json.Unmarshal(raw, &list) == nil {
		return list
	}
	n := Parse(raw)
	for _, name := range slices.Sorted(maps.Keys(n)) {
		list = append(list, n[name])
	}
	return list
}

// At follows a reference within a document (RFC 6901); nil for any other.
func At(document json.RawMessage, ref string) json.RawMessage {
	path, local := strings.CutPrefix(ref, "#")
	if !local || path != "" && path[0] != '/' {
		return nil
	}
	for _, step := range strings.Split(path, "/")[1:] {
		step = unescaped.Replace(step)
		var list []json.RawMessage
		if i, err := strconv.Atoi(step); err == nil && json.Unmarshal(document, &list) == nil && i >= 0 && i < len(list) {
			document = list[i]
		} else {
			document = Parse(document)[step]
		}
	}
	return document
}

var unescaped = strings.NewReplacer("~1", "/", "~0", "~")
