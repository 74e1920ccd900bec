package tui_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// recorder is a session that tells of each call with its arguments.
type recorder struct {
	*live

	called chan string
}

func newRecorder() *recorder { return &recorder{newLive(), make(chan string, 10)} }

func (r *recorder) Call(ctx context.Context, call client.Call) (*client.Result, error) {
	r.called <- call.Name + " " + string(call.Arguments)
	return r.live.Call(ctx, call)
}

// expect waits for a call.
func (r *recorder) expect(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-r.called:
		if got != want {
			t.Errorf("called\n%.300s\nwant\n%.300s", got, want)
		}
	case <-time.After(20 * time.Second):
		t.Fatalf("nobody called %.300s", want)
	}
}

// filledIn are the arguments of everything with a text of its first field.
func filledIn(text string) string {
	return fmt.Sprintf(`everything {"guild_id":%q,"count":5,"mode":"soft"}`, text)
}

// TestBurst writes all keys of a story at once, as a fast hand, a slow line or a script does.
// Each ends with the call that only all of the keys lead to.
func TestBurst(t *testing.T) {
	t.Parallel()
	const (
		form   = "/everything\r\r"        // from the list into the form
		leave  = "\x1b\x1b"               // out of it, and the filter away
		filled = "\x1b[B\x1b[B\x1b[C\x13" // what else is required, and send
	)
	tests := []struct{ name, keys, want string }{
		{"a form", form + "typed" + leave + "/get\r\r", "get_user_info {}"},
		{"a form keeps what was typed", form + "typed\x1b\rmore" + filled, filledIn("typedmore")},
		{"Esc and Enter", form + "typed\x1b\r" + filled, filledIn("typed")},
		{"words", form + "one two\x1bb\x1bb0\x1bf!" + filled, filledIn("0one! two")},
		{"words by arrows", form + "one two\x1b[1;3D\x1b[1;3D0\x1b[1;3C!" + filled, filledIn("0one! two")},
		{"a word away", form + "one two\x1b\x7fx" + filled, filledIn("one x")},
		{"a filter", "/zzz\x1b/purge\x1b/get\r\r", "get_user_info {}"},
		{"an arrow after Esc in a filter", "/purge\x1b\x1b[A/get\r\r", "get_user_info {}"},
		{"the palette", "\x10zzz\x1b/get\r\r", "get_user_info {}"},
		{"the palette over a form", form + "\x10zzz\x1btyped" + filled, filledIn("typed")},
		{"the palette over a form, twice", form + "typed\x10zzz\x1b\x1b\x1b/get\r\r", "get_user_info {}"},
		{"the palette over a form, and an arrow", form + "typed\x1b[B\x10\x1b\x1b[A!" + filled, filledIn("typed!")},
		{"help over a form", form + "\x1bOP\x1bbanana" + filled, filledIn("banana")},
		{"a character of several", form + "x\x1b\x1b/get\r\r", "get_user_info {}"},
		{"a paste in the middle", form + "a\x1b[200~two\nlines \x1b\x1bq\x1b[201~z" + filled, `everything {"guild_id":"atwo\nlines \u001b\u001bqz","count":5,"mode":"soft"}`},
		{"Esc and a paste", form + "a\x1b\x1b[200~ignored\x1b[201~\rz" + filled, filledIn("az")},
		{"keys of many bytes", form + strings.Repeat("é日", 300) + filled, filledIn(strings.Repeat("é日", 300))},
		{"a family after Esc", "/everything\x1b👨‍👩‍👧\x1b[H\x1b/everything\r\rx" + filled, filledIn("x")},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			session := newRecorder()
			s := run(t.Context(), t, session)
			s.wait(t, "Who is signed in")
			s.press(t, test.keys)
			session.expect(t, test.want)
			s.press(t, "\x03\x03\x03")
			if err := <-s.done; !isInterrupted(err) {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

// unseen is a model that is not drawn, which takes most of the time of a key.
type unseen struct{ *tui.Model }

func (u unseen) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	_, cmd := u.Model.Update(msg)
	return u, cmd
}

func (unseen) View() tea.View { return tea.NewView("") }

func TestTenThousandKeys(t *testing.T) {
	t.Parallel()
	session := newRecorder()
	many := strings.Repeat("01234 é日 x\x1bb\x1bf", 1000)
	in, keys := io.Pipe()
	defer keys.Close()
	m := tui.NewModel(t.Context(), tui.Config{Session: session, Now: func() time.Time { return noon }})
	m.Update(m.Load())
	program := tea.NewProgram(unseen{m}, tea.WithInput(tui.NewKeyboard(in)), tea.WithOutput(io.Discard),
		tea.WithoutSignalHandler(), tea.WithWindowSize(80, 24))
	ended := make(chan error, 1)
	go func() {
		_, err := program.Run()
		ended <- err
	}()
	if _, err := io.WriteString(keys, "/everything\r\r"+many+"\x1b[B\x1b[B\x1b[C\x13"); err != nil {
		t.Fatal(err)
	}
	session.expect(t, filledIn(strings.Repeat("01234 é日 x", 1000)))
	program.Quit()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestBurstOverResult is TestBurst where a call must be over first.
func TestBurstOverResult(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "saved")
	for name, keys := range map[string]string{
		"a search": "/zzz\x1bq", "a search and its end": "/e\r\x1b\x1bq", "a path": "szzz\x1bq",
		"a path to the end": "s\x15" + path + "zzz\x1bb\x0b" + "\x1bq",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := run(t.Context(), t, newLive())
			s.wait(t, "Who is signed in")
			s.press(t, "\r")
			s.wait(t, "80351110224678912")
			s.press(t, keys)
			if err := <-s.done; err != nil {
				t.Error(err)
			}
		})
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was written though nothing asked for that")
	}
}

