package tui

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxHits   = 100_000
	maxSought = 1000 // bytes
)

// pattern is what is looked for: case counts only where it has upper case.
type pattern struct {
	text  string
	exact bool
}

func newPattern(text string) pattern {
	text, _ = clip(strings.ToValidUTF8(text, "\uFFFD"), maxSought)
	return pattern{text: text, exact: strings.ContainsFunc(text, unicode.IsUpper)}
}

// find is where the first match in s begins and ends; -1: nowhere.
func (p pattern) find(s string) (from, to int) {
	if p.text == "" {
		return -1, -1
	}
	if p.exact {
		if i := strings.Index(s, p.text); i >= 0 {
			return i, i + len(p.text)
		}
		return -1, -1
	}
	first := p.text[0]
	for i := 0; i < len(s); i++ {
		ch := s[i]
		if ch >= 'A' && ch <= 'Z' {
			ch |= 0x20
		}
		if ch != first && (ch < utf8.RuneSelf || !utf8.RuneStart(ch)) {
			continue
		}
		if n := p.prefix(s[i:]); n > 0 {
			return i, i + n
		}
	}
	return -1, -1
}

// prefix is the length of the match that s begins with, 0 for none.
func (p pattern) prefix(s string) int {
	n := 0
	for _, want := range p.text {
		r, size := utf8.DecodeRuneInString(s[n:])
		if size == 0 || r != want && unicode.ToLower(r) != want {
			return 0
		}
		n += size
	}
	return n
}

// mark lays the matches in a text over its colors.
func (p pattern) mark(t *theme, text string, inks []stretch) []stretch {
	at := 0
	from, to := p.find(text)
	if from < 0 {
		return inks
	}
	var out []stretch
	for len(inks) > 0 {
		end := inks[0].end
		switch {
		case from < 0 || end <= from: // all of it before the match
			out = append(out, inks[0])
		case at < from: // a part of it
			out = append(out, stretch{end: from, style: inks[0].style})
			at = from
			continue
		case end < to:
			out = append(out, stretch{end: end, style: t.match})
		default:
			out = append(out, stretch{end: to, style: t.match})
			at = to
			if from, to = p.find(text[at:]); from >= 0 {
				from, to = from+at, to+at
			}
			if end > at {
				continue
			}
		}
		at = max(at, end)
		inks = inks[1:]
	}
	return out
}

// search is a pattern that is looked for in a tree, and what was found.
type search struct {
	pattern
	from int    // the line at which it began
	top  scroll // what stood at the top then
	busy bool
	mute bool // the matches are marked, and the cursor stays: the view was changed
	done found
	at   int // index of the hit that is shown; -1: none
}

// found are the nodes that have a match, in order.
type found struct {
	tree    *tree
	pattern pattern
	hits    []int32
	more    bool // there are too many
}

// look finds a pattern in a tree. It runs in a command, which a tree does not mind.
func look(t *tree, p pattern) found {
	f := found{tree: t, pattern: p}
	next := "" // the text of the line at hand, if it goes on with the one before
	for i := range t.nodes {
		text := next
		if next = ""; text == "" {
			text = t.searched(i)
		}
		at, _ := p.find(text)
		if t.goesOn(i) {
			next = t.value(i + 1)
		}
		if at < 0 && !t.cut(i, text, next, p) {
			continue
		}
		if len(f.hits) == maxHits {
			f.more = true
			break
		}
		f.hits = append(f.hits, int32(i))
	}
	return f
}

// searched is what a pattern is looked for in: the line as it is shown.
func (t *tree) searched(i int) string {
	n := &t.nodes[i]
	value := t.value(i)
	if n.naming != byKey {
		return value
	}
	return t.name(n) + ": " + value
}

// firstFrom is the index of the first hit at line i or after it; the first of all beyond the
// last; -1: there is none.
func (f *found) firstFrom(i int) int {
	for k, hit := range f.hits {
		if int(hit) >= i {
			return k
		}
	}
	return min(0, len(f.hits)-1)
}

// marks is the pattern to highlight.
func (s *search) marks() pattern { return s.pattern }

// words say which match is shown; there says that it is, corner what else is to be said.
func (s *search) words(there bool, corner string) string {
	switch n := len(s.done.hits); {
	case s.text == "":
		return corner
	case s.done.pattern != s.pattern || s.done.tree == nil:
		return "searching …"
	case n == 0:
		return "no match"
	case !there && corner != "":
		return corner
	case !there:
		return matches(n)
	case s.done.more:
		return fmt.Sprintf("%d of more than %d", s.at+1, n)
	default:
		return fmt.Sprintf("%d of %d", s.at+1, n)
	}
}

func matches(n int) string {
	if n == 1 {
		return "1 match"
	}
	return fmt.Sprintf("%d matches", n)
}

// startSearch opens the field.
func (v *viewer) startSearch() {
	v.strip = &strip{purpose: forSearch, editor: newEditor(v.search.text)}
	v.search.from, v.search.at = v.line(), -1
	if o := v.outline(); o != nil {
		v.search.top = o.top
	}
}

