package client_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

const clientSecret = "a-secret-of-a-client"

// beforehand is a rig whose client the fake knows already, with its port.
func beforehand(t *testing.T, f *fake, id string) *rig {
	t.Helper()
	r := newRig(t, f)
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.CallbackPort = ln.Addr().(*net.TCPAddr).Port
	_ = ln.Close()
	f.set(func() { f.clients[id] = fmt.Sprintf("http://127.0.0.1:%d/callback", r.CallbackPort) })
	return r
}

// The way in which a client with a secret authenticates is the server's choice.
func TestClientAuthentication(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		methods any // nil: the metadata does not say
		secret  string
		want    string // "": refused
	}{
		{"not said", nil, clientSecret, "basic"},
		{"both", []string{"client_secret_post", "client_secret_basic"}, clientSecret, "basic"},
		{"post", []string{"private_key_jwt", "client_secret_post"}, clientSecret, "post"},
		{"none", []string{"none"}, clientSecret, "none"},
		{"no secret", []string{"client_secret_basic"}, "", "none"},
		{"others", []string{"private_key_jwt"}, clientSecret, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.meta["token_endpoint_auth_methods_supported"] = test.methods
			r := beforehand(t, f, "mine")
			r.ClientID, r.ClientSecret = "mine", test.secret
			got := ""
			f.on["/token"] = func(w http.ResponseWriter, q *http.Request) {
				user, password, basic := q.BasicAuth()
				form := q.PostFormValue("client_id")
				switch {
				case basic && user == "mine" && password == clientSecret && form == "":
					got = "basic"
				case !basic && form == "mine" && q.PostFormValue("client_secret") == clientSecret:
					got = "post"
				case !basic && form == "mine" && q.PostFormValue("client_secret") == "":
					got = "none"
				}
				values := url.Values{}
				for name, value := range q.PostForm {
					values[name] = value
				}
				values.Set("client_id", "mine")
				f.token(w, q, values)
			}
			conn, err := client.Connect(t.Context(), r.Config)
			want(t, "method", got, test.want)
			want(t, "registrations", f.count("/register"), 0)
			if test.want == "" {
				wantKind(t, err, client.KindFailure)
				return
			}
			if err != nil {
				t.Fatal(explain(err))
			}
			defer conn.Close()
			want(t, "client", conn.Identity().ClientID, "mine")
			r.mu.Lock()
			defer r.mu.Unlock()
			if strings.Contains(r.log.String()+fmt.Sprintf("%+v", conn.Identity())+strings.Join(r.visits, " "), clientSecret) {
				t.Error("the secret is in the log, the identity or an address")
			}
		})
	}
}

// A client that the server does not accept is one plain error; a sign-in that
// was good is kept.
func TestGivenClientRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.meta["token_endpoint_auth_methods_supported"] = []string{"client_secret_basic"}
	r := beforehand(t, f, "mine")
	f.secret = clientSecret
	r.ClientID, r.ClientSecret = "mine", "wrong-"+clientSecret
	_, err := client.Connect(t.Context(), r.Config)
	refused := func(err error) {
		t.Helper()
		own := wantKind(t, err, client.KindAuth)
		want(t, "message", own.Message, "the sign-in of "+r.Server+" does not accept the given client: invalid_client")
		want(t, "hint", own.Hint, "check --oauth-client-id and MCPDISCORD_OAUTH_CLIENT_SECRET")
		if strings.Contains(explain(err), clientSecret) {
			t.Errorf("the error contains the secret: %s", explain(err))
		}
	}
	refused(err)
	r.ClientSecret = clientSecret
	_ = r.connect(t).Close()
	r.ClientSecret = "wrong-" + clientSecret
	f.set(func() { clear(f.access) })
	_, err = client.Connect(t.Context(), r.Config)
	refused(err)
	want(t, "kept", r.saved(t) != nil && r.saved(t).RefreshToken != "", true)
	// The secret was replaced: the given one is used, not the saved one.
	f.set(func() { f.secret = "wrong-" + clientSecret })
	_ = r.connect(t).Close()
	want(t, "browsers", r.opened(), 2)
	want(t, "registrations", f.count("/register"), 0)
}

