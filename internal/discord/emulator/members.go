package emulator

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

const (
	discordTime = "2006-01-02T15:04:05.000000-07:00"

	joinerPermissions = "104324673" // of an ordinary member
	maxNick           = 32
)

// wireMember is a guild's member as Discord tells the member.
type wireMember struct {
	User     wireUser `json:"user"`
	Nick     *string  `json:"nick"`
	Avatar   *string  `json:"avatar"`
	Roles    []string `json:"roles"`
	JoinedAt string   `json:"joined_at"`
	Pending  bool     `json:"pending"`
	Flags    int      `json:"flags"`
}

func toWireMember(u User, m Membership) wireMember {
	return wireMember{
		User: toWire(u), Nick: orNull(m.Nick), Roles: orEmpty(m.Roles),
		JoinedAt: m.JoinedAt.UTC().Format(discordTime), Pending: m.Pending,
	}
}

// joining is the body of a PUT of a member.
type joining struct {
	AccessToken string   `json:"access_token"`
	Nick        string   `json:"nick"`
	Roles       []string `json:"roles"`
	Mute        bool     `json:"mute"`
	Deaf        bool     `json:"deaf"`
}

// putMember serves PUT /api/v10/guilds/{guild}/members/{user}: the bot, who is
// in every guild here, adds a user whose token allows guilds.join.
func (e *Emulator) putMember(w http.ResponseWriter, r *http.Request) {
	bot, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bot ")
	if !ok || !equal(bot, e.cfg.BotToken) {
		unauthorized(w)
		return
	}
	var body joining
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		writeAPIError(w, http.StatusBadRequest, "The request body contains invalid JSON.", 50109)
		return
	}
	if refusal := body.check(); refusal != nil {
		writeJSON(w, http.StatusBadRequest, refusal)
		return
	}
	e.mu.Lock()
	member, refusal := e.join(r.PathValue("guild"), r.PathValue("user"), body)
	e.mu.Unlock()
	switch {
	case refusal != nil:
		writeAPIError(w, refusal.status, refusal.message, refusal.code)
	case member == nil:
		w.WriteHeader(http.StatusNoContent)
	default:
		writeJSON(w, http.StatusCreated, struct {
			wireMember
			Mute bool `json:"mute"`
			Deaf bool `json:"deaf"`
		}{*member, body.Mute, body.Deaf})
	}
}

// apiRefusal is what writeAPIError writes.
type apiRefusal struct {
	status  int
	message string
	code    int
}

// join returns the new member, or nil for one who was there before and stays
// as before.
func (e *Emulator) join(guildID, userID string, body joining) (*wireMember, *apiRefusal) {
	now := e.cfg.Now()
	guild, ok := e.state.guilds[guildID]
	if !ok {
		return nil, &apiRefusal{http.StatusNotFound, "Unknown Guild", 10004}
	}
	a := e.state.accounts[userID]
	if a == nil {
		return nil, &apiRefusal{http.StatusNotFound, "Unknown User", 10013}
	}
	switch p := e.state.alive(body.AccessToken, now); {
	case p == nil || p.user != userID:
		return nil, &apiRefusal{http.StatusForbidden, "Invalid OAuth2 access token", 50025}
	case !slices.Contains(p.scopes, "guilds.join"):
		return nil, &apiRefusal{http.StatusForbidden, "Missing required OAuth2 scope", 50026}
	case slices.ContainsFunc(a.user.Guilds, func(m Membership) bool { return m.ID == guildID }):
		return nil, nil
	case len(a.user.Guilds) >= maxGuilds:
		return nil, &apiRefusal{http.StatusBadRequest, "Maximum number of guilds reached (200)", 30001}
	}
	m := Membership{Guild: guild, Roles: body.Roles, Nick: body.Nick, JoinedAt: now}
	a.user.Guilds = append(slices.Clone(a.user.Guilds), m)
	member := toWireMember(a.user, m)
	return &member, nil
}

// guildsOf returns every guild that a user is in, as an ordinary member sees it.
func guildsOf(users []User) map[string]discord.Guild {
	guilds := make(map[string]discord.Guild)
	for _, u := range users {
		for _, m := range u.Guilds {
			m.Owner, m.Permissions = false, joinerPermissions
			guilds[m.ID] = m.Guild
		}
	}
	return guilds
}

// formError is Discord's answer to a body with a wrong field.
type formError struct {
	Message string                 `json:"message"`
	Code    int                    `json:"code"`
	Errors  map[string]fieldErrors `json:"errors"`
}

type fieldErrors struct {
	Errors []fieldError `json:"_errors"`
}

type fieldError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

func (b joining) check() *formError {
	wrong := func(field, code, message string) *formError {
		return &formError{"Invalid Form Body", 50035, map[string]fieldErrors{field: {[]fieldError{{code, message}}}}}
	}
	switch {
	case b.AccessToken == "":
		return wrong("access_token", "BASE_TYPE_REQUIRED", "This field is required")
	case utf8.RuneCountInString(b.Nick) > maxNick:
		return wrong("nick", "BASE_TYPE_BAD_LENGTH", "Must be 32 or fewer in length.")
	case len(b.Roles) > maxRoles:
		return wrong("roles", "BASE_TYPE_MAX_LENGTH", "Must be 250 or fewer in length.")
	case slices.ContainsFunc(b.Roles, func(role string) bool { return !discord.IsSnowflake(role) }):
		return wrong("roles", "NUMBER_TYPE_COERCE", "Value is not snowflake.")
	}
	return nil
}
