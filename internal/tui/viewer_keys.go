package tui

import (
	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// viewKeys are the keys of a viewer, beside those that move.
type viewKeys struct {
	toggle, openRow, into, out          key.Binding
	foldAll, unfoldAll                  key.Binding
	search, next, previous, clear       key.Binding
	table, text, raw                    key.Binding
	copy, copyPath, copyAll, save, open key.Binding
}

func newViewKeys() viewKeys {
	bind := func(show, does string, keys ...string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(show, does))
	}
	return viewKeys{
		toggle:    bind("enter", "fold", "enter", "space"),
		openRow:   bind("enter", "open row", "enter"),
		into:      bind("→", "unfold, go in", "right", "l"),
		out:       bind("←", "fold, go out", "left", "h"),
		foldAll:   bind("-", "fold all", "-"),
		unfoldAll: bind("+", "unfold all", "+", "="),
		search:    bind("/", "search", "/"),
		next:      bind("n", "next match", "n"),
		previous:  bind("N", "previous match", "N"),
		clear:     bind("esc", "end search", "esc"),
		table:     bind("t", "table", "t"),
		text:      bind("w", "text", "w"),
		raw:       bind("x", "raw", "x"),
		copy:      bind("y", "copy", "y"),
		copyPath:  bind("p", "copy path", "p"),
		copyAll:   bind("Y", "copy all", "Y"),
		save:      bind("s", "save", "s"),
		open:      bind("o", "pager", "o"),
	}
}

// key handles a key in a window; it reports whether the key was one of the viewer's.
func (v *viewer) key(k *keymap, p port, msg tea.KeyPressMsg) (action, bool) {
	if v.strip != nil {
		return v.pressField(p, msg), true
	}
	own := newViewKeys()
	switch {
	case key.Matches(msg, own.search):
		v.startSearch()
		return action{}, true
	case key.Matches(msg, own.clear) && v.search.text != "":
		v.search = search{at: -1, busy: v.search.busy}
		return action{}, true
	case key.Matches(msg, own.next) && v.search.text != "":
		return v.hit(p, 1), true
	case key.Matches(msg, own.previous) && v.search.text != "":
		return v.hit(p, -1), true
	case len(v.early) > 0 && key.Matches(msg, own.table, own.text, own.raw):
		v.early = append(v.early, msg)
		return action{}, true
	case key.Matches(msg, own.table):
		return v.turn(viewTable, "nothing here is a table: a list of objects is one"), true
	case key.Matches(msg, own.text):
		return v.turn(viewText, "the answer has no other text"), true
	case key.Matches(msg, own.raw):
		return v.turn(viewRaw, "nothing was received"), true
	case key.Matches(msg, own.save):
		return v.startSave(), true
	case key.Matches(msg, own.copyAll):
		return v.copyAll(), true
	case key.Matches(msg, own.open):
		return v.openHere(false), true
	case !v.isLaid():
		wait := key.Matches(msg, own.copy, own.copyPath, own.toggle, own.into, own.out, own.foldAll, own.unfoldAll,
			k.up, k.down, k.pageUp, k.pageDown, k.top, k.bottom)
		if wait {
			v.early = append(v.early, msg)
		}
		return action{}, wait
	case key.Matches(msg, own.copy):
		return v.copyValue(), true
	case key.Matches(msg, own.copyPath):
		return v.copyPath(), true
	case v.shown == viewTable:
		return v.pressTable(k, &own, p, msg)
	}
	return v.pressOutline(k, &own, p, msg)
}

// isLaid says whether the view at hand is laid out.
func (v *viewer) isLaid() bool {
	if v.shown == viewTable {
		return v.table != nil
	}
	return v.outline() != nil
}

// turn shows another view, or the first one again.
func (v *viewer) turn(w view, missing string) action {
	if v.shown == w {
		return v.open(viewTree)
	}
	for _, has := range v.views() {
		if has == w {
			return v.open(w)
		}
	}
	return action{notice: missing}
}

