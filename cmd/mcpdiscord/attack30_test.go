package main

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/oauth2"

	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

// tab is a tab of a browser: a sign-in of a client of its own at one server.
type tab struct {
	*person
	oauthSession
	state   string
	base    string
	form    *form    // of the page that it shows
	arrived *url.URL // where it would go next, and was stopped
}

// newTab opens a tab in the browser with these cookies.
func newTab(t *testing.T, mcpURL string, jar http.CookieJar) *tab {
	t.Helper()
	b := &tab{person: newPerson(false, demoUser, http.DefaultTransport), base: strings.TrimSuffix(mcpURL, "/mcp"), state: oauth2.GenerateVerifier()}
	b.client.Jar = jar
	b.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/auth/callback" || strings.HasPrefix(r.URL.String(), oauthRedirect) {
			b.arrived = r.URL
			return errStopped
		}
		return nil
	}
	b.Server, b.ClientID, b.Verifier = mcpURL, register(t, b.base, oauthRedirect), oauth2.GenerateVerifier()
	return b
}

// start opens the consent page.
func (b *tab) start(t *testing.T) {
	t.Helper()
	b.open(t, b.base+"/authorize?"+url.Values{
		"response_type": {"code"}, "client_id": {b.ClientID}, "redirect_uri": {oauthRedirect}, "state": {b.state},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(b.Verifier)}, "code_challenge_method": {"S256"},
	}.Encode())
}

// open goes to an address, and returns the status of what comes.
func (b *tab) open(t *testing.T, address string) (status int) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	return b.send(t, request)
}

// press presses the button of the page.
func (b *tab) press(t *testing.T) {
	t.Helper()
	request, err := b.answer(t.Context(), b.form)
	if err != nil {
		t.Fatal(err)
	}
	b.send(t, request)
}

func (b *tab) send(t *testing.T, request *http.Request) (status int) {
	t.Helper()
	b.form, b.arrived = nil, nil
	response, err := b.client.Do(request)
	if b.arrived != nil && errors.Is(err, errStopped) {
		return http.StatusSeeOther
	}
	if err == nil {
		b.form, err = readForm(response)
	}
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode
}

// redeem redeems the tab's code at a server, and returns the answer.
func (b *tab) redeem(t *testing.T, base string) string {
	t.Helper()
	form := codeForm(&b.oauthSession)
	form.Set("client_id", b.ClientID)
	text := postForm(t, base+"/token", form)
	if err := json.Unmarshal([]byte(text), &b.oauthSession); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return text
}

