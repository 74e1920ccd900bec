package tui

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
)

// hints are the keys that do something here and nowhere else, the most useful first. With
// [model.keyGroups], which has the others, they are what the footer, the help and the palette say.
func (m *model) hints() []key.Binding {
	k, p := &m.keys, m.here()
	switch {
	case m.palette != nil:
		return k.choosing([]key.Binding{as(k.open, "enter", "do it"), k.shut}, len(m.palette.hits))
	case m.login != nil:
		return m.loginHints()
	}
	switch p.screen {
	case screenForm:
		verb := p.item.deed()
		return m.fillHints(m.form(), verb, []key.Binding{k.back, as(k.submit, "ctrl+s", verb)}, k.copyLine)
	case screenConfirm:
		return []key.Binding{k.yes, k.no}
	case screenCall:
		if m.asked() != nil {
			return m.questionHints()
		}
		return m.callHints(p.call)
	}
	switch m.pane {
	case paneHistory:
		return m.historyHints()
	case paneInspector:
		return m.inspectorHints()
	case paneLog:
		return m.logHints()
	}
	return m.listHints(m.listAt(m.pane))
}

func (m *model) listHints(p *listPane) []key.Binding {
	k := &m.keys
	switch {
	case p.failed != nil && p.failed.signIn:
		return []key.Binding{as(k.signIn, "s", "sign in"), k.retry}
	case p.failed != nil && p.loaded:
		return []key.Binding{k.retry, k.back}
	case p.failed != nil:
		return []key.Binding{k.retry}
	case !p.loaded:
		return nil
	case p.typing:
		return k.choosing([]key.Binding{k.keep, as(k.back, "esc", "clear")}, len(p.hits))
	}
	var hints []key.Binding
	it := p.selected()
	switch {
	case it == nil:
	case len(it.shape.fields) > 0:
		hints = append(hints, as(k.open, "enter", "fill in"))
	default:
		hints = append(hints, as(k.open, "enter", it.deed()))
	}
	if len(p.items) > 0 {
		hints = append(hints, k.filter)
	}
	if p.filter.text != "" {
		hints = append(hints, as(k.back, "esc", "clear filter"))
	}
	switch {
	case it == nil || !it.watchable:
	case m.watches[it.id].on:
		hints = append(hints, as(k.watch, "w", "stop watching"))
	default:
		hints = append(hints, k.watch)
	}
	hints = append(hints, k.reload)
	switch {
	case m.pane != paneTools, !p.mixed(), p.filter.text != "": // what the filter leaves has no groups
	case p.headed:
		hints = append(hints, as(k.group, "o", "without groups"))
	default:
		hints = append(hints, k.group)
	}
	return hints
}

// choosing adds the keys that move in a list of n rows while its filter is typed.
func (k *keymap) choosing(hints []key.Binding, n int) []key.Binding {
	if n < 2 {
		return hints
	}
	return append(hints, k.among, k.amongPages)
}

// fillHints are the keys of a form: how to go on, the ways out of it, and what the field at hand
// takes.
func (m *model) fillHints(f *form, verb string, ways []key.Binding, more ...key.Binding) []key.Binding {
	k := &m.keys
	next := k.next
	switch {
	case f.unfinished():
		next = as(k.next, "enter", "line")
	case f.last():
		next = as(k.next, "enter", verb)
	}
	return slices.Concat([]key.Binding{next}, ways, f.hints(), []key.Binding{k.editor}, more)
}

func (m *model) questionHints() []key.Binding {
	k, q := &m.keys, m.asked()
	skip := as(k.back, "esc", "skip")
	switch {
	case q.form != nil:
		return m.fillHints(q.form, "answer", []key.Binding{as(k.submit, "ctrl+s", "answer"), k.decline, skip})
	case q.asked.URL == "":
		return []key.Binding{as(k.yes, "y", "accept"), hint("n", "decline", "n"), skip, k.background}
	}
	return []key.Binding{as(k.yes, "y", "open it"), hint("n", "decline", "n"), skip, k.copyURL, k.background}
}

func (m *model) callHints(c *call) []key.Binding {
	k := &m.keys
	switch {
	case c.state == callRunning:
		return []key.Binding{as(k.back, "esc", "cancel"), k.background}
	case c.state == callFailed && c.failure.signIn:
		return append([]key.Binding{k.signIn, k.back, k.retry}, m.editHint(c)...)
	case c.view == nil && c.state == callFailed:
		return append([]key.Binding{k.retry, k.back}, m.editHint(c)...)
	case c.view == nil:
		return append([]key.Binding{k.again, k.back}, m.editHint(c)...)
	case c.view.strip != nil:
		return c.view.hints()
	}
	own, back := c.view.hints(), k.back
	if c.view.search.text != "" {
		back = newViewKeys().clear
	}
	if c.info {
		return slices.Insert(own, min(1, len(own)), back)
	}
	return append(slices.Insert(own, 1, back, k.again), m.editHint(c)...)
}

// editHint is the key that edits a call, if it can have arguments.
func (m *model) editHint(c *call) []key.Binding {
	if it := m.itemOf(c); it == nil || len(it.shape.fields) == 0 {
		return nil
	}
	return []key.Binding{m.keys.edit}
}

