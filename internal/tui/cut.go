package tui

import (
	"unicode/utf8"

	"charm.land/lipgloss/v2"
)

// An endless line is kept in pieces, each a line of the tree. A match may begin in one and end in
// another.

// goesOn says whether line i was cut at its end, so that the next one goes on with it.
func (t *tree) goesOn(i int) bool {
	if i < 0 || i+1 >= len(t.nodes) {
		return false
	}
	n, next := &t.nodes[i], &t.nodes[i+1]
	pieces := n.kind == nodeRun || n.kind == nodeText || n.kind == nodeBad
	return pieces && n.kind == next.kind && n.parent == next.parent && n.source == next.source && n.to == next.from
}

// lead is the text before line i that goes on in it, its last n bytes at least.
func (t *tree) lead(i, n int) string {
	text := ""
	for ; len(text) < n && t.goesOn(i-1); i-- {
		text = t.value(i-1) + text
	}
	return text
}

// rest is the text after line i that goes on with it, its first n bytes at least.
func (t *tree) rest(i, n int) string {
	text := ""
	for ; len(text) < n && t.goesOn(i); i++ {
		text += t.value(i + 1)
	}
	return text
}

// reach is the most bytes that a match has.
func (p pattern) reach() int {
	if p.exact {
		return len(p.text)
	}
	return utf8.UTFMax * utf8.RuneCountInString(p.text)
}

// across is where the first match begins in left that ends in right, and where it ends there;
// false: there is none.
func (p pattern) across(left, right string) (from, to int, ok bool) {
	if p.text == "" || left == "" || right == "" {
		return 0, 0, false
	}
	skipped := max(0, len(left)-p.reach()+1)
	left, right = left[skipped:], right[:min(len(right), p.reach()-1)]
	both := left + right
	for at := 0; at < len(left); at++ {
		from, to := p.find(both[at:])
		if from < 0 || at+from >= len(left) {
			break
		}
		if at += from; at+to-from > len(left) {
			return skipped + at, at + to - from - len(left), true
		}
	}
	return 0, 0, false
}

// cut says whether a match begins in line i, whose text is given, and ends in those that go on
// with it, the first of which is next.
func (t *tree) cut(i int, text, next string, p pattern) bool {
	if n := p.reach(); next != "" && len(next) < n {
		next = t.rest(i, n)
	}
	_, _, ok := p.across(text, next)
	return ok
}

// mark lays the matches in line i over its colors.
func (o *outline) mark(t *theme, i int, l label) []stretch {
	p := o.marked
	inks := p.mark(t, l.text, l.inks)
	n := p.reach()
	if _, to, ok := p.across(o.lead(i, n), l.text+o.rest(i, n)); ok {
		inks = paint(inks, 0, min(to, len(l.text)), t.match)
	}
	lead := o.lead(i, n)
	if from, _, ok := p.across(lead+l.text, o.rest(i, n)); ok {
		inks = paint(inks, max(0, from-len(lead)), len(l.text), t.match)
	}
	return inks
}

// paint gives a part of a line another style.
func paint(inks []stretch, from, to int, style lipgloss.Style) []stretch {
	var out []stretch
	at := 0
	for _, ink := range inks {
		if at < from && ink.end > at {
			out = append(out, stretch{end: min(ink.end, from), style: ink.style})
		}
		if at < to && ink.end > from {
			out = append(out, stretch{end: min(ink.end, to), style: style})
		}
		if ink.end > to {
			out = append(out, ink)
		}
		at = ink.end
	}
	return out
}
