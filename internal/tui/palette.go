package tui

import (
	"fmt"
	"slices"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
)

// palette finds a command by its words. It covers the screen while it is open.
type palette struct {
	filter  editor
	entries []command
	hits    []int
	cursor  int
}

// command is an entry of the palette. It does what its key does here, shows a pane, or opens an
// item.
type command struct {
	words, key string
	press      string // a key; "": none
	pane       paneID // 0: none
	item       *item
	quit       bool
}

// openPalette collects what can be done here, and where one can go.
func (m *model) openPalette() {
	p := &palette{}
	for _, h := range m.hints() {
		if keys := h.Keys(); len(keys) > 0 {
			p.entries = append(p.entries, command{words: capital(h.Help().Desc), key: h.Help().Key, press: keys[0]})
		}
	}
	if m.login == nil {
		for _, pane := range panes {
			p.entries = append(p.entries, command{words: "Go to " + pane.name, key: fmt.Sprint(int(pane.id)), pane: pane.id})
		}
	}
	p.entries = append(p.entries, command{words: "Help", key: "?", press: "f1"}, command{words: "Quit", key: "q", quit: true})
	if m.login == nil {
		for i := range m.tools.items {
			it := &m.tools.items[i]
			p.entries = append(p.entries, command{words: it.name, key: "tool", item: it})
		}
	}
	p.apply()
	m.palette = p
}

func (p *palette) apply() {
	p.cursor = 0
	p.hits = rank(sought(p.filter.text), len(p.entries), func(i int) (name, title, rest string) {
		e := &p.entries[i]
		if e.item != nil {
			return e.item.lowName, e.item.lowTitle, ""
		}
		return strings.ToLower(e.words), "", ""
	})
}

func (m *model) pressPalette(msg tea.KeyPressMsg) tea.Cmd {
	p := m.palette
	switch msg.String() {
	case "esc", "ctrl+p":
		m.palette = nil
	case "f1":
		m.help = &help{}
	case "enter":
		m.palette = nil
		if p.cursor < len(p.hits) {
			return m.obey(&p.entries[p.hits[p.cursor]])
		}
	case "up":
		p.move(-1)
	case "down":
		p.move(1)
	case "pgup":
		p.move(-m.bodyHeight())
	case "pgdown":
		p.move(m.bodyHeight())
	default:
		if before := p.filter.text; p.filter.key(m.cells, msg) && p.filter.text != before {
			p.apply()
		}
	}
	return nil
}

func (p *palette) move(n int) { p.cursor = max(0, min(p.cursor+n, len(p.hits)-1)) }

// obey does what an entry of the palette says.
func (m *model) obey(c *command) tea.Cmd {
	switch {
	case c.quit:
		return m.leave()
	case c.item != nil:
		cmd := m.goTo(paneTools)
		return tea.Batch(cmd, m.open(c.item))
	case c.pane != 0:
		return m.goTo(c.pane)
	case !m.offers(c):
		m.notice = "that cannot be done any more"
		return nil
	}
	return m.press(keyPress(c.press))
}

// offers says whether what an entry says can be done still: under the palette a call may have
// ended, or may ask something, and its key would mean something else there.
func (m *model) offers(c *command) bool {
	return c.press == "f1" || slices.ContainsFunc(m.hints(), func(b key.Binding) bool {
		return slices.Contains(b.Keys(), c.press) && capital(b.Help().Desc) == c.words
	})
}

func (m *model) paletteBody(w, h int) body {
	t, p := &m.theme, m.palette
	text, at := p.filter.view(m.cells, w-4)
	if p.filter.text == "" {
		text = t.dim.Render("what to do, where to go, or a tool")
	}
	b := body{rows: []string{t.accent.Render("› ") + text}, x: 2 + at, y: 0}
	if len(p.hits) == 0 {
		b.rows = append(b.rows, "  "+t.dim.Render("Nothing has these letters."))
		return b
	}
	words := sought(p.filter.text)
	top := window(p.cursor, len(p.hits), h-1)
	for i := top; i < min(len(p.hits), top+h-1); i++ {
		e := &p.entries[p.hits[i]]
		right := t.strong.Render(e.key)
		if e.item != nil {
			right = t.dim.Render(e.key)
		}
		name := fit(m.cells, e.words, w-m.cells.StringWidth(e.key)-5)
		left := "  " + t.lit(name, words, func(s string) string { return t.plain.Render(s) })
		if i == p.cursor {
			left = t.accent.Render("› ") + t.lit(name, words, func(s string) string { return t.accent.Render(s) })
		}
		b.rows = append(b.rows, ends(m.cells, left, right+" ", w))
	}
	b.corner = fmt.Sprintf("%d of %d", p.cursor+1, len(p.hits))
	return b
}

// keyPress is the message of a key by its name.
func keyPress(name string) tea.KeyPressMsg {
	codes := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "space": tea.KeySpace, "up": tea.KeyUp, "down": tea.KeyDown,
		"left": tea.KeyLeft, "right": tea.KeyRight, "home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown,
		"backspace": tea.KeyBackspace, "delete": tea.KeyDelete, "f1": tea.KeyF1,
	}
	var msg tea.KeyPressMsg
	for {
		if rest, ok := strings.CutPrefix(name, "ctrl+"); ok {
			name, msg.Mod = rest, msg.Mod|tea.ModCtrl
		} else if rest, ok := strings.CutPrefix(name, "alt+"); ok {
			name, msg.Mod = rest, msg.Mod|tea.ModAlt
		} else if rest, ok := strings.CutPrefix(name, "shift+"); ok {
			name, msg.Mod = rest, msg.Mod|tea.ModShift
		} else {
			break
		}
	}
	if code, ok := codes[name]; ok {
		msg.Code = code
		if name == "space" {
			msg.Text = " "
		}
		return msg
	}
	for _, r := range name {
		msg.Code = r
	}
	if msg.Mod == 0 {
		msg.Text = name
	}
	return msg
}
