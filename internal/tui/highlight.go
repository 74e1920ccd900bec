package tui

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
)

// Limits of what one result may put on the screen.
const (
	maxLines   = 200_000
	maxBytes   = 16 << 20
	maxLine    = 2 << 10 // a longer line goes on in the next one
	maxIndent  = 24      // columns; deeper levels are not indented further
	indentStep = 2
)

// ink says how a line is colored.
type ink uint8

const (
	inkPlain   ink = iota
	inkJSON        // a line of JSON
	inkJSONRun     // a line of JSON that begins inside a string
	inkNote        // our own words
	inkBad         // the text of an error
)

// line is one printable line of a document, before it is wrapped to the window.
type line struct {
	text   string
	indent int
	ink    ink
}

// indenter lays JSON out from the raw tokens, so that numbers keep every digit. It reads what
// json.Valid accepted, and adds lines until the paper is full.
type indenter struct {
	raw   string
	i     int
	depth int
	paper *paper
	b     strings.Builder
	inRun bool // the line at hand began inside a string
}

// addJSON lays out one valid JSON value.
func (p *paper) addJSON(raw string) {
	in := &indenter{raw: raw, paper: p}
	for in.i < len(raw) && !p.full() {
		in.token()
	}
	in.flush()
	p.unread(len(raw) - in.i)
}

func (in *indenter) token() {
	ch := in.raw[in.i]
	in.i++
	switch ch {
	case ' ', '\t', '\r', '\n':
	case '{', '[':
		in.b.WriteByte(ch)
		if end := in.skipSpace(); end == '}' || end == ']' {
			in.b.WriteByte(end)
			in.i++
			return
		}
		in.newline(1)
	case '}', ']':
		in.newline(-1)
		in.b.WriteByte(ch)
	case ',':
		in.b.WriteByte(ch)
		in.newline(0)
	case ':':
		in.b.WriteString(": ")
	case '"':
		in.str()
	default:
		in.b.WriteByte(ch)
	}
}

func (in *indenter) skipSpace() byte {
	for in.i < len(in.raw) {
		switch ch := in.raw[in.i]; ch {
		case ' ', '\t', '\r', '\n':
			in.i++
		default:
			return ch
		}
	}
	return 0
}

func (in *indenter) newline(step int) {
	in.flush()
	in.depth += step
}

func (in *indenter) flush() {
	if in.b.Len() == 0 {
		return
	}
	kind := inkJSON
	if in.inRun {
		kind = inkJSONRun
	}
	in.paper.add(line{text: in.b.String(), indent: min(in.depth*indentStep, maxIndent), ink: kind})
	in.b.Reset()
	in.inRun = false
}

// str copies a string whose opening quote was read. Escapes of printable characters are shown as
// the character; all others stay as they are.
func (in *indenter) str() {
	in.b.WriteByte('"')
	for in.i < len(in.raw) {
		if in.b.Len() >= maxLine {
			in.flush()
			in.inRun = true
			if in.paper.full() {
				return
			}
		}
		switch ch := in.raw[in.i]; {
		case ch == '"':
			in.b.WriteByte(ch)
			in.i++
			return
		case ch == '\\':
			in.escape()
		case ch < utf8.RuneSelf:
			in.b.WriteByte(ch)
			in.i++
		default:
			_, n := utf8.DecodeRuneInString(in.raw[in.i:])
			in.b.WriteString(in.raw[in.i : in.i+n])
			in.i += n
		}
	}
}

func (in *indenter) escape() {
	r, n := unescape(in.raw[in.i:])
	if n == 0 {
		n = min(2, len(in.raw)-in.i)
	}
	if r != 0 {
		in.b.WriteRune(r)
	} else {
		in.b.WriteString(in.raw[in.i : in.i+n])
	}
	in.i += n
}

// unescape reads one \u escape, or two of them. It gives the character if that is safe to show in a
// JSON string, and the length of the escape (0: another escape).
func unescape(s string) (rune, int) {
	first, ok := hex4(s)
	if !ok {
		return 0, 0
	}
	n := 6
	if utf16.IsSurrogate(first) {
		second, ok := hex4(s[6:])
		if !ok {
			return 0, n
		}
		if first = utf16.DecodeRune(first, second); first == utf8.RuneError {
			return 0, n
		}
		n = 12
	}
	if !unicode.IsPrint(first) || first == '"' || first == '\\' {
		return 0, n
	}
	return first, n
}

