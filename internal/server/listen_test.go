package server_test

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

func closeAll(t *testing.T, lns []net.Listener) {
	t.Helper()
	for _, ln := range lns {
		must(t, ln.Close())
	}
}

func addresses(lns []net.Listener) []string {
	var out []string
	for _, ln := range lns {
		out = append(out, ln.Addr().String())
	}
	return out
}

// wantRefusal checks for an *Error with words for the person.
func wantRefusal(t *testing.T, err error, words string) {
	t.Helper()
	refusal, ok := errors.AsType[*server.Error](err)
	if !ok || refusal.Hint == "" || !strings.Contains(refusal.Message, words) {
		t.Fatalf("error %v (%T), want a *server.Error about %q with a hint", err, err, words)
	}
}

func TestListenLocalhostBindsBoth(t *testing.T) {
	t.Parallel()
	lns, err := server.Listen("127.0.0.1:0", "http://localhost:8000")
	must(t, err)
	defer closeAll(t, lns)
	if len(lns) != 2 {
		t.Fatalf("listens on %v, want 127.0.0.1 and ::1", addresses(lns))
	}
	port := lns[0].Addr().(*net.TCPAddr).Port
	want := []string{fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("[::1]:%d", port)}
	if got := addresses(lns); got[0] != want[0] || got[1] != want[1] {
		t.Errorf("listens on %v, want %v", got, want)
	}
}

// Another program on the half of localhost that we leave free would get the
// answers that are meant for us.
func TestAttack30OtherLoopbackTaken(t *testing.T) {
	t.Parallel()
	for _, taken := range []string{"127.0.0.1:0", "[::1]:0"} {
		t.Run(taken, func(t *testing.T) {
			t.Parallel()
			other, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", taken)
			must(t, err)
			defer func() { _ = other.Close() }()
			port := other.Addr().(*net.TCPAddr).Port
			lns, err := server.Listen(fmt.Sprintf("127.0.0.1:%d", port), fmt.Sprintf("http://localhost:%d", port))
			if err == nil {
				closeAll(t, lns)
			}
			wantRefusal(t, err, "another program listens on")
			free, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", freedSide(taken, port))
			if err != nil {
				t.Fatalf("the other half is still bound: %v", err)
			}
			must(t, free.Close())
		})
	}
}

func freedSide(taken string, port int) string {
	if strings.HasPrefix(taken, "[") {
		return fmt.Sprintf("127.0.0.1:%d", port)
	}
	return fmt.Sprintf("[::1]:%d", port)
}

func TestListenWithoutIPv6(t *testing.T) {
	t.Parallel()
	lns, err := server.ListenWith(func(network, address string) (net.Listener, error) {
		if network == "tcp6" {
			return nil, &net.OpError{Op: "listen", Err: syscall.EADDRNOTAVAIL}
		}
		return net.Listen(network, address)
	}, "localhost:0", "http://localhost:8000")
	must(t, err)
	defer closeAll(t, lns)
	if len(lns) != 1 || !strings.HasPrefix(lns[0].Addr().String(), "127.0.0.1:") {
		t.Errorf("listens on %v, want 127.0.0.1 alone", addresses(lns))
	}
}

// With port 0, a port that is taken on one half is given back for another.
func TestListenPortZeroTriesAgain(t *testing.T) {
	t.Parallel()
	refusals := 3
	lns, err := server.ListenWith(func(network, address string) (net.Listener, error) {
		if network == "tcp6" && address != "[::1]:0" && refusals > 0 {
			refusals--
			return nil, &net.OpError{Op: "listen", Err: syscall.EADDRINUSE}
		}
		return net.Listen(network, address)
	}, "127.0.0.1:0", "http://localhost")
	must(t, err)
	defer closeAll(t, lns)
	if len(lns) != 2 || refusals != 0 {
		t.Errorf("listens on %v after %d more refusals", addresses(lns), refusals)
	}
}

func TestListenRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, addr, base, words string
		usage                   bool
	}{
		{"no port", "127.0.0.1", "http://localhost", "is not host:port", true},
		{"port that is none", "127.0.0.1:0x", "http://localhost", "is not host:port", true},
		{"port above all", "127.0.0.1:65536", "http://localhost", "is not host:port", true},
		{"base URL without a scheme", "127.0.0.1:0", "mcp.example.com", "is not a scheme and a host alone", true},
		{"base URL with a path", "127.0.0.1:0", "http://localhost/x", "is not a scheme and a host alone", true},
		{"base URL with a password", "127.0.0.1:0", "https://user:secret@mcp.example.com", "is not a scheme and a host alone", true},
		{"base URL of a port alone", "127.0.0.1:0", "https://:8000", "is not a scheme and a host alone", true},
		{"http over the network", "127.0.0.1:0", "http://mcp.example.com", "anybody on the way can read", true},
		{"address that is not localhost", "192.0.2.1:0", "http://localhost", "does not serve the base URL", true},
		{"the other loopback address", "127.0.0.1:0", "http://[::1]:8000", "does not serve the base URL", true},
		{"localhost for an address", "localhost:0", "http://127.0.0.1:8000", "does not serve the base URL", true},
		{"address of another machine", "192.0.2.1:0", "https://mcp.example.com", "cannot listen on", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := server.Listen(test.addr, test.base)
			wantRefusal(t, err, test.words)
			refusal, _ := errors.AsType[*server.Error](err)
			if refusal.Usage != test.usage || strings.Contains(err.Error(), "secret") {
				t.Errorf("usage %v: %v", refusal.Usage, err)
			}
		})
	}
}

func TestListenAsGiven(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, addr, base, host string }{
		{"public base URL", "127.0.0.1:0", "https://mcp.example.com", "127.0.0.1"},
		{"numeric loopback", "127.0.0.1:0", "http://127.0.0.1:8000", "127.0.0.1"},
		{"every address", "0.0.0.0:0", "http://localhost:8000", "::"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			lns, err := server.Listen(test.addr, test.base)
			must(t, err)
			defer closeAll(t, lns)
			if len(lns) != 1 || lns[0].Addr().(*net.TCPAddr).IP.String() != test.host {
				t.Errorf("listens on %v, want %s", addresses(lns), test.host)
			}
		})
	}
}
