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
		return m.failureBody(&c.failure, w, h)
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
	p := pane{doc: &c.sent, c: m.cells, w: w, h: max(0, h)}
	rows, last := p.rows(&m.theme, scroll{})
	if len(rows) > 0 && last+1 < len(c.sent.lines) {
		rows[len(rows)-1] = m.theme.dim.Render("…")
	}
	return rows
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
	rows = append(rows, styled("", wrap(m.cells, question, w), t.plain)...)
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
	rows = append(rows, styled("", wrap(m.cells, capital(how), w), t.plain)...)
	rows = append(rows, "")
	return body{rows: append(rows, m.argumentRows(c, w, h-len(rows))...), y: -1}
}

// window is that of the result: the body without its heading.
func (m *model) window(c *call) pane {
	return pane{doc: &c.doc, c: m.cells, w: m.width - 2, h: m.bodyHeight() - 1}
}

func (m *model) resultBody(c *call) body {
	t, p := &m.theme, m.window(c)
	took := "  " + elapsed(c.took)
	heading := t.good.Render("✓ ") + t.strong.Render(fit(m.cells, c.item.name, p.w-len(took)-2))
	if c.doc.failed {
		const verdict = " answered with an error"
		heading = t.bad.Bold(true).Render("✗ "+fit(m.cells, c.item.name, max(8, p.w-len(took)-2-len(verdict)))) +
			t.bad.Render(verdict)
	}
	rows, last := p.rows(t, c.at)
	b := body{rows: append([]string{heading + t.dim.Render(took)}, rows...), y: -1}
	if n := len(c.doc.lines); c.at != (scroll{}) || last+1 < n || c.at != p.end() {
		b.corner = fmt.Sprintf("line %d–%d of %d", c.at.line+1, last+1, n)
	}
	return b
}
