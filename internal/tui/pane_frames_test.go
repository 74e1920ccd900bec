package tui_test

import "github.com/mcpdiscord/mcpdiscord/internal/client"

// paneScenes are the panes beside the tools.
var paneScenes = []scene{
	{name: "resources", act: func(s *stage) {
		s.settle()
		s.press("2")
	}},
	{name: "resources none", session: &session{tools: tools()}, act: func(s *stage) {
		s.settle()
		s.press("2")
	}},
	{name: "resources filter", act: func(s *stage) {
		s.settle()
		s.press("2", "/")
		s.write("template")
	}},
	{name: "resource template", act: func(s *stage) {
		s.settle()
		s.press("2", "G")
		s.press("up", "enter")
		s.write("a b/ü")
	}},
	{name: "resource read", act: func(s *stage) {
		s.settle()
		s.press("2", "enter")
	}},
	{name: "resources watched", act: func(s *stage) {
		s.settle()
		s.press("2", "w", "down", "w", "down", "w")
		s.hear(client.News{Kind: client.NewsResource, URI: "https://example.com/logo.png"})
		s.hear(client.News{Kind: client.NewsResource, URI: "file:///notes.txt", Missed: true})
		s.press("g")
	}},
	{name: "resource failed", act: func(s *stage) {
		s.settle()
		s.press("2", "G", "enter")
	}},
	{name: "prompts", act: func(s *stage) {
		s.settle()
		s.press("3")
	}},
	{name: "prompts none", session: &session{tools: tools()}, act: func(s *stage) {
		s.settle()
		s.press("3")
	}},
	{name: "prompt form", act: func(s *stage) {
		s.settle()
		s.press("3", "enter")
		s.write("Go")
		s.press("ctrl+s")
	}},
	{name: "prompt", act: func(s *stage) {
		s.settle()
		s.press("3", "enter")
		s.write("Go")
		s.press("enter")
		s.write("package main")
		s.press("ctrl+s")
	}},
	{name: "history past", session: &session{tools: tools()}, history: past, act: func(s *stage) {
		s.settle()
		s.press("4")
	}},
	{name: "history past call", session: &session{tools: tools()}, history: past, act: func(s *stage) {
		s.settle()
		s.press("4", "enter")
	}},
	{name: "history past call without arguments", session: &session{tools: tools()}, history: past, act: func(s *stage) {
		s.settle()
		s.press("4", "G", "enter")
	}},
	{name: "history past secret", session: &session{tools: tools()}, history: past, act: func(s *stage) {
		s.settle()
		s.press("4", "r")
	}},
	{name: "question", session: asking, act: func(s *stage) {
		s.settle()
		s.press("enter")
	}},
	{name: "question wrong", session: asking, act: func(s *stage) {
		s.settle()
		s.press("enter", "down", "x", "ctrl+s")
	}},
	{name: "question address", session: asking, act: func(s *stage) {
		s.settle()
		s.press("down", "enter")
	}},
	{name: "question yes or no", session: asking, act: func(s *stage) {
		s.settle()
		s.press("down", "down", "enter")
	}},
	{name: "question elsewhere", session: asking, act: func(s *stage) {
		s.settle()
		s.press("G", "enter", "b")
		close(s.session.release)
		s.settle()
		s.press("4")
	}},
	{name: "inspector", act: func(s *stage) {
		s.settle()
		s.press("5")
	}},
	{name: "inspector full", session: known(), act: func(s *stage) {
		s.settle()
		s.exchange()
		s.press("5")
	}},
	{name: "inspector exchanges", session: known(), act: func(s *stage) {
		s.settle()
		s.exchange()
		s.press("5", "G", "up")
	}},
	{name: "inspector exchange", session: known(), act: func(s *stage) {
		s.settle()
		s.exchange()
		s.press("5", "G", "enter")
	}},
	{name: "inspector capabilities", session: known(), act: func(s *stage) {
		s.settle()
		s.press("5")
		s.find("can do")
		s.press("enter")
	}},
	{name: "sign out asked", session: known(), act: func(s *stage) {
		s.settle()
		s.press("5", "o")
	}},
	{name: "signed out", session: known(), act: func(s *stage) {
		s.settle()
		s.press("5", "o", "y")
	}},
}

// past is a history on disk.
const past = `{"calls":[
	{"kind":"tool","name":"text","arguments":{},"outcome":"answered","began":"2026-03-12T08:15:00Z","took_ms":240},
	{"kind":"resource","name":"file:///notes.txt","arguments":{},"outcome":"failed","began":"2026-03-13T21:05:00Z","took_ms":30},
	{"kind":"tool","name":"fail","arguments":{},"outcome":"error","began":"2026-03-14T11:00:00Z","took_ms":1500},
	{"kind":"tool","name":"secret","arguments":{"password":"•••","note":"a note"},"withheld":true,"outcome":"answered","began":"2026-03-14T11:30:00Z","took_ms":12}]}`
