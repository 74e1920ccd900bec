package tui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// signs are what our own signs are on a terminal that shows ASCII alone; each has one column.
var signs = map[string]string{
	"›": ">", "‹": "<", "✓": "+", "✗": "x", "…": "~", "–": "-", "—": "-", "·": "|", "•": "*",
	"─": "-", "│": "|", "█": "#", "░": ".", "▾": "-", "▸": "+", "├": "|", "└": "`", "┌": "+", "┐": "+", "┘": "+", "┼": "+",
	"←": "<", "→": ">", "↑": "^", "↓": "v", "↵": "<", "␤": "/",
	"⠋": "|", "⠙": "/", "⠹": "-", "⠸": "\\", "⠼": "|", "⠴": "/", "⠦": "-", "⠧": "\\", "⠇": "|", "⠏": "/",
	"“": "\"", "”": "\"", "‘": "'", "’": "'",
}

// inASCII draws a row with ASCII alone, in the same columns: foreign characters are question
// marks, escape sequences are our own and stay.
func inASCII(c cells, row string) string {
	if ascii(row) {
		return row
	}
	var b strings.Builder
	var state byte
	for len(row) > 0 {
		seq, width, size, next := c.DecodeSequenceInString(row, state, nil)
		row, state = row[size:], next
		sign, known := signs[seq]
		switch {
		case ascii(seq) || seq[0] == ansi.ESC:
			b.WriteString(seq)
		case known:
			b.WriteString(sign)
		default:
			b.WriteString(strings.Repeat("?", width))
		}
	}
	return b.String()
}
