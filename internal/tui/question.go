package tui

import (
	"context"
	"encoding/json"
	"slices"

	"charm.land/bubbles/v2/key"
	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// Question is what a server asks the user during a call.
type Question struct {
	asked  client.Elicitation
	of     int                  // the id of its call; 0: not known
	answer chan<- client.Answer // has room for one
	gone   <-chan struct{}      // closed when nobody waits for the answer any more
}

// Asks is a client.Config.Elicit that puts the questions into a channel, for Config.Questions. They
// end with the screen at the latest.
func Asks(screen context.Context, questions chan<- Question) func(ctx context.Context, asked client.Elicitation) (client.Answer, error) {
	return func(ctx context.Context, asked client.Elicitation) (client.Answer, error) {
		answer, gone := make(chan client.Answer, 1), make(chan struct{})
		defer close(gone)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(screen, cancel)()
		of, _ := ctx.Value(callKey{}).(int)
		select {
		case questions <- Question{asked, of, answer, gone}:
		case <-ctx.Done():
			return client.Answer{}, ctx.Err()
		}
		select {
		case given := <-answer:
			return given, nil
		case <-ctx.Done():
		}
		select {
		case given := <-answer: // before the call was canceled
			return given, nil
		default:
			return client.Answer{}, ctx.Err()
		}
	}
}

// callKey is where the context of a call has its id, for the questions about it.
type callKey struct{}

// question is one that waits for an answer.
type question struct {
	Question

	call    *call
	message string // printable
	form    *form  // nil: there is nothing to fill in
	url     string // to be opened, printable
}

type (
	questionMsg struct{ question Question }
	goneMsg     struct{ answer chan<- client.Answer }
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
	return goneMsg{q.answer}
}

func openAddress(open func(url string) error, url string) tea.Cmd {
	if open == nil {
		return nil
	}
	return func() tea.Msg { return openedMsg{err: open(url), otherwise: "the address is in the Log (6)"} }
}

// gotQuestion shows a question where its call is shown, and waits for the next.
func (m *model) gotQuestion(msg questionMsg) tea.Cmd {
	asked := msg.question.asked
	q := &question{Question: msg.question, call: m.asker(msg.question.of), message: prose(asked.Message, 8<<10)}
	switch {
	case q.call == nil:
		m.reply(q, client.Answer{Action: client.Cancel}, "nobody waits for it any more")
		return m.hear
	case asked.Refused != nil:
		m.reply(q, client.Answer{Action: client.Decline}, "it wants an address opened that is refused: "+asked.Refused.Error())
		return m.hear
	case asked.URL != "":
		q.url = oneLine(asked.URL, 8<<10)
	default:
		if f := newForm(parseShape(asked.Schema)); len(f.slots) > 0 {
			q.form, f.strict = f, true
		}
	}
	m.questions = append(m.questions, q)
	m.note(toneServer, q.call.item.name+" asks: "+q.message)
	if m.asked() == nil {
		m.notice = q.call.item.name + " asks you something; History (4) has it"
	}
	return tea.Batch(q.wait, m.hear)
}

// asker is the call that a question belongs to; where nobody knows, the one that is shown or, if
// that does not run, the newest that does.
func (m *model) asker(id int) (asker *call) {
	for _, c := range m.calls {
		if c.state == callRunning && (id == 0 || id == c.id) {
			asker = c
		}
	}
	if p := m.here(); id == 0 && p.screen == screenCall && p.call.state == callRunning {
		asker = p.call
	}
	return asker
}

// questionOf is the first question that a call waits with, nil for none.
func (m *model) questionOf(c *call) *question {
	for _, q := range m.questions {
		if q.call == c {
			return q
		}
	}
	return nil
}

// asked is the question that is on the screen, nil for none.
func (m *model) asked() *question {
	if p := m.here(); p.screen == screenCall {
		return m.questionOf(p.call)
	}
	return nil
}

// unseen counts the questions that wait elsewhere.
func (m *model) unseen() int {
	n := len(m.questions)
	if m.asked() != nil {
		n--
	}
	return n
}

// gone forgets a question that nobody wants to know the answer of any more.
func (m *model) gone(msg goneMsg) {
	m.questions = slices.DeleteFunc(m.questions, func(q *question) bool { return q.answer == msg.answer })
}

// reply answers a question.
func (m *model) reply(q *question, answer client.Answer, why string) {
	m.gone(goneMsg{q.answer})
	q.answer <- answer
	text := "the server's question: " + map[client.Action]string{client.Accept: "answered", client.Decline: "declined", client.Cancel: "not answered"}[answer.Action]
	if why != "" {
		text += ", " + why
	}
	m.note(tonePlain, text)
	m.notice = oneLine(text, 200)
}

// pressYesOrNo handles a key while an address may be opened, or there is nothing to fill in.
func (m *model) pressYesOrNo(msg tea.KeyPressMsg) tea.Cmd {
	k, q := &m.keys, m.asked()
	switch {
	case key.Matches(msg, k.yes) && q.asked.URL == "":
		m.reply(q, client.Answer{Action: client.Accept, Content: json.RawMessage("{}")}, "")
	case key.Matches(msg, k.yes): // not Enter, which may have been meant for something else
		m.reply(q, client.Answer{Action: client.Accept}, "")
		m.note(tonePlain, "opening "+q.url)
		return openAddress(m.openURL, q.asked.URL)
	case q.asked.URL != "" && key.Matches(msg, k.copyURL) && q.url != q.asked.URL:
		m.notice = "not copied: the address is too long, or has what cannot be seen"
	case q.asked.URL != "" && key.Matches(msg, k.copyURL):
		m.notice = "copied the address"
		return tea.SetClipboard(q.url)
	case key.Matches(msg, k.back):
		m.reply(q, client.Answer{Action: client.Cancel}, "")
	case key.Matches(msg, k.no):
		m.reply(q, client.Answer{Action: client.Decline}, "")
	case key.Matches(msg, k.background):
		m.background(q.call)
	}
	return nil
}

// pressQuestion handles a key in the form of a question.
func (m *model) pressQuestion(msg tea.KeyPressMsg) tea.Cmd {
	k, q := &m.keys, m.asked()
	if key.Matches(msg, k.decline) {
		m.reply(q, client.Answer{Action: client.Decline}, "")
		return nil
	}
	q.form.clock = m.clock
	switch q.form.press(m.cells, msg) {
	case formBack:
		m.reply(q, client.Answer{Action: client.Cancel}, "")
	case formSubmit:
		if content, ok := q.form.arguments(); ok {
			m.reply(q, client.Answer{Action: client.Accept, Content: content}, "")
		}
	case formEdit:
		return m.editForm(q.form)
	case formFull:
		m.notice = "the field is full"
	case formStay, formCopy:
	}
	return nil
}

// questionBody shows who asks what, and the form or the address.
func (m *model) questionBody() body {
	t, q, w, h := &m.theme, m.asked(), m.width, m.bodyHeight()
	heading := q.call.item.name + " asks you"
	if q.asked.URL != "" {
		heading = q.call.item.name + " asks you to open an address"
	}
	rows := []string{" " + t.warn.Render(fit(m.cells, "? "+heading, w-2))}
	for _, row := range head(m.cells, paragraphs(m.cells, q.message, w-4), max(1, h/3), w-4) {
		rows = append(rows, "   "+t.plain.Render(row))
	}
	if q.asked.URL != "" {
		rows = append(rows, "   "+t.dim.Render("It leads to ")+t.strong.Render(fit(m.cells, oneLine(q.asked.Host, 300), w-16)))
	}
	if h >= roomy {
		rows = append(rows, "")
	}
	switch {
	case q.form != nil:
		b := q.form.rows(t, m.cells, w, h-len(rows))
		b.below(rows)
		return b
	case q.asked.URL == "":
		return body{rows: append(rows, "   "+t.dim.Render("There is nothing to fill in.")), y: -1}
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