// TestBurstWhileCommandsBlock types on while a call does not end.
func TestBurstWhileCommandsBlock(t *testing.T) {
	t.Parallel()
	session := newRecorder()
	s := run(t.Context(), t, session)
	s.wait(t, "Who is signed in")
	many := strings.Repeat("0123456789", 50)
	s.press(t, "/slow\r\rb\x1b/everything\r\r"+many+"\x1b[B\x1b[B\x1b[C\x13")
	session.expect(t, "slow {}")
	session.expect(t, filledIn(many))
	s.press(t, "\x03\x03\x03")
	<-s.done
}

// TestAltAsSuch: where the terminal tells Alt from Esc nothing is taken for two keys.
func TestAltAsSuch(t *testing.T) {
	t.Parallel()
	session := newRecorder()
	s := run(t.Context(), t, session)
	s.wait(t, "Who is signed in")
	if !strings.Contains(s.drawn(), "\x1b[>5u") {
		t.Error("the terminal was not asked for the keys of other layouts")
	}
	const altQ, altEnter = "\x1b[113;3u", "\x1b[13;3u"
	s.press(t, "\x1b[?1u"+altQ+"/everything\r\rone"+altEnter+altQ+"\x1b[120;3u\x1b[27;3u"+"two\x1b[B\x1b[B\x1b[C\x13")
	session.expect(t, `everything {"guild_id":"one\ntwo","count":5,"mode":"soft"}`)
	s.press(t, "\x1b[1089::99;5u\x1b[1089::99;5u") // where c is on a layout of other letters
	if err := <-s.done; !isInterrupted(err) {
		t.Errorf("ended with %v", err)
	}
}

// TestBurstInOtherFields sends the message of a burst to fields that not every session has.
func TestBurstInOtherFields(t *testing.T) {
	t.Parallel()
	t.Run("sign-in", func(t *testing.T) {
		t.Parallel()
		play(t, setting{dials: true, signIns: true}, func(s *stage) {
			s.settle()
			s.announce(client.EventSignIn)
			s.press("p")
			s.write("http://a/b")
			s.press("alt+b", "alt+p")
			s.write("c/")
			s.press("enter")
			if got := <-s.pasted; got != "http://a/c/b" {
				t.Errorf("pasted %q", got)
			}
			s.press("p", "alt+q")
			if !s.quit {
				t.Error("Esc and q did not quit")
			}
		})
	})
	t.Run("a question", func(t *testing.T) {
		t.Parallel()
		play(t, setting{session: &session{tools: asking.tools}}, func(s *stage) {
			s.settle()
			s.press("enter")
			s.write("42")
			s.press("alt+q")
			if got := s.session.calls; !s.quit || got[len(got)-1] != "answer form cancel " {
				t.Errorf("Esc and q did not skip the question and quit: %q\n%s", got, s.frame())
			}
		})
	})
	t.Run("a choice", func(t *testing.T) {
		t.Parallel()
		open(t, func(s *stage) {
			s.play("/ everything enter enter 1 down down alt+b")
			s.see("1 of 1")
		})
	})
	t.Run("an item of no list", func(t *testing.T) {
		t.Parallel()
		open(t, func(s *stage) {
			s.play("/ everything enter enter alt+down")
			s.see("1 of 1")
		})
	})
}

