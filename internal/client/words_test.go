package client_test

import (
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// The tests here hold what a user is told.

// The server is reached under another of its names: the message has the right
// one, and no secret goes anywhere.
func TestServerUnderAnotherName(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	own := strings.Replace(f.URL, "127.0.0.1", "localhost", 1) + "/mcp"
	for _, test := range []struct{ resource, message, hint string }{
		{own, f.URL + "/mcp calls itself " + own, "if that is the server that you mean, run {program} connect " + own},
		{"https://x.example/$(reboot)", "the sign-in of " + f.URL + `/mcp is for another address, "https://x.example/$(reboot)"`, ""},
		{"https://x.example/a;b", "the sign-in of " + f.URL + `/mcp is for another address, "https://x.example/a;b"`, ""},
		{"-o/etc/passwd", "the sign-in of " + f.URL + `/mcp is for another address, "-o/etc/passwd"`, ""},
	} {
		f.set(func() { f.prm["resource"] = test.resource })
		_, err := client.Connect(t.Context(), newRig(t, f).Config)
		got := wantKind(t, err, client.KindFailure)
		want(t, "message", got.Message, test.message)
		want(t, "hint", got.Hint, test.hint)
	}
	want(t, "registrations", f.count("/register"), 0)
}

// A hint is typed or pasted into a shell, so a hostile server's scopes must
// not be commands there.
func TestAttack24ShellInHint(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	f.set(func() {
		f.need["echo"] = "x;reboot $(reboot) `reboot` a|b --token-store=plain https://example.com/guilds.read"
	})
	r.SignIn = false
	conn := r.connect(t)
	_, err := conn.Call(t.Context(), client.Call{Name: "echo"})
	want(t, "hint", wantKind(t, err, client.KindAuth).Hint, "run {program} connect "+f.URL+"/mcp --scope https://example.com/guilds.read")
}

// A server that registers nobody is an error with a way out.
func TestHintsWithoutRegistration(t *testing.T) {
	t.Parallel()
	for name, arrange := range map[string]func(f *fake){
		"no endpoint": func(f *fake) { f.meta["registration_endpoint"] = nil },
		"refused":     func(f *fake) { f.on["/register"] = http.NotFound },
	} {
		f := newFake(t)
		f.set(func() { arrange(f) })
		_, err := client.Connect(t.Context(), newRig(t, f).Config)
		if hint := wantKind(t, err, client.KindAuth).Hint; hint == "" {
			t.Errorf("%s: hint %q", name, hint)
		}
	}
}

// What the authorization endpoint says of now is no refusal.
func TestAuthorizationServerBusy(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.set(func() { f.on["/authorize"] = f.refusing("temporarily_unavailable") })
	_, err := client.Connect(t.Context(), newRig(t, f).Config)
	wantKind(t, err, client.KindUnavailable)
}

// refusing is an authorization endpoint that always answers with the error.
func (f *fake) refusing(code string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		answer := url.Values{"state": {q.Get("state")}, "iss": {f.URL}, "error": {code}}
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
	}
}

// A scope that was granted once and has been withdrawn since must not refuse
// every sign-in to come.
func TestWithdrawnScope(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.Scopes = []string{"gone"}
	r.connect(t)
	r.Scopes = nil
	f.set(func() {
		clear(f.access)
		clear(f.refresh)
		f.on["/authorize"] = func(w http.ResponseWriter, req *http.Request) {
			if strings.Contains(req.URL.Query().Get("scope"), "gone") {
				f.refusing("invalid_scope")(w, req)
				return
			}
			f.authorize(w, req)
		}
	})
	call(t, r.connect(t), "echo")
	f.set(func() { clear(f.access); clear(f.refresh); f.on["/authorize"] = f.refusing("invalid_scope") })
	_, err := client.Connect(t.Context(), r.Config)
	wantKind(t, err, client.KindAuth)
}

// A mistyped scope is refused in one tab, and called by its name, also where
// others were granted before.
func TestMistypedScope(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		listed any // by the authorization server
		hint   string
	}{
		{"listed", []string{"identify", "email"}, "check --scope emial; the server lists identify, email"},
		{"no list", nil, "check --scope emial"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.meta["scopes_supported"] = test.listed
			f.on["/authorize"] = func(w http.ResponseWriter, req *http.Request) {
				if strings.Contains(req.URL.Query().Get("scope"), "emial") {
					f.refusing("invalid_scope")(w, req)
					return
				}
				f.authorize(w, req)
			}
			r := newRig(t, f)
			r.Scopes = []string{"emial"}
			_, err := client.Connect(t.Context(), r.Config)
			want(t, "hint of the first sign-in", wantKind(t, err, client.KindAuth).Hint, test.hint)
			r.Scopes = []string{"email"}
			call(t, r.connect(t), "echo")
			opened := r.opened()
			r.Scopes = []string{"email", "emial"}
			f.set(func() { clear(f.access); clear(f.refresh) })
			_, err = client.Connect(t.Context(), r.Config)
			want(t, "hint of a later one", wantKind(t, err, client.KindAuth).Hint, test.hint)
			want(t, "browsers", r.opened()-opened, 1)
		})
	}
}

func TestLogoutBehindASignIn(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	unlock, err := r.cache.Lock(t.Context(), r.saved(t).Key())
	if err != nil {
		t.Fatal(err)
	}
	defer unlock()
	r.Timeout = 50 * time.Millisecond
	own := wantKind(t, client.Logout(t.Context(), r.Config), client.KindUnavailable)
	want(t, "message", own.Message, "another process is signing in to "+f.URL+"/mcp")
}

// A sign-in that cannot be read is signed out of too: its files go.
func TestLogoutOfDamage(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r, dir := newRigIn(t, f)
	r.connect(t)
	damage(t, dir, r.saved(t).AccessToken)
	if err := client.Logout(t.Context(), r.Config); err != nil {
		t.Fatal(explain(err))
	}
	if on := disk(t, dir); strings.Contains(on, "refresh-") || strings.Contains(on, "127.0.0.1") {
		t.Errorf("left on disk:\n%s", on)
	}
}

// An authorization server inside a private network is refused in words that
// say so, not as one that is down.
func TestPrivateAuthorizationServer(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.set(func() { f.prm["authorization_servers"] = []string{"https://sso.example"} })
	r := newRig(t, f)
	r.Transport = roundTrip(func(req *http.Request) (*http.Response, error) {
		if req.URL.Hostname() == "sso.example" {
			return nil, &net.OpError{Op: "dial", Net: "tcp", Err: client.Permit(r.Server, "10.0.0.1:443")}
		}
		return http.DefaultTransport.RoundTrip(req)
	})
	_, err := client.Connect(t.Context(), r.Config)
	if own := wantKind(t, err, client.KindFailure); !strings.Contains(own.Message, "10.0.0.1, which is not a public address") {
		t.Errorf("message %q", own.Message)
	}
}
