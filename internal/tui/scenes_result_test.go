package tui_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/charmbracelet/x/exp/golden"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// members is what most of the scenes below look at.
var members = &client.Result{
	Structured: json.RawMessage(`{"guild":{"id":"80351110224678912","owner":null},"members":[` +
		`{"id":1420070400000000001,"nick":"Nelly 🐘","roles":["admin","mod"],"bot":false,"about":"` + strings.Repeat("She likes long walks. ", 4) + `"},` +
		`{"id":7,"nick":"日本語","joined":"2026-03-14","bot":true},{"id":8,"nick":null,"\u202eodd":{"a":[]}}],` +
		`"motd":"Welcome!\nBe kind to \"others\".\n` + strings.Repeat("x", 300) + `","more":false}`),
	Content: []client.Content{
		{Type: "text", Text: "There are 3 members."},
		{Type: "image", MIMEType: "image/png", Name: "icon", Data: strings.Repeat("A", 16400)},
		{Type: "resource_link", URI: "https://example.com/guild?id=80351110224678912", Name: "the guild"},
	},
	Exchange: client.Exchange{
		Request:  json.RawMessage(`{"jsonrpc":"2.0","id":3,"method":"tools/call","params":{"name":"get_members","arguments":{"limit":3}}}`),
		Response: json.RawMessage(`{"jsonrpc":"2.0","id":3,"result":{"content":[],"structuredContent":{"guild":{}}}}`),
	},
}

// resultScenes are the ways to look at a result, and their states.
var resultScenes = []struct {
	name string
	res  *client.Result // nil: members
	keys string
}{
	{name: "tree"},
	{name: "tree folded", keys: "-"},
	{name: "tree long string", keys: "- down down down enter down down"},
	{name: "tree end", keys: "G"},
	{name: "tree deep", res: structured(strings.Repeat(`{"a":[`, 30) + `"x"` + strings.Repeat("]}", 30)), keys: "G"},
	{name: "table", keys: "t"},
	{name: "table moved", keys: "t down down right right"},
	{name: "table search", keys: "t / type:walks enter"},
	{name: "text", keys: "w"},
	{name: "text long", res: textResult(strings.Repeat("A line of a text that is longer than a small window. ", 3) + strings.Repeat("\nnext", 50)), keys: "pgdown"},
	{name: "raw", keys: "x"},
	{name: "search", keys: "/ type:nick"},
	{name: "search kept", keys: "- / type:日本 enter"},
	{name: "search none", keys: "/ type:nowhere"},
	{name: "image", keys: "G up"},
	{name: "link question", keys: "G o"},
	{name: "save", keys: "s"},
	{name: "save exists", keys: "s ctrl+u type:testdata/there.txt enter"},
	{name: "error", res: &client.Result{IsError: true, Structured: json.RawMessage(`{"code":50013}`), Content: textResult("Missing Permissions\nAsk an admin.").Content}},
	{name: "empty", res: &client.Result{}},
}

func TestResultFrames(t *testing.T) {
	t.Parallel()
	for _, scene := range resultScenes {
		for name, size := range map[string][2]int{"80x24": {78, 19}, "120x40": {118, 35}, "40x12": {38, 7}} {
			for _, coloring := range []struct {
				name        string
				dark, color bool
			}{{"no color", true, false}, {"dark", true, true}, {"light", false, true}} {
				t.Run(scene.name+"/"+name+" "+coloring.name, func(t *testing.T) {
					t.Parallel()
					res := scene.res
					if res == nil {
						res = members
					}
					v := tui.NewViewer(res, size[0], size[1])
					v.Theme(coloring.dark, coloring.color)
					keys(v, scene.keys)
					golden.RequireEqual(t, v.Tabs()+"\n"+v.Frame()+"\n"+strings.Join(v.Hints(), ", ")+"\n")
					checkFrame(t, strings.Join(v.Rows(), "\n"), size[0], len(v.Rows()))
				})
			}
		}
	}
}
