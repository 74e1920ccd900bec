package client

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"time"
)

// Permit says whether a sign-in with the server may dial an address that a
// name resolved to.
func Permit(server, resolved string) error {
	u, err := parseServer(server)
	if err != nil {
		return err
	}
	return reachOf(u).permit(resolved)
}

// ToolsLifeOf is how long lists of tools, as on the wire, are good for.
func ToolsLifeOf(results ...string) (time.Duration, bool) {
	var raw []json.RawMessage
	for _, r := range results {
		raw = append(raw, json.RawMessage(r))
	}
	return wireSchemas(raw, map[string]schemas{})
}

// EventsOf is the data of the events of a stream.
func EventsOf(ctx context.Context, stream io.Reader) []string {
	var all []string
	b := &bridge{large: make(chan struct{}, 1)}
	for reader := (&events{reader: bufio.NewReader(stream), data: bulk{bridge: b}}); ; {
		if _, err := reader.next(ctx); err != nil {
			return all
		}
		if reader.data.text != nil {
			all = append(all, string(reader.data.text))
		}
	}
}

// LinesOf is what a bridge passes on of a text.
func LinesOf(text string) []string {
	var lines []string
	messages, _ := parseMessages([]byte(text))
	for _, m := range messages {
		lines = append(lines, string(m.raw))
	}
	return lines
}
