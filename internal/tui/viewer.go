package tui

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// view is a way to look at a result.
type view uint8

const (
	viewTree view = iota
	viewTable
	viewText
	viewRaw
	viewCount
)

var viewNames = [viewCount]string{"result", "table", "text", "raw"}

// viewer shows one result: the structured content as a tree or a table, texts, and what went over
// the wire. It keeps what was received once; all views are offsets into it.
type viewer struct {
	name              string // of what was called, for the names of files
	request, response string
	structured        string // a part of response
	texts             string // the texts of parts, one after the other
	parts             []part
	failed            bool // the tool called its answer an error

	shown    view
	outlines [viewCount]*outline // nil: not laid out yet
	table    *table              // nil: not laid out yet
	root     int                 // the node whose table is wanted
	search   search
	strip    *strip            // nil: letters are commands
	early    []tea.KeyPressMsg // keys for a view that is being laid out
}

// newViewer reads a result. It is called in a command, as a large one takes its time.
func newViewer(name string, res *client.Result) *viewer {
	v := &viewer{
		name: name, failed: res.IsError,
		request: string(res.Exchange.Request), response: string(res.Exchange.Response),
	}
	if v.response == "" {
		v.response = string(res.Raw)
	}
	structured := bytes.TrimSpace(res.Structured)
	if string(structured) != "null" && json.Valid(structured) {
		v.structured = share(v.response, string(structured))
	}
	v.read(res.Content)
	v.outlines[viewTree] = newOutline(v.resultTree())
	if v.outlines[viewTree].flat && v.structured == "" {
		v.outlines[viewText] = v.outlines[viewTree]
	}
	return v
}

// share finds part in what is kept anyway, so that a large result is kept once.
func share(whole, part string) string {
	if i := strings.Index(whole, part); i >= 0 && part != "" {
		return whole[i : i+len(part)]
	}
	return part
}

// read takes the pieces of a result. One text alone, the usual case, is not copied.
func (v *viewer) read(contents []client.Content) {
	texts := make([]string, 0, len(contents))
	at := 0
	for _, c := range contents {
		p := part{kind: c.Type, mime: c.MIMEType, name: c.Name, uri: c.URI, from: at}
		if c.Data != "" {
			p.data = share(v.response, c.Data)
		}
		at += len(c.Text)
		p.to = at
		texts = append(texts, c.Text)
		v.parts = append(v.parts, p)
	}
	v.texts = strings.Join(texts, "")
}

// newFailure shows what a server said when it refused a call: the error's code, message and data;
// nil if it said nothing.
func newFailure(err error) *viewer {
	var known *client.Error
	if !errors.As(err, &known) {
		return nil
	}
	var answer struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(known.Exchange.Response, &answer) != nil || answer.Error == nil {
		return nil
	}
	v := &viewer{
		name: "error", failed: true,
		request: string(known.Exchange.Request), response: string(known.Exchange.Response),
	}
	v.structured = share(v.response, string(answer.Error))
	t := &tree{}
	t.addLabeled("error", v.structured)
	v.outlines[viewTree] = newOutline(t.finish())
	return v
}

// addLabeled adds JSON under a name of our own.
func (t *tree) addLabeled(label, raw string) {
	source := t.hold(raw)
	if !json.Valid([]byte(raw)) || len(raw) > maxSource {
		t.addText(source, 0, len(raw), nodeText)
		return
	}
	t.labels = append(t.labels, label)
	t.addJSON(source, 0, len(raw), byLabel, len(t.labels)-1)
}

// resultTree is what the answer says: the structured content if there is any, else the texts;
// content of other types by name, type and size. An error's text comes first.
func (v *viewer) resultTree() *tree {
	t := &tree{parts: v.parts}
	structured, texts := t.hold(v.structured), t.hold(v.texts)
	body := func() {
		if v.structured != "" {
			v.gap(t)
			t.addJSON(structured, 0, len(v.structured), unnamed, 0)
		}
	}
	if !v.failed {
		body()
	}
	for i := range v.parts {
		p := &v.parts[i]
		json := v.isJSON(p)
		switch {
		case t.full():
			t.left += p.to - p.from + p.size()
			continue
		case p.kind == "text" && v.structured != "" && (json || !v.failed):
			continue // the text twin of the structured content
		}
		v.gap(t)
		if p.kind != "text" {
			t.add(twig{from: uint32(i), parent: -1, kind: nodePart})
		}
		switch {
		case p.from == p.to:
		case json:
			t.addJSON(texts, p.from, p.to, unnamed, 0)
		case v.failed:
			t.addText(texts, p.from, p.to, nodeBad)
		default:
			t.addText(texts, p.from, p.to, nodeText)
		}
	}
	if v.failed {
		body()
	}
	return t.finish()
}

// gap is an empty line between pieces.
func (v *viewer) gap(t *tree) {
	if len(t.nodes) > 0 {
		t.add(twig{parent: -1, kind: nodeBlank})
	}
}

