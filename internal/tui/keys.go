package tui

import (
	"strings"

	"charm.land/bubbles/v2/key"
)

// keymap is every key outside of text fields, with the words that the footer has for it.
type keymap struct {
	up, down, pageUp, pageDown, top, bottom key.Binding

	open, filter, reload, back, again, retry, quit, interrupt key.Binding

	next, previous, submit, call, yes, no, keep key.Binding
}

func newKeymap() keymap {
	bind := func(show, does string, keys ...string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(show, does))
	}
	return keymap{
		up:        bind("↑↓", "move", "up", "k"),
		down:      bind("↑↓", "move", "down", "j"),
		pageUp:    bind("pgup", "page", "pgup", "ctrl+b"),
		pageDown:  bind("pgdn", "page", "pgdown", "ctrl+f", "space"),
		top:       bind("g", "top", "g", "home"),
		bottom:    bind("G", "end", "G", "end"),
		open:      bind("enter", "call", "enter"),
		filter:    bind("/", "filter", "/"),
		reload:    bind("r", "reload", "r"),
		back:      bind("esc", "back", "esc"),
		again:     bind("r", "run again", "r"),
		retry:     bind("r", "retry", "r", "enter"),
		quit:      bind("q", "quit", "q"),
		interrupt: bind("ctrl+c", "quit", "ctrl+c"),
		next:      bind("enter", "next", "enter"),
		previous:  bind("↑↓", "field", "up", "shift+tab"),
		submit:    bind("ctrl+s", "call", "ctrl+s"),
		call:      bind("enter", "call", "enter"),
		yes:       bind("y", "call it", "y", "enter"),
		no:        bind("n", "back", "n", "esc"),
		keep:      bind("enter", "keep", "enter"),
	}
}

// as is a binding with other words in the footer.
func as(b key.Binding, show, does string) key.Binding {
	b.SetHelp(show, does)
	return b
}

// hints are the keys of the screen at hand, the most useful first and the way out last.
func (m *model) hints() []key.Binding {
	k := &m.keys
	switch m.screen {
	case screenTools:
		if m.list.typing {
			return []key.Binding{k.keep, as(k.back, "esc", "clear"), k.up, k.interrupt}
		}
		hints := []key.Binding{k.open, k.filter, k.up, k.reload}
		if it := m.list.selected(); it != nil && len(it.shape.fields) > 0 {
			hints[0] = as(k.open, "enter", "fill in")
		}
		if m.list.filter.text != "" {
			hints = append(hints, as(k.back, "esc", "clear filter"))
		}
		return append(hints, k.quit)
	case screenForm:
		f := m.form()
		hints := []key.Binding{k.next, k.back, k.submit, k.previous}
		if f.last() {
			hints = []key.Binding{k.call, k.back, k.previous}
		}
		hints = append(hints, f.hints()...)
		return append(hints, k.interrupt)
	case screenConfirm:
		return []key.Binding{k.yes, k.no, k.quit}
	case screenRunning:
		if m.login != nil && m.login.noBrowser && m.pasteTo != nil {
			return []key.Binding{as(k.next, "enter", "send"), as(k.back, "esc", "cancel")}
		}
		return []key.Binding{as(k.back, "esc", "cancel")}
	case screenResult:
		return []key.Binding{k.back, k.again, as(k.up, "↑↓", "scroll"), k.pageDown, k.bottom, k.quit}
	case screenFailure:
		if !m.loaded {
			return []key.Binding{k.retry, k.quit}
		}
		return []key.Binding{k.retry, k.back, k.quit}
	}
	return []key.Binding{k.quit}
}

// footer writes the hints that fit; the last one always does.
func (m *model) footer(w int) string {
	hints, gap := m.hints(), "   "
	if w < 60 {
		gap = "  "
	}
	for {
		parts := make([]string, 0, len(hints))
		for _, h := range hints {
			parts = append(parts, m.theme.strong.Render(h.Help().Key)+" "+m.theme.dim.Render(h.Help().Desc))
		}
		row := " " + strings.Join(parts, gap)
		if len(hints) < 2 || m.cells.StringWidth(row) <= w {
			return fit(m.cells, row, w)
		}
		hints = append(hints[:len(hints)-2:len(hints)-2], hints[len(hints)-1])
	}
}
