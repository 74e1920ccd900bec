package tui

import (
	tea "charm.land/bubbletea/v2"
)

// help lists the keys of the place at hand, and those that work everywhere. It covers the screen
// while it is open.
type help struct{ top int }

// everywhere are the keys that do not depend on the place.
var everywhere = []struct {
	heading string
	keys    [][2]string
}{
	{"Everywhere", [][2]string{
		{"1 … 6", "show a pane; each keeps its place"},
		{"ctrl+p", "find a command, a pane or a tool"},
		{"? or f1", "this help; f1 in fields, too"},
		{"esc", "cancel the call that is shown, else go back; never quits"},
		{"ctrl+c", "cancel; twice within a second: quit"},
		{"q", "quit"},
	}},
	{"Lists", [][2]string{
		{"↑ ↓ or k j", "move"},
		{"pgup pgdn, space", "a page"},
		{"g G, home end", "first, last"},
		{"/", "filter by letters of the name or title, words of the description"},
		{"o", "tools in groups, or in the server's order"},
	}},
	{"Fields", [][2]string{
		{"← →", "move; with ctrl or alt by words"},
		{"home end", "beginning, end (ctrl+a, ctrl+e)"},
		{"ctrl+w u k", "delete the word, to the beginning, to the end"},
		{"enter, tab", "next field"},
		{"ctrl+s", "send"},
	}},
	{"Mouse", [][2]string{
		{"click", "show a pane, select; again: open"},
		{"wheel", "scroll"},
		{"shift+drag", "select text (in some terminals alt or fn)"},
	}},
}

func (m *model) pressHelp(msg tea.KeyPressMsg) {
	rows := len(m.helpRows())
	if n, ok := m.keys.step(msg, m.bodyHeight()-1, rows); ok {
		m.help.top = max(0, min(m.help.top+n, rows-m.bodyHeight()))
		return
	}
	m.help = nil
}

func (m *model) helpBody(h int) body {
	rows := m.helpRows()
	m.help.top = max(0, min(m.help.top, len(rows)-h))
	b := body{rows: rows[m.help.top:min(len(rows), m.help.top+h)], y: -1}
	if len(rows) > h {
		b.corner = "↑↓ for more"
	}
	return b
}

func (m *model) helpRows() []string {
	t, w := &m.theme, m.width-2
	rows := []string{t.strong.Render("Here")}
	add := func(key, does string) {
		rows = append(rows, fit(m.cells, " "+pad(m.cells, t.accent.Render(key), 17)+" "+t.plain.Render(does), w))
	}
	for _, h := range m.hints() {
		add(h.Help().Key, h.Help().Desc)
	}
	for _, group := range everywhere {
		rows = append(rows, "", t.strong.Render(group.heading))
		for _, k := range group.keys {
			add(k[0], k[1])
		}
	}
	return rows
}
