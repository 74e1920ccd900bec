package discord

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// maxGuilds is the longest page that Discord gives, and the most guilds that
// an account can be in.
const maxGuilds = 200

// Discord's words for a guild that the user is not in.
const (
	codeUnknownGuild  = "10004"
	codeUnknownMember = "10007"
)

// CurrentAuthorization asks what an access token is: GET /oauth2/@me. A token
// of another application is the caller's to refuse. ErrUnauthorized from here
// alone means that the token is dead: elsewhere a missing scope is 401 too.
func (c *Client) CurrentAuthorization(ctx context.Context, accessToken Secret) (*Authorization, error) {
	in := call{op: "get current authorization", path: "/api/v10/oauth2/@me", token: accessToken}
	var wire struct {
		Application struct {
			ID string `json:"id"`
		} `json:"application"`
		Scopes  []string `json:"scopes"`
		Expires string   `json:"expires"`
		User    *User    `json:"user"`
	}
	if err := c.get(ctx, in, &wire); err != nil {
		return nil, err
	}
	a := &Authorization{ApplicationID: wire.Application.ID, Scopes: wire.Scopes, User: wire.User}
	if a.ApplicationID == "" || a.User != nil && !IsSnowflake(a.User.ID) {
		return nil, in.unavailable(200, 0, errMalformed)
	}
	if wire.Expires != "" {
		expires, err := time.Parse(time.RFC3339Nano, wire.Expires)
		if err != nil {
			return nil, in.unavailable(200, 0, errMalformed)
		}
		a.Expires = expires
	}
	return a, nil
}

// CurrentUser asks who the token's user is: GET /users/@me. Email needs the
// scope email and may be empty even then.
func (c *Client) CurrentUser(ctx context.Context, accessToken Secret) (*User, error) {
	in := call{op: "get current user", path: "/api/v10/users/@me", token: accessToken}
	var u User
	if err := c.get(ctx, in, &u); err != nil {
		return nil, err
	}
	if !IsSnowflake(u.ID) {
		return nil, in.unavailable(200, 0, errMalformed)
	}
	return &u, nil
}

// CurrentUserGuilds lists the guilds the token's user is in, at most 200:
// GET /users/@me/guilds. It needs the scope guilds.
func (c *Client) CurrentUserGuilds(ctx context.Context, accessToken Secret) ([]Guild, error) {
	in := call{op: "list guilds of current user", path: "/api/v10/users/@me/guilds", token: accessToken}
	var guilds []Guild
	if err := c.get(ctx, in, &guilds); err != nil {
		return nil, err
	}
	if guilds == nil || len(guilds) > maxGuilds {
		return nil, in.unavailable(200, 0, errMalformed)
	}
	for _, g := range guilds {
		if !IsSnowflake(g.ID) {
			return nil, in.unavailable(200, 0, errMalformed)
		}
	}
	return guilds, nil
}

// GuildMember asks for the place of the token's user in one guild: GET
// /users/@me/guilds/{guild}/member. It needs the scope guilds.members.read.
// ErrNotMember: there is none.
func (c *Client) GuildMember(ctx context.Context, accessToken Secret, guildID string) (*Member, error) {
	in := call{op: "get guild member", path: "/api/v10/users/@me/guilds/" + guildID + "/member", guild: guildID, token: accessToken}
	if !IsSnowflake(guildID) {
		return nil, &Error{Op: in.op, Err: ErrNotMember}
	}
	var wire struct {
		User    *User    `json:"user"`
		Roles   []string `json:"roles"`
		Pending bool     `json:"pending"`
	}
	err := c.get(ctx, in, &wire)
	if e, ok := errors.AsType[*Error](err); ok && e.Status == http.StatusNotFound && (e.Code == codeUnknownGuild || e.Code == codeUnknownMember) {
		e.Err = ErrNotMember
	}
	if err != nil {
		return nil, err
	}
	// Whose place it is must be said: an answer of another form lets nobody in.
	if wire.User == nil || !IsSnowflake(wire.User.ID) || wire.Roles == nil {
		return nil, in.unavailable(200, 0, errMalformed)
	}
	return &Member{UserID: wire.User.ID, Roles: wire.Roles, Pending: wire.Pending}, nil
}

// IsSnowflake holds for an id of Discord's: an unsigned 64-bit number in
// decimal, which no float can hold.
func IsSnowflake(s string) bool {
	n, err := strconv.ParseUint(s, 10, 64)
	return err == nil && n > 0 && strconv.FormatUint(n, 10) == s
}
