package server

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
)

// maxHops bounds how many entries of X-Forwarded-For are read: no chain of
// proxies is longer, and anybody may send a header of 64 KiB.
const maxHops = 16

// clientAddress is where a request comes from: the connection's other end, or,
// where that is a trusted proxy, the last address of X-Forwarded-For that is
// not one. Each proxy appends whom it got the request from, so what stands
// before the last trusted entry was written by anybody. An address that cannot
// be read makes the whole header nothing: it is the peer then. Forwarded (RFC
// 7239), X-Real-IP and the like are never read.
func (s *Server) clientAddress(r *http.Request) netip.Addr {
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{} // a recorder in a test, or no IP at all
	}
	peer := plain(ap.Addr())
	lines := r.Header["X-Forwarded-For"]
	if len(lines) == 0 {
		return peer
	}
	if !s.trustedProxy(peer) {
		if peer.IsPrivate() || peer.IsLoopback() {
			s.warnProxy(peer)
		}
		return peer
	}
	client := peer
	hops := 0
	for i := len(lines) - 1; i >= 0; i-- {
		for rest, more := lines[i], true; more; {
			var entry string
			rest, entry, more = cutLast(rest)
			addr, ok := parseHop(entry)
			if hops++; !ok || hops > maxHops {
				return peer
			}
			if client = addr; !s.trustedProxy(client) {
				return client
			}
		}
	}
	return client // proxies all the way
}

// warnProxy tells the log once that there seems to be a proxy that nobody
// named: with it, all people share the limits of one address.
func (s *Server) warnProxy(peer netip.Addr) {
	if !s.loopback && s.proxyWarned.CompareAndSwap(false, true) {
		s.log.LogAttrs(context.Background(), slog.LevelWarn, "X-Forwarded-For is not read: its sender is no trusted proxy, so limits count all who come through it as one",
			slog.String("sender", peer.String()), slog.String("hint", "if it is yours, name it in --trusted-proxies"))
	}
}

// cutLast cuts the last entry off a list.
func cutLast(list string) (rest, entry string, more bool) {
	i := strings.LastIndexByte(list, ',')
	if i < 0 {
		return "", list, false
	}
	return list[:i], list[i+1:], true
}

// parseHop reads an entry of X-Forwarded-For: an address, by some proxies with
// a port.
func parseHop(entry string) (netip.Addr, bool) {
	entry = strings.Trim(entry, " \t")
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(entry, "["), "]"))
	if err != nil {
		ap, err := netip.ParseAddrPort(entry)
		if err != nil {
			return addr, false
		}
		addr = ap.Addr()
	}
	return plain(addr), true
}

// plain is an address in its one spelling.
func plain(addr netip.Addr) netip.Addr { return addr.Unmap().WithZone("") }

func (s *Server) trustedProxy(addr netip.Addr) bool {
	for _, prefix := range s.cfg.TrustedProxies {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}
