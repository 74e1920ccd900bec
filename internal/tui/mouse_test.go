package tui_test

import (
	"slices"
	"strings"
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

// TestMouseInForms: a click goes to a field, and ticks a box that has the focus.
func TestMouseInForms(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.choose("everything")
		rowOf := func(label string) int {
			for y, row := range strings.Split(s.frame(), "\n") {
				if strings.Contains(row, label+" ") && !strings.Contains(row, "$ ") {
					return y
				}
			}
			s.t.Fatalf("no %s in\n%s", label, s.frame())
			return 0
		}
		for _, label := range []string{"silent", "note"} {
			s.click(10, rowOf(label))
			s.see("› " + label)
		}
		s.click(10, 2) // the tool's name
		s.see("› note")
		s.click(10, rowOf("silent"))
		before := s.frame()
		s.click(10, rowOf("silent"))
		if s.frame() == before {
			t.Errorf("the box was not ticked:\n%s", before)
		}
	})
}

// TestMouseInQuestions: the same where a server asks.
func TestMouseInQuestions(t *testing.T) {
	t.Parallel()
	play(t, setting{width: 80, height: 24, session: &session{tools: asking.tools}}, func(s *stage) {
		s.settle()
		s.press("enter")
		s.see("› guild")
		for y, row := range strings.Split(s.frame(), "\n") {
			if strings.Contains(row, "count") {
				s.click(5, y)
				break
			}
		}
		s.see("› count")
	})
}

// TestMouseInResults: a click goes to a value, a second one folds it; and the same in a table.
func TestMouseInResults(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("enter")
		s.see("✓ get_user_info", "›▾ {")
		s.click(10, 5)
		s.see("› ")
		if at := strings.Split(s.frame(), "\n")[5]; !strings.HasPrefix(at, " ›") {
			t.Errorf("the cursor is not on %q", at)
		}
		s.click(10, 3)
		s.click(10, 3)
		s.see("›▸ {")
		s.click(10, 2) // the heading
		s.click(10, 20)
		s.see("›▸ {")
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
