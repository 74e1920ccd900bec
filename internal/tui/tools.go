package tui

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// itemKind is what an item is on its server.
type itemKind uint8

const (
	itemTool itemKind = iota
	itemResource
	itemTemplate // of resources
	itemPrompt
)

// deeds are the words for what is done with an item, by its kind.
var deeds = [...]struct{ verb, doing, failed, command string }{
	itemTool:     {"call", "Calling", "could not be called", "call"},
	itemResource: {"read", "Reading", "could not be read", "read"},
	itemTemplate: {"read", "Reading", "could not be read", "read"},
	itemPrompt:   {"get", "Getting", "could not be had", "prompt"},
}

// item is something of a list made ready for the screen: printable, bounded, its schema read.
type item struct {
	kind       itemKind
	id         string // as the server spells it: a name, an address, or a template for those
	definition string // what the form belongs to
	tool       client.Tool
	name       string // printable; id is what is sent
	title      string
	about      string   // the description
	watchable  bool     // a resource whose changes can be heard of
	facts      []string // printable: the address, the type …
	shape      shape
	find       string // what the filter looks in, lower case

	lowName, lowTitle string
}

func newItems(tools []client.Tool) []item {
	items := make([]item, 0, len(tools))
	for _, tool := range tools {
		it := item{
			id:         tool.Name,
			definition: string(tool.InputSchema),
			tool:       tool,
			shape:      parseShape(tool.InputSchema),
		}
		items = append(items, it.named(tool.Name, tool.Title, tool.Description))
	}
	return items
}

// named is the item with its texts.
func (it item) named(name, title, about string) item {
	it.name, it.title, it.about = oneLine(name, 200), oneLine(title, 200), prose(about, 8<<10)
	if it.name == "" {
		it.name = "(no name)"
	}
	it.lowName, it.lowTitle = strings.ToLower(it.name), strings.ToLower(it.title)
	it.find = strings.ToLower(it.name + "\n" + it.title + "\n" + strings.Join(it.facts, "\n") + "\n" + it.about)
	return it
}

func (it *item) deed() string { return deeds[it.kind].verb }

// send does with the item what is done with its kind. It is run by commands.
func (it *item) send(ctx context.Context, session Session, arguments json.RawMessage, box *mailbox) (*client.Result, error) {
	switch it.kind {
	case itemResource, itemTemplate:
		return it.read(ctx, session, arguments)
	case itemPrompt:
		return it.prompt(ctx, session, arguments)
	}
	return session.Call(ctx, client.Call{Name: it.id, Arguments: arguments, Progress: box.tellProgress, Log: box.tellLog})
}

// destructive is what the server says, or does not deny: that is the default of MCP.
func (it *item) destructive() bool { return it.tool.Destructive && !it.tool.ReadOnly }

// mark is a sign for what an item is or may do; markWord says it in a word.
func (it *item) mark() string {
	switch {
	case it.kind == itemTemplate:
		return "{}"
	case it.destructive():
		return "!"
	case it.tool.ReadOnly:
		return "r"
	}
	return ""
}

func (it *item) markWord() string {
	switch {
	case it.kind == itemTemplate:
		return "template"
	case it.destructive():
		return "may destroy" + it.reach()
	case it.tool.ReadOnly:
		return "read-only" + it.reach()
	}
	return strings.TrimPrefix(it.reach(), ", ")
}

// reach says that a tool works on more than its own server, as far as that is said.
func (it *item) reach() string {
	if it.kind == itemTool && it.tool.OpenWorld {
		return ", open-world"
	}
	return ""
}

// listPane is the list of what a server has of one kind, and what was entered for its items.
type listPane struct {
	list
	heading, none, nothing string // what it is called, and what an empty one says
	fetch                  func(ctx context.Context, session Session) ([]item, error)

	job    job      // loads the list
	quiet  bool     // nobody waits for that
	stale  bool     // the server has another one, or may have
	loaded bool     // there is a list
	failed *failure // the last load failed; nil: it did not
	forms  map[formKey]*form
}

func newTools() listPane {
	return listPane{
		heading: "Tools", none: "This server has no tools.", nothing: "No tool has all of these words.",
		forms: map[formKey]*form{}, fetch: fetchTools, list: list{grouped: true},
	}
}

func fetchTools(ctx context.Context, session Session) ([]item, error) {
	tools, err := session.Tools(ctx)
	return newItems(tools), err
}

// formKey names a form: what was typed outlives a reload.
type formKey struct{ id, definition string }

func (it *item) formKey() formKey { return formKey{it.id, it.definition} }

// form is that of an item. What was typed for the item as it was before is taken over.
func (p *listPane) form(it *item) *form {
	key := it.formKey()
	if p.forms[key] != nil {
		return p.forms[key]
	}
	f := newForm(it.shape)
	for before, old := range p.forms {
		if before.id == key.id && old.changes > 0 {
			f.set(old.sent())
		}
		if before.id == key.id {
			delete(p.forms, before)
		}
	}
	p.forms[key] = f
	return f
}

// listAt is the list of a pane; nil: it has none.
func (m *model) listAt(id paneID) *listPane {
	switch id {
	case paneTools:
		return &m.tools
	case paneResources:
		return &m.resources
	case panePrompts:
		return &m.prompts
	}
	return nil
}

// list is all items of a pane, those that the filter leaves, and the cursor.
type list struct {
	items  []item
	hits   []int // indexes into items
	cursor int   // index into hits
	filter editor
	words  []string // of the filter, lower case
	typing bool     // keys go to the filter

	grouped bool // wanted in groups
	headed  bool // is in groups
}

// selected is the item under the cursor, nil if the filter leaves none.
func (l *list) selected() *item {
	if l.cursor >= len(l.hits) {
		return nil
	}
	return &l.items[l.hits[l.cursor]]
}

func (l *list) move(n int) {
	l.cursor = max(0, min(l.cursor+n, len(l.hits)-1))
}

// clear takes the filter away; the selected item stays selected.
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

func (l *list) paste(text string) bool {
	if !l.filter.insert(text) {
		return false
	}
	l.apply()
	return true
}
