package tui_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// members is a server whose one tool answers with what the result scenes look at, announce one whose
// tool has a field of each kind.
var (
	membersServer  = &session{tools: []client.Tool{{Name: "members"}}}
	announceServer = &session{tools: []client.Tool{{
		Name: "announce", Description: "A field of each kind.", InputSchema: json.RawMessage(kindsOfFields),
	}}}
)

// plainScenes are forms and results in the whole screen; like all others they are drawn for a terminal
// that shows ASCII alone, and their frames are kept.
var plainScenes = []scene{
	formScene("form boxes", "a @flags space down space"),
	formScene("form list of objects", "@people space Ann tab space admin ctrl+n guest"),
	formScene("form JSON", `@extra { enter "a":1, enter "b":[1,2x`),
	formScene("form refused", "@silent left @nick ctrl+t @flags ctrl+s"),
	resultScene("result tree"),
	resultScene("result folded", "-"),
	resultScene("result table", "t", "down"),
	resultScene("result search", "/", "n", "i", "c", "k"),
	resultScene("result raw", "x"),
	resultScene("result saved", "s"),
	resultScene("result link", "G", "o"),
}

func formScene(name, chords string) scene {
	return scene{name: name, session: announceServer, act: func(s *stage) {
		s.settle()
		s.press("enter")
		s.chords(chords)
	}}
}

func resultScene(name string, keys ...string) scene {
	return scene{name: name, session: membersServer, act: func(s *stage) {
		s.settle()
		s.press("enter")
		s.press(keys...)
	}}
}

// keptPlain are the scenes of all whose plain frames are kept, beside the plain scenes.
var keptPlain = []string{
	"tools last", "form errors", "running", "login elsewhere", "history", "result", "result hostile", "help", "help in a field", "palette",
	"palette filtered", "question", "question wrong", "question address", "question yes or no", "log", "inspector full", "resources", "confirm",
}

// TestPlainFrames draws all scenes for a terminal that shows ASCII alone, with nothing that moves.
func TestPlainFrames(t *testing.T) {
	t.Parallel()
	for _, scene := range append(allScenes(), plainScenes...) {
		t.Run(scene.name, func(t *testing.T) {
			t.Parallel()
			for _, size := range sizes {
				frame, cursor := frameOf(t, scene, setting{width: size[0], height: size[1], ascii: true, still: true})
				checkFrame(t, frame, size[0], size[1])
				if i := strings.IndexFunc(frame, func(r rune) bool { return r >= 0x7f }); i >= 0 {
					t.Errorf("not ASCII: %q", frame[i:min(len(frame), i+20)])
				}
				if size == sizes[0] && (slices.Contains(keptPlain, scene.name) || slices.ContainsFunc(plainScenes, isNamed(scene.name))) {
					golden.RequireEqual(t, fmt.Sprintf("%s\n%s\n", frame, cursor))
				}
			}
		})
	}
}

func isNamed(name string) func(scene) bool {
	return func(s scene) bool { return s.name == name }
}
