package client_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// endless answers with JSON that does not end.
func endless(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	chunk := []byte(strings.Repeat(" ", 64<<10))
	for {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}

// TestAttack24HostileSignIn: whatever a server says about signing in, there is
// a plain error, no browser, no secret sent, and what is saved stays.
func TestAttack24HostileSignIn(t *testing.T) {
	t.Parallel()
	var strayed []string
	stray := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { strayed = append(strayed, r.URL.String()) }))
	t.Cleanup(stray.Close)
	const prm, meta = "/.well-known/oauth-protected-resource/mcp", "/.well-known/oauth-authorization-server"
	endpoint := func(name, value string) func(*fake) {
		return func(f *fake) { f.meta[name] = value }
	}
	redirect := func(path, to string) func(*fake) {
		return func(f *fake) {
			f.on[path] = func(w http.ResponseWriter, r *http.Request) {
				if to == "" {
					to = f.URL + path
				}
				http.Redirect(w, r, to, http.StatusTemporaryRedirect)
			}
		}
	}
	challenge := func(metadata string) func(*fake) {
		return func(f *fake) {
			f.on["/mcp"] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("WWW-Authenticate", `Bearer resource_metadata="`+metadata+`"`)
				w.WriteHeader(http.StatusUnauthorized)
			}
		}
	}
	text := func(path, kind, body string) func(*fake) {
		return func(f *fake) {
			f.on[path] = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", kind)
				_, _ = w.Write([]byte(body))
			}
		}
	}
	for _, test := range []struct {
		name    string
		arrange func(*fake)
	}{
		{"file endpoint", endpoint("authorization_endpoint", "file:///bin/sh")},
		{"script endpoint", endpoint("authorization_endpoint", "javascript:alert(1)")},
		{"flag endpoint", endpoint("authorization_endpoint", "--new-window")},
		{"shell endpoint", endpoint("authorization_endpoint", "https://x/`touch /tmp/x`; calc")},
		{"newline endpoint", endpoint("authorization_endpoint", "https://x/\n--flag")},
		{"escape endpoint", endpoint("authorization_endpoint", "https://x/\x1b[2J")},
		{"plain http endpoint", endpoint("authorization_endpoint", "http://evil.example/authorize")},
		{"userinfo endpoint", endpoint("authorization_endpoint", "https://good.example@evil.example/")},
		{"no endpoint", func(f *fake) { f.meta["authorization_endpoint"] = nil }},
		{"endless endpoint", endpoint("authorization_endpoint", "https://x/"+strings.Repeat("a", 9000))},
		{"file token endpoint", endpoint("token_endpoint", "file:///etc/passwd")},
		{"private token endpoint", endpoint("token_endpoint", "https://169.254.169.254/token")},
		{"private registration", endpoint("registration_endpoint", "https://10.0.0.1/register")},
		{"mapped revocation", endpoint("revocation_endpoint", "https://[::ffff:10.0.0.1]/revoke")},
		{"another issuer", func(f *fake) { f.meta["issuer"] = "https://honest.example" }},
		{"issuer with a slash", func(f *fake) { f.meta["issuer"] = f.URL + "/" }},
		{"no PKCE", func(f *fake) { f.meta["code_challenge_methods_supported"] = nil }},
		{"plain PKCE", func(f *fake) { f.meta["code_challenge_methods_supported"] = []string{"plain"} }},
		{"resource of another host", func(f *fake) { f.prm["resource"] = "https://honest.example/mcp" }},
		{"resource of the whole origin", func(f *fake) { f.prm["resource"] = f.URL }},
		{"no authorization server", func(f *fake) { f.prm["authorization_servers"] = nil }},
		{"odd authorization server", func(f *fake) { f.prm["authorization_servers"] = []string{"ftp://x"} }},
		{"metadata at a private address", challenge("http://169.254.169.254/latest/meta-data")},
		{"metadata over plain http", challenge("http://evil.example/prm")},
		{"metadata in a file", challenge("file:///etc/passwd")},
		{"no metadata where the challenge says", func(f *fake) { challenge(f.URL + "/nothing")(f) }},
		{"redirect loop", redirect(prm, "")},
		{"redirect to a private address", redirect(prm, "http://169.254.169.254/x")},
		{"redirect loop of the server metadata", redirect(meta, "")},
		{"redirected registration", redirect("/register", stray.URL)},
		{"endless resource metadata", func(f *fake) { f.on[prm] = endless }},
		{"endless server metadata", func(f *fake) { f.on[meta] = endless }},
		{"endless registration", func(f *fake) { f.on["/register"] = endless }},
		{"metadata of a wrong form", text(meta, "application/json", `[1,2,3]`)},
		{"deep metadata", text(meta, "application/json", strings.Repeat("[", 100_000))},
		{"registration of a wrong form", text("/register", "application/json", `{"client_id":"a\nb"}`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			honest := newFake(t)
			r := newRig(t, honest)
			_ = r.connect(t).Close()
			before := r.saved(t)

			f := newFake(t)
			f.set(func() { test.arrange(f) })
			r.Server = f.URL + "/mcp"
			_, err := client.Connect(t.Context(), r.Config)
			own := wantKind(t, err, client.KindFailure)
			if strings.ContainsFunc(own.Message+own.Hint, func(c rune) bool { return c < ' ' }) {
				t.Errorf("raw message %q", own.Message)
			}
			want(t, "browsers", r.opened(), 1) // the honest one
			want(t, "codes redeemed", f.count("/token"), 0)
			if diff := cmp.Diff(*before, *r.saved(t), cmp.AllowUnexported(tokencache.Session{})); diff != "" {
				t.Errorf("the saved sign-in changed:\n%s", diff)
			}
			for _, bearer := range f.bearers {
				want(t, "bearer", bearer, "")
			}
		})
	}
	t.Cleanup(func() {
		if strayed != nil {
			t.Errorf("requests strayed: %q", strayed)
		}
	})
}

