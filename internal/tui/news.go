package tui

import (
	"context"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// Bounds of what waits for the screen: a server may name any number of resources.
const (
	maxNews     = 500
	maxNewsName = 8 << 10 // bytes of an address
)

// News keeps what a client hears of its server until the screen takes it. Who tells never waits,
// and what is told many times over is taken once.
type News struct {
	ready chan struct{} // holds one: something came
	pace  pace

	mu   sync.Mutex // guards what follows
	list []client.News
}

// NewNews keeps none yet.
func NewNews() *News { return &News{ready: make(chan struct{}, 1), pace: pace{every: newsEvery}} }

// newsMsg is what came since the last one, the oldest first.
type newsMsg struct{ list []client.News }

// Tell is for client.Config.Heard.
func (n *News) Tell(news client.News) {
	n.mu.Lock()
	n.put(news)
	n.mu.Unlock()
	select {
	case n.ready <- struct{}{}:
	default:
	}
}

// put keeps news in the place of older ones of the same; that something has changed outdoes that
// it may have.
func (n *News) put(news client.News) {
	for i, old := range n.list {
		if old.Kind == news.Kind && old.URI == news.URI {
			news.Missed = news.Missed && old.Missed
			n.list = append(append(n.list[:i:i], n.list[i+1:]...), news)
			return
		}
	}
	if len(n.list) < maxNews && len(news.URI) <= maxNewsName {
		n.list = append(n.list, news)
	}
}

// newsEvery bounds how often the screen is drawn for what a server may say without end.
const newsEvery = 50 * time.Millisecond

// pace is kept by commands that follow each other: what comes first comes at once.
type pace struct {
	every time.Duration
	last  time.Time
}

func (p *pace) keep(ctx context.Context) {
	timer := time.NewTimer(time.Until(p.last.Add(p.every)))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	p.last = time.Now()
}

// hearNews waits for news.
func hearNews(ctx context.Context, n *News) tea.Cmd {
	if n == nil {
		return nil
	}
	return func() tea.Msg {
		select {
		case <-n.ready:
		case <-ctx.Done():
			return nil
		}
		n.pace.keep(ctx)
		n.mu.Lock()
		defer n.mu.Unlock()
		msg := newsMsg{n.list}
		n.list = nil
		return msg
	}
}

// gotNews takes them, and waits for more.
func (m *model) gotNews(msg newsMsg) tea.Cmd {
	for _, news := range msg.list {
		switch news.Kind {
		case client.NewsResource:
			m.changed(news)
		case client.NewsUnwatched:
			m.unwatched(news)
		case client.NewsTools:
			m.tools.stale = true
		case client.NewsResources:
			m.resources.stale = true
		case client.NewsPrompts:
			m.prompts.stale = true
		case client.NewsCut:
			m.link.heard = time.Time{} // so that it is tried at once
		}
	}
	return tea.Batch(m.hearNews, m.beat(), m.refresh())
}
