package tui

import (
	"fmt"
	"slices"
	"strings"
)

// formBody shows the tool's name and its form, and below it the same as a command.
func (m *model) formBody() body {
	t, f, w, h := &m.theme, m.form(), m.width, m.bodyHeight()
	it := m.here().item
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
	var below []string
	if h >= 14 {
		line, _ := clip(m.formLine(), w*maxCluster)
		below = []string{"", " " + t.dim.Render(fit(m.cells, "$ "+visible(line), w-2))}
	}
	b := f.rows(t, m.cells, w, h-len(rows)-len(below))
	b.below(rows)
	for len(below) > 0 && len(b.rows) < h-len(below) {
		b.rows = append(b.rows, "")
	}
	b.rows = append(b.rows, below...)
	return b
}

// sheet is what a form is drawn on: what all of its fields have in common.
type sheet struct {
	t     *theme
	c     cells
	f     *form
	w, h  int
	label int // columns for the labels
}

// drawn is one field on the screen. y < 0: the cursor is not in it.
type drawn struct {
	rows []string
	x, y int
}

// rows shows the fields in w columns and h rows, scrolled so that the focused one is in view.
func (f *form) rows(t *theme, c cells, w, h int) body {
	b := body{y: -1}
	if len(f.slots) == 0 || h <= 0 {
		return b
	}
	sh := sheet{t: t, c: c, f: f, w: w, h: h, label: f.labelWidth(c, w)}
	foot := sh.foot()
	h = max(1, h-len(foot))
	at := sh.slot(f.focus)
	// Only what can be in the window is drawn.
	var above [][]string
	n := 0
	for i := f.focus - 1; i >= 0 && n < h; i-- {
		part := sh.slot(i).rows
		above, n = append(above, part), n+len(part)
	}
	slices.Reverse(above)
	var lines []string
	var slots []int
	put := func(i int, rows []string) {
		lines, slots = append(lines, rows...), append(slots, slices.Repeat([]int{i}, len(rows))...)
	}
	for i, rows := range above {
		put(f.focus-len(above)+i, rows)
	}
	first := len(lines)
	put(f.focus, at.rows)
	for i := f.focus + 1; i < len(f.slots) && len(lines) < first+len(at.rows)+h; i++ {
		put(i, sh.slot(i).rows)
	}
	top := max(0, min(first-max(0, h-len(at.rows))/2, len(lines)-h))
	if at.y >= 0 {
		b.x, b.y = at.x, first+at.y-top
		if b.y >= h { // the field is higher than the window: the cursor counts
			top, b.y = top+b.y-h+1, h-1
		}
	}
	b.rows, b.slots = append(lines[top:min(len(lines), top+h)], foot...), slots[top:min(len(lines), top+h)]
	if len(lines) > h {
		b.corner = f.place()
	}
	return b
}

// place says which of the fields has the focus.
func (f *form) place() string {
	at, n := 0, 0
	for i := range f.slots {
		if f.slots[i].focusable() {
			if n++; i == f.focus {
				at = n
			}
		}
	}
	return fmt.Sprintf("field %d of %d", at, n)
}

// foot is what concerns all fields together.
func (sh *sheet) foot() []string {
	var rows []string
	if names, _ := members(sh.f.root.more); len(names) > 0 {
		text := "and " + oneLine(strings.Join(names, ", "), 200) + ", which the form has no field for"
		rows = append(rows, "   "+sh.t.dim.Render(fit(sh.c, text, sh.w-4)))
	}
	if why := sh.f.misfit; why != "" {
		if !sh.f.strict {
			why += "; ctrl+s again sends it"
		}
		for _, row := range head(sh.c, wrap(sh.c, why, sh.w-4), max(2, sh.h/4), sh.w-4) {
			rows = append(rows, "   "+sh.t.bad.Render(row))
		}
	}
	return rows
}

func (f *form) labelWidth(c cells, w int) int {
	widest := 8
	for i := range f.slots {
		widest = max(widest, c.StringWidth(f.slots[i].heading())+2*f.slots[i].depth)
	}
	return min(widest, (w-6)*2/5)
}

// heading is what stands before a field; items of a list have their number.
func (s *slot) heading() string {
	if s.parent != nil && s.parent.kind == kindList {
		return fmt.Sprint(slices.Index(s.parent.children, s.input)+1) + "."
	}
	return s.label
}