// TestAttack24WrongIssuer: RFC 9207's four rows, and its MUST NOT about
// errors. The code is never sent.
func TestAttack24WrongIssuer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name       string
		advertised bool
		iss        string // "self" stands for the right one
		ok         bool
	}{
		{"advertised and right", true, "self", true},
		{"advertised and missing", true, "", false},
		{"advertised and wrong", true, "https://evil.example", false},
		{"advertised with a slash", true, "self/", false},
		{"not advertised and missing", false, "", true},
		{"not advertised and right", false, "self", true},
		{"not advertised and wrong", false, "https://evil.example", false},
	} {
		for _, failed := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, error %v", test.name, failed), func(t *testing.T) {
				t.Parallel()
				f := newFake(t)
				r := newRig(t, f)
				urls := r.manual()
				f.set(func() { f.meta["authorization_response_iss_parameter_supported"] = test.advertised })
				done := r.connecting(t)
				good := answerOf(t, <-urls)
				q := good.Query()
				q.Del("iss")
				if test.iss != "" {
					q.Set("iss", strings.Replace(test.iss, "self", f.URL, 1))
				}
				if failed {
					q.Del("code")
					q.Set("error", "server_said")
					q.Set("error_description", "PWN")
				}
				good.RawQuery = q.Encode()
				page, _, err := get(t.Context(), good.String())
				if err != nil {
					t.Fatal(err)
				}
				err = <-done
				switch {
				case test.ok && !failed:
					if err != nil {
						t.Error(explain(err))
					}
				case test.ok:
					if own := wantKind(t, err, client.KindAuth); !strings.Contains(own.Message, "PWN") {
						t.Errorf("message %q", own.Message)
					}
				default:
					own := wantKind(t, err, client.KindAuth)
					want(t, "codes redeemed", f.count("/token"), 0)
					if strings.Contains(own.Message+page, "PWN") || strings.Contains(own.Message+page, "server_said") {
						t.Errorf("a stranger's error is shown: %q", own.Message)
					}
				}
			})
		}
	}
}

// TestAttack24TokenEndpoint: the answers to a code.
func TestAttack24TokenEndpoint(t *testing.T) {
	t.Parallel()
	var strayed []string
	stray := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { strayed = append(strayed, r.URL.String()) }))
	t.Cleanup(stray.Close)
	answer := func(fields string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(fields))
		}
	}
	for name, handler := range map[string]http.HandlerFunc{
		"endless":    endless,
		"page":       answer("<html>"),
		"wrong type": answer(`{"access_token":"a","token_type":"mac"}`),
		"no token":   answer(`{"token_type":"Bearer"}`),
		"header":     answer(`{"access_token":"a\r\nX-Evil: 1","token_type":"Bearer"}`),
		"huge token": answer(`{"access_token":"` + strings.Repeat("a", 100_000) + `","token_type":"Bearer"}`),
		"redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, stray.URL, http.StatusTemporaryRedirect)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			r := newRig(t, f)
			f.set(func() { f.on["/token"] = handler })
			_, err := client.Connect(t.Context(), r.Config)
			wantKind(t, err, client.KindFailure)
			if r.saved(t) != nil {
				t.Error("something was saved")
			}
			if len(r.pages) != 1 || !strings.Contains(r.pages[0], "You are not signed in") {
				t.Errorf("last page %q", r.pages)
			}
		})
	}
	t.Cleanup(func() {
		if strayed != nil {
			t.Errorf("a code strayed: %q", strayed)
		}
	})
}

