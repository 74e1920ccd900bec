package tui_test

import (
	"context"
	"fmt"
	"image/color"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// stage drives a model by hand: keys go in, commands run until only timers are left.
type stage struct {
	t         *testing.T
	m         *tui.Model
	session   *session
	now       time.Time
	answers   chan tea.Msg
	quit      bool
	events    chan client.Event
	pasted    chan string
	exchanges *tui.Exchanges
	news      *tui.News
	saves     string
}

type setting struct {
	width, height int
	light, plain  bool
	session       *session
	history       string
	signIns       bool // events and a field for the pasted address
	dials         bool // there is no connection yet
	open, browse  func(string) error
	ascii, still  bool
	tools         []string // the editor and the pager
	saves         string   // the directory of whatever is saved; "": what the field says
}

// play runs a test on a stage, inside a bubble whose timers do not fire while it runs.
func play(t *testing.T, set setting, act func(s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &stage{t: t, now: noon, answers: make(chan tea.Msg, 1000), session: set.session, saves: set.saves}
		if s.session == nil {
			s.session = &session{tools: tools(), resources: resources(), templates: templates(), prompts: prompts()}
		}
		if s.session.identity.Server == "" {
			s.session.identity = client.Identity{
				Server: "http://localhost:8000/mcp", UserID: "80351110224678912", Username: "nelly",
				GlobalName: "Nelly Elephant", Expiry: noon.Add(time.Hour),
			}
		}
		s.session.release = make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		cfg := tui.Config{Session: s.session, NoColor: set.plain, History: set.history, ASCII: set.ascii, Still: set.still, Now: func() time.Time { return s.now }, OpenFile: set.open, OpenURL: set.browse, Editor: set.tools, Pager: set.tools}
		s.session.signIns = make(chan error)
		questions := make(chan tui.Question)
		s.session.elicit = tui.Asks(ctx, questions)
		cfg.Questions = questions
		s.news, s.exchanges = tui.Hurried()
		cfg.News = s.news
		cfg.Exchanges = s.exchanges
		if cfg.OpenURL == nil {
			cfg.OpenURL = func(url string) error {
				s.session.heard("open " + url)
				return nil
			}
		}
		if set.dials {
			cfg.Session, cfg.Connect, cfg.Server = nil, s.session.dial, s.session.identity.Server
			s.session.dials = make(chan error)
		}
		if set.signIns {
			s.events, s.pasted = make(chan client.Event), make(chan string, 1)
			cfg.Events, cfg.Paste = s.events, s.pasted
		}
		s.m = tui.NewModel(ctx, cfg)
		if set.width > 0 {
			s.send(tea.WindowSizeMsg{Width: set.width, Height: set.height})
		}
		if set.light {
			s.send(tea.BackgroundColorMsg{Color: color.White})
		}
		s.run(s.m.Init())
		defer func() {
			select {
			case <-s.session.release:
			default:
				close(s.session.release)
			}
			cancel()
			<-time.After(time.Minute) // of the bubble: the timers end
		}()
		act(s)
	})
}

// open plays with the tools loaded.
func open(t *testing.T, act func(s *stage)) {
	t.Helper()
	play(t, setting{}, func(s *stage) {
		s.settle()
		act(s)
	})
}

func (s *stage) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		msg := cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			for _, cmd := range batch {
				s.run(cmd)
			}
			return
		}
		s.answers <- msg
	}()
}

func (s *stage) send(msg tea.Msg) {
	_, cmd := s.m.Update(msg)
	s.run(cmd)
	if s.saves != "" {
		s.m.SaveTo(s.saves)
	}
}

// settle delivers the answers of the commands that are done.
func (s *stage) settle() {
	for {
		synctest.Wait()
		select {
		case msg := <-s.answers:
			switch {
			case msg == nil, tui.Ticks(msg):
			case msg == tea.Quit():
				s.quit = true
			default:
				s.send(msg)
			}
		default:
			return
		}
	}
}

// press sends keys by their names, and settles after each.
func (s *stage) press(keys ...string) {
	s.t.Helper()
	for _, name := range keys {
		s.send(keyNamed(name))
		s.settle()
	}
}

