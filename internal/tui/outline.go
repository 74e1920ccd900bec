package tui

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

const (
	fewNodes = 1000    // a larger tree starts with its deeper levels folded
	maxPath  = 4 << 10 // bytes of a path that is shown

	maxIndent  = 24 // columns; deeper levels are not indented further
	indentStep = 2
)

// port is the part of the window that content is shown in: columns, rows and how they are
// counted.
type port struct {
	c    cells
	w, h int
}

// scroll is the place that stands at the top of a window: a node, and a row of it. All moves look
// only at what is near it, so that the size of the content does not matter.
type scroll struct{ line, row int }

// outline is a tree on the screen: what is folded, the cursor, and what stands at the top.
type outline struct {
	*tree

	folded []uint64 // a bit a node
	cursor int
	top    scroll
	marked pattern // matches are highlighted
}

func newOutline(t *tree) *outline {
	o := &outline{tree: t, folded: make([]uint64, (len(t.nodes)+63)/64)}
	o.foldDeep()
	return o
}

// foldDeep folds long strings, and the deeper levels of a large tree.
func (o *outline) foldDeep() {
	for i := range o.nodes {
		n := &o.nodes[i]
		deep := len(o.nodes) > fewNodes && n.parent >= 0 && o.nodes[n.parent].parent >= 0
		o.fold(i, n.kind >= nodeString || deep)
	}
}

// fold folds or unfolds one node, if something is in it.
func (o *outline) fold(i int, folded bool) {
	if folded && o.holds(i) {
		o.folded[i/64] |= 1 << (i % 64)
	} else {
		o.folded[i/64] &^= 1 << (i % 64)
	}
}

func (o *outline) isFolded(i int) bool { return o.folded[i/64]>>(i%64)&1 == 1 }

// foldAll folds all but the outermost level, or unfolds everything but long strings.
func (o *outline) foldAll(folded bool) {
	for i := range o.nodes {
		n := &o.nodes[i]
		o.fold(i, n.kind >= nodeString || folded && n.parent >= 0)
	}
	o.cursor = o.seen(o.cursor)
	o.top = scroll{line: o.seen(o.top.line)}
}

// seen is the node that shows for node i: itself, or the outermost folded one that it is in.
func (o *outline) seen(i int) int {
	at := i
	for p := o.nodes[i].parent; p >= 0; p = o.nodes[p].parent {
		if o.isFolded(int(p)) {
			at = int(p)
		}
	}
	return at
}

// after is the next node that shows; len(nodes): none.
func (o *outline) after(i int) int {
	if o.isFolded(i) {
		return int(o.nodes[i].next)
	}
	return i + 1
}

// before is the node that shows before i; -1: none.
func (o *outline) before(i int) int {
	if i == 0 {
		return -1
	}
	return o.seen(i - 1)
}

// reveal unfolds what hides node i.
func (o *outline) reveal(i int) {
	for p := o.nodes[i].parent; p >= 0; p = o.nodes[p].parent {
		o.fold(int(p), false)
	}
}

// height is the number of rows of node i.
func (o *outline) height(p port, i int) int { return len(o.layout(nil, p, i)) }

// goTo moves the cursor to node i, which shows, and scrolls as little as that needs.
func (o *outline) goTo(p port, i int) {
	o.cursor = max(0, min(i, len(o.nodes)-1))
	o.follow(p)
}

// follow scrolls so that the cursor shows, as little as that needs.
func (o *outline) follow(p port) {
	first, end := o.find(p, o.cursor)
	high := o.height(p, o.cursor) >= p.h
	switch {
	case first >= 0 && end <= p.h, high && o.cursor == o.top.line:
	case o.cursor <= o.top.line || high:
		o.top = scroll{line: o.cursor}
	default:
		o.top = o.ending(p, o.after(o.cursor))
	}
}

// find is the row of the window in which node i begins, and the one after its end; -1: it does
// not begin there.
func (o *outline) find(p port, i int) (first, end int) {
	y := -o.top.row
	for at := o.top.line; at < len(o.nodes) && y < p.h; at = o.after(at) {
		height := o.height(p, at)
		if at == i {
			return y, y + height
		}
		y += height
	}
	return -1, -1
}

// at is the node that a row of the window is of, -1 for none.
func (o *outline) at(p port, row int) int {
	y := -o.top.row
	for i := o.top.line; i < len(o.nodes); i = o.after(i) {
		if y += o.height(p, i); row < y {
			return i
		}
	}
	return -1
}

