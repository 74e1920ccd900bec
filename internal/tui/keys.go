package tui

import (
	"slices"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// keymap is every key that is no text, with the words that the footer has for it; those of results
// are viewKeys, those of fields stand with the form.
type keymap struct {
	up, down, pageUp, pageDown, top, bottom key.Binding

	open, filter, reload, back, again, edit, retry, background, signIn, copyURL, pasteURL, quit, interrupt, help, palette, group key.Binding

	yes, no, copyFact, renew, signOut, watch, panes key.Binding

	// In fields.
	next, submit, decline, editor, copyLine, keep, shut, among, amongPages, helpField key.Binding

	fields, text, mouse []key.Binding // only for the help
}

func newKeymap() keymap {
	bind := func(show, does string, keys ...string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(show, does))
	}
	return keymap{
		up:         bind("↑↓", "move", "up", "k"),
		down:       bind("↑↓", "move", "down", "j"),
		pageUp:     bind("pgup", "page", "pgup", "ctrl+b"),
		pageDown:   bind("pgdn", "page", "pgdown", "ctrl+f", "space"),
		top:        bind("g", "top", "g", "home"),
		bottom:     bind("G", "end", "G", "end"),
		open:       bind("enter", "call", "enter"),
		filter:     bind("/", "filter", "/"),
		reload:     bind("r", "reload", "r"),
		back:       bind("esc", "back", "esc"),
		again:      bind("r", "run again", "r"),
		edit:       bind("e", "edit and run", "e"),
		retry:      bind("r", "retry", "r", "enter"),
		background: bind("b", "to the background", "b"),
		signIn:     bind("s", "sign in, run again", "s"),
		copyURL:    bind("c", "copy address", "c"),
		pasteURL:   bind("p", "paste address", "p"),
		quit:       bind("q", "quit", "q"),
		help:       bind("?", "help", "?", "f1"),
		palette:    bind("ctrl+p", "commands", "ctrl+p"),
		group:      bind("o", "groups", "o"),
		panes:      bind("1 … 6", "show a pane; each keeps its place", "1", "2", "3", "4", "5", "6"),
		interrupt:  bind("ctrl+c", "quit", "ctrl+c"),
		yes:        bind("y", "call it", "y"),
		no:         bind("n", "back", "n", "esc"),
		watch:      bind("w", "watch", "w"),
		copyFact:   bind("y", "copy", "y"),
		renew:      bind("t", "renew token", "t"),
		signOut:    bind("o", "sign out", "o"),

		next:       bind("enter", "next", "enter"),
		submit:     bind("ctrl+s", "call", "ctrl+s"),
		decline:    bind("ctrl+r", "decline", "ctrl+r"),
		editor:     bind("ctrl+o", "editor", "ctrl+o"),
		copyLine:   bind("ctrl+y", "copy command", "ctrl+y"),
		keep:       bind("enter", "keep", "enter", "tab"),
		shut:       bind("esc", "close", "esc", "ctrl+p"),
		among:      bind("↑↓", "move", "up", "down"),
		amongPages: bind("pgup pgdn", "a page", "pgup", "pgdown"),
		helpField:  bind("f1", "help", "f1"),
		fields: []key.Binding{
			bind("tab", "next field", "tab"),
			bind("shift+tab", "field before", "shift+tab"),
			bind("↑ ↓", "line or field", "up", "down"),
			bind("pgup pgdn", "five fields", "pgup", "pgdown"),
		},
		text: []key.Binding{
			bind("← →", "move", "left", "right", "ctrl+b", "ctrl+f"),
			bind("ctrl+← →", "by words", "ctrl+left", "ctrl+right", "alt+left", "alt+right", "alt+b", "alt+f"),
			bind("home end", "to the beginning, to the end", "home", "ctrl+a", "end", "ctrl+e"),
			bind("backspace", "delete what is before the cursor", "backspace", "ctrl+h"),
			bind("del", "delete what is under it", "delete", "ctrl+d"),
			bind("ctrl+w", "delete a word", "ctrl+w", "alt+backspace", "ctrl+backspace"),
			bind("ctrl+u", "delete to the beginning", "ctrl+u"),
			bind("ctrl+k", "delete to the end", "ctrl+k"),
		},
		mouse: []key.Binding{
			bind("click", "show a pane, select; again: open"),
			bind("wheel", "scroll"),
			bind("shift+drag", "select text (in some terminals alt or fn)"),
		},
	}
}

// as is a binding with other words in the footer.
func as(b key.Binding, show, does string) key.Binding {
	b.SetHelp(show, does)
	return b
}

// step is how far a key moves in a list of n rows whose window has page of them; false: it does not.
func (k *keymap) step(msg tea.KeyPressMsg, page, n int) (int, bool) {
	page = max(1, page)
	switch {
	case key.Matches(msg, k.up):
		return -1, true
	case key.Matches(msg, k.down):
		return 1, true
	case key.Matches(msg, k.pageUp):
		return -page, true
	case key.Matches(msg, k.pageDown):
		return page, true
	case key.Matches(msg, k.top):
		return -n, true
	case key.Matches(msg, k.bottom):
		return n, true
	}
	return 0, false
}

// moving are the keys of step, but for the space bar where that does something else.
func (k *keymap) moving(space bool) []key.Binding {
	join := func(show, does string, a, b key.Binding) key.Binding {
		return key.NewBinding(key.WithKeys(slices.Concat(a.Keys(), b.Keys())...), key.WithHelp(show, does))
	}
	down := k.pageDown
	if !space {
		down.SetKeys(slices.DeleteFunc(slices.Clone(down.Keys()), func(name string) bool { return name == "space" })...)
	}
	return []key.Binding{
		join("↑ ↓", "move", k.up, k.down),
		join("pgup pgdn", "a page", k.pageUp, down),
		join("g G", "first, last", k.top, k.bottom),
	}
}
