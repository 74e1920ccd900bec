package tui

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
	"github.com/charmbracelet/x/ansi"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// Sizes in columns and rows.
const (
	defaultWidth, defaultHeight = 80, 24
	minWidth, minHeight         = 40, 12
	wideWidth                   = 72 // from here on the tools have their details beside them
)

// model is the whole state of the screen.
type model struct {
	session Session // nil: not connected yet
	connect func(ctx context.Context) (Session, error)
	begin   func() (context.Context, context.CancelFunc) // the context of one job
	now     func() time.Time
	program string
	editor  []string // the user's, as a command
	pager   []string // the same
	still   bool     // no spinner moves
	ascii   bool     // the terminal shows ASCII alone
	color   bool
	exact   bool // the terminal tells Alt from Esc

	openFile, openURL func(string) error // nil: nothing opens them
	shelf             *shelf             // of files that were opened

	clock         time.Time // when the last message came
	dark, few     bool      // the background; not more than sixteen colors
	theme         theme
	cells         cells
	keys          keymap
	width, height int

	pane                      paneID
	places                    [lastPane + 1]place
	identity                  client.Identity
	notice                    string // what happened last, until the next key
	tools, resources, prompts listPane
	watches                   map[string]watch // by a resource's address
	archive                   *archive         // nil: nothing is kept on disk
	unwritten                 bool             // what is kept there could not be written last
	link                      link
	history                   history
	inspector                 inspector
	log                       record
	calls                     []*call // in the order in which they began

	jobs          int // the id of the last job
	frame         int // of the spinner
	spinning      bool
	quitAsked     time.Time     // when Ctrl-C was pressed last
	deaf          time.Time     // until then keys were meant for a field that has gone
	listen        tea.Cmd       // the next event of a sign-in
	hear          tea.Cmd       // the next question of the server
	hearExchanges tea.Cmd       // the newest exchanges
	hearNews      tea.Cmd       // the next news of the server
	questions     []*question   // that wait for an answer, in the order in which they came
	pasteTo       chan<- string // nil: no field for it
	login         *login        // covers the panes; nil: it does not
	palette       *palette      // covers the body; nil: it is closed
	help          *help         // the same
	err           error         // what Run returns
}

// job is something under way that can be stopped, and whose answer carries its id.
type job struct {
	id     int
	ctx    context.Context    // handed to the job's commands, and to nothing else
	cancel context.CancelFunc // nil: nothing runs
	began  time.Time
}

// failure is an error in the user's words.
type failure struct {
	title, message, hint string

	signIn bool     // a sign-in may help
	scopes []string // that it should ask for
}

func newModel(ctx context.Context, cfg Config) *model {
	m := &model{
		session: cfg.Session,
		connect: cfg.Connect,
		begin:   func() (context.Context, context.CancelFunc) { return context.WithCancel(ctx) },
		now:     cfg.Now,
		program: cfg.Program,
		editor:  cfg.Editor,
		pager:   cfg.Pager,

		openFile: cfg.OpenFile, openURL: cfg.OpenURL, shelf: &shelf{},

		still:  cfg.Still,
		ascii:  cfg.ASCII,
		color:  !cfg.NoColor,
		dark:   true,
		keys:   newKeymap(),
		width:  defaultWidth,
		height: defaultHeight,
		pane:   paneTools,
		tools:  newTools(), resources: newResources(), prompts: newPrompts(),
		listen:        listen(ctx, cfg.Events),
		hearExchanges: hearExchanges(ctx, cfg.Exchanges),
		hearNews:      hearNews(ctx, cfg.News),
		watches:       map[string]watch{},
		hear:          hearQuestion(ctx, cfg.Questions),
		pasteTo:       cfg.Paste,
	}
	m.paint()
	m.identity.Server = cfg.Server
	if m.session != nil {
		m.identity = m.session.Identity()
	}
	if m.now == nil {
		m.now = time.Now
	}
	if m.program == "" {
		m.program = "mcpdiscord"
	}
	if cfg.History != "" {
		m.archive = &archive{path: cfg.History}
	}
	m.clock = m.now()
	m.link.heard, m.link.open = m.clock, m.session != nil && m.identity.Issuer == ""
	return m
}

// Init connects, or starts to load the tools; the first frame does not wait for that.
func (m *model) Init() tea.Cmd {
	cmds := []tea.Cmd{nextClock(), m.listen, m.hear, m.hearExchanges, m.hearNews, m.spin(), loadHistory(m.archive)}
	if m.session == nil {
		cmds = append(cmds, m.dial())
	} else {
		cmds = append(cmds, m.load(m.pane))
	}
	if m.color {
		cmds = append(cmds, tea.RequestBackgroundColor)
	}
	return tea.Batch(cmds...)
}

// Update takes one message. It does no input or output.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	m.clock = m.now()
	fleeting := m.fleeting()
	cmd := m.take(msg)
	switch msg.(type) {
	case tea.KeyMsg, tea.MouseMsg:
	default:
		if fleeting && !m.inField() {
			m.deaf = m.clock.Add(again)
		}
	}
	if spin := m.spin(); spin != nil {
		cmd = tea.Batch(cmd, spin)
	}
	if m.archive.pending() {
		cmd = tea.Batch(cmd, saveHistory(m.archive))
	}
	return m, cmd
}

