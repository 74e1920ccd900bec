package tui

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// keymap is every key outside of text fields, with the words that the footer has for it.
type keymap struct {
	up, down, pageUp, pageDown, top, bottom key.Binding

	open, filter, reload, back, again, edit, retry, background, signIn, copyURL, pasteURL, quit, interrupt, help, palette, group key.Binding

	next, previous, submit, call, yes, no, keep, decline, copyFact, renew, signOut, watch key.Binding
}

func newKeymap() keymap {
	bind := func(show, does string, keys ...string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(show, does))
	}
	return keymap{
		up:         bind("↑↓", "move", "up", "k"),
		down:       bind("↑↓", "move", "down", "j"),
		pageUp:     bind("pgup", "page", "pgup", "ctrl+b"),
		pageDown:   bind("pgdn", "page", "pgdown", "ctrl+f", "space"),
		top:        bind("g", "top", "g", "home"),
		bottom:     bind("G", "end", "G", "end"),
		open:       bind("enter", "call", "enter"),
		filter:     bind("/", "filter", "/"),
		reload:     bind("r", "reload", "r"),
		back:       bind("esc", "back", "esc"),
		again:      bind("r", "run again", "r"),
		edit:       bind("e", "edit and run", "e"),
		retry:      bind("r", "retry", "r", "enter"),
		background: bind("b", "to the background", "b"),
		signIn:     bind("s", "sign in and run again", "s"),
		copyURL:    bind("c", "copy the address", "c"),
		pasteURL:   bind("p", "paste an address", "p"),
		quit:       bind("q", "quit", "q"),
		help:       bind("?", "help", "?"),
		palette:    bind("ctrl+p", "commands", "ctrl+p"),
		group:      bind("o", "groups", "o"),
		interrupt:  bind("ctrl+c", "quit", "ctrl+c"),
		next:       bind("enter", "next", "enter"),
		previous:   bind("↑↓", "field", "up", "shift+tab"),
		submit:     bind("ctrl+s", "call", "ctrl+s"),
		call:       bind("enter", "call", "enter"),
		yes:        bind("y", "call it", "y", "enter"),
		no:         bind("n", "back", "n", "esc"),
		decline:    bind("ctrl+r", "decline", "ctrl+r"),
		watch:      bind("w", "watch", "w"),
		copyFact:   bind("y", "copy", "y"),
		renew:      bind("t", "renew the token", "t"),
		signOut:    bind("o", "sign out", "o"),
		keep:       bind("enter", "keep", "enter"),
	}
}

// as is a binding with other words in the footer.
func as(b key.Binding, show, does string) key.Binding {
	b.SetHelp(show, does)
	return b
}

// step is how far a key moves in a list of n rows whose window has page of them; false: it does not.
func (k *keymap) step(msg tea.KeyPressMsg, page, n int) (int, bool) {
	page = max(1, page)
	switch {
	case key.Matches(msg, k.up):
		return -1, true
	case key.Matches(msg, k.down):
		return 1, true
	case key.Matches(msg, k.pageUp):
		return -page, true
	case key.Matches(msg, k.pageDown):
		return page, true
	case key.Matches(msg, k.top):
		return -n, true
	case key.Matches(msg, k.bottom):
		return n, true
	}
	return 0, false
}

// hints are the keys of the screen at hand, the most useful first and the way out last.
func (m *model) hints() []key.Binding {
	k, p := &m.keys, m.here()
	if m.login != nil {
		return m.loginHints()
	}
	switch p.screen {
	case screenForm:
		return m.formHints()
	case screenConfirm:
		return []key.Binding{k.yes, k.no, k.quit}
	case screenCall:
		return m.callHints(p.call)
	}
	return m.paneHints()
}

func (m *model) listHints(p *listPane) []key.Binding {
	k := &m.keys
	switch {
	case p.failed != nil && p.failed.signIn:
		return []key.Binding{as(k.signIn, "s", "sign in"), k.retry, k.quit}
	case p.failed != nil && p.loaded:
		return []key.Binding{k.retry, k.back, k.quit}
	case p.failed != nil:
		return []key.Binding{k.retry, k.quit}
	case !p.loaded:
		return []key.Binding{k.quit}
	case p.typing:
		return []key.Binding{k.keep, as(k.back, "esc", "clear"), k.up, k.interrupt}
	}
	hints := []key.Binding{k.open, k.filter, k.up, k.reload}
	switch it := p.selected(); {
	case it == nil && len(p.items) == 0:
		return []key.Binding{k.reload, k.quit}
	case it == nil:
	case len(it.shape.fields) > 0:
		hints[0] = as(k.open, "enter", "fill in")
	default:
		hints[0] = as(k.open, "enter", it.deed())
	}
	if it := p.selected(); it != nil && it.watchable {
		watch := k.watch
		if m.watches[it.id].on {
			watch = as(watch, "w", "stop watching")
		}
		hints = append(hints, watch)
	}
	if p.filter.text != "" {
		hints = append(hints, as(k.back, "esc", "clear filter"))
	}
	if p.headed {
		hints = append(hints, as(k.group, "o", "without groups"))
	}
	return append(hints, k.quit)
}

func (m *model) formHints() []key.Binding {
	k, f := &m.keys, m.form()
	verb := m.here().item.deed()
	hints := []key.Binding{k.next, k.back, as(k.submit, "ctrl+s", verb)}
	if f.last() {
		hints = []key.Binding{as(k.call, "enter", verb), k.back}
	}
	if f.unfinished() {
		hints = []key.Binding{as(k.next, "enter", "line"), k.back, as(k.submit, "ctrl+s", verb)}
	}
	return append(append(hints, f.hints()...), k.previous, k.interrupt)
}

func (m *model) callHints(c *call) []key.Binding {
	k := &m.keys
	switch {
	case m.asked() != nil:
		return m.questionHints()
	case c.state == callRunning:
		return []key.Binding{as(k.back, "esc", "cancel"), k.background, k.quit}
	case c.state == callFailed && c.failure.signIn:
		return []key.Binding{k.signIn, k.retry, k.back, k.quit}
	case c.view == nil && c.state == callFailed:
		return []key.Binding{k.retry, k.back, k.edit, k.quit}
	case c.view == nil:
		return []key.Binding{k.back, k.again, k.edit, k.quit}
	case c.view.strip != nil:
		return c.view.hints()
	}
	own := c.view.hints()
	if c.info {
		return append(append([]key.Binding{own[0], k.back}, own[1:]...), as(k.up, "↑↓", "move"), k.quit)
	}
	hints := append([]key.Binding{own[0], k.back, k.again}, own[1:]...)
	return append(hints, k.edit, as(k.up, "↑↓", "move"), k.quit)
}

// footer writes the hints that fit; the last one always does.
func (m *model) footer(w int) string {
	hints, gap := m.hints(), "   "
	switch {
	case m.palette != nil:
		hints = []key.Binding{as(m.keys.open, "enter", "do it"), m.keys.up, as(m.keys.back, "esc", "close")}
	case m.help != nil:
		hints = []key.Binding{as(m.keys.up, "↑↓", "scroll"), as(m.keys.back, "esc", "close")}
	case !m.inField():
		hints = slices.Insert(hints, len(hints)-1, m.keys.help, m.keys.palette)
	}
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
