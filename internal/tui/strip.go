package tui

import (
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// purpose is what a field is for.
type purpose uint8

const (
	forSearch purpose = iota
	forSave
	forBrowse // no text, but a yes
)

// strip is the line below a result while something is typed there.
type strip struct {
	editor
	purpose purpose
	warning string
	job     saveJob
	url     string
	busy    bool // the file is being written
}

// newQuestion asks once before a foreign address is opened.
func newQuestion(url string) *strip { return &strip{purpose: forBrowse, url: url} }

// startSave asks for the path of a file: of the image or the like at the cursor, else of the
// whole view.
func (v *viewer) startSave() action {
	f := &strip{purpose: forSave}
	if p := v.part(); p != nil && p.data != "" {
		name := p.name
		if name == "" {
			name = v.name
		}
		copied := *p
		f.job.data = copied.decode
		f.editor = newEditor(fileName(name, p.ending()))
	} else {
		ending := ".txt"
		if v.shown == viewRaw || v.structured != "" && v.shown != viewText {
			ending = ".json"
		}
		f.job.data = v.content()
		f.editor = newEditor(fileName(v.name, ending))
	}
	v.strip = f
	return action{}
}

// pressField handles a key in the field.
func (v *viewer) pressField(p port, msg tea.KeyPressMsg) action {
	f := v.strip
	name := msg.String()
	if name == "esc" {
		v.strip = nil
		if f.purpose == forSearch {
			v.endSearch(p)
		}
		return action{}
	}
	switch f.purpose {
	case forBrowse:
		switch name {
		case "n":
			v.strip = nil
		case "y", "enter":
			v.strip = nil
			return action{kind: actBrowse, text: f.url, notice: "opening the browser"}
		}
		return action{}
	case forSave:
		if name == "enter" {
			return v.submitSave()
		}
		if f.key(p.c, msg) {
			f.job.overwrite, f.warning = false, ""
		}
		return action{}
	}
	switch name {
	case "enter":
		v.strip = nil
		return action{}
	case "up":
		return v.hit(v.inside(p), -1)
	case "down":
		return v.hit(v.inside(p), 1)
	}
	if f.key(p.c, msg) {
		return v.searchFor(f.text)
	}
	return action{}
}

// paste puts text into the field, if there is one.
func (v *viewer) paste(text string) action {
	f := v.strip
	if f == nil || f.purpose == forBrowse {
		return action{}
	}
	if !f.insert(strings.TrimRight(text, "\r\n")) {
		return action{notice: "not pasted: a field holds at most 1 MB"}
	}
	if f.purpose == forSearch {
		return v.searchFor(f.text)
	}
	f.job.overwrite, f.warning = false, ""
	return action{}
}

func (v *viewer) submitSave() action {
	f := v.strip
	switch {
	case f.busy:
		return action{}
	case strings.TrimSpace(f.text) == "":
		f.warning = "type a path"
		return action{}
	}
	f.busy = true
	f.job.path = f.text
	return action{kind: actSave, save: f.job}
}

// saved takes the outcome of actSave, and gives the words for it.
func (v *viewer) saved(outcome savedFile) (notice string) {
	f := v.strip
	if f == nil || !f.busy || f.job.path != outcome.path { // that field was left
		switch {
		case outcome.exists:
			return "not saved: there is " + oneLine(outcome.path, 200) + " already"
		case outcome.err != nil:
			return outcome.err.Error()
		}
		return "saved " + oneLine(outcome.path, 200)
	}
	f.busy = false
	switch {
	case outcome.exists && f.text != outcome.path: // it was changed since
	case outcome.exists:
		f.job.overwrite = true
		f.warning = "it exists: enter again replaces it"
	case outcome.err != nil:
		f.warning = outcome.err.Error()
	default:
		v.strip = nil
		return "saved " + oneLine(outcome.path, 200) + ", " + size(outcome.size)
	}
	return ""
}

// draw writes the field as the last row of a window.
func (f *strip) draw(b *body, t *theme, p port) {
	if f.purpose == forBrowse {
		const question = "Open in the browser? "
		b.rows = append(b.rows, t.warn.Render(question)+fit(p.c, oneLine(f.url, 4*p.w), p.w-len(question)))
		return
	}
	prompt := "/"
	if f.purpose == forSave {
		prompt = "Save as: "
	}
	warning := ""
	if f.warning != "" {
		warning = "  " + fit(p.c, f.warning, p.w-len(prompt)-12)
	}
	text, x := f.view(p.c, max(1, p.w-len(prompt)-p.c.StringWidth(warning)))
	b.x, b.y = len(prompt)+x, len(b.rows)
	b.rows = append(b.rows, t.accent.Render(prompt)+t.plain.Render(text)+t.bad.Render(warning))
}

// hints are the keys of the field; found says whether there is a match to go to.
func (f *strip) hints(own *viewKeys, found bool) []key.Binding {
	does := map[purpose][2]string{
		forSearch: {"keep", "end search"}, forSave: {"save", "cancel"},
	}[f.purpose]
	if f.purpose == forBrowse {
		return []key.Binding{hint("y", "open", "y", "enter"), hint("n", "cancel", "n", "esc")}
	}
	hints := []key.Binding{as(own.openRow, "enter", does[0]), as(own.clear, "esc", does[1])}
	if found {
		hints = append(hints, hint("↑↓", "match", "up", "down"))
	}
	return hints
}
