package authserver_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

func TestAttack15DiscordDownWhileRefreshing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		fault emulator.Fault
	}{
		{"429", emulator.Fault{Kind: emulator.FaultRateLimit, RetryAfter: 7 * time.Second}},
		{"503", emulator.Fault{Kind: emulator.FaultError, Status: 503}},
		{"HTML", emulator.Fault{Kind: emulator.FaultHTML}},
		{"truncated", emulator.Fault{Kind: emulator.FaultTruncate}},
		{"hang", emulator.Fault{Kind: emulator.FaultHang}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, quick(t))
			s := r.login(r.register("Outage"))
			test.fault.Endpoint = emulator.EndpointToken
			r.fault(test.fault)
			r.clock.Add(6*24*time.Hour + time.Hour)
			s.take(s.renew()) // the pair lives: nobody notices
			generation := claims(t, s.access)["generation"]
			r.clock.Add(24 * time.Hour)
			before := r.refreshes()
			for _, a := range at(32, func(int) *answer { return s.renew() }) {
				a.is(t, http.StatusServiceUnavailable, "temporarily_unavailable")
				if a.Header.Get("Retry-After") == "" {
					t.Fatal("no Retry-After")
				}
			}
			if n := r.refreshes() - before; n > 2 {
				t.Errorf("a storm: %d calls", n)
			}
			r.emu.ClearFaults()
			r.clock.Add(6 * time.Minute)
			s.take(s.renew())
			if got := claims(t, s.access)["generation"]; got != generation.(float64)+1 {
				t.Errorf("generation %v after %v", got, generation)
			}
			s.uses(s.access)
		})
	}
}

func TestWrongDiscordSecretIsAnAlarm(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.login(r.register("Secret"))
	r.clock.Add(8 * 24 * time.Hour)
	two := *r
	two.cfg.Discord = discordClient(t, &two.cfg, "wrong", time.Second)
	two.start()
	two.refresh(s.client, s.refresh).is(t, http.StatusServiceUnavailable, "temporarily_unavailable")
	if !strings.Contains(r.log.String(), "alarm=true") {
		t.Error("no alarm")
	}
	s.take(s.renew())
}

func TestAttack16DiscordInvalidGrant(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.login(r.register("A"))
	b := r.login(r.register("B", "https://b.example/cb"), "redirect_uri", "https://b.example/cb", "scope", "identify guilds")
	if err := r.emu.Deauthorize(nelly); err != nil {
		t.Fatal(err)
	}
	a.uses(a.access)
	r.clock.Add(6*24*time.Hour + time.Hour)
	a.renew().is(t, 400, "invalid_grant")
	a.renew().is(t, 400, "invalid_grant") // no loop
	for _, s := range []*session{a, b} {
		if g := record[authserver.Grant](r, authserver.KindGrant, grantID(t, s.access)); g != nil && !g.Revoked {
			t.Error("a grant lives")
		}
	}
	if up := record[authserver.Upstream](r, authserver.KindUpstream, nelly); len(up.Pairs) != 0 || len(up.Grants) != 0 {
		t.Errorf("left: %d pairs, %d grants", len(up.Pairs), len(up.Grants))
	}
	again := r.login(a.client)
	again.uses(again.access)
	again.take(again.renew())
}

// shortLived makes Discord's tokens live an hour.
type shortLived struct{}

// RoundTrip implements http.RoundTripper.
func (shortLived) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	body = bytes.Replace(body, []byte(`"expires_in":604800`), []byte(`"expires_in":3600`), 1)
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), -1
	return res, nil
}

// TestShortLivedPairs: Discord's tokens live for less than the time before
// their end at which they are renewed.
func TestShortLivedPairs(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *authserver.Config) {
		cfg.Discord = clientThrough(t, cfg, shortLived{})
	})
	s := r.login(r.register("Short"))
	s.take(s.renew())
	if n := r.refreshes(); n != 1 {
		t.Errorf("%d refreshes at Discord for one here", n)
	}
	r.clock.Add(2 * time.Hour)
	s.take(s.renew())
	if n := r.refreshes(); n != 2 {
		t.Errorf("%d refreshes at Discord for two here", n)
	}
}
