package tui

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// Bounds of what is remembered of calls.
const (
	maxCalls   = 500      // entries; the oldest that has ended goes first
	maxResults = 20 << 20 // bytes of results; of the oldest only the entry is kept
	maxSaid    = 200      // lines that a server said about one call
	maxSpoken  = 2 << 10  // bytes of one such line
)

type callState uint8

const (
	callAsked callState = iota // not sent yet: a destructive tool waits for a yes
	callRunning
	callAnswered // also by an error of the tool's own
	callFailed
	callCanceled
)

// call is one call of this screen: asked about, under way, or over.
type call struct {
	id        int // also its place in time
	item      *item
	arguments json.RawMessage
	sent      *outline // the arguments, laid out
	brief     string   // the same on one line, without secrets

	info     bool // no call: something of the Inspector
	past     bool // of an earlier run: without its result
	withheld bool // of an earlier run, and without its secrets
	faulty   bool // the answer is an error of the tool's own
	state    callState
	ctx      context.Context // handed to the call's commands, and to nothing else
	cancel   context.CancelFunc
	began    time.Time
	took     time.Duration
	progress client.Progress
	said     []client.LogMessage // the newest
	view     *viewer             // of the result; nil: there is none (any more)
	dropped  bool                // the result made room for newer ones
	failure  failure
}

// bytes is what its result takes in memory.
func (c *call) bytes() int {
	if c.view == nil {
		return 0
	}
	return c.view.bytes()
}

// over says whether the call has ended.
func (c *call) over() bool { return c.state > callRunning }

// newCall is a call that is not sent yet.
func (m *model) newCall(it *item, arguments json.RawMessage) *call {
	c := &call{item: it, arguments: arguments}
	c.lay(it.shape.redact(arguments))
	return c
}

// lay lays the arguments out as they are shown; open has them without secrets.
func (c *call) lay(open json.RawMessage) {
	c.sent = argumentOutline(open)
	c.brief = oneLine(string(open), 500)
}

// ask runs a call in the pane at hand, after a question if the tool is destructive.
func (m *model) ask(c *call) tea.Cmd {
	p := m.here()
	p.call = c
	if c.item.destructive() {
		p.screen = screenConfirm
		return nil
	}
	return m.run(c)
}

// run sends a call, and shows it.
func (m *model) run(c *call) tea.Cmd {
	p := m.here()
	p.call, p.screen = c, screenCall
	m.jobs++
	c.id, c.state, c.began = m.jobs, callRunning, m.clock
	c.ctx, c.cancel = m.begin()
	m.calls = append(m.calls, c)
	m.forget()
	if m.history.cursor > 0 { // it stays on its call
		m.history.cursor = min(m.history.cursor+1, len(m.calls)-1)
	}
	m.note(toneCommand, m.commandLine(c.item, c.arguments))
	box := newMailbox()
	return tea.Batch(perform(c, m.session, box), hear(c.id, box))
}

// again is the same call once more. What was left out of it on disk is asked for.
func (m *model) again(c *call) tea.Cmd {
	if c.withheld {
		return m.edit(c)
	}
	it := m.current(c)
	if it == nil {
		return nil
	}
	p := m.here()
	if p.asked = nil; p.screen == screenCall {
		p.asked = c
	}
	return m.ask(m.newCall(it, c.arguments))
}

// edit opens the call's arguments in a form of their own.
func (m *model) edit(c *call) tea.Cmd {
	it := m.current(c)
	switch {
	case it == nil:
		return nil
	case len(it.shape.fields) == 0:
		m.notice = "there is nothing to fill in"
		return nil
	}
	arguments := c.arguments
	if c.withheld {
		arguments = withoutMarks(arguments)
		m.notice = "secrets are not kept: please fill them in"
	}
	p := m.here()
	if p.asked = nil; p.screen == screenCall {
		p.asked = c
	}
	p.item, p.form, p.screen = it, newForm(it.shape), screenForm
	p.form.set(arguments)
	return nil
}

// itemOf is the item of a call as the server lists it now. Of an earlier run's tool nothing else is
// known, so that it may be nil; the rest can be done without a list.
func (m *model) itemOf(c *call) *item {
	if !c.past {
		return c.item
	}
	pane := map[itemKind]paneID{itemTool: paneTools, itemResource: paneResources, itemTemplate: paneResources, itemPrompt: panePrompts}
	it := m.listAt(pane[c.item.kind]).find(c.item)
	if it == nil && c.item.kind != itemTool {
		return c.item
	}
	return it
}

// current is itemOf, and says why it is nil.
func (m *model) current(c *call) *item {
	it := m.itemOf(c)
	switch {
	case it != nil:
	case !m.tools.loaded:
		m.notice = "the tools are not loaded yet"
	default:
		m.notice = "this server has no tool " + c.item.name + " any more"
	}
	return it
}