// TestFieldThatGoes: what was meant for a field is no command when that goes meanwhile.
func TestFieldThatGoes(t *testing.T) {
	t.Parallel()
	t.Run("sign-in", func(t *testing.T) {
		t.Parallel()
		play(t, setting{dials: true, signIns: true}, func(s *stage) {
			s.settle()
			s.announce(client.EventSignIn)
			s.press("p")
			s.write("http")
			s.events <- client.Event{Kind: client.EventReturned}
			s.settle()
			s.write("://q")
			s.ends(s.session.dials, nil)
			s.write("q")
			s.see("› get_user_info", "what you typed into is gone")
			s.wheel(tea.MouseWheelDown) // that was meant for what is there
			s.see("› scope")
			s.write("q")
			if s.quit {
				t.Fatal("a letter of an address quit after the wheel")
			}
			s.now = s.now.Add(time.Second)
			if s.quit {
				t.Fatal("a letter of an address quit")
			}
			if s.write("q"); !s.quit {
				t.Error("q does not quit any more")
			}
		})
	})
	t.Run("a question", func(t *testing.T) {
		t.Parallel()
		play(t, setting{session: &session{tools: asking.tools}}, func(s *stage) {
			elicit := s.session.elicit
			var giveUp context.CancelFunc
			s.session.elicit = func(ctx context.Context, e client.Elicitation) (client.Answer, error) {
				ctx, giveUp = context.WithCancel(ctx)
				return elicit(ctx, e)
			}
			s.settle()
			s.press("enter")
			s.write("4")
			giveUp()
			s.settle()
			for range 5 {
				s.write("q")
				s.now = s.now.Add(time.Second / 2)
			}
			s.press("enter")
			if len(s.session.calls) != 1 || s.quit {
				t.Errorf("keys of an answer were commands: %q, %v", s.session.calls, s.quit)
			}
			if s.press("esc", "q"); !s.quit {
				t.Error("Esc does not end that")
			}
		})
	})
}

// TestPasteUnderCover: a paste goes to what is on top, and help is not in its way.
func TestPasteUnderCover(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("enter", "/", "ctrl+p")
		s.send(tea.PasteMsg{Content: "ever\nything"})
		s.see("› ever ything")
		s.press("esc")
		s.send(tea.PasteMsg{Content: "nelly"})
		s.see("/nelly")
		s.press("f1")
		s.send(tea.PasteMsg{Content: "!"})
		s.see("/nelly!")
		s.press("esc", "esc", "/")
		s.send(tea.PasteMsg{Content: strings.Repeat("x", 2<<20)})
		s.see("not pasted")
	})
}

// TestKeysBeforeLayout: a view that is laid out by a command gets the keys that came meanwhile.
func TestKeysBeforeLayout(t *testing.T) {
	t.Parallel()
	for keys, want := range map[string]string{
		"x down down y": "copied the value, 1 byte", "t down down": "3 of 3", "x /": "enter keep", "x s": "Save as:", "x Y": "copied all of it",
		"x down down y t down": "2 of 3", "x down esc": "› members", "x y / e ctrl+a Y": "/Ye",
	} {
		t.Run(keys, func(t *testing.T) {
			t.Parallel()
			play(t, setting{session: &session{tools: []client.Tool{{Name: "members"}}}}, func(s *stage) {
				s.settle()
				s.press("enter")
				for name := range strings.FieldsSeq(keys) {
					s.send(keyNamed(name))
				}
				s.settle()
				s.see(want)
			})
		})
	}
}

// TestComposedTextIsText: AltGr is Ctrl and Alt to some terminals.
func TestComposedTextIsText(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.play("/ everything enter enter")
		s.send(tea.KeyPressMsg{Code: 'q', Text: "@", Mod: tea.ModCtrl | tea.ModAlt})
		s.play("down down right ctrl+s")
		if want := filledIn("@"); len(s.session.calls) != 1 || s.session.calls[0] != want {
			t.Errorf("called %q, want %s", s.session.calls, want)
		}
	})
}

// TestKeyboard spells out what the decoder would drop, however the bytes come.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	tests := []struct{ keys, want string }{
		{"plain é", "plain é"},
		{"\x1bq", "\x1bq"},
		{"\x1b\x1bq", "\x1b[27u\x1bq"},
		{"\x1b\x1b\x1bq", "\x1b[27u\x1b[27u\x1bq"},
		{"\x1b\x1b[A\x1b\x1bOA", "\x1b\x1b[A\x1b\x1bOA"},
		{"\x1bé", "\x1b[27ué"},
		{"\x1b[200~\x1b\x1bé\x1b[201~\x1bé", "\x1b[200~\x1b\x1bé\x1b[201~\x1b[27ué"},
		{"\x1b", "\x1b"},
	}
	for _, test := range tests {
		got, err := io.ReadAll(tui.NewKeyboard(strings.NewReader(test.keys)))
		if err != nil || string(got) != test.want {
			t.Errorf("%q became %q, want %q, %v", test.keys, got, test.want, err)
		}
		slow, err := io.ReadAll(tui.NewKeyboard(iotest.OneByteReader(strings.NewReader(test.keys))))
		if err != nil || string(slow) != test.keys {
			t.Errorf("byte for byte %q became %q, %v", test.keys, slow, err)
		}
	}
	pasted := "\x1b[200~" + strings.Repeat("\x1b\x1b", 10_000) + "\x1b[201~"
	got, err := io.ReadAll(tui.NewKeyboard(bytes.NewBufferString(pasted)))
	if err != nil || string(got) != pasted {
		t.Errorf("a paste has changed: %d bytes of %d, %v", len(got), len(pasted), err)
	}
}