// The user is told, while the browser shows an error, what is wrong.
func TestGivenClientUnknown(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.ClientID = "mine"
	told := false
	ctx, cancel := context.WithCancel(t.Context())
	r.Events = func(e client.Event) {
		switch e.Kind {
		case client.EventClientUnknown:
			told = strings.Contains(e.Text, "http://127.0.0.1:")
		case client.EventSignIn:
			cancel()
		}
	}
	_, err := client.Connect(ctx, r.Config)
	wantKind(t, err, client.KindInterrupted)
	want(t, "told", told, true)
	want(t, "registrations", f.count("/register"), 0)
}

// A sign-in of another client is not used, and the user is told.
func TestSignInOfAnotherClient(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := beforehand(t, f, "mine")
	_ = r.connect(t).Close() // as a client that registered itself
	r.ClientID, r.SignIn = "mine", false
	bearers := func() int { f.mu.Lock(); defer f.mu.Unlock(); return len(f.bearers) }
	before := bearers()
	for _, try := range []func() error{
		func() error { _, err := client.Connect(t.Context(), r.Config); return err },
		func() error { _, err := client.Status(t.Context(), r.Config); return err },
	} {
		own := wantKind(t, try(), client.KindAuth)
		want(t, "message", own.Message, "the saved sign-in to "+r.Server+" is of another client ID")
		want(t, "hint", own.Hint, "run {program} connect "+r.Server+" --oauth-client-id mine")
	}
	f.mu.Lock()
	want(t, "tokens of the other client", strings.Join(f.bearers[before:], ""), "")
	f.mu.Unlock()
	r.SignIn = true
	conn := r.connect(t)
	want(t, "client", conn.Identity().ClientID, "mine")
	r.mu.Lock()
	defer r.mu.Unlock()
	told := false
	for _, event := range r.events {
		told = told || event.Kind == client.EventOtherClient && event.Text != ""
	}
	want(t, "told", told, true)
}

// TestAttack24SecretToAnotherIssuer: a server that changes its authorization
// server does not get a secret that belongs to the old one.
func TestAttack24SecretToAnotherIssuer(t *testing.T) {
	t.Parallel()
	f, evil := newFake(t), newFake(t)
	r := beforehand(t, f, "mine")
	r.ClientID = "mine"
	_ = r.connect(t).Close()
	f.set(func() { clear(f.access); clear(f.refresh); f.prm["authorization_servers"] = []string{evil.URL} })
	r.ClientSecret = clientSecret
	_, err := client.Connect(t.Context(), r.Config)
	own := wantKind(t, err, client.KindAuth)
	want(t, "message", own.Message, fmt.Sprintf("%s now signs in at %s, but this client ID was used with %s", r.Server, evil.URL, f.URL))
	want(t, "tokens asked of the other", evil.count("/token"), 0)
	want(t, "authorizations at the other", evil.count("/authorize"), 0)
}

// A switched authorization server gets a registration of its own (MCP, section
// "Authorization Server Binding").
func TestSwitchedAuthorizationServer(t *testing.T) {
	t.Parallel()
	f, second := newFake(t), newFake(t)
	r := newRig(t, f)
	_ = r.connect(t).Close()
	old := r.saved(t).ClientID
	f.set(func() { clear(f.access); clear(f.refresh); f.prm["authorization_servers"] = []string{second.URL} })
	second.on["/token"] = func(w http.ResponseWriter, q *http.Request) {
		want(t, "registered there", q.PostFormValue("client_id") != "" && q.PostFormValue("client_id") != old, true)
		f.set(func() { f.access["of-the-second"] = []string{"identify"} })
		f.json(w, 200, map[string]any{"access_token": "of-the-second", "token_type": "Bearer"})
	}
	conn := r.connect(t)
	call(t, conn, "echo")
	want(t, "registrations there", second.count("/register"), 1)
	want(t, "issuer", conn.Identity().Issuer, second.URL)
	want(t, "the former sign-in is gone", r.saved(t) == nil, true)
}

