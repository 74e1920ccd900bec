//go:build tmux

package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// castFile is the picture in the README. scripts/cast.sh makes it.
const castFile = "../../docs/connect.svg"

// TestTmuxCast plays the TUI for the picture in the README. With -update it
// makes the picture, on serve's own ports; without, it sees that the program
// still goes the way that the picture shows.
func TestTmuxCast(t *testing.T) {
	t.Parallel()
	const columns, rows, most = 80, 20, 100_000
	addr := "127.0.0.1:0"
	if *update {
		addr = "127.0.0.1:8000"
	}
	mcpURL := startServe(t, "--dev", "--addr", addr)
	x := startTmux(t, columns, rows, []string{"BROWSER=true"}, buildProgram(t), "connect", "--reduced-motion", mcpURL)
	var shots []shot
	take := func(seconds float64, key, says string, texts ...string) {
		t.Helper()
		x.sees(texts...)
		text := strings.TrimSuffix(x.run("capture-pane", "-p", "-e"), "\n")
		shots = append(shots, shot{strings.Split(text, "\n"), key, says, seconds})
	}
	play(t, x, take)
	picture := drawCast(columns, rows, shots)
	if err := wellFormed(picture); err != nil || len(picture) > most {
		t.Errorf("the picture has %d bytes of at most %d: %v", len(picture), most, err)
	}
	if *update {
		if err := os.WriteFile(castFile, []byte(picture), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(castFile)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range shots {
		if !strings.Contains(string(kept), ">"+s.says+"</text>") {
			t.Errorf("docs/connect.svg has no %q: run scripts/cast.sh", s.says)
		}
	}
}

// play is what the picture shows.
func play(t *testing.T, x *tmux, take func(seconds float64, key, says string, texts ...string)) {
	t.Helper()
	take(3, "", "mcpdiscord connect: the browser opens", "Waiting for you to sign in")
	signInOn(t, x)
	take(2.5, "", "signed in: the tools of the server", "get_user_info", "token 59 min")
	x.press("Enter")
	take(2.5, "enter", "calls a tool", "✓ get_user_info", demoUser)
	x.press("Escape")
	x.sees("Who is signed in")
	x.press("/", "guild")
	take(1.5, "/", "filters as you type", "/ guild", "List Discord servers")
	x.press("Enter")
	x.sees("esc clear filter")
	x.press("Enter")
	take(2.5, "enter", "needs a permission that was not granted", "sign in again with guilds")
	x.press("s")
	signInOn(t, x)
	take(3, "s", "signs in again with it, and runs the call again", "✓ list_guilds", "burrow", "signed in as Nelly")
	x.press("t")
	take(2.5, "t", "shows it as a table", "[table]", "Gophers")
	x.press("x")
	take(2.5, "x", "the JSON-RPC of request and response", "[raw]", "jsonrpc")
	x.press("x", "4")
	take(2, "4", "every call of this server", "Calls, the newest first")
	x.press("5")
	take(3, "5", "who is signed in, and every HTTP exchange", "Discord ID")
	x.press("C-p")
	take(2.5, "ctrl+p", "finds every command, and shows its key", "what to do")
	x.press("Escape")
	x.sees("sign out")
	x.press("1")
	take(3, "1", "every pane keeps its place", "list_guilds", "[result]", "Gophers")
}

// wellFormed says whether a text is XML.
func wellFormed(text string) error {
	decoder := xml.NewDecoder(strings.NewReader(text))
	for {
		switch _, err := decoder.Token(); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
	}
}
