package server

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"syscall"
)

// Error is why the server cannot start, in words for whoever starts it.
type Error struct {
	Message string // one line, without a full stop
	Hint    string // what to do about it
	Usage   bool   // the configuration is wrong, not the machine
	Err     error  // the cause; nil where there is none
}

func (e *Error) Error() string {
	if e.Err != nil {
		return e.Message + ": " + e.Err.Error()
	}
	return e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Listen binds addr (host:port; port 0 is any free one). Its errors are *Error.
//
// Where the base URL's host is localhost, both 127.0.0.1 and ::1 are bound, at
// the same port: browsers take either, and another program on the one that we
// left free would receive Discord's answers, codes and all. On a machine
// without IPv6, 127.0.0.1 is enough.
func Listen(addr, baseURL string) ([]net.Listener, error) { return listen(net.Listen, addr, baseURL) }

type binder func(network, address string) (net.Listener, error)

func listen(bind binder, addr, baseURL string) ([]net.Listener, error) {
	host, port, err := net.SplitHostPort(addr)
	if _, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil {
		return nil, &Error{Message: fmt.Sprintf("the address %q is not host:port", addr), Hint: "write it like 127.0.0.1:8000", Usage: true, Err: err}
	}
	base, err := parseBaseURL(baseURL)
	if err != nil {
		return nil, err
	}
	wildcard := host == ""
	if ip, err := netip.ParseAddr(host); err == nil {
		wildcard = ip.IsUnspecified()
	}
	elsewhere := &Error{
		Message: fmt.Sprintf("the address %s does not serve the base URL %s", addr, baseURL),
		Hint:    "listen on 127.0.0.1, or set the base URL that people see",
		Usage:   true,
	}
	if ip, err := netip.ParseAddr(base.Hostname()); err == nil && ip.IsLoopback() {
		// Another program on that address would receive Discord's answers.
		if at, err := netip.ParseAddr(host); !wildcard && (err != nil || at != ip) {
			return nil, elsewhere
		}
	}
	switch {
	case !strings.EqualFold(base.Hostname(), "localhost"):
		return bindOne(bind, addr)
	case wildcard: // every address, and so both
		return bindOne(bind, ":"+port)
	case isLoopbackHost(net.JoinHostPort(host, port)):
		return bindBoth(bind, port)
	default:
		return nil, elsewhere
	}
}

func bindOne(bind binder, addr string) ([]net.Listener, error) {
	ln, err := bind("tcp", addr)
	if err != nil {
		return nil, cannotListen(addr, err)
	}
	return []net.Listener{ln}, nil
}

// portTries is how often a port that is free on 127.0.0.1 but not on ::1 is
// given back for another, where any port will do.
const portTries = 50

// bindBoth binds port on 127.0.0.1 and on ::1.
func bindBoth(bind binder, port string) ([]net.Listener, error) {
	anyPort := port == "0"
	for try := 1; ; try++ {
		v4, err := bind("tcp4", net.JoinHostPort("127.0.0.1", port))
		if err != nil {
			return nil, cannotListen(net.JoinHostPort("127.0.0.1", port), err)
		}
		chosen := strconv.Itoa(v4.Addr().(*net.TCPAddr).Port)
		v6, err := bind("tcp6", net.JoinHostPort("::1", chosen))
		if err == nil {
			return []net.Listener{v4, v6}, nil
		}
		if !hasIPv6(bind) {
			return []net.Listener{v4}, nil
		}
		_ = v4.Close()
		if !anyPort || try == portTries {
			return nil, cannotListen(net.JoinHostPort("::1", chosen), err)
		}
	}
}

// hasIPv6 says whether ::1 can be bound at all.
func hasIPv6(bind binder) bool {
	probe, err := bind("tcp6", "[::1]:0")
	if err != nil {
		return false
	}
	_ = probe.Close()
	return true
}

// wsaeAddrInUse and wsaeAcces are how Windows says that a port is taken, or
// reserved.
const (
	wsaeAddrInUse = syscall.Errno(10048)
	wsaeAcces     = syscall.Errno(10013)
)

func cannotListen(addr string, err error) error {
	_, port, _ := net.SplitHostPort(addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE), errors.Is(err, wsaeAddrInUse):
		return &Error{Message: "another program listens on " + addr, Hint: "end it, or choose another port with --addr", Err: err}
	case errors.Is(err, syscall.EACCES), errors.Is(err, wsaeAcces):
		return &Error{Message: "this user may not listen on " + addr, Hint: "choose another port than " + port + " with --addr; those above 1023 are free for everybody", Err: err}
	default:
		return &Error{Message: "cannot listen on " + addr, Hint: "check --addr", Err: err}
	}
}
