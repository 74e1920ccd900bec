package discord_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

// every is each call of the client, by the endpoint that it reaches.
var every = []struct {
	name, endpoint string
	call           func(ctx context.Context, s *setup, token *discord.Token, code, verifier string) error
}{
	{"exchange", emulator.EndpointToken, func(ctx context.Context, s *setup, _ *discord.Token, code, verifier string) error {
		_, err := s.Exchange(ctx, code, verifier)
		return err
	}},
	{"refresh", emulator.EndpointToken, func(ctx context.Context, s *setup, token *discord.Token, _, _ string) error {
		_, err := s.Refresh(ctx, token.RefreshToken)
		return err
	}},
	{"check", emulator.EndpointToken, func(ctx context.Context, s *setup, _ *discord.Token, _, _ string) error {
		return s.CheckCredentials(ctx)
	}},
	{"authorization", emulator.EndpointAuthorization, func(ctx context.Context, s *setup, token *discord.Token, _, _ string) error {
		_, err := s.CurrentAuthorization(ctx, token.AccessToken)
		return err
	}},
	{"user", emulator.EndpointUser, func(ctx context.Context, s *setup, token *discord.Token, _, _ string) error {
		_, err := s.CurrentUser(ctx, token.AccessToken)
		return err
	}},
	{"guilds", emulator.EndpointGuilds, func(ctx context.Context, s *setup, token *discord.Token, _, _ string) error {
		_, err := s.CurrentUserGuilds(ctx, token.AccessToken)
		return err
	}},
	{"revoke", emulator.EndpointRevoke, func(ctx context.Context, s *setup, token *discord.Token, _, _ string) error {
		return s.Revoke(ctx, token.RefreshToken)
	}},
}

// TestFaultSaysNothingAboutTokens shows each fault to each call: it is always
// ErrUnavailable, and when it is over the same call works.
func TestFaultSaysNothingAboutTokens(t *testing.T) {
	t.Parallel()
	faults := []struct {
		name   string
		fault  emulator.Fault
		status int
		wait   time.Duration
	}{
		{"429", emulator.Fault{Kind: emulator.FaultRateLimit, RetryAfter: 2500 * time.Millisecond}, 429, 3 * time.Second},
		{"429 global", emulator.Fault{Kind: emulator.FaultRateLimit, Global: true}, 429, time.Second},
		{"500", emulator.Fault{Kind: emulator.FaultError}, 500, 0},
		{"503", emulator.Fault{Kind: emulator.FaultError, Status: 503, RetryAfter: 7 * time.Second}, 503, 7 * time.Second},
		{"banned", emulator.Fault{Kind: emulator.FaultHTML}, 429, 10 * time.Second},
		{"banned for a minute", emulator.Fault{Kind: emulator.FaultHTML, RetryAfter: time.Minute}, 429, time.Minute},
		{"html 403", emulator.Fault{Kind: emulator.FaultHTML, Status: 403}, 403, 0},
		{"html 401", emulator.Fault{Kind: emulator.FaultHTML, Status: 401}, 401, 0},
		{"html 400", emulator.Fault{Kind: emulator.FaultHTML, Status: 400}, 400, 0},
		{"418", emulator.Fault{Kind: emulator.FaultError, Status: 418}, 418, 0},
		{"truncated", emulator.Fault{Kind: emulator.FaultTruncate}, 200, 0},
		{"hang", emulator.Fault{Kind: emulator.FaultHang}, 0, 0},
	}
	for _, tt := range faults {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, func(_ *emulator.Config, c *discord.Config) {
				if tt.fault.Kind == emulator.FaultHang {
					c.Timeout = 50 * time.Millisecond
				}
			})
			for _, c := range every {
				verifier := oauth2.GenerateVerifier()
				code := s.code(t, nelly, verifier, "identify", "guilds")
				token := s.signIn(t, nelly, "identify", "guilds")
				tt.fault.Endpoint = c.endpoint
				s.fault(t, tt.fault)
				err := c.call(t.Context(), s, token, code, verifier)
				if e := wantError(t, err, discord.ErrUnavailable); e.Status != tt.status || e.RetryAfter != tt.wait {
					t.Errorf("%s: status %d, retry after %v: %v", c.name, e.Status, e.RetryAfter, err)
				}
				s.emu.ClearFaults()
				s.clock.Advance(tt.wait)
				if err := c.call(t.Context(), s, token, code, verifier); err != nil {
					t.Errorf("%s afterwards: %v", c.name, err)
				}
			}
		})
	}
}

