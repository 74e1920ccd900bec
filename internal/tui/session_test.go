package tui_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tui"
)

var noon = time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)

// session is a server with every kind of tool. It answers at once but for `slow`, which
// waits for release and then answers even though nobody waits any more.
type session struct {
	tools     []client.Tool
	resources []client.Resource
	templates []client.ResourceTemplate
	prompts   []client.Prompt
	loadErr   error // once
	pingErr   error
	renewErr  error
	dials     chan error // nil: connecting does not wait; else for what comes of it
	signIns   chan error // the same of a sign-in
	release   chan struct{}
	lists     chan struct{} // nil: a list does not wait; else until it is closed
	linked    bool          // each resource has a link to another
	elicit    func(ctx context.Context, e client.Elicitation) (client.Answer, error)
	identity  client.Identity
	about     client.About
	next      client.Identity // of the next sign-in

	mu               sync.Mutex // guards what follows
	out              bool       // nobody is signed in
	calls            []string
	listed, prompted int      // how often
	ended            []string // calls whose context ended
}

func (s *session) Identity() client.Identity {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.identity
}

func (s *session) Capabilities() client.Capabilities {
	s.mu.Lock()
	defer s.mu.Unlock()
	return client.Capabilities{Tools: true, Resources: s.resources != nil, Prompts: s.prompts != nil, Subscribe: true}
}

func (s *session) About() client.About {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.about
}

func (s *session) Ping(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.pingErr
}

func (s *session) Renew(context.Context) error {
	s.heard("renew")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity.Expiry = s.identity.Expiry.Add(2 * time.Hour)
	return s.renewErr
}

func (s *session) SignOut(context.Context) error {
	s.heard("sign out")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.identity, s.about = client.Identity{Server: s.identity.Server}, client.About{}
	s.out = true
	return s.renewErr
}

func (s *session) SignIn(ctx context.Context, scopes []string) error {
	s.mu.Lock()
	s.calls = append(s.calls, "sign in "+strings.Join(scopes, " "))
	s.mu.Unlock()
	err := outcome(ctx, s.signIns)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil && s.next.UserID != "" {
		s.identity, s.out = s.next, false
	}
	return err
}

// dial connects.
func (s *session) dial(ctx context.Context) (tui.Session, error) {
	if err := outcome(ctx, s.dials); err != nil {
		return nil, err
	}
	return s, nil
}

func outcome(ctx context.Context, ends <-chan error) error {
	if ends == nil {
		return nil
	}
	select {
	case err := <-ends:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *session) Tools(context.Context) ([]client.Tool, error) {
	s.mu.Lock()
	s.listed++
	out := s.out
	s.mu.Unlock()
	if out {
		return nil, &client.Error{Kind: client.KindAuth, Message: "this needs a sign-in", SignIn: true}
	}
	if s.lists != nil {
		<-s.lists
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	err := s.loadErr
	s.loadErr = nil
	if err != nil {
		return nil, err
	}
	return s.tools, nil
}

func (s *session) Call(ctx context.Context, call client.Call) (*client.Result, error) {
	name := call.Name
	s.mu.Lock()
	s.calls = append(s.calls, name+" "+string(call.Arguments))
	s.mu.Unlock()
	if e, asks := elicitations[name]; asks {
		return s.askFor(ctx, name, e)
	}
	switch name {
	case "slow":
		if call.Progress != nil {
			call.Progress(client.Progress{Done: 3, Total: 8, Message: "the third \x1b[2Jof eight"})
			call.Log(client.LogMessage{Level: "info", Logger: "sweeper", Text: "swept three"})
		}
		<-s.release
		if ctx.Err() != nil {
			s.mu.Lock()
			s.ended = append(s.ended, name)
			s.mu.Unlock()
		}
		return &client.Result{Content: []client.Content{{Type: "text", Text: "late answer"}}}, nil
	case "talk":
		call.Progress(client.Progress{Done: 1, Message: strings.Repeat("x", 1<<20)})
		for range 300 {
			call.Log(client.LogMessage{Level: "info", Text: strings.Repeat("word ", 1<<18)})
		}
		<-s.release
	case "refuse at length":
		return nil, &client.Error{
			Kind: client.KindFailure, Message: "the server refused",
			Exchange: client.Exchange{Response: json.RawMessage(`{"error":{"code":1,"data":"` + strings.Repeat("x", 6<<20) + `"}}`)},
		}
	case "big":
		return &client.Result{
			Raw:     json.RawMessage(strings.Repeat(" ", 6<<20)),
			Content: []client.Content{{Type: "text", Text: "big"}},
		}, nil
	case "scope":
		if s.first() {
			return nil, &client.Error{
				Kind: client.KindAuth, Message: "this needs a permission that was not granted: guilds",
				Hint: "run {program} connect --scope guilds", SignIn: true, Scopes: []string{"guilds"},
			}
		}
	case "refuse":
		return nil, refusal
	case "break":
		return nil, &client.Error{
			Kind: client.KindUnavailable, Message: "the server at localhost:8000 cannot be reached",
			Hint: "start it with {program} serve --dev", Err: errors.New("dial tcp: secret chain"),
		}
	}
	if strings.HasPrefix(name, "hostile") {
		name = "hostile"
	}
	if res, ok := answers[name]; ok {
		return res, nil
	}
	return &client.Result{Structured: json.RawMessage(`{"done":true}`)}, nil
}

// first says whether nothing but the call at hand was asked for.
func (s *session) first() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.calls) == 1
}

