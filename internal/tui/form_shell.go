package tui

import (
	"encoding/json"
	"errors"
	"os/exec"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// pressForm does what a key in the form of the tool at hand asks for.
func (m *model) pressForm(msg tea.KeyPressMsg) tea.Cmd {
	f := m.form()
	f.clock = m.clock
	switch f.press(m.cells, msg) {
	case formBack:
		m.here().turnBack(screenList)
	case formSubmit:
		return m.submit()
	case formEdit:
		return m.editForm(f)
	case formCopy:
		m.notice = "copied the command"
		return tea.SetClipboard(m.formLine())
	case formFull:
		m.notice = "the field is full"
	case formStay:
	}
	return nil
}

// commandLine does the same as a call in a shell, where files have its secrets.
func (m *model) commandLine(it *item, arguments json.RawMessage) string {
	line := commandLine{program: m.program, verb: deeds[it.kind].command, name: it.id, server: m.identity.Server}
	if it.kind == itemTemplate {
		line.name, arguments = it.address(arguments), nil
	}
	return line.with(arguments, it.shape.redact(arguments))
}

// formLine does the same as the form at hand. It is written anew once something changed.
func (m *model) formLine() string {
	f := m.form()
	if f.written != f.changes+1 {
		f.written, f.line = f.changes+1, m.commandLine(m.here().item, f.sent())
	}
	return f.line
}

// editForm opens the arguments in the user's editor, or once more what came back from there.
func (m *model) editForm(f *form) tea.Cmd {
	if len(m.editor) == 0 {
		m.notice = "set EDITOR to write the arguments in an editor"
		return nil
	}
	text := f.draft
	if text == "" {
		text = f.document()
	}
	return openEditor(m.editor, f, text)
}

// gotEdited fills the form with what came back from the editor.
func (m *model) gotEdited(msg editedMsg) {
	m.notice = ""
	var failed *exec.ExitError
	switch {
	case errors.As(msg.err, &failed):
		m.notice = "the editor failed; nothing has changed"
	case msg.err != nil:
		m.notice = oneLine("the editor: "+msg.err.Error(), 200)
	case msg.form.set(json.RawMessage(msg.text)):
	default:
		msg.form.draft = msg.text
		m.notice = notObject(msg.text) + "; ctrl+o opens it again"
	}
}

// notObject says why a text is no JSON object.
func notObject(text string) string {
	var raw json.RawMessage
	if err := json.Unmarshal([]byte(text), &raw); err != nil && strings.TrimSpace(text) != "" {
		return position(text, err)
	}
	return "not a JSON object: {…}"
}
