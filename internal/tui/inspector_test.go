package tui_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

// known is a server of which everything is known.
func known() *session {
	const auth = "https://auth.example.com"
	return &session{
		tools: tools(),
		identity: client.Identity{
			Server: "https://mcp.example.com/mcp", Issuer: auth, ClientID: "mcpd_client_3f9a", UserID: "80351110224678912", Username: "nelly",
			GlobalName: "Nelly Elephant", Scopes: []string{"identify", "guilds"}, Expiry: noon.Add(time.Hour), ProtocolVersion: "2026-07-28",
		},
		about: client.About{
			Name: "example", Title: "Example \x1b[2Jserver", Version: "1.2.3", Instructions: "Be kind.\n\nAsk before you delete.",
			Capabilities: json.RawMessage(`{"tools":{"listChanged":true},"resources":{"subscribe":true},"\u001b[2J":{}}`),
			Resource:     "https://mcp.example.com/mcp", Renewable: true,
			AuthorizationEndpoint: auth + "/authorize", TokenEndpoint: auth + "/token", RegistrationEndpoint: auth + "/register", RevocationEndpoint: auth + "/revoke",
			Claims: json.RawMessage(`{"iss":"https://auth.example.com","sub":"80351110224678912","aud":["https://mcp.example.com/mcp"],"exp":1773493200,"\u202eodd":"\u001b[2Jx"}`),
		},
	}
}

// exchange tells of a few exchanges.
func (s *stage) exchange() {
	s.exchanges.Tell(client.HTTPExchange{
		ID: 1, Method: "POST", URL: "https://mcp.example.com/mcp", Began: noon.Add(-3 * time.Second), Took: 12 * time.Millisecond, Status: 401, Done: true,
		Sent: 120, Received: 60, RequestHeader: []string{"Accept: application/json"}, RequestBody: "{\n  \"method\": \"server/discover\"\n}",
		ResponseHeader: []string{"Www-Authenticate: Bearer"}, ResponseBody: "no",
	})
	s.exchanges.Tell(client.HTTPExchange{
		ID: 2, Method: "POST", URL: "https://auth.example.com/token", Began: noon.Add(-2 * time.Second), Took: 1500 * time.Millisecond, Status: 200, Done: true,
		Sent: 300, Received: 500, RequestBody: "code=[redacted]&grant_type=authorization_code", ResponseBody: "{\n  \"access_token\": \"[redacted]\"\n}",
	})
	s.exchanges.Tell(client.HTTPExchange{ID: 3, Method: "GET", URL: "https://mcp.example.com/mcp", Began: noon.Add(-time.Second), Took: time.Second, Failed: "connection refused", Done: true})
	open := client.HTTPExchange{
		ID: 4, Method: "POST", URL: "https://mcp.example.com/mcp", Began: noon, Took: 8 * time.Millisecond, Status: 200,
		RequestBody: "{\n  \"jsonrpc\": \"2.0\",\n  \"method\": \"tools/call\"\n}",
	}
	s.exchanges.Tell(open)
	open.Received, open.ResponseBody = 2048, "event: message\ndata: {}"
	s.exchanges.Tell(open)
	s.settle()
}

// find moves the cursor down to a fact.
func (s *stage) find(label string) {
	s.t.Helper()
	for range 300 {
		if frame := s.frame(); strings.Contains(frame, "› "+label) || strings.Contains(frame, "> "+label) {
			return
		}
		s.press("down")
	}
	s.t.Errorf("no %q:\n%s", label, s.frame())
}

