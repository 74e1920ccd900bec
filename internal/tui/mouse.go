package tui

import (
	"time"

	tea "charm.land/bubbletea/v2"
)

// bodyTop is the row in which the body begins, tabsRow that of the tabs.
const tabsRow, bodyTop = 1, 2

// wheelRows is how far one notch of the wheel scrolls.
const wheelRows = 3

// click shows a pane, or selects a row. On the selected row it does what Enter does.
func (m *model) click(msg tea.MouseClickMsg) tea.Cmd {
	m.notice = ""
	if m.tooSmall() || msg.Button != tea.MouseLeft {
		return nil
	}
	x, row := msg.X, msg.Y-bodyTop
	switch {
	case m.help != nil:
		m.help = nil
		return nil
	case m.palette != nil:
		return m.clickPalette(row)
	case m.login != nil:
		return nil
	case msg.Y == tabsRow:
		for _, tab := range m.tabs(m.width) {
			if x >= tab.from && x < tab.to {
				return m.goTo(tab.id)
			}
		}
		return nil
	case row < 0 || row >= m.bodyHeight():
		return nil
	case m.here().screen == screenForm:
		return m.clickForm(m.form(), m.formBody(), row)
	case m.asked() != nil:
		if f := m.asked().form; f != nil {
			return m.clickForm(f, m.questionBody(), row)
		}
		return nil
	case m.here().view() != nil:
		return m.clickResult(m.here().call, row)
	case m.here().screen != screenList:
		return nil
	case m.pane == paneLog:
		return m.clickLog(row)
	case row == 0:
		return nil
	}
	if l := m.listAt(m.pane); l != nil {
		return m.clickList(l, x, row)
	}
	if m.pane == paneInspector {
		if lines, top := m.inspectorLines(); top+row < len(lines) && lines[top+row].pick >= 0 {
			return m.clickRow(lines[top+row].pick, len(lines), &m.inspector.cursor)
		}
		return nil
	}
	if m.pane == paneHistory {
		n, h := len(m.calls), m.bodyHeight()
		return m.clickRow(window(m.history.cursor, n, h-1)+row-1, n, &m.history.cursor)
	}
	return nil
}

func (m *model) clickList(l *listPane, x, row int) tea.Cmd {
	h := m.bodyHeight()
	if m.width < wideWidth {
		h = max(3, h-4)
	} else if x >= m.listWidth(&l.list) {
		return nil
	}
	lines, cursor := l.lines()
	at := window(cursor, len(lines), h-1) + row - 1
	if !l.loaded || l.failed != nil || row >= h || at >= len(lines) || lines[at].hit < 0 {
		return nil
	}
	l.typing = false
	return m.clickRow(lines[at].hit, len(l.hits), &l.cursor)
}

func (m *model) clickLog(row int) tea.Cmd {
	if len(m.log.entries) == 0 {
		return nil
	}
	rows := m.logRows()
	if row >= len(rows) {
		return nil
	}
	return m.clickRow(rows[row].up, len(m.log.entries), &m.log.up)
}

// clickForm puts the focus on a field. A box that has it is ticked.
func (m *model) clickForm(f *form, b body, row int) tea.Cmd {
	switch {
	case row >= len(b.slots) || b.slots[row] < 0 || f.visit(b.slots[row]):
	case f.focused().kind == kindBoolean:
		return m.point("space")
	}
	return nil
}

// clickResult puts the cursor on a line or a row of a result.
func (m *model) clickResult(c *call, row int) tea.Cmd {
	v, p := c.view, c.view.inside(m.port(c))
	row--
	if c.state == callFailed {
		row -= len(m.failureRows(c, p.w)) - 1
	}
	o := v.outline()
	switch {
	case row < 0 || row >= p.h || v.strip != nil:
	case v.shown == viewTable && v.table != nil:
		if row += v.table.top - 1; row >= v.table.top { // below the names
			return m.clickRow(row, len(v.table.lines), &v.table.row)
		}
	case o != nil && !o.flat:
		if at := o.at(p, row); at >= 0 {
			return m.clickRow(at, len(o.nodes), &o.cursor)
		}
	}
	return nil
}

func (m *model) clickPalette(row int) tea.Cmd {
	p := m.palette
	if row < 1 {
		return nil
	}
	return m.clickRow(window(p.cursor, len(p.hits), m.bodyHeight()-1)+row-1, len(p.hits), &p.cursor)
}

// clickRow puts the cursor on a row, or opens it where the cursor is there already.
func (m *model) clickRow(row, n int, cursor *int) tea.Cmd {
	switch {
	case row >= n:
		return nil
	case row == *cursor:
		return m.point("enter")
	}
	*cursor = row
	return nil
}

// point does what a key does. Unlike one that is typed it was not meant for a field that has gone.
func (m *model) point(name string) tea.Cmd {
	deaf := m.deaf
	m.deaf = time.Time{}
	cmd := m.press(keyPress(name))
	m.deaf = deaf
	return cmd
}

// wheel scrolls as the arrows do.
func (m *model) wheel(msg tea.MouseWheelMsg) tea.Cmd {
	var name string
	switch msg.Button {
	case tea.MouseWheelUp:
		name = "up"
	case tea.MouseWheelDown:
		name = "down"
	default:
		return nil
	}
	var cmds []tea.Cmd
	for range wheelRows {
		cmds = append(cmds, m.point(name))
	}
	return tea.Batch(cmds...)
}