// TestAttack24TokenStaysHome: the Authorization header does not follow a
// redirect to another origin, not even to another port of the same host.
func TestAttack24TokenStaysHome(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	conn := r.connect(t)
	strayed := make(chan string, 9)
	stray := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { strayed <- r.Header.Get("Authorization") }))
	t.Cleanup(stray.Close)
	f.set(func() {
		f.on["/mcp"] = func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, stray.URL, http.StatusTemporaryRedirect)
		}
	})
	_, err := conn.Call(t.Context(), client.Call{Name: "echo"})
	wantKind(t, err, client.KindFailure)
	want(t, "strayed requests", len(strayed), 0)
	// Within the origin it may.
	f.set(func() {
		f.on["/mcp"] = func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/moved", http.StatusTemporaryRedirect)
		}
		f.on["/moved"] = f.mcp.ServeHTTP
	})
	call(t, r.connect(t), "echo")
}

// TestAttack24HostileServer: what the MCP server itself may try.
func TestAttack24HostileServer(t *testing.T) {
	t.Parallel()
	rpc := func(result string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			var request struct {
				ID json.RawMessage `json:"id"`
			}
			_ = json.NewDecoder(r.Body).Decode(&request)
			w.Header().Set("Content-Type", "application/json")
			_, _ = fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, request.ID, result)
		}
	}
	pages := 0
	for name, test := range map[string]struct {
		handler http.HandlerFunc
		list    bool
		kind    client.Kind
	}{
		"endless result": {handler: endless, kind: client.KindFailure},
		"endless stream": {handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			chunk := []byte(": " + strings.Repeat("x", 64<<10) + "\n\n")
			for {
				if _, err := w.Write(chunk); err != nil {
					return
				}
			}
		}, kind: client.KindFailure},
		"endless list": {handler: func(w http.ResponseWriter, r *http.Request) {
			pages++
			rpc(fmt.Sprintf(`"result":{"tools":[],"nextCursor":"%d","resultType":"complete"}`, pages))(w, r)
		}, list: true, kind: client.KindFailure},
		"escape in an error": {handler: rpc(`"error":{"code":-1,"message":"\u001b]0;owned\u0007\u202e evil"}`), kind: client.KindFailure},
		"page":               {handler: func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>\x1b[2J")) }, kind: client.KindFailure},
		"garbage":            {handler: rpc(`"result":[1,2]`), kind: client.KindFailure},
		"limits": {handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		}, kind: client.KindUnavailable},
		"overloaded": {handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }, kind: client.KindUnavailable},
		"broken":     {handler: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, kind: client.KindFailure},
		"half an answer": {handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte(`{"jsonrpc":"2.0",`))
		}, kind: client.KindUnavailable},
		"cut off": {handler: func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = w.Write([]byte(": hello\n\n"))
		}, kind: client.KindUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			r := newRig(t, f)
			conn := r.connect(t)
			before := r.saved(t)
			f.set(func() { f.on["/mcp"] = test.handler })
			var err error
			if test.list {
				_, err = conn.Tools(t.Context())
			} else {
				_, err = conn.Call(t.Context(), client.Call{Name: "echo"})
			}
			own := wantKind(t, err, test.kind)
			if strings.ContainsFunc(own.Message, func(c rune) bool { return c < ' ' || c == '\u202e' }) {
				t.Errorf("raw message %q", own.Message)
			}
			if diff := cmp.Diff(*before, *r.saved(t)); diff != "" {
				t.Errorf("the saved sign-in changed:\n%s", diff)
			}
			// The connection survives its server's bad day.
			f.set(func() { delete(f.on, "/mcp") })
			call(t, conn, "echo")
			want(t, "browsers", r.opened(), 1)
		})
	}
}