func postForm(t *testing.T, address string, form url.Values) string {
	t.Helper()
	response, err := http.PostForm(address, form)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// called is the status of a call with the tab's access token.
func (b *tab) called(t *testing.T, mcpURL string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, mcpURL, strings.NewReader(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range map[string]string{
		"Authorization": "Bearer " + b.AccessToken, "Content-Type": "application/json", "Accept": "application/json, text/event-stream", "Mcp-Protocol-Version": "2025-11-25",
	} {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	return response.StatusCode
}

// Two servers of one computer share the cookies of its browser, which know no
// ports: step by step beside each other, each sign-in gets its own code, and what
// Discord answers to the one is worth nothing at the other.
func TestAttack30TwoServersOneBrowser(t *testing.T) {
	t.Parallel()
	jar := newPerson(false, demoUser, nil).client.Jar
	tabs := []*tab{newTab(t, startServe(t, "--dev"), jar), newTab(t, startServe(t, "--dev"), jar)}
	for _, b := range tabs {
		b.start(t)
	}
	for range 2 { // Approve, then Discord's
		for _, b := range tabs {
			b.press(t)
		}
	}
	for range 4 { // with these, the second has as many under way as a browser may have
		more := newTab(t, tabs[1].Server, jar)
		more.start(t)
		more.press(t)
	}
	answers := []*url.URL{tabs[0].arrived, tabs[1].arrived}
	for i, b := range tabs {
		other := tabs[1-i]
		if answers[i] == nil || !strings.HasPrefix(answers[i].String(), b.base+"/auth/callback?") {
			t.Fatalf("Discord's answer to %s goes to %v", b.base, answers[i])
		}
		if status := b.open(t, other.base+"/auth/callback?"+answers[i].RawQuery); status != http.StatusForbidden {
			t.Errorf("an answer for another server: %d, to %v", status, b.arrived)
		}
	}
	for i, b := range tabs { // the first has come, and the second is still under way
		b.open(t, answers[i].String())
		if b.arrived == nil {
			t.Fatalf("%s sends nobody to the client", b.base)
		}
		query := b.arrived.Query()
		b.Code = query.Get("code")
		if b.Code == "" || query.Get("state") != b.state || query.Get("iss") != b.base {
			t.Errorf("the client of %s gets %v", b.base, query)
		}
	}
	for i, b := range tabs {
		other := tabs[1-i]
		if text := b.redeem(t, other.base); !strings.Contains(text, `"invalid_grant"`) {
			t.Errorf("a code at another server: %s", text)
		}
		if text := b.redeem(t, b.base); b.AccessToken == "" {
			t.Fatalf("no token: %s", text)
		}
		if own, there := b.called(t, b.Server), b.called(t, other.Server); own != http.StatusOK || there != http.StatusUnauthorized {
			t.Errorf("a token is answered with %d, and at another server with %d", own, there)
		}
	}
}

// What --dev gave to anyone is worth nothing in real mode: not even at the same
// address, with the same keys and the same application.
func TestAttack30DevGrantAgainstReal(t *testing.T) {
	t.Parallel()
	_, discordURL, stopDiscord, err := emulator.Start(emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stopDiscord)
	environment := map[string]string{
		"GOGC": "100", "JWT_SIGNING_KEY": strings.Repeat("s", 32), "STORAGE_ENCRYPTION_KEY": strings.Repeat("e", 32),
		"DISCORD_CLIENT_ID": emulator.DefaultClientID, "DISCORD_CLIENT_SECRET": emulator.DefaultClientSecret,
	}
	dir, addr := t.TempDir(), "127.0.0.1:"+freePort(t)
	start := func(name string, flags ...string) (mcpURL string, stop func()) {
		flags = append(flags, "--addr", addr, "--discord-url", discordURL, "--store", "bolt:"+filepath.Join(dir, name), "--admin-socket", "none")
		return startServeWith(t, environment, filepath.Join(dir, name+".log"), flags...)
	}
	signIn := func(mcpURL string) *tab {
		b := newTab(t, mcpURL, newPerson(false, demoUser, nil).client.Jar)
		b.start(t)
		b.press(t)
		b.press(t)
		b.open(t, b.arrived.String())
		b.Code = b.arrived.Query().Get("code")
		if text := b.redeem(t, b.base); b.AccessToken == "" {
			t.Fatalf("no token: %s", text)
		}
		return b
	}
	refresh := func(b *tab) string {
		return postForm(t, b.base+"/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {b.RefreshToken}, "client_id": {b.ClientID}})
	}
	dev, stop := start("dev", "--dev")
	anyone := signIn(dev)
	if status := anyone.called(t, dev); status != http.StatusOK {
		t.Fatalf("with --dev: %d", status)
	}
	stop()
	mcpURL, _ := start("real")
	if mcpURL != dev {
		t.Fatalf("the servers are %s and %s", dev, mcpURL)
	}
	if status := anyone.called(t, mcpURL); status != http.StatusUnauthorized {
		t.Errorf("a token of --dev in real mode: %d", status)
	}
	if text := refresh(anyone); !strings.Contains(text, `"invalid_client"`) {
		t.Errorf("a refresh token of --dev in real mode: %s", text)
	}
	if status := signIn(mcpURL).called(t, mcpURL); status != http.StatusOK {
		t.Errorf("a token of real mode: %d", status)
	}
}
