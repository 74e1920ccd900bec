package tui

import (
	"slices"

	"charm.land/bubbles/v2/key"
)

// hints are the keys that the focused field takes beside text, the most useful first.
func (f *form) hints() []key.Binding {
	in := f.focused()
	if in == nil {
		return nil
	}
	hints := in.hints()
	if _, ok := step(in.format, in.edit.text, in.edit.pos, 1, f.clock); ok && in.kind == kindText && !in.null {
		hints = append(hints, hint("shift+↑↓", "step", "shift+up", "shift+down"))
	}
	if list, _ := f.item(); list != nil {
		hints = append(hints, hint("ctrl+n", "add", "ctrl+n"), hint("ctrl+x", "remove", "ctrl+x"), hint("alt+↑↓", "move", "alt+up", "alt+down"))
	}
	switch {
	case !in.turns():
	case in.turnWords() != "":
		hints = append(hints, hint("ctrl+t", "type", "ctrl+t"))
	case in.blank:
		hints = append(hints, hint("ctrl+t", "leave out", "ctrl+t"))
	default:
		hints = append(hints, hint("ctrl+t", "send empty", "ctrl+t"))
	}
	if in.kind == kindText || in.kind == kindJSON {
		hints = append(hints, hint("ctrl+j", "new line", "ctrl+j", "shift+enter", "alt+enter"))
	}
	return hints
}

// hint is a key in a field: as it is shown, what it does, and its names.
func hint(show, does string, names ...string) key.Binding {
	return key.NewBinding(key.WithKeys(names...), key.WithHelp(show, does))
}

// hints are the keys of one field.
func (in *input) hints() []key.Binding {
	var hints []key.Binding
	letters := key.NewBinding(key.WithHelp("a … z", "find"))
	switch in.kind {
	case kindBoolean:
		hints = append(hints, hint("space", "toggle", "space", "right", "left"), letters)
	case kindChoice:
		hints = append(hints, hint("←→", "choose", "right", "left", "space"), letters)
	case kindChoices:
		hints = append(hints, hint("space", "tick", "space"), hint("←→", "move", "right", "left"), letters)
	case kindList:
		hints = append(hints, hint("space", "add", "space", "ctrl+n"))
	case kindGroup:
		open := hint("space", "open", "space")
		if in.open && !in.null {
			open.SetHelp("space", "close")
		}
		hints = append(hints, open)
	}
	if in.emptied() {
		hints = append(hints, hint("backspace", "none", "backspace", "delete"))
	}
	return hints
}

// emptied says whether there is a value that backspace takes away as a whole.
func (in *input) emptied() bool {
	switch {
	case in.null, in.blank:
		return true
	case in.kind == kindBoolean && in.required:
		return in.picked != 0
	case in.kind == kindBoolean, in.kind == kindChoice:
		return in.picked >= 0 || in.filter != ""
	case in.kind == kindChoices:
		return slices.Contains(in.ticked, true)
	case in.kind == kindGroup:
		return in.open && !in.required
	}
	return false
}

// turns says whether ctrl+t changes what is sent.
func (in *input) turns() bool {
	plain := !in.blank && !in.null
	canBlank := (in.kind == kindText || in.kind == kindList || in.kind == kindChoices) && in.empty()
	return !plain || len(in.variants) > 1 || in.nullable && !in.picks() || canBlank
}
