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

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/schema"
)

// maxInput bounds what is read from stdin or a file for one call.
const maxInput = 16 << 20

// word is one argument of the command line, before its type is known.
type word struct {
	name string
	text string          // of key=value
	raw  json.RawMessage // of key:=json and of objects

	verbatim bool // the text of a file: where a string fits it is one, never null
}

// parseWords reads the arguments of call: key=value, key:=json, key=@file, one
// JSON object, or - for an object on stdin.
func parseWords(args []string, stdin io.Reader) ([]word, error) {
	var words []word
	for _, arg := range args {
		if !utf8.ValidString(arg) {
			return nil, usageError("an argument is not UTF-8", "JSON has nothing else: give other bytes as base64", nil)
		}
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
		names, values, err := schema.Members(object)
		if err != nil || !utf8.Valid(object) {
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
		return word{name: name, text: string(text), verbatim: true}, nil
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
		if i < 0 && closed {
			return nil, argumentError(tool, fmt.Sprintf("%s has no argument %q", tool.Name, w.name), nearest(w.name, names))
		}
		value := w.raw
		if value == nil {
			var p property
			if i >= 0 {
				p = list[i]
			}
			var err error
			if value, err = typedWord(p, w); err != nil {
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
	name, why := schema.Misfit(tool.InputSchema, arguments)
	switch {
	case why == "":
		return arguments, nil
	case name == "": // which the signature does not show
		return nil, usageError(misfit(name, why), "run {program} tools "+shellWord(tool.Name)+" to see its schema", nil)
	}
	return nil, argumentError(tool, misfit(name, why), "")
}

// misfit is what [schema.Misfit] found, in words.
func misfit(name, why string) string {
	if name == "" {
		return "the arguments do not fit the tool: " + why
	}
	return name + " does not fit: " + why
}

func argumentError(tool client.Tool, message, near string) error {
	hint := signature(tool)
	if near != "" {
		hint = fmt.Sprintf("did you mean %s? %s", near, hint)
	}
	return usageError(message, hint, nil)
}

// typedWord is [typed], but for the text of a file.
func typedWord(p property, w word) (json.RawMessage, error) {
	if w.verbatim && (p.types == nil || slices.Contains(p.types, "string")) {
		return json.Marshal(w.text)
	}
	return typed(p, w.text)
}

// typed makes JSON of a word, by the property's types: null where the schema has
// it, else a string wherever the schema allows one, so that a snowflake keeps
// its digits.
func typed(p property, text string) (json.RawMessage, error) {
	quoted, err := json.Marshal(text)
	if err != nil {
		return nil, err
	}
	for _, choice := range p.enum {
		if string(choice) == string(quoted) || string(choice) == text {
			return choice, nil
		}
	}
	if text == "null" && slices.Contains(p.types, "null") {
		return json.RawMessage(text), nil
	}
	if p.types == nil {
		return quoted, nil
	}
	for _, types := range [][]string{p.free, p.types} { // the values of the others are listed: the check names them
		if slices.Contains(types, "string") {
			return quoted, nil
		}
		kind := schema.TypeOf(json.RawMessage(text))
		if kind != "" && (slices.Contains(types, kind) || kind == "integer" && slices.Contains(types, "number")) {
			return json.RawMessage(text), nil
		}
	}
	return nil, errors.New(article(strings.Join(p.types, " or ")))
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
