package tui

import (
	"fmt"
	"strings"
)

// toolsBody shows the list with the selected tool beside it, or below it in a narrow window.
func (m *model) toolsBody() body {
	w, h := m.width, m.bodyHeight()
	switch p := &m.tools; {
	case p.failed != nil:
		return margin(m.failureBody(p.failed, w-2, h))
	case !p.loaded:
		return margin(body{rows: []string{"", m.progress("Loading the tools", p.job.began)}, y: -1})
	}
	b := body{y: -1, corner: m.toolsCorner()}
	if m.width < wideWidth {
		b.rows, b.x, b.y = m.listRows(m.width, max(3, h-4))
		for len(b.rows) < h-4 {
			b.rows = append(b.rows, "")
		}
		b.rows = append(b.rows, "")
		for _, row := range m.detailRows(m.width-2, h-len(b.rows)) {
			b.rows = append(b.rows, " "+row)
		}
		return b
	}
	left := m.listWidth()
	var list []string
	list, b.x, b.y = m.listRows(left, h)
	details := m.detailRows(m.width-left-4, h)
	bar := m.theme.dim.Render("│")
	for i := range h {
		row, detail := "", ""
		if i < len(list) {
			row = list[i]
		}
		if i < len(details) {
			detail = details[i]
		}
		b.rows = append(b.rows, strings.TrimRight(pad(m.cells, row, left)+" "+bar+" "+detail, " "))
	}
	return b
}

// listWidth fits the longest name, within a third to a half of the window.
func (m *model) listWidth() int {
	widest := 0
	for i := range m.tools.items {
		if widest = max(widest, m.cells.StringWidth(m.tools.items[i].name)); widest > m.width {
			break
		}
	}
	return max(m.width*3/10, min(widest+6, m.width*45/100))
}

func (m *model) toolsCorner() string {
	l := &m.tools.list
	switch {
	case len(l.hits) == 0:
		return ""
	case len(l.hits) < len(l.items):
		return fmt.Sprintf("%d of %d, %d in all", l.cursor+1, len(l.hits), len(l.items))
	}
	return fmt.Sprintf("%d of %d", l.cursor+1, len(l.hits))
}

// listRows is the heading or filter and the tools around the cursor; x and y are the terminal
// cursor while the filter is typed.
func (m *model) listRows(w, h int) (rows []string, x, y int) {
	t, l := &m.theme, &m.tools.list
	heading := " " + t.strong.Render("Tools")
	y = -1
	if l.typing || l.filter.text != "" {
		text, at := l.filter.view(m.cells, w-4)
		heading = " " + t.accent.Render("/") + " " + t.plain.Render(text)
		if l.typing {
			x, y = 3+at, 0
		}
	}
	rows = append(rows, heading)
	if len(l.hits) == 0 {
		sentence := "This server has no tools."
		if len(l.items) > 0 {
			sentence = "No tool has all of these words."
		}
		for _, row := range wrap(m.cells, sentence, w-4) {
			rows = append(rows, "   "+t.dim.Render(row))
		}
		return rows, x, y
	}
	top := window(l.cursor, len(l.hits), h-1)
	for i := top; i < min(len(l.hits), top+h-1); i++ {
		rows = append(rows, m.listRow(&l.items[l.hits[i]], i == l.cursor, w))
	}
	return rows, x, y
}

func (m *model) listRow(it *item, selected bool, w int) string {
	t := &m.theme
	mark := it.mark()
	switch {
	case it.destructive():
		mark = t.bad.Render(mark)
	case mark != "":
		mark = t.dim.Render(mark)
	}
	name := fit(m.cells, it.name, w-5)
	if selected {
		return ends(m.cells, " "+t.accent.Render("› "+name), mark, w)
	}
	return ends(m.cells, "   "+t.plain.Render(name), mark, w)
}

// detailRows describes the selected tool in w columns and h rows.
func (m *model) detailRows(w, h int) []string {
	t, it := &m.theme, m.tools.selected()
	if it == nil || h <= 0 {
		return nil
	}
	title := it.title
	if title == "" {
		title = it.name
	}
	heading := t.strong.Render(fit(m.cells, title, w))
	if word := it.markWord(); word != "" {
		style := t.dim
		if it.destructive() {
			style = t.bad
		}
		heading = t.strong.Render(fit(m.cells, title, w-len(word)-3)) + "  " + style.Render(word)
	}
	rows := []string{heading}
	arguments := m.signature(it, w)
	room := h - len(rows)
	if m.width >= wideWidth { // both parts need air
		rows = append(rows, "")
		room = h - len(rows) - min(len(arguments)+2, h/2)
	}
	if m.width < wideWidth {
		about := strings.Join(strings.Fields(it.about), " ")
		return append(rows, styled("", head(m.cells, wrap(m.cells, about, w), room, w), t.plain)...)
	}
	rows = append(rows, styled("", head(m.cells, paragraphs(m.cells, it.about, w), room, w), t.plain)...)
	if it.about != "" {
		rows = append(rows, "")
	}
	return append(rows, head(m.cells, arguments, h-len(rows), w)...)
}

// signature lists a tool's arguments with their types.
func (m *model) signature(it *item, w int) []string {
	t := &m.theme
	if len(it.shape.fields) == 0 {
		return []string{t.dim.Render("No arguments: Enter calls it.")}
	}
	rows := []string{t.dim.Render("Arguments")}
	name := m.labelWidth(it.shape.fields, w)
	for i := range it.shape.fields {
		f := it.shape.fields[i]
		typ := f.typ
		if f.kind == kindChoice {
			typ = choiceList(f.choices)
		}
		if !f.required {
			typ += ", optional"
		}
		rows = append(rows, pad(m.cells, t.key.Render(fit(m.cells, f.label, name)), name)+"  "+
			t.dim.Render(fit(m.cells, typ, w-name-2)))
	}
	return rows
}

func (m *model) labelWidth(fields []*field, w int) int {
	widest := 8
	for i := range fields {
		widest = max(widest, m.cells.StringWidth(fields[i].label))
	}
	return min(widest, w*2/5)
}

func choiceList(choices []choice) string {
	var b strings.Builder
	for i, c := range choices {
		if i > 0 {
			b.WriteString(" | ")
		}
		if b.WriteString(c.label); b.Len() > 300 {
			b.WriteString(" | …")
			break
		}
	}
	return b.String()
}
