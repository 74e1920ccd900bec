package tui

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"time"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// What the external tests need of the inside.

type (
	Model = model
	Form  = form
)

func NewModel(ctx context.Context, cfg Config) *Model { return newModel(ctx, cfg) }

func (m *model) Err() error { return m.err }

// Frame is the message of the spinner.
func (m *model) Frame() tea.Msg { return frameMsg{} }

// Closed is a session as Run leaves it.
func Closed(s Session) Session {
	d := &door{}
	d.close(0)
	return guarded{s, d}
}

func Fit(method ansi.Method, s string, w int) string { return fit(method, s, w) }

// Ticks says whether a command of this message's answer is a timer.
func Ticks(msg tea.Msg) bool {
	switch msg.(type) {
	case frameMsg, clockMsg:
		return true
	}
	return false
}

// Hurried are mailboxes that give what comes at once, however often.
func Hurried() (*News, *Exchanges) {
	news, exchanges := NewNews(), NewExchanges()
	news.pace.every, exchanges.pace.every = 0, 0
	return news, exchanges
}

// HearNews waits for the next news, and says how many there are.
func HearNews(ctx context.Context, n *News) int {
	msg, _ := hearNews(ctx, n)().(newsMsg)
	return len(msg.list)
}

// NewsMsg is the message of news.
func NewsMsg(list []client.News) tea.Msg { return newsMsg{list} }

// Held is how many news wait, and the bytes of their addresses.
func (n *News) Held() (count, bytes int) {
	for _, news := range n.list {
		bytes += len(news.URI)
	}
	return len(n.list), bytes
}

func Clock() tea.Msg { return clockMsg{} }

func NewForm(schema json.RawMessage) *Form { return newForm(parseShape(schema)) }

// Names are those of the fields on the screen.
func (f *form) Names() []string {
	names := make([]string, len(f.slots))
	for i := range f.slots {
		names[i] = f.slots[i].name
	}
	return names
}

func (f *form) Types() map[string]string {
	types := map[string]string{}
	for i := range f.slots {
		types[f.slots[i].name] = f.slots[i].typ
	}
	return types
}

func (f *form) Whole() bool { return f.shape.whole }

func (f *form) Focus(i int) { f.focus = i }

func (f *form) Key(msg tea.KeyPressMsg) { f.press(ansi.WcWidth, msg) }

func (f *form) Paste(text string) bool { return f.paste(text) }

func (f *form) Arguments() (json.RawMessage, bool) { return f.arguments() }

func (f *form) Reason(i int) string { return f.reason(f.slots[i].input) }

func Wrap(method ansi.Method, s string, w int) []string { return wrap(method, s, w) }

// Editor types keys into an editor and gives its text and cursor.
func Editor(method ansi.Method, text string, w int, keys ...tea.KeyPressMsg) (value, view string, column int) {
	e := newEditor(text)
	for _, msg := range keys {
		e.key(method, msg)
	}
	view, column = e.view(method, w)
	return e.text, view, column
}

// Template gives the variables that a template needs, and the address with the value for each.
func Template(template, value string) (required []string, address string) {
	it := newTemplate(template)
	values := map[string]string{}
	for _, f := range it.shape.fields {
		values[f.name] = value
		if f.required {
			required = append(required, f.name)
		}
	}
	raw, _ := json.Marshal(values)
	return required, it.address(raw)
}

func Expand(template string, values map[string]string) string {
	it := newTemplate(template)
	raw, _ := json.Marshal(values)
	return it.address(raw)
}

func (f *form) Set(raw string) bool { return f.set(json.RawMessage(raw)) }

func (f *form) Strict() { f.strict = true }

func (f *form) Misfit() string { return f.misfit }

func (f *form) Text() string { return f.document() }

func (f *form) Now(now time.Time) { f.clock = now }

func (f *form) Hints() []key.Binding { return f.hints() }

// Rows draws the form, and says where the cursor stands.
func (f *form) Rows(method ansi.Method, w, h int) (rows []string, x, y int) {
	t := newTheme(true, true)
	b := f.rows(&t, method, w, h)
	return b.rows, b.x, b.y
}

func (f *form) Redacted(arguments string) string {
	return string(f.shape.redact(json.RawMessage(arguments)))
}

// Line is a command line of the program p.
func Line(verb, name, server, arguments string) string {
	return commandLine{program: "p", verb: verb, name: name, server: server}.with(json.RawMessage(arguments), json.RawMessage(arguments))
}

