package tui

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"charm.land/lipgloss/v2"
)

// stretch is a part of a line, up to the byte end, in one style.
type stretch struct {
	end   int
	style lipgloss.Style
}

func styled(rows []string, style lipgloss.Style) []string {
	drawn := make([]string, len(rows))
	for i, row := range rows {
		drawn[i] = style.Render(row)
	}
	return drawn
}

// colored renders the rows of text, which are parts of it in order.
func colored(text string, rows []string, inks []stretch) []string {
	at := 0
	for i, row := range rows {
		at += max(0, strings.Index(text[at:], row))
		end := at + len(row)
		rows[i] = inked(text[:end], at, inks)
		at = end
	}
	return rows
}

// inked renders text from the byte at.
func inked(text string, at int, inks []stretch) string {
	var b strings.Builder
	for _, ink := range inks {
		if stop := min(ink.end, len(text)); stop > at {
			b.WriteString(ink.style.Render(text[at:stop]))
			at = stop
		}
	}
	return b.String()
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
