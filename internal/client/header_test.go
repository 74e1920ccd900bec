package client_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// TestAttack24HeaderStaysHome: an additional header goes to the MCP endpoint
// and to the resource metadata of its origin, and nowhere else: not to the
// authorization server, not after a redirect, not to another origin.
func TestAttack24HeaderStaysHome(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	var mu sync.Mutex
	var strayed []string
	note := func(r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if r.Header.Get("X-Api-Key") != "" {
			strayed = append(strayed, r.URL.Path)
		}
	}
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		note(r)
		f.Config.Handler.ServeHTTP(w, r)
	}))
	t.Cleanup(other.Close)
	// The resource metadata is reached by a redirect to another origin.
	f.on["/.well-known/oauth-protected-resource/mcp"] = func(w http.ResponseWriter, r *http.Request) {
		want(t, "header at the metadata", r.Header.Get("X-Api-Key"), "sesame-value")
		http.Redirect(w, r, other.URL+"/moved", http.StatusFound)
	}
	f.on["/moved"] = func(w http.ResponseWriter, _ *http.Request) {
		f.json(w, 200, map[string]any{"resource": f.URL + "/mcp", "authorization_servers": []string{f.URL}})
	}
	seen := 0
	watch := func(req *http.Request) {
		if req.URL.Path != "/mcp" && req.URL.Path != "/.well-known/oauth-protected-resource/mcp" {
			note(req)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if seen++; req.Header.Get("X-Api-Key") != "sesame-value" {
			t.Errorf("no header at %s", req.URL.Path)
		}
	}
	r := newRig(t, f)
	r.Header = http.Header{"X-Api-Key": {"sesame-value"}}
	r.Transport = watched{watch}
	conn := r.connect(t)
	call(t, conn, "echo")
	// A redirect of the MCP endpoint is refused before anything is sent.
	f.set(func() {
		f.on["/mcp"] = func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, other.URL+"/mcp", http.StatusTemporaryRedirect)
		}
	})
	_, err := conn.Call(t.Context(), client.Call{Name: "echo"})
	wantKind(t, err, client.KindFailure)
	mu.Lock()
	defer mu.Unlock()
	if len(strayed) > 0 || seen < 4 {
		t.Errorf("the header went to %q; %d requests had it", strayed, seen)
	}
	if strings.Contains(r.log.String(), "sesame-value") {
		t.Error("the header's value is in the log")
	}
}

// watched is a transport that shows every request.
type watched struct{ see func(*http.Request) }

func (w watched) RoundTrip(req *http.Request) (*http.Response, error) {
	w.see(req)
	return http.DefaultTransport.RoundTrip(req)
}

// An Authorization header stands for a sign-in, a refused one is an error.
func TestAuthorizationHeader(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.access["gateway"] = []string{"identify"}
	r := newRig(t, f)
	r.Header = http.Header{"Authorization": {"Bearer gateway"}}
	call(t, r.connect(t), "echo")
	if _, err := client.Status(t.Context(), r.Config); err != nil {
		t.Fatal(explain(err))
	}
	r.Header = http.Header{"Authorization": {"Bearer wrong-value"}}
	_, err := client.Connect(t.Context(), r.Config)
	own := wantKind(t, err, client.KindAuth)
	want(t, "message", own.Message, r.Server+" does not accept the given Authorization header")
	want(t, "browsers", r.opened(), 0)
	want(t, "registrations", f.count("/register"), 0)
}

func TestHeaderRefused(t *testing.T) {
	t.Parallel()
	many := http.Header{}
	for range 33 {
		many.Add("X-Many", "1")
	}
	for _, test := range []struct {
		name   string
		header http.Header
		token  string
	}{
		{"of the connection", http.Header{"Connection": {"sesame"}}, ""},
		{"host", http.Header{"Host": {"sesame"}}, ""},
		{"length", http.Header{"Content-Length": {"5"}}, ""},
		{"encoding", http.Header{"Content-Encoding": {"sesame"}}, ""},
		{"of MCP", http.Header{"Mcp-Session-Id": {"sesame"}}, ""},
		{"accept", http.Header{"Accept": {"sesame"}}, ""},
		{"not canonical", http.Header{"mcp-session-id": {"sesame"}}, ""},
		{"no name", http.Header{"": {"sesame"}}, ""},
		{"odd name", http.Header{"X A": {"sesame"}}, ""},
		{"line break", http.Header{"X-A": {"sesame\r\nHost: x"}}, ""},
		{"not ASCII", http.Header{"X-A": {"sesame\u202e"}}, ""},
		{"too many", many, ""},
		{"too large", http.Header{"X-A": {strings.Repeat("sesame", 4096)}}, ""},
		{"two authorizations", http.Header{"Authorization": {"Bearer sesame", "Bearer sesame"}}, ""},
		{"two credentials", http.Header{"Authorization": {"Bearer sesame"}}, "token"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := client.Connect(t.Context(), client.Config{Server: "http://127.0.0.1:9/mcp", Header: test.header, AccessToken: test.token})
			if own := wantKind(t, err, client.KindUsage); strings.Contains(own.Message+own.Hint, "sesame") {
				t.Errorf("the error contains the value: %s", own.Message)
			}
		})
	}
}
