package server_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

const (
	nelly = "80351110224678912"
	mason = "115590097100865541"
	quiet = "268473310986240001"
)

// rig is a whole server on loopback, before a Discord emulator.
type rig struct {
	t       testing.TB
	base    string
	server  *server.Server
	auth    *authserver.Server
	discord *emulator.Emulator
	store   *countedStore
	logs    *logBuffer
	stop    func() // drains; waits for the end of Serve
}

// setup is what a test wants otherwise than usual.
type setup struct {
	config  func(*server.Config)
	prepare func(*server.Server) // before it serves
	public  string               // a base URL other than the listener's
	ttl     time.Duration        // of access tokens
	access  authserver.Access    // who may come in
	ahead   *atomic.Int64        // nanoseconds that the authorization server's clock is ahead; nil: none
	limits  authserver.Limits    // of one address
}

func start(t testing.TB, with setup) *rig {
	t.Helper()
	emu, discordURL, stopDiscord, err := emulator.Start(emulator.Config{})
	must(t, err)
	t.Cleanup(stopDiscord)
	ln, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp4", "127.0.0.1:0")
	must(t, err)
	r := &rig{t: t, base: "http://" + ln.Addr().String(), discord: emu, logs: &logBuffer{}}
	issuer := r.base
	if with.public != "" {
		issuer = with.public
	}
	client, err := discord.New(discord.Config{
		URL: discordURL, ClientID: emulator.DefaultClientID, ClientSecret: emulator.DefaultClientSecret,
		RedirectURI: issuer + "/auth/callback",
	})
	must(t, err)
	logger := slog.New(slog.NewJSONHandler(r.logs, &slog.HandlerOptions{Level: slog.LevelInfo}))
	now := time.Now
	if with.ahead != nil {
		now = func() time.Time { return time.Now().Add(time.Duration(with.ahead.Load())) }
	}
	r.store = &countedStore{Store: store.Memory(now)}
	r.auth, err = authserver.New(t.Context(), authserver.Config{
		BaseURL: issuer, Discord: client, DiscordURL: discordURL, ApplicationID: emulator.DefaultClientID,
		Store: r.store, SigningKeys: [][]byte{bytes.Repeat([]byte("k"), 32)}, OptionalScopes: []string{"email", "guilds"}, Logger: logger,
		AccessTokenTTL: with.ttl, Access: with.access, Limits: with.limits, Now: now,
	})
	must(t, err)
	cfg := server.Config{BaseURL: issuer, Auth: r.auth, Discord: client, Logger: logger, Version: "test"}
	if with.config != nil {
		with.config(&cfg)
	}
	r.server, err = server.New(cfg)
	must(t, err)
	if with.prepare != nil {
		with.prepare(r.server)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(ctx, []net.Listener{ln}) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		must(t, <-served)
		must(t, r.auth.Close())
	})
	t.Cleanup(r.stop)
	return r
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var hiddenRequest = regexp.MustCompile(`name="request" value="([^"]*)"`)

// signIn walks a whole sign-in, from registration to the access token, as one
// browser of one user, and returns the access token.
func (r *rig) signIn(user string, scopes ...string) string {
	r.t.Helper()
	const redirect = "http://127.0.0.1:1/callback"
	browser := r.browser()
	client := r.register(redirect)
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	page := r.get(browser, r.base+"/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {client}, "redirect_uri": {redirect}, "state": {"s"},
		"scope": {strings.Join(scopes, " ")}, "code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}.Encode())
	toDiscord := r.post(browser, r.base+"/consent", url.Values{"request": {hidden(r.t, page)}, "decision": {"approve"}})
	page = r.get(browser, toDiscord)
	back := r.post(browser, strings.SplitN(toDiscord, "?", 2)[0], url.Values{"request": {hidden(r.t, page)}, "user": {user}})
	final, err := url.Parse(r.location(browser, back))
	must(r.t, err)
	res, err := browser.PostForm(r.base+"/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {final.Query().Get("code")}, "client_id": {client},
		"redirect_uri": {redirect}, "code_verifier": {verifier},
	})
	must(r.t, err)
	var token struct {
		AccessToken string `json:"access_token"`
	}
	body := readAll(r.t, res)
	if must(r.t, json.Unmarshal([]byte(body), &token)); token.AccessToken == "" {
		r.t.Fatalf("no access token: %s", body)
	}
	return token.AccessToken
}

func (r *rig) browser() *http.Client {
	jar, err := cookiejar.New(nil)
	must(r.t, err)
	return &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (r *rig) register(redirect string) string {
	r.t.Helper()
	res, err := http.Post(r.base+"/register", "application/json", strings.NewReader(`{"client_name":"Test","redirect_uris":["`+redirect+`"],"token_endpoint_auth_method":"none"}`))
	must(r.t, err)
	var client struct {
		ID string `json:"client_id"`
	}
	must(r.t, json.Unmarshal([]byte(readAll(r.t, res)), &client))
	return client.ID
}

func hidden(t testing.TB, page string) string {
	t.Helper()
	found := hiddenRequest.FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("no form on the page:\n%s", page)
	}
	return html.UnescapeString(found[1])
}

func (r *rig) get(browser *http.Client, address string) string {
	r.t.Helper()
	res, err := browser.Get(address)
	must(r.t, err)
	return readAll(r.t, res)
}

