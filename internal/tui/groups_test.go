package tui_test

import (
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// TestGroups looks at the tools by what their annotations say.
func TestGroups(t *testing.T) {
	t.Parallel()
	annotated := &session{tools: []client.Tool{
		{Name: "wipe", Destructive: true, OpenWorld: true},
		{Name: "post", OpenWorld: true},
		{Name: "note"},
		{Name: "search", ReadOnly: true, OpenWorld: true},
	}}
	play(t, setting{width: 80, height: 24, plain: true, session: annotated}, func(s *stage) {
		s.settle()
		frame, at := s.frame(), 0
		for _, text := range []string{"Read-only", "search", "May change things", "note", "Open-world", "post", "May destroy things", "wipe"} {
			next := strings.Index(frame[at:], text)
			if next < 0 {
				t.Fatalf("no %q in its place:\n%s", text, frame)
			}
			at += next
		}
	})
}
