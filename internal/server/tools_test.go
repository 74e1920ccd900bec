package server_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/jsonschema-go/jsonschema"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

// result is the structured content of a tool's answer, after the check that
// the text is its twin.
func (a answer) result(t testing.TB) string {
	t.Helper()
	a.want(t, 200, 0)
	out := a.rpc(t).Result
	if out.IsError || len(out.Content) != 1 || out.Content[0].Text != string(out.Structured) {
		t.Fatalf("answer %s", a.body)
	}
	return string(out.Structured)
}

// failure is the text of a tool's error.
func (a answer) failure(t testing.TB) string {
	t.Helper()
	a.want(t, 200, 0)
	out := a.rpc(t).Result
	if !out.IsError || len(out.Content) != 1 {
		t.Fatalf("answer %s", a.body)
	}
	return out.Content[0].Text
}

func TestGetUserInfo(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	for _, test := range []struct {
		name, user, want string
		scopes           []string
	}{
		{
			"everything", nelly,
			`{"discord_id":"80351110224678912","username":"nelly","global_name":"Nelly","avatar":"8342729096ea3675442027381ff50dfe","avatar_url":"https://cdn.discordapp.com/avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png","email":"nelly@example.com","email_verified":true,"scopes":["email","identify"]}`,
			[]string{"identify", "email"},
		},
		{
			"without the scope email", nelly,
			`{"discord_id":"80351110224678912","username":"nelly","global_name":"Nelly","avatar":"8342729096ea3675442027381ff50dfe","avatar_url":"https://cdn.discordapp.com/avatars/80351110224678912/8342729096ea3675442027381ff50dfe.png","scopes":["identify"]}`,
			[]string{"identify"},
		},
		{
			"animated avatar, no email", mason,
			`{"discord_id":"115590097100865541","username":"mason","global_name":"Mason","avatar":"a_d5efa99b3eeaa7dd43acca82f5692432","avatar_url":"https://cdn.discordapp.com/avatars/115590097100865541/a_d5efa99b3eeaa7dd43acca82f5692432.gif","scopes":["email","identify"]}`,
			[]string{"identify", "email"},
		},
		{
			"no display name, no avatar", quiet,
			`{"discord_id":"268473310986240001","username":"quiet.one","global_name":null,"avatar":null,"avatar_url":"https://cdn.discordapp.com/embed/avatars/4.png","scopes":["identify"]}`,
			[]string{"identify"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := r.send(message{token: r.signIn(test.user, test.scopes...)}).result(t)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			r.validate(t, "get_user_info", got)
		})
	}
}

func TestListGuilds(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	token := r.signIn(nelly, "identify", "guilds")
	got := r.send(message{token: token, body: callTool("list_guilds")}).result(t)
	want := `{"guilds":[` +
		`{"id":"41771983423143937","name":"Nelly’s burrow","icon_url":null,"owner":true,"permissions":"9007199254740993"},` +
		`{"id":"197038439483310086","name":"Gophers","icon_url":"https://cdn.discordapp.com/icons/197038439483310086/8342729096ea3675442027381ff50dfe.png","owner":false,"permissions":"2222085186637376"}]}`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	r.validate(t, "list_guilds", got)
	none := r.send(message{token: r.signIn(quiet, "identify", "guilds"), body: callTool("list_guilds")}).result(t)
	if none != `{"guilds":[]}` {
		t.Errorf("no guilds are %s", none)
	}
}

// validate checks a result against the output schema that tools/list shows.
func (r *rig) validate(t testing.TB, tool, result string) {
	t.Helper()
	var list struct {
		Result struct {
			Tools []struct {
				Name         string             `json:"name"`
				InputSchema  *jsonschema.Schema `json:"inputSchema"`
				OutputSchema *jsonschema.Schema `json:"outputSchema"`
				Annotations  struct {
					ReadOnly    bool  `json:"readOnlyHint"`
					Destructive *bool `json:"destructiveHint"`
				} `json:"annotations"`
			} `json:"tools"`
			TTL int `json:"ttlMs"`
		} `json:"result"`
	}
	must(t, json.Unmarshal([]byte(r.send(message{token: r.signIn(nelly, "identify"), body: legacy("tools/list", "")}).body), &list))
	if list.Result.TTL <= 0 {
		t.Error("the list of tools may not be kept")
	}
	for _, found := range list.Result.Tools {
		if found.Name != tool {
			continue
		}
		if !found.Annotations.ReadOnly || found.Annotations.Destructive == nil || *found.Annotations.Destructive || found.InputSchema.Type != "object" {
			t.Errorf("%s is shown as %+v", tool, found)
		}
		schema, err := found.OutputSchema.Resolve(nil)
		must(t, err)
		var value any
		must(t, json.Unmarshal([]byte(result), &value))
		must(t, schema.Validate(value))
		return
	}
	t.Errorf("%s is not in the list", tool)
}

