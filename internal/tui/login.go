package tui

import (
	"context"
	"strings"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// login is a sign-in that is under way or has failed, or the connection that may lead to one. It
// covers the panes.
type login struct {
	job    job
	first  bool     // there is no connection yet
	scopes []string // that are asked for besides
	again  *call    // to be run again afterwards

	issuer     string // printable; "": not discovered yet
	registered bool
	url        string // to be opened; printable; "": not yet
	port       int    // where an ssh tunnel must lead
	noBrowser  bool
	returned   bool   // the browser came back
	text       string // what else there is to say, printable
	refused    bool   // it is about what was pasted
	paste      editor
	typing     bool // keys go to the field

	failed *failure // nil: it is under way
	err    error
}

type (
	eventMsg    struct{ event client.Event }
	signedInMsg struct {
		id       int
		identity client.Identity
		err      error
	}
)

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

func signIn(ctx context.Context, session Session, id int, scopes []string) tea.Cmd {
	return func() tea.Msg {
		err := session.SignIn(ctx, scopes)
		return signedInMsg{id: id, identity: session.Identity(), err: err}
	}
}

// signIn begins a sign-in for these scopes besides those there are, and then runs the call again;
// nil: it loads the tools.
func (m *model) signIn(scopes []string, again *call) tea.Cmd {
	m.login = &login{job: m.start(), scopes: scopes, again: again}
	m.note(tonePlain, strings.TrimSpace("signing in "+forScopes(scopes)))
	return signIn(m.login.job.ctx, m.session, m.login.job.id, scopes)
}

func forScopes(scopes []string) string {
	if len(scopes) == 0 {
		return ""
	}
	return "with " + oneLine(strings.Join(scopes, " "), 200)
}

func (m *model) gotSignedIn(msg signedInMsg) tea.Cmd {
	l := m.login
	switch {
	case l == nil || !l.job.done(msg.id):
		if msg.err == nil { // it was canceled too late
			return m.become(msg.identity, m.clock)
		}
		return nil
	case msg.err != nil:
		m.identity = msg.identity
		m.loginFailed("The sign-in failed", msg.err)
		return nil
	}
	m.login = nil
	fresh := m.become(msg.identity, l.job.began)
	m.note(tonePlain, "signed in as "+who(m.identity))
	m.notice = "signed in as " + who(m.identity)
	if c := l.again; c != nil {
		return tea.Batch(fresh, m.run(m.newCall(c.item, c.arguments))) // it was allowed; the server had refused it
	}
	if fresh != nil {
		return fresh
	}
	return m.reload()
}

func (m *model) gotEvent(event client.Event) {
	text := oneLine(event.Text, 500)
	l := m.login
	if l == nil || l.failed != nil {
		if text != "" && event.Kind == client.EventSignedIn { // it is a name
			text = "signed in as " + text
		}
		if text != "" {
			m.note(tonePlain, text)
		}
		return
	}
	l.text, l.refused = "", event.Kind == client.EventPasteRefused
	switch event.Kind {
	case client.EventDiscovered:
		l.issuer = oneLine(event.URL, 500)
		m.note(tonePlain, "the sign-in is at "+l.issuer)
	case client.EventRegistered:
		l.registered = true
		m.note(tonePlain, "registered as a client")
	case client.EventSignIn, client.EventNoBrowser:
		l.noBrowser = event.Kind == client.EventNoBrowser
		l.port = event.Port
		if event.URL != "" {
			l.url = oneLine(event.URL, 8<<10)
		}
		if l.noBrowser {
			m.note(tonePlain, "no browser was opened")
		}
	case client.EventReturned:
		l.returned, l.typing = true, false
		m.note(tonePlain, "the browser came back")
	case client.EventSignedIn:
	default:
		l.text = text
		m.note(tonePlain, text)
	}
}

// loginFailed shows why a sign-in or the first connection failed, and that it can be tried again.
func (m *model) loginFailed(title string, err error) {
	l, f := m.login, m.failureOf(title, err)
	l.err, l.typing = err, false
	if strings.HasPrefix(f.message, "sign-in was denied") {
		f.title, f.message = capital(f.message), "Nothing was given to this program."
	}
	same := "run " + m.program + " connect " + m.identity.Server // which is what runs
	if rest, ok := strings.CutPrefix(f.hint, same); f.hint == "" || f.signIn || ok && (rest == "" || rest[0] == ' ') {
		f.hint = "press r to try again"
	} else {
		f.hint += "; then press r to try again"
	}
	l.failed = &f
	if f.title == title {
		title += ": " + f.message
	} else {
		title = f.title
	}
	m.note(toneBad, title)
}

// cancelLogin ends a sign-in; its outcome will be ignored.
func (m *model) cancelLogin() {
	l := m.login
	l.job.stop()
	title := "The sign-in was canceled"
	if l.url == "" && l.first {
		title = "The connection was canceled"
	}
	l.err = &client.Error{Kind: client.KindAuth, Message: strings.ToLower(title[:1]) + title[1:], Hint: "run {program} connect " + oneLine(m.identity.Server, 300) + " to try again"}
	l.failed = &failure{title: title, message: "Nothing was changed.", hint: "press r to try again"}
	l.typing = false
	m.note(tonePlain, title)
}

// pressLogin handles a key while a sign-in covers the panes.
func (m *model) pressLogin(msg tea.KeyPressMsg) tea.Cmd {
	k, l := &m.keys, m.login
	switch {
	case l.typing:
		return m.pressPaste(msg)
	case key.Matches(msg, k.quit):
		return m.leave()
	case key.Matches(msg, k.back) && l.failed == nil:
		m.cancelLogin()
	case key.Matches(msg, k.back) && m.session != nil:
		m.login = nil
	case l.failed != nil && key.Matches(msg, k.retry) && l.first:
		return m.dial()
	case l.failed != nil && key.Matches(msg, k.retry):
		return m.signIn(l.scopes, l.again)
	case l.waits() && key.Matches(msg, k.copyURL):
		m.notice = "copied the address"
		return tea.SetClipboard(l.url)
	case l.waits() && m.pasteTo != nil && key.Matches(msg, k.pasteURL):
		l.typing = true
	}
	return nil
}

// leave quits. Without a connection the reason for that is the error.
func (m *model) leave() tea.Cmd {
	l := m.login
	if l == nil || m.session != nil {
		return m.quit(nil)
	}
	if l.failed == nil {
		m.cancelLogin()
	}
	return m.quit(l.err)
}

// waits says whether it is the user's turn.
func (l *login) waits() bool { return l.failed == nil && l.url != "" && !l.returned }

// pressPaste edits the field for the address that the browser ended at.
func (m *model) pressPaste(msg tea.KeyPressMsg) tea.Cmd {
	l := m.login
	switch msg.String() {
	case "esc":
		l.typing = false
	case "enter":
		text := strings.TrimSpace(l.paste.text)
		if text == "" {
			return nil
		}
		l.paste, l.typing = editor{}, false
		return sendPaste(l.job.ctx, m.pasteTo, text)
	default:
		l.paste.key(m.cells, msg)
	}
	return nil
}

func (m *model) loginHints() []key.Binding {
	k, l := &m.keys, m.login
	switch {
	case l.typing:
		return []key.Binding{as(k.next, "enter", "send"), k.back}
	case l.failed != nil && m.session != nil:
		return []key.Binding{k.retry, k.back}
	case l.failed != nil:
		return []key.Binding{k.retry}
	case l.waits() && m.pasteTo != nil:
		return []key.Binding{k.copyURL, k.pasteURL, as(k.back, "esc", "cancel")}
	case l.waits():
		return []key.Binding{k.copyURL, as(k.back, "esc", "cancel")}
	}
	return []key.Binding{as(k.back, "esc", "cancel")}
}
