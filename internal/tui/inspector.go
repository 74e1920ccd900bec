package tui

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/schema"
)

// inspector is what is known of the connection, and the place in it.
type inspector struct {
	about     client.About
	declared  []fact                // what the server says of itself, which may be long
	exchanges []client.HTTPExchange // the oldest first
	since     time.Time             // those before are another user's
	era       int                   // the number of users before this one
	cursor    int                   // among the facts that are no headings
	leaving   bool                  // it is asked whether to sign out
	job       job                   // renews, or signs out
}

type (
	aboutMsg struct {
		era      int
		about    client.About
		declared []fact
		identity client.Identity
	}
	changedMsg struct {
		id      int
		out     bool // a sign-out
		done    string
		failure string // the title of one
		aboutMsg
		err error
	}
)

// newAbout is called in a command.
func newAbout(session Session, era int) aboutMsg {
	about := session.About()
	return aboutMsg{era: era, about: about, declared: declaredFacts(&about), identity: session.Identity()}
}

// look asks the session what is known.
func (m *model) look() tea.Cmd {
	session := m.session
	if session == nil {
		return nil
	}
	era := m.inspector.era
	return func() tea.Msg { return newAbout(session, era) }
}

func change(ctx context.Context, session Session, id int, out bool) tea.Cmd {
	return func() tea.Msg {
		msg := changedMsg{id: id, out: out, done: "the access token is renewed", failure: "The access token could not be renewed"}
		if out {
			msg.done, msg.failure = "signed out", "The sign-out is not complete"
			msg.err = session.SignOut(ctx)
		} else {
			msg.err = session.Renew(ctx)
		}
		msg.aboutMsg = newAbout(session, 0)
		return msg
	}
}

func (m *model) gotAbout(msg aboutMsg) {
	if msg.era != m.inspector.era {
		return
	}
	m.inspector.about, m.inspector.declared, m.identity = msg.about, msg.declared, msg.identity
	m.inspector.cursor = max(0, min(m.inspector.cursor, len(m.picks())-1))
}

// gotExchanges keeps the cursor where it is: exchanges come below the facts, the newest first.
func (m *model) gotExchanges(msg exchangesMsg) tea.Cmd {
	in := &m.inspector
	msg.list = in.recent(msg.list)
	if facts := len(m.picks()) - len(in.exchanges); in.cursor > facts && len(in.exchanges) > 0 {
		in.cursor += added(in.exchanges, msg.list)
	}
	in.exchanges = msg.list
	in.cursor = max(0, min(in.cursor, len(m.picks())-1))
	if m.pane == paneInspector {
		return tea.Batch(m.hearExchanges, m.look())
	}
	return m.hearExchanges
}

// recent are the exchanges that are not another user's.
func (in *inspector) recent(list []client.HTTPExchange) []client.HTTPExchange {
	return slices.DeleteFunc(list, func(x client.HTTPExchange) bool { return x.Began.Before(in.since) })
}

// added counts the exchanges that are new in a list.
func added(before, now []client.HTTPExchange) int {
	last := &before[len(before)-1]
	for i := len(now) - 1; i >= 0; i-- {
		if now[i].ID == last.ID && now[i].Began.Equal(last.Began) {
			return len(now) - 1 - i
		}
	}
	return 0
}

func (m *model) gotChanged(msg changedMsg) tea.Cmd {
	began := m.inspector.job.began
	if !m.inspector.job.done(msg.id) {
		return nil
	}
	msg.era = m.inspector.era
	m.gotAbout(msg.aboutMsg)
	var cmd tea.Cmd
	if msg.out && m.identity.Issuer == "" {
		cmd = m.forgetAccount(began)
	}
	if msg.err != nil {
		f := m.failureOf(msg.failure, msg.err)
		m.notice = f.title + ": " + f.message
		m.note(toneBad, m.notice)
		return cmd
	}
	m.notice = msg.done
	m.note(tonePlain, msg.done)
	return cmd
}

func (m *model) pressInspector(msg tea.KeyPressMsg) tea.Cmd {
	k, in, picks := &m.keys, &m.inspector, m.picks()
	if in.leaving {
		switch {
		case key.Matches(msg, k.yes) && m.session != nil: // not Enter, which may have been meant for something else
			in.leaving = false
			in.job.stop()
			in.job = m.start()
			return change(in.job.ctx, m.session, in.job.id, true)
		case key.Matches(msg, k.no):
			in.leaving = false
		default:
			m.notice = m.leavingWords()
		}
		return nil
	}
	if by, ok := k.step(msg, m.bodyHeight()-1, len(picks)); ok {
		in.cursor = max(0, min(in.cursor+by, len(picks)-1))
		return nil
	}
	switch {
	case key.Matches(msg, k.open) && in.cursor < len(picks):
		m.show(&picks[in.cursor])
	case key.Matches(msg, k.copyFact) && in.cursor < len(picks):
		return m.copyFact(&picks[in.cursor])
	case m.session == nil || in.job.cancel != nil:
	case key.Matches(msg, k.renew) && m.identity.Issuer != "":
		in.job = m.start()
		return change(in.job.ctx, m.session, in.job.id, false)
	case key.Matches(msg, k.signOut) && m.identity.Issuer != "":
		in.leaving = true
		m.notice = m.leavingWords()
	case key.Matches(msg, k.signIn) && m.identity.Issuer == "" && !m.identity.Given && !m.link.open:
		return m.signIn(nil, nil)
	}
	return nil
}

