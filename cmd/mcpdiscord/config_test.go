package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// configured is a program with this config.yaml and these variables.
func configured(t *testing.T, text string, variables map[string]string) (*program, *cobra.Command) {
	t.Helper()
	home := t.TempDir()
	for _, name := range []string{"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "HOME", "APPDATA", "LOCALAPPDATA"} {
		if variables[name] == "" {
			variables[name] = home
		}
	}
	p := newProgram([]string{"mcpdiscord"}, func(name string) string { return variables[name] }, nil)
	path, err := p.configPath()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return p, p.root()
}

// TestPrecedence: flag, variable, file, default.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	const file = `
timeout: 1m
json: true
callback-port: 4000
scope: [file, 'of, comma']
header: ['A: b, c']
token-store: file
serve:
  addr: 127.0.0.1:1
  client-id: "1"
  scopes: [identify, email]
admin:
  socket: /file
`
	for _, test := range []struct {
		name      string
		variables map[string]string
		args      []string
		flag      string
		want      string
		kind      string
	}{
		{"default", nil, []string{"status"}, "debug", "false", "default"},
		{"file", nil, []string{"status"}, "timeout", "1m0s", "file"},
		{"variable", map[string]string{"MCPDISCORD_TIMEOUT": "2m"}, []string{"status"}, "timeout", "2m0s", "environment"},
		{"flag", map[string]string{"MCPDISCORD_TIMEOUT": "2m"}, []string{"status", "--timeout", "3m"}, "timeout", "3m0s", "flag"},
		{"flag over file", nil, []string{"status", "--timeout", "3m"}, "timeout", "3m0s", "flag"},
		{"flag with the default's value", nil, []string{"status", "--timeout", "30s"}, "timeout", "30s", "flag"},
		{"an empty variable", map[string]string{"MCPDISCORD_TIMEOUT": ""}, []string{"status"}, "timeout", "1m0s", "file"},
		{"a switch", nil, []string{"status"}, "json", "true", "file"},
		{"a switch that a flag turns off", nil, []string{"status", "--json=false"}, "json", "false", "flag"},
		{"a number", nil, []string{"connect"}, "callback-port", "4000", "file"},
		{"a list", nil, []string{"connect"}, "scope", `[file,"of, comma"]`, "file"},
		{"a list is replaced", map[string]string{"MCPDISCORD_SCOPE": "a,b"}, []string{"connect"}, "scope", "[a,b]", "environment"},
		{"a list with commas in it", nil, []string{"status"}, "header", `["A: b, c"]`, "file"},
		{"serve", nil, []string{"serve"}, "addr", "127.0.0.1:1", "file"},
		{"serve, by another variable", map[string]string{"DISCORD_CLIENT_ID": "2"}, []string{"serve"}, "client-id", "2", "environment"},
		{"serve's list replaces the default", nil, []string{"serve"}, "scopes", "[identify,email]", "file"},
		{"admin", nil, []string{"admin", "grants"}, "socket", "/file", "file"},
		{"no flag of a client", nil, []string{"admin", "grants"}, "json", "false", "default"},
		{"the emulator is not serve", nil, []string{"emulator"}, "log-level", "info", "default"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			variables := map[string]string{}
			for name, value := range test.variables {
				variables[name] = value
			}
			p, root := configured(t, file, variables)
			cmd, rest, err := root.Find(test.args)
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.ParseFlags(rest); err != nil {
				t.Fatal(err)
			}
			if err := p.environment(cmd); err != nil {
				t.Fatal(err)
			}
			f := cmd.Flags().Lookup(test.flag)
			if got := f.Value.String(); got != test.want {
				t.Errorf("--%s is %s, want %s", test.flag, got, test.want)
			}
			if got := p.origins[f].kind; got != test.kind {
				t.Errorf("--%s is from %s, want %s", test.flag, got, test.kind)
			}
		})
	}
}

// TestConfigTooLarge: what is no configuration is not read to its end.
func TestConfigTooLarge(t *testing.T) {
	t.Parallel()
	p, root := configured(t, strings.Repeat("#", maxConfig+1), map[string]string{})
	_, err := p.readConfig(root)
	var user *userError
	if !errors.As(err, &user) || user.code != exitUsage || !strings.HasSuffix(user.message, "it is larger than 1 MiB") {
		t.Errorf("readConfig: %v", err)
	}
}

// TestNoConfig: without a file, and without a home, there is nothing to say.
func TestNoConfig(t *testing.T) {
	t.Parallel()
	for name, variables := range map[string]map[string]string{
		"no file": {"HOME": t.TempDir(), "APPDATA": t.TempDir(), "LOCALAPPDATA": t.TempDir()}, "no home": {},
	} {
		p := newProgram([]string{"mcpdiscord"}, func(name string) string { return variables[name] }, nil)
		if c, err := p.readConfig(p.root()); c != nil || err != nil {
			t.Errorf("%s: %v, %v", name, c, err)
		}
	}
}

// TestNoSecretKeys: no setting is where a secret belongs.
func TestNoSecretKeys(t *testing.T) {
	t.Parallel()
	p := newProgram([]string{"mcpdiscord"}, func(string) string { return "" }, nil)
	for name := range keysOf(p.root()) {
		if keptOut[name.key] != "" {
			t.Errorf("%s is a key", name)
		}
	}
}

// TestConfigExample: the file that docs/configuration.md shows is one.
func TestConfigExample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	_, after, found := strings.Cut(string(text), "```yaml\n")
	example, _, closed := strings.Cut(after, "```\n")
	if !found || !closed {
		t.Fatal("docs/configuration.md shows no file")
	}
	p, root := configured(t, example, map[string]string{})
	c, err := p.readConfig(root)
	if err != nil {
		t.Fatal(err)
	}
	p.config = c
	walkCommands(root, func(cmd *cobra.Command) {
		if err := p.setFlags(cmd); err != nil {
			t.Error(err)
		}
	})
}
