package main

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

// otherVariables are those that no flag has.
var otherVariables = []string{
	"DISCORD_CLIENT_SECRET", "JWT_SIGNING_KEY", "STORAGE_ENCRYPTION_KEY", "REDIS_HOST", "REDIS_PORT", "MCPDISCORD_TOKEN", "MCPDISCORD_OAUTH_CLIENT_SECRET",
	"BROWSER", "VISUAL", "EDITOR", "PAGER", "NO_COLOR", "CLICOLOR_FORCE", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "GOGC", "GOMEMLIMIT",
}

// TestConfigurationDocument holds docs/configuration.md against the real flags
// and variables: a row for each, with its default, and none for what is not.
func TestConfigurationDocument(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	type row struct{ variable, fallback string }
	documented := map[string]row{}
	for _, m := range regexp.MustCompile("(?m)^\\| `--([a-z-]+)`[^|]*\\| (?:`([A-Z_]+)`|–) *\\| ([^|]*) \\|").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = row{m[2], strings.Trim(m[3], "`– ")}
	}
	real := map[string]*pflag.Flag{}
	walkCommands(newProgram([]string{"mcpdiscord"}, func(string) string { return "" }, nil).root(), func(c *cobra.Command) {
		c.Flags().VisitAll(func(f *pflag.Flag) { real[f.Name] = f })
		c.PersistentFlags().VisitAll(func(f *pflag.Flag) { real[f.Name] = f })
	})
	delete(real, "help")
	for name, f := range real {
		got, ok := documented[name]
		if !ok {
			t.Errorf("docs/configuration.md has no row for --%s", name)
			continue
		}
		if want := flagVariable(f); got.variable != want {
			t.Errorf("--%s: the variable is %s, documented is %q", name, want, got.variable)
		}
		if want := strings.Trim(f.DefValue, "[]"); want != "0" && want != "false" && got.fallback != want && !strings.HasPrefix(got.fallback, "(") {
			t.Errorf("--%s: the default is %q, documented is %q", name, want, got.fallback)
		}
	}
	for name := range documented {
		if real[name] == nil {
			t.Errorf("docs/configuration.md has a row for --%s, which is no flag", name)
		}
	}
	for _, variable := range otherVariables {
		if !strings.Contains(string(text), "`"+variable+"`") {
			t.Errorf("docs/configuration.md does not have %s", variable)
		}
	}
	known := slices.Clone(otherVariables)
	for _, f := range real {
		known = append(known, flagVariable(f))
	}
	for _, m := range regexp.MustCompile("`((?:MCPDISCORD|DISCORD|XDG)_[A-Z_]+)`").FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(known, m[1]) {
			t.Errorf("docs/configuration.md has %s, which nothing reads", m[1])
		}
	}
}

// TestHelp holds every command's help to the same shape: a sentence, usage,
// and examples.
func TestHelp(t *testing.T) {
	t.Parallel()
	walkCommands(newProgram([]string{"mcpdiscord"}, func(string) string { return "" }, nil).root(), func(c *cobra.Command) {
		if c.Name() == "help" {
			return
		}
		if c.Short == "" || strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: its short text is a sentence without a full stop: %q", c.CommandPath(), c.Short)
		}
		if about, _, _ := strings.Cut(c.Long, "\n\n"); c.Long != "" && (!strings.HasSuffix(about, ".") || strings.Contains(strings.ReplaceAll(about, "\n", " "), ". ")) {
			t.Errorf("%s: its help begins with other than one sentence: %q", c.CommandPath(), about)
		}
		if strings.Count(c.Example, "\n") < 2 {
			t.Errorf("%s: it has fewer than three examples", c.CommandPath())
		}
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if groupOf(f.Name) == "" {
				t.Errorf("%s: --%s has no heading in the help", c.CommandPath(), f.Name)
			}
		})
	})
}

// TestEmulatorExample switches a fault on as the help says.
func TestEmulatorExample(t *testing.T) {
	t.Parallel()
	p := newProgram([]string{"mcpdiscord"}, func(string) string { return "" }, nil)
	example := regexp.MustCompile(`curl -d '([^']+)' http://127.0.0.1:8001(\S+)`).FindStringSubmatch(p.emulatorCommand().Example)
	if example == nil {
		t.Fatal("the help of emulator has no curl line")
	}
	_, url, stop, err := emulator.Start(emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	response, err := http.Post(url+example[2], "application/json", strings.NewReader(example[1]))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		t.Errorf("the emulator answers %s to %s", response.Status, example[1])
	}
}
