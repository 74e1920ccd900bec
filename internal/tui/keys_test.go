package tui_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// TestKeys presses keys with the tools loaded, and looks at the frame, the calls and the end.
func TestKeys(t *testing.T) {
	t.Parallel()
	const form = "/ everything enter enter " // leads to the form
	tests := []struct {
		name  string
		keys  string // by name, or text that is typed letter by letter
		see   string
		unsee string
		calls []string
		quit  bool
	}{
		{name: "down", keys: "down", see: "› everything"},
		{name: "j and k", keys: "j j k", see: "› everything"},
		{name: "up at the top stays", keys: "up k", see: "› get_user_info"},
		{name: "G", keys: "G", see: "12 of 12"},
		{name: "g", keys: "G g", see: "1 of 12"},
		{name: "page down and up", keys: "pgdown pgup", see: "1 of 12"},
		{name: "page down", keys: "pgdown", see: "12 of 12"},
		{name: "q quits the list", keys: "q", quit: true},
		{name: "esc does not quit", keys: "esc esc esc", see: "Tools"},
		{name: "esc and a key in one burst", keys: "4 alt+2 alt+esc 1 alt+j", see: "› everything"},
		{name: "esc and a capital in one burst", keys: "alt+G", see: "12 of 12"},
		{name: "esc twice in one burst leaves a field", keys: form + "alt+esc", see: "› everything"},
		{name: "enter calls at once without arguments", keys: "enter", see: "✓ get_user_info", calls: []string{"get_user_info {}"}},
		{name: "r reloads", keys: "j r", see: "› everything"},

		{name: "filter by name", keys: "/ purge", see: "1 of 1, 12 in all"},
		{name: "filter by title", keys: "/ signed", see: "› get_user_info", unsee: "purge"},
		{name: "filter by description, words apart, any case", keys: "/ FIELD space type", see: "› everything", unsee: "purge"},
		{name: "a name before a description", keys: "/ e", see: "› everything"},
		{name: "q is a letter in the filter", keys: "/ q", see: "/ q"},
		{name: "filter, backspace", keys: "/ purgex backspace", see: "› purge"},
		{name: "filter, down", keys: "/ e down", see: "› empty"},
		{name: "filter, enter keeps it", keys: "/ purge enter", see: "clear filter"},
		{name: "filter, esc clears it and keeps the tool", keys: "/ purge esc", see: "› purge"},
		{name: "kept filter, esc clears it", keys: "/ purge enter esc", see: "12 of 12"},
		{name: "no hit, enter does nothing", keys: "/ nowhere enter enter", see: "No tool has"},

		{name: "filter by the beginnings of words", keys: "/ gui", see: "› get_user_info", unsee: "purge"},
		{name: "o turns the groups off and keeps the tool", keys: "down o", see: "› everything", unsee: "Read-only"},
		{name: "o turns the groups on again", keys: "o o", see: "May destroy things"},

		{name: "palette runs a command", keys: "ctrl+p reload enter", see: "12 tools"},
		{name: "palette shows a pane", keys: "ctrl+p history enter", see: "[4 History]"},
		{name: "palette opens a tool", keys: "4 ctrl+p everything enter", see: "guild_id"},
		{name: "palette quits from a field", keys: form + "ctrl+p quit enter", quit: true},
		{name: "palette sends a form", keys: form + "1 down down right ctrl+p call enter", calls: []string{`everything {"guild_id":"1","count":5,"mode":"soft"}`}},
		{name: "palette, esc closes it", keys: "ctrl+p q esc", see: "[1 Tools]"},
		{name: "palette, nothing found", keys: "ctrl+p zzzz enter", see: "› get_user_info"},
		{name: "help", keys: "?", see: "show a pane; each keeps its place"},
		{name: "help, any key closes it", keys: "? x", see: "› get_user_info"},
		{name: "? is a letter in a field", keys: form + "?", see: "?", unsee: "each keeps its place"},
		{name: "f1 helps in a field", keys: form + "f1", see: "field"},

		{name: "q is a letter in a field", keys: form + "q", see: "q"},
		{name: "esc leaves the form", keys: form + "esc", see: "1 of 1, 12 in all"},
		{name: "the form keeps what was typed", keys: form + "8035 esc enter", see: "8035"},
		{
			name: "enter walks through and submits, empty optional fields are not sent",
			keys: form + "80351110224678912 enter enter right enter enter enter enter enter enter enter enter",
			see:  "✓ everything", calls: []string{`everything {"guild_id":"80351110224678912","count":5,"mode":"soft"}`},
		},
		{
			name:  "ctrl+s submits from anywhere",
			keys:  form + "1 down down right ctrl+s",
			calls: []string{`everything {"guild_id":"1","count":5,"mode":"soft"}`},
		},
		{name: "missing: nothing is sent", keys: form + "ctrl+s", see: "required; ctrl+s again sends it empty"},
		{
			name: "required text, empty on purpose", keys: form + "down down right up up ctrl+s ctrl+s",
			calls: []string{`everything {"guild_id":"","count":5,"mode":"soft"}`},
		},
		{name: "not an integer", keys: form + "1 down backspace 1.5", see: "not a whole number"},
		{name: "not a number", keys: form + "1 down backspace five", see: "not a number"},
		{name: "choice, right", keys: form + "1 down down right right", see: "‹ hard ›"},
		{name: "choice, left goes round", keys: form + "1 down down left", see: "‹ off ›"},
		{name: "choice by its letter", keys: form + "1 down down h", see: "‹ hard ›"},
		{name: "choice, q picks nothing and does not quit", keys: form + "1 down down right q", see: "‹ soft ›"},
		{
			name:  "boolean: space toggles",
			keys:  form + "1 down down right down down down space space ctrl+s",
			calls: []string{`everything {"guild_id":"1","count":5,"mode":"soft","silent":true}`},
		},
		{
			name:  "boolean: back to not sent",
			keys:  form + "1 down down right down down down space backspace ctrl+s",
			calls: []string{`everything {"guild_id":"1","count":5,"mode":"soft"}`},
		},
		{name: "unfinished JSON", keys: form + "1 down down right down down down down down {", see: "unfinished JSON"},
		{name: "wrong JSON", keys: form + "1 down down right down down down down down {1", see: "not JSON at character 2"},
		{name: "JSON of another type", keys: form + "1 down down right down down down down down []", see: "must be an object"},
		{
			name:  "JSON is sent compact",
			keys:  form + `1 down down right down down down down down {"a":space[]} ctrl+s`,
			calls: []string{`everything {"guild_id":"1","count":5,"mode":"soft","extra":{"a":[]}}`},
		},

		{name: "a destructive tool asks", keys: "/ purge enter enter", see: "may change or delete"},
		{name: "asked, n", keys: "/ purge enter enter n", see: "› purge"},
		{name: "asked, esc", keys: "/ purge enter enter esc", see: "› purge"},
		{name: "asked, another key does nothing", keys: "/ purge enter enter x", see: "may change or delete"},
		{name: "asked, y", keys: "/ purge enter enter y", see: "✓ purge", calls: []string{"purge {}"}},
		{name: "asked, an enter that is held is no answer", keys: "/ purge enter enter enter enter", see: "may change or delete"},
		{name: "run again asks again", keys: "/ purge enter enter y r", see: "may change or delete", calls: []string{"purge {}"}},
		{name: "run again, no, shows the result", keys: "/ purge enter enter y r n", see: "✓ purge", calls: []string{"purge {}"}},

		{name: "q quits during a call", keys: "/ slow enter enter q", calls: []string{"slow {}"}, quit: true},
		{name: "esc cancels a call", keys: "/ slow enter enter esc", see: "canceled slow after 0 ms", calls: []string{"slow {}"}},
		{name: "ctrl+c cancels a call", keys: "/ slow enter enter ctrl+c", see: "canceled slow", calls: []string{"slow {}"}},
		{name: "ctrl+c again quits", keys: "/ slow enter enter ctrl+c ctrl+c", calls: []string{"slow {}"}, quit: true},

		{name: "result, esc goes back", keys: "enter esc", see: "› get_user_info", calls: []string{"get_user_info {}"}},
		{name: "result, q quits", keys: "enter q", quit: true, calls: []string{"get_user_info {}"}},
		{name: "result, r runs again", keys: "enter r", see: "✓", calls: []string{"get_user_info {}", "get_user_info {}"}},
		{
			name: "result, esc goes back to the form", keys: form + "7 down down right ctrl+s esc", see: "7",
			calls: []string{`everything {"guild_id":"7","count":5,"mode":"soft"}`},
		},
		{name: "empty result", keys: "/ empty enter enter", see: "The answer is empty.", calls: []string{"empty {}"}},

		{name: "failure", keys: "/ break enter enter", see: "Start it with mcpdiscord serve --dev", unsee: "secret", calls: []string{"break {}"}},
		{name: "failure, r retries", keys: "/ break enter enter r", see: "cannot be reached", calls: []string{"break {}", "break {}"}},
		{name: "failure, esc", keys: "/ break enter enter esc", see: "› break", calls: []string{"break {}"}},
		{name: "failure, q", keys: "/ break enter enter q", quit: true, calls: []string{"break {}"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			open(t, func(s *stage) {
				s.play(test.keys)
				s.see(test.see)
				if test.unsee != "" && strings.Contains(s.frame(), test.unsee) {
					t.Errorf("the frame has %q:\n%s", test.unsee, s.frame())
				}
				if !slices.Equal(s.session.calls, test.calls) {
					t.Errorf("calls %q, want %q", s.session.calls, test.calls)
				}
				if s.quit != test.quit {
					t.Errorf("quit %v, want %v", s.quit, test.quit)
				}
			})
		})
	}
}

