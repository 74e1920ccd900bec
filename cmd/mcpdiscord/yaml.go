package main

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The configuration is read as the part of YAML that it needs: keys with a
// value, a list or one more level of keys. Everything else (anchors, tags, text
// over several lines, …) is refused, so nothing can be expanded, and what is
// accepted means the same to every reader of YAML; FuzzYAML holds that. A
// library for all of YAML would add 350 kB to the program.

// setting is a key of the configuration with what follows it: a value, a list,
// further keys, or nothing.
type setting struct {
	key    string
	line   int // from 1
	kind   settingKind
	values []string // one of a value
	keys   []setting
}

type settingKind int

const (
	isNull settingKind = iota
	isValue
	isList
	isMap
)

// yamlError says what is wrong in a line.
type yamlError struct {
	line          int
	message, hint string
}

func (e *yamlError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.message) }

// maxConfig bounds the file of the configuration, in bytes.
const maxConfig = 1 << 20

const quoteHint = "put the value in single quotes"

// yamlLine is a line that is neither empty nor a comment.
type yamlLine struct {
	number, indent int
	text           string // without the space around it
}

// parseYAML reads a configuration.
func parseYAML(text string) ([]setting, error) {
	lines, err := yamlLines(text)
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	p := &yamlParser{lines: lines}
	if first := lines[0]; first.indent > 0 {
		return nil, &yamlError{first.number, "the first key is indented", "begin it at the start of the line"}
	}
	return p.keys(0, true)
}

func yamlLines(text string) ([]yamlLine, error) {
	if !utf8.ValidString(text) {
		return nil, &yamlError{1, "the file is not UTF-8", "save it as UTF-8"}
	}
	var lines []yamlLine
	number := 0
	for raw := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		number++
		raw = strings.TrimRight(strings.TrimSuffix(raw, "\r"), " ")
		line := yamlLine{number: number, text: strings.TrimLeft(raw, " ")}
		line.indent = len(raw) - len(line.text)
		switch {
		case strings.ContainsRune(raw, '\t'):
			return nil, &yamlError{number, "there is a tab", `indent with spaces; in a value write "\t"`}
		case strings.ContainsFunc(raw, unusual):
			return nil, &yamlError{number, "there is a character that cannot be printed", "take it out"}
		case line.text == "" || line.text[0] == '#':
		case line.indent == 0 && line.text == "---" && len(lines) == 0:
		case line.indent == 0 && (strings.HasPrefix(line.text, "---") || strings.HasPrefix(line.text, "...") || line.text[0] == '%'):
			return nil, &yamlError{number, "the file is more than one document", "leave out this line"}
		default:
			lines = append(lines, line)
		}
	}
	return lines, nil
}

// unusual are characters that break lines elsewhere, or that nobody sees.
func unusual(r rune) bool {
	return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\ufeff' || r == '\ufffe' || r == '\uffff'
}

// yamlParser goes through the lines once.
type yamlParser struct {
	lines []yamlLine
	at    int
}

// next is the line to be read, with the indent -1 at the end.
func (p *yamlParser) next() yamlLine {
	if p.at < len(p.lines) {
		return p.lines[p.at]
	}
	return yamlLine{indent: -1}
}

// keys reads the keys at one indent. Those at the top may have further keys.
func (p *yamlParser) keys(indent int, top bool) ([]setting, error) {
	var found []setting
	seen := map[string]bool{}
	for line := p.next(); line.indent >= indent; line = p.next() {
		if line.indent > indent {
			return nil, &yamlError{line.number, "this line is indented too far", "a value ends on its line; align keys"}
		}
		key, rest, ok := splitKey(line.text)
		if !ok {
			return nil, &yamlError{line.number, "this is no key with a value", "write it as key: value"}
		}
		if seen[key] {
			return nil, &yamlError{line.number, key + " is there twice", "leave out one of them"}
		}
		p.at++
		seen[key] = true
		s := setting{key: key, line: line.number}
		if err := p.value(&s, indent, rest, top); err != nil {
			return nil, err
		}
		found = append(found, s)
	}
	return found, nil
}

// splitKey takes "key:" off a line.
func splitKey(text string) (key, rest string, ok bool) {
	key, rest, ok = strings.Cut(text, ":")
	odd := func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}
	if !ok || key == "" || len(key) > 64 || key[0] == '-' || strings.ContainsFunc(key, odd) || rest != "" && rest[0] != ' ' {
		return "", "", false
	}
	return key, strings.TrimLeft(rest, " "), true
}

// value reads what follows a key, on its line or on the next.
func (p *yamlParser) value(s *setting, indent int, rest string, top bool) (err error) {
	switch {
	case rest != "" && rest[0] == '[':
		s.kind = isList
		s.values, err = flowList(rest, s.line)
		return err
	case rest != "" && rest[0] != '#':
		value, null, err := lineScalar(rest, s.line)
		if !null {
			s.kind, s.values = isValue, []string{value}
		}
		return err
	}
	next := p.next()
	switch {
	case next.indent >= indent && isItem(next.text):
		s.kind = isList
		s.values, err = p.items(next.indent)
	case next.indent > indent && top:
		s.kind = isMap
		s.keys, err = p.keys(next.indent, false)
	case next.indent > indent:
		err = &yamlError{next.number, "keys go only one level deep here", "put it at the start of the line"}
	}
	return err
}

