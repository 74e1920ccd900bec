//go:build conformance

package main

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// The official suite has no way to send a token, so a loopback proxy adds one.

// extensions are the scenarios that no requirement set scores and that the
// everything-server does not implement (conformance/README.md).
var extensions = regexp.MustCompile(`^(tasks-|sep-2640-)`)

func TestConformanceServer(t *testing.T) {
	for _, revision := range []struct {
		name, stateless string
		scenarios       int // scored ones
	}{
		{"2025-11-25", "false", 30},
		{"2026-07-28", "true", 37},
	} {
		t.Run(revision.name, func(t *testing.T) {
			upstream := startEverything(t, revision.stateless)
			mcpURL := startServe(t, "--dev", "--proxy", upstream)
			injector := startInjector(t, mcpURL)
			output := suite(t, "server", "--url", injector, "--requirements", revision.name, "-o", t.TempDir())
			passed := 0
			line := regexp.MustCompile(`(?m)^([✓✗]) ([a-z0-9-]+): (\d+) passed, (\d+) failed`)
			for _, m := range line.FindAllStringSubmatch(output, -1) {
				switch {
				case extensions.MatchString(m[2]):
				case m[1] == "✓" && m[3] != "0":
					passed++
				default:
					t.Errorf("%s: %s passed, %s failed", m[2], m[3], m[4])
				}
			}
			if passed < revision.scenarios {
				t.Errorf("%d scenarios passed with more than no check, want at least %d\n%s", passed, revision.scenarios, output)
			}
			t.Logf("%d scenarios passed", passed)
		})
	}
}

func TestConformanceAuthorization(t *testing.T) {
	mcpURL := startServe(t, "--dev")
	issuer := strings.TrimSuffix(mcpURL, "/mcp")
	port := freePort(t)
	clientID := register(t, issuer, "http://127.0.0.1:"+port+"/callback")

	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := suiteCommand(ctx, "authorization", "--url", issuer, "--client-id", clientID, "--resource", mcpURL, "-p", port, "-o", t.TempDir())
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	authorizeURL := regexp.MustCompile(regexp.QuoteMeta(issuer) + `/authorize\?\S+`)
	visited := make(chan error, 1)
	visits, address := 0, ""
	var output strings.Builder
	for lines := bufio.NewScanner(stdout); lines.Scan(); {
		output.WriteString(lines.Text() + "\n")
		if found := authorizeURL.FindString(lines.Text()); found != "" {
			address = found
		}
		if strings.Contains(lines.Text(), "Callback server started") && address != "" && visits == 0 {
			visits++
			go func() {
				visited <- newPerson(false, demoUser, http.DefaultTransport).visit(ctx, address)
			}()
		}
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the suite ended with %v", err)
	}
	if visits == 0 {
		t.Fatalf("the suite printed no authorization URL:\n%s", output.String())
	}
	if err := <-visited; err != nil {
		t.Errorf("signing in: %v", err)
	}
	for _, scenario := range []string{"authorization-server-metadata-endpoint", "authorization-code-grant"} {
		if !regexp.MustCompile(`✓ ` + scenario + `: [1-9]\d* passed, 0 failed`).MatchString(output.String()) {
			t.Errorf("%s did not pass:\n%s", scenario, output.String())
		}
	}
}

func suiteCommand(ctx context.Context, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, os.Getenv("CONFORMANCE_NODE"), append([]string{os.Getenv("CONFORMANCE_SUITE")}, args...)...)
}

// suite runs the suite to its end and returns what it printed.
func suite(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	output, err := suiteCommand(ctx, args...).CombinedOutput()
	if err != nil {
		t.Errorf("the suite ended with %v:\n%s", err, output)
	}
	return string(output)
}

// startEverything starts the MCP SDK's everything-server and returns its URL.
func startEverything(t *testing.T, stateless string) string {
	t.Helper()
	addr := "localhost:" + freePort(t)
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, os.Getenv("CONFORMANCE_EVERYTHING"), "-http="+addr, "-stateless="+stateless)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); _ = cmd.Wait() })
	waitFor(t, "the everything-server", func() bool {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return "http://" + addr + "/mcp"
}

// startInjector signs in to the server and starts a proxy that adds the token.
func startInjector(t *testing.T, mcpURL string) string {
	t.Helper()
	cache, err := tokencache.Open(tokencache.Config{Store: tokencache.StoreMemory})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := client.Connect(t.Context(), client.Config{
		Server: mcpURL, Cache: cache, SignIn: true, Timeout: 30 * time.Second, LoginTimeout: time.Minute,
		OpenBrowser: func(_ context.Context, address string) error {
			go func() { _ = newPerson(false, demoUser, http.DefaultTransport).visit(t.Context(), address) }()
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	session, err := cache.Load(t.Context(), tokencache.Key{Resource: mcpURL, Issuer: conn.Identity().Issuer})
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	target, err := url.Parse(strings.TrimSuffix(mcpURL, "/mcp"))
	if err != nil {
		t.Fatal(err)
	}
	proxy := &httputil.ReverseProxy{FlushInterval: -1, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host // the suite asks about Host and Origin
		r.Out.Header.Set("Authorization", "Bearer "+session.AccessToken)
	}}
	listener, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		t.Fatal(err)
	}
	httpServer := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Else the server takes the body away while it is still being sent on.
		_ = http.NewResponseController(w).EnableFullDuplex()
		proxy.ServeHTTP(w, r)
	})}
	go func() { _ = httpServer.Serve(listener) }()
	t.Cleanup(func() { _ = httpServer.Close() })
	return "http://localhost:" + portOf(listener.Addr()) + "/mcp"
}