func TestLostAnswer(t *testing.T) {
	t.Parallel()
	s := start(t)
	token := s.signIn(t, nelly, "identify")
	s.fault(t, emulator.Fault{Endpoint: emulator.EndpointToken, Kind: emulator.FaultLost, Count: 1})
	_, err := s.Refresh(t.Context(), token.RefreshToken)
	if e := wantError(t, err, discord.ErrUnavailable); e.Status != 0 {
		t.Errorf("error = %+v", e)
	}
	if got := s.emu.Counters()[emulator.EndpointToken].Results["lost"]; got != 1 {
		t.Errorf("the refresh was sent %d times", got)
	}
	_, err = s.Refresh(t.Context(), token.RefreshToken)
	wantError(t, err, discord.ErrInvalidGrant)
}

func TestRandom401(t *testing.T) {
	t.Parallel()
	s := start(t)
	token := s.signIn(t, nelly, "identify", "guilds")
	for _, c := range every[3:6] {
		s.fault(t, emulator.Fault{Endpoint: c.endpoint, Kind: emulator.FaultUnauthorized, Count: 1})
		if err := c.call(t.Context(), s, token, "", ""); err != nil {
			t.Errorf("%s: one 401 was believed: %v", c.name, err)
		}
		s.emu.ResetCounters()
		s.fault(t, emulator.Fault{Endpoint: c.endpoint, Kind: emulator.FaultUnauthorized})
		wantError(t, c.call(t.Context(), s, token, "", ""), discord.ErrUnauthorized)
		if got := s.emu.Counters().Calls(c.endpoint); got != 2 {
			t.Errorf("%s: %d calls, want 2", c.name, got)
		}
		s.emu.ClearFaults()
	}
	// At the token endpoint a 401 of the API is no verdict on anything.
	s.fault(t, emulator.Fault{Endpoint: emulator.EndpointToken, Kind: emulator.FaultUnauthorized, Count: 1})
	_, err := s.Refresh(t.Context(), token.RefreshToken)
	wantError(t, err, discord.ErrUnavailable)
	if _, err := s.Refresh(t.Context(), token.RefreshToken); err != nil {
		t.Error(err)
	}
}

func TestNoAccessTokenIsNoCall(t *testing.T) {
	t.Parallel()
	s := start(t)
	_, err := s.CurrentUser(t.Context(), "")
	wantError(t, err, discord.ErrUnauthorized)
	if got := s.emu.Counters().Calls(); got != 0 {
		t.Errorf("%d calls", got)
	}
}

func TestCallerGivesUp(t *testing.T) {
	t.Parallel()
	s := start(t)
	s.fault(t, emulator.Fault{Endpoint: emulator.EndpointAny, Kind: emulator.FaultHang})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := s.Refresh(ctx, "token")
	wantError(t, err, discord.ErrUnavailable)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	cfg := without(nil, nil)
	cfg.Transport, cfg.URL = &http.Transport{}, "http://127.0.0.1:1"
	_, err := newClient(t, cfg).Refresh(t.Context(), "token")
	wantError(t, err, discord.ErrUnavailable)
}

// TestSecretsStayInside greps every error and the log of a whole life, with
// faults, for every secret that was made in it.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	s := start(t)
	var errs []error
	verifier := oauth2.GenerateVerifier()
	code := s.code(t, nelly, verifier, "identify", "guilds")
	token := s.signIn(t, nelly, "identify", "guilds")
	for _, kind := range []string{
		emulator.FaultError, emulator.FaultHTML, emulator.FaultRateLimit, emulator.FaultTruncate, emulator.FaultLost, emulator.FaultUnauthorized,
	} {
		for _, c := range every {
			s.fault(t, emulator.Fault{Endpoint: emulator.EndpointAny, Kind: kind, Count: 2})
			errs = append(errs, c.call(t.Context(), s, token, code, verifier))
			s.emu.ClearFaults()
			s.clock.Advance(time.Minute)
			errs = append(errs, c.call(t.Context(), s, token, code, verifier))
		}
	}
	text := errors.Join(errs...).Error() + s.log.String()
	for _, secret := range []string{
		string(token.AccessToken), string(token.RefreshToken), code, verifier, emulator.DefaultClientSecret, "truncated",
	} {
		if strings.Contains(text, secret) {
			t.Errorf("%q in:\n%s", secret, text)
		}
	}
	if !strings.Contains(s.log.String(), "discord_call") {
		t.Error("nothing was logged")
	}
}
