package discord_test

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// FuzzTokenAnswer feeds the token endpoint's parsers: never a panic, never a
// verdict without its status, never a foreign byte in an error.
func FuzzTokenAnswer(f *testing.F) {
	f.Add(200, "", goodPair)
	f.Add(200, "", goodPair[:40])
	f.Add(400, "", `{"error":"invalid_grant","error_description":"Invalid \"refresh_token\" in request"}`)
	f.Add(401, "", `{"error":"invalid_client"}`)
	f.Add(429, "1.5", `{"message":"You are being rate limited.","retry_after":64.57,"global":false}`)
	f.Add(429, "Sun, 06 Nov 1994 08:49:37 GMT", `error code: 1015`)
	f.Add(503, "Inf", `<html>`)
	f.Fuzz(func(t *testing.T, status int, header, body string) {
		c := newClient(t, without(nil, func(*http.Request) (*http.Response, error) {
			return reply(status, body, "Retry-After", header), nil
		}))
		token, err := c.Refresh(t.Context(), "old")
		if err == nil {
			if status != 200 || token.AccessToken == "" || token.RefreshToken == "" || token.Expires.Before(time.Now()) {
				t.Errorf("token from %d %q", status, body)
			}
			return
		}
		checkError(t, err, status)
		if errors.Is(err, discord.ErrInvalidGrant) && (status != 400 || !strings.Contains(body, "invalid_grant") && !strings.Contains(body, `\u`)) {
			t.Errorf("invalid grant from %d %q", status, body)
		}
	})
}

// FuzzAPIAnswer does the same for the calls with a user's token.
func FuzzAPIAnswer(f *testing.F) {
	f.Add(200, `{"id":"80351110224678912","username":"nelly","global_name":null,"email":null}`)
	f.Add(200, `{"application":{"id":"1"},"scopes":["identify"],"expires":"2021-01-23T02:33:17.017000+00:00","user":{"id":"1"}}`)
	f.Add(200, `[{"id":"1","name":"x","permissions":"0","features":[]}]`)
	f.Add(401, `{"message":"401: Unauthorized","code":0}`)
	f.Add(403, `{"message":"Missing Access","code":50001}`)
	f.Add(404, `{"message":"Unknown Guild","code":1e999}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		c := newClient(t, without(nil, func(*http.Request) (*http.Response, error) { return reply(status, body), nil }))
		user, err := c.CurrentUser(t.Context(), "token")
		if err != nil {
			checkError(t, err, status)
		} else if user.ID == "" || strings.Trim(user.ID, "0123456789") != "" {
			t.Errorf("user %q", user.ID)
		}
		if _, err := c.CurrentAuthorization(t.Context(), "token"); err != nil {
			checkError(t, err, status)
		}
		if _, err := c.CurrentUserGuilds(t.Context(), "token"); err != nil {
			checkError(t, err, status)
		}
	})
}

func checkError(t *testing.T, err error, status int) {
	t.Helper()
	var e *discord.Error
	if !errors.As(err, &e) {
		t.Fatalf("%T", err)
	}
	if e.RetryAfter < 0 || e.RetryAfter > time.Hour {
		t.Errorf("retry after %v", e.RetryAfter)
	}
	verdict := errors.Is(err, discord.ErrInvalidGrant) || errors.Is(err, discord.ErrInvalidClient) ||
		errors.Is(err, discord.ErrUnauthorized) || errors.Is(err, discord.ErrForbidden)
	if verdict == errors.Is(err, discord.ErrUnavailable) || verdict && (status < 400 || status > 403) {
		t.Errorf("%v from %d", err, status)
	}
	for _, r := range err.Error() {
		if r < ' ' || r > '~' {
			t.Errorf("foreign text in %q", err)
		}
	}
}
