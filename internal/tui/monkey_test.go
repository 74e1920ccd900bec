package tui_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// monkey plays with the screen: whatever comes, in whatever order, nothing breaks.
type monkey struct {
	*dice
	*stage

	late []tea.Msg // answers that were not delivered yet
	sent []string  // what came last, for who reads of a failure
}

// monkeyKeys are those that a place is found with, more often than any other.
var monkeyKeys = []string{
	"enter", "enter", "enter", "esc", "esc", "up", "down", "down", "tab", "left", "right", "pgup", "pgdown", "G", "g", "space",
	"1", "2", "3", "4", "5", "6", "/", "b", "e", "r", "s", "o", "y", "n", "t", "w", "x", "p", "?", "f1", "+", "-", "N", "Y", "c",
	"ctrl+p", "ctrl+s", "ctrl+t", "ctrl+n", "ctrl+x", "ctrl+u", "ctrl+y", "ctrl+r", "ctrl+j", "ctrl+w", "backspace", "a", "日",
	"home", "end", "alt+enter", "alt+x", "shift+tab", "ctrl+c",
}

// monkeyWays lead to where one comes by chance alone too seldom.
var monkeyWays = []string{
	"esc esc 5 o y", "esc esc 5 s", "esc esc 1 s", "esc esc 5 G enter", "esc esc 6 enter /", "esc esc 4 enter", "esc esc 2 enter", "esc esc 3 enter",
	"ctrl+p type:slow enter", "ctrl+p type:form enter", "ctrl+p type:address enter", "ctrl+p type:sure enter", "ctrl+p type:later enter",
	"ctrl+p type:members enter", "ctrl+p type:fields enter", "ctrl+p type:everything enter", "ctrl+p type:secret enter", "ctrl+p type:scope enter s",
	"ctrl+p type:members enter t right right / type:a enter n down left", "ctrl+p type:members enter x", "ctrl+p type:talk enter",
	"pgdown pgdown ctrl+n ctrl+n", "pgdown pgdown pgdown enter type:{ enter up up",
	"ctrl+p type:text enter", "ctrl+p type:refuse enter", "ctrl+p type:delete enter type:x enter", "ctrl+p type:hostile enter", "ctrl+p type:links enter",
}

// monkeyNews may come at any time.
var monkeyNews = []client.News{
	{Kind: client.NewsTools},
	{Kind: client.NewsResources},
	{Kind: client.NewsPrompts},
	{Kind: client.NewsCut},
	{Kind: client.NewsResource, URI: notes},
	{Kind: client.NewsResource, URI: notes, Missed: true},
	{Kind: client.NewsUnwatched, URI: notes},
	{Kind: client.NewsResource, URI: "file:///nowhere"},
}

// monkeySession has a bit of everything, somebody is signed in, and a permission is missing.
func monkeySession() *session {
	s := known()
	s.tools = append(tools(), asking.tools...)
	s.tools = append(s.tools, client.Tool{Name: "members"}, client.Tool{Name: "refuse"}, client.Tool{Name: "links"}, client.Tool{Name: "talk"},
		client.Tool{Name: "fields", InputSchema: json.RawMessage(kindsOfFields)})
	s.resources, s.templates, s.prompts, s.linked = resources(), templates(), prompts(), true
	return s
}

// TestMonkey plays the same games every time.
func TestMonkey(t *testing.T) {
	t.Parallel()
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(seed, 0))
			game := make([]byte, 1200)
			for i := range game {
				game[i] = byte(random.Uint32())
			}
			playMonkey(t, game)
		})
	}
}

// FuzzMonkey plays other games.
func FuzzMonkey(f *testing.F) {
	for i := range byte(8) {
		f.Add(slices.Repeat([]byte{i, 3*i + 1, 7 * i, 101 + i, 60 * i}, 40))
	}
	f.Fuzz(playMonkey)
}

