package tui_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// keyboard is every key that somebody may press.
func keyboard() []string {
	var keys []string
	for r := '!'; r <= '~'; r++ {
		keys = append(keys, string(r))
	}
	for r := 'a'; r <= 'z'; r++ {
		if !strings.ContainsRune("cim", r) { // quits, and what terminals send for tab and enter
			keys = append(keys, "ctrl+"+string(r))
		}
	}
	return append(keys, "enter", "esc", "tab", "space", "up", "down", "left", "right", "home", "end", "pgup", "pgdown", "backspace",
		"delete", "f1", "shift+tab", "shift+up", "shift+down", "shift+left", "shift+right", "shift+enter", "ctrl+left", "ctrl+right",
		"ctrl+up", "ctrl+down", "ctrl+home", "ctrl+end", "ctrl+backspace", "alt+left", "alt+right", "alt+up", "alt+down", "alt+b",
		"alt+f", "alt+backspace", "alt+enter")
}

// keyScenes are those of the golden frames, and results and forms that are looked at on a stage.
func keyScenes() []scene {
	all := slices.DeleteFunc(allScenes(), func(s scene) bool { return strings.HasPrefix(s.name, "help") }) // any key closes it
	all = append(all, scene{name: "tools of one group", session: &session{tools: []client.Tool{{Name: "a"}, {Name: "b"}}}, act: func(s *stage) { s.settle() }})
	for _, each := range formScenes {
		all = append(all, scene{
			name: "form " + each.name, session: &session{tools: []client.Tool{{Name: "announce", InputSchema: []byte(kindsOfFields)}}},
			act: func(s *stage) {
				s.settle()
				s.press("enter")
				s.chords(each.keys)
			},
		})
	}
	for _, keys := range []string{
		"", "-", "t", "t right down", "w", "x", "/", "/ n i", "/ n i enter", "t / W a enter", "G up", "G", "G o", "s", "e",
	} {
		all = append(all, scene{name: "members " + keys, session: &session{tools: []client.Tool{{Name: "members"}}}, act: func(s *stage) {
			s.settle()
			s.press("enter")
			s.press(strings.Fields(keys)...)
		}})
	}
	return all
}

// keySetting has all that keys can reach.
var keySetting = setting{width: 120, height: 40, tools: []string{"true"}, open: func(string) error { return nil }}

// edges are the keys with which there may be nothing left to do: all is folded, or there is one match.
var edges = []string{"+", "-", "n", "N"}

// refused are scenes in which the keys that send have done all they can.
var refused = []string{"question wrong"}

// TestEveryKeyIsShown presses every key in every scene: what does something is named by the help,
// from which the footer and the palette are made, and what is named for the place does something.
func TestEveryKeyIsShown(t *testing.T) {
	t.Parallel()
	for _, scene := range keyScenes() {
		t.Run(scene.name, func(t *testing.T) {
			t.Parallel()
			works := map[string]bool{}
			keys := keyboard()
			for len(keys) > 0 {
				onStage(t, scene, keySetting, func(s *stage) {
					field := s.m.InField()
					s.send(tea.KeyboardEnhancementsMsg{Flags: 1}) // Alt is not Esc
					for len(keys) > 0 {
						name := keys[0]
						keys = keys[1:]
						msg, ok := chord(name)
						if !ok {
							msg = keyNamed(name)
						}
						if field && (len(name) == 1 || s.m.Writing() && name == "space") {
							continue // text
						}
						if s.does(msg) {
							works[name] = true
							return
						}
					}
				})
			}
			onStage(t, scene, keySetting, func(s *stage) {
				here, shown := s.m.Shown()
				words := s.m.HelpWords()
				for name := range works {
					if !shown[name] || !strings.Contains(words, tui.KeySign(name)) {
						t.Errorf("%s does something, and is not shown", name)
					}
				}
				for _, b := range here {
					if len(b.Keys()) > 0 && !slices.Contains(edges, b.Help().Key) && !slices.Contains(refused, scene.name) {
						s.useless(b, works)
					}
				}
			})
		})
	}
}

// useless reports the keys of a binding that do nothing. One of two ways may lead nowhere, and in a
// field letters were not pressed.
func (s *stage) useless(b key.Binding, works map[string]bool) {
	s.t.Helper()
	ways := []string{"up", "down", "left", "right", "pgup", "pgdown", "alt+up", "alt+down", "h", "l"}
	some := false
	for _, name := range b.Keys() {
		some = some || works[name]
		typed := s.m.InField() && len(name) == 1
		if !works[name] && !typed && !slices.Contains(ways, name) {
			s.t.Errorf("%s does nothing, and is shown: %s", name, b.Help().Desc)
		}
	}
	if !some {
		s.t.Errorf("%q do nothing, and are shown: %s", b.Keys(), b.Help().Desc)
	}
}

// does says whether a key does something: it changes the screen, but for what happened last, or it
// has a command.
func (s *stage) does(msg tea.KeyPressMsg) bool {
	look := func() string {
		v := s.m.View()
		rows := strings.Split(v.Content, "\n")
		if len(rows) > 1 {
			rows[len(rows)-2] = ""
		}
		return fmt.Sprint(v.Cursor, strings.Join(rows, "\n"))
	}
	before := look()
	_, cmd := s.m.Update(msg)
	return cmd != nil || look() != before
}
