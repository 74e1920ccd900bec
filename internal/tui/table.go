package tui

import (
	"fmt"
	"slices"
	"sort"
	"strings"
)

const (
	maxColumns = 200
	maxCell    = 40  // columns of the window; a wider cell is cut
	maxSteps   = 200 // nodes that are looked at for a cell; of a row with more the cells are kept
)

// table is an array of objects, a row each, in columns by their keys in the order of the wire.
type table struct {
	tree    *tree
	root    int
	columns []column
	lines   []int32         // the nodes of the rows
	long    map[int][]int32 // of rows with many keys, by column: the node of the cell, 0 for none
	row     int             // the cursor
	top     int
	left    int  // the first column that shows
	more    bool // there are more columns
}

type column struct {
	key   string // as received
	name  string
	width int
	bytes int // of the longest value
}

// newTable lays an array out. It runs in a command.
func newTable(t *tree, root int) *table {
	tb := &table{tree: t, root: root, long: map[int][]int32{}}
	known := map[string]int{}
	for at := root + 1; at < int(t.nodes[root].next); at = int(t.nodes[at].next) {
		var kept []int32
		if t.nodes[at].count > maxSteps {
			kept = make([]int32, maxColumns)
			tb.long[len(tb.lines)] = kept
		}
		tb.lines = append(tb.lines, int32(at))
		for cell := at + 1; cell < int(t.nodes[at].next); cell = int(t.nodes[cell].next) {
			n := &t.nodes[cell]
			if n.naming != byKey {
				continue
			}
			key := t.key(n)
			k, ok := known[key]
			if !ok && len(tb.columns) == maxColumns {
				tb.more = true
				continue
			}
			if !ok {
				k = len(tb.columns)
				known[key] = k
				name := t.name(n)
				tb.columns = append(tb.columns, column{key: key, name: name, width: min(maxCell, max(1, cells(0).StringWidth(name)))})
			}
			if kept != nil && kept[k] == 0 {
				kept[k] = int32(cell)
			}
			// Of all rows, but only what is longer than any before is measured.
			if c := &tb.columns[k]; c.width < maxCell && int(n.to-n.from) > c.bytes {
				c.bytes = int(n.to - n.from)
				c.width = min(maxCell, max(c.width, cells(0).StringWidth(tb.cell(cell))))
			}
		}
	}
	return tb
}

// cell is a value on one short line.
func (tb *table) cell(i int) string {
	t := tb.tree
	n := &t.nodes[i]
	switch {
	case n.kind == nodeObject && n.count > 0:
		return fmt.Sprintf("{%d}", n.count)
	case n.kind == nodeArray && n.count > 0:
		return fmt.Sprintf("[%d]", n.count)
	}
	raw, cut := clip(t.raw(i), 8*maxCell)
	if n.kind == nodeString {
		raw = raw[1:]
		if !cut {
			raw = raw[:len(raw)-1]
		}
	}
	return shown(raw)
}

// find is the node of a cell; 0: the row has no such key.
func (tb *table) find(row, column int) int {
	if kept := tb.long[row]; kept != nil {
		return int(kept[column])
	}
	t, key := tb.tree, tb.columns[column].key
	at := int(tb.lines[row])
	for cell := at + 1; cell < int(t.nodes[at].next); cell = int(t.nodes[cell].next) {
		if t.called(&t.nodes[cell], key) {
			return cell
		}
	}
	return 0
}

// goTo moves the cursor to a row.
func (tb *table) goTo(p port, row int) {
	tb.row = max(0, min(row, len(tb.lines)-1))
	h := max(1, p.h-1) // below the names
	tb.top = max(0, min(tb.top, len(tb.lines)-h))
	tb.top = max(tb.row-h+1, min(tb.top, tb.row))
}

// slide moves the columns.
func (tb *table) slide(by int) { tb.left = max(0, min(tb.left+by, len(tb.columns)-1)) }

// choose moves the cursor to the row that node i is in, if it is in one.
func (tb *table) choose(i int) {
	if i > tb.root && i < int(tb.tree.nodes[tb.root].next) {
		tb.row = tb.rowOf(i)
	}
}

// rowOf is the row that begins at node i or last before it.
func (tb *table) rowOf(i int) int {
	return sort.Search(len(tb.lines), func(k int) bool { return int(tb.lines[k]) > i }) - 1
}

// reveal moves the cursor to the row that node i is in, and slides its column into sight.
func (tb *table) reveal(p port, i int) {
	row := tb.rowOf(i)
	tb.goTo(p, row)
	for cell := i; cell >= 0 && row >= 0; cell = int(tb.tree.nodes[cell].parent) {
		if n := &tb.tree.nodes[cell]; n.parent == tb.lines[row] {
			k := slices.IndexFunc(tb.columns, func(c column) bool { return tb.tree.called(n, c.key) })
			if k >= 0 && (k < tb.left || k >= tb.left+tb.fitting(p)) {
				tb.left = k
			}
			return
		}
	}
}

// fitting is the number of columns that show from the left one on.
func (tb *table) fitting(p port) int {
	x, n := 2, 0
	for _, c := range tb.columns[tb.left:] {
		if x += c.width + 2; n > 0 && x-2 > p.w {
			break
		}
		n++
	}
	return n
}

func (tb *table) rows(t *theme, p port, marked pattern) []string {
	tb.goTo(p, tb.row) // the window may have changed
	columns := tb.columns[tb.left : tb.left+tb.fitting(p)]
	rows := []string{tb.heading(t, p, columns)}
	for row := tb.top; row < len(tb.lines) && len(rows) < p.h; row++ {
		var b strings.Builder
		mark := "  "
		if row == tb.row {
			mark = t.accent.Render("›") + " "
		}
		b.WriteString(mark)
		for k, c := range columns {
			w := min(c.width, p.w-2)
			text, style := "", t.dim
			if cell := tb.find(row, tb.left+k); cell > 0 {
				text, style = fit(p.c, tb.cell(cell), w), (&outline{}).ink(t, tb.tree.nodes[cell].kind)
				if tb.tree.nodes[cell].kind == nodeNumber {
					text = strings.Repeat(" ", max(0, w-p.c.StringWidth(text))) + text
				}
			}
			inks := marked.mark(t, text, []stretch{{end: len(text), style: style}})
			b.WriteString(pad(p.c, inked(text, 0, inks), w) + "  ")
		}
		rows = append(rows, strings.TrimRight(b.String(), " "))
	}
	return rows
}

func (tb *table) heading(t *theme, p port, columns []column) string {
	var b strings.Builder
	b.WriteString("  ")
	for _, c := range columns {
		b.WriteString(t.strong.Render(fit(p.c, c.name, min(c.width, p.w-2))))
		b.WriteString(strings.Repeat(" ", max(0, min(c.width, p.w-2)-p.c.StringWidth(c.name))+2))
	}
	return strings.TrimRight(b.String(), " ")
}

// corner says which row and column are where.
func (tb *table) corner() string {
	words := fmt.Sprintf("row %d of %d", tb.row+1, len(tb.lines))
	if tb.left > 0 {
		words += fmt.Sprintf(", column %d of %d", tb.left+1, len(tb.columns))
	}
	if tb.more {
		words += " and more"
	}
	return words
}
