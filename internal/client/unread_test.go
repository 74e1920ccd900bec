package client_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// resultOf is a connection to a server without sign-in whose every call is answered with a
// result of these members.
func resultOf(t *testing.T, members string) *client.Conn {
	t.Helper()
	f := newFake(t)
	f.set(func() {
		f.on["/mcp"] = func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			if bytes.Contains(body, []byte(`"tools/call"`)) {
				writeJSON(w, http.StatusOK, fmt.Sprintf(`{"jsonrpc":"2.0","id":%s,"result":{"resultType":"complete",%s}}`, idOf(string(body)), members))
				return
			}
			r.Body = io.NopCloser(bytes.NewReader(body))
			f.mcp.ServeHTTP(w, r)
		}
	})
	r := newRig(t, f)
	r.SignIn, r.Cache = false, nil
	return r.connect(t)
}

// TestCallReadsMore than the SDK does: what came over the wire is the result.
func TestCallReadsMore(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("9", 1000)
	for name, members := range map[string]string{
		"a number with many digits":    `"content":[],"structuredContent":{"n":` + digits + `}`,
		"a number beyond all":          `"content":[],"structuredContent":{"n":1e-99999}`,
		"a type of content to come":    `"content":[{"type":"hologram","text":"here"}]`,
		"data that is no base64":       `"content":[{"type":"image","mimeType":"image/png","data":"!!!"}]`,
		"more levels than it reads":    `"content":[],"structuredContent":` + strings.Repeat("[", 3000) + strings.Repeat("]", 3000),
		"structured content, a list":   `"content":[],"structuredContent":[1]`,
		"an error that it cannot read": `"isError":true,"content":[{"type":"text","text":"no"}],"structuredContent":{"n":` + digits + `}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := resultOf(t, members)
			for range 2 { // in the same session, or another
				result := call(t, conn, "echo")
				if got := string(result.Raw); !strings.Contains(got, members) {
					t.Errorf("the result is %.200s", got)
				}
				want(t, "is an error", result.IsError, strings.Contains(members, "isError"))
			}
		})
	}
}

// TestCallUnreadable has answers that nobody can read, at an address that is right.
func TestCallUnreadable(t *testing.T) {
	t.Parallel()
	for name, members := range map[string]string{
		"no list":           `"content":{"a":1}`,
		"a text, a number":  `"content":[{"type":"text","text":1}]`,
		"beyond all levels": `"content":[],"structuredContent":` + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := resultOf(t, members)
			_, err := conn.Call(t.Context(), client.Call{Name: "echo"})
			own := wantKind(t, err, client.KindFailure)
			if !strings.HasSuffix(own.Message, "gave an answer that cannot be read") || own.Hint != "add --debug to see it" {
				t.Error(explain(err))
			}
		})
	}
}