// The order is the specification's: registered beforehand, metadata document,
// registration, else an error that says what to do.
func TestWhichClient(t *testing.T) {
	t.Parallel()
	const document = "https://example.com/client.json"
	for _, test := range []struct {
		name          string
		id, url       string
		documents     bool // the server supports metadata documents
		registration  bool // it registers clients
		want          string
		registrations int
		hint          string
	}{
		{name: "beforehand", id: "mine", url: document, documents: true, registration: true, want: "mine"},
		{name: "document", url: document, documents: true, registration: true, want: document},
		{name: "document without registration", url: document, documents: true, want: document},
		{name: "document that the server does not know", url: document, registration: true, registrations: 1},
		{name: "no document", documents: true, registration: true, registrations: 1},
		{name: "nothing", url: document, hint: "register one with its operator, and give its ID with --oauth-client-id"},
		{name: "a document would do", documents: true, hint: "register one with its operator, and give its ID with --oauth-client-id; or publish a metadata document, and give its address with --client-metadata-url"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.meta["client_id_metadata_document_supported"] = test.documents
			if !test.registration {
				f.meta["registration_endpoint"] = nil
			}
			r := beforehand(t, f, first(test.want, "unused"))
			r.ClientID, r.ClientMetadataURL = test.id, test.url
			conn, err := client.Connect(t.Context(), r.Config)
			want(t, "registrations", f.count("/register"), test.registrations)
			if test.hint != "" {
				want(t, "hint", wantKind(t, err, client.KindAuth).Hint, test.hint)
				return
			}
			if err != nil {
				t.Fatal(explain(err))
			}
			defer conn.Close()
			if test.want != "" {
				want(t, "client", conn.Identity().ClientID, test.want)
			}
			f.set(func() { clear(f.access) })
			call(t, conn, "echo") // refreshed as the same client
			want(t, "refreshes", f.refreshes(), 1)
		})
	}
}

// A document takes the place of an earlier registration at the next sign-in.
func TestDocumentAfterRegistration(t *testing.T) {
	t.Parallel()
	const document = "https://example.com/client.json"
	f := newFake(t)
	f.meta["client_id_metadata_document_supported"] = true
	r := beforehand(t, f, document)
	_ = r.connect(t).Close()
	r.ClientMetadataURL = document
	f.set(func() { clear(f.access); clear(f.refresh) })
	conn := r.connect(t)
	want(t, "client", conn.Identity().ClientID, document)
	want(t, "registrations", f.count("/register"), 1)
}

func first(values ...string) string {
	for _, value := range values {
		if value != "" {
			return value
		}
	}
	return ""
}

// What was configured wrongly is said before anything is sent.
func TestGivenClientUnusable(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		cfg  client.Config
	}{
		{"secret alone", client.Config{ClientSecret: clientSecret}},
		{"id with a space", client.Config{ClientID: "a b"}},
		{"id with an escape", client.Config{ClientID: "a\x1b[2J"}},
		{"endless id", client.Config{ClientID: strings.Repeat("a", 5000)}},
		{"secret with a line break", client.Config{ClientID: "a", ClientSecret: clientSecret + "\n"}},
		{"endless secret", client.Config{ClientID: "a", ClientSecret: strings.Repeat(clientSecret, 1000)}},
		{"plain http", client.Config{ClientMetadataURL: "http://example.com/client.json"}},
		{"loopback http", client.Config{ClientMetadataURL: "http://127.0.0.1/client.json"}},
		{"no path", client.Config{ClientMetadataURL: "https://example.com"}},
		{"empty path", client.Config{ClientMetadataURL: "https://example.com/"}},
		{"fragment", client.Config{ClientMetadataURL: "https://example.com/client.json#a"}},
		{"empty fragment", client.Config{ClientMetadataURL: "https://example.com/client.json#"}},
		{"user", client.Config{ClientMetadataURL: "https://me:pass@example.com/client.json"}},
		{"dots", client.Config{ClientMetadataURL: "https://example.com/a/../client.json"}},
		{"one dot", client.Config{ClientMetadataURL: "https://example.com/./client.json"}},
		{"encoded dots", client.Config{ClientMetadataURL: "https://example.com/a/%2E%2e/client.json"}},
		{"no address", client.Config{ClientMetadataURL: "client.json"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.cfg.Server = "http://127.0.0.1:9/mcp"
			_, err := client.Connect(t.Context(), test.cfg)
			if own := wantKind(t, err, client.KindUsage); strings.Contains(own.Message+own.Hint, clientSecret) {
				t.Errorf("the error contains the secret: %s", own.Message)
			}
		})
	}
}
