package tui_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// TestAnyKeys presses keys, clicks and pastes at random. Wherever that leads Esc does not quit, nor
// does a letter in a field; Ctrl-C does when pressed twice; and every frame is one.
func TestAnyKeys(t *testing.T) {
	t.Parallel()
	asks := []client.Tool{{Name: "form"}, {Name: "address"}, {Name: "members"}}
	for seed := range uint64(30) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(seed, 1))
			set := setting{session: known(), width: 80, height: 24, signIns: true, dials: seed%5 == 0, saves: t.TempDir()}
			set.session.tools = append(tools(), asks...)
			set.session.resources, set.session.templates, set.session.prompts = resources(), templates(), prompts()
			play(t, set, func(s *stage) {
				s.settle()
				if set.dials && seed%2 == 0 {
					s.announce(client.EventSignIn)
				} else if set.dials {
					s.ends(s.session.dials, nil)
				}
				w, h := set.width, set.height
				var keys []string
				for range 150 {
					switch key := anyKey(r, s.m.InField()); key {
					case "click":
						s.click(r.IntN(w), r.IntN(h))
						keys = append(keys, key)
					case "wheel":
						s.wheel([]tea.MouseButton{tea.MouseWheelUp, tea.MouseWheelDown}[r.IntN(2)])
						keys = append(keys, key)
					case "paste":
						s.send(tea.PasteMsg{Content: "q\n\x1bq{\"a\":1}"})
						keys = append(keys, key)
					case "resize":
						w, h = 38+r.IntN(90), 11+r.IntN(35)
						s.send(tea.WindowSizeMsg{Width: w, Height: h})
						keys = append(keys, key)
					case "tick":
						s.tick(700 * time.Millisecond)
					default:
						s.send(chordOf(key))
						if r.IntN(3) > 0 { // else the next comes in the same burst
							s.settle()
						}
						keys = append(keys, key)
					}
					if s.quit {
						t.Fatalf("%q quit", keys)
					}
					if frame := s.m.View().Content; w >= 40 && h >= 12 {
						checkFrame(t, frame, w, h)
					}
				}
				s.now = s.now.Add(2 * time.Second)
				s.press("ctrl+c", "ctrl+c")
				var known *client.Error
				if !s.quit || !errors.As(s.m.Err(), &known) || known.Kind != client.KindInterrupted {
					t.Errorf("Ctrl-C twice after %q: %v, %v\n%s", keys, s.quit, s.m.Err(), s.frame())
				}
			})
		})
	}
}

// anyKey is a key that is not meant to quit; or what else a terminal sends.
func anyKey(r *rand.Rand, field bool) string {
	often := []string{"enter", "esc", "down", "up", "tab", "ctrl+s", "/", "y", "click", "wheel", "paste", "resize", "tick"}
	keys := slices.Concat(keyboard(), often, often, often, often)
	for {
		key := keys[r.IntN(len(keys))]
		if key != "ctrl+p" && (field || key != "q") {
			return key
		}
	}
}

func chordOf(name string) tea.KeyPressMsg {
	if msg, ok := chord(name); ok {
		return msg
	}
	return keyNamed(name)
}