// moving are the keys that move here, outside of fields.
func (m *model) moving() []key.Binding {
	k, p := &m.keys, m.here()
	switch {
	case m.login != nil, m.inField(): // of which the palette is one
		return nil
	case p.screen == screenCall && m.asked() == nil && p.call.over() && p.call.view != nil:
		return p.call.view.moving(k)
	case p.screen != screenList, m.pane == paneInspector && m.inspector.leaving,
		m.pane == paneHistory && len(m.calls) == 0, m.pane == paneLog && len(m.log.entries) == 0:
		return nil
	}
	if l := m.listAt(m.pane); l != nil && (!l.loaded || l.failed != nil || len(l.hits) == 0) {
		return nil
	}
	return k.moving(true)
}

// filling is the form that takes the keys, nil if there is none.
func (m *model) filling() *form {
	switch p := m.here(); {
	case m.login != nil, m.palette != nil:
	case p.screen == screenForm:
		return m.form()
	case m.asked() != nil && m.asked().form != nil:
		return m.asked().form
	}
	return nil
}

// writing says whether there is a text under the cursor.
func (m *model) writing() bool {
	f := m.filling()
	if f == nil {
		return m.palette != nil || m.inField() && m.asked() == nil
	}
	in := f.focused()
	return in != nil && in.typed()
}

// keyGroup is a part of the keys that work at the place at hand, or of what the mouse does.
type keyGroup struct {
	heading string
	keys    []key.Binding
}

// keyGroups are all keys that work here.
func (m *model) keyGroups() []keyGroup {
	k := &m.keys
	groups := []keyGroup{{"Here", m.hints()}, {"Moving", m.moving()}}
	if m.filling() != nil {
		groups = append(groups, keyGroup{"Fields", k.fields})
	}
	if m.writing() {
		groups = append(groups, keyGroup{"Text", k.text})
	}
	groups = append(groups, keyGroup{"Everywhere", m.everywhere()}, keyGroup{"Mouse", k.mouse})
	return slices.DeleteFunc(groups, func(g keyGroup) bool { return len(g.keys) == 0 })
}

// everywhere are the keys that do not depend on the place, but for letters, which are text in fields.
func (m *model) everywhere() []key.Binding {
	k := &m.keys
	keys := []key.Binding{
		key.NewBinding(key.WithHelp("esc", "cancel the call that is shown, else go back; never quits")),
		as(k.interrupt, "ctrl+c", "cancel; twice within a second: quit"),
	}
	if m.palette == nil {
		keys = append([]key.Binding{as(k.palette, "ctrl+p", "find a command, a pane or a tool")}, keys...)
	}
	if m.inField() {
		return append(keys, as(k.helpField, "f1", "this help"))
	}
	if m.login == nil {
		keys = append([]key.Binding{k.panes}, keys...)
	}
	return append(keys, as(k.help, "?", "this help"), k.quit)
}

// footer names the keys that there is room for, the help, which has all of them, in any case.
func (m *model) footer(w int) string {
	k, gap := &m.keys, "   "
	if w < 60 {
		gap = "  "
	}
	hints, ways := m.footing()
	for {
		all := slices.Concat(hints, ways)
		parts := make([]string, 0, len(all))
		for _, h := range all {
			parts = append(parts, m.theme.strong.Render(h.Help().Key)+" "+m.theme.dim.Render(h.Help().Desc))
		}
		row := " " + strings.Join(parts, gap)
		last := len(ways) - 1
		switch {
		case m.cells.StringWidth(row) <= w || len(all) < 2:
			return fit(m.cells, row, w)
		case len(hints) > 4:
			hints = hints[:len(hints)-1]
		case len(ways) > 0 && ways[0].Help().Key == k.palette.Help().Key:
			ways = ways[1:]
		case len(hints) > 2:
			hints = hints[:len(hints)-1]
		case last > 0:
			ways = ways[:last]
		default:
			hints = hints[:len(hints)-1]
		}
	}
}

// footing are the keys of the footer, the most useful first, and those at its end.
func (m *model) footing() (hints, ways []key.Binding) {
	k := &m.keys
	switch {
	case m.help != nil:
		return []key.Binding{as(k.up, "↑↓", "scroll"), as(k.back, "esc", "close")}, nil
	case m.palette != nil:
		return m.hints(), []key.Binding{k.helpField}
	}
	hints = slices.Clone(m.hints())
	if len(m.moving()) > 0 {
		at := 4
		if m.here().screen == screenList && m.listAt(m.pane) != nil {
			at--
		}
		hints = slices.Insert(hints, min(at, len(hints)), as(k.up, "↑↓", "move"))
	}
	switch {
	case !m.inField():
		return hints, []key.Binding{k.palette, k.help, k.quit}
	case m.login != nil:
		return hints, []key.Binding{k.palette, k.helpField, as(k.interrupt, "ctrl+c", "cancel")}
	case m.asked() != nil:
		return hints, []key.Binding{k.palette, k.helpField}
	}
	return hints, []key.Binding{k.palette, k.helpField, k.interrupt}
}
