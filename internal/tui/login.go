package tui

import (
	"context"
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// login is a browser sign-in that a call waits for: a new scope, or a sign-in that ended.
type login struct {
	url, text string // printable
	port      int    // where an ssh tunnel must lead
	noBrowser bool
	paste     editor
}

type eventMsg struct{ event client.Event }

// listen waits for the next event, or the end of the screen.
func listen(ctx context.Context, events <-chan client.Event) tea.Cmd {
	if events == nil {
		return nil
	}
	return func() tea.Msg {
		select {
		case event, ok := <-events:
			if ok {
				return eventMsg{event: event}
			}
		case <-ctx.Done():
		}
		return nil
	}
}

// sendPaste hands a pasted address to the sign-in.
func sendPaste(ctx context.Context, to chan<- string, text string) tea.Cmd {
	return func() tea.Msg {
		select {
		case to <- text:
		case <-ctx.Done():
		}
		return nil
	}
}

func (m *model) gotEvent(event client.Event) {
	text := oneLine(event.Text, 500)
	switch event.Kind {
	case client.EventSignIn, client.EventNoBrowser:
		if m.login == nil {
			m.login = &login{}
		}
		m.login.noBrowser = event.Kind == client.EventNoBrowser
		m.login.port, m.login.text = event.Port, text
		if event.URL != "" {
			m.login.url = oneLine(event.URL, 8<<10)
		}
	case client.EventSignedIn:
		m.login = nil
		m.notice = text
	default:
		if m.login != nil {
			m.login.text = text
		}
		m.notice = text
	}
}

// pressLogin edits the field for the pasted address.
func (m *model) pressLogin(msg tea.KeyPressMsg) tea.Cmd {
	if m.pasteTo == nil || !m.login.noBrowser {
		return nil
	}
	if msg.String() != "enter" {
		m.login.paste.key(m.cells, msg)
		return nil
	}
	text := strings.TrimSpace(m.login.paste.text)
	if text == "" {
		return nil
	}
	m.login.paste = editor{}
	return sendPaste(m.here().call.ctx, m.pasteTo, text)
}

// loginBody shows, below the rows given, the address to open, which must be whole to be of use,
// and what else helps where no browser could be opened. The address has no margin, so that a
// copy of its rows is the address.
func (m *model) loginBody(above []string, w, h int) body {
	t, l := &m.theme, m.login
	say := func(text string) []string { return styled("", wrap(m.cells, text, w), t.plain) }
	intro, tunnel := say("Please sign in with your browser. If it did not open, this is the address:"), []string(nil)
	field, label := "", []string(nil)
	column := 0
	if l.noBrowser {
		intro = say("Please sign in: open this address in a browser.")
		if l.port > 0 {
			tunnel = say(fmt.Sprintf("If that browser is on another machine, run this there first: "+
				"ssh -L %d:127.0.0.1:%d HOST", l.port, l.port))
		}
		if m.pasteTo != nil {
			label = say("Or paste the address that the browser ends at:")
			var text string
			text, column = l.paste.view(m.cells, w-2)
			field = t.accent.Render("› ") + t.strong.Render(text)
		}
	}
	link := t.accent
	if m.color {
		link = link.Hyperlink(l.url)
	}
	url := styled("", wrap(m.cells, l.url, m.width), link)
	b := body{x: 2 + column, y: -1, rows: append(above, intro...)}
	whole := len(b.rows) + len(url) + len(tunnel) + len(label)
	if field != "" {
		whole++
	}
	if whole > h { // the field must stay in sight
		if field != "" {
			b.y = len(b.rows)
			b.rows = append(b.rows, field)
		}
		b.flush, b.flushed = len(b.rows), len(url)
		b.rows = append(b.rows, url...)
		if len(b.rows) > h {
			b.flushed -= len(b.rows) - h + 1
			b.rows = append(b.rows[:h-1], t.warn.Render("… make the window larger"))
		}
		return b
	}
	b.flush, b.flushed = len(b.rows), len(url)
	b.rows = append(append(append(b.rows, url...), tunnel...), label...)
	if field != "" {
		b.y = len(b.rows)
		b.rows = append(b.rows, field)
	}
	return b
}
