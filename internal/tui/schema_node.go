package tui

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mcpdiscord/mcpdiscord/internal/schema"
)

// node is a JSON Schema by its keywords. Anything that is not one is an empty node.
type node schema.Node

func parseNode(raw json.RawMessage) node { return node(schema.Parse(raw)) }

// members are those of an object; anything else has none.
func members(raw json.RawMessage) (names []string, values []json.RawMessage) {
	names, values, _ = schema.Members(raw)
	return names, values
}

func scalar(raw json.RawMessage) string {
	if !isNumber(string(raw)) || len(raw) > 24 {
		return ""
	}
	return string(raw)
}

// text is the value of a keyword whose value is a string.
func (n node) text(keyword string) string { return schema.Node(n).Text(keyword) }

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
	return types, nullable || schema.Node(n).Nullable()
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

// resolve follows references within the document, takes the one part that is left when an optional
// type is written as anyOf [type, null], and puts the parts of allOf together.
func (rd *reader) resolve(n node, depth int) node {
	if depth >= maxRefs || rd.work < 0 {
		return n
	}
	for keyword, value := range n {
		rd.work -= len(keyword) + len(value) + 50
	}
	if ref := n.text("$ref"); ref == "#" || strings.HasPrefix(ref, "#/") {
		return rd.resolve(rd.at(ref[1:]).merged(n.without("$ref")), depth+1)
	}
	if parts := n.parts("allOf"); parts != nil {
		all := n.without("allOf")
		for _, part := range parts {
			all = rd.resolve(part, depth+1).merged(all)
		}
		return rd.resolve(all, depth+1)
	}
	for _, keyword := range []string{"anyOf", "oneOf"} {
		parts := n.parts(keyword)
		rest := slices.DeleteFunc(slices.Clone(parts), func(part node) bool { return part.text("type") == "null" })
		if len(rest) != 1 {
			continue
		}
		only := rd.resolve(rest[0], depth+1).merged(n.without(keyword))
		if len(rest) < len(parts) {
			only["nullable"] = json.RawMessage("true")
		}
		return only
	}
	return n
}

// parts are the schemas in a list; nil if there are none, or too many.
func (n node) parts(keyword string) []node {
	var raws []json.RawMessage
	if json.Unmarshal(n[keyword], &raws) != nil || len(raws) > maxChoices {
		return nil
	}
	var parts []node
	for _, raw := range raws {
		parts = append(parts, parseNode(raw))
	}
	return parts
}

// merged is n under what outer says too: of a keyword in both outer's value counts, but properties
// and required names add up. What that loses the check of the whole finds.
func (n node) merged(outer node) node {
	all := node{}
	maps.Copy(all, n)
	for keyword, value := range outer {
		switch keyword {
		case "properties":
			value = joined(n[keyword], value)
		case "required":
			value = encoded(append(n.names(keyword), outer.names(keyword)...))
		}
		all[keyword] = value
	}
	return all
}

func (n node) without(keywords ...string) node {
	rest := maps.Clone(n)
	for _, keyword := range keywords {
		delete(rest, keyword)
	}
	return rest
}

// joined is an object with the members of both; of a name in both the second's value counts.
func joined(first, second json.RawMessage) json.RawMessage {
	if first == nil {
		return second
	}
	names, values := members(first)
	at := map[string]int{}
	for i, name := range names {
		at[name] = i
	}
	others, theirs := members(second)
	for i, name := range others {
		if known, ok := at[name]; ok {
			values[known] = theirs[i]
			continue
		}
		names, values = append(names, name), append(values, theirs[i])
	}
	return object(names, values)
}

// object is a JSON object with these members.
func object(names []string, values []json.RawMessage) json.RawMessage {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(quote(name))
		b.WriteByte(':')
		b.Write(values[i])
	}
	b.WriteByte('}')
	return b.Bytes()
}

// quote is a JSON string, without the escapes that are for HTML.
func quote(s string) json.RawMessage { return encoded(s) }

func encoded(value any) json.RawMessage {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(value); err != nil {
		return json.RawMessage("null") // texts always encode
	}
	return bytes.TrimSpace(b.Bytes())
}

// names is the value of a keyword whose value is a list of strings.
func (n node) names(keyword string) []string {
	var names []string
	_ = json.Unmarshal(n[keyword], &names)
	return names
}

// open says whether a schema without properties asks for some.
func (n node) open() bool {
	for _, keyword := range []string{"patternProperties", "anyOf", "oneOf", "allOf", "if", "dependentSchemas", "$ref", "minProperties"} {
		if n[keyword] != nil {
			return true
		}
	}
	extra := n["additionalProperties"]
	return extra != nil && string(extra) != "false"
}

// hides says whether there may be secrets in values of a schema.
func (n node) hides() bool {
	for keyword, value := range n {
		for _, sign := range []string{`"writeOnly"`, `"password"`, `"$ref"`} {
			if keyword == "writeOnly" || bytes.Contains(value, []byte(sign)) {
				return true
			}
		}
	}
	return false
}

// fitting are the choices that have one of the types; all of them if none has.
func fitting(choices []choice, types []string) []choice {
	if len(types) == 0 {
		return choices
	}
	var fit []choice
	for _, c := range choices {
		typ := schema.TypeOf(c.raw)
		if slices.Contains(types, typ) || typ == "integer" && slices.Contains(types, "number") || typ == "null" {
			fit = append(fit, c)
		}
	}
	if fit == nil {
		return choices
	}
	return fit
}

// bounds is the range of a number in words.
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

// at follows a JSON pointer.
func (rd *reader) at(pointer string) node {
	if n, ok := rd.parsed[pointer]; ok {
		return n
	}
	cut := max(0, strings.LastIndexByte(pointer, '/'))
	n := parts(rd.at(pointer[:cut])[tilde.Replace(pointer[cut+1:])])
	rd.parsed[pointer] = n
	return n
}

// parts are what a step of a pointer may lead to: the members of an object, or the elements of an
// array by their index.
func parts(raw json.RawMessage) node {
	if n := parseNode(raw); n != nil {
		return n
	}
	n := node{}
	for i, element := range elements(raw) {
		n[strconv.Itoa(i)] = element
	}
	return n
}

var tilde = strings.NewReplacer("~1", "/", "~0", "~")

// choices lists the values of an enum, a const, or an anyOf of constants.
func (rd *reader) choices(n node) []choice {
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
	names := n.names("enumNames") // of elicitations
	for i, raw := range values {
		c := choice{label: choiceLabel(compact(raw)), raw: compact(raw)}
		if len(names) == len(values) && oneLine(names[i], 60) != "" {
			c.label += " (" + oneLine(names[i], 60) + ")"
		}
		out = append(out, c)
	}
	return out
}

// constants reads `anyOf` and `oneOf` of {"const": …, "title": …}.
func (rd *reader) constants(n node) []choice {
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
