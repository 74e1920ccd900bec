package discord_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

func TestRequest(t *testing.T) {
	t.Parallel()
	var sent *http.Request
	cfg := without(nil, func(r *http.Request) (*http.Response, error) {
		sent = r
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		return reply(200, `{"access_token":"a","token_type":"bearer","expires_in":604800,"refresh_token":"r","scope":"identify"}`), nil
	})
	cfg.Version, cfg.ClientSecret = "1.2.3 (evil)\r\nX: y", "a:b%"
	c := newClient(t, cfg)
	if _, err := c.Exchange(t.Context(), "the-code", "the-verifier"); err != nil {
		t.Fatal(err)
	}
	if got := sent.URL.String(); sent.Method != http.MethodPost || got != "https://discord.com/api/v10/oauth2/token" {
		t.Errorf("%s %s", sent.Method, got)
	}
	if got, want := sent.UserAgent(), "DiscordBot (https://github.com/mcpdiscord/mcpdiscord, 1.2.3evilX:y)"; got != want {
		t.Errorf("User-Agent %q, want %q", got, want)
	}
	if user, password, _ := sent.BasicAuth(); user != cfg.ClientID || password != "a%3Ab%25" {
		t.Errorf("Basic %q:%q", user, password)
	}
	want := map[string][]string{
		"grant_type": {"authorization_code"}, "code": {"the-code"}, "code_verifier": {"the-verifier"}, "redirect_uri": {redirect},
	}
	if diff := cmp.Diff(want, map[string][]string(sent.PostForm)); diff != "" {
		t.Error(diff)
	}
	if got := sent.Header.Get("Content-Type"); got != "application/x-www-form-urlencoded" {
		t.Error(got)
	}
}

// TestAnswers feeds Refresh what Discord might say, and some that it never would.
func TestAnswers(t *testing.T) {
	t.Parallel()
	const pair = `"access_token":"a","refresh_token":"r","token_type":"Bearer"`
	tests := []struct {
		name   string
		status int
		body   string
		want   error // nil: a token
	}{
		{"good", 200, `{` + pair + `,"expires_in":60,"scope":"identify"}`, nil},
		{"no lifetime", 200, `{` + pair + `}`, nil},
		{"fractional lifetime", 200, `{` + pair + `,"expires_in":60.0}`, nil},
		{"endless lifetime", 200, `{` + pair + `,"expires_in":1e300}`, nil},
		{"immense lifetime", 200, `{` + pair + `,"expires_in":1e999}`, nil},
		{"negative lifetime", 200, `{` + pair + `,"expires_in":-60}`, nil},
		{"lifetime in words", 200, `{` + pair + `,"expires_in":"a week"}`, nil},
		{"lifetime is an object", 200, `{` + pair + `,"expires_in":{"days":7}}`, nil},
		{"refresh token stays", 200, `{"access_token":"a","token_type":"Bearer"}`, nil},
		{"no access token", 200, `{"refresh_token":"r","token_type":"Bearer"}`, discord.ErrUnavailable},
		{"no type", 200, `{"access_token":"a","refresh_token":"r"}`, discord.ErrUnavailable},
		{"other type", 200, `{"access_token":"a","refresh_token":"r","token_type":"DPoP"}`, discord.ErrUnavailable},
		{"token with a line break", 200, `{"access_token":"a\nb","refresh_token":"r","token_type":"Bearer"}`, discord.ErrUnavailable},
		{"token is a number", 200, `{"access_token":1,"refresh_token":"r","token_type":"Bearer"}`, discord.ErrUnavailable},
		{"two values", 200, `{` + pair + `}{}`, discord.ErrUnavailable},
		{"empty", 200, ``, discord.ErrUnavailable},
		{"null", 200, `null`, discord.ErrUnavailable},
		{"too large", 200, `{` + pair + `,"x":"` + strings.Repeat("x", 1<<20) + `"}`, discord.ErrUnavailable},
		{"too large, but only of spaces", 200, `{` + pair + `}` + strings.Repeat(" ", 1<<20), discord.ErrUnavailable},
		{"redirect", 302, ``, discord.ErrUnavailable},
		{"dead", 400, `{"error":"invalid_grant","error_description":"x"}`, discord.ErrInvalidGrant},
		{"dead but 500", 500, `{"error":"invalid_grant"}`, discord.ErrUnavailable},
		{"dead but 200", 200, `{"error":"invalid_grant"}`, discord.ErrUnavailable},
		{"dead but 403", 403, `{"error":"invalid_grant"}`, discord.ErrUnavailable},
		{"dead in the wrong case", 400, `{"error":"Invalid_Grant"}`, discord.ErrUnavailable},
		{"wrong secret", 401, `{"error":"invalid_client"}`, discord.ErrInvalidClient},
		{"wrong id", 400, `{"error":"invalid_client"}`, discord.ErrInvalidClient},
		{"other error", 400, `{"error":"invalid_request"}`, discord.ErrUnavailable},
		{"hostile error", 400, `{"error":"\u001b[31m boo"}`, discord.ErrUnavailable},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			clock := newClock()
			calls := 0
			c := newClient(t, without(clock.Now, func(*http.Request) (*http.Response, error) {
				calls++
				return reply(tt.status, tt.body, "Location", "https://evil.example/"), nil
			}))
			token, err := c.Refresh(t.Context(), "old")
			if calls != 1 {
				t.Errorf("%d calls", calls)
			}
			if tt.want != nil {
				if text := wantError(t, err, tt.want).Error(); strings.Contains(text, "\x1b") || len(text) > 200 {
					t.Error(text)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if life := token.Expires.Sub(clock.Now()); life < time.Minute || life > 365*24*time.Hour {
				t.Errorf("lives %v", life)
			}
			if token.AccessToken != "a" || token.RefreshToken == "" {
				t.Error("tokens are missing")
			}
		})
	}
}

