package tui

import "slices"

// groups are what a server says its tools may do, in the order in which they are listed.
var groups = []string{"Read-only", "May change things", "Open-world", "May destroy things"}

// group is the item's place in groups.
func (it *item) group() int {
	switch {
	case it.destructive():
		return 3
	case it.tool.ReadOnly:
		return 0
	case it.tool.OpenWorld: // what it may change is not the server's alone
		return 2
	}
	return 1
}

// apply finds the items that fit every word of the filter, the best first. Without a filter they
// are in the server's order, and in groups where there are some.
func (l *list) apply() {
	l.cursor, l.headed = 0, false
	l.words = sought(l.filter.text)
	if len(l.words) > 0 {
		l.hits = rank(l.words, len(l.items), func(i int) (name, title, rest string) {
			it := &l.items[i]
			return it.lowName, it.lowTitle, it.find
		})
		return
	}
	l.hits = l.hits[:0]
	for i := range l.items {
		l.hits = append(l.hits, i)
	}
	if l.headed = l.grouped && l.mixed(); l.headed {
		slices.SortStableFunc(l.hits, func(a, b int) int { return l.items[a].group() - l.items[b].group() })
	}
}

// mixed says whether there is more than one group.
func (l *list) mixed() bool {
	for i := range l.items {
		if l.items[i].group() != l.items[0].group() {
			return true
		}
	}
	return false
}

// regroup turns the groups on and off; the selected item stays selected.
func (l *list) regroup() {
	l.grouped = !l.grouped
	at := l.selected()
	l.apply()
	l.seek(at)
}

// seek puts the cursor on an item.
func (l *list) seek(at *item) {
	for i, hit := range l.hits {
		if at != nil && &l.items[hit] == at {
			l.cursor = i
		}
	}
}

// listLine is one row of a list: an item, or the heading of a group.
type listLine struct {
	hit     int // index into hits; -1: a heading
	heading string
}

// lines are the rows of the list, and which of them has the cursor.
func (l *list) lines() (lines []listLine, cursor int) {
	lines = make([]listLine, 0, len(l.hits)+len(groups))
	last := -1
	for i, hit := range l.hits {
		if g := l.items[hit].group(); l.headed && g != last {
			lines = append(lines, listLine{hit: -1, heading: groups[g]})
			last = g
		}
		if i == l.cursor {
			cursor = len(lines)
		}
		lines = append(lines, listLine{hit: i})
	}
	return lines, cursor
}
