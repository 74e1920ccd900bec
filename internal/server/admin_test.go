package server_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// socketIn is a path short enough for a socket.
func socketIn(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "d", "admin.sock")
}

// admin asks over a socket and returns the lines.
func admin(t *testing.T, path, method, target, body string) (int, []server.AdminLine) {
	t.Helper()
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", path)
	}}
	defer transport.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://admin"+target, strings.NewReader(body))
	must(t, err)
	resp, err := transport.RoundTrip(req)
	must(t, err)
	defer resp.Body.Close()
	var lines []server.AdminLine
	scanner := bufio.NewScanner(resp.Body)
	for resp.StatusCode == http.StatusOK && scanner.Scan() {
		var line server.AdminLine
		must(t, json.Unmarshal(scanner.Bytes(), &line))
		lines = append(lines, line)
	}
	must(t, scanner.Err())
	return resp.StatusCode, lines
}

func TestAdmin(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	path := socketIn(t)
	ln, err := server.ListenAdmin(path, nil)
	must(t, err)
	a := server.ServeAdmin(ln, r.auth, nil)
	defer a.Close()
	for name, mode := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	for _, test := range []struct {
		name, method, target, body string
		status, lines              int
	}{
		{"grants", "GET", "/grants", "", 200, 1},
		{"grants of one", "GET", "/grants?user=" + nelly, "", 200, 1},
		{"no id", "GET", "/grants?user=nelly", "", 400, 0},
		{"clients", "GET", "/clients", "", 200, 1},
		{"revoke", "POST", "/revoke", `{"all":true}`, 200, 2},
		{"nothing said", "POST", "/revoke", `{}`, 200, 1},
		{"misspelled", "POST", "/revoke", `{"All_":true}`, 400, 0},
		{"long", "POST", "/revoke", `{"client_id":"` + strings.Repeat("x", 5000) + `"}`, 400, 0},
		{"elsewhere", "GET", "/mcp", "", 404, 0},
	} {
		status, lines := admin(t, path, test.method, test.target, test.body)
		if status != test.status || len(lines) != test.lines {
			t.Errorf("%s: %d, %+v", test.name, status, lines)
			continue
		}
		if n := len(lines); n > 0 && lines[n-1].Done == (lines[n-1].Error != "") {
			t.Errorf("%s: the last line is %+v", test.name, lines[n-1])
		}
	}
	if _, lines := admin(t, path, "POST", "/revoke", `{}`); lines[0].Error == "" {
		t.Error("a revocation that says nothing is done")
	}
	a.Close()
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
}

// TestAdminSocketTaken: a live socket, and what is none, stay as they are; what
// a dead process left is replaced.
func TestAdminSocketTaken(t *testing.T) {
	t.Parallel()
	path := socketIn(t)
	live, err := server.ListenAdmin(path, nil)
	must(t, err)
	if _, err := server.ListenAdmin(path, nil); !errors.Is(err, server.ErrAdminInUse) {
		t.Errorf("a live one: %v", err)
	}
	must(t, live.Close())
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	must(t, err)
	dead.SetUnlinkOnClose(false)
	must(t, dead.Close())
	first, err := server.ListenAdmin(path, nil)
	must(t, err)
	must(t, os.Remove(path))
	second, err := server.ListenAdmin(path, nil)
	must(t, err)
	must(t, first.Close())
	if _, err := os.Lstat(path); err != nil {
		t.Errorf("another's socket was removed: %v", err)
	}
	must(t, second.Close())
	must(t, os.WriteFile(path, []byte("a novel"), 0o600))
	if _, err := server.ListenAdmin(path, nil); err == nil {
		t.Error("a file is taken for a socket")
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "a novel" {
		t.Errorf("the file is %q, %v", text, err)
	}
	if _, err := server.ListenAdmin(filepath.Join(filepath.Dir(path), strings.Repeat("x", 104)), nil); err == nil {
		t.Error("a path is too long for a socket, and nobody says so")
	}
}

// refusedAt says whether the socket lets this connection ask nothing.
func refusedAt(t *testing.T, conn net.Conn) bool {
	t.Helper()
	defer conn.Close()
	_, _ = io.WriteString(conn, "GET /clients HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n")
	text, _ := io.ReadAll(conn)
	return len(text) == 0
}
