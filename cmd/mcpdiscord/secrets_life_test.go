package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"golang.org/x/oauth2"

	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

// secretLife is one server and its clients.
type secretLife struct {
	t        *testing.T
	seen     *secretsSeen
	client   *http.Client
	discord  *emulator.Emulator
	redis    *miniredis.Miniredis // nil: a file
	base     string
	metrics  string
	log      string // path
	audit    string // path
	socket   string // path
	healths  bytes.Buffer
	behind   bytes.Buffer // what the proxied server is sent, but for bodies
	stop     func()
	last     oauthSession
	upstream bool
}

func newSecretLife(t *testing.T, seen *secretsSeen, format string, proxy, inRedis bool) *secretLife {
	emu, emulatorURL, stopEmulator, err := emulator.Start(emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stopEmulator)
	behind, err := url.Parse(emulatorURL)
	if err != nil {
		t.Fatal(err)
	}
	// What serve and the browser say to Discord passes by here.
	between := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(pr *httputil.ProxyRequest) { pr.SetURL(behind) },
		Transport: seen,
		ErrorLog:  slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), // the emulator breaks off where it is told to
	})
	t.Cleanup(between.Close)
	dir := t.TempDir()
	l := &secretLife{
		t: t, seen: seen, discord: emu, upstream: proxy,
		client:  &http.Client{Transport: seen, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }},
		metrics: "http://127.0.0.1:" + freePort(t), log: filepath.Join(dir, "log"), audit: filepath.Join(dir, "audit.log"),
		socket: filepath.Join(dir, "admin"),
	}
	environment := map[string]string{
		"GOGC": "100", "MCPDISCORD_STORE": "bolt:" + filepath.Join(dir, "db"), "JWT_SIGNING_KEY": "new-signing-key-of-40-bytes-0123456789ab", "STORAGE_ENCRYPTION_KEY": "the-encryption-key-of-40-bytes-012345678",
	}
	seen.add("signing key", environment["JWT_SIGNING_KEY"])
	seen.add("encryption key", environment["STORAGE_ENCRYPTION_KEY"])
	seen.add("client secret", emulator.DefaultClientSecret)
	flags := []string{
		"--discord-public-key", hex.EncodeToString(emu.WebhookPublicKey()),
		"--dev", "--discord-url", between.URL, "--admin-socket", l.socket, "--refresh-grace", "1ns",
		"--log-level", "debug", "--log-format", format, "--audit-log", l.audit, "--metrics-addr", strings.TrimPrefix(l.metrics, "http://"),
	}
	if inRedis {
		const password = "the-password-of-redis-0123456789abcdef"
		l.redis = miniredis.RunT(t)
		l.redis.RequireAuth(password)
		environment["MCPDISCORD_STORE"] = "redis://:" + password + "@" + l.redis.Addr()
		seen.add("password of Redis", password)
	}
	if proxy {
		protected := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintln(&l.behind, r.RequestURI)
			_ = r.Header.Write(&l.behind)
			w.Header().Set("Mcp-Session-Id", "session-of-the-protected-server")
			_, _ = io.Copy(w, r.Body)
		}))
		t.Cleanup(protected.Close)
		flags = append(flags, "--proxy", protected.URL)
	}
	l.base, l.stop = startServeWith(t, environment, l.log, flags...)
	l.base = strings.TrimSuffix(l.base, "/mcp")
	return l
}

// get and post send a request of a client; the answer's body comes back.
func (l *secretLife) get(path string, header ...string) string {
	return l.send(http.MethodGet, path, "", header...)
}

