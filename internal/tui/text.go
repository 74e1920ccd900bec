package tui

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/charmbracelet/x/ansi"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// cells is the way in which this terminal counts columns: by code point until it says that it
// knows grapheme clusters (mode 2027). The renderer follows the same rule, so what is measured
// here is what is drawn.
type cells = ansi.Method

// maxCluster is the longest character in bytes; a chain of joined emoji may be as long as it
// likes, and is broken then.
const maxCluster = 64

// oneLine makes foreign text printable on one line, and cuts it at about limit bytes.
func oneLine(s string, limit int) string {
	s, cut := clip(s, limit)
	s = strings.TrimSpace(client.PrintableLine(s))
	if cut {
		s += "…"
	}
	return s
}

// prose makes foreign text of several lines printable, and cuts it at about limit bytes.
func prose(s string, limit int) string {
	s, cut := clip(s, limit)
	s = strings.TrimSpace(printable(s))
	if cut {
		s += "…"
	}
	return s
}

// printable is client.Printable without tabs, whose width depends on where they stand.
func printable(s string) string {
	return strings.ReplaceAll(client.Printable(strings.ReplaceAll(s, "\t", "    ")), "\t", "    ")
}

// clip cuts s at a rune boundary not beyond limit bytes.
func clip(s string, limit int) (string, bool) {
	if len(s) <= limit {
		return s, false
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit], true
}

// fit shortens s, styled or not, to w columns, and marks the cut.
func fit(c cells, s string, w int) string {
	if w <= 0 {
		return ""
	}
	if c.StringWidth(s) <= w {
		return s
	}
	return keep(c, s, w-1, "…")
}

// keep is the first w columns of s and the tail; escape sequences, which are our own, are all
// kept. (ansi.Method.Truncate of v0.11.9 measures in clusters also where the terminal does not,
// and Cut does not cut on the left there.)
func keep(c cells, s string, w int, tail string) string {
	var b strings.Builder
	var state byte
	for width, full := 0, false; len(s) > 0; {
		seq, n, size, next := c.DecodeSequenceInString(s, state, nil)
		s, state = s[size:], next
		switch {
		case full && seq[0] != ansi.ESC:
		case !full && width+n > w:
			full = true
			b.WriteString(tail)
		default:
			width += n
			b.WriteString(seq)
		}
	}
	return b.String()
}

// drop is plain text without its first n columns, or a few more where a wide character ends.
func drop(c cells, s string, n int) string {
	for n > 0 && len(s) > 0 {
		ch, width := cluster(c, s)
		s, n = s[len(ch):], n-width
	}
	return s
}

const joiner = "\u200d"

// unjoined drops the joiners of a row that have nothing of theirs to join: some terminals join
// whatever they draw next, be it a sign of our own or the next row.
func unjoined(row string) string {
	head, rest, found := strings.Cut(row, joiner)
	if !found {
		return row
	}
	var b strings.Builder
	for found {
		b.WriteString(head)
		if joins(rest) {
			b.WriteString(joiner)
		}
		head, rest, found = strings.Cut(rest, joiner)
	}
	b.WriteString(head)
	return b.String()
}

// joins says whether what follows a joiner begins with a letter beyond ASCII, a mark or a picture.
func joins(s string) bool {
	const pictures = '\u2600' // and what comes after them
	r, _ := utf8.DecodeRuneInString(s)
	return r != utf8.RuneError && r >= utf8.RuneSelf && (unicode.IsLetter(r) || unicode.IsMark(r) || r >= pictures && unicode.IsSymbol(r))
}

// pad makes s, styled or not, exactly w columns wide.
func pad(c cells, s string, w int) string {
	s = fit(c, s, w)
	return s + strings.Repeat(" ", max(0, w-c.StringWidth(s)))
}

// ends puts left and right at the two ends of w columns; left gives way.
func ends(c cells, left, right string, w int) string {
	right = fit(c, right, w)
	return pad(c, left, w-c.StringWidth(right)) + right
}

