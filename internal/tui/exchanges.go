package tui

import (
	"context"
	"fmt"
	"strings"
	"sync"

	tea "charm.land/bubbletea/v2"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// Bounds of the HTTP exchanges that are kept for the Inspector.
const (
	maxExchanges     = 200
	maxExchangeBytes = 4 << 20
)

// Exchanges keeps the newest HTTP exchanges of a client for the Inspector. Who tells of one never
// waits.
type Exchanges struct {
	ready chan struct{} // holds one: something came
	pace  pace

	mu    sync.Mutex // guards what follows
	list  []client.HTTPExchange
	bytes int
}

// NewExchanges keeps none yet.
func NewExchanges() *Exchanges {
	return &Exchanges{ready: make(chan struct{}, 1), pace: pace{every: newsEvery}}
}

// exchangesMsg is all exchanges as they stand, the oldest first.
type exchangesMsg struct{ list []client.HTTPExchange }

// Tell is for client.Config.Exchanges: it takes a new exchange, or more of one.
func (e *Exchanges) Tell(x client.HTTPExchange) {
	e.mu.Lock()
	e.put(x)
	e.mu.Unlock()
	select {
	case e.ready <- struct{}{}:
	default:
	}
}

func (e *Exchanges) put(x client.HTTPExchange) {
	e.bytes += weigh(&x)
	known := false
	for i := len(e.list) - 1; i >= 0 && !known; i-- {
		if known = e.list[i].ID == x.ID && e.list[i].Began.Equal(x.Began); known {
			e.bytes -= weigh(&e.list[i])
			e.list[i] = x
		}
	}
	if !known {
		e.list = append(e.list, x)
	}
	for len(e.list) > maxExchanges || e.bytes > maxExchangeBytes && len(e.list) > 1 {
		e.bytes -= weigh(&e.list[0])
		e.list = e.list[1:]
	}
}

// weigh is about what an exchange takes in memory, in bytes.
func weigh(x *client.HTTPExchange) int {
	n := 500 + len(x.URL) + len(x.Failed) + len(x.RequestBody) + len(x.ResponseBody)
	for _, line := range append(x.RequestHeader[:len(x.RequestHeader):len(x.RequestHeader)], x.ResponseHeader...) {
		n += len(line)
	}
	return n
}

// hearExchanges waits for something new.
func hearExchanges(ctx context.Context, e *Exchanges) tea.Cmd {
	if e == nil {
		return nil
	}
	return func() tea.Msg {
		select {
		case <-e.ready:
		case <-ctx.Done():
			return nil
		}
		e.pace.keep(ctx)
		e.mu.Lock()
		defer e.mu.Unlock()
		return exchangesMsg{append([]client.HTTPExchange(nil), e.list...)}
	}
}

// exchangeWords is an exchange on a line: what was sent where, and what came of it.
func exchangeWords(x *client.HTTPExchange, server string) (sent, came string) {
	sent = x.Method + " " + shortURL(x.URL, server)
	if _, rest, found := strings.Cut(x.RequestBody, `"method": "`); found {
		method, _, _ := strings.Cut(rest, `"`)
		sent += "  " + oneLine(method, 60)
	}
	switch {
	case x.Failed != "":
		return sent, "no answer  " + elapsed(x.Took)
	case !x.Done:
		return sent, fmt.Sprintf("%d  open  %s", x.Status, size(int(x.Received)))
	}
	return sent, fmt.Sprintf("%d  %s  %s", x.Status, elapsed(x.Took), size(int(x.Received)))
}

// shortURL is an address without what it has in common with the server's.
func shortURL(url, server string) string {
	scheme, rest, found := strings.Cut(server, "://")
	if !found {
		return oneLine(url, 500)
	}
	host, _, _ := strings.Cut(rest, "/")
	if path, same := strings.CutPrefix(url, scheme+"://"+host+"/"); same {
		return oneLine("/"+path, 500)
	}
	return oneLine(url, 500)
}

// exchangeResult is an exchange made ready for the viewer.
func exchangeResult(x *client.HTTPExchange) *client.Result {
	part := func(first string, header []string, body string) client.Content {
		text := strings.Join(append([]string{first}, header...), "\n")
		if body != "" {
			text += "\n\n" + body
		}
		return client.Content{Type: "text", Text: text}
	}
	answer := part(fmt.Sprintf("%d after %s, %s", x.Status, elapsed(x.Took), size(int(x.Received))), x.ResponseHeader, x.ResponseBody)
	if x.Failed != "" {
		answer = client.Content{Type: "text", Text: "no answer after " + elapsed(x.Took) + ": " + x.Failed}
	}
	return &client.Result{
		IsError: x.Status >= 400 || x.Failed != "",
		Content: []client.Content{part(x.Method+" "+x.URL, x.RequestHeader, x.RequestBody), answer},
	}
}
