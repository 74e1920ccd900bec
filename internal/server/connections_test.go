package server_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// closed says whether the server has closed a connection without a word; it
// waits for an answer to a request on it.
func closed(t *testing.T, conn net.Conn) bool {
	t.Helper()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n") // may be closed
	must(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
	n, err := conn.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("neither an answer nor the end")
	}
	return n == 0
}

// Idle connections do not use up the files of the process, one address gets
// half of them, and a place is free again when its connection is closed.
func TestTooManyConnections(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		trusted bool
		want    int // of this address
	}{
		{"one address", false, 4},
		{"a trusted proxy", true, 8},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := start(t, setup{config: func(c *server.Config) {
				if c.MaxConnections = 8; test.trusted {
					c.TrustedProxies = prefixes("127.0.0.0/8")
				}
			}})
			var open []net.Conn
			for range test.want {
				conn := r.raw("")
				if closed(t, conn) {
					t.Fatalf("closed after %d", len(open))
				}
				open = append(open, conn)
			}
			for range 3 {
				if !closed(t, r.raw("")) {
					t.Fatalf("more than %d are open", test.want)
				}
			}
			must(t, open[0].Close())
			fresh := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
			eventually(t, "a place is free again", func() bool {
				res, err := fresh.Get(r.base)
				if err == nil {
					_ = res.Body.Close()
				}
				return err == nil
			})
		})
	}
}

// A subscriber's /48 counts as one, however many networks he has in it.
func TestTooManyConnectionsOfASite(t *testing.T) {
	t.Parallel()
	r := start(t, setup{config: func(c *server.Config) { c.MaxConnections = 8 }})
	connect := r.server.Connect()
	open := 0
	for i := range 20 {
		if connect(netip.MustParseAddr(fmt.Sprintf("2001:db8:1:%x::1", i))) {
			open++
		}
	}
	if open != 4 {
		t.Errorf("one /48 has %d of 8 connections", open)
	}
	if !connect(netip.MustParseAddr("2001:db8:2::1")) || !connect(netip.MustParseAddr("198.51.100.1")) {
		t.Error("nobody else can connect")
	}
}
