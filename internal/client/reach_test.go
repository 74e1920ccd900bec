package client_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// TestAttack24PublicServer: a server that is not on this computer cannot make
// it talk to itself or to its neighbors.
func TestAttack24PublicServer(t *testing.T) {
	t.Parallel()
	for name, metadata := range map[string]string{
		"loopback":      "http://127.0.0.1:1/prm",
		"localhost":     "https://localhost/prm",
		"loopback six":  "https://[::1]/prm",
		"private":       "https://192.168.1.1/prm",
		"link-local":    "https://169.254.169.254/prm",
		"shared":        "https://100.64.0.1/prm",
		"unique local":  "https://[fd00::1]/prm",
		"NAT64":         "https://[64:ff9b::a00:1]/prm",
		"this network":  "https://0.0.0.0/prm",
		"other server":  "https://10.1.2.4/prm",
		"plain http":    "http://10.1.2.3/prm",
		"mapped":        "https://[::ffff:127.0.0.1]/prm",
		"documentation": "https://[2001:db8::1]/prm",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked []string
			network := roundTrip(func(req *http.Request) (*http.Response, error) {
				asked = append(asked, req.URL.Host)
				w := httptest.NewRecorder()
				w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+metadata+`"`)
				w.WriteHeader(http.StatusUnauthorized)
				return w.Result(), nil
			})
			_, err := client.Connect(t.Context(), client.Config{Server: "https://10.1.2.3/mcp", SignIn: true, Transport: network})
			wantKind(t, err, client.KindFailure)
			if diff := cmp.Diff([]string{"10.1.2.3"}, asked); diff != "" {
				t.Errorf("asked:\n%s", diff)
			}
		})
	}
}

// The same host is fine: the user named it himself.
func TestPrivateServerItself(t *testing.T) {
	t.Parallel()
	var asked []string
	network := roundTrip(func(req *http.Request) (*http.Response, error) {
		asked = append(asked, req.URL.Path)
		w := httptest.NewRecorder()
		w.WriteHeader(map[bool]int{true: 401, false: 404}[req.URL.Path == "/mcp"])
		return w.Result(), nil
	})
	_, err := client.Connect(t.Context(), client.Config{Server: "https://10.1.2.3/mcp", SignIn: true, Transport: network})
	wantKind(t, err, client.KindFailure)
	if diff := cmp.Diff([]string{"/mcp", "/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-protected-resource", "/.well-known/oauth-authorization-server", "/register"}, asked); diff != "" {
		t.Errorf("asked:\n%s", diff)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// A token never goes to a server that it was not issued for.
func TestAttack24TokenOfAnotherServer(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	evil := newFake(t)
	evil.set(func() { evil.prm["authorization_servers"] = []string{f.URL} })
	r.Server = evil.URL + "/mcp"
	f.set(func() { f.deny = true })
	_, err := client.Connect(t.Context(), r.Config)
	wantKind(t, err, client.KindAuth)
	for _, bearer := range evil.bearers {
		want(t, "bearer", bearer, "")
	}
	last, _ := url.Parse(r.visits[len(r.visits)-1])
	want(t, "resource asked for", last.Query().Get("resource"), evil.URL+"/mcp")
}
