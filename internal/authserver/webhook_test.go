package authserver_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

func webhookKey(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
}

func listening(cfg *authserver.Config) {
	cfg.WebhookKey = webhookKey(1).Public().(ed25519.PublicKey)
	cfg.AccessTokenTTL = 24 * time.Hour
}

// deliver posts an event as Discord would, signed with a key at a time.
func (r *rig) deliver(key ed25519.PrivateKey, sent time.Time, body string) *answer {
	r.t.Helper()
	timestamp := strconv.FormatInt(sent.Unix(), 10)
	return r.deliverSigned(timestamp, hex.EncodeToString(ed25519.Sign(key, []byte(timestamp+body))), body)
}

func (r *rig) deliverSigned(timestamp, signature, body string) *answer {
	r.t.Helper()
	b := r.browser()
	b.header.Set("X-Signature-Timestamp", timestamp)
	b.header.Set("X-Signature-Ed25519", signature)
	return b.do(http.MethodPost, "/discord/webhook", "application/json", strings.NewReader(body))
}

const pingBody = `{"version":1,"application_id":"` + emulator.DefaultClientID + `","type":0}`

func deauthorization(user string, at time.Time) string {
	return fmt.Sprintf(`{"version":1,"application_id":%q,"type":1,"event":{"type":"APPLICATION_DEAUTHORIZED","timestamp":%q,"data":{"user":{"id":%q}}}}`,
		emulator.DefaultClientID, at.UTC().Format("2006-01-02T15:04:05.000000"), user)
}