// Line is the command line that calls t with what the form would send.
func (f *form) Line(arguments string) string {
	raw := json.RawMessage(arguments)
	return commandLine{program: "p", verb: "call", name: "t"}.with(raw, f.shape.redact(raw))
}

// Edit runs an editor as the screen does, without one.
func Edit(words []string, text string) (string, error) {
	e := &editing{words: words, text: text}
	err := e.Run()
	return e.text, err
}

// Insisted says whether something was passed over for the user's sake.
func (f *form) Insisted() bool {
	for i := range f.slots {
		if f.slots[i].insisted {
			return true
		}
	}
	return f.anyway
}

// Edited is the message of an editor on the form at hand.
func (m *model) Edited(text string, err error) tea.Msg {
	return editedMsg{form: m.form(), text: text, err: err}
}

func (m *model) Draft() string { return m.form().draft }

// Load loads the tools, and gives the message that says so.
func (m *model) Load() tea.Msg { return m.load(paneTools)() }

func Fuzzy(word, text string) (score int, at []int, ok bool) { return fuzzy(word, text) }

// Kept counts the exchanges that are kept.
func Kept(e *Exchanges) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.list)
}

// Log is the number of bytes in the log.
func (m *model) Log() int { return m.log.bytes }

// Shown are the keys that the help names at the place at hand: those of the place alone, and all.
func (m *model) Shown() (here []key.Binding, all map[string]bool) {
	all = map[string]bool{}
	for _, group := range m.keyGroups() {
		for _, b := range group.keys {
			for _, name := range b.Keys() {
				all[name] = true
			}
		}
	}
	return m.hints(), all
}

// HelpWords are the words of the help, with every key by itself.
func (m *model) HelpWords() string {
	m.width = minWidth
	words := ansi.Strip(strings.Join(m.helpRows(), "\n"))
	for _, pair := range []string{"↑↓", "←→"} { // shift+↑↓ is shift+↑ and shift+↓
		for _, word := range strings.Fields(words) {
			if mod, ok := strings.CutSuffix(word, pair); ok {
				for _, sign := range pair {
					words += " " + mod + string(sign)
				}
			}
		}
	}
	return strings.NewReplacer("ctrl+← →", "ctrl+← ctrl+→", "1 … 6", "1 2 3 4 5 6").Replace(words)
}

func KeySign(name string) string { return keySign(name) }

// Writing says whether there is a text under the cursor.
func (m *model) Writing() bool { return m.writing() }

func (m *model) InField() bool { return m.inField() }

func NewKeyboard(in io.Reader) io.Reader { return newKeyboard(in) }

func Unjoined(row string) string { return unjoined(row) }

// Archive is a history on disk. Its function puts one call into it and writes it.
func Archive(path string) func(name string) error {
	a := &archive{path: path}
	return func(name string) error {
		a.put(pastCall{Kind: "tool", Name: name, Arguments: json.RawMessage("{}"), Outcome: "answered"})
		return a.flush()
	}
}

func (m *model) Size() (w, h int) { return m.width, m.height }

// Width is that of a row as the terminal counts it.
func (m *model) Width(row string) int { return m.cells.StringWidth(row) }

// SaveTo makes a field for the path of a file lead into a directory.
func (m *model) SaveTo(dir string) {
	for i := range m.places {
		if v := m.places[i].view(); v != nil && v.strip != nil && v.strip.purpose == forSave {
			v.strip.editor = newEditor(dir + "/saved")
		}
	}
}

// Overgrown says what is larger than it may be, "" if nothing is.
func (m *model) Overgrown() string {
	results := 0
	for _, c := range m.calls {
		results += c.bytes()
		if len(c.said) > maxSaid || len(c.progress.Message) > maxSpoken {
			return "what was said"
		}
		for _, line := range c.said {
			if len(line.Text) > maxSpoken {
				return "a line that was said"
			}
		}
	}
	known := len(m.resources.items)
	switch {
	case len(m.calls) > maxCalls+m.inFlight()+int(lastPane):
		return "calls"
	case results > maxResults:
		return "results"
	case len(m.log.entries) > maxLog || m.log.bytes > maxLogBytes:
		return "the log"
	case len(m.inspector.exchanges) > maxExchanges:
		return "exchanges"
	case len(m.questions) > m.inFlight():
		return "questions"
	case len(m.watches) > known+1:
		return "watches"
	case m.tools.loaded && len(m.tools.forms) > len(m.tools.items)+1:
		return "forms"
	}
	return ""
}

// Filling says whether a form is filled in.
func (m *model) Filling() bool { return m.login == nil && m.here().screen == screenForm }

func (m *model) Watches() int { return len(m.watches) }
