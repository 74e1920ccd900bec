package tui

import (
	"strings"
	"unsafe"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// Viewer is a viewer in a window of its own.
type Viewer struct {
	*viewer
	keys  keymap
	theme theme
	port  port
	Did   []action // what it asked the shell for
	Used  bool     // the last key was one of its own
}

func NewViewer(res *client.Result, w, h int) *Viewer {
	return &Viewer{
		viewer: newViewer("get_things", res), keys: newKeymap(), theme: newTheme(true, false),
		port: port{c: ansi.WcWidth, w: w, h: h},
	}
}

func (v *Viewer) Resize(method ansi.Method, w, h int) {
	v.port = port{c: method, w: w, h: h}
	v.fit(v.port)
}

// Press handles keys, and does the viewer's work at once.
func (v *Viewer) Press(msgs ...tea.KeyPressMsg) {
	for _, msg := range msgs {
		a, used := v.key(&v.keys, v.inside(v.port), msg)
		v.do(a)
		v.Used = used
	}
}

// Queue handles a key and gives the work, which is done when it is called.
func (v *Viewer) Queue(msg tea.KeyPressMsg) (work func()) {
	a, _ := v.key(&v.keys, v.inside(v.port), msg)
	if a.kind != actWork {
		return nil
	}
	answer := a.work()
	return func() { v.do(v.got(v.port, answer)) }
}

func (v *Viewer) Paste(text string) {
	v.do(v.paste(text))
}

func (v *Viewer) do(a action) {
	for a.kind == actWork {
		a = v.got(v.port, a.work())
	}
	v.Did = append(v.Did, a)
	if a.kind == actSave {
		if words := v.saved(saveFile(a.save)); words != "" {
			v.Did = append(v.Did, action{notice: words})
		}
	}
}

// Last is the last thing that was asked for.
func (v *Viewer) Last() (kind int, text, notice string) {
	if len(v.Did) == 0 {
		return 0, "", ""
	}
	a := v.Did[len(v.Did)-1]
	return int(a.kind), a.text, a.notice
}

const (
	ActCopy, ActSave, ActPage, ActOpen, ActBrowse, ActRead = int(actCopy), int(actSave), int(actPage), int(actOpen), int(actBrowse), int(actRead)
)

// Paged is the text that the last action gives the pager; Data the bytes that it opens.
func (v *Viewer) Paged() string { return string(v.Did[len(v.Did)-1].work().([]byte)) }

func (v *Viewer) Open(open func(path string) error) error {
	var on shelf
	defer on.clear()
	return openMedia(v.Did[len(v.Did)-1].save, &on, open)
}

// Frame draws the window, with the corner below it.
func (v *Viewer) Frame() string {
	b := v.rows(&v.theme, v.port)
	return strings.Join(append(b.rows, "-- "+b.corner), "\n")
}

func (v *Viewer) Rows() []string { return v.rows(&v.theme, v.port).rows }

func (v *Viewer) Tabs() string { return v.tabs(&v.theme, v.port) }

// NewFailure is the viewer of a call that failed; nil if there is nothing to see.
func NewFailure(err error, w, h int) *Viewer {
	v := NewViewer(&client.Result{}, w, h)
	if v.viewer = newFailure(err); v.viewer == nil {
		return nil
	}
	return v
}

// Page runs a pager on text, and gives what it writes.
func Page(words []string, text string) (string, error) {
	var out strings.Builder
	p := &pager{words: words, text: func() []byte { return []byte(text) }}
	p.SetStdin(nil)
	p.SetStdout(&out)
	p.SetStderr(&out)
	err := p.Run()
	return out.String(), err
}

// Shares says whether the structured content and the data of the first part are pieces of the
// answer, and no copies.
func (v *Viewer) Shares() bool {
	from := uintptr(unsafe.Pointer(unsafe.StringData(v.response)))
	in := func(s string) bool {
		at := uintptr(unsafe.Pointer(unsafe.StringData(s)))
		return at >= from && at+uintptr(len(s)) <= from+uintptr(len(v.response))
	}
	return in(v.structured) && in(v.parts[0].data)
}

func (v *Viewer) Bytes() int { return v.bytes() }

func (v *Viewer) Hints() (keys []string) {
	for _, h := range v.hints() {
		keys = append(keys, h.Help().Key+" "+h.Help().Desc)
	}
	return keys
}

// Sound says what is out of range, "" if nothing is.
func (v *Viewer) Sound() string {
	for w, o := range v.outlines {
		switch {
		case o == nil:
			continue
		case o.cursor < 0 || o.cursor >= len(o.nodes):
			return "cursor of " + viewNames[w]
		case o.top.line < 0 || o.top.line >= len(o.nodes) || o.top.row < 0:
			return "top of " + viewNames[w]
		case o.seen(o.cursor) != o.cursor:
			return "the cursor is in what is folded, in " + viewNames[w]
		case o.seen(o.top.line) != o.top.line:
			return "the top is in what is folded, in " + viewNames[w]
		}
		for i := range o.nodes {
			n := &o.nodes[i]
			if int(n.next) <= i || int(n.next) > len(o.nodes) || int(n.parent) >= i {
				return "the nodes of " + viewNames[w]
			}
		}
	}
	if tb := v.table; tb != nil && (tb.row < 0 || tb.row >= len(tb.lines) || tb.top < 0 || tb.left < 0 || tb.left >= len(tb.columns)) {
		return "table"
	}
	return ""
}

func Find(text, s string) (from, to int) { return newPattern(text).find(s) }

// Marked is s with its matches highlighted, without the highlighting.
func Marked(text, s string) string {
	t := newTheme(true, false)
	s2 := client.PrintableLine(s)
	half := 0
	for i := range s2 {
		if i <= len(s2)/2 {
			half = i
		}
	}
	inks := newPattern(text).mark(&t, s2, []stretch{{end: half, style: t.key}, {end: len(s2), style: t.text}})
	if ansi.Strip(inked(s2, 0, inks)) == s2 {
		return s
	}
	return s2
}

func (v *Viewer) Theme(dark, color bool) { v.theme = newTheme(dark, color) }

// ClearShelf removes what was opened.
func (m *model) ClearShelf() { m.shelf.clear() }
