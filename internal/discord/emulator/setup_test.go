package emulator_test

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

const (
	nelly    = "80351110224678912"
	redirect = "http://localhost:8000/auth/callback"
)

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// setup is an emulator with a browser that keeps cookies and follows nothing.
type setup struct {
	*emulator.Emulator
	t       *testing.T
	url     string
	clock   *clock
	browser *http.Client
}

func start(t *testing.T, change ...func(*emulator.Config)) *setup {
	t.Helper()
	s := &setup{t: t, clock: &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}}
	cfg := emulator.Config{Now: s.clock.Now}
	for _, f := range change {
		f(&cfg)
	}
	e, base, stop, err := emulator.Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	jar, _ := cookiejar.New(nil)
	s.Emulator, s.url = e, base
	s.browser = &http.Client{
		Jar:           jar,
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	t.Cleanup(s.browser.CloseIdleConnections)
	return s
}

// answer is a whole response.
type answer struct {
	status int
	header http.Header
	body   string
}

// field reads one member of a JSON object.
func (a answer) field(name string) any {
	var m map[string]any
	if json.Unmarshal([]byte(a.body), &m) != nil {
		return nil
	}
	return m[name]
}

func (a answer) text(name string) string { s, _ := a.field(name).(string); return s }

func (s *setup) do(r *http.Request) answer {
	s.t.Helper()
	resp, err := s.browser.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, string(body)}
}

// request makes one with a header "Name: value" for each of headers.
func (s *setup) request(method, path, body string, headers ...string) *http.Request {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
		if name == "Host" {
			r.Host = value
		}
	}
	return r
}

// form posts with the application's credentials in the form.
func (s *setup) form(path string, pairs ...string) answer {
	s.t.Helper()
	values := url.Values{"client_id": {emulator.DefaultClientID}, "client_secret": {emulator.DefaultClientSecret}}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return s.do(s.request(http.MethodPost, path, values.Encode(), "Content-Type: application/x-www-form-urlencoded"))
}

func (s *setup) token(pairs ...string) answer {
	s.t.Helper()
	return s.form("/api/v10/oauth2/token", pairs...)
}

func (s *setup) api(path, token string) answer {
	s.t.Helper()
	return s.do(s.request(http.MethodGet, "/api/v10"+path, "", "Authorization: Bearer "+token))
}

// query is that of a good sign-in, changed by pairs; "-" removes.
func query(pairs ...string) url.Values {
	q := url.Values{
		"client_id": {emulator.DefaultClientID}, "redirect_uri": {redirect}, "response_type": {"code"},
		"scope": {"identify"}, "state": {"s&t"},
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "-" {
			q.Del(pairs[i])
			continue
		}
		q.Set(pairs[i], pairs[i+1])
	}
	return q
}

func (s *setup) authorize(q url.Values) answer {
	s.t.Helper()
	return s.do(s.request(http.MethodGet, "/oauth2/authorize?"+q.Encode(), ""))
}

var hiddenRequest = regexp.MustCompile(`name="request" value="([^"]*)"`)

// choose walks the page and returns where the browser is sent.
func (s *setup) choose(user string, q url.Values) url.Values {
	s.t.Helper()
	page := s.authorize(q)
	found := hiddenRequest.FindStringSubmatch(page.body)
	if page.status != http.StatusOK || found == nil {
		s.t.Fatalf("page: %d\n%s", page.status, page.body)
	}
	form := url.Values{"request": {html.UnescapeString(found[1])}, "user": {user}}
	a := s.do(s.request(http.MethodPost, "/oauth2/authorize", form.Encode(), "Content-Type: application/x-www-form-urlencoded"))
	return sentTo(s.t, a)
}

func sentTo(t *testing.T, a answer) url.Values {
	t.Helper()
	u, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusSeeOther || !strings.HasPrefix(u.String(), redirect+"?") {
		t.Fatalf("%d to %q: %v\n%s", a.status, a.header.Get("Location"), err, a.body)
	}
	return u.Query()
}

// signIn returns the token answer for scopes.
func (s *setup) signIn(user, scopes string) answer {
	s.t.Helper()
	verifier := oauth2.GenerateVerifier()
	code := s.choose(user, query("scope", scopes,
		"code_challenge", oauth2.S256ChallengeFromVerifier(verifier), "code_challenge_method", "S256")).Get("code")
	a := s.token("grant_type", "authorization_code", "code", code, "redirect_uri", redirect, "code_verifier", verifier)
	if a.status != http.StatusOK {
		s.t.Fatalf("token: %d %s", a.status, a.body)
	}
	return a
}

func (s *setup) refresh(token string, pairs ...string) answer {
	s.t.Helper()
	return s.token(append([]string{"grant_type", "refresh_token", "refresh_token", token}, pairs...)...)
}

func want(t *testing.T, what string, a answer, status int, oauthError string) {
	t.Helper()
	if a.status != status || a.text("error") != oauthError {
		t.Errorf("%s: %d %s, want %d %s", what, a.status, a.body, status, oauthError)
	}
}
