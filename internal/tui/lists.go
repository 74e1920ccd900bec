package tui

import (
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
)

// refreshEvery bounds how often a list is fetched that the server says has changed.
const refreshEvery = time.Second

// load fetches a pane's list anew; the old one stays until then.
func (m *model) load(id paneID) tea.Cmd {
	p := m.listAt(id)
	if m.session == nil || p == nil {
		return nil
	}
	p.job.stop()
	p.job, p.failed, p.quiet, p.stale = m.start(), nil, false, false
	return loadItems(p.job.ctx, m.session, p.job.id, id, p.fetch)
}

// reload fetches what was fetched before, and what the pane at hand shows.
func (m *model) reload() tea.Cmd {
	cmds := []tea.Cmd{m.look()}
	for _, p := range panes {
		if l := m.listAt(p.id); l != nil && (l.loaded || l.failed != nil || p.id == m.pane) {
			cmds = append(cmds, m.load(p.id))
		}
	}
	return tea.Batch(cmds...)
}

// refresh fetches the lists that are not what the server has any more. However often it says so,
// one fetch of each is under way, and the next one waits.
func (m *model) refresh() tea.Cmd {
	if m.session == nil || m.login != nil || m.link.lost {
		return nil
	}
	var cmds []tea.Cmd
	for _, p := range panes {
		l := m.listAt(p.id)
		if l == nil || !l.stale || l.job.cancel != nil || m.clock.Sub(l.job.began) < refreshEvery {
			continue
		}
		if !l.loaded && l.failed == nil {
			l.stale = false // nobody has seen it yet
			continue
		}
		quiet := l.failed == nil
		cmds = append(cmds, m.load(p.id))
		l.quiet = quiet
	}
	return tea.Batch(cmds...)
}

// loading says whether any list is being loaded that somebody waits for.
func (m *model) loading() bool {
	return m.tools.awaited() || m.resources.awaited() || m.prompts.awaited()
}

func (p *listPane) awaited() bool { return p.job.cancel != nil && !p.quiet }

func (m *model) gotItems(msg itemsMsg) tea.Cmd {
	p := m.listAt(msg.pane)
	if !p.job.done(msg.id) {
		return nil
	}
	m.identity = msg.identity
	what := strings.ToLower(p.heading)
	m.reached(msg.err)
	if msg.err != nil {
		f := m.failureOf("The "+what+" could not be loaded", msg.err)
		if !p.quiet {
			p.failed = &f
		}
		m.note(toneBad, f.title+": "+f.message)
		return nil
	}
	if msg.took >= quickest { // else the SDK had it
		m.link.latency = msg.took
	}
	words, changed := fmt.Sprintf("%d %s", len(msg.items), what), p.loaded && !p.same(msg.items)
	switch {
	case p.quiet && !changed:
		words = ""
	case p.quiet:
		words = "the server's " + what + " have changed: " + words
		m.note(toneServer, words)
	case !p.loaded:
		words = ""
	}
	if m.notice == "" {
		m.notice = words
	}
	p.loaded = true
	p.renew(msg.items, m.places[msg.pane].item)
	if msg.pane == paneResources {
		m.unmark()
	}
	if changed {
		m.overtaken(msg.pane)
	}
	return m.refresh()
}

// same says whether a new list has what the old one has.
func (p *listPane) same(items []item) bool {
	if len(items) != len(p.items) {
		return false
	}
	for i := range items {
		if old, it := &p.items[i], &items[i]; old.kind != it.kind || old.formKey() != it.formKey() || old.find != it.find {
			return false
		}
	}
	return true
}

// renew takes a new list. The cursor stays on its item, or at least in its place, and so does what
// was typed into the forms of items that there are still, and of the open one.
func (p *listPane) renew(items []item, open *item) {
	at, place := p.selected(), p.cursor
	p.items = items
	p.apply()
	p.cursor = max(0, min(place, len(p.hits)-1))
	for i, hit := range p.hits {
		if at != nil && items[hit].id == at.id && items[hit].kind == at.kind {
			p.cursor = i
		}
	}
	known := map[string]bool{}
	for i := range items {
		known[items[i].id] = true
	}
	for key := range p.forms {
		if !known[key.id] && (open == nil || open.formKey() != key) {
			delete(p.forms, key)
		}
	}
}

// overtaken says that the open form is not that of what the server has now. It stays as it is: it
// may be in use.
func (m *model) overtaken(id paneID) {
	p := &m.places[id]
	if p.screen != screenForm {
		return
	}
	it := m.listAt(id).find(p.item)
	switch {
	case it == nil:
		m.notice = "the server has no " + p.item.name + " any more"
	case it.formKey() != p.item.formKey():
		m.notice = p.item.name + " has changed: esc, and open it again, for what it takes now"
	default:
		return
	}
	m.note(toneServer, m.notice)
}

// find is the item of the list that is called the same, nil if there is none.
func (l *list) find(wanted *item) *item {
	for i := range l.items {
		if it := &l.items[i]; it.id == wanted.id && it.kind == wanted.kind {
			return it
		}
	}
	return nil
}
