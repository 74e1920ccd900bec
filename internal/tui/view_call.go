package tui

import (
	"fmt"
	"strings"
	"time"
)

// callBody shows a call: what is sent while it runs, then how it ended.
func (m *model) callBody(c *call, w, h int) body {
	switch {
	case c.state == callRunning:
		return m.runningBody(c, w, h)
	case c.past:
		return m.goneBody(c, m.pastWords(c), w, h)
	case c.state == callFailed:
		return m.failedBody(c, w, h)
	case c.state == callCanceled:
		return m.goneBody(c, "canceled after "+elapsed(c.took), w, h)
	case c.dropped:
		return m.goneBody(c, "answered after "+elapsed(c.took)+"; the result made room for newer ones", w, h)
	}
	return m.resultBody(c)
}

// pastWords says what is known of a call of an earlier run.
func (m *model) pastWords(c *call) string {
	words := map[callState]string{callAnswered: "answered", callFailed: "failed", callCanceled: "canceled"}[c.state]
	if c.faulty {
		words = "answered with an error"
	}
	words += " after " + elapsed(c.took) + ", on " + c.began.In(m.clock.Location()).Format(time.DateTime) + "; results are not kept"
	if c.withheld {
		words += ", nor secrets"
	}
	return words
}

func (m *model) runningBody(c *call, w, h int) body {
	t := &m.theme
	rows := []string{"", m.progress(deeds[c.item.kind].doing+" "+fit(m.cells, c.item.name, w-16), c.began), ""}
	if h < roomy {
		rows = rows[1:]
	}
	if c.progress.Done != 0 || c.progress.Total != 0 || c.progress.Message != "" {
		rows = append(rows, m.progressRows(c, w)...)
		rows = append(rows, "")
	}
	room := h - len(rows)
	var spoken []string
	for _, line := range c.said[max(0, len(c.said)-max(1, room/2)):] {
		spoken = append(spoken, t.dim.Render(fit(m.cells, said(line), w)))
	}
	if len(spoken) > 0 {
		spoken = append(spoken, "")
	}
	rows = append(rows, spoken...)
	return body{rows: append(rows, m.argumentRows(c, w, h-len(rows))...), y: -1}
}

// progressRows is a bar where the server knows the whole, and what it says.
func (m *model) progressRows(c *call, w int) []string {
	t, p := &m.theme, c.progress
	var rows []string
	if p.Total > 0 {
		share := max(0, min(p.Done/p.Total, 1))
		n := min(40, w-8)
		full := int(share * float64(n))
		rows = append(rows, t.accent.Render(strings.Repeat("█", full))+t.dim.Render(strings.Repeat("░", n-full))+
			t.plain.Render(fmt.Sprintf(" %3d %%", int(share*100))))
	} else if p.Done != 0 {
		rows = append(rows, t.plain.Render(fmt.Sprintf("%g done", p.Done)))
	}
	if p.Message != "" {
		rows = append(rows, t.plain.Render(fit(m.cells, oneLine(p.Message, 500), w)))
	}
	return rows
}

// argumentRows shows what is sent, as far as there is room.
func (m *model) argumentRows(c *call, w, h int) []string {
	rows, last := c.sent.rows(&m.theme, port{c: m.cells, w: w, h: max(0, h)})
	if len(rows) > 0 && c.sent.after(last) < len(c.sent.nodes) {
		rows[len(rows)-1] = m.theme.dim.Render("…")
	}
	return rows
}

// failureRows are the words of a failure above what the server said.
func (m *model) failureRows(c *call, w int) []string {
	rows := m.failureBody(&c.failure, w, m.bodyHeight()/2).rows
	if m.bodyHeight() >= roomy && c.view != nil {
		tabs := c.view.tabs(&m.theme, port{c: m.cells, w: w})
		rows = append(rows, ends(m.cells, "", tabs, w))
	}
	return rows
}

// failedBody shows why a call failed, and what the server said to it.
func (m *model) failedBody(c *call, w, h int) body {
	if c.view == nil {
		return m.failureBody(&c.failure, w, h)
	}
	rows := m.failureRows(c, w)
	b := c.view.rows(&m.theme, m.port(c))
	if b.y >= 0 {
		b.y += len(rows)
	}
	b.rows = append(rows, b.rows...)
	return b
}

func (m *model) confirmBody(c *call, w, h int) body {
	t := &m.theme
	rows := []string{"", t.bad.Bold(true).Render("! " + fit(m.cells, c.item.name, w-2))}
	if h < roomy {
		rows = rows[1:]
	}
	question := "This tool may change or delete things for good. Call it with these arguments?"
	if h < roomy {
		question = "This may delete things for good. Call?"
	}
	rows = append(rows, styled(wrap(m.cells, question, w), t.plain)...)
	rows = append(rows, "")
	return body{rows: append(rows, m.argumentRows(c, w, h-len(rows))...), y: -1}
}

// goneBody shows a call that has nothing to show but what was sent.
func (m *model) goneBody(c *call, how string, w, h int) body {
	t := &m.theme
	rows := []string{"", t.strong.Render(fit(m.cells, c.item.name, w)), ""}
	if h < roomy {
		rows = rows[1:]
	}
	rows = append(rows, styled(wrap(m.cells, capital(how), w), t.plain)...)
	rows = append(rows, "")
	return body{rows: append(rows, m.argumentRows(c, w, h-len(rows))...), y: -1}
}

// resultBody is a heading, with the ways to look at the result, and the result.
func (m *model) resultBody(c *call) body {
	t, p := &m.theme, m.port(c)
	took := "  " + elapsed(c.took)
	if c.info && c.took == 0 {
		took = ""
	}
	tabs := c.view.tabs(t, port{c: m.cells, w: p.w / 2})
	room := p.w - m.cells.StringWidth(took+tabs) - 2
	if tabs != "" {
		room -= 2
	}
	heading := t.good.Render("✓ ") + t.strong.Render(fit(m.cells, c.item.name, room))
	if c.view.failed {
		verdict := " answered with an error"
		if room < 8+len(verdict) {
			verdict = ""
		}
		heading = t.bad.Bold(true).Render("✗ "+fit(m.cells, c.item.name, room-len(verdict))) + t.bad.Render(verdict)
	}
	b := c.view.rows(t, p)
	b.rows = append([]string{ends(m.cells, heading+t.dim.Render(took), tabs, p.w)}, b.rows...)
	if b.y >= 0 {
		b.y++
	}
	return b
}
