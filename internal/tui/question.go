package tui

import (
	"context"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// Question is what a server asks the user during a call.
type Question struct {
	asked  client.Elicitation
	answer chan<- client.Answer // has room for one
	gone   <-chan struct{}      // closed when nobody waits for the answer any more
}

// Asks is a client.Config.Elicit that puts the questions into a channel, for Config.Questions.
func Asks(questions chan<- Question) func(ctx context.Context, asked client.Elicitation) (client.Answer, error) {
	return func(ctx context.Context, asked client.Elicitation) (client.Answer, error) {
		answer, gone := make(chan client.Answer, 1), make(chan struct{})
		defer close(gone)
		select {
		case questions <- Question{asked, answer, gone}:
		case <-ctx.Done():
			return client.Answer{}, ctx.Err()
		}
		select {
		case given := <-answer:
			return given, nil
		case <-ctx.Done():
			return client.Answer{}, ctx.Err()
		}
	}
}

// question is the one that waits for an answer.
type question struct {
	Question

	call    *call  // that it seems to belong to: the protocol does not say
	message string // printable
	form    *form  // nil: an address to open
	url     string // printable
}

type (
	questionMsg struct{ question Question }
	goneMsg     struct{}
)

// hearQuestion waits for the next question, or the end of the screen.
func hearQuestion(ctx context.Context, questions <-chan Question) tea.Cmd {
	if questions == nil {
		return nil
	}
	return func() tea.Msg {
		select {
		case q := <-questions:
			return questionMsg{q}
		case <-ctx.Done():
			return nil
		}
	}
}

// wait waits until a question is answered, or until nobody wants to know any more.
func (q Question) wait() tea.Msg {
	<-q.gone
	return goneMsg{}
}

func openAddress(open func(url string) error, url string) tea.Cmd {
	if open == nil {
		return nil
	}
	return func() tea.Msg { return openedMsg{err: open(url)} }
}

// gotQuestion shows a question where its call is shown.
func (m *model) gotQuestion(msg questionMsg) tea.Cmd {
	asked := msg.question.asked
	q := &question{Question: msg.question, message: prose(asked.Message, 8<<10)}
	for _, c := range m.calls {
		if c.state == callRunning {
			q.call = c
		}
	}
	if p := m.here(); p.screen == screenCall && p.call.state == callRunning {
		q.call = p.call
	}
	m.asked = q
	switch {
	case q.call == nil:
		m.reply(client.Answer{Action: client.Cancel}, "nobody waits for it any more")
	case asked.Refused != nil:
		m.reply(client.Answer{Action: client.Decline}, "it wants an address opened that is refused: "+asked.Refused.Error())
	case asked.URL != "":
		q.url = oneLine(asked.URL, 8<<10)
	default:
		q.form = newForm(parseShape(asked.Schema))
		q.form.strict = true
	}
	if m.asked != nil {
		m.note(toneServer, q.call.item.name+" asks: "+q.message)
		if !m.asking() {
			m.notice = q.call.item.name + " asks you something; History (4) has it"
		}
	}
	return msg.question.wait
}

// asking says whether the question is on the screen.
func (m *model) asking() bool {
	p := m.here()
	return m.asked != nil && p.screen == screenCall && p.call == m.asked.call && p.call.state == callRunning
}

// reply answers the question.
func (m *model) reply(answer client.Answer, why string) {
	q := m.asked
	m.asked = nil
	q.answer <- answer
	text := "the server's question: " + map[client.Action]string{client.Accept: "answered", client.Decline: "declined", client.Cancel: "not answered"}[answer.Action]
	if why != "" {
		text += ", " + why
	}
	m.note(tonePlain, text)
	m.notice = oneLine(text, 200)
}

// pressQuestion handles a key while the question is shown.
func (m *model) pressQuestion(msg tea.KeyPressMsg) tea.Cmd {
	k, q := &m.keys, m.asked
	if q.form == nil {
		switch {
		case msg.String() == "y": // not Enter, which may have been meant for something else
			m.reply(client.Answer{Action: client.Accept}, "")
			return openAddress(m.openURL, q.asked.URL)
		case key.Matches(msg, k.back):
			m.reply(client.Answer{Action: client.Cancel}, "")
		case key.Matches(msg, k.no):
			m.reply(client.Answer{Action: client.Decline}, "")
		}
		return nil
	}
	if key.Matches(msg, k.decline) {
		m.reply(client.Answer{Action: client.Decline}, "")
		return nil
	}
	q.form.clock = m.clock
	switch q.form.press(m.cells, msg) {
	case formBack:
		m.reply(client.Answer{Action: client.Cancel}, "")
	case formSubmit:
		if content, ok := q.form.arguments(); ok {
			m.reply(client.Answer{Action: client.Accept, Content: content}, "")
		}
	case formEdit:
		return m.editForm(q.form)
	case formFull:
		m.notice = "the field is full"
	case formStay, formCopy:
	}
	return nil
}

func (m *model) questionHints() []key.Binding {
	k, q := &m.keys, m.asked
	if q.form == nil {
		return []key.Binding{as(k.yes, "y", "open it"), as(k.no, "n", "decline"), as(k.back, "esc", "skip")}
	}
	hints := []key.Binding{as(k.submit, "ctrl+s", "answer"), k.decline, as(k.back, "esc", "skip")}
	switch {
	case len(q.form.slots) == 0:
		hints[0] = as(k.call, "enter", "accept")
	case q.form.last():
		hints[0] = as(k.call, "enter", "answer")
	}
	return hints
}

// questionBody shows who asks what, and the form or the address.
func (m *model) questionBody() body {
	t, q, w, h := &m.theme, m.asked, m.width, m.bodyHeight()
	heading := q.call.item.name + " asks you"
	if q.form == nil {
		heading = q.call.item.name + " asks you to open an address"
	}
	rows := []string{" " + t.warn.Render(fit(m.cells, "? "+heading, w-2))}
	for _, row := range head(m.cells, paragraphs(m.cells, q.message, w-4), max(1, h/3), w-4) {
		rows = append(rows, "   "+t.plain.Render(row))
	}
	if q.form == nil {
		rows = append(rows, "   "+t.dim.Render("It leads to ")+t.strong.Render(fit(m.cells, oneLine(q.asked.Host, 300), w-16)))
	}
	if h >= roomy {
		rows = append(rows, "")
	}
	if q.form != nil {
		if len(q.form.slots) == 0 {
			return body{rows: append(rows, "   "+t.dim.Render("There is nothing to fill in.")), y: -1}
		}
		b := q.form.rows(t, m.cells, w, h-len(rows))
		if b.y >= 0 {
			b.y += len(rows)
		}
		b.rows = append(rows, b.rows...)
		return b
	}
	link := t.accent
	if m.color {
		link = link.Hyperlink(q.url)
	}
	for _, row := range head(m.cells, fill(m.cells, q.url, w), h-len(rows), w) { // no margin, so that a copy is the address
		rows = append(rows, link.Render(row))
	}
	return body{rows: rows, y: -1}
}
