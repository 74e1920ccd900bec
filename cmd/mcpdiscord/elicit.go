package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// questions answers what a server asks the user during a call: from --elicit,
// else at the terminal, else with a no.
type questions struct {
	p     *program
	tool  string
	given bool // --elicit is there
	flat  client.Action
	words []word

	asking sync.Mutex // held by the one question that is answered

	mu   sync.Mutex
	used map[string]bool // the words that a form asked for; nil: none was asked
	// err is what kept --elicit from answering. The question is then canceled,
	// and the call fails with it.
	err error
}

func (q *questions) problem() error {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.err
}

// newQuestions reads --elicit: the word decline or cancel alone, else the words
// that call has for arguments.
func (p *program) newQuestions(tool string, values []string) (*questions, error) {
	q := &questions{p: p, tool: tool, given: len(values) > 0}
	for _, value := range values {
		if action := client.Action(value); action == client.Decline || action == client.Cancel {
			if len(values) > 1 {
				return nil, usageError("--elicit "+value+" stands alone", "leave the other --elicit out", nil)
			}
			q.flat = action
			return q, nil
		}
	}
	words, err := parseWords(values, p.in)
	q.words = words
	return q, err
}

// answer is the client's hook. ctx is the question's; the command's own ends
// the wait as well.
func (q *questions) answer(command context.Context) func(context.Context, client.Elicitation) (client.Answer, error) {
	return func(ctx context.Context, e client.Elicitation) (client.Answer, error) {
		q.asking.Lock()
		defer q.asking.Unlock()
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		defer context.AfterFunc(command, cancel)()
		switch {
		case ctx.Err() != nil:
			return client.Answer{}, ctx.Err()
		case q.flat != "":
			return client.Answer{Action: q.flat}, nil
		case e.Refused != nil:
			q.p.note("%s wants an address opened, which is refused: %s", e.Server, client.PrintableLine(e.Refused.Error()))
			return client.Answer{Action: client.Decline}, nil
		case !q.given && isTerminal(q.p.in) && isTerminal(q.p.err):
			defer q.p.hold()()
			return q.ask(ctx, e)
		case e.URL != "":
			q.p.note("%s wants an address opened: declined, since nobody is asked here\n%s", e.Server, client.PrintableLine(e.URL))
			return client.Answer{Action: client.Decline}, nil
		case !q.given:
			q.p.note("%s asks: %s\ndeclined; answer with %s", e.Server, client.PrintableLine(clipLong(e.Message)), client.PrintableLine(exampleAnswer(e)))
			return client.Answer{Action: client.Decline}, nil
		}
		return q.fromWords(e), nil
	}
}

// fromWords answers a form with those words of --elicit that it asks for, since
// one call may lead to several forms, and with its defaults for the rest.
func (q *questions) fromWords(e client.Elicitation) client.Answer {
	list, _ := properties(e.Schema)
	form := client.Tool{Name: "the question", InputSchema: e.Schema}
	words := slices.DeleteFunc(slices.Clone(q.words), func(w word) bool {
		return !slices.ContainsFunc(list, func(p property) bool { return p.name == w.name })
	})
	q.use(words)
	preset := slices.DeleteFunc(slices.Clone(list), func(p property) bool {
		return len(p.fallback) == 0 || misfitOf(e.Schema, p.name, p.fallback) != ""
	})
	missing := func(p property) bool {
		return p.required && !slices.ContainsFunc(preset, func(known property) bool { return known.name == p.name })
	}
	if len(words) == 0 && len(q.words) > 0 && !slices.ContainsFunc(list, missing) {
		return client.Answer{Action: client.Decline} // none of them is meant for this form
	}
	for _, p := range preset {
		if !slices.ContainsFunc(words, func(w word) bool { return w.name == p.name }) {
			words = append(words, word{name: p.name, raw: p.fallback})
		}
	}
	content, err := buildArguments(form, words)
	if err != nil {
		said := toUserError(err)
		q.mu.Lock()
		defer q.mu.Unlock()
		q.err = failure("--elicit does not answer what the tool asks: "+said.message, "for example "+exampleAnswer(e), err)
		return client.Answer{Action: client.Cancel}
	}
	return client.Answer{Action: client.Accept, Content: content}
}

// use notes what a form asked for.
func (q *questions) use(words []word) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.used == nil {
		q.used = map[string]bool{}
	}
	for _, w := range words {
		q.used[w.name] = true
	}
}

// unused says what of --elicit no form asked for: it may be mistyped.
func (q *questions) unused() {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, w := range q.words {
		if q.used != nil && !q.used[w.name] {
			q.p.note("the tool did not ask for --elicit %s", client.PrintableLine(w.name))
		}
	}
}

// exampleAnswer is an --elicit that answers a form.
func exampleAnswer(e client.Elicitation) string {
	words := exampleWords(e.Schema)
	if list, _ := properties(e.Schema); len(words) == 0 && len(list) > 0 {
		x := &exampler{schemaView: newSchemaView(e.Schema), own: true}
		words = []string{exampleWord(list[0], x.value(list[0].schema, maxNesting))}
	}
	if len(words) == 0 {
		return "--elicit '{}'"
	}
	for i, w := range words {
		words[i] = "--elicit " + shellWord(w)
	}
	return strings.Join(words, " ")
}

// maxMessage bounds what is shown of a server's question, in characters.
const maxMessage = 2000

func clipLong(text string) string {
	if r := []rune(text); len(r) > maxMessage {
		return string(r[:maxMessage]) + "…"
	}
	return text
}

// ask asks the person at the terminal.
func (q *questions) ask(ctx context.Context, e client.Elicitation) (client.Answer, error) {
	lines, ended, stop := q.p.typedLines()
	defer stop()
	d := &dialog{p: q.p, ctx: ctx, lines: lines, ended: ended}
	what := "asks you"
	if e.URL != "" {
		what = "asks you to open an address"
	}
	q.p.note("\n%s %s, for the tool %s:", e.Server, what, client.PrintableLine(q.tool))
	q.p.note("  %s", strings.ReplaceAll(client.Printable(strings.TrimSpace(clipLong(e.Message))), "\n", "\n  "))
	answer := d.form
	if e.URL != "" {
		answer = d.visit
	}
	given, err := answer(e)
	if errors.Is(err, errNoAnswer) {
		q.p.note("")
		return client.Answer{Action: client.Cancel}, nil
	}
	return given, err
}

func choiceHint(choices []choice) string {
	var parts []string
	for _, c := range choices {
		part := c.value
		if c.title != "" && c.title != c.value {
			part += " (" + c.title + ")"
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("one of %s", strings.Join(parts, ", "))
}
