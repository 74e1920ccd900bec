package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// maxInput bounds what is read from stdin or a file for one call.
const maxInput = 16 << 20

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
// of the wire. A schema that says nothing useful yields none and closed false.
func properties(schema json.RawMessage) (list []property, closed bool) {
	var top struct {
		Properties           json.RawMessage `json:"properties"`
		Required             []string        `json:"required"`
		AdditionalProperties json.RawMessage `json:"additionalProperties"`
	}
	if json.Unmarshal(schema, &top) != nil {
		return nil, false
	}
	names, values, err := members(top.Properties)
	if err != nil {
		return nil, false
	}
	for i, name := range names {
		var s struct {
			Type        json.RawMessage   `json:"type"`
			Enum        []json.RawMessage `json:"enum"`
			Description string            `json:"description"`
			Default     json.RawMessage   `json:"default"`
		}
		_ = json.Unmarshal(values[i], &s) // an odd schema: nothing is known of it
		p := property{name: name, enum: s.Enum, description: s.Description, fallback: s.Default, required: slices.Contains(top.Required, name)}
		var one string
		if json.Unmarshal(s.Type, &one) == nil && one != "" {
			p.types = []string{one}
		} else {
			_ = json.Unmarshal(s.Type, &p.types)
		}
		list = append(list, p)
	}
	return list, string(top.AdditionalProperties) == "false"
}

// members splits a JSON object into its names and raw values, in order.
func members(object json.RawMessage) (names []string, values []json.RawMessage, err error) {
	if len(bytes.TrimSpace(object)) == 0 {
		return nil, nil, nil
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, nil, errors.New("not a JSON object")
	}
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

// word is one argument of the command line, before its type is known.
type word struct {
	name string
	text string          // of key=value
	raw  json.RawMessage // of key:=json and of objects
}

// parseWords reads the arguments of call: key=value, key:=json, key=@file, one
// JSON object, or - for an object on stdin.
func parseWords(args []string, stdin io.Reader) ([]word, error) {
	var words []word
	for _, arg := range args {
		var object []byte
		switch {
		case arg == "-":
			var err error
			if object, err = readBounded(stdin); err != nil {
				return nil, usageError("the arguments on stdin cannot be read", "give at most 16 MiB of JSON", err)
			}
		case strings.HasPrefix(strings.TrimSpace(arg), "{"):
			object = []byte(arg)
		default:
			w, err := parseWord(arg)
			if err != nil {
				return nil, err
			}
			words = append(words, w)
			continue
		}
		names, values, err := members(object)
		if err != nil {
			return nil, usageError("the arguments are not one JSON object", `for example '{"limit":5}'`, err)
		}
		for i, name := range names {
			words = append(words, word{name: name, raw: values[i]})
		}
	}
	return words, nil
}

func parseWord(arg string) (word, error) {
	name, rest, found := strings.Cut(arg, "=")
	if !found || name == "" || name == ":" {
		return word{}, usageError(fmt.Sprintf("%q is not an argument", arg), "write key=value, key:=json, or one JSON object", nil)
	}
	if key, isJSON := strings.CutSuffix(name, ":"); isJSON {
		if !json.Valid([]byte(rest)) {
			return word{}, usageError(fmt.Sprintf("the value of %s is not JSON", key), fmt.Sprintf("write %s=… for a plain value", key), nil)
		}
		return word{name: key, raw: json.RawMessage(rest)}, nil
	}
	if literal, isLiteral := strings.CutPrefix(rest, "@@"); isLiteral {
		return word{name: name, text: "@" + literal}, nil
	}
	if path, isFile := strings.CutPrefix(rest, "@"); isFile {
		file, err := os.Open(path)
		if err != nil {
			return word{}, usageError(fmt.Sprintf("the file of %s cannot be read: %s", name, path), fmt.Sprintf("write %s=@@… for a value that begins with @", name), err)
		}
		defer file.Close()
		text, err := readBounded(file)
		if err != nil || !utf8.Valid(text) {
			return word{}, usageError(fmt.Sprintf("the file of %s is not text of at most 16 MiB: %s", name, path), "", err)
		}
		return word{name: name, text: string(text)}, nil
	}
	return word{name: name, text: rest}, nil
}

func readBounded(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxInput+1))
	if err == nil && len(text) > maxInput {
		err = errors.New("too long")
	}
	return text, err
}

