package authserver_test

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	valid := newRig(t).cfg
	base := func(url string) func(*authserver.Config) {
		return func(cfg *authserver.Config) { cfg.BaseURL = url }
	}
	path := func(path string) func(*authserver.Config) {
		return func(cfg *authserver.Config) { cfg.RedirectPath = path }
	}
	allow := func(uri string) func(*authserver.Config) {
		return func(cfg *authserver.Config) { cfg.AllowRedirect = []string{uri} }
	}
	tests := map[string]struct {
		change func(*authserver.Config)
		want   string
	}{
		"no base URL":          {base(""), "base URL"},
		"no scheme":            {base("mcp.example.com"), "base URL"},
		"path":                 {base("https://mcp.example.com/x"), "no path"},
		"slash":                {base("https://mcp.example.com/"), "no slash"},
		"query":                {base("https://mcp.example.com?x"), "no path"},
		"fragment":             {base("https://mcp.example.com#x"), "no path"},
		"userinfo":             {base("https://u@mcp.example.com"), "no path"},
		"capitals":             {base("https://MCP.example.com"), "lower case"},
		"default port":         {base("https://mcp.example.com:443"), "leave out the port"},
		"default http port":    {base("http://localhost:80"), "leave out the port"},
		"empty port":           {base("https://mcp.example.com:"), "port"},
		"http":                 {base("http://mcp.example.com"), "use https"},
		"http like loopback":   {base("http://127.0.0.1.example.com"), "use https"},
		"http on the network":  {base("http://192.168.0.1:8000"), "use https"},
		"long address":         {base("http://[0:0:0:0:0:0:0:1]:8000"), "as browsers do"},
		"mapped address":       {base("http://[::ffff:127.0.0.1]:8000"), "as browsers do"},
		"other scheme":         {base("ftp://localhost"), "https"},
		"no Discord":           {func(cfg *authserver.Config) { cfg.Discord = nil }, "Discord client"},
		"no application":       {func(cfg *authserver.Config) { cfg.ApplicationID = "" }, "application id"},
		"no store":             {func(cfg *authserver.Config) { cfg.Store = nil }, "store"},
		"short key":            {func(cfg *authserver.Config) { cfg.SigningKeys = [][]byte{make([]byte, 31)} }, "31 bytes"},
		"no identify":          {func(cfg *authserver.Config) { cfg.Scopes = []string{"guilds"} }, "identify"},
		"odd scope":            {func(cfg *authserver.Config) { cfg.OptionalScopes = []string{"a b"} }, "malformed"},
		"negative TTL":         {func(cfg *authserver.Config) { cfg.GrantTTL = -1 }, "negative"},
		"short TTL":            {func(cfg *authserver.Config) { cfg.AccessTokenTTL = time.Second - 1 }, "a second"},
		"endless TTL":          {func(cfg *authserver.Config) { cfg.GrantTTL = math.MaxInt64 }, "ten years"},
		"endless grace":        {func(cfg *authserver.Config) { cfg.RefreshGrace = math.MaxInt64 }, "ten years"},
		"relative path":        {path("callback"), "redirect path"},
		"wildcard path":        {path("/auth/{x}"), "redirect path"},
		"trailing slash path":  {path("/auth/"), "redirect path"},
		"dotted path":          {path("/auth/../token"), "redirect path"},
		"taken path":           {path("/token"), "another endpoint"},
		"the resource's path":  {path("/mcp/callback"), "another endpoint"},
		"well-known path":      {path("/.well-known/x"), "redirect path"},
		"script":               {allow("javascript://x/alert(1)"), "never allowed"},
		"data":                 {allow("data:text/html,x"), "not an absolute URL"},
		"http elsewhere":       {allow("http://app.example/cb"), "plain http"},
		"allow with fragment":  {allow("app://x/cb#x"), "fragment"},
		"allow without host":   {allow("app:/cb"), "host"},
		"allow with user":      {allow("app://u@x/cb"), "user name"},
		"allow with response":  {allow("app://x/cb?code=x"), "query parameter"},
		"allow in capitals":    {allow("APP://x/cb"), "lower case"},
		"allow with odd https": {allow("https://a_b%41/cb"), "host"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := valid
			test.change(&cfg)
			s, err := authserver.New(t.Context(), cfg)
			if err == nil {
				_ = s.Close()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %q, want %q in it", err, test.want)
			}
		})
	}
}

func TestNewAccepts(t *testing.T) {
	t.Parallel()
	for _, base := range []string{"https://mcp.example.com", "https://mcp.example.com:8443", "http://localhost:8000", "http://localhost", "http://127.0.0.1:1", "http://[::1]:8000", "https://[2001:db8::1]"} {
		t.Run(base, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			cfg := r.cfg
			cfg.BaseURL, cfg.Store = base, store.Memory(nil)
			cfg.AllowRedirect = []string{"com.example.app://signed-in/cb"}
			cfg.RedirectPath = "/sign-in/done"
			cfg.Scopes, cfg.OptionalScopes = []string{"guilds", "identify"}, []string{"guilds"}
			s, err := authserver.New(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			if diff := cmp.Diff([]string{"guilds", "identify"}, s.ScopesRequired()); diff != "" {
				t.Errorf("ScopesRequired (-want +got):\n%s", diff)
			}
		})
	}
}

// The allow list is what is configured, and nothing else.
func TestAllowRedirect(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *authserver.Config) { cfg.AllowRedirect = []string{"com.example.app://signed-in/cb"} })
	id := r.register("App", "com.example.app://signed-in/cb")
	r.browser().authorize(id, "redirect_uri", "-").isPage(t, 200)
	r.browser().authorize(id, "redirect_uri", "com.example.app://signed-in/cb", "scope", "x").isError(t, loopbackBase, "invalid_scope")
	a := r.browser().postJSON("/register", map[string]any{"redirect_uris": authserver.DefaultAllowRedirect()})
	if a.Status != 400 {
		t.Errorf("Cursor's, which is not listed: %d", a.Status)
	}
}

// A store serves one issuer, Discord application, Discord and key.
func TestBind(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		change func(*authserver.Config)
		want   *authserver.BindError
	}{
		"base URL":    {public, &authserver.BindError{What: "base URL", Stored: loopbackBase, Configured: publicBase}},
		"application": {func(cfg *authserver.Config) { cfg.ApplicationID = "2" }, &authserver.BindError{What: "Discord application", Stored: "157730590492196864", Configured: "2"}},
		"key":         {func(cfg *authserver.Config) { cfg.SigningKeys = [][]byte{bytes.Repeat([]byte{8}, 32)} }, &authserver.BindError{What: "signing key"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			id := r.register("App")
			cfg := r.cfg
			test.change(&cfg)
			_, err := authserver.New(t.Context(), cfg)
			got, ok := errors.AsType[*authserver.BindError](err)
			if !ok {
				t.Fatalf("error is %v", err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if !strings.Contains(err.Error(), "the store belongs to") {
				t.Errorf("error is %q", err)
			}
			r.start() // its own server still starts, and knows its clients
			r.browser().authorize(id).isPage(t, 200)
		})
	}
	t.Run("Discord", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		cfg := r.cfg
		cfg.DiscordURL = "https://discord.com"
		_, err := authserver.New(t.Context(), cfg)
		if got, ok := errors.AsType[*authserver.BindError](err); !ok || got.What != "Discord URL" {
			t.Errorf("error is %v", err)
		}
	})
	t.Run("store down", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.store.down.Store(true)
		if _, err := authserver.New(t.Context(), r.cfg); !errors.Is(err, errDown) {
			t.Errorf("error is %v", err)
		}
	})
}