func (l *secretLife) post(path string, form url.Values) string {
	return l.send(http.MethodPost, path, form.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func (l *secretLife) send(method, path, body string, header ...string) string {
	l.t.Helper()
	request, err := http.NewRequestWithContext(l.t.Context(), method, l.base+path, strings.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	response, err := l.client.Do(request)
	if err != nil {
		l.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		l.t.Fatal(err)
	}
	return string(text)
}

// call calls the MCP endpoint.
func (l *secretLife) call(token, tool string) string {
	body := fmt.Sprintf(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":%q,"arguments":{}}}`, tool)
	query := url.Values{"state": {oauth2.GenerateVerifier()}}.Encode()
	return l.send(http.MethodPost, "/mcp?"+query, body, "Authorization", "Bearer "+token, "Cookie", "mcpdiscord="+oauth2.GenerateVerifier(), "Content-Type", "application/json",
		"Accept", "application/json, text/event-stream", "Mcp-Protocol-Version", "2025-11-25",
		"Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
}

// authorize lets a person walk from the authorization request to the client,
// and returns the answer's parameters.
func (l *secretLife) authorize(s *oauthSession, visitor *person) url.Values {
	s.ClientID, s.Verifier = register(l.t, l.base, oauthRedirect), oauth2.GenerateVerifier()
	query := url.Values{
		"response_type": {"code"}, "client_id": {s.ClientID}, "redirect_uri": {oauthRedirect}, "state": {oauth2.GenerateVerifier()},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(s.Verifier)}, "code_challenge_method": {"S256"}, "scope": {"identify email guilds"},
	}
	var arrived url.Values
	visitor.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), oauthRedirect) {
			arrived = r.URL.Query()
			return errStopped
		}
		return nil
	}
	_ = visitor.visit(l.t.Context(), l.base+"/authorize?"+query.Encode())
	return arrived
}

// token asks the token endpoint and keeps what it answers.
func (l *secretLife) token(s *oauthSession, form url.Values) string {
	form.Set("client_id", s.ClientID)
	text := l.post("/token", form)
	_ = json.Unmarshal([]byte(text), s)
	return text
}

func (l *secretLife) signIn() *oauthSession {
	l.t.Helper()
	s := &oauthSession{}
	s.Code = l.authorize(s, newPerson(false, demoUser, l.seen)).Get("code")
	if text := l.token(s, codeForm(s)); s.AccessToken == "" {
		l.t.Fatalf("nobody is signed in: %s", text)
	}
	l.seen.add("answer access_token", s.AccessToken)
	return s
}

func codeForm(s *oauthSession) url.Values {
	return url.Values{"grant_type": {"authorization_code"}, "code": {s.Code}, "code_verifier": {s.Verifier}, "redirect_uri": {oauthRedirect}}
}

// live is the life: what works, what is refused, what breaks.
func (l *secretLife) live() {
	s := l.signIn()
	tool := l.call(s.AccessToken, "list_guilds")
	if !l.upstream && !strings.Contains(tool, "structuredContent") {
		l.t.Errorf("the tool answered %s", tool)
	}
	old := s.RefreshToken
	refresh := func(token string) string {
		return l.token(s, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	}
	refresh(s.RefreshToken)
	l.call(s.AccessToken, "get_user_info") // confirms it
	refresh(s.RefreshToken)
	l.call(s.AccessToken, "get_user_info")
	if text := refresh(old); !strings.Contains(text, "invalid_grant") { // stolen
		l.t.Errorf("a replay is answered %s", text)
	}
	l.call(s.AccessToken, "get_user_info")
	l.token(s, codeForm(s)) // used twice

	l.last = *l.signIn()
	l.post("/revoke", url.Values{"token": {l.last.RefreshToken}, "client_id": {l.last.ClientID}})

	l.authorize(&oauthSession{}, newPerson(true, "", l.seen))  // denied here
	l.authorize(&oauthSession{}, newPerson(false, "", l.seen)) // and at Discord
	for _, fault := range []emulator.Fault{
		{Endpoint: emulator.EndpointToken, Kind: emulator.FaultError, Count: 1},
		{Endpoint: emulator.EndpointToken, Kind: emulator.FaultLost, Count: 1},
		{Endpoint: emulator.EndpointToken, Kind: emulator.FaultTruncate, Count: 1},
		{Endpoint: emulator.EndpointAuthorization, Kind: emulator.FaultHTML, Status: 502, Count: 1},
	} {
		if err := l.discord.Fault(fault); err != nil {
			l.t.Fatal(err)
		}
		l.authorize(&oauthSession{}, newPerson(false, demoUser, l.seen))
	}
	made := func() string { return oauth2.GenerateVerifier() }
	l.post("/token", url.Values{
		"grant_type": {"refresh_token"}, "refresh_token": {"mcpd_rt_" + made()}, "client_id": {s.ClientID},
		"client_assertion": {made() + "." + made() + "." + made()}, "client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
	})
	l.webhooks()
	l.get("/authorize?" + url.Values{"client_id": {made()}, "state": {made()}}.Encode())
	l.get("/auth/callback?"+url.Values{"code": {made()}, "state": {made()}}.Encode(), "Cookie", "mcpdiscord="+made())
	l.post("/consent", url.Values{"request": {made()}, "decision": {"approve"}})
	l.post("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"mcpd_rt_" + made() + made()}, "client_id": {s.ClientID}})
	l.post("/token", url.Values{"grant_type": {"authorization_code"}, "code": {"mcpd_code_" + made()}, "client_id": {s.ClientID}, "client_secret": {made()}})
	l.post("/revoke", url.Values{"token": {made()}, "client_id": {s.ClientID}})
	l.call(made(), "get_user_info")
	l.get("/mcp?"+url.Values{"token": {made()}}.Encode(), "Authorization", "Bearer "+made(), "Authorization", "Bearer "+made())
	l.get("/nothing?" + url.Values{"token": {made()}}.Encode())
	l.last = *l.signIn()
	l.health("/healthz", http.StatusOK)
	l.health("/readyz", http.StatusOK)
	if l.redis != nil {
		l.withoutRedis()
	}
}

// withoutRedis asks for everything while Redis is away.
func (l *secretLife) withoutRedis() {
	l.t.Helper()
	l.redis.Close()
	l.health("/readyz", http.StatusServiceUnavailable)
	l.health("/healthz", http.StatusOK)
	s := l.last // its successor, which nobody gets, is not taken
	if text := l.token(&s, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {s.RefreshToken}}); !strings.Contains(text, "temporarily_unavailable") {
		l.t.Errorf("a refresh without Redis is answered %s", text)
	}
	l.call(s.AccessToken, "get_user_info")
	l.post("/revoke", url.Values{"token": {s.RefreshToken}, "client_id": {s.ClientID}})
	l.get("/authorize?" + url.Values{"client_id": {s.ClientID}, "state": {oauth2.GenerateVerifier()}}.Encode())
	l.seen.pages.Write(l.admin(exitUnavailable, "grants"))
	if err := l.redis.Restart(); err != nil {
		l.t.Fatal(err)
	}
	l.health("/readyz", http.StatusOK)
}

// health waits until a probe is answered with a status, and keeps the answers.
func (l *secretLife) health(path string, status int) {
	l.t.Helper()
	waitFor(l.t, fmt.Sprintf("%s with %d", path, status), func() bool {
		response, err := http.Get(l.metrics + path)
		if err != nil {
			l.t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := httputil.DumpResponse(response, true)
		if err != nil {
			l.t.Fatal(err)
		}
		l.healths.Write(text)
		return response.StatusCode == status
	})
}

// admin runs a command of admin, and returns all that it prints.
func (l *secretLife) admin(code int, args ...string) []byte {
	l.t.Helper()
	out, err := os.Create(filepath.Join(l.t.TempDir(), "out"))
	if err != nil {
		l.t.Fatal(err)
	}
	defer out.Close()
	p := newProgram([]string{"mcpdiscord"}, func(string) string { return "" }, nil)
	p.out, p.err = out, out
	ended := p.run(l.t.Context(), append([]string{"admin", "--socket", l.socket}, args...))
	text, err := os.ReadFile(out.Name())
	if err != nil || ended != code {
		l.t.Errorf("admin %v ended with %d: %s, %v", args, ended, text, err)
	}
	return text
}

// webhooks sends Discord's events: one that is forged, and one that ends a
// sign-in.
func (l *secretLife) webhooks() {
	l.t.Helper()
	forged := strings.Repeat("5ec2e7a1", 16)
	l.seen.add("signature", forged)
	l.send(http.MethodPost, "/discord/webhook", `{"type":0}`, "X-Signature-Ed25519", forged, "X-Signature-Timestamp", "1700000000")
	l.signIn()
	if err := l.discord.SetWebhookURL(l.t.Context(), l.base+"/discord/webhook"); err != nil {
		l.t.Fatal(err)
	}
	if err := l.discord.Deauthorize(demoUser); err != nil {
		l.t.Fatal(err)
	}
}

// end stops the server and returns all that was to be seen of it.
func (l *secretLife) end() map[string][]byte {
	l.t.Helper()
	response, err := http.Get(l.metrics + "/metrics")
	if err != nil {
		l.t.Fatal(err)
	}
	defer response.Body.Close()
	outputs := map[string][]byte{"the error pages": l.seen.pages.Bytes(), "the health": l.healths.Bytes()}
	for _, what := range []string{"clients", "grants"} {
		outputs["admin "+what] = l.admin(exitOK, what)
		outputs["admin "+what+" --json"] = l.admin(exitOK, what, "--json")
	}
	if outputs["the metrics"], err = io.ReadAll(response.Body); err != nil {
		l.t.Fatal(err)
	}
	l.stop()
	if l.upstream {
		outputs["what the proxied server is sent"] = l.behind.Bytes()
	}
	for name, path := range map[string]string{"the log": l.log, "the audit trail": l.audit} {
		if outputs[name], err = os.ReadFile(path); err != nil {
			l.t.Fatal(err)
		}
	}
	for _, event := range []string{"registered", "consented", "denied", "signed_in", "sign_in_failed", "issued", "refreshed", "replayed", "revoked", "refused"} {
		if !bytes.Contains(outputs["the audit trail"], []byte(`"event":"`+event+`"`)) {
			l.t.Errorf("%s did not happen", event)
		}
	}
	if !bytes.Contains(outputs["the audit trail"], []byte("deauthorized at discord")) {
		l.t.Error("no event of Discord's arrived")
	}
	return outputs
}