// play presses keys written as words; a word that is not a key's name is typed.
func (s *stage) play(keys string) {
	s.t.Helper()
	for word := range strings.FieldsSeq(keys) {
		if _, ok := named[word]; ok || strings.HasPrefix(word, "ctrl+") || strings.HasPrefix(word, "alt+") {
			s.press(word)
			continue
		}
		s.write(strings.ReplaceAll(word, "space", " "))
	}
}

func TestLateAnswerIsIgnored(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.play("/ slow enter enter esc esc g enter")
		s.see("✓ get_user_info")
		close(s.session.release)
		s.settle()
		s.see("✓ get_user_info")
		if !slices.Equal(s.session.ended, []string{"slow"}) {
			t.Errorf("the context of the canceled call did not end: %q", s.session.ended)
		}
		// The spinner of the old job does not go on either.
		if _, cmd := s.m.Update(s.m.Frame()); cmd != nil {
			t.Error("a timer runs though nothing does")
		}
	})
}

func TestLateAnswerDuringAnotherCall(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.play("/ slow enter enter")
		first := s.session.release
		s.press("esc")
		s.session.release = make(chan struct{})
		s.press("enter")
		close(first)
		s.settle()
		s.see("Calling slow")
		close(s.session.release)
		s.settle()
		s.see("late answer")
	})
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, keys := range []string{"", "/ x", "/ everything enter enter", "enter", "/ purge enter enter", "/ break enter enter"} {
		t.Run(keys, func(t *testing.T) {
			t.Parallel()
			open(t, func(s *stage) {
				s.play(keys + " ctrl+c")
				s.see("press Ctrl-C again to quit")
				s.now = s.now.Add(time.Second + 1)
				s.play("ctrl+c")
				if s.quit {
					t.Error("two Ctrl-C that are far apart quit")
				}
				s.play("ctrl+c")
				var known *client.Error
				if !s.quit || !errors.As(s.m.Err(), &known) || known.Kind != client.KindInterrupted {
					t.Errorf("quit %v with %v", s.quit, s.m.Err())
				}
			})
		})
	}
}

