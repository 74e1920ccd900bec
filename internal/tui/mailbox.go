package tui

import (
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// mailbox holds what a server says of a call until the screen takes it: the newest progress and
// the newest lines of its log. Who speaks never waits.
type mailbox struct {
	ready chan struct{} // holds one: something came

	mu       sync.Mutex // guards what follows
	progress *client.Progress
	lines    []client.LogMessage
	ended    bool
}

// saidMsg is what a mailbox held.
type saidMsg struct {
	id       int
	box      *mailbox
	progress *client.Progress // nil: none
	lines    []client.LogMessage
	ended    bool // nothing more comes
}

func newMailbox() *mailbox { return &mailbox{ready: make(chan struct{}, 1)} }

func (b *mailbox) tellProgress(p client.Progress) {
	p.Message = few(p.Message)
	b.tell(func() { b.progress = &p })
}

func (b *mailbox) tellLog(line client.LogMessage) {
	line.Level, line.Logger, line.Text = few(line.Level), few(line.Logger), few(line.Text)
	b.tell(func() {
		b.lines = append(b.lines, line)
		b.lines = b.lines[max(0, len(b.lines)-maxSaid):]
	})
}

// few is the beginning of a text, which is more than the screen shows of it. It keeps no more in
// memory.
func few(text string) string {
	if text, cut := clip(text, maxSpoken); cut {
		return strings.Clone(text)
	}
	return text
}

func (b *mailbox) end() { b.tell(func() { b.ended = true }) }

func (b *mailbox) tell(put func()) {
	b.mu.Lock()
	put()
	b.mu.Unlock()
	select {
	case b.ready <- struct{}{}:
	default:
	}
}

// hear waits for something in the mailbox; its end comes when the call is over.
func hear(id int, box *mailbox) tea.Cmd {
	return func() tea.Msg {
		<-box.ready
		box.mu.Lock()
		defer box.mu.Unlock()
		msg := saidMsg{id: id, box: box, progress: box.progress, lines: box.lines, ended: box.ended}
		box.progress, box.lines = nil, nil
		return msg
	}
}