// endless is a body that never ends, and counts what was read of it.
type endless struct{ read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.read > 1<<24 {
		return 0, io.EOF
	}
	for i := range p {
		p[i] = ' '
	}
	e.read += len(p)
	return len(p), nil
}

func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	body := &endless{}
	c := newClient(t, without(nil, func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(body)}, nil
	}))
	_, err := c.Refresh(t.Context(), "token")
	wantError(t, err, discord.ErrUnavailable)
	if body.read > 1<<20+1 {
		t.Errorf("read %d bytes", body.read)
	}
}

func TestAPIAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		status int
		body   string
		want   error
		code   string
	}{
		{"good", 200, `{"id":"1"}`, nil, ""},
		{"nulls", 200, `{"id":"18446744073709551615","email":null,"global_name":null,"avatar":null}`, nil, ""},
		{"id is a number", 200, `{"id":80351110224678912}`, discord.ErrUnavailable, ""},
		{"no id", 200, `{}`, discord.ErrUnavailable, ""},
		{"id is no snowflake", 200, `{"id":"../admin"}`, discord.ErrUnavailable, ""},
		{"array", 200, `[]`, discord.ErrUnavailable, ""},
		{"401", 401, `{"message":"401: Unauthorized","code":0}`, discord.ErrUnauthorized, "0"},
		{"401 of somebody else", 401, `{"error":"proxy"}`, discord.ErrUnavailable, ""},
		{"403", 403, `{"message":"Missing required OAuth2 scope","code":50026}`, discord.ErrForbidden, "50026"},
		{"404", 404, `{"message":"Unknown Guild","code":10004}`, discord.ErrUnavailable, "10004"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, without(nil, func(*http.Request) (*http.Response, error) {
				return reply(tt.status, tt.body), nil
			}))
			_, err := c.CurrentUser(t.Context(), "token")
			if tt.want == nil {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if e := wantError(t, err, tt.want); e.Code != tt.code {
				t.Errorf("code %q, want %q", e.Code, tt.code)
			}
		})
	}
}

func TestGuildAnswers(t *testing.T) {
	t.Parallel()
	many := "[" + strings.Repeat(`{"id":"1"},`, 200) + `{"id":"1"}]`
	for _, body := range []string{`null`, `{}`, `[{"id":""}]`, `[null]`, many} {
		c := newClient(t, without(nil, func(*http.Request) (*http.Response, error) { return reply(200, body), nil }))
		_, err := c.CurrentUserGuilds(t.Context(), "token")
		wantError(t, err, discord.ErrUnavailable)
	}
}

func TestAuthorizationAnswers(t *testing.T) {
	t.Parallel()
	for _, body := range []string{
		`{}`, `{"application":{"id":""}}`, `{"application":{"id":"1"},"user":{"id":"x"}}`, `{"application":{"id":"1"},"expires":"soon"}`,
	} {
		c := newClient(t, without(nil, func(*http.Request) (*http.Response, error) { return reply(200, body), nil }))
		_, err := c.CurrentAuthorization(t.Context(), "token")
		wantError(t, err, discord.ErrUnavailable)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	clock := newClock()
	tests := []struct {
		name, header, body string
		want               time.Duration
	}{
		{"both, the longer one", "2", `{"retry_after":1.5}`, 2 * time.Second},
		{"body", "", `{"retry_after":64.57}`, 64570 * time.Millisecond},
		{"neither", "", `{}`, time.Second},
		{"neither, from Cloudflare", "", `error code: 1015`, 10 * time.Second},
		{"date", clock.Now().Add(90 * time.Second).Format(http.TimeFormat), `{}`, 90 * time.Second},
		{"past date", clock.Now().Add(-time.Hour).Format(http.TimeFormat), `{}`, time.Second},
		{"words", "soon", `{}`, time.Second},
		{"not a number", "NaN", `{}`, time.Second},
		{"negative", "-5", `{"retry_after":-1}`, time.Second},
		{"endless", "1e300", `{}`, time.Hour},
		{"infinite", "Inf", `{}`, time.Hour},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := newClient(t, without(clock.Now, func(*http.Request) (*http.Response, error) {
				return reply(429, tt.body, "Retry-After", tt.header), nil
			}))
			_, err := c.Refresh(t.Context(), "token")
			if e := wantError(t, err, discord.ErrUnavailable); e.RetryAfter != tt.want {
				t.Errorf("retry after %v, want %v", e.RetryAfter, tt.want)
			}
		})
	}
}

func TestNetworkErrorKeepsItsCause(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom" + strings.Repeat("!", 5000))
	c := newClient(t, without(nil, func(*http.Request) (*http.Response, error) { return nil, boom }))
	_, err := c.Refresh(t.Context(), "token")
	wantError(t, err, discord.ErrUnavailable)
	if !errors.Is(err, boom) || strings.Contains(err.Error(), "https://") || len(err.Error()) > 300 {
		t.Error(err)
	}
}
