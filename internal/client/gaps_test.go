package client_test

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// The tests here are named after the gaps of the SDK's own handler that this
// package closes.

// callAll calls the tool eight times at once and wants eight answers.
func callAll(t *testing.T, conn *client.Conn, tool string) {
	t.Helper()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := conn.Call(t.Context(), client.Call{Name: tool}); err != nil {
				t.Errorf("calling: %v", explain(err))
			}
		})
	}
	all.Wait()
}

// E1: eight concurrent challenges opened eight browsers.
func TestGapE1ConcurrentChallenges(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	conn := r.connect(t)
	f.set(func() { clear(f.access); clear(f.refresh) })
	callAll(t, conn, "echo")
	want(t, "browsers", r.opened(), 2)
	want(t, "registrations", f.count("/register"), 1)
	want(t, "refreshes", f.refreshes(), 1)
}

// E2: a missing scope never led to a step-up, and the 403 ended the connection.
func TestGapE2StepUp(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	conn := r.connect(t)
	callAll(t, conn, "list_guilds")
	want(t, "browsers", r.opened(), 2)
	scope := f.forms["/authorize"][len(f.forms["/authorize"])-1].Get("scope")
	want(t, "scope of the step-up", scope, "identify guilds")
	call(t, conn, "echo")
}

func TestGapE2WithoutSignIn(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	r.SignIn = false
	conn := r.connect(t)
	_, err := conn.Call(t.Context(), client.Call{Name: "list_guilds"})
	own := wantKind(t, err, client.KindAuth)
	if !strings.Contains(own.Hint, "{program} connect "+f.URL+"/mcp --scope guilds") {
		t.Errorf("the hint does not say what to do: %s", own.Hint)
	}
	call(t, conn, "echo")
	want(t, "browsers", r.opened(), 1)
}