// isJSON says whether a text is an object or array.
func (v *viewer) isJSON(p *part) bool {
	text := strings.TrimSpace(v.texts[p.from:p.to])
	return (strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[")) && json.Valid([]byte(text))
}

// views are those that this result has.
func (v *viewer) views() []view {
	views := []view{viewTree}
	if v.tableNode() >= 0 {
		views = append(views, viewTable)
	}
	if v.texts != "" && v.outlines[viewText] != v.outlines[viewTree] {
		views = append(views, viewText)
	}
	if v.request != "" || v.response != "" {
		views = append(views, viewRaw)
	}
	return views
}

// title is the name of a view. That of a result without JSON is its text.
func (v *viewer) title(w view) string {
	if w == viewTree && v.outlines[viewTree].flat {
		return viewNames[viewText]
	}
	return viewNames[w]
}

// tableNode is the array of objects nearest to the cursor, or at the top; -1: there is none.
func (v *viewer) tableNode() int {
	o := v.outlines[viewTree]
	for i := int32(o.cursor); i >= 0; i = o.nodes[i].parent {
		if o.tabular(int(i)) {
			return int(i)
		}
	}
	const looked = 50
	at := 0
	for n := 0; n < looked && at < len(o.nodes); n++ {
		if o.tabular(at) {
			return at
		}
		if o.nodes[at].parent < 0 && o.nodes[at].kind == nodeObject {
			at++
		} else {
			at = int(o.nodes[at].next)
		}
	}
	return -1
}

// built is the answer of a command that laid a view out.
type built struct {
	view    view
	outline *outline
	table   *table
}

// open changes the view. One that is not laid out yet is left to a command.
func (v *viewer) open(w view) action {
	v.shown = w
	v.search.done, v.search.at, v.search.mute = found{}, -1, true
	if w == viewTable {
		if at := v.tableNode(); v.table == nil || v.table.root != at {
			t := v.outlines[viewTree].tree
			v.table, v.root = nil, at
			return action{kind: actWork, work: func() any { return built{view: w, table: newTable(t, at)} }}
		}
		v.table.choose(v.outlines[viewTree].cursor)
		return v.look()
	}
	if v.outlines[w] != nil {
		return v.look()
	}
	source := *v // what it reads does not change
	return action{kind: actWork, work: func() any { return built{view: w, outline: newOutline(source.lay(w))} }}
}

// lay makes the tree of a view that is not made at the start.
func (v *viewer) lay(w view) *tree {
	t := &tree{}
	if w == viewText {
		source := t.hold(v.texts)
		for i := range v.parts {
			if p := &v.parts[i]; p.to > p.from {
				v.gap(t)
				t.addText(source, p.from, p.to, nodeText)
			}
		}
		return t.finish()
	}
	if v.request != "" {
		t.addLabeled("request", v.request)
	}
	if v.response != "" {
		v.gap(t)
		t.addLabeled("response", v.response)
	}
	return t.finish()
}

// got takes what a command found or laid out.
func (v *viewer) got(p port, answer any) action {
	switch answer := answer.(type) {
	case built:
		switch {
		case answer.outline != nil:
			v.outlines[answer.view] = answer.outline
		case answer.table.root == v.root:
			v.table = answer.table
			v.table.choose(v.outlines[viewTree].cursor)
		}
		return v.look()
	case found:
		return v.gotFound(v.inside(p), answer)
	}
	return action{}
}

// outline is the outline on the screen, nil if it is a table or not laid out yet.
func (v *viewer) outline() *outline {
	if v.shown == viewTable {
		return nil
	}
	return v.outlines[v.shown]
}

// bytes is what the viewer keeps in memory.
func (v *viewer) bytes() int {
	n := len(v.request) + len(v.response) + len(v.texts)
	if v.response == "" {
		n += len(v.structured)
	}
	for w, o := range v.outlines {
		if o != nil && (w == int(viewTree) || o != v.outlines[viewTree]) {
			n += o.bytes()
		}
	}
	return n
}

// rows draws the viewer in a window.
func (v *viewer) rows(t *theme, p port) body {
	b := body{y: -1}
	inside := v.inside(p)
	switch o := v.outline(); {
	case v.shown == viewTable && v.table != nil:
		b.rows, b.corner = v.table.rows(t, inside, v.search.marks()), v.table.corner()
	case o == nil:
		b.rows = []string{t.dim.Render("Laying it out …")}
	default:
		o.marked = v.search.marks()
		var last int
		b.rows, last = o.rows(t, inside)
		b.corner = v.corner(o, inside, last)
	}
	b.corner = v.search.words(v.onMatch(inside), b.corner)
	if v.strip != nil {
		for len(b.rows) < inside.h {
			b.rows = append(b.rows, "")
		}
		v.strip.draw(&b, t, p)
	}
	return b
}

// inside is the window without the field at its end.
func (v *viewer) inside(p port) port {
	if v.strip != nil {
		p.h--
	}
	p.h = max(1, p.h)
	return p
}

// corner says where the cursor is: the path of a value, or the lines of a text that is longer
// than the window.
func (v *viewer) corner(o *outline, p port, last int) string {
	n := len(o.nodes)
	if !o.flat {
		path, _ := o.path(o.cursor, maxPath)
		path = client.PrintableLine(path)
		if o.nodes[o.cursor].kind >= nodeText || path == "." {
			return ""
		}
		if room := max(8, p.w/2); p.c.StringWidth(path) > room {
			path = "…" + drop(p.c, path, p.c.StringWidth(path)-room+1)
		}
		return path
	}
	if o.top == (scroll{}) && last+1 == n && o.end(p) == o.top {
		return ""
	}
	return fmt.Sprintf("line %d–%d of %d", o.top.line+1, last+1, n)
}

// tabs names the views, the one at hand first to be kept where there is no room.
func (v *viewer) tabs(t *theme, p port) string {
	views := v.views()
	if len(views) < 2 {
		return ""
	}
	parts, here := make([]string, 0, len(views)), ""
	for _, w := range views {
		label := t.dim.Render(v.title(w))
		if w == v.shown {
			label = t.accent.Render("[" + v.title(w) + "]")
			here = label
		}
		parts = append(parts, label)
	}
	if all := strings.Join(parts, "  "); p.c.StringWidth(all) <= p.w {
		return all
	}
	return here
}
