package tui

import (
	"fmt"
	"strings"
)

// formBody shows the tool's name and its fields, scrolled so that the focused one is in view.
func (m *model) formBody() body {
	t, f, w, h := &m.theme, m.form(), m.width, m.bodyHeight()
	it := m.call.item
	heading := " " + t.strong.Render(fit(m.cells, it.name, w-18))
	if word := it.markWord(); word != "" {
		style := t.dim
		if it.destructive() {
			style = t.bad
		}
		heading += "  " + style.Render(word)
	}
	rows := []string{heading}
	if h >= 14 && it.about != "" {
		for _, row := range head(m.cells, paragraphs(m.cells, it.about, w-2), 2, w-2) {
			rows = append(rows, " "+t.dim.Render(row))
		}
	}
	if h >= 10 {
		rows = append(rows, "")
	}
	fields := f.fields()
	label := m.labelWidth(fields, w-6)
	var lines []string
	at, size, x := 0, 0, -1
	for i := range f.inputs {
		part, column := m.inputRows(f, i, label)
		if i == f.focus {
			at, size, x = len(lines), len(part), column
		}
		lines = append(lines, part...)
	}
	room := h - len(rows)
	top := max(0, min(at-max(0, room-size)/2, len(lines)-room))
	b := body{x: x, y: -1}
	if x >= 0 {
		b.y = len(rows) + at - top
	}
	b.rows = append(rows, lines[top:min(len(lines), top+room)]...)
	if len(lines) > room {
		b.corner = fmt.Sprintf("field %d of %d", f.focus+1, len(f.inputs))
	}
	return b
}

func (f *form) fields() []field {
	fields := make([]field, len(f.inputs))
	for i := range f.inputs {
		fields[i] = f.inputs[i].field
	}
	return fields
}

// inputRows is one field: its label, its value with the reason beside it, and below the focused
// one what the server says about it. x is the column of the terminal's cursor, -1 for none.
func (m *model) inputRows(f *form, i, label int) (rows []string, x int) {
	t, in, focused := &m.theme, &f.inputs[i], i == f.focus
	name := fit(m.cells, in.label, label)
	row := "   " + pad(m.cells, t.plain.Render(name), label)
	if focused {
		row = " " + t.accent.Render("› ") + pad(m.cells, t.accent.Render(name), label)
	}
	star := "  "
	if in.required {
		star = t.warn.Render("*") + " "
	}
	row += star
	indent := 3 + label + 2
	width := m.width - indent - 1
	reason, beside := f.reason(i), ""
	if n := m.cells.StringWidth(reason); reason != "" && width-n >= 20 {
		width -= n + 2
		beside = "  " + t.bad.Render(reason)
	}
	value, column := m.inputValue(in, focused, width)
	switch {
	case beside != "":
		value = pad(m.cells, value, width)
	case reason != "" && in.empty(): // no room beside an empty field, so in it
		value = t.bad.Render(fit(m.cells, reason, width))
	}
	rows = append(rows, strings.TrimRight(row+value+beside, " "))
	if reason != "" && beside == "" && !in.empty() {
		rows = append(rows, "     "+t.bad.Render(fit(m.cells, reason, m.width-6)))
	}
	if focused {
		rows = append(rows, m.inputNotes(in)...)
		if column >= 0 {
			x = indent + column
			return rows, x
		}
	}
	return rows, -1
}

// inputValue is the value in w columns. While it is empty the type stands in its place.
func (m *model) inputValue(in *input, focused bool, w int) (value string, column int) {
	t := &m.theme
	switch {
	case in.kind == kindBoolean:
		return m.toggle(in), -1
	case in.kind == kindChoice:
		return m.choice(in, focused, w), -1
	case in.edit.text == "":
		hint := in.typ
		if !in.required {
			hint += ", optional"
		}
		value = t.dim.Render(fit(m.cells, hint, w))
	case focused:
		value, column = in.edit.view(m.cells, w)
		return t.strong.Render(value), column
	default:
		value = t.plain.Render(in.edit.shown(m.cells, w))
	}
	if !focused {
		column = -1
	}
	return value, column
}

func (m *model) toggle(in *input) string {
	switch in.picked {
	case 0:
		return "[ ] false"
	case 1:
		return m.theme.accent.Render("[x] true")
	}
	return m.theme.dim.Render("[–] not sent")
}

func (m *model) choice(in *input, focused bool, w int) string {
	t := &m.theme
	label := t.dim.Render(fmt.Sprintf("choose one of %d", len(in.choices)))
	if !in.required {
		label = t.dim.Render("not sent")
	}
	if in.picked >= 0 {
		label = t.plain.Render(fit(m.cells, in.choices[in.picked].label, w-4))
	}
	if focused {
		return t.accent.Render("‹ ") + label + t.accent.Render(" ›")
	}
	return label
}

// inputNotes stands under the focused field: its type if a value hides it, and its description.
func (m *model) inputNotes(in *input) []string {
	t, w := &m.theme, m.width-6
	var parts []string
	switch {
	case in.kind == kindChoice:
		parts = append(parts, choiceList(in.choices))
	case in.kind != kindBoolean && in.edit.text != "":
		parts = append(parts, in.typ)
	}
	if in.note != "" {
		parts = append(parts, in.note)
	}
	var rows []string
	limit := max(2, min(5, m.bodyHeight()/3))
	for _, part := range parts {
		for _, row := range head(m.cells, paragraphs(m.cells, part, w), limit, w) {
			rows = append(rows, "     "+t.dim.Render(row))
		}
	}
	return rows
}
