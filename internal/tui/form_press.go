package tui

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"
)

// formAction is what a key in a form asks of the shell.
type formAction uint8

const (
	formStay   formAction = iota // nothing, or the form has done it
	formBack                     // leave the form
	formSubmit                   // send what is filled in
	formEdit                     // open the arguments in $EDITOR
	formCopy                     // copy the command line
	formFull                     // the field takes no more
)

// press handles a key in the form. q and the other letters are letters here.
func (f *form) press(c cells, msg tea.KeyPressMsg) formAction {
	name := msg.String()
	if name == "ctrl+s" || name == "enter" && f.last() && !f.unfinished() {
		return formSubmit
	}
	switch name {
	case "esc":
		f.refused = nil
		return formBack
	case "ctrl+o":
		return formEdit
	case "ctrl+y":
		return formCopy
	case "ctrl+n":
		return f.add()
	case "enter", "tab", "shift+tab", "up", "down", "pgup", "pgdown":
		f.refused = nil
		f.walk(c, name)
	default:
		return f.key(c, msg)
	}
	return formStay
}

// walk moves between fields, or between the lines of one.
func (f *form) walk(c cells, name string) {
	in := f.focused()
	if in == nil {
		return
	}
	switch name {
	case "enter":
		if f.unfinished() {
			f.enter(func(e *editor) bool { return e.newline() })
			return
		}
		f.move(1)
	case "tab":
		f.move(1)
	case "shift+tab":
		f.move(-1)
	case "down":
		if !in.vertical(c, 1) {
			f.move(1)
		}
	case "up":
		if !in.vertical(c, -1) {
			f.move(-1)
		}
	case "pgdown":
		f.move(5)
	case "pgup":
		f.move(-5)
	}
}

// unfinished says whether Enter belongs to the JSON under the cursor.
func (f *form) unfinished() bool {
	in := f.focused()
	if in == nil || in.kind != kindJSON || in.null || in.empty() {
		return false
	}
	_, why := in.value()
	return why.hard
}

// vertical moves within the field; false: there is nothing further on that way.
func (in *input) vertical(c cells, n int) bool {
	if in.kind == kindChoices && !in.null {
		if at := in.at + n; at >= 0 && at < len(in.choices) {
			in.at = at
			return true
		}
		return false
	}
	return in.typed() && !in.null && in.edit.vertical(c, n)
}

// enter edits the text of the focused field; false: it is full.
func (f *form) enter(edit func(e *editor) bool) bool {
	in := f.focused()
	if !in.typed() {
		return false
	}
	before := in.edit.text
	if !edit(&in.edit) {
		return false
	}
	if in.edit.text != before {
		in.change()
		f.changed()
	}
	in.touched = true
	return true
}

// key gives a key to the focused field.
func (f *form) key(c cells, msg tea.KeyPressMsg) formAction {
	in := f.focused()
	if in == nil {
		return formStay
	}
	used := false
	switch name := msg.String(); name {
	case "ctrl+t":
		if used = in.turn(); used {
			f.layout()
		}
	case "ctrl+x":
		used = f.remove()
	case "alt+up":
		used = f.shift(-1)
	case "alt+down":
		used = f.shift(1)
	case "shift+up", "shift+down":
		used = f.step(name)
	case "ctrl+j", "alt+enter", "shift+enter":
		if in.kind == kindText || in.kind == kindJSON {
			used = f.enter(func(e *editor) bool { return e.newline() })
		}
	default:
		return f.edit(c, msg)
	}
	if used {
		f.changed()
	}
	return formStay
}

func (f *form) edit(c cells, msg tea.KeyPressMsg) formAction {
	in := f.focused()
	switch name := msg.String(); {
	case (in.null || in.blank) && (name == "backspace" || name == "delete"):
		in.change()
		f.changed()
		f.layout()
		return formStay
	case in.typed():
		if !f.enter(func(e *editor) bool { return e.key(c, msg) }) && msg.Text != "" {
			return formFull
		}
		return formStay
	case in.kind == kindList && isSpace(msg):
		return f.add()
	case in.kind == kindList:
		return formStay
	case in.press(msg):
		f.changed()
		f.layout()
	}
	return formStay
}