func (v *viewer) pressOutline(k *keymap, own *viewKeys, p port, msg tea.KeyPressMsg) (action, bool) {
	o := v.outline()
	switch {
	case key.Matches(msg, k.up):
		o.step(p, -1)
	case key.Matches(msg, k.down):
		o.step(p, 1)
	case key.Matches(msg, k.pageUp):
		o.page(p, -1)
	case !o.flat && key.Matches(msg, own.toggle):
		if n := &o.nodes[o.cursor]; n.kind == nodePart {
			return v.openHere(true), true
		}
		o.fold(o.cursor, !o.isFolded(o.cursor))
		o.follow(p)
	case key.Matches(msg, k.pageDown):
		o.page(p, 1)
	case key.Matches(msg, k.top):
		o.cursor, o.top = 0, scroll{}
	case key.Matches(msg, k.bottom):
		o.cursor, o.top = o.seen(len(o.nodes)-1), o.end(p)
	case o.flat:
		return action{}, false
	case key.Matches(msg, own.into):
		if o.isFolded(o.cursor) {
			o.fold(o.cursor, false)
		} else if o.holds(o.cursor) {
			o.goTo(p, o.cursor+1)
		}
	case key.Matches(msg, own.out):
		if parent := o.nodes[o.cursor].parent; parent >= 0 && (o.isFolded(o.cursor) || !o.holds(o.cursor)) {
			o.goTo(p, int(parent))
		} else {
			o.fold(o.cursor, true)
		}
	case key.Matches(msg, own.foldAll):
		o.foldAll(true)
		o.follow(p)
	case key.Matches(msg, own.unfoldAll):
		o.foldAll(false)
		o.follow(p)
	default:
		return action{}, false
	}
	return action{}, true
}

func (v *viewer) pressTable(k *keymap, own *viewKeys, p port, msg tea.KeyPressMsg) (action, bool) {
	tb := v.table
	page := max(1, p.h-2)
	switch {
	case key.Matches(msg, k.up):
		tb.goTo(p, tb.row-1)
	case key.Matches(msg, k.down):
		tb.goTo(p, tb.row+1)
	case key.Matches(msg, own.openRow):
		o := v.outlines[viewTree]
		at := int(tb.lines[tb.row])
		o.reveal(at)
		o.fold(at, false)
		o.goTo(p, at)
		return v.open(viewTree), true
	case key.Matches(msg, k.pageUp):
		tb.goTo(p, tb.row-page)
	case key.Matches(msg, k.pageDown):
		tb.goTo(p, tb.row+page)
	case key.Matches(msg, k.top):
		tb.goTo(p, 0)
	case key.Matches(msg, k.bottom):
		tb.goTo(p, len(tb.lines))
	case key.Matches(msg, own.into):
		tb.slide(1)
	case key.Matches(msg, own.out):
		tb.slide(-1)
	default:
		return action{}, false
	}
	return action{}, true
}

// fit keeps the cursor in a window that has changed.
func (v *viewer) fit(p port) {
	if o := v.outline(); o != nil {
		p = v.inside(p)
		o.roll(p, 0)
		if !o.flat {
			o.follow(p)
		}
	}
}

// hints are the keys that work here beside those that move, the most useful first.
func (v *viewer) hints() []key.Binding {
	own := newViewKeys()
	if v.strip != nil {
		return v.strip.hints(&own, v.strip.purpose == forSearch && len(v.search.done.hits) > 0)
	}
	var hints []key.Binding
	o := v.outline()
	laid := v.shown == viewTable && v.table != nil || o != nil
	tree := o != nil && !o.flat
	switch {
	case !laid:
	case v.shown == viewTable:
		hints = append(hints, as(own.openRow, "enter", "open row"), hint("←→", "columns", "right", "left", "l", "h"))
	case !tree:
	case o.nodes[o.cursor].kind == nodePart:
		hints = append(hints, as(own.toggle, "enter", v.opens(&o.parts[o.nodes[o.cursor].from])))
	case o.isFolded(o.cursor):
		hints = append(hints, as(own.toggle, "enter", "unfold"))
	case o.holds(o.cursor):
		hints = append(hints, as(own.toggle, "enter", "fold"))
	}
	if v.search.text != "" && len(v.search.done.hits) > 0 {
		hints = append(hints, own.next, own.previous)
	}
	hints = append(hints, own.search)
	for _, w := range v.views() {
		switch {
		case w == v.shown && w != viewTree:
			hints = append(hints, as(v.keyOf(&own, w), v.keyOf(&own, w).Help().Key, v.title(viewTree)))
		case w == viewTree || w == v.shown:
		default:
			hints = append(hints, v.keyOf(&own, w))
		}
	}
	if laid {
		if p := v.part(); p == nil || p.uri != "" {
			hints = append(hints, own.copy)
		}
		hints = append(hints, own.save, own.open)
	}
	if tree {
		hints = append(hints, own.foldAll, own.unfoldAll)
	}
	if laid && v.hasPath() {
		hints = append(hints, own.copyPath)
	}
	if laid {
		hints = append(hints, own.copyAll)
	}
	return hints
}

// moving are the keys that move in the view at hand.
func (v *viewer) moving(k *keymap) []key.Binding {
	o := v.outline()
	if v.strip != nil || o == nil && v.table == nil {
		return nil
	}
	if o == nil || o.flat {
		return k.moving(true)
	}
	own := newViewKeys()
	return append(k.moving(false), own.into, own.out)
}

func (v *viewer) keyOf(own *viewKeys, w view) key.Binding {
	switch w {
	case viewTable:
		return own.table
	case viewText:
		return own.text
	}
	return own.raw
}