func TestForgedWebhook(t *testing.T) {
	t.Parallel()
	r := newRig(t, listening)
	s := r.login(r.register("Forged"))
	now := r.clock.Now()
	body := deauthorization(nelly, now)
	timestamp := strconv.FormatInt(now.Unix(), 10)
	good := hex.EncodeToString(ed25519.Sign(webhookKey(1), []byte(timestamp+body)))
	late := strconv.FormatInt(now.Unix()+1, 10)
	for name, send := range map[string]func() *answer{
		"other key":         func() *answer { return r.deliver(webhookKey(2), now, body) },
		"no signature":      func() *answer { return r.deliverSigned(timestamp, "", body) },
		"no hex":            func() *answer { return r.deliverSigned(timestamp, strings.Repeat("x", 128), body) },
		"short":             func() *answer { return r.deliverSigned(timestamp, good[:126], body) },
		"other time":        func() *answer { return r.deliverSigned(late, good, body) },
		"no time":           func() *answer { return r.deliverSigned("", good, body) },
		"other body":        func() *answer { return r.deliverSigned(timestamp, good, body+" ") },
		"six minutes old":   func() *answer { return r.deliver(webhookKey(1), now.Add(-6*time.Minute), body) },
		"six minutes ahead": func() *answer { return r.deliver(webhookKey(1), now.Add(6*time.Minute), body) },
		"a time in a word": func() *answer {
			return r.deliverSigned("now", hex.EncodeToString(ed25519.Sign(webhookKey(1), []byte("now"+body))), body)
		},
		"signed PING's body": func() *answer {
			return r.deliverSigned(timestamp, hex.EncodeToString(ed25519.Sign(webhookKey(1), []byte(timestamp+pingBody))), body)
		},
	} {
		if a := send(); a.Status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	for name, body := range map[string]string{
		"too long":          pingBody[:len(pingBody)-1] + `,"x":"` + strings.Repeat("x", 64<<10) + `"}`,
		"other application": strings.Replace(body, emulator.DefaultClientID, "1", 1),
		"no user":           deauthorization("", now),
		"no JSON":           "ping",
	} {
		if a := r.deliver(webhookKey(1), now, body); a.Status != http.StatusBadRequest {
			t.Errorf("%s: %d %s", name, a.Status, a.Body)
		}
	}
	r.uses(s.access)
	if a := newRig(t).deliver(webhookKey(1), now, pingBody); a.Status != http.StatusNotFound {
		t.Errorf("served without a key: %d", a.Status)
	}
}

func TestWebhookPing(t *testing.T) {
	t.Parallel()
	r := newRig(t, listening)
	other := strings.Replace(deauthorization(nelly, r.clock.Now()), "DEAUTHORIZED", "AUTHORIZED", 1)
	for _, body := range []string{pingBody, other, deauthorization("1", r.clock.Now())} {
		a := r.deliver(webhookKey(1), r.clock.Now(), body)
		if a.Status != http.StatusNoContent || a.Body != "" || a.Header.Get("Content-Type") == "" {
			t.Errorf("%d %q %v", a.Status, a.Body, a.Header)
		}
	}
	if n := r.store.count(t, authserver.KindUpstream); n != 0 {
		t.Errorf("%d records of users that nobody knows", n)
	}
}

// TestDeauthorizedEverywhere ends all that the user had, on both nodes, without
// a call to Discord.
func TestDeauthorizedEverywhere(t *testing.T) {
	t.Parallel()
	r := newRig(t, listening)
	two := *r
	two.start()
	a := r.login(r.register("A"))
	b := r.login(r.register("B", "https://b.example/cb"), "redirect_uri", "https://b.example/cb", "scope", "identify guilds")
	pending := r.browser().code(a.client)
	for range 3 {
		r.uses(a.access)
		two.uses(b.access)
	}
	calls := r.emu.Counters().Calls()
	r.clock.Add(time.Second)
	if got := two.deliver(webhookKey(1), r.clock.Now(), deauthorization(nelly, r.clock.Now())); got.Status != http.StatusNoContent {
		t.Fatalf("%d %s", got.Status, got.Body)
	}
	for _, node := range []*rig{r, &two} {
		node.dead(a.access)
		node.dead(b.access)
	}
	a.renew().is(t, 400, "invalid_grant")
	r.redeem(a.client, pending).is(t, 400, "invalid_grant")
	if got := r.emu.Counters().Calls() - calls; got != 0 {
		t.Errorf("%d calls", got)
	}
	if up := record[authserver.Upstream](r, authserver.KindUpstream, nelly); len(up.Pairs) != 0 || len(up.Grants) != 0 {
		t.Errorf("left: %d pairs, %d grants", len(up.Pairs), len(up.Grants))
	}
	if !strings.Contains(r.log.String(), "deauthorized at discord") {
		t.Error("not in the audit trail")
	}
}

// TestReplayedWebhook: an event that comes late, or again, ends nothing that
// began after it.
func TestReplayedWebhook(t *testing.T) {
	t.Parallel()
	r := newRig(t, listening)
	old := r.login(r.register("Replay"))
	r.clock.Add(time.Minute)
	event := r.clock.Now()
	if err := r.emu.Deauthorize(nelly); err != nil {
		t.Fatal(err)
	}
	body := deauthorization(nelly, event)
	r.clock.Add(2 * time.Minute)
	again := r.login(old.client)
	for range 3 { // late, repeated as it was, and sent anew
		if a := r.deliver(webhookKey(1), event, body); a.Status != http.StatusNoContent {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		r.dead(old.access)
		r.uses(again.access)
		again.take(again.renew())
	}
	if a := r.deliver(webhookKey(1), r.clock.Now(), body); a.Status != http.StatusNoContent {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	r.uses(again.access)
	if up := record[authserver.Upstream](r, authserver.KindUpstream, nelly); len(up.Pairs) != 1 || len(up.Grants) != 1 {
		t.Errorf("left: %d pairs, %d grants", len(up.Pairs), len(up.Grants))
	}
}

// TestWebhookOfAnotherClock: Discord's clock is behind ours, so what began
// before the event seems to have begun after it. Discord is asked.
func TestWebhookOfAnotherClock(t *testing.T) {
	t.Parallel()
	for _, alive := range []bool{true, false} {
		t.Run(fmt.Sprintf("alive=%v", alive), func(t *testing.T) {
			t.Parallel()
			r := newRig(t, listening)
			event := r.clock.Now().Add(-30 * time.Second)
			s := r.login(r.register("Skew"))
			if !alive {
				if err := r.emu.Deauthorize(nelly); err != nil {
					t.Fatal(err)
				}
			}
			before := r.emu.Counters().Calls(emulator.EndpointAuthorization)
			r.deliver(webhookKey(1), r.clock.Now(), deauthorization(nelly, event))
			soon(t, "the question", func() bool { return r.emu.Counters().Calls(emulator.EndpointAuthorization) > before })
			if alive {
				r.uses(s.access)
				return
			}
			soon(t, "the end", func() bool {
				_, err := r.server.Verify(t.Context(), s.access)
				return err != nil
			})
		})
	}
}

func TestWebhookStoreDown(t *testing.T) {
	t.Parallel()
	r := newRig(t, listening)
	s := r.login(r.register("Store"))
	r.clock.Add(time.Second)
	r.store.down.Store(true)
	now := r.clock.Now()
	if a := r.deliver(webhookKey(1), now, deauthorization(nelly, now)); a.Status != http.StatusServiceUnavailable {
		t.Errorf("%d: Discord would not try again", a.Status)
	}
	r.mend()
	r.deliver(webhookKey(1), now, deauthorization(nelly, now))
	r.dead(s.access)
}

// TestEmulatorWebhook: the emulator's PINGs and events, as Discord would begin.
func TestEmulatorWebhook(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.cfg.WebhookKey = r.emu.WebhookPublicKey()
	r.start()
	served := httptest.NewServer(r.mux)
	t.Cleanup(served.Close)
	s := r.login(r.register("Emulator"))
	if err := r.emu.SetWebhookURL(t.Context(), served.URL+"/discord/webhook"); err != nil {
		t.Fatal(err)
	}
	r.uses(s.access)
	if err := r.emu.Deauthorize(nelly); err != nil {
		t.Fatal(err)
	}
	r.dead(s.access)
	if report := r.emu.WebhookReport(); report.Delivered != 1 || report.Failed != 0 {
		t.Errorf("%+v", report)
	}
}

func FuzzWebhook(f *testing.F) {
	f.Add([]byte(pingBody))
	f.Add([]byte(deauthorization(nelly, time.Unix(1e9, 0))))
	base := newRig(f, listening)
	f.Fuzz(func(t *testing.T, body []byte) {
		r := base.with(t)
		if a := r.deliver(webhookKey(1), r.clock.Now(), string(body)); a.Status >= 500 {
			t.Errorf("%q: %d %s", body, a.Status, a.Body)
		}
	})
}
