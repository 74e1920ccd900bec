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
// (scripts/with-keyring.sh): one sign-in, then many processes at once, with a
// token that is expired all the time. They share their refreshes: all of them
// answer, nobody opens a browser, and no login is lost.
func TestKeychain(t *testing.T) {
	if os.Getenv("DBUS_SESSION_BUS_ADDRESS") == "" {
		t.Fatal("there is no session bus: run scripts/with-keyring.sh go test -tags keychain …")
	}
	// So short a life is always in need of a renewal.
	mcpURL := startServe(t, "--dev", "--access-token-ttl", "2s")
	home := t.TempDir()
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
	waitFor(t, "the token's end", expired(2*time.Second))

	const processes = 50
	var all sync.WaitGroup
	limit := make(chan struct{}, 10) // at a time: the machine has two cores
	for range processes {
		all.Go(func() {
			limit <- struct{}{}
			defer func() { <-limit }()
			if out, err := mcpdiscord("call", "get_user_info"); err != nil || !strings.Contains(out, "nelly") {
				t.Errorf("call: %v\n%s", err, out)
			}
		})
	}
	all.Wait()
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

// expired holds once d has passed since it was made.
func expired(d time.Duration) func() bool {
	end := time.Now().Add(d)
	return func() bool { return time.Now().After(end) }
}
