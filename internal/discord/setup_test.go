package discord_test

import (
	"bytes"
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

const (
	nelly    = "80351110224678912"
	redirect = "http://localhost:8000/auth/callback"
)

// clock is a time that only a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

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

// setup is a client and the emulator that it calls.
type setup struct {
	*discord.Client
	emu   *emulator.Emulator
	url   string
	clock *clock
	log   *lockedBuffer
}

func start(t *testing.T, change ...func(*emulator.Config, *discord.Config)) *setup {
	t.Helper()
	s := &setup{clock: newClock(), log: &lockedBuffer{}}
	logger := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	ecfg := emulator.Config{Now: s.clock.Now}
	cfg := discord.Config{
		ClientID: emulator.DefaultClientID, ClientSecret: emulator.DefaultClientSecret,
		RedirectURI: redirect, Logger: logger, Now: s.clock.Now, Transport: &http.Transport{},
	}
	for _, f := range change {
		f(&ecfg, &cfg)
	}
	emu, base, stop, err := emulator.Start(ecfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	t.Cleanup(func() { cfg.Transport.(*http.Transport).CloseIdleConnections() })
	s.emu, s.url = emu, base
	cfg.URL = base
	s.Client = newClient(t, cfg)
	return s
}

func newClient(t testing.TB, cfg discord.Config) *discord.Client {
	t.Helper()
	c, err := discord.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

var hiddenRequest = regexp.MustCompile(`name="request" value="([^"]*)"`)

// code walks the sign-in page as a browser would and returns Discord's code.
func (s *setup) code(t *testing.T, user, verifier string, scopes ...string) string {
	t.Helper()
	browser := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	defer browser.CloseIdleConnections()
	page := s.AuthorizeURL("the-state", oauth2.S256ChallengeFromVerifier(verifier), scopes)
	resp, err := browser.Get(page)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	found := hiddenRequest.FindSubmatch(body)
	if err != nil || resp.StatusCode != http.StatusOK || found == nil {
		t.Fatalf("sign-in page: %v, %s\n%s", err, resp.Status, body)
	}
	resp, err = browser.PostForm(s.url+"/oauth2/authorize", url.Values{
		"request": {html.UnescapeString(string(found[1]))},
		"user":    {user},
	})
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	location, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	if got := location.Query().Get("state"); got != "the-state" {
		t.Fatalf("state = %q", got)
	}
	return location.Query().Get("code")
}

func (s *setup) signIn(t *testing.T, user string, scopes ...string) *discord.Token {
	t.Helper()
	verifier := oauth2.GenerateVerifier()
	token, err := s.Exchange(t.Context(), s.code(t, user, verifier, scopes...), verifier)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// fault adds one and takes it back at once if it is wrong.
func (s *setup) fault(t *testing.T, f emulator.Fault) {
	t.Helper()
	if err := s.emu.Fault(f); err != nil {
		t.Fatal(err)
	}
}

// wantError checks the sentinel and returns the *Error.
func wantError(t *testing.T, err, want error) *discord.Error {
	t.Helper()
	var e *discord.Error
	if !errors.Is(err, want) || !errors.As(err, &e) {
		t.Fatalf("error = %v, want %v", err, want)
	}
	return e
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// roundTripper is a Discord without a network.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func reply(status int, body string, header ...string) *http.Response {
	h := make(http.Header)
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

// without is a config whose calls go to f.
func without(now func() time.Time, f roundTripper) discord.Config {
	return discord.Config{
		ClientID: emulator.DefaultClientID, ClientSecret: "s3cret", RedirectURI: redirect, Transport: f, Now: now,
	}
}
