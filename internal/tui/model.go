package tui

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// Sizes in columns and rows.
const (
	defaultWidth, defaultHeight = 80, 24
	minWidth, minHeight         = 40, 12
	wideWidth                   = 72 // from here on the tools have their details beside them
)

type screen uint8

const (
	screenLoading screen = iota
	screenTools
	screenForm
	screenConfirm
	screenRunning
	screenResult
	screenFailure
)

// model is the whole state of the screen.
type model struct {
	session Session
	begin   func() (context.Context, context.CancelFunc) // the context of one job
	now     func() time.Time
	program string
	editor  []string // the user's, as a command
	color   bool

	clock         time.Time // when the last message came
	theme         theme
	cells         cells
	keys          keymap
	width, height int

	screen   screen
	identity client.Identity
	notice   string // what happened last, until the next key
	loaded   bool
	list     list
	forms    map[*item]*form

	jobs    int // the id of the last job
	job     job
	call    call
	doc     document
	took    time.Duration
	at      scroll
	failure failure
	listen  tea.Cmd       // the next event of a sign-in
	pasteTo chan<- string // nil: no field for it
	login   *login        // nil: no sign-in is under way
	err     error         // what Run returns
}

// job is what runs: loading the tools, or a call.
type job struct {
	id      int
	ctx     context.Context    // handed to the job's commands, and to nothing else
	cancel  context.CancelFunc // nil: nothing runs
	started time.Time
	frame   int
}

// call is the call that is asked about, runs, or has the result on the screen.
type call struct {
	item      *item
	arguments json.RawMessage
	doc       document // the arguments, laid out
	back      screen   // where Esc leads
}

// failure is an error in the user's words.
type failure struct {
	title, message, hint string
}

func newModel(ctx context.Context, cfg Config) *model {
	m := &model{
		session:  cfg.Session,
		begin:    func() (context.Context, context.CancelFunc) { return context.WithCancel(ctx) },
		now:      cfg.Now,
		program:  cfg.Program,
		editor:   cfg.Editor,
		color:    !cfg.NoColor,
		theme:    newTheme(true, !cfg.NoColor),
		keys:     newKeymap(),
		width:    defaultWidth,
		height:   defaultHeight,
		identity: cfg.Session.Identity(),
		forms:    map[*item]*form{},
		listen:   listen(ctx, cfg.Events),
		pasteTo:  cfg.Paste,
	}
	if m.now == nil {
		m.now = time.Now
	}
	if m.program == "" {
		m.program = "mcpdiscord"
	}
	m.clock = m.now()
	return m
}

// Init starts to load the tools; the first frame does not wait for them.
func (m *model) Init() tea.Cmd {
	cmds := []tea.Cmd{m.load(), nextClock(), m.listen}
	if m.color {
		cmds = append(cmds, tea.RequestBackgroundColor)
	}
	return tea.Batch(cmds...)
}

// Update takes one message. It does no input or output.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m.clock = m.now()
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.scroll(0)
	case tea.BackgroundColorMsg:
		m.theme = newTheme(msg.IsDark(), m.color)
	case tea.ModeReportMsg:
		m.setCells(msg)
	case tea.KeyPressMsg:
		return m, m.press(msg)
	case tea.PasteMsg:
		m.paste(msg.Content)
	case toolsMsg:
		m.gotTools(msg)
	case resultMsg:
		m.gotResult(msg)
	case editedMsg:
		m.gotEdited(msg)
	case frameMsg:
		if m.job.cancel != nil && msg.id == m.job.id {
			m.job.frame++
			return m, nextFrame(msg.id)
		}
	case eventMsg:
		m.gotEvent(msg.event)
		return m, m.listen
	case clockMsg:
		return m, nextClock()
	}
	return m, nil
}

// setCells follows the renderer: grapheme clusters count as one once the terminal knows them.
func (m *model) setCells(msg tea.ModeReportMsg) {
	if msg.Mode != ansi.ModeUnicodeCore {
		return
	}
	switch msg.Value {
	case ansi.ModeReset, ansi.ModeSet, ansi.ModePermanentlySet:
		m.cells = ansi.GraphemeWidth
		m.scroll(0)
	}
}

