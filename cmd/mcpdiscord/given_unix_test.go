//go:build unix

package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// guarded is an MCP server that takes this token alone.
func guarded(t *testing.T, token string) string {
	t.Helper()
	server := mcp.NewServer(&mcp.Implementation{Name: "guarded", Version: "1"}, nil)
	open := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true})
	at := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		open.ServeHTTP(w, r)
	}))
	t.Cleanup(at.Close)
	return at.URL + "/mcp"
}

// TestTypedToken: a token that is typed is not shown, may be longer than a line
// of a terminal, can be corrected, and then is used.
func TestTypedToken(t *testing.T) {
	t.Parallel()
	token := strings.Repeat("long-token.", 600)
	url, home := guarded(t, token), t.TempDir()
	cmd, terminal, shown, ended := startOnTerminal(t, home, "nothing", "connect", url, "--with-token", "--token-store", "plain")
	waitFor(t, "the question", shown.shows("Access token for "+url+": "))
	if _, err := terminal.WriteString("mistake\x15" + token + "x\x7f\r"); err != nil {
		t.Fatal(err)
	}
	<-ended
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 0 || !shown.shows("connected to "+url+" with a saved token")() || strings.Contains(shown.text.String(), "long-token") {
		t.Fatalf("exit code %d: %s", code, shown.text.String())
	}

	// On a terminal it is shown on demand alone.
	cmd, _, shown, ended = startOnTerminal(t, home, "nothing", "token", url)
	<-ended
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitUsage || strings.Contains(shown.text.String(), "long-token") {
		t.Errorf("exit code %d: %s", code, shown.text.String())
	}
	cmd, _, shown, ended = startOnTerminal(t, home, "nothing", "token", url, "--force")
	<-ended
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitOK || !strings.Contains(shown.text.String(), token) {
		t.Errorf("exit code %d: %s", code, shown.text.String())
	}
}

// TestTypedTokenEnds: whatever ends the question gives the terminal back.
func TestTypedTokenEnds(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		keys string // SIGTERM, where there are none
		code int
	}{{"Ctrl-C", "half a tok\x03", 130}, {"Ctrl-D", "\x04", exitUsage}, {"a signal", "", 143}} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cmd, terminal, shown, ended := startOnTerminal(t, t.TempDir(), "nothing", "connect", guarded(t, "x"), "--with-token")
			waitFor(t, "the question", shown.shows("Access token for "))
			if test.keys == "" {
				_ = cmd.Process.Signal(syscall.SIGTERM)
			} else if _, err := terminal.WriteString(test.keys); err != nil {
				t.Fatal(err)
			}
			<-ended
			_ = cmd.Wait()
			if code := cmd.ProcessState.ExitCode(); code != test.code || strings.Contains(shown.text.String(), "half") {
				t.Errorf("exit code %d: %s", code, shown.text.String())
			}
		})
	}
}