var answers = map[string]*client.Result{
	"get_user_info": {
		Structured: json.RawMessage(`{"discord_id":"80351110224678912","permissions":80351110224678912,` +
			`"global_name":"Nelly \ud83d\udc18","avatar":null,"verified":true,"ratio":1.50e3,"roles":["a\u003cb",{}],"none":[],` +
			`"bio":"` + strings.Repeat("She likes long walks. ", 6) + `"}`),
		Content: []client.Content{{Type: "text", Text: "the text twin"}},
	},
	"text": {Content: []client.Content{
		{Type: "text", Text: "Plain words that are long enough to be wrapped once the window is not so very wide.\n\tindented"},
		{Type: "image", MIMEType: "image/png", Data: strings.Repeat("A", 16400)},
		{Type: "text", Text: `{"text":"that is JSON","id":1420070400000000001}`},
		{Type: "resource_link", Name: "notes", URI: "file:///notes.txt"},
	}},
	"fail":    {IsError: true, Content: []client.Content{{Type: "text", Text: "Missing Permissions: \x1b[31mno\x1b[0m"}}},
	"empty":   {},
	"members": members,
	"links":   {Content: []client.Content{{Type: "resource_link", URI: "https://example.com/a"}}},
	"hostile": {Structured: json.RawMessage("{\"\u202eevil\":\"\u202e\u2066\u009b31m\\u001b[2J\"," +
		"\"long\":\"" + strings.Repeat("x", 10_000) + "\"}")},
}

const everything = `{"type":"object","properties":{
	"note":{"type":"string","description":"Optional, so it stands after the required ones."},
	"guild_id":{"type":"string","description":"The guild's ID."},
	"count":{"type":"integer","minimum":1,"maximum":100,"default":5,"description":"How many."},
	"ratio":{"type":"number"},
	"silent":{"type":"boolean","description":"No notification."},
	"mode":{"enum":["soft","hard","off"],"description":"How it is done."},
	"tags":{"type":"array","items":{"type":"string"}},
	"extra":{"type":"object"},
	"nick":{"anyOf":[{"type":"string"},{"type":"null"}],"default":null},
	"any":{}},
	"required":["guild_id","count","mode"]}`

func tools() []client.Tool {
	return []client.Tool{
		{
			Name: "get_user_info", Title: "Who is signed in", ReadOnly: true, Destructive: true,
			Description: "The Discord user whose sign-in this is.\n\nNeeds no call to Discord while the answer is fresh.",
			InputSchema: json.RawMessage(`{"type":"object","properties":{}}`),
		},
		{Name: "everything", Description: "A field of each type.", InputSchema: json.RawMessage(everything)},
		{
			Name: "delete_channel", Title: "Delete a channel", Description: "Deletes for good.", Destructive: true,
			InputSchema: json.RawMessage(`{"properties":{"channel_id":{"type":"string"}},"required":["channel_id"]}`),
		},
		{
			Name:        "secret",
			InputSchema: json.RawMessage(`{"properties":{"password":{"type":"string","format":"password"},"note":{"type":"string"},"deep":{"properties":{"key":{"writeOnly":true}}}}}`),
		},
		{Name: "scope", Description: "Needs guilds."},
		{Name: "slow"},
		{Name: "text"},
		{Name: "fail"},
		{Name: "break"},
		{Name: "empty"},
		{Name: "purge", Destructive: true},
		{
			Name:        "hostile\x1b]0;title\x07\u202e" + strings.Repeat("n", 10_000),
			Title:       "日本語 👨‍👩‍👧‍👦 👍🏽 नमस्ते",
			Description: strings.Repeat("\x1b[2Jboo 👨‍👩‍👧‍👦 ", 2000),
		},
	}
}

var denied = &client.Error{
	Kind: client.KindAuth, Message: "sign-in was denied", Hint: "run {program} connect http://localhost:8000/mcp to try again",
}
