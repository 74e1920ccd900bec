package tui

import (
	"fmt"
	"strings"

	"charm.land/lipgloss/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

const maxKey = 200 // bytes of a key that are shown

// label is the text of a line and its colors, before it is wrapped.
type label struct {
	text string
	inks []stretch
}

func (l *label) add(text string, style lipgloss.Style) {
	l.text += text
	l.inks = append(l.inks, stretch{end: len(l.text), style: style})
}

// cut leaves what fits, and the mark that there was more, in the color of what it stands after.
func (l *label) cut(c cells, w int) {
	text := fit(c, l.text, w)
	if text == l.text {
		return
	}
	l.text = text
	for i := range l.inks {
		if l.inks[i].end >= len(text)-len("…") {
			l.inks[i].end = len(text)
			l.inks = l.inks[:i+1]
			return
		}
	}
}

// layout is node i in rows: wrapped, or cut if it stands for what is folded in it. t is nil if
// only their number is wanted.
func (o *outline) layout(t *theme, p port, i int) []string {
	measured := t == nil
	if measured {
		if o.isFolded(i) || o.nodes[i].kind <= nodeArray {
			return make([]string, 1)
		}
		t = &theme{}
	}
	margin := o.margin(t, p, i)
	w := max(1, p.w-p.c.StringWidth(margin))
	l := o.label(t, p, i)
	var rows []string
	switch n := &o.nodes[i]; {
	case o.isFolded(i) || n.kind <= nodeArray:
		l.cut(p.c, w)
		rows = []string{l.text}
	case p.c.StringWidth(l.text) > w && n.kind < nodeRun:
		rows = wrap(p.c, l.text, max(1, w-indentStep)) // the rows after the first hang
	default:
		rows = wrap(p.c, l.text, w)
	}
	if measured {
		return rows
	}
	hang := strings.Repeat(" ", p.c.StringWidth(margin))
	if o.nodes[i].kind < nodeRun {
		hang += strings.Repeat(" ", indentStep)
	}
	rows = colored(l.text, rows, o.mark(t, i, l))
	for k := range rows {
		if k == 0 {
			rows[k] = margin + rows[k]
		} else {
			rows[k] = hang + rows[k]
		}
	}
	return rows
}

// margin is what stands before the text of node i: the cursor, its depth, and whether it is
// folded.
func (o *outline) margin(t *theme, p port, i int) string {
	if o.flat {
		return ""
	}
	if o.cursor < 0 { // it is looked at only
		return strings.Repeat(" ", max(0, o.depth(i)-1)*indentStep)
	}
	mark := " "
	if i == o.cursor {
		mark = t.accent.Render("›")
	}
	fold := "  "
	switch n := &o.nodes[i]; {
	case n.kind == nodeText || n.kind == nodeBad || n.kind == nodeNote || n.kind == nodePart:
		fold = " "
	case o.isFolded(i):
		fold = t.dim.Render("▸") + " "
	case o.holds(i):
		fold = t.dim.Render("▾") + " "
	}
	return mark + strings.Repeat(" ", min(o.depth(i)*indentStep, p.w/2)) + fold
}

// label is the text of node i.
func (o *outline) label(t *theme, p port, i int) label {
	var l label
	n := &o.nodes[i]
	if name := o.name(n); name != "" {
		style := t.key
		if n.naming != byKey {
			style = t.dim
		}
		l.add(name, style)
		l.add(": ", t.punctuation)
	}
	switch {
	case n.kind <= nodeArray:
		o.labelHolder(&l, t, p, i)
	case o.holds(i) && o.isFolded(i):
		raw, _ := clip(o.raw(i), p.w*4)
		tail := " … " + size(int(n.to-n.from))
		l.add(keep(p.c, shown(raw), max(8, p.w/2-len(tail)), ""), o.ink(t, n.kind))
		l.add(tail, t.dim)
	case o.holds(i):
		l.add(size(int(n.to-n.from)), t.dim)
	default:
		l.add(o.value(i), o.ink(t, n.kind))
	}
	return l
}

// labelHolder says how much is in an object or array, and, if it is folded, what comes first.
func (o *outline) labelHolder(l *label, t *theme, p port, i int) {
	n := &o.nodes[i]
	switch {
	case n.count == 0 && n.kind == nodeObject:
		l.add("{}", t.punctuation)
	case n.count == 0:
		l.add("[]", t.punctuation)
	case n.kind == nodeObject:
		l.add(fmt.Sprintf("{%d %s}", n.count, plural(n.count, "key")), t.punctuation)
	default:
		l.add(fmt.Sprintf("[%d %s]", n.count, plural(n.count, "item")), t.punctuation)
	}
	if !o.isFolded(i) {
		return
	}
	gap := "  "
	for at := i + 1; at < int(n.next) && len(l.text) < p.w; at = int(o.nodes[at].next) {
		child := &o.nodes[at]
		l.add(gap, t.dim)
		gap = ", "
		if child.naming == byKey {
			l.add(o.name(child)+": ", t.dim)
		}
		switch child.kind {
		case nodeObject:
			l.add("{…}", t.dim)
		case nodeArray:
			l.add("[…]", t.dim)
		default:
			raw, _ := clip(o.raw(at), p.w*4)
			l.add(keep(p.c, shown(raw), p.w/2, "…"), t.dim)
		}
	}
}

func plural(n uint32, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}

func (o *outline) ink(t *theme, kind nodeKind) lipgloss.Style {
	switch kind {
	case nodeString, nodeRun:
		return t.text
	case nodeNumber:
		return t.number
	case nodeWord:
		return t.word
	case nodeBad:
		return t.bad
	case nodeNote:
		return t.dim
	case nodePart:
		return t.strong
	}
	return t.plain
}

// name is the printable name of a node by what it is in.
func (t *tree) name(n *twig) string {
	switch n.naming {
	case byIndex:
		return fmt.Sprint(n.name)
	case byLabel:
		return t.labels[n.name]
	case byKey:
		raw, cut := clip(t.sources[n.source][n.name:n.from], maxKey+1)
		if whole := quoted(raw); len(whole) < len(raw) || !cut {
			raw, cut = whole, false
		}
		if cut {
			return shown(raw) + "…"
		}
		if bare := raw[1 : len(raw)-1]; identifier(bare) {
			return bare
		}
		return shown(raw)
	}
	return ""
}

// value is the printable text of a node that holds nothing: short, as long ones are in runs.
func (t *tree) value(i int) string {
	n := &t.nodes[i]
	switch n.kind {
	case nodeObject, nodeArray, nodeBlank:
		return ""
	case nodeNote:
		return t.labels[n.from]
	case nodePart:
		return t.parts[n.from].describe()
	case nodeRun:
		return spoken(t.raw(i))
	case nodeText, nodeBad:
		return client.PrintableLine(strings.ReplaceAll(strings.TrimSuffix(t.raw(i), "\r"), "\t", "    "))
	}
	if t.holds(i) {
		return ""
	}
	return shown(t.raw(i))
}

// shown is a piece of JSON, printable. Escapes of printable characters are shown as the
// character; all others stay as they are.
func shown(raw string) string {
	if strings.IndexByte(raw, '\\') < 0 {
		return client.PrintableLine(raw)
	}
	var b strings.Builder
	for i := 0; i < len(raw); {
		if raw[i] != '\\' {
			b.WriteByte(raw[i])
			i++
			continue
		}
		r, n := unescape(raw[i:])
		if n == 0 {
			n = min(2, len(raw)-i)
		}
		if r != 0 {
			b.WriteRune(r)
		} else {
			b.WriteString(raw[i:min(i+n, len(raw))])
		}
		i += n
	}
	return client.PrintableLine(b.String())
}

// spoken is a line of a string as the text that it means, printable.
func spoken(raw string) string {
	if strings.IndexByte(raw, '\\') < 0 {
		return client.PrintableLine(raw)
	}
	var b strings.Builder
	for i := 0; i < len(raw); {
		if raw[i] != '\\' || i+1 == len(raw) {
			b.WriteByte(raw[i])
			i++
			continue
		}
		r, n := unescape(raw[i:])
		switch ch := raw[i+1]; {
		case r != 0:
			b.WriteRune(r)
		case n > 0: // no character that shows
			b.WriteString(raw[i : i+n])
		case ch == 't':
			b.WriteString("    ")
		case ch == 'r' && i+2 == len(raw): // of a Windows line ending
		case ch == '"' || ch == '\\' || ch == '/':
			b.WriteByte(ch)
		default:
			b.WriteString(raw[i : i+2])
		}
		i += max(n, 2)
	}
	return client.PrintableLine(b.String())
}
