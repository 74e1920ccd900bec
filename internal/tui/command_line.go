package tui

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/mcpdiscord/mcpdiscord/internal/schema"
)

// commandLine is what does the same in a shell.
type commandLine struct {
	program string
	verb    string // call, prompt, read
	name    string // of the tool or the prompt, or an address
	server  string
}

// maxCommand bounds the arguments on a line, in bytes; no system takes much more.
const maxCommand = 64 << 10

// with is the line for these arguments; open has them without secrets. Text is written as it is,
// so that a snowflake keeps its digits, and whatever that could be mistaken for, or would not
// survive on a line, as JSON. Everybody on a machine sees its command lines, so that a secret is
// left to a file, as docs/scripting.md has it: without that nothing is called.
func (c commandLine) with(arguments, open json.RawMessage) string {
	line := []string{shellQuote(c.program), c.verb}
	if c.server != "" {
		line = append(line, "--server", shellQuote(c.server))
	}
	names, values := members(open)
	own, whole := members(arguments)
	dashes := strings.HasPrefix(c.name, "-")
	plain := slices.Equal(names, own) && !slices.ContainsFunc(names, func(name string) bool {
		return name == "" || strings.ContainsAny(name, "=") || strings.HasSuffix(name, ":") || strings.HasPrefix(strings.TrimSpace(name), "{")
	})
	if len(open) > maxCommand || !plain && conceals(open, arguments) {
		return strings.Join(append(line, "--", shellQuote(c.name), "-", "<", "arguments.json"), " ")
	}
	var given, files []string
	secrets := false // that are no text, or within something
	for i, name := range names {
		switch {
		case !plain:
			continue
		case !conceals(values[i], whole[i]):
			given = append(given, shellQuote(argumentWord(name, values[i])))
		case schema.TypeOf(whole[i]) == "string":
			files = append(files, secretFile(name, files))
			given = append(given, shellQuote(name+"=@"+files[len(files)-1]))
		default:
			secrets = true
			continue
		}
		dashes = dashes || strings.HasPrefix(name, "-")
	}
	if !plain {
		given = []string{shellQuote(string(asciiJSON(open)))}
	}
	if secrets {
		given = append(given, "-", "<", "secrets.json")
	}
	if dashes {
		line = append(line, "--")
	}
	return strings.Join(append(append(line, shellQuote(c.name)), given...), " ")
}

// conceals says whether open stands for JSON with secrets.
func conceals(open, whole json.RawMessage) bool {
	return bytes.Count(open, []byte(hidden)) > bytes.Count(whole, []byte(hidden))
}

// secretFile is the name of a file for the text of an argument, other than those there are.
func secretFile(name string, others []string) string {
	base, _ := clip(name, 60)
	base = strings.Map(func(r rune) rune {
		if special(r) || strings.ContainsRune("./:=@%+,", r) {
			return '_'
		}
		return r
	}, base)
	file := base + ".txt"
	for n := 2; slices.Contains(others, file); n++ {
		file = fmt.Sprintf("%s-%d.txt", base, n)
	}
	return file
}

// argumentWord is one argument as `call` takes it: key=text or key:=json.
func argumentWord(name string, value json.RawMessage) string {
	var text string
	if schema.TypeOf(value) != "string" || json.Unmarshal(value, &text) != nil || text == "null" || strings.ContainsFunc(text, unseen) {
		return name + ":=" + string(asciiJSON(value))
	}
	if strings.HasPrefix(text, "@") {
		text = "@" + text
		if !strings.HasPrefix(text, "@@") {
			text = "@" + text
		}
	}
	return name + "=" + text
}

// unseen are the characters that a line cannot have, or that would not be seen in it.
func unseen(r rune) bool { return !unicode.IsPrint(r) }

// asciiJSON is JSON in which the characters that would not be seen are escaped.
func asciiJSON(raw json.RawMessage) json.RawMessage {
	if !bytes.ContainsFunc(raw, unseen) {
		return raw
	}
	var b bytes.Buffer
	for _, r := range string(raw) {
		switch {
		case !unseen(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.Bytes()
}

// shellQuote is a word for any shell of POSIX; one with characters that would not be seen is for
// those that know $'…', which most do.
func shellQuote(word string) string {
	switch {
	case strings.ContainsFunc(word, unseen):
		var b strings.Builder
		b.WriteString("$'")
		for i := range len(word) {
			if c := word[i]; c < ' ' || c >= 0x7f || c == '\'' || c == '\\' {
				fmt.Fprintf(&b, `\%03o`, c)
			} else {
				b.WriteByte(c)
			}
		}
		return b.String() + "'"
	case word != "" && !strings.ContainsFunc(word, special):
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

// special are the characters that may mean something to a shell.
func special(r rune) bool {
	letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
	return !letter && !strings.ContainsRune("_-./:=@%+,", r)
}

// hidden stands for a secret; redacted is the same as JSON.
const (
	hidden   = "•••"
	redacted = `"` + hidden + `"`
)

// redact puts a mark in the place of every secret in the arguments.
func (s shape) redact(arguments json.RawMessage) json.RawMessage {
	if s.whole {
		if s.fields[0].hides {
			return json.RawMessage(`{"•••":true}`)
		}
		return arguments
	}
	return (&field{kind: kindGroup, fields: s.fields}).redact(arguments)
}

func (f *field) redact(raw json.RawMessage) json.RawMessage {
	if string(raw) == "null" {
		return raw
	}
	if f.secret || f.kind == kindJSON && f.hides {
		return json.RawMessage(redacted)
	}
	for _, v := range f.variants {
		if v.secret || v.kind == kindJSON && v.hides {
			return json.RawMessage(redacted)
		}
	}
	for _, v := range append(slices.Clip(f.variants), f) {
		switch typ := schema.TypeOf(raw); {
		case v.kind == kindGroup && typ == "object":
			raw = v.redactMembers(raw)
		case v.kind == kindList && typ == "array":
			items := elements(raw)
			for i := range items {
				items[i] = v.item.redact(items[i])
			}
			raw = array(items)
		}
	}
	return raw
}

func (f *field) redactMembers(raw json.RawMessage) json.RawMessage {
	known := map[string]*field{}
	for _, each := range f.fields {
		known[each.name] = each
	}
	names, values := members(raw)
	for i, name := range names {
		if each := known[name]; each != nil {
			values[i] = each.redact(values[i])
		}
	}
	return object(names, values)
}
