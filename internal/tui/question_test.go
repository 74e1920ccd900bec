package tui_test

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// asking is a server whose tools ask something.
var asking = &session{tools: []client.Tool{{Name: "form"}, {Name: "address"}, {Name: "sure"}, {Name: "refused"}, {Name: "later"}}}

var elicitations = map[string]client.Elicitation{
	"form": {
		Message: "Which guild, and how many?\n\x1b[2JPlease be \u202eprecise.",
		Schema: json.RawMessage(`{"type":"object","properties":{"guild":{"type":"string","minLength":2},"count":{"type":"integer","minimum":1},
			"mode":{"type":"string","enum":["soft","hard"]},"sure":{"type":"boolean","default":false}},"required":["guild","count"]}`),
	},
	"address": {Message: "Pay there first.", URL: "https://pay.example.com/checkout?order=80351110224678912", Host: "pay.example.com"},
	"sure":    {Message: "Are you sure?", Schema: json.RawMessage(`{"type":"object","properties":{}}`)},
	"later":   {Message: "Still there?"},
	"refused": {Message: "Look here.", URL: "file:///etc/passwd", Refused: errors.New("only https")},
}

// askFor asks the user, and answers with the answer.
func (s *session) askFor(name string, e client.Elicitation) (*client.Result, error) {
	if name == "later" {
		<-s.release
	}
	answer, err := s.elicit(e)
	if err != nil {
		return nil, err
	}
	s.heard("answer " + name + " " + string(answer.Action) + " " + string(answer.Content))
	return &client.Result{Content: []client.Content{{Type: "text", Text: "Thanks: " + string(answer.Action)}}}, nil
}

func TestQuestions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		keys []string // after the call has begun
		want []string // after the call
	}{
		{"filled in", []string{"4", "2", "down", "3", "down", "right", "ctrl+s"}, []string{`answer form accept {"guild":"42","count":3,"mode":"soft","sure":false}`}},
		{"not before it fits", []string{"4", "ctrl+s", "ctrl+s", "2", "down", "3", "ctrl+s"}, []string{`answer form accept {"guild":"42","count":3,"sure":false}`}},
		{"declined", []string{"4", "ctrl+r"}, []string{"answer form decline "}},
		{"no answer", []string{"q", "esc"}, []string{"answer form cancel "}},
		{"call canceled", []string{"ctrl+c"}, []string{"answer form cancel "}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			play(t, setting{session: &session{tools: asking.tools}}, func(s *stage) {
				s.settle()
				s.press("enter")
				s.see("? form asks you", "Which guild", "␛[2JPlease be", "ctrl+r decline")
				s.press(test.keys...)
				if got := s.session.calls[1:]; !slices.Equal(got, test.want) {
					t.Errorf("%q, want %q\n%s", got, test.want, s.frame())
				}
				if s.quit {
					t.Error("it quit")
				}
			})
		})
	}
}

func TestQuestionsWithAnAddress(t *testing.T) {
	t.Parallel()
	const address = "https://pay.example.com/checkout?order=80351110224678912"
	for key, want := range map[string][]string{
		"y": {"open " + address, "answer address accept "}, "n": {"answer address decline "}, "esc": {"answer address cancel "}, "x": nil, "enter": nil,
	} {
		play(t, setting{session: &session{tools: asking.tools}}, func(s *stage) {
			s.settle()
			s.press("down", "enter")
			s.see("? address asks you to open an address", "It leads to pay.example.com", "Pay there first.", address)
			s.press(key)
			got := slices.Sorted(slices.Values(s.session.calls[1:]))
			if slices.Sort(want); !slices.Equal(got, want) {
				t.Errorf("%s: %q, want %q", key, got, want)
			}
		})
	}
}

func TestQuestionsThatNeedNoUser(t *testing.T) {
	t.Parallel()
	play(t, setting{session: &session{tools: asking.tools}}, func(s *stage) {
		s.settle()
		s.press("down", "down", "down", "enter")
		s.see("Thanks: decline")
		s.press("esc", "6")
		s.see("it wants an address opened that is", "refused: only https")
		s.press("1", "up", "enter")
		s.see("Are you sure?", "There is nothing to fill in.")
		s.press("enter")
		s.see("Thanks: accept")
	})
}

func TestQuestionsOfTheBackground(t *testing.T) {
	t.Parallel()
	play(t, setting{session: &session{tools: asking.tools}}, func(s *stage) {
		s.settle()
		s.press("G", "enter", "b")
		close(s.session.release)
		s.settle()
		s.see("later asks you something; History (4) has it", "› later")
		s.press("4")
		s.see("? later", "asks you")
		s.press("enter")
		s.see("Still there?")
		s.press("enter")
		s.see("Thanks: accept")
	})
}

// TestQuestionsOfOthers: a question does not come over a form that is filled in, and two come one
// after the other.
func TestQuestionsOfOthers(t *testing.T) {
	t.Parallel()
	play(t, setting{session: &session{tools: append(tools(), asking.tools[:3]...)}}, func(s *stage) {
		s.settle()
		s.choose("sure")
		s.see("Are you sure?")
		s.press("2", "4") // letters of the form
		s.see("Are you sure?")
		s.press("ctrl+s")
		s.see("Thanks: accept")
		s.press("esc")
		s.choose("form")
		s.press("esc")
		s.see("Thanks: cancel")
	})
}
