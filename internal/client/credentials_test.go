package client_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// asClient is a rig that signs in as a client itself, with no browser.
func asClient(t *testing.T, f *fake) *rig {
	t.Helper()
	f.set(func() { f.clients["mine"], f.secret = "", clientSecret })
	r := newRig(t, f)
	f.meta["token_endpoint_auth_methods_supported"] = []string{"client_secret_basic"}
	r.SignIn, r.OpenBrowser = false, nil
	r.ClientID, r.ClientSecret, r.ClientCredentials = "mine", clientSecret, true
	return r
}

// A client signs in as itself; what it got is kept, used without the flags, and
// renewed by asking again, in time and when it is refused.
func TestClientCredentials(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	// Neither of them is of use here.
	f.meta["authorization_endpoint"], f.meta["code_challenge_methods_supported"] = nil, nil
	r := asClient(t, f)
	conn := r.connect(t)
	call(t, conn, "echo")
	want(t, "grant", conn.Identity().Grant, "client_credentials")
	form := f.forms["/token"][0]
	want(t, "grant_type", form.Get("grant_type"), "client_credentials")
	want(t, "resource", form.Get("resource"), f.URL+"/mcp")
	want(t, "scope", form.Get("scope"), "identify")
	want(t, "client_id in the body", form.Has("client_id"), false)
	want(t, "refresh token kept", r.saved(t).RefreshToken, "")

	r.ClientID, r.ClientSecret, r.ClientCredentials = "", "", false
	conn = r.connect(t)
	want(t, "tokens for a kept one", f.count("/token"), 1)
	r.advance(2 * time.Hour)
	refused := func() (n int) {
		f.set(func() {
			for _, bearer := range f.bearers {
				if bearer == "" {
					n++
				}
			}
		})
		return n
	}
	before := refused()
	call(t, conn, "echo")
	want(t, "tokens after its end", f.count("/token"), 2)
	want(t, "requests without one", refused(), before)
	f.set(func() { clear(f.access) })
	callAll(t, conn, "echo")
	want(t, "tokens after a refusal", f.count("/token"), 3)
	want(t, "refreshes", f.refreshes(), 0)
	want(t, "registrations", f.count("/register"), 0)
	want(t, "browsers", f.count("/authorize"), 0)

	id, err := client.Status(t.Context(), r.Config)
	if err != nil {
		t.Fatal(explain(err))
	}
	want(t, "client of the status", id.ClientID, "mine")
	if err := client.Logout(t.Context(), r.Config); err != nil {
		t.Fatal(explain(err))
	}
	want(t, "kept after the logout", r.saved(t) == nil, true)
	want(t, "revocations", f.count("/revoke"), 1)
}

// A client itself gets more scopes without a browser; never a loop.
func TestClientCredentialsStepUp(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.meta["scopes_supported"] = []string{"identify", "guilds", "offline_access"}
	r := asClient(t, f)
	conn := r.connect(t)
	call(t, conn, "list_guilds")
	want(t, "scope", f.forms["/token"][1].Get("scope"), "identify guilds")
	f.set(func() {
		f.on["/token"] = func(w http.ResponseWriter, _ *http.Request) {
			f.json(w, 200, map[string]any{"access_token": "useless", "token_type": "Bearer"})
		}
		clear(f.access)
	})
	_, err := conn.Call(t.Context(), client.Call{Name: "echo"})
	wantKind(t, err, client.KindAuth)
	if n := f.count("/token"); n > 6 {
		t.Errorf("%d token requests for one call", n)
	}
}

// Where the server wants it, the secret is in the body.
func TestClientCredentialsPost(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := asClient(t, f)
	f.meta["token_endpoint_auth_methods_supported"] = []string{"client_secret_post", "none"}
	f.on["/token"] = func(w http.ResponseWriter, q *http.Request) {
		_, _, basic := q.BasicAuth()
		want(t, "basic", basic, false)
		want(t, "secret", q.PostFormValue("client_id")+":"+q.PostFormValue("client_secret"), "mine:"+clientSecret)
		f.set(func() { f.access["its-own"] = []string{"identify"} })
		f.json(w, 200, map[string]any{"access_token": "its-own", "token_type": "Bearer"})
	}
	call(t, r.connect(t), "echo")
}

// A user's sign-in is not the client's: it is not used, and not asked for.
func TestClientCredentialsBesideUser(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	user := beforehand(t, f, "mine")
	f.secret = clientSecret
	user.ClientID, user.ClientSecret = "mine", clientSecret
	f.meta["token_endpoint_auth_methods_supported"] = []string{"client_secret_basic"}
	_ = user.connect(t).Close()
	user.SignIn, user.ClientCredentials = false, true
	_, err := client.Status(t.Context(), user.Config)
	own := wantKind(t, err, client.KindAuth)
	want(t, "message", own.Message, "the saved sign-in to "+user.Server+" is not of this client itself")
	want(t, "hint", own.Hint, "run {program} connect "+user.Server+" --oauth-client-id mine --grant client_credentials")
	want(t, "tokens", f.count("/token"), 1)
	conn := user.connect(t)
	want(t, "grant", conn.Identity().Grant, "client_credentials")
	want(t, "browsers", user.opened(), 1)
}

// What cannot be is said, and no secret goes where it is of no use.
func TestClientCredentialsRefused(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		arrange func(*fake, *rig)
		kind    client.Kind
		message string
		tokens  int
	}{
		{"no secret", func(_ *fake, r *rig) { r.ClientSecret = "" }, client.KindUsage, "the grant client_credentials is for a client with a secret", 0},
		{"no client", func(_ *fake, r *rig) { r.ClientID = "" }, client.KindUsage, "the grant client_credentials is for a client with a secret", 0},
		{"wrong secret", func(_ *fake, r *rig) { r.ClientSecret = "wrong" }, client.KindAuth, "the sign-in of SERVER does not accept the given client: invalid_client", 1},
		{"no such grant", func(f *fake, _ *rig) {
			f.on["/token"] = func(w http.ResponseWriter, _ *http.Request) {
				f.json(w, 400, map[string]any{"error": "unsupported_grant_type"})
			}
		}, client.KindAuth, "the sign-in of SERVER gives no tokens to clients themselves: unsupported_grant_type", 1},
		{"no secrets", func(f *fake, _ *rig) { f.meta["token_endpoint_auth_methods_supported"] = []string{"none"} }, client.KindFailure, "the sign-in of SERVER takes no client secrets, only none", 0},
		{"described nowhere", func(f *fake, _ *rig) {
			f.on[resourceDocument], f.on[serverDocument] = http.NotFound, http.NotFound
			f.on["/mcp"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
		}, client.KindFailure, "the sign-in of SERVER is described nowhere: the server asks for it but publishes no resource metadata (RFC 9728)", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			r := asClient(t, f)
			test.arrange(f, r)
			_, err := client.Connect(t.Context(), r.Config)
			own := wantKind(t, err, test.kind)
			want(t, "message", own.Message, replaceServer(test.message, r.Server))
			want(t, "token requests", f.count("/token"), test.tokens)
			want(t, "kept", r.saved(t) == nil, true)
		})
	}
}