func (m *model) leavingWords() string { return "sign out of " + host(m.identity.Server) + "?" }

// show opens a fact in a viewer.
func (m *model) show(f *fact) {
	switch {
	case f.exchange != nil:
		sent, _ := exchangeWords(f.exchange, m.identity.Server)
		m.showInfo(sent, exchangeResult(f.exchange), f.exchange.Took)
	case schema.TypeOf(f.json) == "object" || schema.TypeOf(f.json) == "array":
		m.showInfo(f.label, &client.Result{Structured: f.json}, 0)
	default:
		text := f.value
		_ = json.Unmarshal(f.json, &text)
		m.showText(f.label, text)
	}
}

// showInfo shows what no call has answered.
func (m *model) showInfo(name string, res *client.Result, took time.Duration) {
	m.jobs++
	c := &call{id: m.jobs, item: &item{name: name}, state: callAnswered, info: true, began: m.clock, took: took}
	c.view = newViewer(name, res)
	p := m.here()
	p.comeFrom(screenList)
	p.call, p.screen = c, screenCall
}

func (m *model) showText(name, text string) {
	m.showInfo(name, &client.Result{Content: []client.Content{{Type: "text", Text: text}}}, 0)
}

func (m *model) copyFact(f *fact) tea.Cmd {
	text, what := f.value, f.label
	switch {
	case f.exchange != nil:
		text, what = f.exchange.URL, "the address"
	case f.json != nil && json.Unmarshal(f.json, &text) != nil:
		text = string(f.json)
	}
	a := copied(text, what)
	m.notice = a.notice
	if a.kind != actCopy {
		return nil
	}
	return tea.SetClipboard(a.text)
}

func (m *model) inspectorHints() []key.Binding {
	k := &m.keys
	if m.inspector.leaving {
		return []key.Binding{hint("y", "sign out", "y"), as(k.no, "n", "stay")}
	}
	hints := []key.Binding{as(k.open, "enter", "show"), k.copyFact}
	switch {
	case m.session == nil || m.inspector.job.cancel != nil:
	case m.identity.Issuer != "":
		hints = append(hints, k.renew, k.signOut)
	case !m.identity.Given && !m.link.open:
		hints = append(hints, as(k.signIn, "s", "sign in"))
	}
	return hints
}

// inspectorLine is a row of the pane: a fact, or nothing.
type inspectorLine struct {
	fact fact
	pick int // -1: it cannot be selected
}

// inspectorLines are all rows, and the first that is shown.
func (m *model) inspectorLines() (lines []inspectorLine, top int) {
	h, at, n := m.bodyHeight(), 0, 0
	for i, f := range m.facts() {
		if f.value == "" {
			if i > 0 && h >= roomy {
				lines = append(lines, inspectorLine{pick: -1})
			}
			lines = append(lines, inspectorLine{f, -1})
			continue
		}
		if n == m.inspector.cursor {
			at = len(lines)
		}
		lines = append(lines, inspectorLine{f, n})
		n++
	}
	if m.inspector.cursor == 0 {
		return lines, 0 // with its heading
	}
	return lines, window(at, len(lines), h)
}

// inspectorBody shows the facts around the cursor.
func (m *model) inspectorBody() body {
	t, in := &m.theme, &m.inspector
	lines, top := m.inspectorLines()
	b := body{y: -1, corner: fmt.Sprintf("%d of %d", in.cursor+1, lines[len(lines)-1].pick+1)}
	for _, l := range lines[top:min(len(lines), top+m.bodyHeight())] {
		switch {
		case l.pick >= 0:
			b.rows = append(b.rows, m.factRow(&l.fact, l.pick == in.cursor))
		case l.fact.label == "":
			b.rows = append(b.rows, "")
		default:
			b.rows = append(b.rows, " "+t.strong.Render(fit(m.cells, l.fact.label, m.width-2)))
		}
	}
	return b
}

func (m *model) factRow(f *fact, selected bool) string {
	t, w := &m.theme, m.width
	lead, style := "   ", t.plain
	if f.warn {
		style = t.warn
	}
	if selected {
		lead, style = " "+t.accent.Render("› "), t.accent
	}
	if f.exchange == nil {
		label := min(12, w/4)
		return lead + t.dim.Render(pad(m.cells, f.label, label)) + " " + style.Render(fit(m.cells, f.value, w-label-5))
	}
	sent, came := exchangeWords(f.exchange, m.identity.Server)
	tone := t.dim
	if f.exchange.Status >= 400 || f.exchange.Failed != "" {
		tone = t.bad
	}
	right := tone.Render(came) + " "
	at := ""
	if w >= wideWidth {
		at = t.dim.Render(f.exchange.Began.In(m.clock.Location()).Format(time.TimeOnly)) + " "
	}
	left := lead + at + style.Render(fit(m.cells, sent, max(8, w-m.cells.StringWidth(came)-m.cells.StringWidth(at)-6)))
	return ends(m.cells, left, right, w)
}
