package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// paneID is a pane, by the number of its key.
type paneID uint8

const (
	paneTools paneID = iota + 1
	paneResources
	panePrompts
	paneHistory
	paneInspector
	paneLog
	lastPane = paneLog
)

// panes are those that there are, in the order of their numbers.
var panes = []struct {
	id   paneID
	name string
}{
	{paneTools, "Tools"},
	{paneResources, "Resources"},
	{panePrompts, "Prompts"},
	{paneHistory, "History"},
	{paneInspector, "Inspector"},
	{paneLog, "Log"},
}

// screen is what a pane shows.
type screen uint8

const (
	screenList screen = iota
	screenForm
	screenConfirm
	screenCall
)

// place is where a pane stands. Each keeps its own.
type place struct {
	screen screen
	item   *item   // of the form
	form   *form   // nil: the one that the list keeps for the item
	call   *call   // asked about, or shown
	asked  *call   // the one that is asked to run again, as it was or with other arguments
	back   screen  // where Esc leads from the call
	links  []*call // the results in which links were followed to the call; Esc leads to the last first
}

// comeFrom says where Esc will lead from the call that comes.
func (p *place) comeFrom(s screen) { p.back, p.asked, p.links = s, nil, nil }

// turnBack goes back to the call that was asked to run again and is not, else to s.
func (p *place) turnBack(s screen) {
	if p.screen = s; p.asked != nil {
		p.screen, p.call, p.asked = screenCall, p.asked, nil
	}
}

// leave goes back by one level from the call.
func (p *place) leave() {
	if n := len(p.links) - 1; n >= 0 {
		p.call, p.links = p.links[n], p.links[:n]
		return
	}
	p.screen = p.back
}

// view is the result that is shown, nil if none is.
func (p *place) view() *viewer {
	if p.screen != screenCall {
		return nil
	}
	return p.call.view
}

// here is the place of the pane at hand.
func (m *model) here() *place { return &m.places[m.pane] }

// paneBody is the list of the pane at hand, which fills the whole width.
func (m *model) paneBody() body {
	switch m.pane {
	case paneHistory:
		return m.historyBody()
	case paneInspector:
		return m.inspectorBody()
	case paneLog:
		return m.logBody()
	}
	return m.listBody(m.listAt(m.pane))
}

// pressPane handles a key in the list of the pane at hand.
func (m *model) pressPane(msg tea.KeyPressMsg) tea.Cmd {
	switch m.pane {
	case paneHistory:
		return m.pressHistory(msg)
	case paneInspector:
		return m.pressInspector(msg)
	case paneLog:
		return m.pressLog(msg)
	}
	return m.pressList(msg)
}

// goTo shows a pane. What it lists is loaded when it is first seen.
func (m *model) goTo(id paneID) tea.Cmd {
	m.pane, m.inspector.leaving = id, false
	if id == paneInspector {
		return m.look()
	}
	if p := m.listAt(id); p != nil && !p.loaded && p.failed == nil && p.job.cancel == nil {
		return m.load(id)
	}
	return nil
}

// paneFor is the pane that a key leads to, 0 for none.
func paneFor(msg tea.KeyPressMsg) paneID {
	for _, p := range panes {
		if msg.String() == fmt.Sprint(int(p.id)) {
			return p.id
		}
	}
	return 0
}

// tab is one label of the row of tabs, and the columns that it stands in.
type tab struct {
	id       paneID
	label    string
	from, to int
}

// tabs lays the row of tabs out; where there is no room only the pane at hand has its name.
func (m *model) tabs(w int) []tab {
	for _, short := range []bool{false, true} {
		var row []tab
		x := 1
		for _, p := range panes {
			label := fmt.Sprintf("%d %s", p.id, p.name)
			if short {
				label = fmt.Sprint(int(p.id))
			}
			if p.id == m.pane {
				label = fmt.Sprintf("[%d %s]", p.id, p.name)
			}
			row = append(row, tab{id: p.id, label: label, from: x, to: x + len(label)})
			x += len(label) + 2
		}
		if x < w || short {
			return row
		}
	}
	return nil
}

// tabRow is the rule under the status line, with the tabs set into it.
func (m *model) tabRow(w int) string {
	t := &m.theme
	var b strings.Builder
	x := 0
	for _, tab := range m.tabs(w) {
		b.WriteString(strings.Repeat(" ", tab.from-x))
		style := t.dim
		if tab.id == m.pane {
			style = t.accent
		}
		b.WriteString(style.Render(tab.label))
		x = tab.to
	}
	return fit(m.cells, b.String()+" "+t.dim.Render(strings.Repeat("─", max(0, w-x-1))), w)
}
