package tui

import (
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// again is how soon a second Ctrl-C must come to quit.
const again = time.Second

// press handles a key. q and the other letters are letters inside a field; Esc never quits.
func (m *model) press(msg tea.KeyPressMsg) tea.Cmd {
	m.notice = ""
	if m.burst(msg) {
		return tea.Batch(m.press(tea.KeyPressMsg{Code: tea.KeyEscape}), m.press(withoutAlt(msg)))
	}
	if key.Matches(msg, m.keys.interrupt) {
		return m.interrupt()
	}
	if m.tooSmall() {
		return nil // nobody should press what cannot be seen
	}
	if m.isDeaf(msg) {
		return nil
	}
	p := m.here()
	switch {
	case m.help != nil:
		m.pressHelp(msg)
		return nil
	case m.palette != nil:
		return m.pressPalette(msg)
	case key.Matches(msg, m.keys.palette):
		m.openPalette()
		return nil
	case key.Matches(msg, m.keys.helpField), key.Matches(msg, m.keys.help) && !m.inField():
		m.help = &help{}
		return nil
	case m.login != nil:
		return m.pressLogin(msg)
	case m.asked() != nil && m.asked().form != nil:
		return m.pressQuestion(msg)
	case p.screen == screenForm:
		return m.pressForm(msg)
	case m.filtering():
		m.pressFilter(msg)
		return nil
	}
	if v := p.view(); v != nil && v.strip != nil {
		return m.pressCall(msg)
	}
	if to := paneFor(msg); to != 0 {
		return m.goTo(to)
	}
	if key.Matches(msg, m.keys.quit) {
		return m.quit(nil)
	}
	switch p.screen {
	case screenConfirm:
		return m.pressConfirm(msg)
	case screenCall:
		if m.asked() != nil {
			return m.pressYesOrNo(msg)
		}
		return m.pressCall(msg)
	}
	return m.pressPane(msg)
}

// fleeting says whether letters are text in a field that may go without the user: when the browser
// comes back, or nobody waits for an answer any more.
func (m *model) fleeting() bool {
	return m.login != nil && m.login.typing || m.asked() != nil && m.asked().form != nil
}

// isDeaf says whether a key was still meant for a field that has gone, and is no command. So it is
// until nothing was typed for a moment, or Esc was pressed.
func (m *model) isDeaf(msg tea.KeyPressMsg) bool {
	switch {
	case !m.clock.Before(m.deaf), m.inField():
		return false
	case key.Matches(msg, m.keys.back):
		m.deaf = time.Time{}
		return false
	}
	m.deaf = m.clock.Add(again)
	m.notice = "what you typed into is gone"
	return true
}

// interrupt cancels the call that is shown. Again within a second it quits.
func (m *model) interrupt() tea.Cmd {
	if m.login != nil && m.login.failed == nil {
		m.quitAsked = m.clock
		m.cancelLogin()
		return nil
	}
	if p := m.here(); p.screen == screenCall && p.call.state == callRunning {
		m.quitAsked = m.clock
		m.cancel(p.call)
		return nil
	}
	if !m.quitAsked.IsZero() && m.clock.Sub(m.quitAsked) <= again {
		return m.quit(interrupted(tea.ErrInterrupted))
	}
	m.quitAsked = m.clock
	m.notice = "press Ctrl-C again to quit"
	return nil
}

// inField says whether letters are text here.
func (m *model) inField() bool {
	switch {
	case m.palette != nil:
		return true
	case m.login != nil:
		return m.login.typing
	}
	p := m.here()
	v := p.view()
	return m.filtering() || p.screen == screenForm || v != nil && v.strip != nil || m.asked() != nil && m.asked().form != nil
}

// filtering says whether keys go to the filter of a list.
func (m *model) filtering() bool {
	l := m.listAt(m.pane)
	return l != nil && l.typing && m.here().screen == screenList
}

func (m *model) pressList(msg tea.KeyPressMsg) tea.Cmd {
	k, p := &m.keys, m.listAt(m.pane)
	switch {
	case p.failed != nil && key.Matches(msg, k.retry):
		return m.load(m.pane)
	case p.failed != nil && p.failed.signIn && key.Matches(msg, k.signIn):
		return m.signIn(p.failed.scopes, nil)
	case p.failed != nil:
		if key.Matches(msg, k.back) && p.loaded {
			p.failed = nil
		}
		return nil
	case !p.loaded:
		return nil
	}
	if n, ok := k.step(msg, m.bodyHeight()-1, len(p.hits)); ok {
		p.move(n)
		return nil
	}
	switch {
	case key.Matches(msg, k.filter) && len(p.items) > 0:
		p.typing = true
	case key.Matches(msg, k.back):
		p.clear()
	case key.Matches(msg, k.group) && m.pane == paneTools:
		p.regroup()
	case key.Matches(msg, k.reload):
		return m.load(m.pane)
	case key.Matches(msg, k.watch):
		if it := p.selected(); it != nil && it.watchable {
			return m.watch(it)
		}
	case key.Matches(msg, k.open):
		if it := p.selected(); it != nil {
			return m.open(it)
		}
	}
	return nil
}

func (m *model) pressFilter(msg tea.KeyPressMsg) {
	l := &m.listAt(m.pane).list
	switch msg.String() {
	case "esc":
		l.clear()
	case "enter", "tab":
		l.typing = false
	case "up":
		l.move(-1)
	case "down":
		l.move(1)
	case "pgup":
		l.move(-m.bodyHeight())
	case "pgdown":
		l.move(m.bodyHeight())
	default:
		l.edit(m.cells, msg)
	}
}

// paste puts text into the field at hand. Help makes way for it.
func (m *model) paste(text string) tea.Cmd {
	if m.tooSmall() {
		return nil
	}
	m.help = nil
	fits := true
	switch p, v := m.here(), m.here().view(); {
	case m.palette != nil:
		if fits = m.palette.filter.insert(words(text)); fits {
			m.palette.apply()
		}
	case m.login != nil:
		if l := m.login; l.waits() && m.pasteTo != nil {
			fits = l.paste.insert(strings.TrimSpace(text))
			l.typing = l.typing || fits
		}
	case v != nil:
		return m.do(p.call, v.paste(text))
	case m.asked() != nil:
		fits = m.asked().form == nil || m.asked().form.paste(text)
	case m.filtering():
		fits = m.listAt(m.pane).paste(words(text))
	case p.screen == screenForm:
		fits = m.form().paste(text)
	}
	if !fits {
		m.notice = "not pasted: a field holds at most 1 MB"
	}
	return nil
}

// words are those of a text on one line.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }

func (m *model) pressConfirm(msg tea.KeyPressMsg) tea.Cmd {
	p := m.here()
	switch {
	case key.Matches(msg, m.keys.yes): // not Enter: a key that is held would be its own yes
		return m.run(p.call)
	case key.Matches(msg, m.keys.no):
		p.turnBack(p.back)
	}
	return nil
}

// pressCall handles a key while a call is shown, under way or over.
func (m *model) pressCall(msg tea.KeyPressMsg) tea.Cmd {
	k, p, c := &m.keys, m.here(), m.here().call
	switch {
	case c.state == callRunning && key.Matches(msg, k.back):
		m.cancel(c)
		return nil
	case c.state == callRunning && key.Matches(msg, k.background):
		m.background(c)
		return nil
	case c.state == callRunning:
		return nil
	}
	if cmd, used := m.pressView(c, msg); used {
		return cmd
	}
	switch {
	case key.Matches(msg, k.back):
		p.leave()
		return nil
	case c.state == callFailed && c.failure.signIn && key.Matches(msg, k.signIn):
		return m.signIn(c.failure.scopes, c)
	case c.info:
	case key.Matches(msg, k.again), c.state == callFailed && key.Matches(msg, k.retry):
		return m.again(c)
	case key.Matches(msg, k.edit):
		return m.edit(c)
	}
	return nil
}

// scroll keeps the result inside a window that has changed.
func (m *model) scroll() {
	if p := m.here(); p.screen == screenCall && p.call.view != nil && !m.tooSmall() {
		p.call.view.fit(m.port(p.call))
	}
}
