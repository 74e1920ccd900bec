package tui

import (
	"fmt"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// item is a tool made ready for the screen: printable, bounded, its schema read.
type item struct {
	tool  client.Tool
	name  string // printable; tool.Name is what is called
	title string
	about string // the description
	shape shape
	find  string // what the filter looks in, lower case
}

func newItems(tools []client.Tool) []item {
	items := make([]item, 0, len(tools))
	for _, tool := range tools {
		it := item{
			tool:  tool,
			name:  oneLine(tool.Name, 200),
			title: oneLine(tool.Title, 200),
			about: prose(tool.Description, 8<<10),
			shape: parseShape(tool.InputSchema),
		}
		if it.name == "" {
			it.name = "(no name)"
		}
		it.find = strings.ToLower(it.name + "\n" + it.title + "\n" + it.about)
		items = append(items, it)
	}
	return items
}

// destructive is what the server says, or does not deny: that is the default of MCP.
func (it *item) destructive() bool { return it.tool.Destructive && !it.tool.ReadOnly }

// mark is a letter that says what a tool may do; markWord says it in a word.
func (it *item) mark() string {
	switch {
	case it.destructive():
		return "!"
	case it.tool.ReadOnly:
		return "r"
	}
	return ""
}

func (it *item) markWord() string {
	switch {
	case it.destructive():
		return "may destroy"
	case it.tool.ReadOnly:
		return "read-only"
	}
	return ""
}

// toolsPane is the list of tools, and what was entered for them.
type toolsPane struct {
	list
	job    job      // loads the list
	loaded bool     // there is a list
	failed *failure // the last load failed; nil: it did not
	forms  map[formKey]*form
}

// formKey names a form: what was typed outlives a reload while the tool stays the same.
type formKey struct{ name, schema string }

func (it *item) formKey() formKey { return formKey{it.tool.Name, string(it.tool.InputSchema)} }

func (p *toolsPane) form(it *item) *form {
	key := it.formKey()
	if p.forms[key] == nil {
		p.forms[key] = newForm(it.shape)
	}
	return p.forms[key]
}

// load fetches the list anew; the old one stays until then.
func (m *model) load() tea.Cmd {
	if m.session == nil {
		return nil
	}
	m.tools.job.stop()
	m.tools.job, m.tools.failed = m.start(), nil
	return loadTools(m.tools.job.ctx, m.session, m.tools.job.id)
}

func (m *model) gotTools(msg toolsMsg) {
	p := &m.tools
	if !p.job.done(msg.id) {
		return
	}
	m.identity = msg.identity
	if msg.err != nil {
		f := m.failureOf("The tools could not be loaded", msg.err)
		p.failed = &f
		m.note(toneBad, "The tools could not be loaded: "+f.message)
		return
	}
	if p.loaded {
		m.notice = fmt.Sprintf("%d tools", len(msg.items))
	}
	p.loaded = true
	p.renew(msg.items)
}

// renew takes a new list. The cursor stays on its tool, and forms of tools that are as before
// keep what was typed.
func (p *toolsPane) renew(items []item) {
	at := p.selected()
	p.items = items
	p.apply()
	kept := map[formKey]*form{}
	for i := range items {
		if f := p.forms[items[i].formKey()]; f != nil {
			kept[items[i].formKey()] = f
		}
	}
	p.forms = kept
	for i, hit := range p.hits {
		if at != nil && items[hit].tool.Name == at.tool.Name {
			p.cursor = i
		}
	}
}

// list is the tools screen: all tools, those that the filter leaves, and the cursor.
type list struct {
	items  []item
	hits   []int // indexes into items
	cursor int   // index into hits
	filter editor
	typing bool // keys go to the filter
}

// apply finds the tools that have every word of the filter; those with all of them in the name
// come first, else the server's order stays.
func (l *list) apply() {
	words := strings.Fields(strings.ToLower(l.filter.text))
	l.hits, l.cursor = l.hits[:0], 0
	var others []int
	for i := range l.items {
		it := &l.items[i]
		switch {
		case hasAll(strings.ToLower(it.name), words):
			l.hits = append(l.hits, i)
		case hasAll(it.find, words):
			others = append(others, i)
		}
	}
	l.hits = slices.Concat(l.hits, others)
}

func hasAll(s string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(s, word) {
			return false
		}
	}
	return true
}

// selected is the tool under the cursor, nil if the filter leaves none.
func (l *list) selected() *item {
	if l.cursor >= len(l.hits) {
		return nil
	}
	return &l.items[l.hits[l.cursor]]
}

func (l *list) move(n int) {
	l.cursor = max(0, min(l.cursor+n, len(l.hits)-1))
}

// clear takes the filter away; the selected tool stays selected.
func (l *list) clear() {
	at := -1
	if l.cursor < len(l.hits) {
		at = l.hits[l.cursor]
	}
	l.filter, l.typing = editor{}, false
	l.apply()
	l.cursor = max(0, slices.Index(l.hits, at))
}

// edit gives a key to the filter.
func (l *list) edit(c cells, msg tea.KeyPressMsg) {
	before := l.filter.text
	if l.filter.key(c, msg) && l.filter.text != before {
		l.apply()
	}
}

func (l *list) paste(text string) {
	if l.filter.insert(strings.Join(strings.Fields(text), " ")) {
		l.apply()
	}
}
