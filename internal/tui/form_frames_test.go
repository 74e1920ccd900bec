package tui_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/exp/golden"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// kindsOfFields has one field of each kind.
const kindsOfFields = `{"type":"object","properties":{
	"channel":{"type":"string","description":"Where it goes."},
	"count":{"type":"integer","minimum":1,"maximum":10,"default":3},
	"ratio":{"type":"number","exclusiveMinimum":0,"multipleOf":0.5},
	"silent":{"type":["boolean","null"]},
	"mode":{"oneOf":[{"const":"soft","title":"Softly"},{"const":"hard","title":"With force"}]},
	"flags":{"type":"array","items":{"enum":["embed","pin","silent","crosspost","日本語"]},"uniqueItems":true,"maxItems":3,"description":"What else."},
	"day":{"type":"string","format":"date"},
	"at":{"type":"string","format":"date-time"},
	"token":{"type":"string","writeOnly":true},
	"nick":{"type":["string","null"],"maxLength":32},
	"target":{"anyOf":[{"type":"string","title":"an id"},{"type":"object","title":"a place","required":["guild"],"properties":{"guild":{"type":"string"},"index":{"type":"integer"}}}]},
	"tags":{"type":"array","items":{"type":"string","minLength":2},"minItems":1},
	"people":{"type":"array","items":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"roles":{"type":"array","items":{"type":"string"}}}}},
	"author":{"type":"object","required":["name"],"properties":{"name":{"type":"string"},"url":{"type":"string","format":"uri"},
		"icon":{"type":"object","properties":{"width":{"type":"integer"}}}}},
	"extra":{"type":"object","description":"Anything else."}},
	"required":["channel","author"],"not":{"required":["nick","day"]}}`

// formScenes are the fields in all their states; each act begins in the form, keys are those of
// [keysIn].
var formScenes = []struct{ name, keys string }{
	{"empty", ""},
	{"text refused", "@count 11 @ratio 0.3 @silent right"},
	{"choice found", "@mode for"},
	{"boxes", "a @flags space down space"},
	{"boxes too many", "@flags space down space down space down space down"},
	{"date", "@day shift+up @at shift+up shift+up"},
	{"date refused", "@day 2026 @at shift+up backspace"},
	{"secret", "@token secret left left"},
	{"null", "@silent left @nick ctrl+t"},
	{"sent empty", "@nick ctrl+t ctrl+t @flags ctrl+t @tags ctrl+t"},
	{"other type", "@target ctrl+t down a"},
	{"list", "@tags space a ctrl+n bb up"},
	{"list of objects", "@people space Ann tab space admin ctrl+n guest"},
	{"group", "@name Ann @url example @icon space"},
	{"JSON", `@extra { enter "a":1, enter "b":[1,2x`},
	{"JSON above", `@extra { enter "a":1, enter "b":[1,2]} up up`},
	{"refused", "@flags ctrl+s"},
	{"refused again", "a @name b @count backspace 99 ctrl+s"},
	{"misfit", "a @name b @day shift+up @nick n ctrl+s"},
}

func TestFormFrames(t *testing.T) {
	t.Parallel()
	for _, scene := range formScenes {
		for _, kind := range frameKinds() {
			t.Run(scene.name+"/"+kind.name, func(t *testing.T) {
				t.Parallel()
				kind.set.session = &session{tools: []client.Tool{{
					Name: "announce", Description: "A field of each kind.", InputSchema: json.RawMessage(kindsOfFields),
				}}}
				play(t, kind.set, func(s *stage) {
					s.settle()
					s.press("enter")
					s.chords(scene.keys)
					v := s.m.View()
					cursor := "cursor: none"
					if v.Cursor != nil {
						cursor = fmt.Sprintf("cursor: %d,%d", v.Cursor.X, v.Cursor.Y)
					}
					checkFrame(t, v.Content, kind.set.width, kind.set.height)
					golden.RequireEqual(t, v.Content+"\n"+cursor+"\n")
				})
			})
		}
	}
}

// chords presses keys as [keysIn] has them; @name goes to a field.
func (s *stage) chords(keys string) {
	s.t.Helper()
	for word := range strings.FieldsSeq(keys) {
		if msg, ok := chord(word); ok {
			s.send(msg)
			s.settle()
			continue
		}
		name, walk := strings.CutPrefix(word, "@")
		if !walk {
			s.write(word)
			continue
		}
		there := regexp.MustCompile(`(?m)^ [›>] *` + name + ` `)
		for range 100 {
			if there.MatchString(s.frame()) {
				break
			}
			s.press("tab")
		}
	}
}

// TestLargePaste pastes a lot into every field of a form, and as much as it takes into two; each frame fits.
func TestLargePaste(t *testing.T) {
	t.Parallel()
	large := strings.Repeat("日本語 👨‍👩‍👧‍👦\n\x1b[2J\u202e", 1<<20/50)
	for _, size := range sizes {
		set := setting{width: size[0], height: size[1], session: &session{tools: []client.Tool{{
			Name: "announce", InputSchema: json.RawMessage(kindsOfFields),
		}}}}
		play(t, set, func(s *stage) {
			s.settle()
			s.press("enter")
			for i := range 15 {
				text := large[:20_000]
				if i == 0 || i == 10 { // a text, and one that is hidden
					text = large
				}
				s.send(tea.PasteMsg{Content: text})
				checkFrame(t, s.frame(), size[0], size[1])
				s.press("tab")
			}
			checkFrame(t, s.frame(), size[0], size[1])
		})
	}
}
