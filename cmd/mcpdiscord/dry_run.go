package main

import (
	"context"
	"encoding/json"
)

// dryRun prints the request that a call would send. Its id is an example: the
// real one counts the requests of a connection.
func (p *program) dryRun(ctx context.Context, o outputFlags, tool string, arguments json.RawMessage) error {
	type params struct {
		Name      string          `json:"name"`
		Arguments json.RawMessage `json:"arguments"`
	}
	text, err := json.Marshal(struct {
		Version string `json:"jsonrpc"`
		ID      int    `json:"id"`
		Method  string `json:"method"`
		Params  params `json:"params"`
	}{"2.0", 1, "tools/call", params{tool, arguments}})
	if err != nil {
		return err
	}
	return p.answer(ctx, o, text)
}
