package authserver

import (
	"net/netip"
	"slices"
)

// publicNetwork6 is all that IPv6 hands out to the internet. What is not in it
// (mapped, NAT64, unique local, link-local, multicast …) is never asked.
var publicNetwork6 = netip.MustParsePrefix("2000::/3")

// specialNetworks are those that are not the public internet, or are a way
// into something else (IANA's special-purpose registries, RFC 6890), without
// those that netip or publicNetwork6 knows.
var specialNetworks = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),        // this network
	netip.MustParsePrefix("100.64.0.0/10"),    // carriers' NAT
	netip.MustParsePrefix("168.63.129.16/32"), // Azure's services for its machines
	netip.MustParsePrefix("192.0.0.0/24"),     // protocol assignments
	netip.MustParsePrefix("192.0.2.0/24"),     // documentation
	netip.MustParsePrefix("192.88.99.0/24"),   // 6to4 relays
	netip.MustParsePrefix("198.18.0.0/15"),    // benchmarks
	netip.MustParsePrefix("198.51.100.0/24"),  // documentation
	netip.MustParsePrefix("203.0.113.0/24"),   // documentation
	netip.MustParsePrefix("240.0.0.0/4"),      // reserved, broadcast
	netip.MustParsePrefix("2001::/23"),        // Teredo, benchmarks, ORCHID
	netip.MustParsePrefix("2001:db8::/32"),    // documentation
	netip.MustParsePrefix("2002::/16"),        // 6to4
	netip.MustParsePrefix("3fff::/20"),        // documentation
}

// publicAddress says whether addr is a host of the public internet. An IPv4
// address in IPv6 form counts as what it maps.
func publicAddress(addr netip.Addr) bool {
	addr = addr.Unmap()
	if addr.Zone() != "" || !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return false
	}
	if addr.Is6() && !publicNetwork6.Contains(addr) {
		return false
	}
	return !slices.ContainsFunc(specialNetworks, func(p netip.Prefix) bool { return p.Contains(addr) })
}