func isItem(text string) bool { return text == "-" || strings.HasPrefix(text, "- ") }

// items reads a list of one item a line.
func (p *yamlParser) items(indent int) ([]string, error) {
	var items []string
	for line := p.next(); line.indent >= indent; line = p.next() {
		if line.indent > indent {
			return nil, &yamlError{line.number, "this line is indented too far", "an item ends on its line"}
		}
		if !isItem(line.text) {
			break
		}
		item, null, err := lineScalar(strings.TrimLeft(line.text[1:], " "), line.number)
		if err != nil {
			return nil, err
		}
		if null {
			return nil, &yamlError{line.number, "there is nothing in this item", "leave it out"}
		}
		items = append(items, item)
		p.at++
	}
	return items, nil
}

// lineScalar reads a value that ends with its line, but for a comment.
func lineScalar(text string, line int) (value string, null bool, err error) {
	if text == "" || text[0] == '#' {
		return "", true, nil
	}
	if text[0] != '"' && text[0] != '\'' {
		text, _, _ = strings.Cut(text, " #")
		return plainScalar(strings.TrimRight(text, " "), line)
	}
	value, rest, err := quotedScalar(text, line)
	if err == nil {
		err = onlyComment(rest, line)
	}
	return value, false, err
}

func onlyComment(rest string, line int) error {
	if trimmed := strings.TrimLeft(rest, " "); trimmed != "" && (trimmed[0] != '#' || len(trimmed) == len(rest)) {
		return &yamlError{line, "there is more after the end of the value", "put all of it in quotes"}
	}
	return nil
}

// plainScalar reads a value without quotes.
func plainScalar(text string, line int) (value string, null bool, err error) {
	switch {
	case text == "~", text == "null", text == "Null", text == "NULL":
		return "", true, nil
	case strings.ContainsRune("&*!|>%@`{}[],?#\"'", rune(text[0])):
		return "", false, &yamlError{line, fmt.Sprintf("a value cannot begin with %c here", text[0]), quoteHint}
	case isItem(text), text[0] == ':' && (len(text) == 1 || text[1] == ' '):
		return "", false, &yamlError{line, "a value cannot begin so", quoteHint}
	case strings.Contains(text, ": "), strings.HasSuffix(text, ":"):
		return "", false, &yamlError{line, "there is a second colon in this line", quoteHint}
	}
	return text, false, nil
}

// quotedScalar reads a value in quotes, and returns what is after them.
func quotedScalar(text string, line int) (value, rest string, err error) {
	quote, text := text[0], text[1:]
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == quote && quote == '\'' && strings.HasPrefix(text[i+1:], "'"):
			b.WriteByte('\'')
			i++
		case c == quote:
			return b.String(), text[i+1:], nil
		case c == '\\' && quote == '"':
			i++
			at := -1
			if i < len(text) {
				at = strings.IndexByte(`\"/nt`, text[i])
			}
			if at < 0 {
				return "", "", &yamlError{line, `only \\, \", \/, \n and \t are known after a backslash`, "use single quotes, where a backslash is one"}
			}
			b.WriteByte("\\\"/\n\t"[at])
		default:
			b.WriteByte(c)
		}
	}
	return "", "", &yamlError{line, "the quotes are not closed", "a value ends on its line"}
}

// flowList reads a list in brackets, which ends with its line.
func flowList(text string, line int) ([]string, error) {
	items := []string{}
	text = strings.TrimLeft(text[1:], " ")
	for {
		if text == "" {
			return nil, &yamlError{line, "the bracket is not closed", "write longer lists as one line each, with - before"}
		}
		if text[0] == ']' {
			return items, onlyComment(text[1:], line)
		}
		item, rest, err := flowItem(text, line)
		if err != nil {
			return nil, err
		}
		items = append(items, item)
		text = strings.TrimLeft(rest, " ")
		if strings.HasPrefix(text, ",") {
			text = strings.TrimLeft(text[1:], " ")
		} else if text != "" && text[0] != ']' {
			return nil, &yamlError{line, "there is no comma between two items", quoteHint}
		}
	}
}

func flowItem(text string, line int) (item, rest string, err error) {
	if text[0] == '"' || text[0] == '\'' {
		return quotedScalar(text, line)
	}
	end := strings.IndexAny(text, ",]")
	if end < 0 {
		end = len(text)
	}
	item = strings.TrimRight(text[:end], " ")
	if item == "" || item[0] == ':' || strings.ContainsAny(item, "[{}?") || strings.Contains(item, " #") {
		return "", "", &yamlError{line, "there is an item that cannot be read", quoteHint}
	}
	item, null, err := plainScalar(item, line)
	if err == nil && null {
		err = &yamlError{line, "there is nothing in an item", "leave it out"}
	}
	return item, text[end:], err
}
