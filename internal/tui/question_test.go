package tui_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
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
	"later form": {
		Message: "Where?", Schema: json.RawMessage(`{"type":"object","properties":{"guild":{"type":"string"}},"required":["guild"]}`),
	},
	"older":   {Message: "Who am I?"},
	"endless": {Message: "Pay there.", URL: "https://pay.example.com/" + strings.Repeat("x", 9000), Host: "pay.example.com"},
	"unseen":  {Message: "Pay there.", URL: "https://pay.example.com/\u202e", Host: "pay.example.com"},
	"refused": {Message: "Look here.", URL: "file:///etc/passwd", Refused: errors.New("only https")},
}

// askFor asks the user, and answers with the answer.
func (s *session) askFor(ctx context.Context, name string, e client.Elicitation) (*client.Result, error) {
	switch name {
	case "later", "later form":
		<-s.release
	case "older": // it is not known of which call
		forgotten, cancel := context.WithCancel(context.Background())
		defer cancel()
		defer context.AfterFunc(ctx, cancel)()
		ctx = forgotten
	}
	answer, err := s.elicit(ctx, e)
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
		"y": {"open " + address, "answer address accept "}, "n": {"answer address decline "}, "esc": {"answer address cancel "}, "x": nil, "c": nil, "enter": nil,
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

// TestQuestionsWithoutABrowser: the address is not lost where nothing opens it.
func TestQuestionsWithoutABrowser(t *testing.T) {
	t.Parallel()
	nothing := func(string) error { return client.ErrNoBrowser }
	play(t, setting{session: &session{tools: asking.tools}, browse: nothing}, func(s *stage) {
		s.settle()
		s.press("down", "enter", "c")
		s.see("copied the address", "It leads to pay.example.com")
		s.press("y")
		s.see("Thanks: accept", "not opened: there is no desktop here; the address is in the Log (6)")
		s.press("6")
		s.see("opening https://pay.example.com/checkout?order=80351110224678912")
	})
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
		s.press("enter", "enter") // a key that is held is no yes
		s.see("Are you sure?")
		s.press("y")
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
		s.press("y")
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
		s.press("2", "4") // the other panes
		s.see("asks you")
		s.press("1")
		s.see("Are you sure?")
		s.press("y")
		s.see("Thanks: accept")
		s.press("esc")
		s.choose("form")
		s.press("esc")
		s.see("Thanks: cancel")
	})
}

// TestQuestionsAtOnce: each question is asked where its call is shown, whichever is shown when it
// comes, and an answer or the end of one call leaves that of another alone.
func TestQuestionsAtOnce(t *testing.T) {
	t.Parallel()
	play(t, setting{session: &session{tools: append(tools(), asking.tools...)}}, func(s *stage) {
		s.settle()
		s.choose("later")
		s.press("b")
		s.choose("slow")
		close(s.session.release) // slow ends, and later asks
		s.settle()
		s.see("later asks you something; History (4) has it", "late answer", "1 question")
		s.press("esc")
		s.choose("form")
		s.see("? form asks you", "Which guild", "2 calls · 1 question")
		s.press("ctrl+c")
		s.see("canceled form", "1 question")
		s.choose("sure")
		s.see("? sure asks you", "2 calls · 1 question")
		s.press("y")
		s.see("Thanks: accept")
		s.press("4", "down")
		s.see("? later", "asks you")
		s.press("G", "enter")
		s.see("? later asks you", "Still there?")
		s.press("esc")
		s.see("Thanks: cancel")
		want := []string{"answer form cancel ", "answer sure accept {}", "answer later cancel "}
		if got := s.session.answers(); !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	})
}

// TestQuestionsOfNobody: a question of which it is not known whose it is is asked on the call that
// is shown.
func TestQuestionsOfNobody(t *testing.T) {
	t.Parallel()
	play(t, setting{session: &session{tools: append(tools(), client.Tool{Name: "older"})}}, func(s *stage) {
		s.settle()
		s.choose("older")
		s.see("? older asks you", "Who am I?")
		s.press("y")
		s.see("Thanks: accept")
	})
}

// TestQuestionsEndWithTheScreen: a question that nobody can answer any more holds nothing up, taken
// or not.
func TestQuestionsEndWithTheScreen(t *testing.T) {
	t.Parallel()
	for _, taken := range []bool{false, true} {
		screen, end := context.WithCancel(t.Context())
		questions := make(chan tui.Question)
		ended := make(chan error)
		go func() {
			_, err := tui.Asks(screen, questions)(t.Context(), client.Elicitation{})
			ended <- err
		}()
		if taken {
			<-questions
		}
		end()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	}
}

// answers are those that the server got.
func (s *session) answers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.calls), func(call string) bool { return !strings.HasPrefix(call, "answer ") })
}

// TestPaletteOfWhatIsOver: a command of the palette is not given to the question that came under it.
func TestPaletteOfWhatIsOver(t *testing.T) {
	t.Parallel()
	play(t, setting{session: &session{tools: []client.Tool{{Name: "later form"}}}}, func(s *stage) {
		s.settle()
		s.press("enter", "ctrl+p")
		s.write("backgr")
		s.see("› To the background")
		close(s.session.release)
		s.settle()
		s.press("enter")
		s.see("later form asks you", "that cannot be done any more", "guild   * string")
		s.press("ctrl+p")
		s.write("decline")
		s.press("enter")
		s.see("Thanks: decline")
	})
}

// TestAddressIsCopiedWhole: or not at all.
func TestAddressIsCopiedWhole(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"endless", "unseen"} {
		play(t, setting{session: &session{tools: []client.Tool{{Name: name}}}}, func(s *stage) {
			s.settle()
			s.press("enter")
			if _, cmd := s.m.Update(keyNamed("c")); cmd != nil {
				t.Errorf("copied %v", cmd())
			}
			s.see("not copied", "It leads to pay.example.com")
		})
	}
}
