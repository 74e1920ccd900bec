package server_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func challengeOf(r *rig, more string) string {
	return `Bearer ` + more + `resource_metadata="` + r.base + `/.well-known/oauth-protected-resource/mcp", scope="identify"`
}

const invalidToken = `error="invalid_token", error_description="the access token is not valid", `

func TestAttack18BearerTokens(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	good := r.signIn(nelly, "identify")
	for _, test := range []struct {
		name      string
		path      string
		header    []string // Authorization
		status    int
		challenge string
	}{
		{name: "none", status: 401},
		{name: "another scheme", header: []string{"Basic Zm9vOmJhcg=="}, status: 401},
		{name: "scheme alone", header: []string{"Bearer"}, status: 401},
		{name: "in the query", path: "/mcp?access_token=" + good, status: 401},
		{name: "garbage", header: []string{"Bearer garbage"}, status: 401, challenge: invalidToken},
		{name: "odd characters", header: []string{`Bearer a"b`}, status: 401, challenge: invalidToken},
		{name: "refresh token", header: []string{"Bearer mcpd_rt_AAAA"}, status: 401, challenge: invalidToken},
		{name: "authorization code", header: []string{"Bearer mcpd_code_AAAA"}, status: 401, challenge: invalidToken},
		{name: "unsigned", header: []string{"Bearer eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30."}, status: 401, challenge: invalidToken},
		{name: "last character changed", header: []string{"Bearer " + good[:len(good)-2] + "AA"}, status: 401, challenge: invalidToken},
		{name: "long", header: []string{"Bearer " + strings.Repeat("a", 50_000)}, status: 401, challenge: invalidToken},
		{name: "two headers", header: []string{"Bearer " + good, "Bearer " + good}, status: 400, challenge: `error="invalid_request", error_description="one Authorization header is needed", `},
		{name: "two headers made one", header: []string{"Bearer " + good + ", Bearer " + good}, status: 400, challenge: `error="invalid_request", error_description="one Authorization header is needed", `},
		{name: "good", header: []string{"Bearer " + good}, status: 200},
		{name: "good in another case", header: []string{"bEaReR  " + good}, status: 200},
		{name: "good beside one in the query", path: "/mcp?access_token=garbage", header: []string{"Bearer " + good}, status: 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{}
			if test.header != nil {
				header["Authorization"] = test.header
			}
			got := r.send(message{path: test.path, header: header})
			if test.status == 200 {
				got.want(t, 200, 0)
				return
			}
			got.want(t, test.status, test.status)
			if diff := cmp.Diff([]string{challengeOf(r, test.challenge)}, got.header.Values("WWW-Authenticate")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A header of a megabyte is refused before it is read to the end, and a token
// of that size is not even hashed.
func TestAttack18Megabyte(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	huge := strings.Repeat("a", 1<<20)
	got := r.send(message{token: huge})
	if got.status != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("status %d over the wire, want 431", got.status)
	}
	recorder := httptest.NewRecorder()
	r.server.Handler().ServeHTTP(recorder, r.request(t.Context(), message{token: huge}))
	if recorder.Code != http.StatusUnauthorized {
		t.Errorf("status %d past the wire, want 401", recorder.Code)
	}
	r.send(message{}).want(t, 401, 401)
}

// A store that does not answer must not look like a bad token: a client would
// throw a good one away.
func TestBearerStoreDown(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	token := r.signIn(nelly, "identify")
	r.store.broken.Store(true)
	got := r.send(message{token: token})
	got.want(t, 503, 503)
	if got.header.Get("Retry-After") == "" || got.header.Get("WWW-Authenticate") != "" {
		t.Errorf("header %v", got.header)
	}
	r.store.broken.Store(false)
	eventually(t, "the store is noticed again", func() bool { return r.send(message{token: token}).status == http.StatusOK })
}

func TestStepUp(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	token := r.signIn(nelly, "identify")
	before := r.discord.Counters().Calls()
	for _, version := range []string{"2025-11-25", "2026-07-28"} {
		m := message{token: token, version: version, body: callTool("list_guilds")}
		if version == "2026-07-28" {
			m = modern("tools/call", "list_guilds", `"name":"list_guilds"`)
			m.token = token
		}
		got := r.send(m)
		got.want(t, 403, 403)
		want := `Bearer error="insufficient_scope", error_description="the call needs more scopes", resource_metadata="` + r.base + `/.well-known/oauth-protected-resource/mcp", scope="identify guilds"`
		if diff := cmp.Diff(want, got.header.Get("WWW-Authenticate")); diff != "" {
			t.Error(diff)
		}
		if id := got.rpc(t).ID; id != float64(7) {
			t.Errorf("id %v: the client would wait for ever", id)
		}
	}
	if after := r.discord.Counters().Calls(); after != before {
		t.Errorf("%d calls to Discord for a refused call", after-before)
	}
	r.send(message{token: r.signIn(nelly, "identify", "guilds"), body: callTool("list_guilds")}).want(t, 200, 0)
}

func TestRequestLog(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	token := r.signIn(nelly, "identify")
	r.send(message{token: token, path: "/mcp?secret=in-the-query"}).want(t, 200, 0)
	r.send(message{token: "not-a-token-but-secret"}).want(t, 401, 401)
	r.send(message{token: token, body: callTool(strings.Repeat("t", 1000))}).want(t, 200, -32602)
	eventually(t, "three lines", func() bool { return strings.Count(r.logs.String(), `"path":"/mcp"`) == 3 })
	logged := r.logs.String()
	for _, secret := range []string{token, "in-the-query", "not-a-token", strings.Repeat("t", 200)} {
		if strings.Contains(logged, secret) {
			t.Errorf("%q is in the log", secret[:10])
		}
	}
	for _, fact := range []string{`"rpc":"tools/call"`, `"tool":"get_user_info"`, `"user":"` + nelly + `"`, `"status":401`} {
		if !strings.Contains(logged, fact) {
			t.Errorf("%s is not in the log:\n%s", fact, logged)
		}
	}
}

// A valid token costs no call to Discord and no read of the store.
func TestHotPathCallsNobody(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	token := r.signIn(nelly, "identify", "email")
	for range 3 {
		r.send(message{token: token}).want(t, 200, 0)
	}
	r.discord.ResetCounters()
	reads := r.store.reads.Load()
	begin := time.Now()
	for range 200 {
		r.send(message{token: token}).want(t, 200, 0)
	}
	if n := r.discord.Counters().Calls(); n != 0 {
		t.Errorf("%d calls to Discord in 200 tool calls", n)
	}
	if n := r.store.reads.Load() - reads; n != 0 {
		t.Errorf("%d reads of the store in 200 tool calls of %v", n, time.Since(begin))
	}
}
