package tui_test

import (
	"slices"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

func TestPanesKeepTheirPlace(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.play("/ everything enter enter 80")
		s.play("4")
		s.see("[1 Tools]", "804") // a digit is a letter in a field
		s.press("esc", "4")
		s.see("[4 History]", "Nothing was called yet.")
		s.press("1")
		s.see("1 of 1, 12 in all")
		s.press("enter")
		s.see("804")
	})
}

func TestSeveralCallsAtOnce(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.play("/ slow enter enter b")
		s.see("slow goes on; History (4) has it", "› slow")
		s.play("enter b esc g enter")
		s.see("✓ get_user_info")
		s.press("4", "down")
		s.see("running")
		s.press("enter")
		s.see("Calling slow", "the third ␛[2Jof eight", "37 %", "info sweeper: swept three")
		s.press("esc") // cancels this one, not the other
		s.see("canceled slow")
		s.press("1", "esc")
		close(s.session.release)
		s.settle()
		s.see("slow has ended")
		s.press("4")
		s.see("canceled", "✓ slow")
		s.press("down", "down", "enter")
		s.see("✓ slow", "late answer")
		s.press("esc", "up", "up", "r")
		s.see("✓ get_user_info")
		want := []string{"slow {}", "slow {}", "get_user_info {}", "get_user_info {}"}
		if !slices.Equal(s.session.calls, want) {
			t.Errorf("calls %q, want %q", s.session.calls, want)
		}
	})
}

func TestResultsMakeRoom(t *testing.T) {
	t.Parallel()
	big := &session{tools: []client.Tool{{Name: "big"}, {Name: "get_user_info"}}}
	play(t, setting{session: big}, func(s *stage) {
		s.settle()
		for range 4 { // of some 6 MB each
			s.press("enter", "esc")
		}
		s.press("4")
		s.see("1 of 4")
		s.press("G", "enter")
		s.see("made room")
		s.press("esc", "g", "enter")
		s.see("✓ big")
		s.press("r") // from the history, too
		s.see("✓ big")
		s.press("esc")
		s.see("of 5")
	})
}

// TestRefusalsMakeRoom: what a server says to a call that it refuses counts as a result.
func TestRefusalsMakeRoom(t *testing.T) {
	t.Parallel()
	play(t, setting{session: &session{tools: []client.Tool{{Name: "refuse at length"}}}}, func(s *stage) {
		s.settle()
		for range 5 {
			s.press("enter", "esc")
		}
		if over := s.m.Overgrown(); over != "" {
			t.Errorf("%s: more than may be", over)
		}
		s.press("4", "G", "enter")
		s.see("refuse at length could not be called", "The server refused")
	})
}

// TestSpokenWordsAreBounded: of a line of 1 MB what is shown is kept, and a bit more.
func TestSpokenWordsAreBounded(t *testing.T) {
	t.Parallel()
	play(t, setting{session: &session{tools: []client.Tool{{Name: "talk"}}}}, func(s *stage) {
		s.settle()
		s.press("enter")
		s.see("Calling talk", "info word word")
		if over := s.m.Overgrown(); over != "" {
			t.Errorf("%s: more than may be", over)
		}
	})
}
