package tui

import (
	"encoding/json"
	"errors"
	"os/exec"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// Messages of what a viewer asked for carry the id of its call.
type (
	workedMsg struct {
		id     int
		answer any
	}
	savedMsg struct {
		id      int
		outcome savedFile
	}
	openedMsg struct {
		err       error
		otherwise string // what can be done where nothing opens it
	}
	pagedMsg struct{ err error }
)

// view gives a key to the result of a call; it reports whether the key was one of its own.
func (m *model) pressView(c *call, msg tea.KeyPressMsg) (tea.Cmd, bool) {
	if c.view == nil {
		return nil, false
	}
	a, used := c.view.key(&m.keys, c.view.inside(m.port(c)), msg)
	return m.do(c, a), used
}

// port is the window of a call's result, below its heading or the words of its failure.
func (m *model) port(c *call) port {
	p := port{c: m.cells, w: m.width - 2, h: m.bodyHeight() - 1}
	if c.state == callFailed {
		p.h = max(3, m.bodyHeight()-len(m.failureRows(c, p.w))-1)
	}
	return p
}

// do turns what a viewer asks for into commands.
func (m *model) do(c *call, a action) tea.Cmd {
	if a.notice != "" {
		m.notice = a.notice
	}
	id := c.id
	switch a.kind {
	case actWork:
		return func() tea.Msg { return workedMsg{id: id, answer: a.work()} }
	case actCopy:
		return tea.SetClipboard(a.text)
	case actSave:
		return func() tea.Msg { return savedMsg{id: id, outcome: saveFile(a.save)} }
	case actPage:
		if len(m.pager) == 0 {
			m.notice = "there is no pager: set PAGER"
			return nil
		}
		p := &pager{words: m.pager, text: func() []byte { return a.work().([]byte) }}
		return tea.Exec(p, func(err error) tea.Msg { return pagedMsg{err: err} })
	case actOpen:
		if m.openFile == nil {
			m.notice = "there is no program to open it; s saves it"
			return nil
		}
		open, on := m.openFile, m.shelf
		return func() tea.Msg { return openedMsg{err: openMedia(a.save, on, open), otherwise: "s saves it"} }
	case actBrowse:
		if m.openURL == nil {
			m.notice = "there is no browser; y copies the address"
			return nil
		}
		open := m.openURL
		return func() tea.Msg { return openedMsg{err: open(a.text), otherwise: "y copies the address"} }
	case actRead:
		p := m.here()
		p.links = append(p.links, c)
		it := item{kind: itemResource, id: a.text, facts: facts(a.text, "", 0)}.named(a.text, "", "")
		return m.ask(m.newCall(&it, json.RawMessage("{}")))
	}
	return nil
}

// gotWork takes what a viewer's work came to.
func (m *model) gotWork(msg workedMsg) tea.Cmd {
	c := m.find(msg.id)
	if c == nil || c.view == nil {
		return nil
	}
	v := c.view
	cmds := []tea.Cmd{m.do(c, v.got(m.port(c), msg.answer))}
	if v.isLaid() {
		early := v.early
		v.early = nil
		for _, msg := range early {
			if v.strip == nil { // else it would be text
				cmd, _ := m.pressView(c, msg)
				cmds = append(cmds, cmd)
			}
		}
	}
	return tea.Batch(cmds...)
}

func (m *model) gotSaved(msg savedMsg) {
	if c := m.find(msg.id); c != nil && c.view != nil {
		if words := c.view.saved(msg.outcome); words != "" {
			m.notice = words
		}
	}
}

func (m *model) gotOpened(msg openedMsg) {
	if msg.err != nil {
		m.notice = "not opened: " + whyNotOpened(msg.err) + "; " + msg.otherwise
	}
}

// whyNotOpened puts into words why the desktop did not open something.
func whyNotOpened(err error) string {
	var exit *exec.ExitError
	switch {
	case errors.Is(err, client.ErrNoBrowser):
		return "there is no desktop here"
	case errors.Is(err, exec.ErrNotFound):
		return "there is no program for it here"
	case errors.As(err, &exit):
		return "its program failed"
	}
	return oneLine(err.Error(), 300)
}

// argumentOutline lays out what is sent.
func argumentOutline(arguments json.RawMessage) *outline {
	o := newViewer("", &client.Result{Structured: arguments}).outlines[viewTree]
	o.cursor = -1 // it is looked at only
	if n := &o.nodes[0]; n.kind == nodeObject && n.count > 0 {
		o.top.line = 1
	}
	return o
}
