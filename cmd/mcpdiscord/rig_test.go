package main

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// startServe runs serve in this process, on free ports and with a memory
// store, until the test ends; it returns the MCP URL.
func startServe(t testing.TB, flags ...string) string {
	t.Helper()
	environment := map[string]string{"GOGC": "100"} // leave the collector of the tests alone
	url, _ := startServeWith(t, environment, filepath.Join(t.TempDir(), "log"), append([]string{"--emulator-addr", "127.0.0.1:0", "--store", "memory:"}, flags...)...)
	return url
}

// startServeWith runs serve in this process on a free port, with its stderr in
// the file log; it returns the MCP URL, and what ends it.
func startServeWith(t testing.TB, environment map[string]string, log string, flags ...string) (mcpURL string, stop func()) {
	t.Helper()
	addrFile := filepath.Join(t.TempDir(), "addr")
	out, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	p := newProgram([]string{"mcpdiscord"}, func(name string) string { return environment[name] }, nil)
	p.err, p.loopbackDiscord = out, true
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan int, 1)
	go func() {
		ended <- p.run(ctx, append([]string{"serve", "--addr", "127.0.0.1:0", "--addr-file", addrFile}, flags...))
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if code := <-ended; code != 0 {
			text, _ := os.ReadFile(log)
			t.Errorf("serve ended with %d:\n%s", code, text)
		}
		_ = out.Close()
	})
	t.Cleanup(stop)
	waitFor(t, "serve", func() bool {
		_, err := os.Stat(addrFile)
		return err == nil || len(ended) > 0
	})
	text, err := os.ReadFile(addrFile)
	if err != nil {
		said, _ := os.ReadFile(log)
		t.Fatalf("serve did not start:\n%s", said)
	}
	return strings.TrimSpace(string(text)), stop
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

// freePort finds a port that is free, and that no other test gets by chance until
// it is used: those that the system hands out are higher.
func freePort(t testing.TB) string {
	t.Helper()
	for range 100 {
		listener, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(20_000+rand.IntN(12_000)))
		if err != nil {
			continue
		}
		defer listener.Close()
		return portOf(listener.Addr())
	}
	t.Fatal("no port is free")
	return ""
}
