package tui

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// help lists all keys that work at the place at hand. It covers the screen while it is open.
type help struct{ top int }

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
	var rows []string
	for _, group := range m.keyGroups() {
		if len(rows) > 0 {
			rows = append(rows, "")
		}
		rows = append(rows, t.strong.Render(group.heading))
		for _, b := range group.keys {
			const column = 12
			does := b.Help().Desc
			if others := otherNames(b); len(others) > 0 {
				does += " (" + strings.Join(others, ", ") + ")"
			}
			lead := pad(m.cells, t.accent.Render(b.Help().Key), column-1) + " "
			for _, row := range wrap(m.cells, does, w-column-1) {
				rows = append(rows, " "+lead+t.plain.Render(row))
				lead = strings.Repeat(" ", column)
			}
		}
	}
	return rows
}

// keySigns are the keys that have a sign or a shorter name on the screen.
var keySigns = strings.NewReplacer("up", "↑", "down", "↓", "left", "←", "right", "→", "pgup", "pgup", "pgdown", "pgdn", "delete", "del")

// keySign is the name of a key as the screen has it.
func keySign(name string) string { return keySigns.Replace(name) }

// otherNames are the keys of a binding that its words do not name.
func otherNames(b key.Binding) []string {
	shown := b.Help().Key
	var others []string
	for _, name := range b.Keys() {
		sign := keySign(name)
		mod, last := "", sign
		if i := strings.LastIndexByte(sign, '+'); i > 0 && i < len(sign)-1 {
			mod, last = sign[:i+1], sign[i+1:]
		}
		named := slices.Contains(strings.Fields(shown), sign) ||
			strings.ContainsAny(last, "↑↓←→") && strings.HasPrefix(shown, mod) && strings.Contains(shown[len(mod):], last) ||
			strings.Contains(shown, " … ") && len(name) == 1
		if !named {
			others = append(others, sign)
		}
	}
	return others
}
