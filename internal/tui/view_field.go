package tui

import (
	"fmt"
	"strings"
)

// value is the value of an input in w columns. While it is empty the type stands in its place.
func (sh *sheet) value(in *input, focused bool, w int) drawn {
	t := sh.t
	one := func(row string) drawn { return drawn{rows: []string{row}, y: -1} }
	switch {
	case in.null:
		return one(t.word.Render("null"))
	case in.kind == kindBoolean:
		return one(sh.toggle(in))
	case in.kind == kindChoice:
		return one(sh.choice(in, focused, w))
	case in.kind == kindChoices:
		return sh.choices(in, focused, w)
	case in.kind == kindList:
		return one(t.dim.Render(fit(sh.c, in.listWords(), w)))
	case in.kind == kindGroup:
		return one(sh.group(in, w))
	case in.edit.text == "":
		hint := in.hint()
		if in.blank {
			hint = `"", sent empty`
		} else if !in.required {
			hint += ", optional"
		}
		d := one(t.dim.Render(fit(sh.c, hint, w)))
		if focused {
			d.y = 0
		}
		return d
	case in.secret:
		return sh.masked(in, focused, w)
	case in.edit.lines:
		return sh.lines(in, focused, w)
	case focused:
		text, x := in.edit.view(sh.c, w)
		return drawn{rows: []string{t.strong.Render(text)}, x: x}
	}
	return one(t.plain.Render(in.edit.shown(sh.c, w)))
}

func (sh *sheet) toggle(in *input) string {
	switch in.picked {
	case 0:
		return "[ ] false"
	case 1:
		return sh.t.accent.Render("[x] true")
	case 2:
		return sh.t.word.Render("[–] null")
	}
	return sh.t.dim.Render("[–] not sent")
}

func (sh *sheet) choice(in *input, focused bool, w int) string {
	t := sh.t
	label := t.dim.Render(fmt.Sprintf("choose one of %d", len(in.choices)))
	if !in.required {
		label = t.dim.Render("not sent")
	}
	if in.picked >= 0 {
		label = t.plain.Render(fit(sh.c, in.choices[in.picked].label, w-4))
	}
	if focused {
		return t.accent.Render("‹ ") + label + t.accent.Render(" ›")
	}
	return label
}

// choices lists those that are ticked; the focused field has a row for each choice, as many as
// there is room for.
func (sh *sheet) choices(in *input, focused bool, w int) drawn {
	t := sh.t
	var ticked []string
	for i, yes := range in.ticked {
		if yes {
			ticked = append(ticked, in.choices[i].label)
		}
	}
	text := t.plain.Render(fit(sh.c, strings.Join(ticked, ", "), w))
	switch {
	case len(ticked) > 0 && focused:
		text = t.plain.Render(fit(sh.c, fmt.Sprintf("%d of %d", len(ticked), len(in.choices)), w))
	case len(ticked) == 0:
		text = t.dim.Render(fit(sh.c, in.noneWords(fmt.Sprintf("any of %d", len(in.choices))), w))
	}
	d := drawn{rows: []string{text}, y: -1}
	if !focused {
		return d
	}
	n := max(2, min(8, sh.h-4))
	top := window(in.at, len(in.choices), n)
	for i := top; i < min(top+n, len(in.choices)); i++ {
		box, style := "[ ] ", t.plain
		if in.ticked[i] {
			box, style = "[x] ", t.accent
		}
		mark := "  "
		if i == in.at {
			mark, d.y = t.accent.Render("› "), len(d.rows)
		}
		d.rows = append(d.rows, mark+style.Render(fit(sh.c, box+in.choices[i].label, w-2)))
	}
	d.x = 3
	return d
}

// noneWords says what is sent of a field with nothing in it.
func (in *input) noneWords(typ string) string {
	switch {
	case in.blank, in.required && !in.nullable:
		return typ + ", [] is sent"
	case in.required:
		return typ + ", null is sent"
	}
	return typ + ", not sent"
}

func (in *input) listWords() string {
	if n := len(in.children); n > 0 {
		return several(n, "item")
	}
	return in.noneWords(in.typ)
}

func (sh *sheet) group(in *input, w int) string {
	t := sh.t
	words := in.typ
	if names, _ := members(in.more); len(names) > 0 {
		words += " with " + oneLine(strings.Join(names, ", "), 200)
	}
	switch {
	case in.required:
		return t.dim.Render(fit(sh.c, words, w))
	case in.open:
		return t.accent.Render("[x] ") + t.dim.Render(fit(sh.c, words, w-4))
	}
	return t.dim.Render(fit(sh.c, "[ ] not sent, "+words, w))
}

// masked shows how long a secret is, and nothing of it.
func (sh *sheet) masked(in *input, focused bool, w int) drawn {
	n, at := 0, 0
	for i := 0; i < len(in.edit.text) && n < w; n++ {
		if i < in.edit.pos {
			at = n + 1
		}
		ch, _ := cluster(sh.c, in.edit.text[i:])
		i += len(ch)
	}
	row := sh.t.plain.Render(strings.Repeat("•", min(n, w-1)))
	if !focused {
		return drawn{rows: []string{row}, y: -1}
	}
	return drawn{rows: []string{row}, x: min(at, w-1)}
}

// lines shows a text of several lines, around the cursor where they are too many.
func (sh *sheet) lines(in *input, focused bool, w int) drawn {
	e := &in.edit
	if !focused {
		return drawn{rows: []string{sh.t.plain.Render(e.shown(sh.c, w))}, y: -1}
	}
	n := max(1, min(12, sh.h-3))
	from, to := e.line()
	current := editor{text: e.text[from:to], pos: e.pos - from}
	text, x := current.view(sh.c, w)
	rows := []string{text}
	// Lines above and below, as many as there is room for.
	above, below := e.text[:max(0, from-1)], strings.TrimPrefix(e.text[to:], "\n")
	more, y := to < len(e.text), 0
	for i := 0; len(rows) < n && (from > 0 || more); i++ {
		if from > 0 && (i%2 == 0 || !more) {
			cut := strings.LastIndexByte(above, '\n')
			rows = append([]string{sh.line(above[cut+1:], w)}, rows...)
			y++
			from, above = max(0, cut+1), above[:max(0, cut)]
		} else if more {
			line, rest, left := strings.Cut(below, "\n")
			rows = append(rows, sh.line(line, w))
			more, below = left, rest
		}
	}
	for i, row := range rows {
		rows[i] = sh.t.strong.Render(row)
	}
	return drawn{rows: rows, x: x, y: y}
}

func (sh *sheet) line(text string, w int) string {
	text, _ = clip(text, w*maxCluster)
	return fit(sh.c, visible(text), w)
}