// slot is one field: its label, its value with the reason beside it, and below the focused one
// what the server says about it.
func (sh *sheet) slot(i int) drawn {
	t, s, focused := sh.t, &sh.f.slots[i], i == sh.f.focus
	indent := min(2*s.depth, max(0, sh.label-min(6, sh.c.StringWidth(s.heading()))))
	name := fit(sh.c, s.heading(), sh.label-indent)
	style, mark := t.plain, "   "
	switch {
	case focused:
		style, mark = t.accent, " "+t.accent.Render("› ")
	case s.kind == kindGroup || s.kind == kindList:
		style = t.strong
	}
	row := mark + strings.Repeat(" ", indent) + pad(sh.c, style.Render(name), sh.label-indent)
	star := "  "
	if s.required && s.heading() == s.label {
		star = t.warn.Render("*") + " "
	}
	row += star
	left := 3 + sh.label + 2
	width := sh.w - left - 1
	reason, beside := sh.f.reason(s.input), ""
	if n := sh.c.StringWidth(reason); reason != "" && width-n >= 20 {
		width -= n + 2
		beside = "  " + t.bad.Render(reason)
	}
	v := sh.value(s.input, focused, width)
	below := reason != "" && beside == ""
	if below && s.empty() && s.typed() { // no room beside an empty field, so in it
		v.rows[0], below = t.bad.Render(fit(sh.c, reason, width)), false
	}
	if beside != "" {
		v.rows[0] = pad(sh.c, v.rows[0], width) + beside
	}
	rows := []string{strings.TrimRight(row+v.rows[0], " ")}
	for _, more := range v.rows[1:] {
		rows = append(rows, strings.Repeat(" ", left)+more)
	}
	if below {
		rows = append(rows, "     "+t.bad.Render(fit(sh.c, reason, sh.w-6)))
	}
	if focused {
		rows = append(rows, sh.notes(s.input)...)
	}
	return drawn{rows: rows, x: left + v.x, y: v.y}
}

// notes stand under the focused field: its type if a value hides it, what it must be, what else
// could be sent, and its description.
func (sh *sheet) notes(in *input) []string {
	var parts []string
	switch {
	case in.kind == kindChoice:
		parts = append(parts, in.choiceWords())
	case in.typed() && in.edit.text != "" && !in.null:
		parts = append(parts, in.hint())
	}
	if words := in.rules.words(); words != "" {
		parts = append(parts, words)
	}
	if words := in.turnWords(); words != "" {
		parts = append(parts, "ctrl+t: "+words)
	}
	if in.note != "" {
		parts = append(parts, in.note)
	}
	w, limit := sh.w-6, max(2, min(5, (sh.h+4)/3))
	var rows []string
	for _, part := range parts {
		for _, row := range head(sh.c, paragraphs(sh.c, part, w), limit, w) {
			rows = append(rows, "     "+sh.t.dim.Render(row))
		}
	}
	return rows
}

// hint is the type, and how a value of its format looks.
func (in *input) hint() string {
	typ := in.typ
	if in.variant >= 0 && in.variant < len(in.variants) {
		typ = in.variants[in.variant].typ
	}
	switch like := like(in.format); {
	case in.secret:
		return typ + ", hidden"
	case like != "":
		return typ + " like " + like
	}
	return typ
}

// choiceWords lists the choices, or those that were looked for.
func (in *input) choiceWords() string {
	if in.filter == "" {
		return choiceList(in.choices)
	}
	hits := in.hits(in.filter)
	from := max(0, slices.Index(hits, in.picked))
	var found []choice
	for _, i := range hits[from:min(len(hits), from+50)] {
		found = append(found, in.choices[i])
	}
	return fmt.Sprintf("%s: %d of %d: %s", oneLine(in.filter, 40), len(hits), len(in.choices), choiceList(found))
}

// turnWords says what else could be sent.
func (in *input) turnWords() string {
	var words []string
	for i, v := range in.variants {
		if i != in.variant || in.null {
			words = append(words, v.typ)
		}
	}
	switch {
	case in.null && len(words) == 0:
		words = append(words, in.typ)
	case in.nullable && !in.picks() && !in.null:
		words = append(words, "null")
	}
	if len(words) == 0 {
		return ""
	}
	return oneLine(strings.Join(words, ", "), 200)
}
