package main

import (
	"crypto/ed25519"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// accessFlags say who may come in, and whose events end that.
type accessFlags struct {
	users, guilds, roles []string
	publicKey            string
	given                func(flag string) bool

	access     authserver.Access // once complete
	webhookKey ed25519.PublicKey // nil: no events
}

func addAccessFlags(f *pflag.FlagSet, o *accessFlags) {
	f.StringSliceVar(&o.users, "allow-user", nil, "id of a Discord account that may come in, whatever the next two flags say (repeatable)")
	f.StringSliceVar(&o.guilds, "allow-guild", nil, "id of a Discord server whose members may come in; one of them is enough (repeatable)")
	f.StringSliceVar(&o.roles, "require-role", nil, "a role that whoever is not an --allow-user must have, as GUILD:ROLE; one of them is enough, and it comes on top of --allow-guild (repeatable)")
	f.StringVar(&o.publicKey, "discord-public-key", "", "the application's public key: take Discord's events at "+authserver.WebhookPath)
	setVariable(f, "discord-public-key", "DISCORD_PUBLIC_KEY")
	o.given = f.Changed
}

// complete checks the flags. One that is given and empty, and an empty variable
// too, is a mistake in a script: it must not open the server to everybody.
func (o *accessFlags) complete(environ []string) error {
	o.users, o.guilds, o.roles = trimmed(o.users), trimmed(o.guilds), trimmed(o.roles)
	for _, one := range []struct {
		flag, variable string
		list           []string
	}{
		{"allow-user", "MCPDISCORD_ALLOW_USER", o.users},
		{"allow-guild", "MCPDISCORD_ALLOW_GUILD", o.guilds},
		{"require-role", "MCPDISCORD_REQUIRE_ROLE", o.roles},
	} {
		if len(one.list) == 0 && (o.given(one.flag) || slices.Contains(environ, one.variable+"=")) {
			return usageError("--"+one.flag+" ("+one.variable+") is empty, which would let everybody in", "give an id of Discord's, or leave it out", nil)
		}
	}
	o.access = authserver.Access{Users: o.users, Guilds: o.guilds}
	for _, text := range o.roles {
		guild, role, _ := strings.Cut(text, ":")
		o.access.Roles = append(o.access.Roles, authserver.GuildRole{Guild: guild, Role: role})
	}
	if err := o.access.Check(); err != nil {
		return usageError("--allow-user, --allow-guild or --require-role: "+err.Error(), "in Discord's settings turn on Developer Mode, then copy ids by a right click", err)
	}
	if o.publicKey == "" {
		return nil
	}
	key, err := hex.DecodeString(o.publicKey)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return usageError("--discord-public-key (DISCORD_PUBLIC_KEY) is not a key of 64 hexadecimal digits", "copy the Public Key on the General Information page of your application: "+guide, err)
	}
	o.webhookKey = key
	return nil
}

// configure puts the flags into the authorization server's configuration.
func (o *accessFlags) configure(cfg *authserver.Config) {
	cfg.Access, cfg.WebhookKey = o.access, o.webhookKey
}
