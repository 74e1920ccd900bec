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
	return sendPaste(m.job.ctx, m.pasteTo, text)
}

// loginRows shows the address to open, which must be whole to be of use, and what else helps
// where no browser could be opened. x and y are the cursor in the field, y < 0 without one.
func (m *model) loginRows(w int) (rows []string, x, y int) {
	t, l := &m.theme, m.login
	y = -1
	say := func(text string) {
		for _, row := range wrap(m.cells, text, w) {
			rows = append(rows, t.plain.Render(row))
		}
	}
	if !l.noBrowser {
		say("Please sign in in your browser. If it did not open, this is the address:")
	} else {
		say("Please sign in: open this address in a browser.")
	}
	for _, row := range wrap(m.cells, l.url, w) {
		rows = append(rows, t.accent.Render(row))
	}
	if !l.noBrowser {
		return rows, 0, y
	}
	if l.port > 0 {
		say(fmt.Sprintf("If the browser is on another machine, run there first: ssh -L %d:127.0.0.1:%d HOST", l.port, l.port))
	}
	if m.pasteTo != nil {
		say("Or paste the address that your browser ends at:")
		text, at := l.paste.view(m.cells, w-2)
		x, y = 2+at, len(rows)
		rows = append(rows, t.accent.Render("› ")+t.strong.Render(text))
	}
	return rows, x, y
}
