package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/golang-lru/v2"
	"github.com/modelcontextprotocol/go-sdk/mcp"
	"golang.org/x/time/rate"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// guildList is the result of list_guilds.
type guildList struct {
	Guilds []guild `json:"guilds"`
}

type guild struct {
	ID          string  `json:"id"`
	Name        string  `json:"name"`
	IconURL     *string `json:"icon_url"`
	Owner       bool    `json:"owner"`
	Permissions string  `json:"permissions"`
}

var guildListSchema = json.RawMessage(`{"type":"object","properties":{"guilds":{"type":"array","items":{"type":"object","properties":{` +
	`"id":{"type":"string","description":"A snowflake."},` +
	`"name":{"type":"string"},` +
	`"icon_url":{"type":["string","null"]},` +
	`"owner":{"type":"boolean","description":"Whether the user owns it."},` +
	`"permissions":{"type":"string","description":"The user's permissions there: Discord's bit set, in decimal."}},` +
	`"required":["id","name","icon_url","owner","permissions"],"additionalProperties":false}}},` +
	`"required":["guilds"],"additionalProperties":false}`)

// Every call of list_guilds is a call to Discord, whose limits all users
// share: one user gets callBurst at once and then one a second.
const (
	callBurst = 10
	callUsers = 10_000 // that are remembered
)

// listGuilds lists the Discord servers that the user is in.
func (s *Server) listGuilds() tool {
	limits, err := lru.New[string, *rate.Limiter](callUsers)
	if err != nil { // only for a size below one
		panic(err)
	}
	return tool{
		def: &mcp.Tool{
			Name:         "list_guilds",
			Title:        "List Discord servers",
			Description:  "Lists the Discord servers (guilds) that the signed-in account is in, at most 200. Needs the scope guilds.",
			OutputSchema: guildListSchema,
			Annotations:  readOnly("List Discord servers", true),
		},
		scopes: []string{"guilds"},
		run: func(ctx context.Context, id *authserver.Identity) (any, error) {
			fresh := rate.NewLimiter(rate.Every(time.Second), callBurst)
			limit, there, _ := limits.PeekOrAdd(id.User.ID, fresh)
			if !there {
				limit = fresh
			}
			if !limit.Allow() {
				return nil, toolError("Too many calls. Try again in 10 seconds.")
			}
			guilds, err := s.currentGuilds(ctx, id)
			if err != nil {
				return nil, err
			}
			list := guildList{Guilds: make([]guild, 0, len(guilds))}
			for _, g := range guilds {
				list.Guilds = append(list.Guilds, guild{g.ID, g.Name, iconURL(g), g.Owner, g.Permissions})
			}
			return list, nil
		},
	}
}

// currentGuilds asks Discord. A token that Discord refuses is reported; where
// the user has another one that covers the call, that one is tried.
func (s *Server) currentGuilds(ctx context.Context, id *authserver.Identity) ([]discord.Guild, error) {
	var refused discord.Secret
	for {
		token, err := s.cfg.Auth.UpstreamToken(ctx, id, "guilds")
		if err != nil {
			return nil, signInError(err)
		}
		if token == refused {
			return nil, errSignInAgain
		}
		guilds, err := s.cfg.Discord.CurrentUserGuilds(ctx, token)
		switch {
		case err == nil:
			return guilds, nil
		case errors.Is(err, discord.ErrUnauthorized) && refused == "":
			refused = token
			if err := s.cfg.Auth.UpstreamRejected(ctx, id, token); err != nil {
				return nil, signInError(err)
			}
		default:
			return nil, discordError(err)
		}
	}
}

const errSignInAgain = toolError("Discord no longer accepts this sign-in. Sign in again.")

// signInError says what an error of the authorization server means to the
// caller.
func signInError(err error) error {
	if errors.Is(err, authserver.ErrInvalidToken) || errors.Is(err, discord.ErrInvalidGrant) || errors.Is(err, discord.ErrUnauthorized) {
		return errSignInAgain
	}
	known, ok := errors.AsType[*authserver.Error](err)
	switch {
	case ok && known.RetryAfter > 0:
		return unavailableError(known.RetryAfter)
	case ok && known.Status < 500:
		return errSignInAgain
	case errors.Is(err, discord.ErrUnavailable):
		return discordError(err)
	default:
		return err
	}
}

// discordError says what an error of a call to Discord means to the caller.
func discordError(err error) error {
	switch {
	case errors.Is(err, discord.ErrUnauthorized):
		return errSignInAgain
	case errors.Is(err, discord.ErrForbidden):
		return toolError("Discord does not allow this sign-in to see that. Sign in again and grant the scope guilds.")
	case errors.Is(err, discord.ErrUnavailable):
		wait := 30 * time.Second
		if known, ok := errors.AsType[*discord.Error](err); ok && known.RetryAfter > 0 {
			wait = known.RetryAfter
		}
		return unavailableError(wait)
	default:
		return err
	}
}

func unavailableError(wait time.Duration) error {
	return toolError(fmt.Sprintf("Discord does not answer now. Try again in %d seconds.", (wait+time.Second-1)/time.Second))
}

func iconURL(g discord.Guild) *string {
	if g.Icon == "" {
		return nil
	}
	url := cdn + "/icons/" + g.ID + "/" + g.Icon + imageType(g.Icon)
	return &url
}
