package tui

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// Bounds of the log.
const (
	maxLog      = 2000
	maxLogBytes = 2 << 20
	maxEntry    = maxCopy + utf8.UTFMax // what is longer was cut, and is not copied
)

// record is the log: what was called, in the words of the command line, and what the client and
// the server said.
type record struct {
	entries []entry
	bytes   int // of their texts
	up      int // how far above the newest the cursor is
}

// tone is how an entry is colored.
type tone uint8

const (
	tonePlain   tone = iota
	toneCommand      // what the command line would be
	toneServer       // what the server says
	toneBad
)

type entry struct {
	at   time.Time
	tone tone
	text string // printable
}

// note writes a line into the log.
func (m *model) note(tone tone, text string) {
	r := &m.log
	e := entry{at: m.clock, tone: tone, text: oneLine(text, maxEntry)}
	r.entries = append(r.entries, e)
	r.bytes += len(e.text)
	gone := 0
	for len(r.entries)-gone > maxLog || r.bytes > maxLogBytes {
		r.bytes -= len(r.entries[gone].text)
		gone++
	}
	r.entries = slices.Delete(r.entries, 0, gone)
	if r.up > 0 { // the cursor stays where it is
		r.up = min(r.up+1, len(r.entries)-1)
	}
}

// pick is the entry under the cursor, nil if there is none.
func (r *record) pick() *entry {
	if i := len(r.entries) - 1 - r.up; i >= 0 {
		return &r.entries[i]
	}
	return nil
}

func (m *model) pressLog(msg tea.KeyPressMsg) tea.Cmd {
	k, r := &m.keys, &m.log
	if n, ok := k.step(msg, m.bodyHeight()-1, len(r.entries)); ok {
		r.up = max(0, min(r.up-n, len(r.entries)-1))
		return nil
	}
	e := r.pick()
	switch {
	case e == nil:
	case key.Matches(msg, k.open):
		m.showText(e.name()+" of "+e.at.Format(time.TimeOnly), e.text)
	case key.Matches(msg, k.copyFact):
		a := copied(e.text, "the "+e.name())
		if m.notice = a.notice; a.kind != actCopy {
			m.notice = "not copied: a terminal takes at most 74 kB"
			return nil
		}
		return tea.SetClipboard(a.text)
	}
	return nil
}

func (e *entry) name() string {
	if e.tone == toneCommand {
		return "command"
	}
	return "line"
}

func (m *model) logHints() []key.Binding {
	k := &m.keys
	if len(m.log.entries) == 0 {
		return nil
	}
	return []key.Binding{as(k.open, "enter", "show"), k.copyFact}
}

// logRow is a row of the pane, and how far its entry is above the newest.
type logRow struct {
	text string
	up   int
}

// logRows are the rows around the cursor that fit.
func (m *model) logRows() []logRow {
	r, h := &m.log, m.bodyHeight()
	rows := m.entryRows(r.up)
	var before, after []logRow
	for up := r.up + 1; up < len(r.entries) && len(before) < h; up++ {
		before = append(m.entryRows(up), before...)
	}
	for up := r.up - 1; up >= 0 && len(after) < h; up-- {
		after = append(after, m.entryRows(up)...)
	}
	at := len(before) + len(rows)/2
	rows = append(append(before, rows...), after...)
	top := window(at, len(rows), h)
	return rows[top:min(len(rows), top+h)]
}

// logBody shows the entries around the cursor, wrapped; a long one is cut.
func (m *model) logBody() body {
	b, n := body{y: -1}, len(m.log.entries)
	if n == 0 {
		b.rows = []string{"   " + m.theme.dim.Render("Nothing has happened yet.")}
		return b
	}
	for _, row := range m.logRows() {
		b.rows = append(b.rows, row.text)
	}
	b.corner = fmt.Sprintf("%d of %d", n-m.log.up, n)
	return b
}

func (m *model) entryRows(up int) []logRow {
	t, r := &m.theme, &m.log
	e := &r.entries[len(r.entries)-1-up]
	style := map[tone]lipgloss.Style{tonePlain: t.plain, toneBad: t.bad, toneServer: t.dim, toneCommand: t.word}[e.tone]
	mark := "   "
	if up == r.up {
		mark, style = " "+t.accent.Render("›")+" ", t.accent
	}
	const lead = len("   15:04:05 ")
	w, most := m.width-lead, max(2, m.bodyHeight()/2)
	text, cut := clip(e.text, w*(most+1)*utf8.UTFMax)
	if cut {
		text += "…"
	}
	var rows []logRow
	for i, row := range head(m.cells, e.wrap(m.cells, text, w), most, w) {
		before := strings.Repeat(" ", lead)
		if i == 0 {
			before = mark + t.dim.Render(e.at.Format(time.TimeOnly)) + " "
		}
		rows = append(rows, logRow{before + style.Render(row), up})
	}
	return rows
}

// wrap breaks an entry into rows. A quoted word of a command stays whole where it fits.
func (e *entry) wrap(c cells, text string, w int) []string {
	if e.tone != toneCommand {
		return wrap(c, text, w)
	}
	const solid = "\u00a0" // a command has none of its own
	words := shellWords(text)
	for i, word := range words {
		if c.StringWidth(word) <= w {
			words[i] = strings.ReplaceAll(word, " ", solid)
		}
	}
	rows := wrap(c, strings.Join(words, " "), w)
	for i := range rows {
		rows[i] = strings.ReplaceAll(rows[i], solid, " ")
	}
	return rows
}

// shellWords are the words of a line that shellQuote has quoted.
func shellWords(line string) []string {
	var words []string
	from, quoted := 0, false
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\'':
			quoted = !quoted
		case '\\':
			if !quoted {
				i++
			}
		case ' ':
			if !quoted {
				words = append(words, line[from:i])
				from = i + 1
			}
		}
	}
	return append(words, line[from:])
}