func isSpace(msg tea.KeyPressMsg) bool { return msg.String() == "space" || msg.Text == " " }

// step moves a date or time by one.
func (f *form) step(name string) bool {
	in, n := f.focused(), 1
	if name == "shift+down" {
		n = -1
	}
	if in.kind != kindText || in.null {
		return false
	}
	text, ok := step(in.format, in.edit.text, in.edit.pos, n, f.clock)
	if !ok {
		return false
	}
	pos := in.edit.pos
	if in.edit.text == "" {
		pos = len(text)
	}
	in.change()
	in.setText(text)
	in.edit.pos = min(pos, len(text))
	return true
}

// press gives a key to a field that is not written into. It reports whether the field had a use
// for it.
func (in *input) press(msg tea.KeyPressMsg) bool {
	switch in.kind {
	case kindGroup:
		return in.fold(msg)
	case kindChoices:
		return in.tick(msg)
	}
	switch name := msg.String(); {
	case name == "right", isSpace(msg) && !in.find(in.filter+" "):
		in.roll(1)
	case name == "left":
		in.roll(-1)
	case name == "backspace" && in.filter != "":
		runes := []rune(in.filter)
		in.filter = string(runes[:len(runes)-1])
	case name == "backspace", name == "delete":
		in.change()
		in.picked, in.filter = -1, ""
		if in.kind == kindBoolean && in.required {
			in.picked = 0
		}
	case isSpace(msg):
	case msg.Text == "":
		return false
	case !in.find(in.filter + msg.Text):
		in.find(msg.Text)
	}
	return true
}

// roll picks the next choice that the filter leaves, or none where that may be.
func (in *input) roll(n int) {
	options := in.hits(in.filter)
	if !in.required {
		options = slices.Insert(options, 0, -1)
	}
	at := slices.Index(options, in.picked)
	if at < 0 && n < 0 {
		at = 0
	}
	in.change()
	in.picked = options[(at+n+len(options))%len(options)]
}

// hits are the choices that have a text in them, those that begin with it first; all for "".
func (in *input) hits(filter string) []int {
	var first, others []int
	filter = strings.ToLower(filter)
	for i, c := range in.choices {
		label := strings.ToLower(c.label)
		switch {
		case strings.HasPrefix(label, filter):
			first = append(first, i)
		case strings.Contains(label, filter):
			others = append(others, i)
		}
	}
	return append(first, others...)
}

// find takes a filter and picks the first choice that it leaves, or the one after the present one
// where the same was typed before; false: it leaves none.
func (in *input) find(filter string) bool {
	hits := in.hits(filter)
	if len(hits) == 0 || strings.TrimSpace(filter) == "" {
		return false
	}
	in.change()
	at := 0
	if filter == in.filter {
		at = (slices.Index(hits, in.picked) + 1) % len(hits)
	}
	in.filter, in.picked = filter, hits[at]
	return true
}

// fold opens and closes a group that need not be sent.
func (in *input) fold(msg tea.KeyPressMsg) bool {
	switch name := msg.String(); {
	case isSpace(msg):
		open := !in.open || in.null
		in.change()
		in.open = open || in.required
	case name == "backspace", name == "delete":
		in.change()
		in.open = in.required
	default:
		return false
	}
	return true
}

// tick chooses among several.
func (in *input) tick(msg tea.KeyPressMsg) bool {
	switch name := msg.String(); {
	case isSpace(msg):
		in.change()
		in.ticked[in.at] = !in.ticked[in.at]
	case name == "right":
		in.at = min(in.at+1, len(in.choices)-1)
	case name == "left":
		in.at = max(in.at-1, 0)
	case name == "backspace", name == "delete":
		in.change()
		clear(in.ticked)
	case msg.Text == "":
		return false
	default:
		hits := in.hits(msg.Text)
		next := slices.IndexFunc(hits, func(i int) bool { return i > in.at })
		if next >= 0 {
			in.at = hits[next]
		} else if len(hits) > 0 {
			in.at = hits[0]
		}
	}
	return true
}
