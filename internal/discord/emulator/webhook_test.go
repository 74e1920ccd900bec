package emulator_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

func webhookKey() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
}

// receive is an application's webhook: it answers what is well signed with
// status and tells of it as "type timestamp body", all else with 401.
func receive(t *testing.T, key ed25519.PublicKey, status int) (url string, received chan string) {
	t.Helper()
	received = make(chan string, 16)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			received <- "followed"
			http.NotFound(w, r)
			return
		}
		body, _ := io.ReadAll(r.Body)
		signature, _ := hex.DecodeString(r.Header.Get("X-Signature-Ed25519"))
		timestamp := r.Header.Get("X-Signature-Timestamp")
		if !ed25519.Verify(key, append([]byte(timestamp), body...), signature) {
			received <- "forged"
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		received <- r.Header.Get("Content-Type") + " " + timestamp + " " + string(body)
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
	}))
	t.Cleanup(server.Close)
	return server.URL + "/events", received
}

func wantReceived(t *testing.T, received chan string, want ...string) {
	t.Helper()
	got := make([]string, 0, len(received))
	for len(received) > 0 {
		got = append(got, <-received)
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		t.Errorf("received: %s", diff)
	}
}

func TestWebhook(t *testing.T) {
	t.Parallel()
	const (
		ping  = `application/json 1767323045 {"version":1,"application_id":"157730590492196864","type":0}`
		event = `application/json 1767323045 {"version":1,"application_id":"157730590492196864","type":1,"event":` +
			`{"type":"APPLICATION_DEAUTHORIZED","timestamp":"2026-01-02T03:04:05.000000","data":{"user":{"id":"80351110224678912",` +
			`"username":"nelly","discriminator":"0","global_name":"Nelly","avatar":"8342729096ea3675442027381ff50dfe","public_flags":0}}}}`
	)
	s := start(t, func(c *emulator.Config) { c.WebhookKey = webhookKey() })
	url, received := receive(t, s.WebhookPublicKey(), http.StatusNoContent)
	if err := s.Deauthorize(nelly); err != nil {
		t.Fatal(err)
	}
	if a := s.control(http.MethodPut, "settings", `{"webhook_url":"`+url+`"}`); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	wantReceived(t, received, ping, "forged")
	tokens := s.signIn(nelly, "identify")
	s.control(http.MethodPost, "users/"+nelly+"/deauthorize", "")
	s.control(http.MethodPost, "users/1/deauthorize", "")
	wantReceived(t, received, event)
	want(t, "deauthorized", s.refresh(tokens.text("refresh_token")), 400, "invalid_grant")

	key := hex.EncodeToString(webhookKey().Public().(ed25519.PublicKey))
	tokens = s.signIn(nelly, "identify")
	if got := s.api("/oauth2/@me", tokens.text("access_token")).body; !strings.Contains(got, `"verify_key":"`+key+`"`) {
		t.Error(got)
	}
	got := s.control(http.MethodGet, "webhook", "").body
	if diff := cmp.Diff(`{"url":"`+url+`","public_key":"`+key+`","delivered":1,"failed":0}`+"\n", got); diff != "" {
		t.Error(diff)
	}
	// An application's own revocation is no news to it.
	s.form("/api/v10/oauth2/token/revoke", "token", tokens.text("access_token"))
	if err := s.SetWebhookURL(t.Context(), ""); err != nil {
		t.Error(err)
	}
	_ = s.Deauthorize(nelly)
	wantReceived(t, received)
}

// TestWebhookOutlivesItsCaller: the event is sent even if whoever asked for the
// deauthorization has gone.
func TestWebhookOutlivesItsCaller(t *testing.T) {
	t.Parallel()
	url, received := receive(t, webhookKey().Public().(ed25519.PublicKey), http.StatusNoContent)
	s := start(t, func(c *emulator.Config) { c.WebhookKey, c.WebhookURL = webhookKey(), url })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	r := s.request(http.MethodPost, "/emulator/users/"+nelly+"/deauthorize", "").WithContext(ctx)
	s.ServeHTTP(httptest.NewRecorder(), r)
	if len(received) != 1 {
		t.Errorf("%d received", len(received))
	}
}

