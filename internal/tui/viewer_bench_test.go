package tui_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// large is a result of n bytes, as it is received.
func large(n int) *client.Result {
	var raw bytes.Buffer
	raw.WriteString(`{"rows":[{"id":0,"name":"first"}`)
	for i := 1; raw.Len() < n; i++ {
		fmt.Fprintf(&raw, `,{"id":%d,"name":"日本 member %d","ok":true}`, 80351110224678912+i, i)
	}
	raw.WriteString("]}")
	structured := bytes.Clone(raw.Bytes())
	response := fmt.Appendf(nil, `{"jsonrpc":"2.0","id":1,"result":{"structuredContent":%s,"content":[]}}`, structured)
	return &client.Result{Structured: structured, Raw: structured, Exchange: client.Exchange{Response: response}}
}

// BenchmarkViewer is a key and a frame in results of 10 MB.
func BenchmarkViewer(b *testing.B) {
	rows := large(10 << 20)
	line := &client.Result{Structured: json.RawMessage(`{"a":"` + strings.Repeat("x日", 10<<20/4) + `"}`)}
	text := &client.Result{Content: []client.Content{{Type: "text", Text: strings.Repeat("words of a text that goes on\n", 10<<20/29)}}}
	var long bytes.Buffer // rows of 49,000 keys that are no columns
	long.WriteString(`[{"a":1`)
	for i := range 30 {
		fmt.Fprintf(&long, `,"c%d":1`, i)
	}
	for row := range 20 {
		long.WriteString(`},{"z":1`)
		for i := range 49_000 {
			fmt.Fprintf(&long, `,"k%d_%d":1`, row, i)
		}
	}
	long.WriteString(`}]`)
	spaces := strings.Repeat(" ", 250_000)
	spread := structured("[" + strings.Repeat(`{"a"`+spaces+`:1,"b"`+spaces+`:2},`, 20) + `{"c":3}]`)
	for _, test := range []struct {
		name string
		res  *client.Result
		keys string
	}{
		{"rows", rows, "down enter + G up"},
		{"line", line, "down enter G pgup up"},
		{"text", text, "G pgup up"},
		{"table", rows, "t G up"},
		{"spaces", spread, "G up"},
		{"table of spaces", spread, "t G up"},
		{"long rows", structured(long.String()), "t G up"},
	} {
		b.Run(test.name+"/read", func(b *testing.B) {
			for b.Loop() {
				tui.NewViewer(test.res, 118, 36)
			}
		})
		v := tui.NewViewer(test.res, 118, 36)
		for name := range strings.FieldsSeq(test.keys) {
			v.Press(keyNamed(name))
		}
		b.Run(test.name+"/frame", func(b *testing.B) {
			for b.Loop() {
				v.Press(keyNamed("pgup"))
				v.Frame()
				v.Press(keyNamed("pgdown"))
			}
		})
		b.Run(test.name+"/search", func(b *testing.B) {
			for b.Loop() {
				v.Press(keyNamed("/"))
				v.Paste("nowhere")
				v.Press(keyNamed("esc"))
			}
		})
	}
}

// BenchmarkViewerMemory is what a result of 10 MB takes once only the viewer is left of it.
func BenchmarkViewerMemory(b *testing.B) {
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		v := tui.NewViewer(large(10<<20), 118, 36)
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/1e6, "MB")
		b.ReportMetric(float64(v.Bytes())/1e6, "MB-counted")
	}
}
