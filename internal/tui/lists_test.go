package tui_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

var toolsChanged = client.News{Kind: client.NewsTools}

// TestListChanged: the list follows the server, and the user stays where he is.
func TestListChanged(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.now = s.now.Add(time.Minute)
		s.press("down", "down")
		s.see("› secret")
		s.session.tools = append([]client.Tool{{Name: "brand_new"}}, tools()...)
		s.hear(toolsChanged)
		s.see("› secret", "brand_new", "the server's tools have changed: 13 tools", "4 of 13")
		s.press("/")
		s.write("e")
		s.press("down", "down", "down")
		s.see("/ e", "› get_user_info", "4 of 11, 13 in all")
		s.tick(time.Second)
		s.session.tools = tools()
		s.hear(toolsChanged)
		s.see("/ e", "› get_user_info", "3 of 10, 12 in all")
	})
}

// TestListTheSame: a server that says that its list has changed, and has the same, disturbs nobody.
func TestListTheSame(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.now = s.now.Add(time.Minute)
		s.hear(toolsChanged, client.News{Kind: client.NewsPrompts}) // that nobody has seen
		if s.session.listed != 2 || s.session.prompted != 0 || strings.Contains(s.frame(), "changed") {
			t.Errorf("%d and %d lists:\n%s", s.session.listed, s.session.prompted, s.frame())
		}
		s.session.loadErr = &client.Error{Kind: client.KindFailure, Message: "not now"}
		s.tick(time.Second)
		s.hear(toolsChanged)
		s.see("› get_user_info")
		s.press("6")
		s.see("The tools could not be loaded: not now")
		s.press("3")
		s.hear(client.News{Kind: client.NewsPrompts}, client.News{Kind: client.NewsResources})
		s.tick(time.Second)
		if s.session.prompted != 2 {
			t.Errorf("%d lists of prompts", s.session.prompted)
		}
	})
}

// TestListGone: where the selected item is gone the cursor keeps its place.
func TestListGone(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.now = s.now.Add(time.Minute)
		s.press("down", "down")
		s.session.tools = append(tools()[:2], tools()[3:]...)
		s.hear(toolsChanged)
		s.see("› secret", "3 of 11")
		s.session.tools = nil
		s.tick(time.Second)
		s.hear(toolsChanged)
		s.see("This server has no tools.")
	})
}

// TestStorm: a thousand changes a second are one fetch a second, at most one of them under way.
func TestStorm(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.now = s.now.Add(time.Minute)
		for range 10 {
			for range 1000 {
				s.now = s.now.Add(time.Millisecond)
				s.hear(toolsChanged)
			}
			s.send(tui.Clock())
		}
		s.settle()
		if n := s.session.listed; n < 10 || n > 13 {
			t.Errorf("%d lists in 10 s", n)
		}
		listed := s.session.listed
		s.tick(2 * time.Second)
		s.tick(2 * time.Second)
		if n := s.session.listed - listed; n > 1 {
			t.Errorf("%d lists after the storm", n)
		}
	})
}

// TestSlowList: while a list is on its way, one more fetch waits.
func TestSlowList(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.session.lists = make(chan struct{})
		for range 10 {
			s.now = s.now.Add(time.Minute)
			s.hear(toolsChanged)
		}
		if n := s.session.listed; n != 2 {
			t.Errorf("%d lists at once", n-1)
		}
		close(s.session.lists)
		s.settle()
		if n := s.session.listed; n != 3 {
			t.Errorf("%d lists, want 3", n)
		}
	})
}

// TestFormOutlivesChange: what is being typed is not taken away, and the new form has it.
func TestFormOutlivesChange(t *testing.T) {
	t.Parallel()
	open(t, func(s *stage) {
		s.now = s.now.Add(time.Minute)
		s.choose("delete_channel")
		s.write("123")
		changed := tools()
		changed[2].InputSchema = json.RawMessage(`{"properties":{"channel_id":{"type":"string"},"why":{"type":"string"}},"required":["channel_id"]}`)
		s.session.tools = changed
		s.hear(toolsChanged)
		s.see("delete_channel has changed: esc, and open it again")
		s.write("45")
		s.see("12345")
		s.press("esc", "enter")
		s.see("12345", "why")
		s.session.tools = tools()[:2]
		s.tick(time.Second)
		s.hear(toolsChanged)
		s.see("the server has no delete_channel any more", "12345")
		s.write("6")
		s.see("123456")
	})
}