func playMonkey(t *testing.T, game []byte) {
	t.Helper()
	dir := t.TempDir()
	set := setting{session: monkeySession(), signIns: true, history: filepath.Join(dir, "history.json"), tools: []string{"true"}, saves: dir}
	d := &dice{left: game}
	set.dials = d.roll(5) == 4
	play(t, set, func(s *stage) {
		k := &monkey{dice: d, stage: s}
		defer func() {
			if t.Failed() {
				t.Logf("after %q", k.sent)
			}
		}()
		for len(k.left) > 0 && !s.quit && !t.Failed() {
			k.act()
			k.collect()
			for len(k.late) > k.roll(4) && !s.quit {
				k.deliver()
			}
			k.look()
		}
	})
}

func (k *monkey) send(msg tea.Msg) {
	words := fmt.Sprintf("%T", msg)
	if name, ok := msg.(fmt.Stringer); ok { // a key or the mouse
		words = name.String()
	}
	k.sent = append(k.sent[max(0, len(k.sent)-60):], words)
	k.stage.send(msg)
}

// act does something.
func (k *monkey) act() {
	deed := k.roll(36)
	switch {
	case deed < 18:
		k.send(keyNamed(monkeyKeys[k.roll(len(monkeyKeys))]))
	case deed < 20:
		k.send(chordOf(keyboard()[k.roll(len(keyboard()))]))
	case deed == 20:
		k.send(tea.PasteMsg{Content: k.pick("x", "two\nlines", "{\"a\": [1, {}]}", "日本 \u202e\x1b[2J", strings.Repeat("long ", 300), "slow", "form", notes)})
	case deed < 24:
		k.send(tea.MouseClickMsg{X: k.roll(130), Y: k.roll(44), Button: tea.MouseLeft})
	case deed == 24:
		k.send(tea.MouseWheelMsg{Button: []tea.MouseButton{tea.MouseWheelUp, tea.MouseWheelDown}[k.roll(2)]})
	case deed == 25:
		k.send(tea.WindowSizeMsg{Width: k.pickInt(40, 41, 71, 72, 80, 80, 120, 120, 120, 39, 1, 0), Height: k.pickInt(12, 13, 24, 24, 24, 40, 40, 40, 11, 1, 0)})
	case deed == 26:
		k.news.Tell(monkeyNews[k.roll(len(monkeyNews))])
	case deed == 27:
		k.pass()
	case deed == 28:
		k.server()
	case deed == 29:
		k.exchanges.Tell(client.HTTPExchange{ID: uint64(k.roll(250)), Method: "POST", URL: "https://mcp.example.com/mcp", Began: k.now, Status: 200})
	case deed == 30:
		k.signing()
	case deed == 31:
		k.send(k.terminal())
	default:
		for way := range strings.FieldsSeq(monkeyWays[k.roll(len(monkeyWays))]) {
			k.walk(way)
		}
	}
}

// walk is a step on a way: a key, or a text.
func (k *monkey) walk(step string) {
	text, is := strings.CutPrefix(step, "type:")
	if !is {
		k.send(keyNamed(step))
		return
	}
	for _, r := range text {
		k.send(keyNamed(string(r)))
	}
}

func (k *monkey) pickInt(list ...int) int { return list[k.roll(len(list))] }

// pass lets time pass, in which the clock and the spinner go on.
func (k *monkey) pass() {
	k.now = k.now.Add(time.Duration(k.pickInt(1, 100, 1000, 30_000, 4_000_000)) * time.Millisecond)
	k.send(tui.Clock())
	k.send(k.m.Frame())
}

// server changes what the server does from now on.
func (k *monkey) server() {
	s := k.session
	s.mu.Lock()
	defer s.mu.Unlock()
	lost := &client.Error{Kind: client.KindUnavailable, Message: "cannot reach it"}
	switch k.roll(8) {
	case 0:
		s.pingErr = lost
	case 1:
		s.pingErr = nil
	case 2:
		s.loadErr = lost
	case 3:
		s.resources = resources()[:k.roll(4)]
	case 4:
		s.tools = slices.Clone(s.tools[k.roll(2):])
	case 5:
		s.next = client.Identity{Server: s.identity.Server, Issuer: "https://auth.example.com", UserID: k.pick("1", "80351110224678912"), Username: "other"}
	case 6:
		s.renewErr = lost
	case 7:
		select {
		case <-s.release:
		default:
			close(s.release)
		}
	}
}

