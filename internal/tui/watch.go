package tui

import (
	"maps"

	tea "charm.land/bubbletea/v2"

	"charm.land/lipgloss/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// watch is what is known of a resource whose changes were asked for, or heard of.
type watch struct {
	on     bool // the server tells of them
	asking bool // to begin with that, or to end it
	stale  stale
	since  int // the last job when that was heard
}

// stale says whether what was read of a resource is old.
type stale uint8

const (
	notStale stale = iota
	maybeStale
	surelyStale
)

// watchedMsg is what came of beginning or ending a watch.
type watchedMsg struct {
	uri, name string
	on        bool
	err       error
}

// watch begins to hear of a resource's changes, or ends that.
func (m *model) watch(it *item) tea.Cmd {
	w := m.watches[it.id]
	if w.asking {
		return nil
	}
	msg := watchedMsg{uri: it.id, name: it.name, on: !w.on}
	w.asking = true
	m.watches[it.id] = w
	ctx, cancel := m.begin()
	do := m.session.Unsubscribe
	if msg.on {
		do = m.session.Subscribe
	}
	return func() tea.Msg {
		defer cancel()
		msg.err = do(ctx, msg.uri)
		return msg
	}
}

func (m *model) gotWatched(msg watchedMsg) {
	w := m.watches[msg.uri]
	if !w.asking {
		return // that was another user's
	}
	w.asking = false
	m.reached(msg.err)
	switch {
	case msg.err != nil:
		f := m.failureOf(msg.name+" cannot be watched", msg.err)
		if !msg.on {
			f.title = msg.name + " is still watched"
		}
		m.notice = f.title + ": " + f.message
		m.note(toneBad, m.notice)
	case msg.on:
		w.on = true
		m.notice = "you will hear when " + msg.name + " changes"
		m.note(tonePlain, "watching "+msg.name)
	default:
		w = watch{}
		m.notice = "you will not hear of " + msg.name + " any more"
		m.note(tonePlain, "not watching "+msg.name+" any more")
	}
	m.keep(msg.uri, w)
}

// keep remembers what is known of a resource, if anything is.
func (m *model) keep(uri string, w watch) {
	if w == (watch{since: w.since}) {
		delete(m.watches, uri)
		return
	}
	m.watches[uri] = w
}

// unmark forgets what was heard of resources that the server lists no more, however many it has
// listed.
func (m *model) unmark() {
	listed := map[string]bool{}
	for i := range m.resources.items {
		if it := &m.resources.items[i]; it.kind == itemResource {
			listed[it.id] = true
		}
	}
	maps.DeleteFunc(m.watches, func(uri string, w watch) bool { return !listed[uri] && !w.on && !w.asking })
}

// changed marks a resource until it is read again, and says so once. Of one that is nowhere in
// the list there is nothing to mark: part of what is watched, mostly.
func (m *model) changed(news client.News) {
	name, listed := m.resourceName(news.URI)
	w := m.watches[news.URI]
	before := w.stale
	if listed || w.on {
		w.stale, w.since = max(w.stale, maybeStale), m.jobs
		if !news.Missed {
			w.stale = surelyStale
		}
		m.watches[news.URI] = w
	}
	words := name + " has changed"
	if news.Missed {
		words = "watching " + name + " again; it may have changed meanwhile"
	}
	if w.stale != notStale && w.stale == before || words == m.notice {
		return
	}
	m.notice = words
	m.note(toneServer, words)
}

func (m *model) unwatched(news client.News) {
	name, _ := m.resourceName(news.URI)
	w := m.watches[news.URI]
	w.on = false
	m.keep(news.URI, w)
	m.notice = name + " is not watched any more"
	if news.Err != nil {
		m.notice += ": " + m.failureOf("", news.Err).message
	}
	m.note(toneBad, m.notice)
}

// resourceName is what a resource is called on the screen, and whether it is in the list.
func (m *model) resourceName(uri string) (name string, listed bool) {
	for i := range m.resources.items {
		if it := &m.resources.items[i]; it.kind == itemResource && it.id == uri {
			return it.name, true
		}
	}
	return oneLine(uri, 300), false
}

// wasRead takes the mark from what a call has read. What changed while it ran stays marked.
func (m *model) wasRead(c *call) {
	if c.item.kind != itemResource && c.item.kind != itemTemplate {
		return
	}
	uri := c.item.address(c.arguments)
	if w := m.watches[uri]; w.since < c.id {
		w.stale = notStale
		m.keep(uri, w)
	}
}

// mark is a sign for what an item is or may do, or for what has become of it.
func (m *model) mark(it *item) (string, lipgloss.Style) {
	t := &m.theme
	if it.kind == itemResource {
		switch w := m.watches[it.id]; {
		case w.stale == surelyStale:
			return "changed", t.warn
		case w.stale == maybeStale:
			return "changed?", t.warn
		case w.on:
			return "w", t.dim
		}
	}
	if it.destructive() {
		return it.mark(), t.bad
	}
	return it.mark(), t.dim
}

// markWord says it in words.
func (m *model) markWord(it *item) (string, lipgloss.Style) {
	t := &m.theme
	if w := m.watches[it.id]; it.kind == itemResource && w != (watch{}) {
		word := map[stale]string{surelyStale: "changed", maybeStale: "may have changed"}[w.stale]
		switch {
		case w.on && word == "":
			return "watched", t.dim
		case w.on:
			return "watched, " + word, t.warn
		}
		return word, t.warn
	}
	if it.destructive() {
		return it.markWord(), t.bad
	}
	return it.markWord(), t.dim
}