// post submits a form and returns where its answer sends the browser.
func (r *rig) post(browser *http.Client, address string, form url.Values) string {
	r.t.Helper()
	res, err := browser.PostForm(address, form)
	must(r.t, err)
	body := readAll(r.t, res)
	if to := res.Header.Get("Location"); to != "" {
		return to
	}
	r.t.Fatalf("POST %s: %s\n%s", address, res.Status, body)
	return ""
}

func (r *rig) location(browser *http.Client, address string) string {
	r.t.Helper()
	res, err := browser.Get(address)
	must(r.t, err)
	body := readAll(r.t, res)
	if to := res.Header.Get("Location"); to != "" {
		return to
	}
	r.t.Fatalf("GET %s: %s\n%s", address, res.Status, body)
	return ""
}

func readAll(t testing.TB, res *http.Response) string {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	must(t, err)
	return string(body)
}

// message is a request for the MCP endpoint; its zero value is a call of
// get_user_info by nobody.
type message struct {
	method  string // "" is POST
	path    string // "" is /mcp
	token   string
	version string // "" is 2025-11-25, "-" none
	body    string // "" calls get_user_info
	header  http.Header
	host    string
}

const callUserInfo = `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_user_info","arguments":{}}}`

func callTool(name string) string { return strings.Replace(callUserInfo, "get_user_info", name, 1) }

// answer is what came back: the JSON-RPC message as text, out of its event.
type answer struct {
	status int
	header http.Header
	body   string
}

func (r *rig) send(m message) answer {
	r.t.Helper()
	res, err := http.DefaultClient.Do(r.request(r.t.Context(), m))
	must(r.t, err)
	return answer{res.StatusCode, res.Header, unframe(readAll(r.t, res))}
}

func (r *rig) request(ctx context.Context, m message) *http.Request {
	r.t.Helper()
	method, path, body := or(m.method, http.MethodPost), or(m.path, "/mcp"), or(m.body, callUserInfo)
	if method != http.MethodPost {
		body = ""
	}
	req, err := http.NewRequestWithContext(ctx, method, r.base+path, strings.NewReader(body))
	must(r.t, err)
	req.Header.Set("Accept", "application/json, text/event-stream")
	req.Header.Set("Content-Type", "application/json")
	if version := or(m.version, "2025-11-25"); version != "-" {
		req.Header.Set("Mcp-Protocol-Version", version)
	}
	if m.token != "" {
		req.Header.Set("Authorization", "Bearer "+m.token)
	}
	for name, values := range m.header {
		req.Header[name] = values
	}
	req.Host = or(m.host, req.Host)
	return req
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// unframe takes the data out of a server-sent event.
func unframe(body string) string {
	if _, data, ok := strings.Cut(body, "data: "); ok && strings.HasPrefix(body, "event:") {
		return strings.TrimSpace(data)
	}
	return strings.TrimSpace(body)
}

// rpc is a JSON-RPC answer.
type rpc struct {
	ID     any `json:"id"`
	Result struct {
		IsError    bool            `json:"isError"`
		Structured json.RawMessage `json:"structuredContent"`
		Content    []struct {
			Text string `json:"text"`
		} `json:"content"`
		Tools []struct {
			Name string `json:"name"`
		} `json:"tools"`
		ProtocolVersion   string   `json:"protocolVersion"`
		SupportedVersions []string `json:"supportedVersions"`
	} `json:"result"`
	Error *struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func (a answer) rpc(t testing.TB) rpc {
	t.Helper()
	var out rpc
	if err := json.Unmarshal([]byte(a.body), &out); err != nil {
		t.Fatalf("answer is not JSON-RPC: %v\n%d %s", err, a.status, a.body)
	}
	return out
}

// want checks status and JSON-RPC error code; code 0 wants no error.
func (a answer) want(t testing.TB, status, code int) {
	t.Helper()
	got := 0
	if strings.HasPrefix(a.body, "{") {
		if e := a.rpc(t).Error; e != nil {
			got = e.Code
		}
	}
	if a.status != status || got != code {
		t.Errorf("status %d code %d, want %d code %d\n%s", a.status, got, status, code, a.body)
	}
}

// countedStore counts reads and can break.
type countedStore struct {
	authserver.Store
	reads  atomic.Int64
	broken atomic.Bool
}

func (s *countedStore) Get(ctx context.Context, kind authserver.Kind, id string) (authserver.Record, error) {
	s.reads.Add(1)
	if s.broken.Load() {
		return authserver.Record{}, io.ErrClosedPipe
	}
	return s.Store.Get(ctx, kind, id)
}

func (s *countedStore) Update(ctx context.Context, kind authserver.Kind, id string, fn func(*authserver.Record) (*authserver.Record, error)) error {
	s.reads.Add(1)
	if s.broken.Load() {
		return io.ErrClosedPipe
	}
	return s.Store.Update(ctx, kind, id, fn)
}

// logBuffer collects log lines of many goroutines.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// eventually polls until ok, for at most ten seconds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("never happened: %s", what)
		}
	}
}

// next takes from a channel, for at most ten seconds.
func next[T any](t testing.TB, what string, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(10 * time.Second):
		t.Fatalf("never happened: %s", what)
		panic("unreachable")
	}
}