// write sends one key for each character.
func (s *stage) write(text string) {
	for _, r := range text {
		s.send(keyNamed(string(r)))
	}
	s.settle()
}

var named = map[string]tea.KeyPressMsg{
	"enter": {Code: tea.KeyEnter}, "esc": {Code: tea.KeyEscape}, "tab": {Code: tea.KeyTab},
	"shift+tab": {Code: tea.KeyTab, Mod: tea.ModShift}, "up": {Code: tea.KeyUp}, "down": {Code: tea.KeyDown},
	"left": {Code: tea.KeyLeft}, "right": {Code: tea.KeyRight}, "home": {Code: tea.KeyHome}, "end": {Code: tea.KeyEnd},
	"pgup": {Code: tea.KeyPgUp}, "pgdown": {Code: tea.KeyPgDown}, "backspace": {Code: tea.KeyBackspace},
	"delete": {Code: tea.KeyDelete}, "f1": {Code: tea.KeyF1}, "space": {Code: tea.KeySpace, Text: " "}, " ": {Code: tea.KeySpace, Text: " "},
}

func keyNamed(name string) tea.KeyPressMsg {
	if msg, ok := named[name]; ok {
		return msg
	}
	if letter, ok := strings.CutPrefix(name, "ctrl+"); ok {
		return tea.KeyPressMsg{Code: []rune(letter)[0], Mod: tea.ModCtrl}
	}
	if rest, ok := strings.CutPrefix(name, "alt+"); ok { // as a burst of Esc and the key is read
		msg := keyNamed(rest)
		msg.Mod, msg.Text = msg.Mod|tea.ModAlt, ""
		return msg
	}
	if r := []rune(name); len(r) != 1 {
		panic(fmt.Sprintf("no key %q", name))
	}
	return tea.KeyPressMsg{Code: []rune(name)[0], Text: name}
}

// choose opens a tool by its name.
func (s *stage) choose(name string) {
	s.t.Helper()
	s.press("esc", "/")
	s.write(name)
	s.press("enter", "enter")
}

// frame is what is on the screen, without its styles.
func (s *stage) frame() string { return words(s.m.View().Content) }

func (s *stage) see(parts ...string) {
	s.t.Helper()
	for _, part := range parts {
		if !strings.Contains(s.frame(), part) {
			s.t.Errorf("the frame has no %q:\n%s", part, s.frame())
		}
	}
}

// announce is an event of a sign-in.
func (s *stage) announce(kind client.EventKind) {
	if kind == client.EventDiscovered {
		s.events <- client.Event{Kind: kind, URL: "https://auth.example.com"}
		s.settle()
		return
	}
	s.events <- client.Event{
		Kind: kind, Port: 41234,
		URL: "https://auth.example.com/authorize?client_id=mcpd_client_3f9a&code_challenge=" + strings.Repeat("Ab3", 15) + "&scope=identify+guilds",
	}
	s.settle()
}

// some makes a call of each end: one goes on in the background.
func (s *stage) some() {
	s.t.Helper()
	s.settle()
	for _, name := range []string{"text", "fail", "break", "slow"} {
		s.choose(name)
		s.now = s.now.Add(1200e6)
		s.press("esc")
	}
	s.choose("secret")
	s.write("hunter2")
	s.press("down")
	s.write("it's a @note")
	s.press("ctrl+s", "esc", "esc")
	s.choose("slow")
	s.press("b")
	s.now = s.now.Add(2500e6)
}

// ends lets what waits for its outcome end.
func (s *stage) ends(waiting chan<- error, err error) {
	waiting <- err
	s.settle()
}

// lose breaks the connection, and lets the screen find out.
func (s *stage) lose() {
	s.session.pingErr = &client.Error{Kind: client.KindUnavailable, Message: "cannot reach localhost:8000"}
	s.tick(21 * time.Second)
}

// tick lets time pass.
func (s *stage) tick(d time.Duration) {
	s.now = s.now.Add(d)
	s.send(tui.Clock())
	s.settle()
}
