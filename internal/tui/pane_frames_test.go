package tui_test

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
	{name: "inspector", act: func(s *stage) {
		s.settle()
		s.press("5")
	}},
}
