package tui_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

func dialing(t *testing.T, act func(s *stage)) {
	t.Helper()
	play(t, setting{dials: true, signIns: true}, act)
}

func TestSignInStepByStep(t *testing.T) {
	t.Parallel()
	dialing(t, func(s *stage) {
		s.see("Connecting to localhost:8000/mcp", "not connected")
		s.announce(client.EventDiscovered)
		s.see("✓ Found the sign-in at https://auth.example.com")
		s.announce(client.EventRegistered)
		s.see("✓ Registered this program there", "Preparing the sign-in")
		s.announce(client.EventSignIn)
		s.see("Waiting for you to sign in", "https://auth.example.com/authorize?client_id=mcpd")
		s.press("c")
		s.see("copied the address")
		s.press("6")
		s.see("Waiting for you")
		s.press("p")
		s.write("http://127.0.0.1:41234/callback?code=q")
		s.press("enter")
		if got := <-s.pasted; got != "http://127.0.0.1:41234/callback?code=q" {
			t.Errorf("pasted %q", got)
		}
		if strings.Contains(s.frame(), "code=q") {
			t.Error("the code stays on the screen")
		}
		s.announce(client.EventReturned)
		s.see("Exchanging the code")
		s.ends(s.session.dials, nil)
		s.see("› get_user_info", "Nelly Elephant")
	})
}

// TestSignInInASmallWindow: an address that is not whole in any case leaves room for what goes on.
func TestSignInInASmallWindow(t *testing.T) {
	t.Parallel()
	dialing(t, func(s *stage) {
		s.send(tea.WindowSizeMsg{Width: 40, Height: 12})
		s.announce(client.EventNoBrowser)
		s.see("Waiting for the browser", "https://auth.example.com/authorize?")
		s.events <- client.Event{Kind: client.EventNoBrowser, Port: 41234, URL: "https://auth.example.com/authorize?state=" + strings.Repeat("x", 400)}
		s.settle()
		s.see("Waiting for the browser", "https://auth.example.com/authorize?", "make the window larger")
	})
}

func TestPasteSignsIn(t *testing.T) {
	t.Parallel()
	dialing(t, func(s *stage) {
		s.send(tea.PasteMsg{Content: "too early"})
		s.announce(client.EventSignIn)
		s.send(tea.PasteMsg{Content: " http://127.0.0.1/callback?code=x\n"})
		s.press("enter")
		if got := <-s.pasted; got != "http://127.0.0.1/callback?code=x" {
			t.Errorf("pasted %q", got)
		}
	})
}

// Esc cancels a sign-in and never quits; what the canceled one comes to is ignored.
func TestCancelAndRetrySignIn(t *testing.T) {
	t.Parallel()
	dialing(t, func(s *stage) {
		s.announce(client.EventSignIn)
		s.press("p", "esc")
		s.see("Waiting for you")
		s.press("esc")
		s.see("The sign-in was canceled", "Press r to try again")
		s.press("esc", "esc", "1", "/", "x")
		s.see("The sign-in was canceled")
		s.press("r")
		s.see("Connecting to")
		if strings.Contains(s.frame(), "auth.example.com") {
			t.Error("the address of the sign-in before is shown")
		}
		s.ends(s.session.dials, denied)
		s.see("Sign-in was denied", "Press r to try again")
		s.press("r")
		s.ends(s.session.dials, nil)
		s.see("› get_user_info")
	})
}

func TestQuitFromSignIn(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		act  func(s *stage)
		kind client.Kind
	}{
		"denied":      {func(s *stage) { s.ends(s.session.dials, denied); s.press("q") }, client.KindAuth},
		"canceled":    {func(s *stage) { s.press("esc", "q") }, client.KindAuth},
		"under way":   {func(s *stage) { s.press("q") }, client.KindAuth},
		"unreachable": {func(s *stage) { s.ends(s.session.dials, &client.Error{Kind: client.KindUnavailable}); s.press("q") }, client.KindUnavailable},
		"ctrl+c":      {func(s *stage) { s.press("ctrl+c", "ctrl+c") }, client.KindInterrupted},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dialing(t, func(s *stage) {
				s.settle()
				test.act(s)
				var known *client.Error
				if !s.quit || !errors.As(s.m.Err(), &known) || known.Kind != test.kind {
					t.Errorf("quit %v with %v", s.quit, s.m.Err())
				}
			})
		})
	}
}

