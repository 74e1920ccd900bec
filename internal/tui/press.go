package tui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// press handles a key. q and the other letters are letters inside a field; Esc never quits.
func (m *model) press(msg tea.KeyPressMsg) tea.Cmd {
	m.notice = ""
	if key.Matches(msg, m.keys.interrupt) {
		if m.screen == screenRunning {
			m.cancel()
			return nil
		}
		return m.quit(interrupted(tea.ErrInterrupted))
	}
	if m.tooSmall() {
		return nil // nobody should press what cannot be seen
	}
	switch m.screen {
	case screenTools:
		if m.list.typing {
			m.pressFilter(msg)
			return nil
		}
		return m.pressTools(msg)
	case screenForm:
		return m.pressForm(msg)
	case screenConfirm:
		return m.pressConfirm(msg)
	case screenRunning:
		if key.Matches(msg, m.keys.back) {
			m.cancel()
			return nil
		}
		if m.login != nil {
			return m.pressLogin(msg)
		}
		return nil
	case screenResult:
		return m.pressResult(msg)
	case screenFailure:
		return m.pressFailure(msg)
	}
	if key.Matches(msg, m.keys.quit) {
		return m.quit(nil)
	}
	return nil
}

func (m *model) pressTools(msg tea.KeyPressMsg) tea.Cmd {
	k, l := &m.keys, &m.list
	page := max(1, m.bodyHeight()-1)
	switch {
	case key.Matches(msg, k.quit):
		return m.quit(nil)
	case key.Matches(msg, k.filter):
		l.typing = true
	case key.Matches(msg, k.back):
		l.clear()
	case key.Matches(msg, k.reload):
		return m.load()
	case key.Matches(msg, k.up):
		l.move(-1)
	case key.Matches(msg, k.down):
		l.move(1)
	case key.Matches(msg, k.pageUp):
		l.move(-page)
	case key.Matches(msg, k.pageDown):
		l.move(page)
	case key.Matches(msg, k.top):
		l.move(-len(l.hits))
	case key.Matches(msg, k.bottom):
		l.move(len(l.hits))
	case key.Matches(msg, k.open):
		if it := l.selected(); it != nil {
			return m.open(it)
		}
	}
	return nil
}

func (m *model) pressFilter(msg tea.KeyPressMsg) {
	l := &m.list
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

func (m *model) paste(text string) {
	if m.tooSmall() {
		return
	}
	switch {
	case m.screen == screenTools && m.list.typing:
		m.list.paste(text)
	case m.screen == screenRunning && m.login != nil && m.login.noBrowser:
		m.login.paste.insert(strings.TrimSpace(text))
	case m.screen == screenForm && !m.form().paste(text):
		m.notice = "not pasted: a field holds at most 1 MB"
	}
}

func (m *model) pressConfirm(msg tea.KeyPressMsg) tea.Cmd {
	switch {
	case key.Matches(msg, m.keys.yes):
		return m.run()
	case key.Matches(msg, m.keys.no):
		m.screen = m.call.back
		if len(m.doc.lines) > 0 { // it was asked to run again
			m.screen = screenResult
		}
	case key.Matches(msg, m.keys.quit):
		return m.quit(nil)
	}
	return nil
}

func (m *model) pressResult(msg tea.KeyPressMsg) tea.Cmd {
	k := &m.keys
	page := max(1, m.pane().h-1)
	switch {
	case key.Matches(msg, k.quit):
		return m.quit(nil)
	case key.Matches(msg, k.back):
		m.screen, m.doc = m.call.back, document{}
	case key.Matches(msg, k.again):
		return m.ask()
	case key.Matches(msg, k.up):
		m.scroll(-1)
	case key.Matches(msg, k.down):
		m.scroll(1)
	case key.Matches(msg, k.pageUp):
		m.scroll(-page)
	case key.Matches(msg, k.pageDown):
		m.scroll(page)
	case key.Matches(msg, k.top):
		m.at = scroll{}
	case key.Matches(msg, k.bottom):
		m.at = m.pane().end()
	}
	return nil
}

// scroll moves the result by n rows; 0 keeps it inside a window that has changed.
func (m *model) scroll(n int) {
	if m.screen == screenResult && !m.tooSmall() {
		m.at = m.pane().move(m.at, n)
	}
}

func (m *model) pressFailure(msg tea.KeyPressMsg) tea.Cmd {
	k := &m.keys
	switch {
	case key.Matches(msg, k.quit):
		return m.quit(nil)
	case key.Matches(msg, k.retry):
		if m.call.item != nil {
			return m.ask()
		}
		return m.load()
	case key.Matches(msg, k.back) && m.loaded:
		m.screen = screenTools
		if m.call.item != nil {
			m.screen = m.call.back
		}
	}
	return nil
}
