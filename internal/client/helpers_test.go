package client_test

import (
	"net"
	"testing"
)

// occupy takes a loopback port for the length of the test.
func occupy(t *testing.T, address string) {
	t.Helper()
	ln, err := net.Listen("tcp4", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
}
