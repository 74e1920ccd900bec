package tui_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

var sizes = [][2]int{{80, 24}, {120, 40}, {40, 12}}

// onStage plays one scene, and then looks at it.
func onStage(t *testing.T, scene scene, set setting, look func(s *stage)) {
	t.Helper()
	if scene.session != nil {
		set.session = &session{tools: scene.session.tools, loadErr: scene.session.loadErr, identity: scene.session.identity, about: scene.session.about}
	}
	set.signIns, set.dials = scene.events || scene.dials, scene.dials
	if scene.history != "" {
		set.history = filepath.Join(t.TempDir(), "history.json")
		if err := os.WriteFile(set.history, []byte(scene.history), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	play(t, set, func(s *stage) {
		scene.act(s)
		look(s)
	})
}

// frameOf plays one scene and gives its frame and where the cursor stands in it.
func frameOf(t *testing.T, scene scene, set setting) (frame, cursor string) {
	t.Helper()
	onStage(t, scene, set, func(s *stage) {
		v := s.m.View()
		frame, cursor = v.Content, "cursor: none"
		if set.still {
			s.send(s.m.Frame())
		}
		if s.m.View().Content != frame {
			t.Error("drawn again it is another frame")
		}
		if v.Cursor != nil {
			cursor = fmt.Sprintf("cursor: %d,%d", v.Cursor.X, v.Cursor.Y)
		}
	})
	return frame, cursor
}

type frameKind struct {
	name string
	set  setting
}

// frameKinds are the sizes and colorings of golden frames.
func frameKinds() (kinds []frameKind) {
	for _, size := range sizes {
		name := fmt.Sprintf("%dx%d ", size[0], size[1])
		kinds = append(kinds,
			frameKind{name + "dark", setting{width: size[0], height: size[1]}},
			frameKind{name + "light", setting{width: size[0], height: size[1], light: true}},
			frameKind{name + "no color", setting{width: size[0], height: size[1], plain: true}})
	}
	return kinds
}

func TestFrames(t *testing.T) {
	t.Parallel()
	for _, scene := range allScenes() {
		for _, kind := range frameKinds() {
			t.Run(scene.name+"/"+kind.name, func(t *testing.T) {
				t.Parallel()
				frame, cursor := frameOf(t, scene, kind.set)
				golden.RequireEqual(t, frame+"\n"+cursor+"\n")
			})
		}
	}
}

// TestFramesFit holds every scene, size and coloring to what all have in common.
func TestFramesFit(t *testing.T) {
	t.Parallel()
	for _, scene := range allScenes() {
		for _, size := range sizes {
			t.Run(fmt.Sprintf("%s/%dx%d", scene.name, size[0], size[1]), func(t *testing.T) {
				t.Parallel()
				set := setting{width: size[0], height: size[1], plain: true}
				plain, at := frameOf(t, scene, set)
				checkFrame(t, plain, size[0], size[1])
				if rows := strings.Split(words(plain), "\n"); !strings.Contains(rows[len(rows)-1], " help") && !strings.HasPrefix(scene.name, "help") {
					t.Errorf("the footer does not lead to the help: %s", rows[len(rows)-1])
				}
				if strings.Contains(strings.NewReplacer("\x1b[1m", "", "\x1b[m", "").Replace(plain), "\x1b") {
					t.Errorf("more than bold without colors: %q", plain)
				}
				set.plain = false
				dark, darkAt := frameOf(t, scene, set)
				set.light = true
				light, lightAt := frameOf(t, scene, set)
				if words(dark) != words(plain) || words(light) != words(plain) {
					t.Errorf("the words differ with the colors:\n%s\n%s\n%s", plain, dark, light)
				}
				if darkAt != at || lightAt != at {
					t.Errorf("cursor at %s, %s, %s", at, darkAt, lightAt)
				}
				if dark == light {
					t.Error("dark and light are the same")
				}
			})
		}
	}
}

// words is a frame without its styles.
func words(frame string) string {
	rows := strings.Split(ansi.Strip(frame), "\n")
	for i, row := range rows {
		rows[i] = strings.TrimRight(row, " ")
	}
	return strings.Join(rows, "\n")
}

func checkFrame(t *testing.T, frame string, w, h int) {
	t.Helper()
	rows := strings.Split(frame, "\n")
	if len(rows) != h {
		t.Errorf("%d rows in a window of %d", len(rows), h)
	}
	for i, row := range rows {
		if n := ansi.StringWidthWc(row); n > w {
			t.Errorf("row %d has %d columns in a window of %d: %q", i, n, w, row)
		}
		for _, r := range ansi.Strip(row) {
			if r < ' ' || r == '\u202e' || r == '\u2066' || r >= 0x7f && r < 0xa0 {
				t.Errorf("row %d has the control character %U", i, r)
			}
		}
	}
}

func TestTooSmall(t *testing.T) {
	t.Parallel()
	play(t, setting{width: 30, height: 8}, func(s *stage) {
		s.settle()
		golden.RequireEqual(t, s.m.View().Content+"\n")
		s.press("q", "enter")
		if s.quit || len(s.session.calls) > 0 {
			t.Error("a key did something that nobody could see")
		}
		s.send(tea.WindowSizeMsg{Width: 40, Height: 12})
		s.see("get_user_info")
		s.send(tea.WindowSizeMsg{Width: 1, Height: 1})
		s.frame()
		s.press("ctrl+c", "ctrl+c")
		if !s.quit {
			t.Error("Ctrl-C does not quit a small window")
		}
	})
}

// TestWideCharactersKeepTheColumns looks at the bar between list and details, where family
// emoji, skin tones and conjuncts stand beside it, for both ways in which terminals count.
func TestWideCharactersKeepTheColumns(t *testing.T) {
	t.Parallel()
	wide := "日本語 👨‍👩‍👧‍👦👍🏽 नमस्ते 🇩🇪 e\u0301 "
	odd := &session{tools: []client.Tool{
		{Name: "plain", Description: strings.Repeat(wide, 20)},
		{Name: strings.Repeat(wide, 3), Title: strings.Repeat(wide, 20)},
		{Name: "👨‍👩‍👧‍👦"},
	}}
	for name, method := range map[string]ansi.Method{"code points": ansi.WcWidth, "clusters": ansi.GraphemeWidth} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, setting{width: 80, height: 24, plain: true, session: &session{tools: odd.tools}}, func(s *stage) {
				s.settle()
				if method == ansi.GraphemeWidth {
					s.send(tea.ModeReportMsg{Mode: ansi.ModeUnicodeCore, Value: ansi.ModeReset})
				}
				for range odd.tools {
					bar := -1
					for i, row := range strings.Split(s.frame(), "\n") {
						if n := method.StringWidth(row); n > 80 {
							t.Errorf("row %d has %d columns: %q", i, n, row)
						}
						left, _, ok := strings.Cut(row, "│")
						if at := method.StringWidth(left); ok && bar < 0 {
							bar = at
						} else if ok && at != bar {
							t.Errorf("row %d has the bar at %d instead of %d: %q", i, at, bar, row)
						}
					}
					s.press("down")
				}
				golden.RequireEqual(t, s.m.View().Content+"\n")
			})
		})
	}
}
