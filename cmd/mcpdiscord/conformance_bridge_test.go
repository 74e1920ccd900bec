//go:build conformance

package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// TestConformanceBridge lets the MCP Inspector, which speaks stdio to the
// bridge, use a server that wants a sign-in, and the everything-server of both
// generations. It reads what --print-config prints.
func TestConformanceBridge(t *testing.T) {
	t.Parallel()
	for _, revision := range []struct{ name, stateless, era string }{
		{"2025-11-25", "false", "legacy"},
		{"2026-07-28", "true", "modern"},
		{"fallen back", "false", "auto"},
	} {
		t.Run(revision.name, func(t *testing.T) {
			t.Parallel()
			i := inspect(t, startEverything(t, revision.stateless), revision.era)
			i.finds("test_simple_text", "--method", "tools/list")
			i.finds("This is a simple text response for testing.", "--method", "tools/call", "--tool-name", "test_simple_text")
			i.finds(`"mimeType": "image/png"`, "--method", "tools/call", "--tool-name", "test_image_content")
			i.finds("test://static-text", "--method", "resources/list")
			i.finds("test_prompt_with_arguments", "--method", "prompts/list")
		})
	}
	t.Run("signed in", func(t *testing.T) {
		t.Parallel()
		i := inspect(t, startServe(t, "--dev"), "auto")
		if text, err := i.run("--method", "tools/list"); err == nil || !strings.Contains(text, "run mcpdiscord connect "+i.server) {
			t.Errorf("without a sign-in: %v\n%s", err, text)
		}
		i.signIn()
		i.finds("get_user_info", "--method", "tools/list")
		i.finds(`"discord_id": "`+demoUser+`"`, "--method", "tools/call", "--tool-name", "get_user_info")
	})
}

// inspector is the MCP Inspector in a home of its own, with a server that it
// reaches through the bridge.
type inspector struct {
	*testing.T
	server, era, home, config, name string
}

func inspect(t *testing.T, server, era string) *inspector {
	t.Helper()
	i := &inspector{T: t, server: server, era: era, home: t.TempDir()}
	i.config = filepath.Join(i.home, "mcp.json")
	text, err := i.command(os.Getenv("CONFORMANCE_PROGRAM"), "bridge", server, "--print-config").Output()
	if err != nil {
		t.Fatal(err)
	}
	var printed struct {
		Servers map[string]any `json:"mcpServers"`
	}
	if err := json.Unmarshal(text, &printed); err != nil || len(printed.Servers) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	for i.name = range printed.Servers {
	}
	if err := os.WriteFile(i.config, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return i
}

func (i *inspector) command(program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(i.Context(), program, args...)
	cmd.Env = []string{"HOME=" + i.home, "PATH=" + os.Getenv("PATH")}
	cmd.Dir = i.home
	return cmd
}

// run runs it and gives what it printed.
func (i *inspector) run(args ...string) (string, error) {
	cmd := i.command(os.Getenv("CONFORMANCE_NODE"), append([]string{os.Getenv("CONFORMANCE_INSPECTOR"), "--cli", "--config", i.config, "--server", i.name, "--protocol-era", i.era}, args...)...)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// finds runs it and looks for a text in its answer.
func (i *inspector) finds(text string, args ...string) {
	i.Helper()
	if output, err := i.run(args...); err != nil || !strings.Contains(output, text) {
		i.Errorf("%s: %v\n%s", strings.Join(args, " "), err, output)
	}
}

// signIn signs in as connect does.
func (i *inspector) signIn() {
	i.Helper()
	cache, err := tokencache.Open(tokencache.Config{
		Store: tokencache.StorePlain, StateDir: filepath.Join(i.home, ".local/state/mcpdiscord"), ConfigDir: filepath.Join(i.home, ".config/mcpdiscord"),
	})
	if err != nil {
		i.Fatal(err)
	}
	conn, err := client.Connect(i.Context(), client.Config{
		Server: i.server, Cache: cache, SignIn: true, LoginTimeout: time.Minute,
		OpenBrowser: func(ctx context.Context, address string) error {
			go func() {
				_ = newPerson(false, demoUser, http.DefaultTransport).visit(context.WithoutCancel(ctx), address)
			}()
			return nil
		},
	})
	if err != nil {
		i.Fatal(err)
	}
	_ = conn.Close()
}
