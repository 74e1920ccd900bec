package client

import (
	"encoding/json"
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
