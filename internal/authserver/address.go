package authserver

import (
	"context"
	"net/netip"
)

// addressKey is where a request's context holds its client's address.
type addressKey struct{}

// WithClientAddress returns a context of a request that came from addr. Whoever
// serves the routes decides which address that is: behind a proxy it is not the
// connection's.
func WithClientAddress(ctx context.Context, addr netip.Addr) context.Context {
	return context.WithValue(ctx, addressKey{}, addr)
}

// ClientAddress returns the address that a request came from. It is invalid
// where nobody said.
func ClientAddress(ctx context.Context) netip.Addr {
	addr, _ := ctx.Value(addressKey{}).(netip.Addr)
	return addr
}

// subnetBits is how much of an IPv6 address one subscriber cannot change: he
// gets a /64 at least and any address in it.
const subnetBits = 64

// AddressNet is what limits count as one address: an IPv4 address, or the /64
// of an IPv6 one.
func AddressNet(addr netip.Addr) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	bits := subnetBits
	if addr.Is4() {
		bits = addr.BitLen()
	}
	prefix, _ := addr.Prefix(bits) // only for bits out of range
	return prefix
}
