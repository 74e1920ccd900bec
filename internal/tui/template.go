package tui

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Bounds of a template of addresses.
const (
	maxTemplate = 8 << 10 // bytes
	maxPrefix   = 10_000  // characters, of RFC 6570
)

// template is a template of addresses (RFC 6570): text, and expressions in it. The variables here
// are texts, never lists.
type template []templatePart

type templatePart struct {
	literal   string // when there are no variables
	operator  operator
	variables []variable
}

type variable struct {
	name   string
	prefix int // characters that are taken; 0: all
}

// operator is a row of the table in RFC 6570, appendix A.
type operator struct {
	first, separator string
	named            bool   // name=value
	empty            string // after the name of an empty value
	reserved         bool   // reserved characters stay as they are
}

var operators = map[byte]operator{
	'+': {separator: ",", reserved: true},
	'#': {first: "#", separator: ",", reserved: true},
	'.': {first: ".", separator: "."},
	'/': {first: "/", separator: "/"},
	';': {first: ";", separator: ";", named: true},
	'?': {first: "?", separator: "&", named: true, empty: "="},
	'&': {first: "&", separator: "&", named: true, empty: "="},
}

var errTemplate = errors.New("reading the template: not one of RFC 6570")

func parseTemplate(text string) (template, error) {
	if len(text) > maxTemplate {
		return nil, fmt.Errorf("reading the template: longer than %d bytes", maxTemplate)
	}
	var parts template
	for text != "" {
		literal, rest, found := strings.Cut(text, "{")
		if strings.Contains(literal, "}") {
			return nil, errTemplate
		}
		parts = append(parts, templatePart{literal: literal})
		if !found {
			break
		}
		expression, after, closed := strings.Cut(rest, "}")
		part, err := parseExpression(expression)
		if !closed || err != nil {
			return nil, errTemplate
		}
		parts, text = append(parts, part), after
	}
	return parts, nil
}

func parseExpression(text string) (part templatePart, err error) {
	part.operator = operator{separator: ","}
	if text != "" {
		if op, known := operators[text[0]]; known {
			part.operator, text = op, text[1:]
		}
	}
	for spec := range strings.SplitSeq(text, ",") {
		name, prefix, cut := strings.Cut(strings.TrimSuffix(spec, "*"), ":")
		v := variable{name: name}
		if cut {
			if v.prefix, err = strconv.Atoi(prefix); err != nil || v.prefix < 1 || v.prefix >= maxPrefix {
				return part, errTemplate
			}
		}
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r != '.' && r != '%' && !letter(r) && r < 0x80 }) {
			return part, errTemplate
		}
		part.variables = append(part.variables, v)
	}
	return part, nil
}

func letter(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '_'
}

// names are the variables in order. The ones that are needed stand where an address is not whole
// without them: not in a query or a parameter.
func (t template) names() (names []string, needed map[string]bool) {
	needed = map[string]bool{}
	for _, part := range t {
		for _, v := range part.variables {
			if !slices.Contains(names, v.name) {
				names = append(names, v.name)
			}
			needed[v.name] = needed[v.name] || !part.operator.named
		}
	}
	return names, needed
}

// expand is the address with these values; variables without one are left out.
func (t template) expand(values map[string]string) string {
	var b strings.Builder
	for _, part := range t {
		escapeInto(&b, part.literal, true)
		op, lead := part.operator, part.operator.first
		for _, v := range part.variables {
			value, defined := values[v.name]
			if !defined {
				continue
			}
			b.WriteString(lead)
			lead = op.separator
			if op.named {
				escapeInto(&b, v.name, true)
				if value == "" {
					b.WriteString(op.empty)
					continue
				}
				b.WriteByte('=')
			}
			if r := []rune(value); v.prefix > 0 && len(r) > v.prefix {
				value = string(r[:v.prefix])
			}
			escapeInto(&b, value, op.reserved)
		}
	}
	return b.String()
}

// escapeInto writes text percent-encoded (RFC 3986); reserved characters and what is encoded
// already stay as they are where that is wanted.
func escapeInto(b *strings.Builder, text string, reserved bool) {
	for i := range len(text) {
		c := text[i]
		switch {
		case letter(rune(c)), strings.IndexByte("-.~", c) >= 0,
			reserved && strings.IndexByte(":/?#[]@!$&'()*+,;=", c) >= 0, reserved && c == '%' && isEncoded(text[i:]):
			b.WriteByte(c)
		default:
			fmt.Fprintf(b, "%%%02X", c)
		}
	}
}

func isEncoded(text string) bool {
	if len(text) < 3 {
		return false
	}
	_, err := strconv.ParseUint(text[1:3], 16, 8)
	return err == nil
}