// take takes what the terminal or its user says; the rest are answers of commands.
func (m *model) take(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
		m.scroll()
	case tea.BackgroundColorMsg:
		m.dark = msg.IsDark()
		m.paint()
	case tea.ColorProfileMsg:
		m.few = msg.Profile < colorprofile.ANSI256
		m.paint()
	case tea.ModeReportMsg:
		m.setCells(msg)
	case tea.KeyboardEnhancementsMsg: // comes before the first key that is sent by them
		m.exact = msg.SupportsKeyDisambiguation()
	case tea.KeyPressMsg:
		return m.press(msg)
	case tea.MouseClickMsg:
		return m.click(msg)
	case tea.MouseWheelMsg:
		return m.wheel(msg)
	case tea.PasteMsg:
		return m.paste(msg.Content)
	default:
		return m.takeAnswer(msg)
	}
	return nil
}

func (m *model) takeAnswer(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case itemsMsg:
		return m.gotItems(msg)
	case resultMsg:
		m.gotResult(msg)
	case editedMsg:
		m.gotEdited(msg)
	case historyMsg:
		m.gotHistory(msg)
	case workedMsg:
		return m.gotWork(msg)
	case savedMsg:
		m.gotSaved(msg)
	case openedMsg:
		m.gotOpened(msg)
	case pagedMsg:
		if msg.err != nil {
			m.notice = msg.err.Error()
		}
	case saidMsg:
		return m.gotSaid(msg)
	case frameMsg:
		m.frame++
		m.spinning = false // Update starts the next frame, if anything still runs
	case eventMsg:
		m.gotEvent(msg.event)
		return m.listen
	case questionMsg:
		return m.gotQuestion(msg)
	case watchedMsg:
		m.gotWatched(msg)
	case newsMsg:
		return m.gotNews(msg)
	case aboutMsg:
		m.gotAbout(msg)
	case changedMsg:
		return m.gotChanged(msg)
	case exchangesMsg:
		return m.gotExchanges(msg)
	case goneMsg:
		m.gone(msg)
	case connectedMsg:
		return m.gotConnected(msg)
	case signedInMsg:
		return m.gotSignedIn(msg)
	case pongMsg:
		return m.gotPong(msg)
	case clockMsg:
		return tea.Batch(nextClock(), m.beat(), m.refresh())
	}
	return nil
}

// paint chooses the theme for the terminal.
func (m *model) paint() {
	m.theme = newTheme(m.dark, m.color)
	if m.color && m.few {
		m.theme = newTheme16(m.dark)
	}
}

// spin starts the next frame of the spinner where something runs and none is coming.
func (m *model) spin() tea.Cmd {
	if m.still || m.spinning || !m.busy() {
		return nil
	}
	m.spinning = true
	return nextFrame()
}

// busy says whether something is under way that somebody waits for.
func (m *model) busy() bool {
	return m.loading() || m.inspector.job.cancel != nil || m.login != nil && m.login.failed == nil || m.inFlight() > 0
}

// setCells follows the renderer: grapheme clusters count as one once the terminal knows them.
func (m *model) setCells(msg tea.ModeReportMsg) {
	if msg.Mode != ansi.ModeUnicodeCore {
		return
	}
	switch msg.Value {
	case ansi.ModeReset, ansi.ModeSet, ansi.ModePermanentlySet:
		m.cells = ansi.GraphemeWidth
		m.scroll()
	}
}

// start makes a job.
func (m *model) start() job {
	ctx, cancel := m.begin()
	m.jobs++
	return job{id: m.jobs, ctx: ctx, cancel: cancel, began: m.clock}
}

// stop ends the job if it runs; its answer will be ignored.
func (j *job) stop() {
	if j.cancel != nil {
		j.cancel()
		j.cancel = nil
	}
}

// done says whether an answer belongs to the job that runs, which is then done.
func (j *job) done(id int) bool {
	if j.cancel == nil || j.id != id {
		return false
	}
	j.stop()
	return true
}

// open leads from the list to the form, or calls what takes no arguments.
func (m *model) open(it *item) tea.Cmd {
	p := m.here()
	p.item, p.form, p.asked = it, nil, nil
	if len(it.shape.fields) == 0 {
		p.comeFrom(screenList)
		return m.ask(m.newCall(it, json.RawMessage("{}")))
	}
	p.screen = screenForm
	return nil
}

// form is the form of the item at hand.
func (m *model) form() *form {
	if p := m.here(); p.form != nil {
		return p.form
	}
	return m.listAt(m.pane).form(m.here().item)
}

func (m *model) submit() tea.Cmd {
	arguments, ok := m.form().arguments()
	if !ok {
		return nil
	}
	p := m.here()
	p.comeFrom(screenForm)
	return m.ask(m.newCall(p.item, arguments))
}

// failureOf puts an error into words. Only a *client.Error has some for the user.
func (m *model) failureOf(title string, err error) failure {
	f := failure{title: title, message: oneLine(err.Error(), 1000)}
	var known *client.Error
	if errors.As(err, &known) {
		f.message = oneLine(known.Message, 1000)
		f.hint = oneLine(strings.ReplaceAll(known.Hint, "{program}", m.program), 1000)
		f.signIn, f.scopes = known.SignIn, known.Scopes
	}
	if f.signIn {
		f.hint = strings.TrimSuffix("press s to sign in again "+forScopes(f.scopes), " ")
	}
	return f
}

func (m *model) quit(err error) tea.Cmd {
	m.tools.job.stop()
	m.resources.job.stop()
	m.prompts.job.stop()
	m.link.ping.stop()
	m.inspector.job.stop()
	if m.login != nil {
		m.login.job.stop()
	}
	for _, c := range m.calls {
		if c.state == callRunning {
			m.end(c, callCanceled)
		}
	}
	m.err = err
	return tea.Quit
}