// step moves the cursor by one line. A line that is higher than the window is scrolled through.
func (o *outline) step(p port, by int) {
	if o.flat {
		o.roll(p, by)
		return
	}
	first, end := o.find(p, o.cursor)
	if by > 0 {
		next := o.after(o.cursor)
		for next < len(o.nodes)-1 && o.nodes[next].kind == nodeBlank {
			next++
		}
		if end > p.h {
			o.roll(p, by)
		} else if next < len(o.nodes) {
			o.goTo(p, next)
		}
		return
	}
	before := o.before(o.cursor)
	for before > 0 && o.nodes[before].kind == nodeBlank {
		before = o.before(before)
	}
	if o.cursor == o.top.line && first < 0 {
		o.roll(p, by)
	} else if before >= 0 {
		o.goTo(p, before)
		if o.height(p, before) > p.h { // from below, its end comes first
			o.top = o.ending(p, o.after(before))
		}
	}
}

// page moves by a window.
func (o *outline) page(p port, by int) {
	from := o.top
	o.roll(p, by*max(1, p.h-1))
	switch {
	case o.top != from:
		o.cursor = o.top.line
	case by > 0:
		o.cursor = o.seen(len(o.nodes) - 1)
	default:
		o.cursor = 0
	}
}

// roll scrolls by n rows, not beyond the last full window.
func (o *outline) roll(p port, n int) {
	at := scroll{line: o.seen(min(o.top.line, len(o.nodes)-1)), row: o.top.row}
	at.row = min(at.row, o.height(p, at.line)-1)
	for ; n < 0; n++ {
		if at.row > 0 {
			at.row--
		} else if before := o.before(at.line); before >= 0 {
			at = scroll{line: before, row: o.height(p, before) - 1}
		} else {
			break
		}
	}
	for height := o.height(p, at.line); n > 0; n-- {
		if at.row+1 < height {
			at.row++
			continue
		}
		next := o.after(at.line)
		if next >= len(o.nodes) {
			break
		}
		at = scroll{line: next}
		height = o.height(p, next)
	}
	if end := o.end(p); at.line > end.line || at.line == end.line && at.row > end.row {
		at = end
	}
	o.top = at
}

// end is where the last full window begins.
func (o *outline) end(p port) scroll { return o.ending(p, len(o.nodes)) }

// ending is where the window begins that ends before node i.
func (o *outline) ending(p port, i int) scroll {
	at, rows := scroll{line: i}, 0
	for rows < p.h {
		before := o.before(at.line)
		if before < 0 {
			break
		}
		at.line = before
		rows += o.height(p, before)
	}
	at.row = max(0, rows-p.h)
	return at
}

// rows renders the window. last is the last node that shows in it.
func (o *outline) rows(t *theme, p port) (rows []string, last int) {
	for i := o.top.line; i < len(o.nodes) && len(rows) < p.h; i = o.after(i) {
		part := o.layout(t, p, i)
		if i == o.top.line {
			part = part[min(o.top.row, len(part)-1):]
		}
		rows = append(rows, part[:min(len(part), p.h-len(rows))]...)
		last = i
	}
	return rows, last
}

// depth is the number of nodes that node i is in, as far as that makes a difference.
func (o *outline) depth(i int) int {
	d := 0
	for p := o.nodes[i].parent; p >= 0 && d < maxIndent/indentStep; p = o.nodes[p].parent {
		d++
	}
	return d
}

// path is where a value stands, as jq writes it; false: it is longer than limit and cut at the left.
func (t *tree) path(i, limit int) (path string, whole bool) {
	var steps []string
	size := 0
	for at := int32(i); at >= 0; at = t.nodes[at].parent {
		n := &t.nodes[at]
		var step string
		switch n.naming {
		case byKey:
			step = pathStep(t.key(n))
		case byIndex:
			step = "[" + strconv.Itoa(int(n.name)) + "]"
		default:
			continue
		}
		if size += len(step); size > limit {
			return "…" + joinedPath(steps), false
		}
		steps = append(steps, step)
	}
	path = joinedPath(steps)
	if path == "" || path[0] == '[' {
		path = "." + path
	}
	return path, true
}

func joinedPath(steps []string) string {
	slices.Reverse(steps)
	return strings.Join(steps, "")
}

// pathStep is .key where jq needs no quotes.
func pathStep(raw string) string {
	var key string
	if len(raw) > maxPath || json.Unmarshal([]byte(raw), &key) != nil || !identifier(key) {
		return "[" + raw + "]"
	}
	return "." + key
}

// identifier says whether a key needs no quotes.
func identifier(key string) bool {
	for i, r := range key {
		if r != '_' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return key != ""
}