// cluster returns the first user-perceived character of s and its width.
func cluster(c cells, s string) (string, int) {
	if len(s) == 1 || len(s) > 1 && s[0] < utf8.RuneSelf && s[1] < utf8.RuneSelf {
		return s[:1], 1
	}
	ch, n := ansi.FirstGraphemeCluster(s, c)
	if len(ch) > maxCluster {
		ch, _ = clip(ch, maxCluster)
		n = c.StringWidth(ch)
	}
	return ch, n
}

// wrap breaks one line of plain printable text into rows of at most w columns: at spaces where there
// are any, in a word that is too long for a row where an address has its seams. The rows are parts of
// s in order; only spaces at a break are left out.
func wrap(c cells, s string, w int) []string {
	if w <= 0 {
		return nil
	}
	if len(s) <= w && ascii(s) {
		return []string{s}
	}
	var rows []string
	start, width := 0, 0
	space, sinceSpace := -1, 0 // the last space, and the columns after it
	seam, sinceSeam := -1, 0   // where the last seam ends, and the same
	for i := 0; i < len(s); {
		ch, n := cluster(c, s[i:])
		if ch == " " && width > 0 && width+n > w { // the break is here
			rows = append(rows, s[start:i])
			i += len(ch)
			start, space, seam, width = i, -1, -1, 0
			continue
		}
		for width > 0 && width+n > w {
			switch {
			case space > start && (sinceSpace <= w/2 || wordFits(c, s[space+1:], w)):
				rows = append(rows, s[start:space])
				start, width = space+1, sinceSpace
			case seam > max(start, space) && sinceSeam <= w/2:
				rows = append(rows, s[start:seam])
				start, width = seam, sinceSeam
			default:
				rows = append(rows, s[start:i])
				start, width = i, 0
			}
			space = -1
		}
		width += n
		i += len(ch)
		sinceSpace += n
		sinceSeam += n
		switch {
		case ch == " ":
			space, sinceSpace = i-1, 0
		case isSeam(s, i-1):
			seam, sinceSeam = i, 0
		}
	}
	return append(rows, s[start:])
}

// wordFits says whether the word that s begins with has at most w columns.
func wordFits(c cells, s string, w int) bool {
	for width := 0; s != "" && s[0] != ' '; {
		ch, n := cluster(c, s)
		if width += n; width > w {
			return false
		}
		s = s[len(ch):]
	}
	return true
}

// isSeam says whether a long word may be broken after the byte at i.
func isSeam(s string, i int) bool {
	return strings.IndexByte("/?&=,.", s[i]) >= 0 && i+1 < len(s) && s[i+1] != '/'
}

// fill breaks one line into rows that are full, as a terminal does: what is selected over such rows
// is one word.
func fill(c cells, s string, w int) []string {
	var rows []string
	start, width := 0, 0
	for i := 0; i < len(s); {
		ch, n := cluster(c, s[i:])
		if width > 0 && width+n > w {
			rows = append(rows, s[start:i])
			start, width = i, 0
		}
		width += n
		i += len(ch)
	}
	return append(rows, s[start:])
}

// paragraphs wraps text of several lines.
func paragraphs(c cells, s string, w int) []string {
	var rows []string
	for line := range strings.SplitSeq(s, "\n") {
		rows = append(rows, wrap(c, strings.TrimRight(line, " \r"), w)...)
	}
	return rows
}

// head keeps at most n rows and marks the cut.
func head(c cells, rows []string, n, w int) []string {
	if len(rows) <= n {
		return rows
	}
	if n <= 0 {
		return nil
	}
	rows = rows[:n:n]
	rows[n-1] = keep(c, rows[n-1], w-2, "") + " …"
	return rows
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// window is the first row to show so that the row at lies in a window of h rows of n.
func window(at, n, h int) int {
	return max(0, min(at-h/2, n-h))
}
