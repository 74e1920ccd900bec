package tui_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// BenchmarkFrame is a key and the frame after it, with 1,000 tools: it must stay under 16 ms.
func BenchmarkFrame(b *testing.B) {
	many := &session{release: make(chan struct{})}
	for i := range 1000 {
		many.tools = append(many.tools, client.Tool{
			Name: fmt.Sprintf("server_%d_do_something_%d", i%7, i), Title: fmt.Sprintf("Do something, the %dth time", i),
			Description: strings.Repeat("It does what its name says, and says what it does. ", 20),
			InputSchema: json.RawMessage(everything), ReadOnly: i%3 == 0, Destructive: i%5 == 0,
		})
	}
	for _, bench := range []struct {
		name string
		keys []string
		each []string
	}{
		{"move", nil, []string{"down", "pgdown", "G", "up", "g"}},
		{"filter", []string{"/"}, []string{"d", "o", "s", "9", "ctrl+u"}},
		{"palette", []string{"ctrl+p"}, []string{"d", "o", "s", "9", "ctrl+u"}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			m := tui.NewModel(context.Background(), tui.Config{Session: many, Now: func() time.Time { return noon }})
			m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
			m.Update(m.Load())
			for _, name := range bench.keys {
				m.Update(keyNamed(name))
			}
			i := 0
			for b.Loop() {
				m.Update(keyNamed(bench.each[i%len(bench.each)]))
				if m.View().Content == "" {
					b.Fatal("no frame")
				}
				i++
			}
		})
	}
}

// BenchmarkTalk is what a server says without end, and the frame after it: 500 resources that have
// changed, and an Inspector of what 1 MB of instructions says.
func BenchmarkTalk(b *testing.B) {
	wordy := known()
	wordy.release = make(chan struct{})
	wordy.about.Instructions = strings.Repeat("Be kind, and do as told. ", 1<<20/25)
	var news []client.News
	for i := range 500 {
		news = append(news, client.News{Kind: client.NewsResource, URI: fmt.Sprintf("%d://%s", i, strings.Repeat("n", 500))})
	}
	for _, bench := range []struct {
		name string
		msgs []tea.Msg
	}{
		{"news", []tea.Msg{tui.NewsMsg(news)}},
		{"inspector", []tea.Msg{keyNamed("down"), keyNamed("G"), keyNamed("g")}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			m := tui.NewModel(context.Background(), tui.Config{Session: wordy, Now: func() time.Time { return noon }})
			m.Update(tea.WindowSizeMsg{Width: 120, Height: 40})
			_, look := m.Update(keyNamed("5"))
			m.Update(look())
			i := 0
			for b.Loop() {
				m.Update(bench.msgs[i%len(bench.msgs)])
				if m.View().Content == "" {
					b.Fatal("no frame")
				}
				i++
			}
		})
	}
}
