//go:build keychain

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestKeychain runs the program against a real Secret Service
// (scripts/with-keyring.sh): one sign-in, then many processes at once, when its
// token has expired. One of them refreshes, all of them answer, and nobody opens
// a browser.
func TestKeychain(t *testing.T) {
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		t.Fatal("there is no session bus: run scripts/with-keyring.sh go test -tags keychain …")
	}
	const life = time.Second
	home := t.TempDir()
	audit := filepath.Join(home, "audit")
	serve := func(flags ...string) (mcpURL string, stop func()) {
		return startServeWith(t, map[string]string{"GOGC": "100"}, filepath.Join(home, "log"),
			append([]string{"--dev", "--emulator-addr", "127.0.0.1:0", "--store", "bolt:" + filepath.Join(home, "store.db"), "--audit-log", audit}, flags...)...)
	}
	mcpURL, stop := serve("--access-token-ttl", life.String())
	tabs := filepath.Join(home, "tabs")
	mcpdiscord := func(args ...string) (string, error) {
		cmd := exec.CommandContext(t.Context(), "mcpdiscord", args...)
		cmd.Env = append(os.Environ(), "HOME="+home, "MCPDISCORD_SERVER="+mcpURL, "BROWSER=browser approve "+demoUser, "BROWSER_LOG="+tabs,
			"GORACE=atexit_sleep_ms=10")
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		err := cmd.Run()
		return out.String(), err
	}
	if out, err := mcpdiscord("connect"); err != nil || strings.Contains(out, "no keychain") {
		t.Fatalf("connect: %v\n%s", err, out)
	}
	if found, err := exec.Command("secret-tool", "search", "--all", "service", "mcpdiscord").CombinedOutput(); err != nil || !bytes.Contains(found, []byte("attribute.service = mcpdiscord")) {
		t.Errorf("the keychain has no item of ours: %v\n%s", err, found)
	}
	ended := expired(life)
	stop()
	// The next token lives on, so that one refresh is enough for all.
	_, port, _ := strings.Cut(strings.TrimSuffix(mcpURL, "/mcp"), "://")
	serve("--addr", strings.Replace(port, "localhost", "127.0.0.1", 1))
	waitFor(t, "the token's end", ended)
	before := refreshes(t, audit)

	const processes = 50
	var all sync.WaitGroup
	for range processes {
		all.Go(func() {
			if out, err := mcpdiscord("call", "get_user_info"); err != nil || !strings.Contains(out, "nelly") {
				t.Errorf("call: %v\n%s", err, out)
			}
		})
	}
	all.Wait()
	if n := refreshes(t, audit) - before; n != 1 {
		t.Errorf("%d refreshes, want 1", n)
	}
	if text, err := os.ReadFile(tabs); err != nil || strings.Count(string(text), "\n") != 1 {
		t.Errorf("browsers were opened: %v\n%s", err, text)
	}
	if out, err := mcpdiscord("logout"); err != nil {
		t.Errorf("logout: %v\n%s", err, out)
	}
	if found, _ := exec.Command("secret-tool", "search", "--all", "service", "mcpdiscord").Output(); len(found) > 0 {
		t.Errorf("logout left something in the keychain:\n%s", found)
	}
}

// refreshes counts the exchanges of a refresh token in an audit log, also those
// that were refused or answered twice.
func refreshes(t *testing.T, audit string) int {
	t.Helper()
	text, err := os.ReadFile(audit)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, event := range []string{"refreshed", "repeated", "replayed", "refused"} {
		n += strings.Count(string(text), `"event":"`+event+`"`)
	}
	return n
}

// expired holds once d has passed since it was made.
func expired(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}