func TestListGuildsDiscordDown(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, words string
		fault       emulator.Fault
	}{
		{"rate limit", "Try again in 7 seconds", emulator.Fault{Kind: emulator.FaultRateLimit, RetryAfter: 7e9}},
		{"error", "Discord does not answer now", emulator.Fault{Kind: emulator.FaultError}},
		{"Cloudflare", "Discord does not answer now", emulator.Fault{Kind: emulator.FaultHTML}},
		{"half an answer", "Discord does not answer now", emulator.Fault{Kind: emulator.FaultTruncate}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, setup{})
			token := r.signIn(nelly, "identify", "guilds")
			test.fault.Endpoint = emulator.EndpointGuilds
			must(t, r.discord.Fault(test.fault))
			text := r.send(message{token: token, body: callTool("list_guilds")}).failure(t)
			if !strings.Contains(text, test.words) || strings.Contains(text, "HTTP") {
				t.Errorf("the caller reads %q", text)
			}
			r.send(message{token: token}).result(t) // the sign-in is as good as before
		})
	}
}

// When Discord has really ended the sign-in, so do we.
func TestListGuildsDeauthorized(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	token := r.signIn(nelly, "identify", "guilds")
	must(t, r.discord.Deauthorize(nelly))
	text := r.send(message{token: token, body: callTool("list_guilds")}).failure(t)
	if !strings.Contains(text, "Sign in again") {
		t.Errorf("the caller reads %q", text)
	}
	eventually(t, "the token is over", func() bool { return r.send(message{token: token}).status == 401 })
}

// A single stray 401 ends nothing.
func TestListGuildsStray401(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	token := r.signIn(nelly, "identify", "guilds")
	must(t, r.discord.Fault(emulator.Fault{Endpoint: emulator.EndpointGuilds, Kind: emulator.FaultUnauthorized, Count: 1}))
	r.send(message{token: token, body: callTool("list_guilds")}).result(t)
}

// Every call of list_guilds is one to Discord, and all users share its limits.
func TestListGuildsRate(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	token := r.signIn(nelly, "identify", "guilds")
	before := r.discord.Counters().Calls(emulator.EndpointGuilds)
	refused := 0
	for range 30 {
		if strings.Contains(r.send(message{token: token, body: callTool("list_guilds")}).body, "Too many calls") {
			refused++
		}
	}
	if calls := r.discord.Counters().Calls(emulator.EndpointGuilds) - before; refused == 0 || calls+refused != 30 {
		t.Errorf("%d calls to Discord, %d refused, of 30", calls, refused)
	}
	r.send(message{token: r.signIn(mason, "identify", "guilds"), body: callTool("list_guilds")}).result(t)
}

func TestToolArguments(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	token := r.signIn(nelly, "identify")
	for _, none := range []string{`,"arguments":{}`, `,"arguments":{ }`, `,"arguments":null`, ``} {
		r.send(message{token: token, body: strings.Replace(callUserInfo, `,"arguments":{}`, none, 1)}).result(t)
	}
	text := r.send(message{token: token, body: strings.Replace(callUserInfo, `"arguments":{}`, `"arguments":{"x":1}`, 1)}).failure(t)
	if !strings.Contains(text, "takes no arguments") {
		t.Errorf("the caller reads %q", text)
	}
}

// Who gets past the door some other way still meets the scopes at the tool.
func TestToolChecksScopesItself(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	inside, outside := mcp.NewInMemoryTransports()
	_, err := r.server.SDK().Connect(t.Context(), inside, nil)
	must(t, err)
	session, err := mcp.NewClient(&mcp.Implementation{Name: "t", Version: "1"}, nil).Connect(t.Context(), outside, nil)
	must(t, err)
	defer func() { _ = session.Close() }()
	for _, name := range []string{"get_user_info", "list_guilds"} {
		result, err := session.CallTool(t.Context(), &mcp.CallToolParams{Name: name})
		must(t, err)
		if text := result.Content[0].(*mcp.TextContent).Text; !result.IsError || !strings.Contains(text, "needs the scopes") {
			t.Errorf("%s answers %q", name, text)
		}
	}
}
