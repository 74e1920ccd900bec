package main

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	yaml "go.yaml.in/yaml/v3"
)

const yamlExample = `# ours
---
server: https://mcp.example.com/mcp   # the one
timeout: 10s
json: true
empty:
scope: [read, 'a, b', "c\"d", ]
header:
- 'X-Api-Key: ${API_KEY}'
- "tab\there"
serve:
  addr: 127.0.0.1:8000
  optional-scopes: []
  allow-user:
    - "80351110224678912"
    - 80351110224678912
  proxy: 'it''s'
color: never
`

func TestYAML(t *testing.T) {
	t.Parallel()
	got, err := parseYAML(yamlExample)
	if err != nil {
		t.Fatal(err)
	}
	value := func(key string, line int, value string) setting {
		return setting{key: key, line: line, kind: isValue, values: []string{value}}
	}
	list := func(key string, line int, values ...string) setting {
		return setting{key: key, line: line, kind: isList, values: append([]string{}, values...)}
	}
	want := []setting{
		value("server", 3, "https://mcp.example.com/mcp"), value("timeout", 4, "10s"), value("json", 5, "true"),
		{key: "empty", line: 6},
		list("scope", 7, "read", "a, b", `c"d`),
		list("header", 8, "X-Api-Key: ${API_KEY}", "tab\there"),
		{key: "serve", line: 11, kind: isMap, keys: []setting{
			value("addr", 12, "127.0.0.1:8000"), list("optional-scopes", 13),
			list("allow-user", 14, "80351110224678912", "80351110224678912"), value("proxy", 17, "it's"),
		}},
		value("color", 18, "never"),
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(setting{})); diff != "" {
		t.Errorf("parseYAML (-want +got):\n%s", diff)
	}
}

func TestYAMLRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, text string
		line       int
	}{
		{"a tab", "a: b\n\tc: d", 2},
		{"an anchor", "a: &x b\nc: *x", 1},
		{"an alias", "a: *x", 1},
		{"a tag", "a: !!str b", 1},
		{"a text block", "a: |\n  b", 1},
		{"a folded block", "a: >-\n  b", 1},
		{"a flow map", "a: {b: c}", 1},
		{"a value over two lines", "a: b\n  c", 2},
		{"quotes over two lines", "a: 'b\n  c'", 1},
		{"a bracket over two lines", "a: [b,\n  c]", 1},
		{"a list in a list", "a:\n- - b", 2},
		{"a map in a list", "a:\n- b: c", 2},
		{"a list in brackets in brackets", "a: [[b]]", 1},
		{"a map in brackets", "a: [b: c]", 1},
		{"an empty item", "a: [b,,c]", 1},
		{"a null item", "a:\n-\n- b", 2},
		{"a header without quotes", "header: X-Api-Key: x", 1},
		{"three levels", "a:\n  b:\n    c: d", 3},
		{"keys that are not aligned", "a:\n   b: c\n  d: e", 3},
		{"an indented start", " a: b", 1},
		{"a key twice", "a: b\n\na: c", 3},
		{"a merge key", "a:\n  <<: b", 2},
		{"a list at the top", "- a", 1},
		{"a word", "a", 1},
		{"no space after the colon", "a:b", 1},
		{"a second document", "a: b\n---\nc: d", 2},
		{"a directive", "%YAML 1.2\n---\na: b", 1},
		{"an escape", `a: "\x41"`, 1},
		{"text after quotes", "a: 'b' c", 1},
		{"a control character", "a: b\nc: \x1b[31m", 2},
		{"no UTF-8", "a: \xff", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseYAML(test.text)
			var refused *yamlError
			if !errors.As(err, &refused) || refused.line != test.line || refused.hint == "" {
				t.Errorf("parseYAML(%q): %+v, %v; want an error of line %d with a hint", test.text, got, err, test.line)
			}
		})
	}
}

// FuzzYAML: what is accepted means the same to a reader of all of YAML.
func FuzzYAML(f *testing.F) {
	for _, seed := range []string{
		yamlExample, "", "a:", "a: ~", "a: [b]", "a:\n- b", "a: - b", "a: 'b' #c", "a: b#c", "a: http://b:1/#c", "a: 'b'#c", "a: -", "a: [-]", "a: [- b]",
		"a: [:b]", "a: :b", "a: ?b", "a: [a?b]", "a: =", "null: b", "a: \"b\\n\"", "a: b\r\nc: d\r\n", "a: [b]#c", "a: [ ]", "a: [,]", "a: ['b':c]", "a: ---", "a:\n-\tb",
		"a: 0x10", "a: 1_0", "a: b\u00a0", "a: \u00a0b", "a:\n  b: c\n  # d\ne: f", "a: \"b\" ", "a: b\r", "a: [\"a\"b]", "a: b ]", "a: [b #c\n]",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := parseYAML(text)
		if err != nil {
			return
		}
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
			t.Fatalf("%q is accepted, but is no YAML: %v", text, err)
		}
		var want []setting
		if len(doc.Content) > 0 && doc.Content[0].Tag != "!!null" {
			want = settingsOf(t, doc.Content[0])
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(setting{})); diff != "" {
			t.Errorf("%q means something else to a reader of all of YAML (-all +ours):\n%s", text, diff)
		}
	})
}

// settingsOf is what another parser found.
func settingsOf(t *testing.T, node *yaml.Node) []setting {
	t.Helper()
	if node.Kind != yaml.MappingNode {
		t.Fatalf("it is no mapping: %+v", node)
	}
	var settings []setting
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		s := setting{key: key.Value, line: key.Line}
		switch {
		case value.Tag == "!!null":
		case value.Kind == yaml.ScalarNode:
			s.kind, s.values = isValue, []string{value.Value}
		case value.Kind == yaml.SequenceNode:
			s.kind, s.values = isList, []string{}
			for _, item := range value.Content {
				if item.Kind != yaml.ScalarNode || item.Tag == "!!null" {
					t.Fatalf("an item is %+v", item)
				}
				s.values = append(s.values, item.Value)
			}
		default:
			s.kind, s.keys = isMap, settingsOf(t, value)
		}
		settings = append(settings, s)
	}
	return settings
}

// TestYAMLIsQuick: a file of the largest size is read in no time, whatever is
// in it.
func TestYAMLIsQuick(t *testing.T) {
	t.Parallel()
	var keys strings.Builder
	for i := range maxConfig / 8 {
		fmt.Fprintf(&keys, "%x: b\n", i)
	}
	for _, text := range []string{
		keys.String(), strings.Repeat("[", maxConfig), "a: " + strings.Repeat("[", maxConfig-3), strings.Repeat("- ", maxConfig/2),
		"a: [" + strings.Repeat("b,", maxConfig/2-2) + "]", "a:\n" + strings.Repeat("- b\n", maxConfig/4-1), "a: '" + strings.Repeat("'", maxConfig-4),
	} {
		_, _ = parseYAML(text)
	}
}
