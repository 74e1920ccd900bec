package tui

import (
	"bytes"
	"encoding/json"
	"strings"
)

// maxCopy bounds what is copied: terminals drop a longer OSC 52 sequence.
const maxCopy = 74_000

// actionKind is what a viewer wants of the shell: what takes input or output, or another place.
type actionKind uint8

const (
	actNothing actionKind = iota
	actWork               // run work in a command, and give its answer to got
	actCopy               // put text into the clipboard
	actSave               // run save in a command, and give its answer to saved
	actPage               // show work's []byte, which is printable, in the pager
	actOpen               // run the desktop's program on save's data
	actBrowse             // open text, an https address that the user has seen, in the browser
	actRead               // read the resource at text from this server
)

// action is a plain value: what a key asks for beyond the viewer.
type action struct {
	kind   actionKind
	text   string
	notice string
	work   func() any
	save   saveJob
}

// saveJob is a file to be written.
type saveJob struct {
	path      string // for actOpen, only its name
	overwrite bool
	data      func() ([]byte, error) // runs in a command
}

var tooLong = action{notice: "not copied: a terminal takes at most 74 kB; s saves it"}

// copied is the action that copies a text; what says what it is.
func copied(text, what string) action {
	if len(text) > maxCopy {
		return tooLong
	}
	return action{kind: actCopy, text: text, notice: "copied " + what + ", " + size(len(text))}
}

// at is the tree and the node that the cursor is on; nil in a text.
func (v *viewer) at() (*tree, int) {
	if v.shown == viewTable {
		return v.table.tree, int(v.table.lines[v.table.row])
	}
	o := v.outline()
	return o.tree, o.cursor
}

// copyValue copies the value at the cursor, a string without its quotes; of a text, all of it.
func (v *viewer) copyValue() action {
	if o := v.outline(); o != nil && o.flat {
		return v.copyAll()
	}
	t, i := v.at()
	n := &t.nodes[i]
	switch n.kind {
	case nodePart:
		p := &t.parts[n.from]
		if p.uri != "" {
			return copied(p.uri, "the URI")
		}
		return action{notice: "this is saved with s, not copied"}
	case nodeText, nodeBad, nodeRun, nodeNote, nodeBlank:
		return copied(t.value(i), "the line")
	}
	raw := t.raw(i)
	if len(raw) > maxCopy {
		return tooLong
	}
	var text string
	if n.kind == nodeString && json.Unmarshal([]byte(raw), &text) == nil {
		return copied(text, "the value")
	}
	return copied(strings.TrimSuffix(string(indent(raw)), "\n"), "the value")
}

func (v *viewer) copyPath() action {
	if !v.hasPath() {
		return action{notice: "a text has no path"}
	}
	t, i := v.at()
	path, whole := t.path(i, maxCopy)
	if !whole {
		return action{notice: "not copied: a terminal takes at most 74 kB"}
	}
	return copied(path, "the path")
}

// hasPath says whether what the cursor is on is JSON.
func (v *viewer) hasPath() bool {
	if o := v.outline(); o != nil && o.flat {
		return false
	}
	t, i := v.at()
	return t.nodes[i].kind <= nodeRun
}

func (v *viewer) copyAll() action {
	if len(v.structured) > maxCopy || len(v.texts) > maxCopy || v.shown == viewRaw && len(v.response) > maxCopy {
		return tooLong
	}
	data, _ := v.content()()
	return copied(string(data), "all of it")
}

// content is what the view at hand shows, as it is saved. The function runs in a command.
func (v *viewer) content() func() ([]byte, error) {
	w, structured, texts, request, response := v.shown, v.structured, v.texts, v.request, v.response
	first, parts := v.outlines[viewTree].tree, v.parts
	return func() ([]byte, error) {
		switch {
		case w == viewRaw:
			return append(indent(request), indent(response)...), nil
		case w != viewText && structured != "":
			return indent(structured), nil
		case texts == "":
			var b bytes.Buffer
			for i := range first.nodes {
				b.WriteString(first.value(i) + "\n")
			}
			return b.Bytes(), nil
		}
		var b bytes.Buffer
		for _, p := range parts {
			if text := texts[p.from:p.to]; text != "" {
				b.WriteString(strings.TrimRight(text, "\n") + "\n")
			}
		}
		return b.Bytes(), nil
	}
}

// indent is JSON for people, with every digit; what is none stays as it is.
func indent(raw string) []byte {
	if raw == "" {
		return nil
	}
	var b bytes.Buffer
	if json.Indent(&b, []byte(raw), "", "  ") != nil {
		return []byte(raw)
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// part is the one that the cursor is on, nil for none.
func (v *viewer) part() *part {
	if o := v.outline(); o != nil && !o.flat && o.nodes[o.cursor].kind == nodePart {
		return &o.parts[o.nodes[o.cursor].from]
	}
	return nil
}

// opens says what Enter does with content that is not text.
func (v *viewer) opens(p *part) string {
	switch {
	case p.kind == "resource_link":
		return "read"
	case p.data != "" && p.ending() != "":
		return "open"
	}
	return "save"
}

// openHere opens what the cursor is on: an image in its program, a linked resource from this
// server (enter) or in the browser (o); anything else in the pager.
func (v *viewer) openHere(enter bool) action {
	p := v.part()
	switch {
	case p == nil:
		content := v.content()
		return action{kind: actPage, work: func() any {
			data, _ := content()
			return []byte(printable(string(data)))
		}}
	case v.opens(p) == "read" && enter:
		return action{kind: actRead, text: p.uri}
	case v.opens(p) == "read" && browsable(p.uri):
		v.strip = newQuestion(p.uri)
		return action{}
	case v.opens(p) == "read":
		return action{notice: "only https addresses are opened; enter reads it from this server"}
	case v.opens(p) == "open":
		copy := *p
		return action{
			kind: actOpen, notice: "opening " + oneLine(p.kind, 60),
			save: saveJob{path: fileName(p.name, p.ending()), data: copy.decode},
		}
	}
	return v.startSave()
}
