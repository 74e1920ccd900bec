package server

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

const (
	defaultConnections = 10_000
	minConnections     = 64
	// addressShare: one address gets half of all connections at most. It may be
	// that of a proxy which nobody named, so it is a large part; a trusted proxy
	// may have all.
	addressShare = 2
	fullLogEvery = time.Minute
)

// maxConnections is how many connections may be open at once if nobody says:
// half of the files that this process may open. The other half is for the
// store, for Discord, and for the server behind --proxy, which needs one for
// each request.
func maxConnections() int {
	if files := openFiles(); files > 0 {
		return max(minConnections, min(defaultConnections, files/2))
	}
	return defaultConnections
}

// connections counts the open connections of all listeners, together and for
// each address (of IPv6: each /48). One too many is closed at once: left in the
// queue it would keep those behind it waiting, among them a balancer that asks
// whether we live.
type connections struct {
	size, share int
	trusted     func(netip.Addr) bool
	log         *slog.Logger

	mu     sync.Mutex
	open   int
	bySite map[netip.Prefix]int
	logged time.Time
}

func (s *Server) newConnections() *connections {
	size := s.cfg.MaxConnections
	if size == 0 {
		size = maxConnections()
	}
	return &connections{
		size: size, share: max(1, size/addressShare), trusted: s.trustedProxy, log: s.log,
		bySite: map[netip.Prefix]int{},
	}
}

// listen bounds what ln accepts.
func (c *connections) listen(ln net.Listener) net.Listener { return &boundedListener{ln, c} }

type boundedListener struct {
	net.Listener
	all *connections
}

// Accept implements [net.Listener].
func (l *boundedListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := peer(conn.RemoteAddr())
		if l.all.enter(from) {
			return &countedConn{Conn: conn, leave: sync.OnceFunc(func() { l.all.leave(from) })}, nil
		}
		_ = conn.Close()
	}
}

// peer is the address of a connection's other end; invalid: it is no IP.
func peer(addr net.Addr) netip.Addr {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return plain(tcp.AddrPort().Addr())
	}
	return netip.Addr{}
}

func (c *connections) enter(from netip.Addr) bool {
	site := authserver.AddressSite(from)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open < c.size && (c.bySite[site] < c.share || c.trusted(from)) {
		c.open++
		c.bySite[site]++
		return true
	}
	if now := time.Now(); now.Sub(c.logged) >= fullLogEvery {
		c.logged = now
		c.log.LogAttrs(context.Background(), slog.LevelWarn, "too many connections: new ones are closed",
			slog.Int("open", c.open), slog.Int("limit", c.size), slog.Int("of_this_address", c.bySite[site]))
	}
	return false
}

func (c *connections) leave(from netip.Addr) {
	site := authserver.AddressSite(from)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.bySite[site]--; c.bySite[site] == 0 {
		delete(c.bySite, site)
	}
}

// countedConn gives its place back once when it is closed.
type countedConn struct {
	net.Conn
	leave func()
}

// Close implements [net.Conn].
func (c *countedConn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// CloseWrite lets net/http end an answer to a request that it did not read,
// without a reset that would take the answer away.
func (c *countedConn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}
