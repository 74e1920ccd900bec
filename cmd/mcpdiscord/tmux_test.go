//go:build tmux

package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// signInOn signs in at the address that the screen shows, as a person does who
// copies it into a browser.
func signInOn(t *testing.T, x *tmux) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := newPerson(false, demoUser, http.DefaultTransport).visit(ctx, x.address()); err != nil {
		t.Fatalf("%v\n%s", err, x.screen())
	}
}

// TestTmux drives connect in a real terminal, as it is built for users.
func TestTmux(t *testing.T) {
	t.Parallel()
	program := buildProgram(t)
	t.Run("story", func(t *testing.T) {
		t.Parallel()
		tellStory(t, startTmux(t, 100, 30, nil, program, "connect", "--no-browser", startServe(t, "--dev")))
	})
	t.Run("form", func(t *testing.T) {
		t.Parallel()
		fillForms(t, startTmux(t, 100, 30, nil, program, "connect", "--no-browser", startServe(t, "--dev", "--proxy", startUpstream(t))))
	})
}

// tellStory signs in, filters the tools, reads a result and searches it, runs
// a call of the history again, is given a scope that is missing, looks at the
// other panes, makes a hundred calls, which memory bears, and signs out.
func tellStory(t *testing.T, x *tmux) {
	t.Helper()
	x.sees("Waiting for you to sign in", "ssh -L")
	signInOn(t, x)
	x.sees("get_user_info", "list_guilds", "Nelly", "No arguments: Enter calls it.")

	x.press("/", "guil")
	x.until("one tool alone", func(screen string) bool {
		return strings.Contains(screen, "list_guilds") && !strings.Contains(screen, "get_user_info")
	})
	x.press("Escape")
	x.sees("get_user_info", "2 of 2") // the cursor stays where it is
	x.press("g", "Enter")
	x.sees("✓ get_user_info", `discord_id: "80351110224678912"`)
	x.press("/", "nelly", "Enter")
	x.sees("1 of 2", `› username: "nelly"`)
	x.press("n")
	x.sees("2 of 2", `› global_name: "Nelly"`)
	x.press("g", "Enter")
	x.sees("›▸ {6 keys}")
	x.press("Escape")
	x.sees("esc back") // the search has ended
	x.press("x")
	x.sees("[raw]", `jsonrpc: "2.0"`)

	x.press("4")
	x.sees("Calls, the newest first", "1 of 1")
	x.press("r")
	x.sees("✓ get_user_info", `discord_id: "80351110224678912"`)
	x.press("Escape")
	x.sees("1 of 2")

	x.press("1")
	x.sees("[raw]")
	x.press("Escape")
	x.sees("Who is signed in")
	x.press("Down", "Enter")
	x.sees("sign in again with guilds")
	x.press("s")
	signInOn(t, x)
	x.sees("✓ list_guilds", "Nelly’s burrow")

	x.press("5")
	x.sees("Discord ID "+demoUser, "scopes guilds identify", "MCP 2026-07-28")
	x.press("t")
	x.sees("the access token is renewed")
	x.press("G", "Enter")
	x.sees("Mcp-Method: server/discover", "answered with an error") // the first one had no token
	x.press("6")
	x.sees("call --server http://localhost:", "list_guilds answered after")

	x.press("?")
	x.sees("Here", "Everywhere", "find a command, a pane or a tool")
	x.press("Escape")
	x.sees("list_guilds answered after")
	x.press("C-p")
	x.sees("what to do, where to go, or a tool")
	x.press("hist", "Enter")
	x.sees("Calls, the newest first", "1 of 4")

	remembers(t, x)
	x.press("5")
	x.sees("Mcp-Method: server/discover")
	x.press("Escape")
	x.sees("o sign out")
	x.press("o")
	x.sees("sign out of localhost:")
	x.press("y")
	x.sees("signed out")
	x.press("g")
	x.sees("user not signed in", "POST /revoke")
	x.press("4", "Enter")
	x.sees("results are not kept")
	x.press("1")
	x.sees("The tools could not be loaded", "Press s to sign in")
	x.press("s")
	signInOn(t, x)
	x.sees("get_user_info", "1 of 2", "Nelly")
	x.press("q")
	if code := x.exit(); code != "0" {
		t.Errorf("q ended connect with %s:\n%s", code, x.screen())
	}
	if shown := x.screen(); strings.Contains(shown, "[5 Inspector]") {
		t.Errorf("the terminal was not given back:\n%s", shown)
	}
}

// remembers makes a hundred calls, which is what the budget of memory is for.
func remembers(t *testing.T, x *tmux) {
	t.Helper()
	const calls, budget = 100, 40 << 20
	for n := 5; n <= calls; n++ {
		x.press("G", "r") // the first one
		x.sees("✓ get_user_info", "[result]")
		x.press("Escape")
		x.sees(fmt.Sprintf(" of %d ", n))
	}
	total, file := x.resident()
	t.Logf("after %d calls %.1f MB are resident, of which %.1f MB are the program's file", calls, float64(total)/1e6, float64(file)/1e6)
	if total > budget {
		t.Errorf("%d bytes are resident after %d calls; the budget is %d", total, calls, budget)
	}
}

// fillForms fills in the form of a tool of somebody else's server, is told what
// is wrong with it, and answers what a tool asks.
func fillForms(t *testing.T, x *tmux) {
	t.Helper()
	signInOn(t, x)
	x.sees("1 of 9", "count integer")
	x.press("Enter")
	x.sees("Give back what it gets.", "mcpdiscord call --server")
	x.press("burrow", "Enter", "12x", "Enter")
	x.sees("not a number", "count=12x")
	x.press("Up", "BSpace")
	x.sees("add id=burrow count:=12")
	x.press("C-s")
	x.sees("✓ add", "count: 12", `id: "burrow"`)
	x.press("e", "End", " two")
	x.sees("'id=burrow two' count:=12")
	x.press("C-s")
	x.sees("✓ add", `id: "burrow two"`)
	// All at once, back through the form into the list and on to the form again.
	x.press("Escape", "Escape", "Escape", "/", "add", "Escape", "Enter", "Up", "End", " three", "Escape", "Enter", "M-b", "and ", "C-s")
	x.sees("✓ add", `id: "burrow and three"`)

	x.press("C-p")
	x.sees("what to do, where to go, or a tool")
	x.press("paint", "Enter")
	x.sees("paint asks you", "Which color␛[31m?", "choose one of 2")
	x.press("Right", "Right")
	x.sees("‹ green ›")
	x.press("C-s")
	x.sees("✓ paint", "green")
}
