package tui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// maxInput bounds what can be typed or pasted into one field, in bytes.
const maxInput = 1 << 20

// editor is a line of text under a cursor. It keeps what was pasted to the byte, newlines
// included, and shows it printable; bubbles' textinput would turn newlines into spaces, draw
// bidirectional controls as they are, and link a clipboard package that searches PATH at start.
type editor struct {
	text string
	pos  int // byte offset of the cursor, at the boundary of a character

	lines bool // newlines are shown as such, and keys for a line know only that line
}

func newEditor(text string) editor {
	text = strings.ToValidUTF8(text, "\uFFFD")
	return editor{text: text, pos: len(text)}
}

// insert puts s at the cursor; it reports false if the text would be too long.
func (e *editor) insert(s string) bool {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if len(e.text)+len(s) > maxInput {
		return false
	}
	e.text = e.text[:e.pos] + s + e.text[e.pos:]
	e.pos += len(s)
	return true
}

// key handles an editing key; it reports whether the key was one.
func (e *editor) key(c cells, msg tea.KeyPressMsg) bool {
	switch msg.String() {
	case "left", "ctrl+b":
		e.pos = e.before(c)
	case "right", "ctrl+f":
		e.pos = e.after(c)
	case "home", "ctrl+a":
		e.pos, _ = e.line()
	case "end", "ctrl+e":
		_, e.pos = e.line()
	case "ctrl+left", "alt+left", "alt+b":
		e.pos = e.wordBefore()
	case "ctrl+right", "alt+right", "alt+f":
		e.pos = e.wordAfter()
	case "backspace", "ctrl+h":
		e.remove(e.before(c), e.pos)
	case "delete", "ctrl+d":
		e.remove(e.pos, e.after(c))
	case "ctrl+w", "alt+backspace", "ctrl+backspace":
		e.remove(e.wordBefore(), e.pos)
	case "ctrl+u":
		from, _ := e.line()
		e.remove(from, e.pos)
	case "ctrl+k":
		_, to := e.line()
		e.remove(e.pos, to)
	default:
		return msg.Text != "" && e.insert(msg.Text)
	}
	return true
}

func (e *editor) remove(from, to int) {
	e.text = e.text[:from] + e.text[to:]
	e.pos = from
}

// line is where the cursor's line begins and ends.
func (e *editor) line() (from, to int) {
	if !e.lines {
		return 0, len(e.text)
	}
	from = strings.LastIndexByte(e.text[:e.pos], '\n') + 1
	if to = strings.IndexByte(e.text[e.pos:], '\n'); to < 0 {
		return from, len(e.text)
	}
	return from, e.pos + to
}

// vertical moves the cursor to the line above (-1) or below (1); false: there is none.
func (e *editor) vertical(c cells, n int) bool {
	from, to := e.line()
	column := c.StringWidth(visible(e.text[from:e.pos]))
	switch {
	case !e.lines, n < 0 && from == 0, n > 0 && to == len(e.text):
		return false
	case n < 0:
		e.pos = from - 1
	default:
		e.pos = to + 1
	}
	e.pos, _ = e.line()
	for _, end := e.line(); column > 0 && e.pos < end; {
		_, w := cluster(c, e.text[e.pos:])
		e.pos = e.after(c)
		column -= w
	}
	return true
}

// newline breaks the line at the cursor; in a text of several lines the new one is indented as the old, and deeper after an
// opening bracket.
func (e *editor) newline() bool {
	if !e.lines {
		return e.insert("\n")
	}
	from, _ := e.line()
	line := e.text[from:e.pos]
	indent := line[:len(line)-len(strings.TrimLeft(line, " "))]
	if line = strings.TrimRight(line, " "); strings.HasSuffix(line, "{") || strings.HasSuffix(line, "[") {
		indent += "  "
	}
	return e.insert("\n" + indent)
}

// after is the offset after the character under the cursor.
func (e *editor) after(c cells) int {
	if e.pos == len(e.text) {
		return e.pos
	}
	ch, _ := cluster(c, e.text[e.pos:])
	return e.pos + len(ch)
}

// before is the offset of the character before the cursor. It looks for its start in the last
// bytes only: no character that can be typed is longer.
func (e *editor) before(c cells) int {
	at := max(0, e.pos-2*maxCluster)
	for at > 0 && !utf8.RuneStart(e.text[at]) {
		at--
	}
	for at < e.pos {
		ch, _ := cluster(c, e.text[at:e.pos])
		if at+len(ch) >= e.pos {
			return at
		}
		at += len(ch)
	}
	return at
}

func (e *editor) wordBefore() int {
	head := strings.TrimRightFunc(e.text[:e.pos], notWord)
	return len(strings.TrimRightFunc(head, isWord))
}

func (e *editor) wordAfter() int {
	tail := strings.TrimLeftFunc(e.text[e.pos:], notWord)
	return len(e.text) - len(strings.TrimLeftFunc(tail, isWord))
}

func isWord(r rune) bool  { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }
func notWord(r rune) bool { return !isWord(r) }

// view shows w columns of the text, those around the cursor, and the cursor's column in them.
func (e *editor) view(c cells, w int) (string, int) {
	if w <= 0 {
		return "", 0
	}
	// What is far from the cursor cannot be in the window: each character shown has at most a
	// few bytes, and those of no width must not cost more than they show.
	reach := w * maxCluster
	from, to := max(0, e.pos-reach), min(len(e.text), e.pos+reach)
	for from > 0 && !utf8.RuneStart(e.text[from]) {
		from++
	}
	left := visible(e.text[from:e.pos])
	right := visible(strings.ToValidUTF8(e.text[e.pos:to], ""))
	at := c.StringWidth(left)
	if at >= w { // the cursor stands in the last column
		left = drop(c, left, at-w+1)
		at = min(c.StringWidth(left), w-1)
	}
	return keep(c, left+right, w, ""), at
}

// shown is the start of the text in w columns, for a field that is not being edited.
func (e *editor) shown(c cells, w int) string {
	text, _ := clip(e.text, w*maxCluster)
	return fit(c, visible(text), w)
}

// visible shows newlines and tabs as symbols; the rest as all foreign text.
func visible(s string) string {
	return client.PrintableLine(newlines.Replace(s))
}

var newlines = strings.NewReplacer("\r\n", "␤", "\n", "␤", "\t", "␉")
