package emulator_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

const burrow = "41771983423143937" // nelly's own

func (s *setup) join(guild, user, body string, headers ...string) answer {
	s.t.Helper()
	return s.do(s.request(http.MethodPut, "/api/v10/guilds/"+guild+"/members/"+user, body,
		append([]string{"Content-Type: application/json"}, headers...)...))
}

func TestBotAddsAMember(t *testing.T) {
	t.Parallel()
	const bot = "Authorization: Bot " + emulator.DefaultBotToken
	s := start(t)
	token := s.signIn(mason, "guilds guilds.join guilds.members.read").text("access_token")
	body := `{"access_token":"` + token + `","nick":"M","roles":["42"],"deaf":true,"unknown":1}`
	const member = `{"user":{"id":"115590097100865541","username":"mason","discriminator":"0","global_name":"Mason",` +
		`"avatar":"a_d5efa99b3eeaa7dd43acca82f5692432","public_flags":0},"nick":"M","avatar":null,"roles":["42"],` +
		`"joined_at":"2026-01-02T03:04:05.000000+00:00","pending":false,"flags":0`
	a := s.join(burrow, mason, body, bot)
	if diff := cmp.Diff(member+`,"mute":false,"deaf":true}`+"\n", a.body); a.status != http.StatusCreated || diff != "" {
		t.Errorf("%d %s", a.status, diff)
	}
	a = s.join(burrow, mason, `{"access_token":"`+token+`","nick":"other"}`, bot)
	if a.status != http.StatusNoContent || a.body != "" {
		t.Errorf("again: %d %s", a.status, a.body)
	}
	if got := s.api("/users/@me/guilds/"+burrow+"/member", token).body; got != member+"}\n" {
		t.Error(got)
	}
	guilds := s.api("/users/@me/guilds", token).body
	if !strings.Contains(guilds, `"name":"Nelly’s burrow","icon":null,"banner":null,"owner":false,"permissions":"104324673"`) {
		t.Error(guilds)
	}
	if got := s.Counters().Calls(emulator.EndpointJoin); got != 2 {
		t.Errorf("%d calls counted", got)
	}
}

func TestBotIsRefused(t *testing.T) {
	t.Parallel()
	const wanderer = "301123456789012345"
	s := start(t, func(c *emulator.Config) { c.BotToken = "b" })
	const bot = "Authorization: Bot b"
	token := func(user, scopes string) string {
		return `{"access_token":"` + s.signIn(user, scopes).text("access_token") + `"}`
	}
	nellys, masons, narrow, full := token(nelly, "guilds.join"), token(mason, "guilds.join"), token(mason, "identify"), token(wanderer, "guilds.join")
	with := func(field string) string { return strings.TrimSuffix(masons, "}") + "," + field + "}" }
	form := func(field, code, message string) string {
		return `{"message":"Invalid Form Body","code":50035,"errors":{"` + field + `":{"_errors":[{"code":"` + code + `","message":"` + message + `"}]}}}`
	}
	const invalid, unauthorized = `{"message":"Invalid OAuth2 access token","code":50025}`, `{"message":"401: Unauthorized","code":0}`
	tests := []struct {
		name, guild, user, auth, body string
		status                        int
		want                          string
	}{
		{"no bot", burrow, mason, "X: y", masons, 401, unauthorized},
		{"another bot", burrow, mason, "Authorization: Bot c", masons, 401, unauthorized},
		{"no bot but a bearer", burrow, mason, "Authorization: Bearer b", masons, 401, unauthorized},
		{"no JSON", burrow, mason, bot, "access_token=x", 400, `{"message":"The request body contains invalid JSON.","code":50109}`},
		{"too large", burrow, mason, bot, with(`"x":"` + strings.Repeat("x", 65<<10) + `"`), 400, `{"message":"The request body contains invalid JSON.","code":50109}`},
		{"no token", burrow, mason, bot, `{}`, 400, form("access_token", "BASE_TYPE_REQUIRED", "This field is required")},
		{"long nick", burrow, mason, bot, with(`"nick":"` + strings.Repeat("é", 33) + `"`), 400, form("nick", "BASE_TYPE_BAD_LENGTH", "Must be 32 or fewer in length.")},
		{"role of letters", burrow, mason, bot, with(`"roles":["admin"]`), 400, form("roles", "NUMBER_TYPE_COERCE", "Value is not snowflake.")},
		{"many roles", burrow, mason, bot, with(`"roles":["1"` + strings.Repeat(`,"1"`, 250) + `]`), 400, form("roles", "BASE_TYPE_MAX_LENGTH", "Must be 250 or fewer in length.")},
		{"unknown guild", "1", mason, bot, masons, 404, `{"message":"Unknown Guild","code":10004}`},
		{"unknown user", burrow, "1", bot, masons, 404, `{"message":"Unknown User","code":10013}`},
		{"another user's token", burrow, mason, bot, nellys, 403, invalid},
		{"token of nobody", burrow, mason, bot, `{"access_token":"x"}`, 403, invalid},
		{"token without the scope", burrow, mason, bot, narrow, 403, `{"message":"Missing required OAuth2 scope","code":50026}`},
		{"too many guilds", burrow, wanderer, bot, full, 400, `{"message":"Maximum number of guilds reached (200)","code":30001}`},
	}
	for _, tt := range tests {
		if a := s.join(tt.guild, tt.user, tt.body, tt.auth); a.status != tt.status || a.body != tt.want+"\n" {
			t.Errorf("%s: %d %s", tt.name, a.status, a.body)
		}
	}
	if err := s.Deauthorize(mason); err != nil {
		t.Fatal(err)
	}
	if a := s.join(burrow, mason, masons, bot); a.status != 403 || a.body != invalid+"\n" {
		t.Errorf("deauthorized: %d %s", a.status, a.body)
	}
}
