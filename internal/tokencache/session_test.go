package tokencache_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

func TestKeyID(t *testing.T) {
	t.Parallel()
	keys := []tokencache.Key{
		{Resource: "https://a/mcp", Issuer: "https://a"},
		{Resource: "https://a/mcp", Issuer: "https://b"},
		{Resource: "https://a/mcphttps", Issuer: "://a"},
		{Resource: "https://a", Issuer: "https://a/mcp"},
	}
	seen := map[string]bool{}
	for _, k := range keys {
		id := k.ID()
		if len(id) != 32 || strings.Trim(id, "0123456789abcdef") != "" {
			t.Errorf("ID of %v is %q", k, id)
		}
		if seen[id] {
			t.Errorf("ID of %v is another's", k)
		}
		seen[id] = true
	}
}

// TestSessionPrintsNoSecret prints a session in every way that a careless line
// of code could.
func TestSessionPrintsNoSecret(t *testing.T) {
	t.Parallel()
	s := session()
	s.ClientSecret = "client-secret"
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		l := slog.New(h)
		l.Info("x", "session", s, "value", *s, "list", []any{s, *s})
	}
	encoded, err := json.Marshal(map[string]any{"s": s, "v": *s})
	if err != nil {
		t.Fatal(err)
	}
	outputs := map[string]string{"slog": log.String(), "String": s.String(), "JSON": string(encoded)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		outputs[verb] = fmt.Sprintf(verb+verb, s, *s)
		outputs["in a struct "+verb] = fmt.Sprintf(verb, struct{ S tokencache.Session }{*s})
	}
	for name, out := range outputs {
		for _, secret := range []string{"access-secret", "refresh-secret", "client-secret"} {
			if strings.Contains(out, secret) || strings.Contains(out, fmt.Sprintf("%x", secret)) {
				t.Errorf("%s shows %s: %s", name, secret, out)
			}
		}
		if !strings.Contains(out, "localhost:8000") {
			t.Errorf("%s does not name the server: %s", name, out)
		}
	}
}