func TestWebhookFails(t *testing.T) {
	t.Parallel()
	key := webhookKey().Public().(ed25519.PublicKey)
	other := start(t).WebhookPublicKey() // made anew
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	tests := []struct {
		name   string
		key    ed25519.PublicKey
		status int
		calls  int // of an event
	}{
		{"200", key, http.StatusOK, 1},
		{"500", key, http.StatusInternalServerError, 1},
		{"a redirect is not followed", key, http.StatusTemporaryRedirect, 1},
		{"another key", other, http.StatusNoContent, 1},
		{"nobody there", nil, 0, 0},
	}
	for _, tt := range tests {
		url, received := gone.URL, make(chan string)
		if tt.key != nil {
			url, received = receive(t, tt.key, tt.status)
		}
		s := start(t, func(c *emulator.Config) { c.WebhookKey, c.WebhookURL = webhookKey(), url })
		tokens := s.signIn(nelly, "identify")
		if err := s.Deauthorize(nelly); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if len(received) != tt.calls {
			t.Errorf("%s: %d calls", tt.name, len(received))
		}
		want(t, tt.name, s.refresh(tokens.text("refresh_token")), 400, "invalid_grant")
		if got := s.WebhookReport(); got.Failed != 1 || got.Delivered != 0 || got.LastFailure == "" {
			t.Errorf("%s: %+v", tt.name, got)
		}
		a := s.control(http.MethodPut, "settings", `{"webhook_url":"`+url+`/new","kill_earlier":true}`)
		if now := s.control(http.MethodGet, "webhook", "").text("url"); a.status != http.StatusBadRequest || now != url {
			t.Errorf("%s: %d %s, and the URL is %s", tt.name, a.status, a.body, now)
		}
	}
	careless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	defer careless.Close()
	if err := start(t).SetWebhookURL(t.Context(), careless.URL); err == nil || !strings.Contains(err.Error(), "wrong signature") {
		t.Errorf("an application that verifies nothing: %v", err)
	}
}

func TestWebhookIsOnLoopback(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, url := range []string{
		"https://app.example/events", "http://127.0.0.1.app.example/", "http://localhost@app.example/", "http://10.0.0.1/",
		"ftp://localhost/", "//localhost/events", "localhost:8000", "/events", "http://[::1",
	} {
		if _, err := emulator.New(emulator.Config{WebhookURL: url}); err == nil {
			t.Errorf("New takes %s", url)
		}
		if err := s.SetWebhookURL(t.Context(), url); err == nil || !strings.Contains(err.Error(), "loopback") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if _, err := emulator.New(emulator.Config{WebhookKey: make([]byte, 32)}); err == nil {
		t.Error("New takes a seed for a key")
	}
}

// TestWebhookDeliveriesAreBounded: while 4 are under way a fifth is lost, and
// its caller does not wait.
func TestWebhookDeliveriesAreBounded(t *testing.T) {
	t.Parallel()
	arrived, leave := make(chan struct{}, 5), make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		arrived <- struct{}{}
		<-leave
		w.WriteHeader(http.StatusNoContent)
	}))
	defer slow.Close()
	s := start(t, func(c *emulator.Config) { c.WebhookURL = slow.URL })
	ended := make(chan error, 4)
	for range 4 {
		go func() { ended <- s.Deauthorize(nelly) }()
		<-arrived
	}
	fifth := s.Deauthorize(mason)
	lost := s.WebhookReport()
	close(leave)
	for range 4 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if fifth != nil || lost.Failed != 1 {
		t.Errorf("the fifth: %v, %+v", fifth, lost)
	}
	if got := fmt.Sprint(s.WebhookReport()); got != "{4 1 there are 4 deliveries at once already}" {
		t.Error(got)
	}
}