// line is the node at which the view at hand is.
func (v *viewer) line() int {
	if v.shown == viewTable && v.table != nil {
		return int(v.table.lines[v.table.row])
	}
	o := v.outline()
	switch {
	case o == nil:
		return 0
	case o.flat:
		return o.top.line
	}
	return o.cursor
}

// searchFor takes what was typed.
func (v *viewer) searchFor(text string) action {
	v.search.pattern, v.search.mute = newPattern(text), false
	return v.look()
}

// look starts a search for the pattern in the tree at hand. One runs at a time: the next one is
// started by the answer of the last, so that a burst of keys makes two.
func (v *viewer) look() action {
	t := v.searchable()
	if v.search.text == "" || v.search.busy || t == nil {
		return action{}
	}
	v.search.busy = true
	p := v.search.pattern
	return action{kind: actWork, work: func() any { return look(t, p) }}
}

// searchable is the tree of the view at hand.
func (v *viewer) searchable() *tree {
	if v.shown == viewTable {
		if v.table == nil {
			return nil
		}
		return v.table.tree
	}
	if o := v.outline(); o != nil {
		return o.tree
	}
	return nil
}

// gotFound takes the hits, and shows the first one from where the search began.
func (v *viewer) gotFound(p port, f found) action {
	v.search.busy = false
	if f.pattern != v.search.pattern || f.tree != v.searchable() {
		return v.look()
	}
	if v.shown == viewTable { // only what is in the table
		first, end := int32(v.table.root), f.tree.nodes[v.table.root].next
		f.hits = slices.DeleteFunc(f.hits, func(i int32) bool { return i <= first || i >= end })
	}
	v.search.done = f
	if v.search.mute {
		v.search.from = v.line()
	}
	v.search.at = f.firstFrom(v.search.from)
	if !v.search.mute {
		v.show(p)
	}
	return action{}
}

// hit moves by matches, around the ends: from the one at hand, or from where the view has gone since.
func (v *viewer) hit(p port, by int) action {
	s := &v.search
	n := len(s.done.hits)
	if n == 0 {
		return action{}
	}
	if at := s.at + by; v.onMatch(p) {
		s.at = (at + n) % n
	} else if s.at, _ = slices.BinarySearch(s.done.hits, int32(v.line())); by < 0 {
		s.at = (s.at - 1 + n) % n
	} else {
		s.at %= n
	}
	v.show(p)
	return action{}
}

// onMatch says whether the view is at the match at hand.
func (v *viewer) onMatch(p port) bool {
	s := &v.search
	if s.at < 0 || s.at >= len(s.done.hits) || s.done.tree != v.searchable() {
		return false
	}
	i := int(s.done.hits[s.at])
	if v.shown == viewTable {
		return v.table.rowOf(i) == v.table.row
	}
	o := v.outline()
	if !o.flat {
		return o.cursor == i
	}
	first, _ := o.find(p, i)
	return first >= 0 || o.top.line == i
}

// show brings the match at hand into the window.
func (v *viewer) show(p port) {
	s := &v.search
	if s.at < 0 || s.at >= len(s.done.hits) {
		return
	}
	i := int(s.done.hits[s.at])
	if v.shown == viewTable {
		v.table.reveal(p, i)
		return
	}
	o := v.outline()
	o.reveal(i)
	if !o.flat {
		o.goTo(p, i)
	}
	first, end := o.find(p, i)
	row := o.matchRow(p, i, s.pattern)
	switch {
	case first >= 0 && end <= p.h, o.height(p, i) > p.h && o.top.line == i && row >= o.top.row && row+1 < o.top.row+p.h:
		return // it is there
	case row+1 < p.h:
		row = 0 // with the beginning of the line
	default:
		row -= p.h / 2
	}
	o.top = scroll{line: i, row: row}
	o.roll(p, 0)
}

// matchRow is the row of line i in which its first match begins.
func (o *outline) matchRow(p port, i int, sought pattern) int {
	text := o.label(&theme{}, p, i).text
	from, _ := sought.find(text)
	if n := sought.reach(); from < 0 {
		lead := o.lead(i, n)
		from, _, _ = sought.across(lead+text, o.rest(i, n))
		from -= len(lead)
	}
	at := 0
	for k, row := range o.layout(nil, p, i) {
		at += max(0, strings.Index(text[at:], row)) + len(row)
		if from < at {
			return k
		}
	}
	return 0
}

// endSearch gives up what was looked for, and goes back to where it began.
func (v *viewer) endSearch(p port) {
	from, top := v.search.from, v.search.top
	v.search = search{at: -1, busy: v.search.busy}
	if v.shown == viewTable && v.table != nil {
		v.table.choose(from)
	} else if o := v.outline(); o != nil {
		o.top = top
		o.roll(p, 0)
		if !o.flat {
			o.goTo(p, o.seen(from))
		}
	}
}
