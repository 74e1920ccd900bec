package tui_test

import (
	"slices"
	"testing"

	tea "charm.land/bubbletea/v2"
)

func (s *stage) click(x, y int) {
	s.send(tea.MouseClickMsg{X: x, Y: y, Button: tea.MouseLeft})
	s.settle()
}

func (s *stage) wheel(button tea.MouseButton) {
	s.send(tea.MouseWheelMsg{X: 5, Y: 5, Button: button})
	s.settle()
}

func TestMouse(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.click(5, 6) // below the headings: the second tool
		s.see("› everything")
		s.click(5, 5) // a heading
		s.see("› everything")
		s.click(60, 8) // the description
		s.see("› everything")
		s.wheel(tea.MouseWheelDown)
		s.see("› slow")
		s.wheel(tea.MouseWheelUp)
		s.see("› everything")
		s.click(5, 4)
		s.see("› get_user_info")
		s.click(5, 4)
		s.see("✓ get_user_info")
		s.click(5, 4)
		s.see("✓ get_user_info")
		s.press("esc")
		s.click(38, 1)
		s.see("[4 History]", "✓ get_user_info")
		s.click(5, 3)
		s.see("✓ get_user_info", "discord_id")
		s.send(tea.MouseClickMsg{X: 2, Y: 1, Button: tea.MouseRight})
		s.settle()
		s.see("[4 History]")
		s.press("ctrl+p")
		s.write("inspector")
		s.click(5, 3)
		s.see("[5 Inspector]")
		if want := []string{"get_user_info {}"}; !slices.Equal(s.session.calls, want) {
			t.Errorf("calls %q, want %q", s.session.calls, want)
		}
	})
}

// A click outside of everything does nothing, in any size.
func TestClickAnywhere(t *testing.T) {
	t.Parallel()
	for _, size := range [][2]int{{80, 24}, {40, 12}, {30, 8}} {
		open(t, func(s *stage) {
			s.send(tea.WindowSizeMsg{Width: size[0], Height: size[1]})
			for _, keys := range []string{"", "2", "3", "4", "5", "6", "ctrl+p", "esc ?", "esc 1 / everything enter enter"} {
				s.play(keys)
				for y := range size[1] + 3 {
					s.send(tea.MouseClickMsg{X: size[0] - 1, Y: y, Button: tea.MouseLeft})
					s.frame()
				}
				s.settle()
			}
		})
	}
}