// A server that is never content must not keep the user clicking.
func TestGapE2StepUpEnds(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	conn := r.connect(t)
	f.set(func() {
		f.on["/mcp"] = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="guilds"`)
			w.WriteHeader(http.StatusForbidden)
		}
	})
	_, err := conn.Call(t.Context(), client.Call{Name: "echo"})
	wantKind(t, err, client.KindAuth)
	want(t, "browsers", r.opened(), 2)
}

func TestGapE2PlainForbidden(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	conn := r.connect(t)
	f.set(func() {
		f.on["/mcp"] = func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusForbidden)
			_, _ = w.Write([]byte(`{"jsonrpc":"2.0","id":1,"error":{"code":403,"message":"members only\u001b[31m"}}`))
		}
	})
	_, err := conn.Call(t.Context(), client.Call{Name: "echo"})
	wantKind(t, err, client.KindAuth)
	if text := err.Error(); !strings.Contains(text, "(403): members only") || strings.ContainsRune(text, '\x1b') {
		t.Errorf("error %q", text)
	}
	f.set(func() { delete(f.on, "/mcp") })
	call(t, conn, "echo")
	want(t, "browsers", r.opened(), 1)
}

// E3: an expired token without a refresh token was stuck for ever.
func TestGapE3ExpiredWithoutRefreshToken(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.rotate = false
	r := newRig(t, f)
	conn := r.connect(t)
	r.advance(2 * time.Hour)
	call(t, conn, "echo")
	want(t, "browsers", r.opened(), 2)
	r.advance(2 * time.Hour)
	again := r.connect(t)
	call(t, again, "echo")
	want(t, "browsers", r.opened(), 3)
	want(t, "registrations", f.count("/register"), 1)
}

// Tokens that live for seconds are tokens all the same.
func TestGapE3ShortLivedToken(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.lifetime = 3
	r := newRig(t, f)
	conn := r.connect(t)
	call(t, conn, "echo")
	r.advance(3 * time.Second)
	call(t, conn, "echo")
	want(t, "browsers", r.opened(), 1)
	want(t, "refreshes", f.refreshes(), 1)
}

// E4: a refresh answered by anything but invalid_grant was stuck for ever.
func TestGapE4RefusedRefresh(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		code          string
		registrations int
	}{
		{"invalid_grant", 1}, {"invalid_scope", 1}, {"invalid_target", 1}, {"invalid_client", 2}, {"unauthorized_client", 2},
	} {
		t.Run(test.code, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			r := newRig(t, f)
			conn := r.connect(t)
			r.advance(2 * time.Hour)
			f.set(func() {
				f.on["/token"] = func(w http.ResponseWriter, _ *http.Request) {
					f.set(func() { delete(f.on, "/token") })
					f.json(w, 400, map[string]string{"error": test.code})
				}
				clear(f.access)
			})
			call(t, conn, "echo")
			want(t, "browsers", r.opened(), 2)
			want(t, "registrations", f.count("/register"), test.registrations)
			want(t, "refreshes", f.refreshes(), 1)
		})
	}
}

// The same without permission to sign in: an error, the right things kept.
func TestGapE4RefusedRefreshWithoutSignIn(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		code     string
		status   int
		kind     client.Kind
		client   bool // the registration is kept
		tokens   bool // the tokens are kept
		attempts int
	}{
		{"invalid_grant", 400, client.KindAuth, true, false, 1},
		{"invalid_client", 401, client.KindAuth, false, false, 1},
		{"temporarily_unavailable", 503, client.KindUnavailable, true, true, 2},
		{"slow_down", 429, client.KindUnavailable, true, true, 2},
		{"", 500, client.KindUnavailable, true, true, 2},
	} {
		t.Run(test.code, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			r := newRig(t, f)
			_ = r.connect(t).Close()
			r.advance(2 * time.Hour)
			r.SignIn = false
			f.set(func() {
				f.on["/token"] = func(w http.ResponseWriter, _ *http.Request) {
					f.json(w, test.status, map[string]string{"error": test.code})
				}
				clear(f.access)
			})
			for range 2 {
				_, err := client.Connect(t.Context(), r.Config)
				wantKind(t, err, test.kind)
			}
			session := r.saved(t)
			want(t, "registration kept", session != nil && session.ClientID != "", test.client)
			want(t, "refresh token kept", session != nil && session.RefreshToken != "", test.tokens)
			want(t, "refreshes", f.refreshes(), test.attempts)
			want(t, "browsers", r.opened(), 1)
		})
	}
}

// E5: a denial was asked for twice, by server/discover and by initialize.
func TestGapE5Denied(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.deny = true
	r := newRig(t, f)
	_, err := client.Connect(t.Context(), r.Config)
	own := wantKind(t, err, client.KindAuth)
	want(t, "message", own.Message, "sign-in was denied")
	want(t, "hint", own.Hint, "run {program} connect "+f.URL+"/mcp to try again")
	want(t, "browsers", r.opened(), 1)
	want(t, "registrations", f.count("/register"), 1)
	want(t, "requests", f.count("/mcp"), 1)
	if !strings.Contains(r.pages[0], "Sign-in was denied") {
		t.Errorf("the last page does not say so:\n%s", r.pages[0])
	}
}

// A denial may say why. Its words are foreign: they do nothing to a terminal or
// a page, and are cut.
func TestDeniedSaysWhy(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.deny, f.denial = true, "not\x1b[2J let\nin \u202e<script>x</script>"+strings.Repeat("!", 2000)
	r := newRig(t, f)
	_, err := client.Connect(t.Context(), r.Config)
	own := wantKind(t, err, client.KindAuth)
	if !strings.HasPrefix(own.Message, "sign-in was denied: not␛[2J let in <U+202E><script>") || len(own.Message) > 400 {
		t.Errorf("the message is %q", own.Message)
	}
	if !strings.Contains(r.pages[0], "&lt;script&gt;") || strings.Contains(r.pages[0], "<script") {
		t.Errorf("the last page is\n%s", r.pages[0])
	}
}

// One denial answers everybody who was waiting for it.
func TestGapE5DeniedOnceForAll(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	conn := r.connect(t)
	released := make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Add(8)
	f.set(func() {
		f.deny = true
		clear(f.access)
		clear(f.refresh)
		f.on["/mcp"] = func(w http.ResponseWriter, _ *http.Request) {
			waiting.Done()
			<-released
			w.WriteHeader(http.StatusUnauthorized)
		}
	})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := conn.Call(t.Context(), client.Call{Name: "echo"})
			wantKind(t, err, client.KindAuth)
		})
	}
	waiting.Wait()
	f.set(func() { delete(f.on, "/mcp") })
	close(released)
	all.Wait()
	want(t, "browsers", r.opened(), 2)
}

// E9: a restored public client sent the code twice, first with Basic.
func TestGapE9CodeSentOnce(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"", "s&cret"} {
		f := newFake(t)
		f.secret = secret
		r := newRig(t, f)
		r.connect(t)
		f.set(func() { clear(f.access); clear(f.refresh) })
		call(t, r.connect(t), "echo")
		codes := map[string]int{}
		for _, form := range f.forms["/token"] {
			if form.Get("grant_type") == "authorization_code" {
				codes[form.Get("code")]++
				want(t, "client_id in the body", form.Has("client_id"), secret == "")
			}
		}
		want(t, "codes", len(codes), 2)
		for _, n := range codes {
			want(t, "posts of one code", n, 1)
		}
		want(t, "registrations", f.count("/register"), 1)
	}
}

// E10: a refused access token led to a browser although a refresh was possible.
func TestGapE10RefreshOnChallenge(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	conn := r.connect(t)
	f.set(func() { clear(f.access) })
	callAll(t, conn, "echo")
	want(t, "browsers", r.opened(), 1)
	want(t, "refreshes", f.refreshes(), 1)
	for _, form := range f.forms["/token"] {
		want(t, "resource", form.Get("resource"), f.URL+"/mcp")
	}
}

// A server that refuses every token gets one refresh and one sign-in.
func TestGapE10NeverALoop(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	conn := r.connect(t)
	f.set(func() {
		f.on["/mcp"] = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }
	})
	_, err := conn.Call(t.Context(), client.Call{Name: "echo"})
	wantKind(t, err, client.KindAuth)
	want(t, "refreshes", f.refreshes(), 1)
	if n := r.opened(); n > 3 {
		t.Errorf("%d browsers", n)
	}
}

// The SDK refreshes without RFC 8707's resource and asks for fewer scopes at
// every sign-in; a registration is made at each of them.
func TestGapRegistrationKept(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.Scopes = []string{"email"}
	r.connect(t)
	r.Scopes = nil
	f.set(func() { clear(f.access); clear(f.refresh) })
	r.connect(t)
	want(t, "registrations", f.count("/register"), 1)
	last := f.forms["/authorize"][len(f.forms["/authorize"])-1]
	got := strings.Fields(last.Get("scope"))
	if !slices.Equal(got, []string{"identify", "email"}) {
		t.Errorf("scopes asked for again: %q", got)
	}
	want(t, "resource", last.Get("resource"), f.URL+"/mcp")
}

// A saved registration that the server lost is found out before the user
// stares at an error page.
func TestGapPreflight(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	f.set(func() { clear(f.access); clear(f.refresh); clear(f.clients) })
	f.set(func() { // the refresh says invalid_grant, so that only the registration is stale
		f.on["/token"] = func(w http.ResponseWriter, _ *http.Request) {
			f.set(func() { delete(f.on, "/token") })
			f.json(w, 400, map[string]string{"error": "invalid_grant"})
		}
	})
	call(t, r.connect(t), "echo")
	want(t, "browsers", r.opened(), 2)
	want(t, "registrations", f.count("/register"), 2)
	if strings.Contains(strings.Join(r.pages, ""), "unknown client") {
		t.Error("the user saw the server's error page")
	}
}

// The port of the last sign-in is taken by somebody else: a new registration,
// because a server may insist on the exact redirect URI.
func TestGapOtherPort(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	session := r.saved(t)
	u, err := url.Parse(session.RedirectURI)
	if err != nil {
		t.Fatal(err)
	}
	occupy(t, u.Host)
	f.set(func() { clear(f.access); clear(f.refresh) })
	call(t, r.connect(t), "echo")
	want(t, "browsers", r.opened(), 2)
	want(t, "registrations", f.count("/register"), 2)
}

// After invalid_scope the next sign-in does not ask for the same again.
func TestGapE4InvalidScopeForgotten(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.Scopes = []string{"gone"}
	r.connect(t)
	r.Scopes = nil
	r.advance(2 * time.Hour)
	f.set(func() {
		f.on["/token"] = func(w http.ResponseWriter, _ *http.Request) {
			f.set(func() { delete(f.on, "/token") })
			f.json(w, 400, map[string]string{"error": "invalid_scope"})
		}
	})
	r.connect(t)
	want(t, "scope", f.forms["/authorize"][len(f.forms["/authorize"])-1].Get("scope"), "identify")
}
