package client_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// shown is what Config.Debug got.
type shown struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements [io.Writer].
func (s *shown) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *shown) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// passed are the secrets that the fake has seen or given.
func (f *fake) passed() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []string
	for token := range f.access {
		all = append(all, token)
	}
	for token := range f.spent {
		all = append(all, token)
	}
	for token := range f.refresh {
		all = append(all, token)
	}
	for _, form := range append(f.forms["/token"], f.forms["/authorize"]...) {
		for _, name := range []string{"code", "state", "code_verifier", "refresh_token", "client_secret"} {
			all = append(all, form[name]...)
		}
	}
	for _, form := range f.forms["/revoke"] {
		all = append(all, form["token"]...)
	}
	return append(all, f.secret)
}

// TestDebugShowsNoSecret takes a sign-in, a call, a renewal, another call and a
// sign-out, and looks for each secret that passed.
func TestDebugShowsNoSecret(t *testing.T) {
	t.Parallel()
	for _, secret := range []string{"", "a-clients-secret/+&"} {
		f := newFake(t)
		f.secret = secret
		r := newRig(t, f)
		var out shown
		r.Debug = &out
		conn := r.connect(t)
		call(t, conn, "echo")
		r.advance(2 * time.Hour)
		call(t, conn, "echo")
		if f.refreshes() != 1 {
			t.Fatalf("%d refreshes", f.refreshes())
		}
		if err := client.Logout(t.Context(), r.Config); err != nil {
			t.Fatal(explain(err))
		}
		text := out.String()
		for _, want := range []string{
			"> POST " + f.URL + "/mcp\n", "> POST " + f.URL + "/register\n", "> POST " + f.URL + "/token\n", "> POST " + f.URL + "/revoke\n",
			"< 401 Unauthorized ", "< 200 OK ", "> Authorization: [redacted]\n", `"access_token": "[redacted]"`, "code_verifier=[redacted]",
			"refresh_token=[redacted]", "grant_type=authorization_code", "token=[redacted]", `"method": "tools/call"`,
		} {
			if !strings.Contains(text, want) {
				t.Errorf("it does not show %q", want)
			}
		}
		n := 0
		for _, secret := range f.passed() {
			if n++; secret != "" && (strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret))) {
				t.Errorf("it shows %q", secret)
			}
		}
		if n < 8 {
			t.Errorf("only %d secrets passed", n)
		}
		if t.Failed() {
			t.Log(text)
		}
	}
}

// TestAttack24SecretsInDebugOutput is a server that echoes what it knows, in
// every place and in pieces.
func TestAttack24SecretsInDebugOutput(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	session := r.saved(t)
	var out shown
	r.Debug = &out
	escaped := ""
	for _, c := range session.RefreshToken {
		escaped += fmt.Sprintf(`\u%04x`, c)
	}
	const other = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
	shapes := map[string]func(w http.ResponseWriter){
		"pieces": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			for _, piece := range []string{`{"x":"y` + session.AccessToken[:9], session.AccessToken[9:], `","n":{"` + session.RefreshToken + `":1}}`} {
				_, _ = io.WriteString(w, piece)
				_ = http.NewResponseController(w).Flush()
			}
		},
		"escapes": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"x":"`+escaped+`"}`)
		},
		"escapes in what is no JSON": func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"x":"`+escaped) },
		"a stream": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, "event: "+session.AccessToken+"\ndata: {\"a\":\ndata: \""+session.AccessToken[:12])
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, session.AccessToken[12:]+"\"}\n\n: "+session.RefreshToken)
		},
		"headers": func(w http.ResponseWriter) {
			w.Header().Set("X-Echo", session.AccessToken)
			w.Header().Set("Set-Cookie", "id=cookie-value; Path=/")
			w.Header().Set("Location", "/x?c%6fde=once-only&a="+url.QueryEscape(session.RefreshToken)+"#state=stately")
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, "cookie-value and once-only and stately")
		},
		"other names": func(w http.ResponseWriter) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"id_token":"`+other+`","a":"`+other+`","registration_access_token":["stately"],"text":"{\"client_secret\":\"once-only\"}","b":"api_key=\"cookie-value\""}`)
		},
	}
	for name, answer := range shapes {
		f.set(func() { f.on["/mcp"] = func(w http.ResponseWriter, _ *http.Request) { answer(w) } })
		_, err := client.Connect(t.Context(), r.Config)
		if err == nil {
			t.Errorf("%s: connected", name)
		}
		text := out.String()
		for _, secret := range []string{session.AccessToken, session.RefreshToken, other, "cookie-value", "once-only", "stately"} {
			if strings.Contains(text, secret) || strings.Contains(text, url.QueryEscape(secret)) {
				t.Fatalf("%s: it shows %q:\n%s", name, secret, text)
			}
		}
		if !strings.Contains(text, "< ") {
			t.Errorf("%s: no answer is shown", name)
		}
	}
}

// TestDebugShowsChallenges: what a server asks for is no secret.
func TestDebugShowsChallenges(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	var out shown
	r.Debug = &out
	r.SignIn = false
	_, _ = client.Connect(t.Context(), r.Config)
	if !strings.Contains(out.String(), `Bearer resource_metadata="http`) {
		t.Errorf("the challenge is not shown:\n%s", out.String())
	}
}

// TestDebugIsBoundedAndPrintable shows no long body and no control character,
// and no foreign line passes for one of ours.
func TestDebugIsBoundedAndPrintable(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	var out shown
	r.Debug = &out
	for _, body := range []string{
		strings.Repeat("long ", 1<<19), strings.Repeat("[", 1<<18), `["` + strings.Repeat("x", 1<<19) + `"]`,
		"\x1b]0;owned\x07\n> POST https://example.com\n\u202e\xff",
	} {
		before := len(out.String())
		f.set(func() { f.on["/mcp"] = func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, body) } })
		if _, err := client.Connect(t.Context(), r.Config); err == nil {
			t.Error("connected")
		}
		text := out.String()[before:]
		if len(text) > 100<<10 {
			t.Errorf("%d bytes are shown", len(text))
		}
		if strings.ContainsAny(text, "\x1b\x07\u202e") || strings.Contains(text, "\n> POST https://example.com") {
			t.Errorf("it shows %q", text)
		}
	}
}
