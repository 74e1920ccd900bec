package markup_test

import (
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/mcpdiscord/mcpdiscord/internal/markup"
)

// hostile is text that would be markup in any of the places that take text.
const hostile = `"'><script>alert(1)</script><b x="&lt;`

func TestFormat(t *testing.T) {
	t.Parallel()
	const escaped = `&#34;&#39;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&lt;b x=&#34;&amp;lt;`
	bold := markup.Format(`<b>%s</b>`, hostile)
	for _, tt := range []struct {
		name string
		got  markup.HTML
		want string
	}{
		{"constant", markup.Format(`<p class="x">100% & more</p>`), `<p class="x">100% & more</p>`},
		{"text", markup.Format(`<p>%s</p>`, hostile), `<p>` + escaped + `</p>`},
		{"title", markup.Format(`<title>%s</title>`, hostile), `<title>` + escaped + `</title>`},
		{"value", markup.Format(`<input value="%s">`, hostile), `<input value="` + escaped + `">`},
		{"end of a class", markup.Format(`<i id="i" class="a b-%s">`, hostile), `<i id="i" class="a b-` + escaped + `">`},
		{"number", markup.Format(`<i class="b-%s">%s</i>`, 1, 2), `<i class="b-1">2</i>`},
		{"slot in a part", markup.Format(`<p>%s %s</p>`, "%s", "two"), `<p>%s two</p>`},
		{"markup", markup.Format(`<p>%s%s</p>`, bold, markup.HTML{}), `<p><b>` + escaped + `</b></p>`},
		{"joined", markup.Join([]markup.HTML{bold, markup.Format(`<br>`)}), `<b>` + escaped + `</b><br>`},
		{"style", markup.Style(`a > b { color: "x" }`), `<style>a > b { color: "x" }</style>`},
		{"text that looks like a link", markup.Format(`<p>%s</p>`, "javascript:x"), `<p>javascript:x</p>`},
	} {
		if got := tt.got.String(); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.name, got, tt.want)
		}
	}
}

func TestLink(t *testing.T) {
	t.Parallel()
	for link, want := range map[string]string{
		"https://a.example/cb?x=1&y=\"": `https://a.example/cb?x=1&amp;y=&#34;`,
		"cursor://a/cb":                 "cursor://a/cb",
		"com.example.app://cb":          "com.example.app://cb",
		"":                              "#",
		"/cb":                           "#",
		"//a.example/cb":                "#",
		"javascript:alert(1)":           "#",
		"javascript://a/%0aalert(1)":    "#",
		"JavaScript://a/%0aalert(1)":    "#",
		"java\nscript://a/%0aalert(1)":  "#",
		" javascript://a/%0aalert(1)":   "#",
		"vbscript://a/%0ax":             "#",
		"data://text/html,x":            "#",
		"javascript:x//://":             "#",
	} {
		if got := markup.Format(`<a class="b" href="%s">`, markup.Link(link)).String(); got != `<a class="b" href="`+want+`">` {
			t.Errorf("%q: %s", link, got)
		}
	}
}

// Escaping protects only some places, so a slot elsewhere is refused whatever
// goes in.
func TestRefused(t *testing.T) {
	t.Parallel()
	for name, format := range map[string]func() markup.HTML{
		"tag name":           func() markup.HTML { return markup.Format(`<%s>`, "b") },
		"attribute name":     func() markup.HTML { return markup.Format(`<b %s>`, "x") },
		"after an attribute": func() markup.HTML { return markup.Format(`<b class="x" %s>`, "x") },
		"no quotes":          func() markup.HTML { return markup.Format(`<b class=%s>`, "x") },
		"single quotes":      func() markup.HTML { return markup.Format(`<b class='%s'>`, "x") },
		"script":             func() markup.HTML { return markup.Format(`<script>x = "%s"</script>`, "x") },
		"style":              func() markup.HTML { return markup.Format(`<style>%s</style>`, "x") },
		"comment":            func() markup.HTML { return markup.Format(`<!-- %s -->`, "x") },
		"handler":            func() markup.HTML { return markup.Format(`<b onclick="%s">`, "x") },
		"style attribute":    func() markup.HTML { return markup.Format(`<b style="%s">`, "x") },
		"source":             func() markup.HTML { return markup.Format(`<img src="%s">`, "x") },
		"other href":         func() markup.HTML { return markup.Format(`<a data-href="%s">`, markup.Link("https://a/")) },
		"href of text":       func() markup.HTML { return markup.Format(`<a href="%s">`, "https://a/") },
		"link as text":       func() markup.HTML { return markup.Format(`<p>%s</p>`, markup.Link("https://a/")) },
		"markup in a value":  func() markup.HTML { return markup.Format(`<input value="%s">`, markup.Format(`<b>`)) },
		"too few parts":      func() markup.HTML { return markup.Format(`<p>%s %s</p>`, "x") },
		"too many parts":     func() markup.HTML { return markup.Format(`<p>%s</p>`, "x", "y") },
		"end of the style":   func() markup.HTML { return markup.Style(`</style><script>`) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			t.Logf("%s: %s", name, format())
		}()
	}
}

// FuzzFormat: whatever the text, a browser sees the elements of the format, and
// the text in them.
func FuzzFormat(f *testing.F) {
	for _, seed := range []string{"", "x", hostile, "\x00\xff", "&amp;&#60;", "</title><b>", "-->", "%s"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		page := markup.Format(`<title>%s</title><p class="%s">%s</p><input value="%s">`, text, text, text, text).String()
		var seen []string
		for z := html.NewTokenizer(strings.NewReader(page)); z.Next() != html.ErrorToken; {
			switch token := z.Token(); token.Type {
			case html.TextToken:
				seen = append(seen, "text")
			default:
				seen = append(seen, token.Type.String()+" "+token.Data)
			}
		}
		want := "StartTag title|text|EndTag title|StartTag p|text|EndTag p|StartTag input"
		if text == "" {
			want = strings.ReplaceAll(want, "text|", "")
		}
		if got := strings.Join(seen, "|"); got != want {
			t.Errorf("%q became %s: %s", text, got, page)
		}
	})
}
