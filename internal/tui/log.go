package tui

import (
	"fmt"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// maxLog bounds the entries of the log.
const maxLog = 2000

// record is the log: what was called, in the words of the command line, and what the client and
// the server said.
type record struct {
	entries []entry
	up      int // how far above the newest the window ends
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
	r.entries = append(r.entries, entry{at: m.clock, tone: tone, text: oneLine(text, 4000)})
	if len(r.entries) > maxLog {
		r.entries = append([]entry(nil), r.entries[len(r.entries)-maxLog:]...)
	}
	if r.up > 0 { // what is read stays in place
		r.up = min(r.up+1, len(r.entries)-1)
	}
}

func (m *model) pressLog(msg tea.KeyPressMsg) {
	r := &m.log
	if n, ok := m.keys.step(msg, m.bodyHeight()-1, len(r.entries)); ok {
		r.up = max(0, min(r.up-n, len(r.entries)-1))
	}
}

func (m *model) logHints() []key.Binding {
	k := &m.keys
	return []key.Binding{as(k.up, "↑↓", "scroll"), k.top, k.bottom, k.quit}
}

// logBody shows the last entries that fit, wrapped.
func (m *model) logBody() body {
	t, h := &m.theme, m.bodyHeight()
	b := body{y: -1}
	last := len(m.log.entries) - 1 - m.log.up
	if last < 0 {
		b.rows = []string{"   " + t.dim.Render("Nothing has happened yet.")}
		return b
	}
	for i := last; i >= 0 && len(b.rows) < h; i-- {
		rows := m.entryRows(&m.log.entries[i])
		b.rows = append(rows, b.rows...)
	}
	b.rows = b.rows[max(0, len(b.rows)-h):]
	if m.log.up > 0 {
		b.corner = fmt.Sprintf("%d newer below", m.log.up)
	}
	return b
}

func (m *model) entryRows(e *entry) []string {
	t := &m.theme
	style := t.plain
	switch e.tone {
	case toneBad:
		style = t.bad
	case toneServer:
		style = t.dim
	case toneCommand:
		style = t.word
	}
	rows := wrap(m.cells, e.text, max(10, m.width-11))
	for i, row := range rows {
		lead := "          "
		if i == 0 {
			lead = " " + t.dim.Render(e.at.Format("15:04:05")) + " "
		}
		rows[i] = lead + style.Render(row)
	}
	return rows
}
