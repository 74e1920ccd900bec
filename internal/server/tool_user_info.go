package server

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// userInfo is the result of get_user_info.
type userInfo struct {
	DiscordID     string   `json:"discord_id"`
	Username      string   `json:"username"`
	GlobalName    *string  `json:"global_name"`
	Avatar        *string  `json:"avatar"`
	AvatarURL     string   `json:"avatar_url"`
	Email         *string  `json:"email,omitempty"`
	EmailVerified *bool    `json:"email_verified,omitempty"`
	Scopes        []string `json:"scopes"`
}

var userInfoSchema = json.RawMessage(`{"type":"object","properties":{` +
	`"discord_id":{"type":"string","description":"The account's id, a snowflake. It never changes."},` +
	`"username":{"type":"string","description":"The unique name. It can change."},` +
	`"global_name":{"type":["string","null"],"description":"The display name."},` +
	`"avatar":{"type":["string","null"],"description":"The hash of the avatar."},` +
	`"avatar_url":{"type":"string","description":"Where the picture is."},` +
	`"email":{"type":"string","description":"Only with the scope email, and if the account has one."},` +
	`"email_verified":{"type":"boolean","description":"Whether Discord has verified the email."},` +
	`"scopes":{"type":"array","items":{"type":"string"},"description":"What this sign-in was granted."}},` +
	`"required":["discord_id","username","global_name","avatar","avatar_url","scopes"],"additionalProperties":false}`)

// getUserInfo tells who signed in. It calls Discord only when what we know is
// older than a day.
func (s *Server) getUserInfo() tool {
	return tool{
		def: &mcp.Tool{
			Name:         "get_user_info",
			Title:        "Who is signed in",
			Description:  "Returns the Discord account that signed in: id, username, display name, avatar, and email when it was granted.",
			OutputSchema: userInfoSchema,
			Annotations:  readOnly("Who is signed in", false),
		},
		run: func(ctx context.Context, id *authserver.Identity) (any, error) {
			user, err := s.cfg.Auth.CurrentUser(ctx, id)
			if err != nil {
				return nil, signInError(err)
			}
			info := userInfo{
				DiscordID:  user.ID,
				Username:   user.Username,
				GlobalName: orNull(user.GlobalName),
				Avatar:     orNull(user.Avatar),
				AvatarURL:  avatarURL(user),
				Scopes:     id.Scopes,
			}
			if user.Email != "" && slices.Contains(id.Scopes, "email") {
				info.Email, info.EmailVerified = &user.Email, &user.Verified
			}
			return info, nil
		},
	}
}

const cdn = "https://cdn.discordapp.com"

// avatarURL is where Discord serves the picture of user; animated ones have a
// hash that starts with a_. Accounts without one have one of six that Discord
// draws by id.
func avatarURL(user authserver.User) string {
	if user.Avatar == "" {
		id, _ := strconv.ParseUint(user.ID, 10, 64) // 0 for what is no snowflake
		return cdn + "/embed/avatars/" + strconv.FormatUint(id>>22%6, 10) + ".png"
	}
	return cdn + "/avatars/" + user.ID + "/" + user.Avatar + imageType(user.Avatar)
}

func imageType(hash string) string {
	if strings.HasPrefix(hash, "a_") {
		return ".gif"
	}
	return ".png"
}