func hex4(s string) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, ch := range []byte(s[2:6]) {
		digit := strings.IndexByte("0123456789abcdef", ch|0x20)
		if digit < 0 {
			return 0, false
		}
		r = r<<4 | rune(digit)
	}
	return r, true
}

// stretch is a part of a line, up to the byte end, in one style.
type stretch struct {
	end   int
	style lipgloss.Style
}

// paint colors one line of laid-out JSON, which may begin inside a string.
func (t *theme) paint(s string, inString bool) []stretch {
	var out []stretch
	for i := 0; i < len(s); {
		var style lipgloss.Style
		switch ch := s[i]; {
		case inString || ch == '"':
			i, inString = stringEnd(s, i, inString)
			style = t.text
			if !inString && strings.HasPrefix(s[i:], ": ") {
				style = t.key
			}
		case ch == '-' || ch >= '0' && ch <= '9':
			i += span(s[i:], "0123456789+-.eE")
			style = t.number
		case ch >= 'a' && ch <= 'z':
			i += span(s[i:], "abcdefghijklmnopqrstuvwxyz")
			style = t.word
		default:
			i++
			style = t.punctuation
		}
		out = append(out, stretch{end: i, style: style})
	}
	return out
}

// wrapped is the line in rows of at most w columns, without its margin.
func (l line) wrapped(c cells, w int) []string {
	w -= l.margin(w)
	if l.ink != inkJSON && l.ink != inkJSONRun {
		return wrap(c, l.text, w)
	}
	text := strings.TrimSuffix(l.text, ",") // it may stand in the margin, but not alone
	if c.StringWidth(text) > w {
		w -= indentStep // the rows after the first hang
	}
	rows := wrap(c, text, w)
	if len(text) < len(l.text) {
		last := &rows[len(rows)-1]
		*last = l.text[len(text)-len(*last):]
	}
	return rows
}

func (l line) margin(w int) int { return min(l.indent, w/2) }

// rows wraps the line to w columns and colors it.
func (l line) rows(t *theme, c cells, w int) []string {
	margin, plain := strings.Repeat(" ", l.margin(w)), l.wrapped(c, w)
	switch l.ink {
	case inkJSON, inkJSONRun:
		rows := colored(margin, l.text, plain, t.paint(l.text, l.ink == inkJSONRun))
		for i := 1; i < len(rows); i++ {
			rows[i] = strings.Repeat(" ", indentStep) + rows[i]
		}
		return rows
	case inkNote:
		return styled(margin, plain, t.dim)
	case inkBad:
		return styled(margin, plain, t.bad)
	}
	return styled(margin, plain, t.plain)
}

func styled(margin string, rows []string, style lipgloss.Style) []string {
	for i, row := range rows {
		rows[i] = margin + style.Render(row)
	}
	return rows
}

// colored renders the rows of text, which are parts of it in order.
func colored(margin, text string, rows []string, inks []stretch) []string {
	at := 0
	for i, row := range rows {
		at += max(0, strings.Index(text[at:], row))
		end := at + len(row)
		var b strings.Builder
		b.WriteString(margin)
		for len(inks) > 0 && at < end {
			stop := min(inks[0].end, end)
			if stop > at {
				b.WriteString(inks[0].style.Render(text[at:stop]))
				at = stop
			}
			if inks[0].end <= stop {
				inks = inks[1:]
			}
		}
		rows[i] = b.String()
	}
	return rows
}

// stringEnd is the index after the string that begins at i (or runs on there), and whether the
// string goes on beyond s.
func stringEnd(s string, i int, inside bool) (int, bool) {
	if !inside {
		i++
	}
	for i < len(s) {
		switch s[i] {
		case '\\':
			i = min(i+2, len(s))
		case '"':
			return i + 1, false
		default:
			i++
		}
	}
	return i, true
}

func span(s, of string) int {
	for i := range len(s) {
		if strings.IndexByte(of, s[i]) < 0 {
			return i
		}
	}
	return len(s)
}
