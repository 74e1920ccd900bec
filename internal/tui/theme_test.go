package tui_test

import (
	"image/color"
	"regexp"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"
)

// TestSixteenColors: a terminal with few colors gets those that its user has chosen, and for what
// is dim none at all.
func TestSixteenColors(t *testing.T) {
	t.Parallel()
	for name, background := range map[string]color.Color{"dark": color.Black, "light": color.White} {
		open(t, func(s *stage) {
			s.send(tea.BackgroundColorMsg{Color: background})
			s.send(tea.ColorProfileMsg{Profile: colorprofile.ANSI})
			for _, keys := range []string{"", "enter", "4", "5", "6", "ctrl+p"} {
				s.play(keys)
				frame := s.m.View().Content
				for _, style := range regexp.MustCompile(`\x1b\[([0-9;]*)m`).FindAllStringSubmatch(frame, -1) {
					if !regexp.MustCompile(`^([127]?;?)*(3[0-7]|9[0-7])?(;7)?$`).MatchString(style[1]) {
						t.Errorf("%s: the style %q", name, style[1])
					}
				}
				if !strings.Contains(frame, "\x1b[2m") {
					t.Errorf("%s: nothing is dim in\n%s", name, frame)
				}
			}
			s.send(tea.ColorProfileMsg{Profile: colorprofile.ANSI256})
			if frame := s.m.View().Content; strings.Contains(frame, "\x1b[2m") {
				t.Errorf("%s: still few colors in\n%s", name, frame)
			}
		})
	}
}