// forget drops the oldest entries that nobody looks at.
func (m *model) forget() {
	for i := 0; len(m.calls) > maxCalls && i < len(m.calls); {
		if c := m.calls[i]; c.over() && !m.shown(c) && !m.linked(c) {
			m.calls = slices.Delete(m.calls, i, i+1)
			continue
		}
		i++
	}
}

// shown says whether a pane shows the call.
func (m *model) shown(c *call) bool {
	for i := range m.places {
		if m.places[i].call == c && m.places[i].screen >= screenConfirm {
			return true
		}
	}
	return false
}

// linked says whether Esc leads back to the call.
func (m *model) linked(c *call) bool {
	return slices.ContainsFunc(m.places[:], func(p place) bool { return slices.Contains(p.links, c) })
}

// find is the call of an id, nil if it is not remembered.
func (m *model) find(id int) *call {
	for i := range m.places {
		if c := m.places[i].call; c != nil && c.id == id {
			return c // also what is no call, and in a place alone
		}
	}
	for i := len(m.calls) - 1; i >= 0; i-- {
		if m.calls[i].id == id {
			return m.calls[i]
		}
	}
	return nil
}

// inFlight counts the calls that run.
func (m *model) inFlight() int {
	n := 0
	for _, c := range m.calls {
		if c.state == callRunning {
			n++
		}
	}
	return n
}

// end notes how a call ended.
func (m *model) end(c *call, state callState) {
	for q := m.questionOf(c); q != nil; q = m.questionOf(c) {
		m.reply(q, client.Answer{Action: client.Cancel}, "")
	}
	c.cancel()
	c.state, c.took = state, m.clock.Sub(c.began)
	if m.archive != nil {
		if kept, ok := c.keep(); ok {
			m.archive.put(kept)
		}
	}
	words, tone := "answered", tonePlain
	switch {
	case state == callCanceled:
		words = "canceled"
	case state == callFailed:
		words, tone = "failed", toneBad
	case c.faulty:
		words, tone = "answered with an error", toneBad
	}
	words = c.item.name + " " + words + " after " + elapsed(c.took)
	if state == callFailed {
		words += ": " + c.failure.message
	}
	m.note(tone, words)
}

// cancel ends a call that runs; its answer will be ignored.
func (m *model) cancel(c *call) {
	m.end(c, callCanceled)
	m.notice = "canceled " + c.item.name + " after " + elapsed(c.took)
	if p := m.here(); p.call == c {
		p.leave()
	}
}

// background leaves a running call to itself.
func (m *model) background(c *call) {
	m.here().leave()
	m.notice = c.item.name + " goes on; History (4) has it"
}

func (m *model) gotResult(msg resultMsg) {
	c := m.find(msg.id)
	if c == nil || c.over() {
		return
	}
	m.identity = msg.identity
	m.reached(msg.err)
	c.view = msg.view
	if msg.err != nil {
		c.failure = m.failureOf(c.item.name+" "+deeds[c.item.kind].failed, msg.err)
		if c.failure.signIn {
			c.view = nil // what helps is to sign in
		}
		m.end(c, callFailed)
	} else {
		c.faulty = msg.view.failed
		m.wasRead(c)
		m.end(c, callAnswered)
	}
	m.makeRoom(c) // a refusal may be as long as an answer
	if !m.shown(c) || m.here().call != c {
		m.notice = c.item.name + " has ended; History (4) has it"
	}
}

// makeRoom drops the oldest results until all that are kept fit; the newest and those on the
// screen stay.
func (m *model) makeRoom(newest *call) {
	total := 0
	for _, c := range m.calls {
		total += c.bytes()
	}
	for _, c := range m.calls {
		if total <= maxResults {
			return
		}
		if c != newest && c.view != nil && !m.shown(c) {
			total -= c.bytes()
			c.view, c.dropped = nil, true
		}
	}
}

// gotSaid takes what the server says of a call, and waits for more.
func (m *model) gotSaid(msg saidMsg) tea.Cmd {
	c := m.find(msg.id)
	if c == nil {
		return nil
	}
	if msg.progress != nil {
		c.progress = *msg.progress
	}
	c.said = append(c.said, msg.lines...)
	c.said = c.said[max(0, len(c.said)-maxSaid):]
	for _, line := range msg.lines {
		m.note(toneServer, c.item.name+": "+said(line))
	}
	if msg.ended {
		return nil
	}
	return hear(msg.id, msg.box)
}

// said is a line of a server's log.
func said(line client.LogMessage) string {
	text := oneLine(line.Level, 20) + " "
	if line.Logger != "" {
		text += oneLine(line.Logger, 60) + ": "
	}
	return text + oneLine(line.Text, 1000)
}