func TestStepUp(t *testing.T) {
	t.Parallel()
	play(t, setting{signIns: true}, func(s *stage) {
		s.settle()
		s.choose("scope")
		s.see("This needs a permission", "Press s to sign in again with guilds")
		s.press("s")
		s.see("Signing in with guilds")
		s.announce(client.EventSignIn)
		s.see("auth.example.com")
		s.ends(s.session.signIns, nil)
		s.see("✓ scope")
		if want := []string{"scope {}", "sign in guilds", "scope {}"}; !slices.Equal(s.session.calls, want) {
			t.Errorf("calls %q, want %q", s.session.calls, want)
		}
	})
}

// A sign-in that is denied leads back to what there was.
func TestStepUpDenied(t *testing.T) {
	t.Parallel()
	play(t, setting{signIns: true}, func(s *stage) {
		s.settle()
		s.choose("scope")
		s.press("s")
		s.ends(s.session.signIns, denied)
		s.see("Sign-in was denied")
		s.press("esc")
		s.see("Press s to sign in again")
		s.press("esc")
		s.see("› scope")
	})
}

func TestConnectionMendsItself(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.play("/ everything enter enter 8035")
		s.lose()
		s.see("connection lost, trying again in 1 s", "8035")
		s.tick(time.Second)
		s.see("trying again in 2 s")
		s.tick(time.Second)
		s.see("trying again in 1 s")
		s.session.pingErr = nil
		s.tick(time.Second)
		s.see("connected again", "Nelly", "8035")
		if strings.Contains(s.frame(), "lost") {
			t.Error("the connection is still lost")
		}
	})
}

// TestCut: a stream that ends tells sooner that the connection may be lost.
func TestCut(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		cut := client.News{Kind: client.NewsCut}
		s.hear(cut)
		if strings.Contains(s.frame(), "lost") {
			t.Errorf("only the stream has ended:\n%s", s.frame())
		}
		s.session.pingErr = &client.Error{Kind: client.KindUnavailable, Message: "cannot reach localhost:8000"}
		s.hear(cut)
		s.see("connection lost, trying again in 1 s")
	})
}

// TestMendedKeepsThePlace: what may have changed meanwhile is fetched, and nothing else happens.
func TestMendedKeepsThePlace(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.play("2 down 3 down 1 / e enter down down")
		s.see("› get_user_info")
		s.lose()
		s.session.pingErr = nil
		s.session.tools = append([]client.Tool{{Name: "brand_new"}}, tools()...)
		s.tick(time.Second)
		s.see("connected again", "› get_user_info", "brand_new", "/ e")
		if s.session.listed != 2 || s.session.prompted != 2 {
			t.Errorf("%d lists of tools, %d of prompts", s.session.listed, s.session.prompted)
		}
		s.press("3")
		s.see("› greet")
		s.press("2")
		s.see("› https://example.com/logo.png")
	})
}

func TestSignInEnds(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.session.pingErr = &client.Error{Kind: client.KindAuth, Message: "the sign-in has ended", SignIn: true}
		s.tick(21 * time.Second)
		s.see("sign-in has ended")
		s.session.pingErr = nil
		s.tick(21 * time.Second)
		s.see("token 59 min")
	})
}

// What gets through before the connection is tried again mends it, too.
func TestListMendsConnection(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.press("3", "1")
		s.lose()
		s.session.pingErr = nil
		s.press("r")
		s.see("connected again")
		s.tick(time.Minute)
		if s.session.prompted != 2 {
			t.Error("what else may have changed was not fetched")
		}
		if strings.Contains(s.frame(), "lost") {
			t.Error("the connection is still lost")
		}
	})
}

// A call that finds no server tells so, too.
func TestCallFindsNoServer(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.choose("break")
		s.see("connection lost", "cannot be reached")
		s.tick(time.Second)
		s.see("connected again")
	})
}
