package tui_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// account is what the screen has of a user before one leaves: results, a secret that was typed,
// what the server said, a call that runs, an exchange.
func (s *stage) account() {
	s.some()
	s.exchange()
	s.choose("secret")
	s.press("ctrl+u")
	s.write("hunter2")
	s.press("esc")
	s.choose("everything")
	s.write("no secret")
	s.press("esc", "esc")
	s.choose("slow")
	s.see("Calling slow")
}

// privateWords are those that must not be seen afterwards.
var privateWords = []string{"hunter2", "Nelly", "80351110224678912", "swept three", "Missing Permissions", "Plain words", "mcpd_client", "server/discover", "secret chain"}

// rummage looks at every place of the screen for words that must not be there.
func (s *stage) rummage() {
	s.t.Helper()
	look := func(where string) {
		s.t.Helper()
		for _, word := range privateWords {
			if strings.Contains(s.frame(), word) {
				s.t.Errorf("%s shows %q:\n%s", where, word, s.frame())
			}
		}
	}
	for _, pane := range []string{"1", "2", "3", "5", "6"} {
		s.press(pane)
		look("pane " + pane)
		s.press("enter")
		look("pane " + pane + ", opened")
		s.press("esc")
	}
	s.press("4", "g")
	for range 7 {
		s.press("enter")
		look("a call")
		if !strings.Contains(strings.Join(strings.Fields(s.frame()), " "), "; results are not kept") {
			s.t.Errorf("a result is kept:\n%s", s.frame())
		}
		s.press("esc", "down")
	}
}

func TestSignOutLeavesNothing(t *testing.T) {
	t.Parallel()
	play(t, setting{session: known()}, func(s *stage) {
		s.account()
		s.press("5", "o", "y")
		s.see("signed out", "not signed in")
		s.press("1")
		s.see("The tools could not be loaded", "This needs a sign-in", "s sign in")
		s.press("ctrl+p")
		s.write("get_user_info") // the tools were the user's
		s.see("Nothing has these letters.")
		s.press("esc")
		s.rummage()
		s.press("4", "g")
		s.see("– slow", "1 of 7")
		close(s.session.release) // the late answers are nobody's
		s.settle()
		if !slices.Contains(s.session.ended, "slow") {
			t.Error("a call went on")
		}
		s.rummage()

		s.session.next = client.Identity{Server: s.session.identity.Server, Issuer: "https://auth.example.com", UserID: "1", Username: "other"}
		s.session.tools = tools()[3:6]
		s.press("1", "s")
		s.ends(s.session.signIns, nil)
		s.see("other", "› secret", "1 of 3")
		s.rummage()
		s.press("1", "enter")
		s.write("mine")
		s.press("ctrl+s")
		if got := s.session.calls; got[len(got)-1] != `secret {"password":"mine"}` {
			t.Errorf("called %s", got[len(got)-1])
		}
	})
}

// TestAnotherUserSignsIn: a sign-in for a missing scope may be another user's.
func TestAnotherUserSignsIn(t *testing.T) {
	t.Parallel()
	for name, id := range map[string]string{"another": "1", "the same": "80351110224678912"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(t, setting{session: known()}, func(s *stage) {
				s.account()
				s.press("esc")
				s.session.calls, s.session.listed = nil, 0
				s.choose("scope")
				s.session.next = client.Identity{Server: s.session.identity.Server, Issuer: "https://auth.example.com", UserID: id, Username: "other"}
				s.session.about = client.About{Claims: []byte(`{"sub":"the other"}`)}
				s.press("s")
				s.ends(s.session.signIns, nil)
				s.see("✓ scope", "other")
				if s.send(keyNamed("5")); name == "another" { // before it is asked what is known
					s.see("the other")
				}
				s.settle()
				s.press("4", "G")
				if s.press("enter"); name == "the same" {
					s.see("Plain words")
					return
				}
				s.see("results are not kept")
				if s.session.listed != 1 {
					t.Error("the tools are the other user's")
				}
			})
		})
	}
}

// TestAnotherUserAfterAll: a sign-in that is canceled once it is through has happened.
func TestAnotherUserAfterAll(t *testing.T) {
	t.Parallel()
	play(t, setting{session: known()}, func(s *stage) {
		s.account()
		s.press("esc")
		s.session.calls = nil
		s.choose("scope")
		s.session.next = client.Identity{Server: s.session.identity.Server, Issuer: "https://auth.example.com", UserID: "1", Username: "other"}
		s.press("s")
		s.session.signIns <- nil
		synctest.Wait()
		s.press("esc")
		s.see("The sign-in was canceled", "other")
		s.press("esc", "4", "G", "enter")
		s.see("results are not kept")
	})
}

func TestUnfinishedSignOut(t *testing.T) {
	t.Parallel()
	failing := known()
	failing.renewErr = &client.Error{Kind: client.KindUnavailable, Message: "the server is away"}
	play(t, setting{session: failing}, func(s *stage) {
		s.account()
		s.press("5", "o", "y")
		s.see("The sign-out is not complete: the server is away")
		s.rummage()
	})
}

// TestSignOutRemovesWhatWasOpened: an image that the desktop was given goes, too.
func TestSignOutRemovesWhatWasOpened(t *testing.T) {
	t.Parallel()
	var path string
	set := setting{session: known(), open: func(file string) error {
		path = file
		return nil
	}}
	set.session.tools = []client.Tool{{Name: "text"}}
	play(t, set, func(s *stage) {
		s.settle()
		s.press("enter", "down", "down", "enter")
		if _, err := os.Stat(path); err != nil {
			t.Fatal(err)
		}
		s.press("5", "o", "y")
		if _, err := os.Stat(filepath.Dir(path)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s is still there: %v", path, err)
			s.m.ClearShelf()
		}
	})
}