func TestInspector(t *testing.T) {
	t.Parallel()
	play(t, setting{width: 80, height: 60, session: known()}, func(s *stage) {
		s.settle()
		s.exchange()
		s.press("5")
		s.see("Nelly Elephant (nelly)", "80351110224678912", "identify guilds", "mcpd_client_3f9a", "60 min, until 2026-03-14 13:00:00",
			"Claims of the access token, not verified", "1773493200 (2026-03-14 13:00:00)", "␛[2Jx",
			"Example ␛[2Jserver 1.2.3", "2026-07-28", "tools, resources", "Be kind. Ask before you delete.", "https://auth.example.com/revoke",
			"POST /mcp  tools/call", "200  open  2.0 kB", "GET /mcp", "no answer  1.0 s", "POST https://auth.example.com/token", "401  12 ms  60 bytes")
		s.find("says")
		s.press("enter")
		s.see("Be kind.", "Ask before you delete.")
		s.press("r", "e") // nothing to do again
		s.see("✓ says")
		s.press("esc", "G", "enter")
		s.see("POST https://mcp.example.com/mcp", "Accept: application/json", "401 after 12 ms, 60 bytes", "Www-Authenticate: Bearer")
		s.press("esc", "y")
		s.see("copied the address")
		s.press("g")
		s.click(10, 4) // the ID
		s.see("› Discord ID")
		s.click(10, 2) // a heading
		s.see("› Discord ID")
		s.click(10, 4)
		s.see("✓ Discord ID")
		s.press("esc")
		s.press("4")
		s.see("Nothing was called yet.")
	})
}

func TestRenewAndSignOut(t *testing.T) {
	t.Parallel()
	play(t, setting{session: known()}, func(s *stage) {
		s.settle()
		s.press("5", "t")
		s.see("the access token is renewed", "3 h, until 2026-03-14 15:00:00")
		s.press("o", "n")
		s.see("mcpd_client_3f9a")
		s.press("o", "enter") // not by accident
		s.see("mcpd_client_3f9a")
		s.press("o", "y")
		s.see("signed out", "not signed in", "s sign in")
		s.press("t", "o", "y")
		if got := fmt.Sprint(s.session.calls); got != "[renew sign out]" {
			t.Error(got)
		}
	})
	failing := known()
	failing.renewErr = &client.Error{Kind: client.KindUnavailable, Message: "the server is away", Err: errors.New("secret chain")}
	play(t, setting{session: failing}, func(s *stage) {
		s.settle()
		s.press("5", "t")
		s.see("The access token could not be renewed: the server is away")
		s.press("o", "y")
		s.see("The sign-out is not complete: the server is away")
	})
}

// TestExchangesAreBounded: the oldest make room, and the cursor stays on its exchange.
func TestExchangesAreBounded(t *testing.T) {
	t.Parallel()
	play(t, setting{session: known()}, func(s *stage) {
		s.settle()
		s.exchange()
		s.press("5")
		s.find("11:59:58 POST https://auth.example.com/token")
		for i := range 150 {
			s.exchanges.Tell(client.HTTPExchange{ID: uint64(10 + i), Method: "GET", URL: "https://mcp.example.com/n", Began: noon, Done: true, Status: 200})
			if i%50 == 0 {
				s.settle()
			}
		}
		s.settle()
		s.see("› 11:59:58 POST https://auth.example.com/token")
		for i := range 300 {
			s.exchanges.Tell(client.HTTPExchange{ID: uint64(1000 + i), Method: "GET", URL: "https://mcp.example.com/big", Began: noon, Done: true, Status: 200, ResponseBody: strings.Repeat("x", 100_000)})
		}
		s.settle()
		s.press("G")
		s.see("/big")
		if n := tui.Kept(s.exchanges); n < 20 || n > 42 {
			t.Errorf("%d exchanges of 100 kB are kept", n)
		}
	})
}

// TestLateAnswersOfFacts: a search in a fact goes on while another pane shows one, and ends in its
// own.
func TestLateAnswersOfFacts(t *testing.T) {
	t.Parallel()
	play(t, setting{session: known()}, func(s *stage) {
		s.settle()
		s.choose("text")
		s.press("esc", "6", "enter")
		s.see("✓ line")
		s.press("5")
		s.find("can do")
		s.press("enter", "/")
		for _, name := range []string{"t", "o", "o", "enter", "6"} { // sooner than it is found
			s.send(keyNamed(name))
		}
		s.settle()
		s.press("5")
		s.see("1 of 1")
	})
}
