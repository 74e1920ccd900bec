package main

import (
	"fmt"
	"strings"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// hearing gives what shows a person at the terminal how far a call is, and what
// its server logs meanwhile. Elsewhere nobody looks, and nothing is asked for.
// --debug shows both as they come.
func (p *program) hearing(o *clientOptions) (progress func(client.Progress), log func(client.LogMessage)) {
	switch {
	case !isTerminal(p.err):
		return nil, nil
	case o.debug:
		return func(client.Progress) {}, func(client.LogMessage) {}
	}
	log = func(m client.LogMessage) { p.note("%s", logLine(m)) }
	if p.getenv("TERM") == "dumb" {
		return nil, log
	}
	return func(at client.Progress) { p.waiting.tell(p, progressLine(at)) }, log
}

// progressLine is how far a call is: "1 of 4 (25%): fetching".
func progressLine(at client.Progress) string {
	line := fmt.Sprintf("progress %.10g", at.Done)
	if at.Total > 0 {
		line = fmt.Sprintf("%.10g of %.10g (%.0f%%)", at.Done, at.Total, min(100, max(0, 100*at.Done/at.Total)))
	}
	if message := client.PrintableLine(at.Message); message != "" {
		line += ": " + message
	}
	return line
}

// logLine is what a server logs, marked in each line so that it does not pass
// for one of ours.
func logLine(m client.LogMessage) string {
	mark := "[" + client.PrintableLine(m.Level) + "] "
	text := client.Printable(strings.TrimSpace(m.Text))
	if m.Logger != "" {
		text = client.PrintableLine(m.Logger) + ": " + text
	}
	return mark + strings.ReplaceAll(text, "\n", "\n"+mark)
}
