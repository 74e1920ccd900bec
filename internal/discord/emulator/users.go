package emulator

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// User is an account that can sign in.
type User struct {
	discord.User
	Guilds []Membership // at most 200
}

// Membership is a user's place in one guild.
type Membership struct {
	discord.Guild
	Roles    []string // role ids
	Nick     string   // "": none
	JoinedAt time.Time
	Pending  bool // has not passed the guild's screening yet
}

// The guilds of the ready users.
const (
	gophersID = "197038439483310086"
	burrowID  = "41771983423143937"
	lodgeID   = "613425648685547541"
)

// ReadyUsers returns the accounts that an emulator has when Config names none:
// nelly, who has everything; one without an email; one without a display name
// and guilds; one in the most guilds an account can be in; and one whose names
// and guilds hold what careless programs break on.
func ReadyUsers() []User {
	joined := time.Date(2021, time.March, 14, 15, 9, 26, 0, time.UTC)
	gophers := Membership{
		Guild: discord.Guild{
			ID: gophersID, Name: "Gophers", Icon: "8342729096ea3675442027381ff50dfe",
			Permissions: "2222085186637376", Features: []string{"COMMUNITY", "NEWS"},
		},
		Roles: []string{"197039439483310001", "197039439483310002"}, Nick: "nel", JoinedAt: joined,
	}
	burrow := Membership{
		Guild: discord.Guild{
			ID: burrowID, Name: "Nelly’s burrow", Owner: true, Permissions: "9007199254740993", Features: []string{},
		},
		Roles: []string{}, JoinedAt: joined.AddDate(0, 2, 0),
	}
	return []User{
		{
			User: discord.User{
				ID: "80351110224678912", Username: "nelly", Discriminator: "0", GlobalName: "Nelly",
				Avatar: "8342729096ea3675442027381ff50dfe", Locale: "en-US", MFAEnabled: true,
				Email: "nelly@example.com", Verified: true,
			},
			Guilds: []Membership{gophers, burrow},
		},
		{
			User: discord.User{
				ID: "115590097100865541", Username: "mason", Discriminator: "0", GlobalName: "Mason",
				Avatar: "a_d5efa99b3eeaa7dd43acca82f5692432", Locale: "de",
			},
			Guilds: []Membership{inGuild(gophers, "197039439483310003", joined)},
		},
		{
			User: discord.User{
				ID: "268473310986240001", Username: "quiet.one", Discriminator: "0", Locale: "pt-BR",
				Email: "quiet@example.com",
			},
			Guilds: []Membership{},
		},
		{
			User: discord.User{
				ID: "301123456789012345", Username: "wanderer", Discriminator: "0", GlobalName: "Wanderer",
				Avatar: "1269e74af4df7417b13759eae50c83dc", Locale: "fr", Email: "wanderer@example.com", Verified: true,
			},
			Guilds: manyGuilds(joined),
		},
		{
			User: discord.User{
				ID: "9223372036854775807", Username: "edge_case", Discriminator: "0",
				GlobalName: "Ünï <b>codé</b> \u202e🦊", Locale: "ja", Email: "edge+case@example.com", Verified: true,
			},
			Guilds: []Membership{{
				Guild: discord.Guild{
					ID: lodgeID, Name: "\x1b[31mThe \"Lodge\"\x1b[0m & </td>", Permissions: "0", Features: []string{},
				},
				Roles: []string{}, Nick: "=1+1", JoinedAt: joined, Pending: true,
			}},
		},
	}
}

func inGuild(m Membership, role string, joined time.Time) Membership {
	m.Roles, m.Nick, m.JoinedAt, m.Permissions = []string{role}, "", joined, "104324673"
	return m
}

func manyGuilds(joined time.Time) []Membership {
	const first = 500000000000000000
	guilds := make([]Membership, maxGuilds)
	for i := range guilds {
		guilds[i] = Membership{
			Guild: discord.Guild{
				ID:          strconv.Itoa(first + i*4194304),
				Name:        fmt.Sprintf("Stop %03d", i+1),
				Permissions: "104324673",
				Features:    []string{},
			},
			Roles:    []string{},
			JoinedAt: joined.AddDate(0, 0, i),
		}
	}
	return guilds
}
