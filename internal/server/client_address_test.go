package server_test

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

func prefixes(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	r := start(t, setup{config: func(c *server.Config) {
		c.TrustedProxies = prefixes("127.0.0.1/32", "10.0.0.0/8", "2001:db8:5::/48")
	}})
	many := strings.Repeat("10.0.0.1,", 20)
	for _, test := range []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"no proxy", "198.51.100.1:1", nil, "198.51.100.1"},
		{"a stranger's word", "198.51.100.1:1", []string{"203.0.113.7"}, "198.51.100.1"},
		{"loopback that is not listed", "[::1]:1", []string{"203.0.113.7"}, "::1"},
		{"one proxy", "127.0.0.1:1", []string{"203.0.113.7"}, "203.0.113.7"},
		{"one proxy, in IPv6's clothes", "[::ffff:127.0.0.1]:1", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{"a proxy without a word", "127.0.0.1:1", nil, "127.0.0.1"},
		{"what the client made up", "127.0.0.1:1", []string{"1.1.1.1, 203.0.113.7"}, "203.0.113.7"},
		{"made up, and garbage", "127.0.0.1:1", []string{"garbage, 203.0.113.7"}, "203.0.113.7"},
		{"in a line of its own", "127.0.0.1:1", []string{"1.1.1.1", "203.0.113.7"}, "203.0.113.7"},
		{"two proxies", "127.0.0.1:1", []string{"1.1.1.1, 203.0.113.7, 10.2.3.4"}, "203.0.113.7"},
		{"two proxies, two lines", "127.0.0.1:1", []string{"1.1.1.1, 203.0.113.7", "10.2.3.4"}, "203.0.113.7"},
		{"proxies alone", "127.0.0.1:1", []string{"10.9.9.9, 10.2.3.4"}, "10.9.9.9"},
		{"with a port", "127.0.0.1:1", []string{"203.0.113.7:5555"}, "203.0.113.7"},
		{"IPv6", "[2001:db8:5::1]:1", []string{"2001:db8:6::1%eth0"}, "2001:db8:6::1"},
		{"IPv6 in brackets", "127.0.0.1:1", []string{"[2001:db8:6::1]"}, "2001:db8:6::1"},
		{"IPv6 with a port", "127.0.0.1:1", []string{"[2001:db8:6::1]:80"}, "2001:db8:6::1"},
		{"garbage", "127.0.0.1:1", []string{"unknown"}, "127.0.0.1"},
		{"empty", "127.0.0.1:1", []string{""}, "127.0.0.1"},
		{"an empty entry", "127.0.0.1:1", []string{"203.0.113.7, "}, "127.0.0.1"},
		{"garbage behind a proxy", "127.0.0.1:1", []string{"x, 10.2.3.4"}, "127.0.0.1"},
		{"no end of hops", "127.0.0.1:1", []string{"203.0.113.7," + many + "10.0.0.1"}, "127.0.0.1"},
		{"no address", "@", []string{"203.0.113.7"}, "invalid IP"},
	} {
		req := httptest.NewRequest(http.MethodGet, "/", nil)
		req.RemoteAddr = test.peer
		if test.forwarded != nil {
			req.Header["X-Forwarded-For"] = test.forwarded
		}
		for _, name := range []string{"Forwarded", "X-Real-Ip", "Cf-Connecting-Ip", "True-Client-Ip"} {
			req.Header.Set(name, "for=192.0.2.66")
		}
		if got := r.server.ClientAddress(req).String(); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
}

// Nobody changes the address that limits and the log go by, but a proxy that
// the operator named.
func TestAttack19ForwardedAddress(t *testing.T) {
	t.Parallel()
	few := setup{limits: authserver.Limits{Callback: 3}, public: "https://mcp.example.com"}
	flood := func(r *rig) (refused int) {
		for i := range 10 {
			header := http.Header{}
			for _, name := range []string{"X-Forwarded-For", "Forwarded", "X-Real-Ip", "X-Client-Ip"} {
				header.Set(name, "203.0.113."+string(rune('0'+i)))
			}
			if r.send(message{method: http.MethodGet, path: "/auth/callback", header: header}).status == http.StatusTooManyRequests {
				refused++
			}
		}
		return refused
	}
	r := start(t, few)
	if n := flood(r); n != 7 {
		t.Errorf("%d of 10 are refused, want 7: the address was believed", n)
	}
	if log := r.logs.String(); strings.Contains(log, `"remote":"203`) || strings.Count(log, "--trusted-proxies") != 1 {
		t.Errorf("log: %s", log)
	}
	few.config = func(c *server.Config) { c.TrustedProxies = prefixes("127.0.0.0/8") }
	r = start(t, few)
	if n := flood(r); n != 0 {
		t.Errorf("%d of 10 are refused: the proxy was not believed", n)
	}
	if log := r.logs.String(); !strings.Contains(log, `"remote":"203.0.113.9"`) {
		t.Errorf("log: %s", log)
	}
}

// A flood of registrations and of pages from one address: who is signed in and
// who signs in from elsewhere notice nothing.
func TestAttack21And22OthersAreServed(t *testing.T) {
	t.Parallel()
	r := start(t, setup{
		limits: authserver.Limits{Register: 20, Authorize: 20, Callback: 20},
		config: func(c *server.Config) { c.TrustedProxies = prefixes("127.0.0.0/8") },
	})
	token := r.signIn(nelly, "identify")
	stranger := http.Header{"X-Forwarded-For": {"203.0.113.7"}}
	for i := range 100 {
		r.send(message{path: "/register", body: `{"redirect_uris":["https://a.example/` + url.QueryEscape(strings.Repeat("x", i)) + `"]}`, header: stranger})
		r.send(message{method: http.MethodGet, path: "/authorize?client_id=x", header: stranger})
		got := r.send(message{method: http.MethodGet, path: "/auth/callback?state=x&code=y", header: stranger})
		if i == 99 && (got.status != http.StatusTooManyRequests || got.header.Get("Retry-After") == "") {
			t.Errorf("the flood is not refused: %d", got.status)
		}
	}
	r.send(message{token: token, header: stranger}).want(t, 200, 0) // nor is the stranger's neighbor
	if clients := r.auth.Stats().Clients; clients > 21 {
		t.Errorf("%d clients", clients)
	}
	r.signIn(mason, "identify")
}
