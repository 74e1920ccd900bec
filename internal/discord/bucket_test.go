package discord_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

// TestBucketIsNeverOverdrawn sends more than Discord's bucket holds, at once:
// the rest waits for the reset, and not one answer is a 429.
func TestBucketIsNeverOverdrawn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		emu, err := emulator.New(emulator.Config{URL: "https://discord.example"})
		if err != nil {
			t.Fatal(err)
		}
		if err := emu.SetLimit(5, time.Second); err != nil {
			t.Fatal(err)
		}
		cfg := without(nil, func(r *http.Request) (*http.Response, error) {
			in := r.Clone(r.Context())
			in.Host = "localhost"
			rec := httptest.NewRecorder()
			emu.ServeHTTP(rec, in)
			return rec.Result(), nil
		})
		cfg.ClientID, cfg.ClientSecret = emulator.DefaultClientID, emulator.DefaultClientSecret
		c := newClient(t, cfg)
		_, err = c.Refresh(t.Context(), "garbage") // the first answer tells of the bucket
		wantError(t, err, discord.ErrInvalidGrant)
		began := time.Now()
		var wg sync.WaitGroup
		for range 19 {
			wg.Go(func() {
				if _, err := c.Refresh(t.Context(), "garbage"); !errors.Is(err, discord.ErrInvalidGrant) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(began); took < 3*time.Second || took > 4*time.Second {
			t.Errorf("20 calls, 5 a second, took %v", took)
		}
		if counter := emu.Counters()[emulator.EndpointToken]; counter.Results["429"] != 0 || counter.Calls != 20 {
			t.Errorf("%+v", counter)
		}
	})
}

// TestBucket tells of a bucket that is empty until a reset, and looks who waits.
func TestBucket(t *testing.T) {
	t.Parallel()
	user := func(token discord.Secret) func(context.Context, *discord.Client) error {
		return func(ctx context.Context, c *discord.Client) error {
			_, err := c.CurrentUser(ctx, token)
			return err
		}
	}
	member := func(guild string) func(context.Context, *discord.Client) error {
		return func(ctx context.Context, c *discord.Client) error {
			_, err := c.GuildMember(ctx, "token", guild)
			return err
		}
	}
	guilds := func(ctx context.Context, c *discord.Client) error {
		_, err := c.CurrentUserGuilds(ctx, "token")
		return err
	}
	type headers = []string
	empty := func(after string) headers {
		return headers{"X-RateLimit-Limit", "5", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset-After", after, "X-RateLimit-Bucket", "b"}
	}
	for _, tt := range []struct {
		name   string
		header headers
		first  func(context.Context, *discord.Client) error
		second func(context.Context, *discord.Client) error
		waits  bool
	}{
		{"same path", empty("2"), user("token"), user("token"), true},
		{"other user", empty("2"), user("token"), user("other"), false},
		{"same guild", empty("2"), member("1"), member("1"), true},
		{"other guild", empty("2"), member("1"), member("2"), false},
		{"some left", headers{"X-RateLimit-Limit", "5", "X-RateLimit-Remaining", "1", "X-RateLimit-Reset-After", "2"}, user("token"), user("token"), false},
		{"no bucket's name", headers{"X-RateLimit-Limit", "5", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset-After", "2"}, user("token"), user("token"), true},
		{"nonsense", headers{"X-RateLimit-Limit", "-5", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset-After", "2"}, user("token"), user("token"), false},
		{"no time", headers{"X-RateLimit-Limit", "5", "X-RateLimit-Remaining", "0"}, guilds, guilds, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var calls atomic.Int32
				c := newClient(t, without(nil, func(r *http.Request) (*http.Response, error) {
					calls.Add(1)
					body := `{"id":"1","roles":[],"user":{"id":"1"}}`
					if r.URL.Path == "/api/v10/users/@me/guilds" {
						body = `[]`
					}
					return reply(200, body, tt.header...), nil
				}))
				if err := tt.first(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				if err := tt.second(t.Context(), c); err != nil {
					t.Fatal(err)
				}
				if waited := time.Since(began); (waited >= 2*time.Second) != tt.waits {
					t.Errorf("waited %v", waited)
				}
				if calls.Load() != 2 {
					t.Errorf("%d calls", calls.Load())
				}
			})
		})
	}
}

// TestBucketThatIsEmptyForLong refuses at once, with the time: a person waits
// for the answer.
func TestBucketThatIsEmptyForLong(t *testing.T) {
	t.Parallel()
	clock, calls := newClock(), 0
	c := newClient(t, without(clock.Now, func(*http.Request) (*http.Response, error) {
		calls++
		return reply(200, `{"id":"1"}`, "X-RateLimit-Limit", "1", "X-RateLimit-Remaining", "0", "X-RateLimit-Reset-After", "20"), nil
	}))
	if _, err := c.CurrentUser(t.Context(), "token"); err != nil {
		t.Fatal(err)
	}
	_, err := c.CurrentUser(t.Context(), "token")
	if e := wantError(t, err, discord.ErrUnavailable); e.RetryAfter < 20*time.Second || e.RetryAfter > 21*time.Second || calls != 1 {
		t.Errorf("%+v after %d calls", e, calls)
	}
	clock.Advance(21 * time.Second)
	if _, err := c.CurrentUser(t.Context(), "token"); err != nil {
		t.Fatal(err)
	}
}

func TestGuildMember(t *testing.T) {
	t.Parallel()
	const gophers, burrow = "197038439483310086", "41771983423143937"
	s := start(t)
	token := s.signIn(t, nelly, "identify", "guilds.members.read")
	m, err := s.GuildMember(t.Context(), token.AccessToken, gophers)
	if err != nil || m.UserID != nelly || m.Pending || len(m.Roles) != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	if err := s.emu.SetPending(nelly, gophers, true); err != nil {
		t.Fatal(err)
	}
	if m, err = s.GuildMember(t.Context(), token.AccessToken, gophers); err != nil || !m.Pending {
		t.Errorf("%+v, %v", m, err)
	}
	if err := s.emu.Leave(nelly, burrow); err != nil {
		t.Fatal(err)
	}
	for _, guild := range []string{burrow, "1", "", "../@me"} {
		_, err := s.GuildMember(t.Context(), token.AccessToken, guild)
		wantError(t, err, discord.ErrNotMember)
	}
	for body, want := range map[string]error{
		`{"message":"Unknown Guild","code":10004}`:  discord.ErrNotMember,
		`{"message":"Unknown Member","code":10007}`: discord.ErrNotMember,
		`{"message":"404: Not Found","code":0}`:     discord.ErrUnavailable,
		`<html>`:                                    discord.ErrUnavailable,
	} {
		c := newClient(t, without(nil, func(*http.Request) (*http.Response, error) { return reply(404, body), nil }))
		_, err := c.GuildMember(t.Context(), "token", "1")
		wantError(t, err, want)
	}
	for _, body := range []string{`null`, `{}`, `{"roles":["1"]}`, `{"user":{"id":"x"},"roles":[]}`, `{"user":{"id":"1"}}`} {
		c := newClient(t, without(nil, func(*http.Request) (*http.Response, error) { return reply(200, body), nil }))
		_, err := c.GuildMember(t.Context(), "token", "1")
		wantError(t, err, discord.ErrUnavailable)
	}
}
