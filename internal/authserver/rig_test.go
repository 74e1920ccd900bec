package authserver_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

const (
	loopbackBase = "http://localhost:8000"
	publicBase   = "https://mcp.example.com"
	nelly        = "80351110224678912"

	// The client of most tests.
	clientURI   = "http://127.0.0.1/callback"      // as registered
	clientURIAt = "http://127.0.0.1:7777/callback" // as used
	clientState = "client state & more"
	verifier    = "a-verifier-of-the-client-that-is-long-enough-to-be-one"
)

func signingKey() []byte { return bytes.Repeat([]byte{7}, 32) }

// rig is one server with its store, a Discord emulator on a loopback port, a
// clock that a test moves, and a log that it reads. The server itself listens
// nowhere: browsers reach its handler in process, under its base URL.
type rig struct {
	t      testing.TB
	base   string
	emu    *emulator.Emulator
	cfg    authserver.Config
	server *authserver.Server
	store  *countingStore
	mux    *http.ServeMux
	clock  *clock
	log    *logBuffer
	web    *web // where documents of clients are
	still  bool // the emulator listens nowhere either: for a test with fake time
}

// newRig starts a rig on loopbackBase with the scopes identify, and email and
// guilds on demand. Each change is made to its configuration before.
func newRig(t testing.TB, changes ...func(*authserver.Config)) *rig {
	t.Helper()
	c := &clock{}
	emu, emuURL, stop, err := emulator.Start(emulator.Config{
		RedirectURIs: []string{loopbackBase + "/auth/callback", publicBase + "/auth/callback"},
		Now:          c.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	r := &rig{t: t, emu: emu, clock: c, log: &logBuffer{}, web: newWeb(), store: &countingStore{Store: store.Memory(c.Now)}}
	r.cfg = authserver.Config{
		BaseURL:        loopbackBase,
		DiscordURL:     emuURL,
		ApplicationID:  emulator.DefaultClientID,
		Store:          r.store,
		SigningKeys:    [][]byte{signingKey()},
		OptionalScopes: []string{"email", "guilds"},
		Logger:         slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Now:            c.Now,
	}
	for _, change := range changes {
		change(&r.cfg)
	}
	r.start()
	return r
}

// public is a change to a server that the internet reaches.
func public(cfg *authserver.Config) { cfg.BaseURL = publicBase }

// start (re)starts the server from its configuration.
func (r *rig) start() {
	r.t.Helper()
	r.base = r.cfg.BaseURL
	client, err := discord.New(discord.Config{
		URL:          r.cfg.DiscordURL,
		ClientID:     emulator.DefaultClientID,
		ClientSecret: emulator.DefaultClientSecret,
		RedirectURI:  r.base + "/auth/callback",
		Now:          r.clock.Now,
	})
	if err != nil {
		r.t.Fatal(err)
	}
	if r.cfg.Discord == nil {
		r.cfg.Discord = client
	}
	r.server, err = authserver.New(r.t.Context(), r.cfg)
	if err != nil {
		r.t.Fatal(err)
	}
	r.web.connect(r.server)
	server := r.server
	r.t.Cleanup(func() { _ = server.Close() })
	r.mux = http.NewServeMux()
	for _, route := range r.server.Routes() {
		r.mux.Handle(strings.TrimSpace(route.Method+" "+route.Path), route.Handler)
	}
}

// with is the same rig for another test, such as one run of a fuzz target.
func (r *rig) with(t testing.TB) *rig {
	other := *r
	other.t = t
	return &other
}

// RoundTrip serves requests to the base URL in process; others go out.
func (r *rig) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(req.URL.String(), r.base+"/") {
		if r.still {
			return inProcess{r.emu}.RoundTrip(req)
		}
		return http.DefaultTransport.RoundTrip(req)
	}
	in := req.Clone(req.Context())
	in.RequestURI = req.URL.RequestURI()
	in.RemoteAddr = "192.0.2.1:4711"
	if in.Host == "" {
		in.Host = req.URL.Host
	}
	if in.Body == nil {
		in.Body = http.NoBody
	}
	rec := httptest.NewRecorder()
	r.mux.ServeHTTP(rec, in)
	res := rec.Result()
	res.Request = req
	return res, nil
}

// browser is a browser with its cookies. It follows no redirect by itself.
type browser struct {
	*rig
	client *http.Client
	header http.Header // sent with everything
}

func (r *rig) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		r.t.Fatal(err)
	}
	return &browser{
		rig:    r,
		header: http.Header{},
		client: &http.Client{
			Transport:     r,
			Jar:           jar,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
}

func (b *browser) do(method, target, contentType string, body io.Reader) *answer {
	b.t.Helper()
	if strings.HasPrefix(target, "/") {
		target = b.base + target
	}
	req, err := http.NewRequestWithContext(b.t.Context(), method, target, body)
	if err != nil {
		b.t.Fatal(err)
	}
	for name, values := range b.header {
		req.Header[name] = values
	}
	if host := b.header.Get("Host"); host != "" && strings.HasPrefix(target, b.base+"/") {
		req.Host = host
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := b.client.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	a := &answer{Status: res.StatusCode, Header: res.Header, Body: string(text), Cookies: res.Cookies()}
	if location := res.Header.Get("Location"); location != "" {
		if a.Location, err = url.Parse(location); err != nil {
			b.t.Fatal(err)
		}
	}
	return a
}

func (b *browser) get(target string) *answer {
	b.t.Helper()
	return b.do(http.MethodGet, target, "", nil)
}

func (b *browser) post(target string, form url.Values) *answer {
	b.t.Helper()
	return b.do(http.MethodPost, target, "application/x-www-form-urlencoded", strings.NewReader(form.Encode()))
}

func (b *browser) postJSON(target string, v any) *answer {
	b.t.Helper()
	body, err := json.Marshal(v)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.do(http.MethodPost, target, "application/json", bytes.NewReader(body))
}

// register registers a client and returns its id.
func (r *rig) register(name string, redirectURIs ...string) string {
	r.t.Helper()
	if redirectURIs == nil {
		redirectURIs = []string{clientURI}
	}
	a := r.browser().postJSON("/register", map[string]any{"client_name": name, "redirect_uris": redirectURIs})
	if a.Status != http.StatusCreated {
		r.t.Fatalf("register: %d %s", a.Status, a.Body)
	}
	id, _ := a.JSON(r.t)["client_id"].(string)
	return id
}

// challenge is what the client sends of its verifier.
func challenge(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// authorizeQuery is a correct authorization request, with changes: pairs of
// name and value, where the value "-" removes the parameter.
func authorizeQuery(clientID string, changes ...string) url.Values {
	return changed(url.Values{
		"response_type":         {"code"},
		"client_id":             {clientID},
		"redirect_uri":          {clientURIAt},
		"state":                 {clientState},
		"code_challenge":        {challenge(verifier)},
		"code_challenge_method": {"S256"},
	}, changes)
}

func (b *browser) authorize(clientID string, changes ...string) *answer {
	b.t.Helper()
	return b.get("/authorize?" + authorizeQuery(clientID, changes...).Encode())
}

// decide answers a consent page.
func (b *browser) decide(sealed, decision string) *answer {
	b.t.Helper()
	return b.post("/consent", url.Values{"request": {sealed}, "decision": {decision}})
}

// approve opens the consent page and approves it: it returns Discord's URL.
func (b *browser) approve(clientID string, changes ...string) *url.URL {
	b.t.Helper()
	a := b.decide(b.authorize(clientID, changes...).sealed(b.t), "approve")
	if a.Status != http.StatusSeeOther || a.Location == nil {
		b.t.Fatalf("approve: %d %s", a.Status, a.Body)
	}
	return a.Location
}

// atDiscord chooses a user on Discord's sign-in page ("" denies): it returns
// our callback's URL.
func (b *browser) atDiscord(page *url.URL, user string) *url.URL {
	b.t.Helper()
	a := b.get(page.String())
	form := url.Values{"request": {a.sealed(b.t)}, "user": {user}}
	a = b.post(page.Scheme+"://"+page.Host+"/oauth2/authorize", form)
	if a.Location == nil {
		b.t.Fatalf("Discord: %d %s", a.Status, a.Body)
	}
	return a.Location
}

// signIn goes from /authorize to the redirect with the code, as nelly.
func (b *browser) signIn(clientID string, changes ...string) *answer {
	b.t.Helper()
	return b.get(b.atDiscord(b.approve(clientID, changes...), nelly).String())
}

// code signs in and returns the authorization code.
func (b *browser) code(clientID string, changes ...string) string {
	b.t.Helper()
	a := b.signIn(clientID, changes...)
	code := a.Query("code")
	if code == "" {
		b.t.Fatalf("sign-in: %d %v %s", a.Status, a.Location, a.Body)
	}
	return code
}

// clock is the real time, or a fixed one, moved by what a test adds.
type clock struct {
	mu     sync.Mutex
	fixed  time.Time // zero: the real time
	offset time.Duration
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.fixed.IsZero() {
		return c.fixed.Add(c.offset)
	}
	return time.Now().Add(c.offset)
}

// Fix stops the clock.
func (c *clock) Fix() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fixed = time.Date(2026, time.November, 1, 12, 0, 0, 0, time.UTC)
}

// Add moves the clock.
func (c *clock) Add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}
