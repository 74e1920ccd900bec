package server_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

func TestParseMessage(t *testing.T) {
	t.Parallel()
	many := strings.Repeat(`"k":1,`, 1)
	for i := range 70 {
		many += `"k` + strings.Repeat("x", i) + `y":1,`
	}
	for _, test := range []struct{ name, body, id, method, tool, err string }{
		{name: "call", body: callUserInfo, id: "7", method: "tools/call", tool: "get_user_info"},
		{name: "params first", body: `{"params":{"name":"x"},"id":"a","method":"tools/call"}`, id: `"a"`, method: "tools/call", tool: "x"},
		{name: "escaped keys and values", body: `{"m\u0065thod":"tools\/call","params":{"n\u0061me":"list\u005fguilds"}}`, method: "tools/call", tool: "list_guilds"},
		{name: "name inside of arguments", body: `{"method":"tools/call","params":{"arguments":{"name":"a","b":["}"]},"name":"b"}}`, method: "tools/call", tool: "b"},
		{name: "case matters", body: `{"method":"tools/call","Method":"x","params":{"Name":"a","name":"b"}}`, method: "tools/call", tool: "b"},
		{name: "name of another method", body: `{"method":"tools/list","params":{"name":1}}`, method: "tools/list"},
		{name: "no params", body: ` {"method":"ping","id":-15} `, id: "-15", method: "ping"},
		{name: "id with a fraction", body: `{"method":"ping","id":1.5}`, err: "the id"},
		{name: "id of more than 64 bits", body: `{"method":"ping","id":123456789012345678901234567890}`, err: "the id"},
		{name: "id with a bad escape", body: `{"method":"ping","id":"\x"}`, err: "the id"},
		{name: "something after a zero byte", body: callUserInfo + "\x00" + callUserInfo, err: "not JSON"},
		{name: "odd id", body: `{"id":null,"method":"ping"}`, method: "ping"},
		{name: "long id", body: `{"id":"` + strings.Repeat("i", 300) + `","method":"ping"}`, method: "ping"},
		{name: "response", body: `{"id":1,"result":{}}`, id: "1"},
		{name: "method twice", body: `{"method":"tools/list","method":"tools/call"}`, err: "twice"},
		{name: "method twice, once escaped", body: `{"method":"tools/list","metho\u0064":"tools/call"}`, err: "twice"},
		{name: "name twice", body: `{"method":"tools/call","params":{"name":"a","name":"b"}}`, err: "twice"},
		{name: "params twice", body: `{"method":"tools/call","params":{"name":"a"},"params":{"name":"b"}}`, err: "twice"},
		{name: "unknown key twice", body: `{"x":1,"x":2,"method":"ping"}`, err: "twice"},
		{name: "too many keys", body: `{` + many + `"method":"ping"}`, err: "too many"},
		{name: "batch", body: `[` + callUserInfo + `]`, err: "single"},
		{name: "two messages", body: callUserInfo + callUserInfo, err: "not JSON"},
		{name: "empty", body: ``, err: "not JSON"},
		{name: "text", body: `hello`, err: "not JSON"},
		{name: "cut", body: `{"method":"tools/call"`, err: "not JSON"},
		{name: "cut in a string", body: `{"method":"tools/ca`, err: "not JSON"},
		{name: "cut in an escape", body: `{"method":"tools\`, err: "not JSON"},
		{name: "not UTF-8", body: "{\"method\":\"\xff\"}", err: "not JSON"},
		{name: "control character", body: "{\"me\nthod\":\"x\"}", err: "not JSON"},
		{name: "trailing comma", body: `{"method":"x",}`, err: "not JSON"},
		{name: "no value", body: `{"method":}`, err: "not JSON"},
		{name: "method is a number", body: `{"method":1}`, err: "strings"},
		{name: "name is a list", body: `{"method":"tools/call","params":{"name":["a"]}}`, err: "strings"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			id, method, tool, err := server.ParseMessage([]byte(test.body))
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) {
					t.Fatalf("error %v, want %q", err, test.err)
				}
				return
			}
			if err != nil || id != test.id || method != test.method || tool != test.tool {
				t.Errorf("id %q method %q tool %q error %v", id, method, tool, err)
			}
		})
	}
}

// Whatever an honest decoder makes of a message, the door sees the same tool in
// it, or refuses it.
func FuzzParseMessage(f *testing.F) {
	f.Add([]byte(callUserInfo))
	f.Add([]byte(`{"method":"tools/call","params":{"arguments":{"name":"a"},"n\u0061me":"b"}}`))
	f.Add([]byte(`{"a":[1,{"b":"]"}],"method":"x","method":"y"}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		_, method, tool, err := server.ParseMessage(body)
		if err != nil {
			return
		}
		var top map[string]json.RawMessage
		if json.Unmarshal(body, &top) != nil {
			return // malformed inside of a value: the SDK refuses it
		}
		if got := text(top["method"]); got != method {
			t.Fatalf("method %q, decoded %q", method, got)
		}
		var params map[string]json.RawMessage
		if method == "tools/call" && json.Unmarshal(top["params"], &params) == nil {
			if got := text(params["name"]); got != tool {
				t.Fatalf("tool %q, decoded %q", tool, got)
			}
		}
	})
}

func text(raw json.RawMessage) string {
	var s string
	_ = json.Unmarshal(raw, &s)
	return s
}
