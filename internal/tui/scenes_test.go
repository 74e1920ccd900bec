package tui_test

import (
	"slices"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// scene is a screen in one of its states; the act starts while the tools load.
type scene struct {
	name    string
	session *session // nil: the usual one
	events  bool
	history string // on disk
	dials   bool
	act     func(s *stage)
}

// allScenes are all screens and their states.
func allScenes() []scene { return slices.Concat(scenes, paneScenes) }

// scenes are those of tools and their calls.
var scenes = []scene{
	{name: "loading", act: func(s *stage) {
		s.now = s.now.Add(2300e6)
		s.send(s.m.Frame())
	}},
	{name: "tools", act: func(s *stage) { s.settle() }},
	{name: "tools none", session: &session{}, act: func(s *stage) { s.settle() }},
	{name: "tools last", act: func(s *stage) {
		s.settle()
		s.press("G")
	}},
	{name: "filter", act: func(s *stage) {
		s.settle()
		s.press("/")
		s.write("for good")
	}},
	{name: "filter none", act: func(s *stage) {
		s.settle()
		s.press("/")
		s.write("nowhere")
	}},
	{name: "form", act: func(s *stage) {
		s.settle()
		s.choose("everything")
	}},
	{name: "form choice", act: func(s *stage) {
		s.settle()
		s.choose("everything")
		s.press("down", "down", "right")
	}},
	{name: "form errors", act: func(s *stage) {
		s.settle()
		s.choose("everything")
		s.press("down", "x", "down", "down", "down")
		s.write("1.2.3")
		s.press("down", "space", "down")
		s.write("{}")
		s.press("down")
		s.write(`{"a":`)
		s.press("ctrl+s")
	}},
	{name: "form long", act: func(s *stage) {
		s.settle()
		s.choose("everything")
		s.send(tea.PasteMsg{Content: strings.Repeat("long 日本語 ", 30) + "\nend"})
		s.press("end")
	}},
	{name: "confirm", act: func(s *stage) {
		s.settle()
		s.choose("delete_channel")
		s.write("80351110224678912")
		s.press("enter")
	}},
	{name: "running", act: func(s *stage) {
		s.settle()
		s.choose("slow")
		s.now = s.now.Add(3200e6)
		s.send(s.m.Frame())
	}},
	{name: "canceled", act: func(s *stage) {
		s.settle()
		s.choose("slow")
		s.now = s.now.Add(3200e6)
		s.press("esc")
	}},
	{name: "connecting", dials: true, act: func(s *stage) { s.settle() }},
	{name: "connecting fails", dials: true, act: func(s *stage) {
		s.ends(s.session.dials, &client.Error{
			Kind: client.KindUnavailable, Message: "the server at localhost:8000 cannot be reached", Hint: "start it with {program} serve --dev",
		})
	}},
	{name: "login discovered", dials: true, act: func(s *stage) { s.announce(client.EventDiscovered) }},
	{name: "login", dials: true, act: func(s *stage) {
		s.announce(client.EventDiscovered)
		s.announce(client.EventRegistered)
		s.announce(client.EventSignIn)
	}},
	{name: "login elsewhere", dials: true, act: func(s *stage) {
		s.announce(client.EventDiscovered)
		s.announce(client.EventSignIn)
		s.announce(client.EventNoBrowser)
	}},
	{name: "login pasted", dials: true, act: func(s *stage) {
		s.announce(client.EventDiscovered)
		s.announce(client.EventSignIn)
		s.announce(client.EventNoBrowser)
		s.send(tea.PasteMsg{Content: "http://127.0.0.1:41234/callback?code=x"})
	}},
	{name: "login paste refused", dials: true, act: func(s *stage) {
		s.announce(client.EventDiscovered)
		s.announce(client.EventSignIn)
		s.events <- client.Event{Kind: client.EventPasteRefused, Text: "that is not the address that was expected"}
		s.settle()
	}},
	{name: "login returned", dials: true, act: func(s *stage) {
		s.announce(client.EventDiscovered)
		s.announce(client.EventSignIn)
		s.announce(client.EventReturned)
	}},
	{name: "login denied", dials: true, act: func(s *stage) {
		s.announce(client.EventSignIn)
		s.ends(s.session.dials, denied)
	}},
	{name: "login canceled", dials: true, act: func(s *stage) {
		s.announce(client.EventSignIn)
		s.press("esc")
	}},
	{name: "scope missing", act: func(s *stage) {
		s.settle()
		s.choose("scope")
	}},
	{name: "scope asked for", events: true, act: func(s *stage) {
		s.settle()
		s.choose("scope")
		s.press("s")
		s.announce(client.EventSignIn)
	}},
	{name: "connection lost", act: func(s *stage) {
		s.settle()
		s.lose()
	}},
	{name: "result", act: func(s *stage) {
		s.settle()
		s.press("enter")
	}},
	{name: "result text", act: func(s *stage) {
		s.settle()
		s.choose("text")
	}},
	{name: "result error", act: func(s *stage) {
		s.settle()
		s.choose("fail")
	}},
	{name: "result hostile", act: func(s *stage) {
		s.settle()
		s.choose("hostile")
		s.press("pgdown")
	}},
	{name: "failure", act: func(s *stage) {
		s.settle()
		s.choose("break")
	}},
	{name: "failure first", session: &session{loadErr: &client.Error{
		Kind: client.KindAuth, Message: "the sign-in has ended", Hint: "run {program} connect http://localhost:8000/mcp to sign in again",
	}}, act: func(s *stage) { s.settle() }},
	{name: "history none", act: func(s *stage) {
		s.settle()
		s.press("4")
	}},
	{name: "history", act: func(s *stage) { s.some(); s.press("4", "down") }},
	{name: "log none", act: func(s *stage) {
		s.settle()
		s.press("6")
	}},
	{name: "log", act: func(s *stage) { s.some(); s.press("6") }},
	{name: "palette", act: func(s *stage) {
		s.settle()
		s.press("ctrl+p")
	}},
	{name: "palette filtered", act: func(s *stage) {
		s.settle()
		s.press("ctrl+p")
		s.write("gui")
	}},
	{name: "help", act: func(s *stage) {
		s.settle()
		s.press("?")
	}},
	{name: "help in a field", act: func(s *stage) {
		s.settle()
		s.choose("everything")
		s.press("f1", "pgdown")
	}},
	{name: "filter fuzzy", act: func(s *stage) {
		s.settle()
		s.press("/")
		s.write("gui")
	}},
	{name: "ungrouped", act: func(s *stage) {
		s.settle()
		s.press("o")
	}},
	{name: "quit asked", act: func(s *stage) {
		s.settle()
		s.press("ctrl+c")
	}},
	{name: "token expired", act: func(s *stage) {
		s.settle()
		s.now = s.now.Add(2 * 3600e9)
		s.send(tui.Clock())
	}},
}