func TestQuitIsNoError(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("q")
		if err := s.m.Err(); err != nil {
			t.Error(err)
		}
	})
}

func TestFirstLoadFailsAndIsRetried(t *testing.T) {
	t.Parallel()
	failing := &session{tools: tools(), loadErr: errors.New("something\x1b[2J odd")}
	play(t, setting{session: failing}, func(s *stage) {
		s.settle()
		s.see("The tools could not be loaded", "Something␛[2J odd")
		s.press("esc")
		s.see("The tools could not be loaded")
		s.press("r")
		s.see("› get_user_info")
	})
}

func TestFailedReloadLeadsBack(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("enter", "esc")
		s.session.loadErr = errors.New("gone")
		s.press("r")
		s.see("could not be loaded")
		s.press("esc")
		s.see("› get_user_info")
		s.session.loadErr = errors.New("gone")
		s.press("r", "r")
		s.see("› get_user_info")
		if len(s.session.calls) != 1 {
			t.Errorf("retrying the list called a tool: %q", s.session.calls)
		}
	})
}

func TestQuitWhileLoading(t *testing.T) {
	t.Parallel()
	play(t, setting{}, func(s *stage) {
		s.send(keyNamed("esc"))
		s.send(keyNamed("q"))
		s.settle()
		if !s.quit {
			t.Error("q does not quit")
		}
	})
}

func TestPasteKeepsEveryByte(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.play("/ everything enter enter")
		s.send(tea.PasteMsg{Content: "two\nlines\tand \u202e more"})
		s.see("two␤lines␉and <U+202E> more")
		s.play("down down right ctrl+s")
		want := `everything {"guild_id":"two\nlines\tand ` + "\u202e" + ` more","count":5,"mode":"soft"}`
		if !slices.Equal(s.session.calls, []string{want}) {
			t.Errorf("calls %q, want %q", s.session.calls, want)
		}
	})
}

func TestPasteTooLong(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.play("/ everything enter enter 42")
		s.send(tea.PasteMsg{Content: strings.Repeat("x", 2<<20)})
		s.see("not pasted", "42")
		s.press("end")
		if strings.Contains(s.frame(), "not pasted") {
			t.Error("the notice stays after a key")
		}
	})
}

func TestPasteIntoFilter(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.send(tea.PasteMsg{Content: "purge"}) // no field has the focus
		s.see("1 of 12")
		s.press("/")
		s.send(tea.PasteMsg{Content: " purge\n"})
		s.see("› purge")
	})
}

func TestTokenLeft(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		for _, test := range []struct {
			seconds int
			want    string
		}{
			{0, "token 60 min"},
			{57 * 60, "token 3 min"},
			{58*60 + 1, "token 119 s"},
			{59*60 + 30, "token 30 s"},
			{3600, "token expired"},
			{-3600, "token 2 h"},
			{-71 * 3600, "token 3 days"},
		} {
			s.now = noon.Add(time.Duration(test.seconds) * time.Second)
			s.press("esc")
			s.see(test.want)
		}
	})
}
