package tui

import (
	"maps"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// become takes who has signed in. What there is of another user goes.
func (m *model) become(id client.Identity, began time.Time) tea.Cmd {
	before := m.identity.UserID
	m.identity = id
	if before == "" || id.UserID == before {
		return nil
	}
	return m.forgetAccount(began)
}

// forgetAccount takes from the screen what belongs to a user who has left, by a sign-out or because
// another signs in: calls that run are canceled, of the others only what would be on disk stays.
// What goes on since that began stays, too.
func (m *model) forgetAccount(began time.Time) tea.Cmd {
	for _, c := range m.calls {
		if c.state == callRunning {
			m.end(c, callCanceled)
		}
	}
	m.calls = bare(m.calls)
	m.history.cursor = max(0, min(m.history.cursor, len(m.calls)-1))
	m.places, m.palette = [lastPane + 1]place{}, nil
	m.watches = map[string]watch{}
	m.link.ping.stop()
	m.link.latency, m.link.open = 0, false
	if m.login != nil {
		m.login.again = nil
	}
	m.log.keep(toneCommand)

	in := &m.inspector
	in.era++ // what was looked up before is not taken any more
	in.about, in.declared, in.since = client.About{}, nil, began
	in.exchanges = in.recent(in.exchanges)
	in.cursor = 0

	cmds := []tea.Cmd{m.look(), clearShelf(m.shelf)}
	for _, p := range panes {
		if l := m.listAt(p.id); l != nil && l.empty() {
			cmds = append(cmds, m.load(p.id)) // it says what is needed for that
		}
	}
	return tea.Batch(cmds...)
}

func clearShelf(s *shelf) tea.Cmd {
	return func() tea.Msg {
		s.clear()
		return nil
	}
}

// bare are calls as another run of this program would know them: without results and secrets.
func bare(calls []*call) []*call {
	var left []*call
	for _, c := range calls {
		if c.past {
			left = append(left, c)
		} else if kept, ok := c.keep(); ok {
			left = append(left, kept.call())
		}
	}
	return left
}

// empty unloads a list, and forgets what was entered where that may be secret. It reports whether
// there was a list, or an attempt at one.
func (p *listPane) empty() bool {
	seen := p.loaded || p.failed != nil || p.job.cancel != nil
	p.job.stop()
	p.items, p.loaded, p.failed = nil, false, nil
	p.filter, p.typing = editor{}, false
	p.apply()
	maps.DeleteFunc(p.forms, func(_ formKey, f *form) bool { return f.shape.hides })
	return seen
}

// keep drops all other entries of the log.
func (r *record) keep(wanted tone) {
	r.entries = slices.DeleteFunc(r.entries, func(e entry) bool { return e.tone != wanted })
	r.bytes, r.up = 0, 0
	for _, e := range r.entries {
		r.bytes += len(e.text)
	}
}