// start makes a job and gives its context and id.
func (m *model) start() (context.Context, int) {
	m.stop()
	ctx, cancel := m.begin()
	m.jobs++
	m.job = job{id: m.jobs, ctx: ctx, cancel: cancel, started: m.clock}
	return ctx, m.job.id
}

// stop ends the job that runs, if any; its answer will be ignored.
func (m *model) stop() {
	if m.job.cancel != nil {
		m.job.cancel()
		m.job.cancel = nil
		m.login = nil
	}
}

// current says whether an answer belongs to the job that runs, which is then done.
func (m *model) current(id int) bool {
	if m.job.cancel == nil || m.job.id != id {
		return false
	}
	m.stop()
	return true
}

func (m *model) load() tea.Cmd {
	m.screen, m.call = screenLoading, call{}
	ctx, id := m.start()
	return tea.Batch(loadTools(ctx, m.session, id), nextFrame(id))
}

func (m *model) gotTools(msg toolsMsg) {
	if !m.current(msg.id) {
		return
	}
	m.identity = msg.identity
	if msg.err != nil {
		m.fail("The tools could not be loaded", msg.err)
		return
	}
	// A tool may have changed: what was typed for the old one is not kept.
	m.loaded, m.forms = true, map[*item]*form{}
	m.list = newList(msg.items)
	m.screen = screenTools
}

// open leads from the list to the form, or calls a tool that takes no arguments.
func (m *model) open(it *item) tea.Cmd {
	m.call = call{item: it, back: screenTools}
	if len(it.shape.fields) == 0 {
		m.call.arguments = json.RawMessage("{}")
		return m.ask()
	}
	m.screen = screenForm
	return nil
}

// form is the form of the tool at hand.
func (m *model) form() *form {
	it := m.call.item
	if m.forms[it] == nil {
		m.forms[it] = newForm(it.shape)
	}
	return m.forms[it]
}

func (m *model) submit() tea.Cmd {
	arguments, ok := m.form().arguments()
	if !ok {
		return nil
	}
	m.call.arguments, m.call.back = arguments, screenForm
	return m.ask()
}

// ask runs the call at hand, after a question if the tool is destructive.
func (m *model) ask() tea.Cmd {
	m.call.doc = newDocument(&client.Result{Structured: m.call.arguments})
	if m.call.item.destructive() {
		m.screen = screenConfirm
		return nil
	}
	return m.run()
}

func (m *model) run() tea.Cmd {
	m.screen, m.doc, m.at = screenRunning, document{}, scroll{}
	ctx, id := m.start()
	return tea.Batch(callTool(ctx, m.session, id, client.Call{Name: m.call.item.tool.Name, Arguments: m.call.arguments}), nextFrame(id))
}

func (m *model) cancel() {
	m.stop()
	m.notice = "canceled " + m.call.item.name + " after " + elapsed(m.clock.Sub(m.job.started))
	m.screen = m.call.back
}

func (m *model) gotResult(msg resultMsg) {
	if !m.current(msg.id) {
		return
	}
	m.identity = msg.identity
	if msg.err != nil {
		m.fail(m.call.item.name+" could not be called", msg.err)
		return
	}
	m.took = m.clock.Sub(m.job.started)
	m.doc, m.at, m.screen = msg.doc, scroll{}, screenResult
}

// fail shows an error. Only a *client.Error has words for the user.
func (m *model) fail(title string, err error) {
	m.failure = failure{title: title, message: oneLine(err.Error(), 1000)}
	var known *client.Error
	if errors.As(err, &known) {
		m.failure.message = oneLine(known.Message, 1000)
		m.failure.hint = oneLine(strings.ReplaceAll(known.Hint, "{program}", m.program), 1000)
	}
	m.screen = screenFailure
}

func (m *model) quit(err error) tea.Cmd {
	m.stop()
	m.err = err
	return tea.Quit
}
