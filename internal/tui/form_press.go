package tui

import tea "charm.land/bubbletea/v2"

// formAction is what a key in a form asks of the shell.
type formAction uint8

const (
	formStay   formAction = iota // nothing, or the form has done it
	formBack                     // leave the form
	formSubmit                   // send what is filled in
	formFull                     // the field takes no more
)

// press handles a key in the form. q and the other letters are letters here.
func (f *form) press(c cells, msg tea.KeyPressMsg) formAction {
	switch msg.String() {
	case "esc":
		return formBack
	case "ctrl+s":
		return formSubmit
	case "enter":
		if f.last() {
			return formSubmit
		}
		f.move(1)
	case "down", "tab":
		f.move(1)
	case "up", "shift+tab":
		f.move(-1)
	case "pgdown":
		f.move(5)
	case "pgup":
		f.move(-5)
	default:
		if !f.key(c, msg) && msg.Text != "" && !f.inputs[f.focus].picks() {
			return formFull
		}
	}
	return formStay
}

// pressForm does what a key in the form of the tool at hand asks for.
func (m *model) pressForm(msg tea.KeyPressMsg) tea.Cmd {
	switch m.form().press(m.cells, msg) {
	case formBack:
		m.screen = screenTools
	case formSubmit:
		return m.submit()
	case formFull:
		m.notice = "the field is full"
	case formStay:
	}
	return nil
}
