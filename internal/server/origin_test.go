package server_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

func TestOrigin(t *testing.T) {
	t.Parallel()
	usual := start(t, setup{config: func(c *server.Config) { c.AllowOrigin = []string{"https://inspector.example"} }})
	dev := start(t, setup{config: func(c *server.Config) { c.Dev = true }})
	for _, test := range []struct {
		name       string
		origin     []string
		usual, dev int
	}{
		{"absent", nil, 200, 200},
		{"own", []string{"SELF"}, 200, 200},
		{"allowed", []string{"https://inspector.example"}, 200, 403},
		{"allowed, other case", []string{"HTTPS://Inspector.example"}, 200, 403},
		{"allowed host, other scheme", []string{"http://inspector.example"}, 403, 403},
		{"allowed host, other port", []string{"https://inspector.example:8443"}, 403, 403},
		{"longer host", []string{"https://inspector.example.evil.com"}, 403, 403},
		{"loopback", []string{"http://localhost:6274"}, 403, 200},
		{"loopback address", []string{"http://127.0.0.1:6274"}, 403, 200},
		{"loopback v6", []string{"http://[::1]:6274"}, 403, 200},
		{"nearly loopback", []string{"http://127.0.0.1.evil.com"}, 403, 403},
		{"nearly localhost", []string{"http://localhost.evil.com"}, 403, 403},
		{"userinfo", []string{"http://localhost@evil.com"}, 403, 403},
		{"other scheme on loopback", []string{"file://localhost"}, 403, 403},
		{"null", []string{"null"}, 403, 403},
		{"empty", []string{""}, 403, 403},
		{"stranger", []string{"https://evil.example"}, 403, 403},
		{"two", []string{"https://inspector.example", "https://inspector.example"}, 403, 403},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for r, want := range map[*rig]int{usual: test.usual, dev: test.dev} {
				header := http.Header{}
				for _, origin := range test.origin {
					header["Origin"] = append(header["Origin"], strings.Replace(origin, "SELF", r.base, 1))
				}
				status := 401 // the token comes after the origin
				if want == 403 {
					status = 403
				}
				got := r.send(message{header: header})
				got.want(t, status, status)
				readable := got.header.Get("Access-Control-Allow-Origin")
				if want == 200 && test.origin != nil && (readable != header.Get("Origin") || !strings.Contains(got.header.Get("Access-Control-Expose-Headers"), "WWW-Authenticate")) {
					t.Errorf("the page cannot read the challenge: %v", got.header)
				}
				if want == 403 && readable != "" {
					t.Errorf("%s may read the answer", readable)
				}
			}
		})
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	r := start(t, setup{config: func(c *server.Config) { c.AllowOrigin = []string{"https://inspector.example"} }})
	for _, test := range []struct {
		name, path, origin string
		status             int
		allowed            string
	}{
		{"MCP endpoint", "/mcp", "https://inspector.example", 204, "https://inspector.example"},
		{"MCP endpoint, stranger", "/mcp", "https://evil.example", 403, ""},
		{"token", "/token", "https://evil.example", 204, "*"},
		{"registration", "/register", "https://evil.example", 204, "*"},
		{"revocation", "/revoke", "https://evil.example", 204, "*"},
		{"resource metadata", "/.well-known/oauth-protected-resource/mcp", "https://evil.example", 204, "*"},
		{"server metadata", "/.well-known/oauth-authorization-server", "https://evil.example", 204, "*"},
		{"authorization page", "/authorize", "https://evil.example", 405, ""},
		{"consent", "/consent", "https://evil.example", 405, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := r.send(message{method: http.MethodOptions, path: test.path, header: http.Header{
				"Origin":                         {test.origin},
				"Access-Control-Request-Method":  {"POST"},
				"Access-Control-Request-Headers": {"authorization,content-type,mcp-param-channel_id"},
			}})
			if got.status != test.status || got.header.Get("Access-Control-Allow-Origin") != test.allowed {
				t.Fatalf("status %d, allows %q", got.status, got.header.Get("Access-Control-Allow-Origin"))
			}
			if test.status == 204 && !strings.Contains(strings.ToLower(got.header.Get("Access-Control-Allow-Headers")), "authorization") {
				t.Errorf("Authorization is not allowed: %v", got.header)
			}
			if test.path == "/mcp" && test.status == 204 && !strings.Contains(got.header.Get("Access-Control-Allow-Headers"), "mcp-param-channel_id") {
				t.Errorf("the header of a tool parameter is not allowed: %v", got.header)
			}
		})
	}
}

func TestAllowOriginRefusals(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	for _, origin := range []string{"*", "null", "https://a.example/", "https://a.example/x", "https://user@a.example", "a.example"} {
		_, err := server.New(server.Config{BaseURL: r.base, Auth: r.auth, Discord: new(discord.Client), AllowOrigin: []string{origin}})
		wantRefusal(t, err, "is not a scheme and a host alone")
	}
}

func TestPublicMetadata(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	got := r.send(message{method: http.MethodGet, path: "/.well-known/oauth-protected-resource/mcp", header: http.Header{"Origin": {"https://evil.example"}}})
	if got.status != 200 || got.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(got.body, `"resource":"`+r.base+`/mcp"`) {
		t.Errorf("status %d, %v\n%s", got.status, got.header, got.body)
	}
}

func TestHost(t *testing.T) {
	t.Parallel()
	local := start(t, setup{})
	public := start(t, setup{public: "https://mcp.example.com"})
	for _, test := range []struct {
		host    string
		refused bool
	}{
		{"localhost", false},
		{"LocalHost:3931", false},
		{"127.0.0.1:1", false},
		{"127.9.9.9", false},
		{"[::1]:8000", false},
		{"evil.example.com", true},
		{"evil.example.com:8000", true},
		{"localhost.evil.com", true},
		{"127.0.0.1.evil.com:8000", true},
		{"192.168.1.1", true},
		{"0.0.0.0", true},
		{"mcp.example.com", true},
	} {
		t.Run(test.host, func(t *testing.T) {
			t.Parallel()
			for _, path := range []string{"/mcp", "/.well-known/oauth-authorization-server", "/authorize"} {
				got := local.send(message{method: http.MethodGet, path: path, host: test.host})
				if (got.status == 403) != test.refused {
					t.Errorf("%s: status %d", path, got.status)
				}
			}
			public.send(message{host: test.host}).want(t, 401, 401) // behind a front server the Host says nothing
		})
	}
}

// Nothing is built from what a request says about its host.
func TestAttack19ForwardedHosts(t *testing.T) {
	t.Parallel()
	r := start(t, setup{public: "https://mcp.example.com"})
	lies := http.Header{
		"X-Forwarded-Host": {"evil.example"}, "X-Forwarded-Proto": {"http"}, "X-Forwarded-Port": {"1"}, "X-Forwarded-Prefix": {"/evil"},
		"Forwarded": {"host=evil.example;proto=http"}, "X-Original-Url": {"/evil"}, "X-Rewrite-Url": {"/evil"}, "X-Host": {"evil.example"},
	}
	for _, path := range []string{"/mcp", "/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource/mcp", "/"} {
		got := r.send(message{method: http.MethodGet, path: path, header: lies, host: "evil.example"})
		all := got.body + strings.Join(got.header.Values("WWW-Authenticate"), " ") + strings.Join(got.header.Values("Location"), " ")
		if strings.Contains(all, "evil") || !strings.Contains(all, "https://mcp.example.com") {
			t.Errorf("%s: %d\n%s", path, got.status, all)
		}
	}
}
