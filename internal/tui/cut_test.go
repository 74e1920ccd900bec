package tui_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// TestSearchAcrossCuts looks for what lies across the places where an endless line is cut.
func TestSearchAcrossCuts(t *testing.T) {
	t.Parallel()
	fill := strings.Repeat("-", 1021)
	tests := []struct {
		name   string
		res    *client.Result
		sought string
		want   string // what is highlighted, in rows
		corner string
	}{
		{"text", textResult(fill + "needle" + fill), "needle", "nee|dle", "1 of 1"},
		{"text in any case", textResult(fill + "NeEdLe"), "needle", "NeE|dLe", "1 of 1"},
		{"cut at a space", textResult(fill[:1000] + " two words" + strings.Repeat("x", 100)), "two words", "two |words", "1 of 1"},
		{"string", structured(`["` + fill + `needle` + fill + `"]`), "needle", "nee|dle", "1 of 1"},
		{"escapes", structured(`["` + fill[:1017] + `\u006eeedle"]`), "needle", "ne|edle", "1 of 1"},
		{"upper case counts", textResult(fill + "needle"), "neeDle", "", "no match"},
		{"wide", structured(`["` + strings.Repeat("日", 341) + `本語"]`), "日本", "日|本", "1 of 1"},
		{"over three pieces", structured(`["x` + strings.Repeat(`\u003c`, 400) + `"]`), "x" + strings.Repeat("<", 345), "x" + strings.Repeat("<", 170) + "|" + strings.Repeat("<", 170) + "|<<<<<", "1 of 1"},
		{"both ways", textResult(strings.Repeat("aab", 700)), "baab", "", "1 of 3"},
		{"not over the end of a line", structured(`["` + fill + `nee\ndle"]`), "needle", "", "no match"},
		{"not over the end of a text", textResult(fill+"nee", "dle"), "needle", "", "no match"},
		{"error", &client.Result{IsError: true, Content: textResult(fill + "needle").Content}, "needle", "nee|dle", "1 of 1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			v := tui.NewViewer(test.res, 1100, 20)
			v.Theme(true, true)
			keys(v, "+ right right right right / ")
			v.Paste(test.sought)
			keys(v, "enter")
			var lit []string
			for _, row := range v.Rows() {
				if match := highlighted.FindAllStringSubmatch(row, -1); match != nil {
					words := ""
					for _, m := range match {
						words += m[1]
					}
					lit = append(lit, words)
				}
			}
			if got := strings.Join(lit, "|"); test.want != "" && got != test.want {
				t.Errorf("highlighted %q, want %q", got, test.want)
			}
			if frame := v.Frame(); !strings.HasSuffix(frame, "\n-- "+test.corner) {
				t.Errorf("corner %q, want %q", frame[strings.LastIndex(frame, "\n"):], test.corner)
			}
		})
	}
}

// highlighted is a match on the screen.
var highlighted = regexp.MustCompile("\x1b\\[7;[^m]*m([^\x1b]*)\x1b")

// TestMatchIsInSight looks for words that are deep in a line that is higher than the window.
func TestMatchIsInSight(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("words ", 100) + "needle " + strings.Repeat("words ", 300)
	for name, res := range map[string]*client.Result{
		"text":         textResult("above", long, "below"),
		"string":       structured(`{"a":1,"b":"` + long[:1000] + `","c":2}`),
		"long string":  structured(`{"a":1,"b":"` + long + `","c":2}`),
		"across a cut": textResult(long[:600]+strings.Repeat("-", 421)+"needle", long[:600]),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := tui.NewViewer(res, 38, 7)
			keys(v, "/ type:needle enter")
			frame := v.Frame()
			if !strings.Contains(strings.ReplaceAll(frame, "\n", ""), "needle") || !strings.HasSuffix(frame, "1 of 1") {
				t.Errorf("not in sight:\n%s", frame)
			}
			keys(v, "n")
			if again := v.Frame(); again != frame {
				t.Errorf("the only match moves:\n%s", again)
			}
		})
	}
}