// signing lets a sign-in go on, fail or end, if there is one.
func (k *monkey) signing() {
	ends := k.session.signIns
	if k.session.dials != nil && k.roll(2) == 0 {
		ends = k.session.dials
	}
	switch k.roll(8) {
	case 0, 1:
		k.tell(ends, nil)
	case 2:
		k.tell(ends, denied)
	default:
		kinds := []client.EventKind{
			client.EventDiscovered, client.EventRegistered, client.EventSignIn, client.EventSignIn, client.EventNoBrowser, client.EventReturned,
			client.EventPasteRefused, client.EventSignedIn,
		}
		event := client.Event{Kind: kinds[k.roll(len(kinds))], URL: "https://auth.example.com/authorize?a=" + strings.Repeat("b", k.roll(250)), Text: "words"}
		select {
		case k.events <- event:
		default:
		}
	}
}

func (k *monkey) tell(ends chan<- error, err error) {
	select {
	case ends <- err:
	default:
	}
}

// terminal is what a terminal may say of itself.
func (k *monkey) terminal() tea.Msg {
	switch k.roll(3) {
	case 0:
		return tea.KeyboardEnhancementsMsg{Flags: k.roll(2)}
	case 1:
		return tea.ModeReportMsg{Mode: ansi.ModeUnicodeCore, Value: ansi.ModeSet}
	}
	return k.edited(k.pick(`{"note":"x","guild_id":"1"}`, "[]", "{"))
}

// collect takes the answers that are there, in an order that does not depend on who was first.
func (k *monkey) collect() {
	synctest.Wait()
	var fresh []tea.Msg
	for {
		select {
		case msg := <-k.answers:
			switch {
			case msg == nil, tui.Ticks(msg):
			case msg == tea.Quit():
				k.quit = true
			default:
				fresh = append(fresh, msg)
			}
			continue
		default:
		}
		break
	}
	slices.SortStableFunc(fresh, func(a, b tea.Msg) int { return strings.Compare(fmt.Sprintf("%T", a), fmt.Sprintf("%T", b)) })
	k.late = append(k.late, fresh...)
}

// deliver gives one of the answers, whichever.
func (k *monkey) deliver() {
	i := k.roll(len(k.late))
	msg := k.late[i]
	k.late = slices.Delete(k.late, i, i+1)
	k.send(msg)
	k.collect()
}

// look draws the screen: it fits the window, and looks the same a second time.
func (k *monkey) look() {
	k.t.Helper()
	w, h := k.m.Size()
	v := k.m.View()
	if again := k.m.View(); again.Content != v.Content || fmt.Sprint(again.Cursor) != fmt.Sprint(v.Cursor) {
		k.t.Errorf("the second look differs:\n%s\n%s", v.Content, again.Content)
	}
	rows := strings.Split(v.Content, "\n")
	if len(rows) > max(1, h) || w >= 40 && h >= 12 && len(rows) != h {
		k.t.Errorf("%d rows in a window of %d:\n%s", len(rows), h, v.Content)
	}
	for _, row := range rows {
		if n := k.m.Width(row); n > max(1, w) {
			k.t.Errorf("a row of %d columns in a window of %d: %q", n, w, row)
		}
	}
	if c := v.Cursor; c != nil && (c.X < 0 || c.X >= w || c.Y < 0 || c.Y >= h) {
		k.t.Errorf("the cursor at %d,%d in a window of %d×%d", c.X, c.Y, w, h)
	}
	if over := k.m.Overgrown(); over != "" {
		k.t.Error(over)
	}
}

// edited is what came back from an editor, of the form at hand if there is one.
func (k *monkey) edited(text string) tea.Msg {
	if !k.m.Filling() {
		return tui.Clock()
	}
	return k.m.Edited(text, nil)
}
