package tui_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

func TestHugeResults(t *testing.T) {
	t.Parallel()
	for name, res := range map[string]*client.Result{
		"values":       structured("[" + strings.Repeat("1,", 2<<20) + "1]"),
		"bytes":        structured(`"` + strings.Repeat("x", 20<<20) + `"`),
		"newlines":     structured(`"` + strings.Repeat(`\n`, 2<<20) + `"`),
		"digits":       structured(strings.Repeat("1", 2<<20)),
		"text":         textResult(strings.Repeat("x", 20<<20)),
		"text lines":   textResult(strings.Repeat("\n", 2<<20) + "x"),
		"deep":         structured(strings.Repeat("[", 9000) + strings.Repeat("]", 9000)),
		"many content": {Content: slices.Repeat([]client.Content{{Type: "image", Data: "QQ=="}}, 700_000)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := tui.NewViewer(res, 60, 12)
			keys(v, "+ right G")
			cut := name == "values" || name == "newlines" || name == "text lines" || name == "many content"
			if got := strings.Contains(v.Frame(), "more are not shown here; s saves everything."); got != cut {
				t.Errorf("cut: %v:\n%s", got, v.Frame())
			}
			if words := v.Sound(); words != "" {
				t.Error(words)
			}
			if v.Bytes() > 128<<20 {
				t.Errorf("%d bytes", v.Bytes())
			}
		})
	}
}

// TestLargeIsKeptOnce has the structured content and the image in the answer only.
func TestLargeIsKeptOnce(t *testing.T) {
	t.Parallel()
	data := strings.Repeat("QUJD", 100_000)
	response := `{"result":{"structuredContent":"` + strings.Repeat("x", 400_000) + `","content":[{"data":"` + data + `"}]}}`
	res := structured(`"` + strings.Repeat("x", 400_000) + `"`)
	res.Content = []client.Content{{Type: "image", Data: data}}
	res.Exchange.Response = json.RawMessage(response)
	v := tui.NewViewer(res, 60, 12)
	if n := v.Bytes(); n > len(response)+50_000 || !v.Shares() {
		t.Errorf("%d bytes for an answer of %d, shared: %v", n, len(response), v.Shares())
	}
}

func FuzzViewer(f *testing.F) {
	f.Add([]byte(guild), "plain", "tGjjxw+-GkkhlNn", uint8(40))
	f.Add([]byte(`{"a":[1,"x\u00e9",{}],"b":null}`), "日本語 👨‍👩‍👧‍👦\twith\x1b[31m "+strings.Repeat("x", 5000), "+GjjkkPp", uint8(7))
	f.Add([]byte(`"`+strings.Repeat(`\\`, 3000)+`\n\u00`+`e9"`), "", "llljjjPPp-k", uint8(30))
	f.Add([]byte(strings.Repeat("[", 100)+strings.Repeat("]", 100)), `[{"a":1},{"b":"`+strings.Repeat("y", 3000)+`"}]`, "Gh/a\rnNtGl\r", uint8(20))
	f.Add([]byte(`{"a":[{"b":"`+strings.Repeat("x", 1020)+`needle","c":1},{"b":2}]}`), strings.Repeat("x", 1020)+"needle", "/needle\x1b/dle\rn-+Gn\x1btj/2\x1b", uint8(20))
	f.Fuzz(func(t *testing.T, raw []byte, text, presses string, width uint8) {
		res := textResult(text)
		res.Structured = raw
		res.Exchange = client.Exchange{Request: raw, Response: raw}
		w := max(20, int(width))
		v := tui.NewViewer(res, w, 6)
		if len(presses) > 60 {
			presses = presses[:60]
		}
		for _, r := range presses {
			switch r {
			case '\r':
				v.Press(keyNamed("enter"))
			case '\x1b':
				v.Press(keyNamed("esc"))
			case 'P':
				v.Press(keyNamed("pgdown"))
			case 'p':
				v.Press(keyNamed("pgup"))
			case 's', 'o': // those are not of this test
			default:
				v.Press(keyNamed(string(r)))
			}
			rows := v.Rows()
			if words := v.Sound(); words != "" {
				t.Fatalf("after %q: %s", r, words)
			}
			if len(rows) == 0 || len(rows) > 6 {
				t.Fatalf("after %q: %d rows", r, len(rows))
			}
			for _, row := range rows {
				if n := ansi.WcWidth.StringWidth(row); n > w {
					t.Errorf("a row of %d columns in %d: %q", n, w, row)
				}
				if plain := ansi.Strip(row); client.PrintableLine(plain) != plain {
					t.Errorf("row %q", plain)
				}
			}
		}
	})
}
