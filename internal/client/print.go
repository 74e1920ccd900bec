package client

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable makes foreign text fit for a terminal: control characters are
// shown (ESC as ␛), bidirectional and other invisible format characters are
// spelled out, invalid UTF-8 becomes U+FFFD. Newlines and tabs are kept.
func Printable(s string) string { return printable(s, false) }

// PrintableLine is [Printable] for text that must stay on one line: newlines
// and tabs become spaces.
func PrintableLine(s string) string { return printable(s, true) }

func printable(s string, line bool) string {
	clean := true
	for _, r := range s {
		if !plain(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i, r := range s {
		switch {
		case r == '\r' && strings.HasPrefix(s[i+1:], "\n"):
			// A Windows line ending is a newline.
		case r == '\n' || r == '\t' || r == '\u2028' || r == '\u2029':
			switch {
			case line:
				b.WriteByte(' ')
			case r == '\t':
				b.WriteByte('\t')
			default:
				b.WriteByte('\n')
			}
		case plain(r):
			b.WriteRune(r)
		case r < 0x20:
			b.WriteRune(0x2400 + r) // the Control Pictures block
		case r == 0x7f:
			b.WriteRune('\u2421')
		case r == utf8.RuneError:
			b.WriteRune(utf8.RuneError)
		default:
			fmt.Fprintf(&b, "<U+%04X>", r)
		}
	}
	return b.String()
}

// plain reports whether r shows as itself and does nothing else. The zero-width
// joiners are kept because scripts and emoji need them.
func plain(r rune) bool {
	switch {
	case r < utf8.RuneSelf:
		return r >= 0x20 && r < 0x7f
	case r == '\u200c' || r == '\u200d':
		return true
	case r == utf8.RuneError, r == '\u2028', r == '\u2029':
		return false
	case r == '\u2800', r >= 0xe0000 && r <= 0xe0fff:
		return false // a blank; tags and selectors that can hide a whole text
	}
	return !unicode.IsControl(r) && !unicode.In(r, unicode.Cf, unicode.Co, unicode.Other_Default_Ignorable_Code_Point)
}

// typable reports whether foreign text may stand in a command that we tell the
// user to run: to a shell it means itself, and it is not taken for a flag.
func typable(s string) bool {
	return s != "" && s[0] != '-' && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-._:/@+,%[]", r)
	})
}

// quoteMax bounds, in characters, what a foreign text may add to a message.
const quoteMax = 300

// brief is foreign text inside one of our messages: one line, printable, cut.
func brief(s string) string {
	if len(s) > 4*quoteMax {
		s = s[:4*quoteMax]
	}
	s = strings.TrimSpace(PrintableLine(s))
	if r := []rune(s); len(r) > quoteMax {
		s = string(r[:quoteMax]) + "…"
	}
	return s
}
