package tui

import (
	"fmt"
	"strings"
)

// listBody shows a list with the selected item beside it, or below it in a narrow window.
func (m *model) listBody(p *listPane) body {
	w, h := m.width, m.bodyHeight()
	switch {
	case p.failed != nil:
		return margin(m.failureBody(p.failed, w-2, h))
	case !p.loaded:
		return margin(body{rows: []string{"", m.progress("Loading the "+strings.ToLower(p.heading), p.job.began)}, y: -1})
	}
	b := body{y: -1, corner: p.corner()}
	if len(p.items) == 0 {
		b.rows, b.x, b.y = m.listRows(p, w, h)
		return b
	}
	if m.width < wideWidth {
		b.rows, b.x, b.y = m.listRows(p, m.width, max(3, h-4))
		for len(b.rows) < h-4 {
			b.rows = append(b.rows, "")
		}
		b.rows = append(b.rows, "")
		for _, row := range m.detailRows(p.selected(), m.width-2, h-len(b.rows)) {
			b.rows = append(b.rows, " "+row)
		}
		return b
	}
	left := m.listWidth(&p.list)
	var list []string
	list, b.x, b.y = m.listRows(p, left, h)
	details := m.detailRows(p.selected(), m.width-left-4, h)
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
func (m *model) listWidth(l *list) int {
	widest := 0
	for i := range l.items {
		if widest = max(widest, m.cells.StringWidth(l.items[i].name)); widest > m.width {
			break
		}
	}
	return max(m.width*3/10, min(widest+6, m.width*45/100))
}

func (l *list) corner() string {
	switch {
	case len(l.hits) == 0:
		return ""
	case len(l.hits) < len(l.items):
		return fmt.Sprintf("%d of %d, %d in all", l.cursor+1, len(l.hits), len(l.items))
	}
	return fmt.Sprintf("%d of %d", l.cursor+1, len(l.hits))
}

// listRows is the heading or filter and the items around the cursor; x and y are the terminal
// cursor while the filter is typed.
func (m *model) listRows(l *listPane, w, h int) (rows []string, x, y int) {
	t := &m.theme
	heading := " " + t.strong.Render(l.heading)
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
		sentence := l.none
		if len(l.items) > 0 {
			sentence = l.nothing
		}
		for _, row := range wrap(m.cells, sentence, w-4) {
			rows = append(rows, "   "+t.dim.Render(row))
		}
		return rows, x, y
	}
	lines, cursor := l.lines()
	top := window(cursor, len(lines), h-1)
	for i := top; i < min(len(lines), top+h-1); i++ {
		if hit := lines[i].hit; hit >= 0 {
			rows = append(rows, m.listRow(&l.items[l.hits[hit]], l.words, i == cursor, w))
		} else {
			rows = append(rows, " "+t.dim.Render(fit(m.cells, lines[i].heading, w-1)))
		}
	}
	return rows, x, y
}

func (m *model) listRow(it *item, words []string, selected bool, w int) string {
	t := &m.theme
	mark, style := m.mark(it)
	name := fit(m.cells, it.name, w-4-max(1, len(mark)))
	if mark != "" {
		mark = style.Render(mark)
	}
	if selected {
		return ends(m.cells, " "+t.accent.Render("› ")+t.lit(name, words, func(s string) string { return t.accent.Render(s) }), mark, w)
	}
	return ends(m.cells, "   "+t.lit(name, words, func(s string) string { return t.plain.Render(s) }), mark, w)
}

// detailRows describes the selected item in w columns and h rows.
func (m *model) detailRows(it *item, w, h int) []string {
	t := &m.theme
	if it == nil || h <= 0 {
		return nil
	}
	title := it.title
	if title == "" {
		title = it.name
	}
	heading := t.strong.Render(fit(m.cells, title, w))
	if word, style := m.markWord(it); word != "" {
		heading = t.strong.Render(fit(m.cells, title, w-len(word)-3)) + "  " + style.Render(word)
	}
	rows := append([]string{heading}, styled(it.facts, t.dim)...)
	for i, row := range rows {
		rows[i] = fit(m.cells, row, w)
	}
	arguments := m.signature(it, w)
	room := h - len(rows)
	if m.width >= wideWidth { // both parts need air
		rows = append(rows, "")
		room = h - len(rows) - min(len(arguments)+2, h/2)
	}
	if m.width < wideWidth {
		about := strings.Join(strings.Fields(it.about), " ")
		return append(rows, styled(head(m.cells, wrap(m.cells, about, w), room, w), t.plain)...)
	}
	rows = append(rows, styled(head(m.cells, paragraphs(m.cells, it.about, w), room, w), t.plain)...)
	if it.about != "" {
		rows = append(rows, "")
	}
	return append(rows, head(m.cells, arguments, h-len(rows), w)...)
}

// nothingToFill says what Enter does where there is nothing to fill in.
var nothingToFill = [...]string{
	itemTool: "No arguments: Enter calls it.", itemResource: "Enter reads it.",
	itemTemplate: "No variables: Enter reads it.", itemPrompt: "No arguments: Enter gets it.",
}

// signature lists an item's arguments with their types.
func (m *model) signature(it *item, w int) []string {
	t := &m.theme
	if len(it.shape.fields) == 0 {
		return []string{t.dim.Render(nothingToFill[it.kind])}
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
