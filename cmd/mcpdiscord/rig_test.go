package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// startServe runs serve in this process, on free ports and with a memory
// store, until the test ends; it returns the MCP URL.
func startServe(t testing.TB, flags ...string) string {
	t.Helper()
	addrFile := filepath.Join(t.TempDir(), "addr")
	log, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	environment := map[string]string{"GOGC": "100"} // leave the collector of the tests alone
	p := newProgram([]string{"mcpdiscord"}, func(name string) string { return environment[name] }, nil)
	p.err, p.loopbackDiscord = log, true
	arguments := append([]string{"serve", "--addr", "127.0.0.1:0", "--emulator-addr", "127.0.0.1:0", "--store", "memory:", "--addr-file", addrFile}, flags...)
	ctx, cancel := contextOf(t)
	ended := make(chan int, 1)
	go func() { ended <- p.run(ctx, arguments) }()
	t.Cleanup(func() {
		cancel()
		if code := <-ended; code != 0 {
			text, _ := os.ReadFile(log.Name())
			t.Errorf("serve ended with %d:\n%s", code, text)
		}
		_ = log.Close()
	})
	waitFor(t, "serve", func() bool {
		_, err := os.Stat(addrFile)
		return err == nil || len(ended) > 0
	})
	text, err := os.ReadFile(addrFile)
	if err != nil {
		said, _ := os.ReadFile(log.Name())
		t.Fatalf("serve did not start:\n%s", said)
	}
	return strings.TrimSpace(string(text))
}

// register registers a client with one redirect URI and returns its id.
func register(t *testing.T, issuer, redirectURI string) string {
	t.Helper()
	body, err := json.Marshal(map[string]any{"client_name": "test", "redirect_uris": []string{redirectURI}})
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.Post(issuer+"/register", "application/json", bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var registered struct {
		ClientID string `json:"client_id"`
	}
	if err := json.NewDecoder(response.Body).Decode(&registered); err != nil || registered.ClientID == "" {
		t.Fatalf("registering: %s, %v", response.Status, err)
	}
	return registered.ClientID
}

// waitFor polls a condition until it holds.
func waitFor(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(20 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline.C:
			t.Fatalf("%s is not there after 20 s", what)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return portOf(listener.Addr())
}

// contextOf is a context that outlives the test function until its cleanups
// have run.
func contextOf(t testing.TB) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(context.WithoutCancel(t.Context()))
}
