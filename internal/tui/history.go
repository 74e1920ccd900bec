package tui

import (
	"fmt"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// history is the place in the list of calls, which begins with the newest.
type history struct{ cursor int }

// pick is the call under the cursor, nil if there is none.
func (m *model) pick() *call {
	if i := len(m.calls) - 1 - m.history.cursor; i >= 0 && i < len(m.calls) {
		return m.calls[i]
	}
	return nil
}

func (m *model) pressHistory(msg tea.KeyPressMsg) tea.Cmd {
	k := &m.keys
	if n, ok := k.step(msg, m.bodyHeight()-1, len(m.calls)); ok {
		m.history.cursor = max(0, min(m.history.cursor+n, len(m.calls)-1))
		return nil
	}
	c := m.pick()
	switch {
	case c == nil:
	case key.Matches(msg, k.open):
		p := m.here()
		p.comeFrom(screenList)
		p.call, p.screen = c, screenCall
	case key.Matches(msg, k.again):
		m.here().comeFrom(screenList)
		return m.again(c)
	case key.Matches(msg, k.edit):
		return m.edit(c)
	}
	return nil
}

func (m *model) historyHints() []key.Binding {
	k := &m.keys
	if len(m.calls) == 0 {
		return nil
	}
	return append([]key.Binding{as(k.open, "enter", "show"), k.again}, m.editHint(m.pick())...)
}

func (m *model) historyBody() body {
	t, h, w := &m.theme, m.bodyHeight(), m.width
	b := body{y: -1, rows: []string{" " + t.strong.Render("Calls") + t.dim.Render(", the newest first")}}
	if len(m.calls) == 0 {
		b.rows = append(b.rows, "   "+t.dim.Render("Nothing was called yet."))
		return b
	}
	n := len(m.calls)
	b.corner = fmt.Sprintf("%d of %d", m.history.cursor+1, n)
	top := window(m.history.cursor, n, h-1)
	for i := top; i < min(n, top+h-1); i++ {
		b.rows = append(b.rows, m.historyRow(m.calls[n-1-i], i == m.history.cursor, w))
	}
	return b
}

// when is a time in words: without the day if it is today's.
func (m *model) when(at time.Time) string {
	at = at.In(m.clock.Location())
	if at.Format(time.DateOnly) == m.clock.Format(time.DateOnly) {
		return at.Format(time.TimeOnly)
	}
	return at.Format("Jan _2 15:04")
}

func (m *model) historyRow(c *call, selected bool, w int) string {
	t := &m.theme
	mark, word, style := "✓", elapsed(c.took), t.good
	switch {
	case m.questionOf(c) != nil:
		mark, word, style = "?", "asks you", t.warn
	case c.state == callRunning:
		mark, word, style = "…", "running "+elapsed(m.clock.Sub(c.began)), t.accent
	case c.state == callCanceled:
		mark, word, style = "–", "canceled", t.dim
	case c.state == callFailed:
		mark, word, style = "✗", "failed", t.bad
	case c.faulty:
		mark, word, style = "✗", "error, "+word, t.bad
	}
	right := t.dim.Render(word + "  " + m.when(c.began))
	name := t.plain.Render(c.item.name)
	lead := "   "
	if selected {
		lead, name = " "+t.accent.Render("› "), t.accent.Render(c.item.name)
	}
	left := lead + style.Render(mark) + " " + name
	if w >= wideWidth && string(c.arguments) != "{}" {
		left += "  " + t.dim.Render(c.brief)
	}
	return ends(m.cells, fit(m.cells, left, w-m.cells.StringWidth(right)-3), right+" ", w)
}