// buildArguments types the words by the tool's schema and checks them against
// it, so that nothing wrong is sent. A schema that is odd or unusable never
// prevents a call.
func buildArguments(tool client.Tool, words []word) (json.RawMessage, error) {
	list, closed := properties(tool.InputSchema)
	var names []string
	for _, p := range list {
		names = append(names, p.name)
	}
	values := map[string]json.RawMessage{}
	var order []string
	for _, w := range words {
		i := slices.Index(names, w.name)
		if i < 0 && (closed || (len(names) > 0 && nearest(w.name, names) != "")) {
			return nil, argumentError(tool, fmt.Sprintf("%s has no argument %q", tool.Name, w.name), nearest(w.name, names))
		}
		value := w.raw
		if value == nil {
			var p property
			if i >= 0 {
				p = list[i]
			}
			var err error
			if value, err = typed(p, w.text); err != nil {
				return nil, argumentError(tool, fmt.Sprintf("%s is %s, not %q", w.name, err, clip(w.text)), "")
			}
		}
		if _, again := values[w.name]; !again {
			order = append(order, w.name)
		}
		values[w.name] = value
	}
	for _, p := range list {
		if _, given := values[p.name]; p.required && !given {
			return nil, argumentError(tool, fmt.Sprintf("%s needs the argument %q", tool.Name, p.name), "")
		}
	}
	arguments := object(order, values)
	if err := validate(tool.InputSchema, arguments); err != nil {
		return nil, argumentError(tool, "the arguments do not fit the tool: "+err.Error(), "")
	}
	return arguments, nil
}

func argumentError(tool client.Tool, message, near string) error {
	hint := signature(tool)
	if near != "" {
		hint = fmt.Sprintf("did you mean %s? %s", near, hint)
	}
	return usageError(message, hint, nil)
}

// typed makes JSON of a word, by the property's types; a string wherever the
// schema allows one, so that a snowflake keeps its digits.
func typed(p property, text string) (json.RawMessage, error) {
	if len(p.types) == 0 && len(p.enum) > 0 {
		for _, choice := range p.enum {
			if string(choice) == text {
				return choice, nil
			}
		}
	}
	if len(p.types) == 0 || slices.Contains(p.types, "string") {
		return json.Marshal(text)
	}
	if kind := jsonType(text); kind != "" {
		if slices.Contains(p.types, kind) || (kind == "integer" && slices.Contains(p.types, "number")) {
			return json.RawMessage(text), nil
		}
	}
	return nil, errors.New(article(strings.Join(p.types, " or ")))
}

// jsonType names the type of a JSON text, "" for what is not JSON.
func jsonType(text string) string {
	if !json.Valid([]byte(text)) {
		return ""
	}
	switch c := strings.TrimSpace(text)[0]; c {
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
	if strings.ContainsAny(text, ".eE") {
		return "number"
	}
	return "integer"
}

func object(order []string, values map[string]json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range order {
		if i > 0 {
			b.WriteByte(',')
		}
		key, _ := json.Marshal(name) // a string: it cannot fail
		b.Write(key)
		b.WriteByte(':')
		b.Write(values[name])
	}
	b.WriteByte('}')
	return b.Bytes()
}

// validate checks the arguments against the whole schema. A schema that cannot
// be compiled checks nothing.
func validate(schema, arguments json.RawMessage) error {
	var s jsonschema.Schema
	if json.Unmarshal(schema, &s) != nil {
		return nil
	}
	resolved, err := s.Resolve(nil)
	if err != nil {
		return nil
	}
	var value any
	if err := json.Unmarshal(arguments, &value); err != nil {
		return err
	}
	if err := resolved.Validate(value); err != nil {
		return errors.New(lastReason(err.Error()))
	}
	return nil
}

// lastReason keeps the end of a chain of reasons: the one that names the value.
func lastReason(text string) string {
	parts := strings.Split(text, ": ")
	return strings.Join(parts[max(0, len(parts)-2):], ": ")
}

func article(noun string) string {
	if strings.ContainsAny(noun[:1], "aeio") {
		return "an " + noun
	}
	return "a " + noun
}

func clip(text string) string {
	if r := []rune(text); len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return text
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
