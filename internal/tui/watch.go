package tui

import (
	"context"

	tea "charm.land/bubbletea/v2"
)

type (
	watchedMsg struct {
		name string
		err  error
	}
	updatedMsg struct{ uri string }
)

// hearUpdate waits for the next change of a resource, or the end of the screen.
func hearUpdate(ctx context.Context, updates <-chan string) tea.Cmd {
	if updates == nil {
		return nil
	}
	return func() tea.Msg {
		select {
		case uri := <-updates:
			return updatedMsg{uri}
		case <-ctx.Done():
			return nil
		}
	}
}

// watch subscribes to a resource.
func (m *model) watch(it *item) tea.Cmd {
	ctx, cancel := m.begin()
	session, uri, name := m.session, it.id, it.name
	return func() tea.Msg {
		defer cancel()
		return watchedMsg{name: name, err: session.Subscribe(ctx, uri)}
	}
}

func (m *model) gotWatched(msg watchedMsg) {
	if msg.err != nil {
		f := m.failureOf(msg.name+" cannot be watched", msg.err)
		m.notice = f.title + ": " + f.message
		m.note(toneBad, m.notice)
		return
	}
	m.notice = "you will hear when " + msg.name + " changes"
	m.note(tonePlain, "watching "+msg.name)
}

func (m *model) gotUpdated(msg updatedMsg) tea.Cmd {
	name := oneLine(msg.uri, 300)
	for i := range m.resources.items {
		if it := &m.resources.items[i]; it.id == msg.uri {
			name = it.name
		}
	}
	m.notice = name + " has changed"
	m.note(toneServer, m.notice)
	return m.hearUpdate
}
