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

// siteBits is the most of an IPv6 address that one subscriber commonly gets.
const siteBits = 48

// AddressNet is what limits count as one address: an IPv4 address, or the /64
// of an IPv6 one.
func AddressNet(addr netip.Addr) netip.Prefix { return network(addr, subnetBits) }

// AddressSite is what may be one subscriber's as a whole: an IPv4 address, or
// the /48 of an IPv6 one. It may be that of many people, too.
func AddressSite(addr netip.Addr) netip.Prefix { return network(addr, siteBits) }

func network(addr netip.Addr, bits int) netip.Prefix {
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		bits = addr.BitLen()
	}
	prefix, _ := addr.Prefix(bits) // only for bits out of range
	return prefix
}
