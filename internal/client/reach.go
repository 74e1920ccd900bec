package client

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// maxURL bounds a URL that a server names, and maxHeader the header of its
// answer, in bytes.
const (
	maxURL    = 4096
	maxHeader = 1 << 20
)

// ServerURL is the address of a server as sign-ins are kept under it.
func ServerURL(raw string) (string, error) {
	u, err := parseServer(raw)
	if err != nil {
		return "", err
	}
	return u.String(), nil
}

// parseServer checks the address that the user named and gives its canonical
// form: lower-case scheme and host, no default port.
func parseServer(raw string) (*url.URL, error) {
	bad := func(why string) error {
		return &Error{
			Kind: KindUsage, Message: fmt.Sprintf("%q is not a server's address: %s", brief(raw), why),
			Hint: "an address looks like https://example.com/mcp",
		}
	}
	u, err := strictURL(raw)
	if err != nil {
		return nil, bad(err.Error())
	}
	if u.Scheme == "http" && !isLoopback(u.Hostname()) {
		return nil, bad("plain http is for this computer alone, use https")
	}
	return u, nil
}

// strictURL parses an absolute http or https URL without the parts that are
// only ever used to deceive.
func strictURL(raw string) (*url.URL, error) {
	if raw == "" || len(raw) > maxURL {
		return nil, fmt.Errorf("it is empty or too long")
	}
	if strings.ContainsFunc(raw, func(r rune) bool { return r <= ' ' || r == '\\' || !plain(r) }) {
		return nil, fmt.Errorf("it contains characters that no address has")
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, fmt.Errorf("it cannot be read")
	}
	u.Scheme = strings.ToLower(u.Scheme)
	u.Host = strings.ToLower(u.Host)
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("its scheme is not https")
	case u.Opaque != "" || u.Hostname() == "":
		return nil, fmt.Errorf("it names no host")
	case u.User != nil:
		return nil, fmt.Errorf("it contains a user name")
	case u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, fmt.Errorf("it contains a fragment")
	}
	if port := u.Port(); port == defaultPort(u.Scheme) || strings.HasSuffix(u.Host, ":") {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	return u, nil
}

func defaultPort(scheme string) string {
	if scheme == "https" {
		return "443"
	}
	return "80"
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}

// reach decides where a sign-in with one server may lead: anywhere public over
// https, to the host that the user named himself, and on loopback only when
// the server is there too. So a stranger's metadata cannot make this machine
// talk to its neighbors (RFC 9728, section 7.7).
type reach struct {
	host     string // the server's, without port
	loopback bool
}

func reachOf(server *url.URL) reach {
	return reach{host: server.Hostname(), loopback: isLoopback(server.Hostname())}
}

// check parses a URL that a server named and says whether it may be used.
func (r reach) check(raw string) (*url.URL, error) {
	u, err := strictURL(raw)
	if err != nil {
		return nil, err
	}
	host := u.Hostname()
	if isLoopback(host) {
		if !r.loopback {
			return nil, fmt.Errorf("it leads to this computer")
		}
		return u, nil
	}
	if u.Scheme != "https" {
		return nil, fmt.Errorf("it is not https")
	}
	if ip, err := netip.ParseAddr(host); err == nil && host != r.host && !public(ip) {
		return nil, fmt.Errorf("it leads into a private network")
	}
	return u, nil
}

// dial connects only where check would let a URL lead, whatever a name
// resolves to.
func (r reach) dial(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	if host, _, err := net.SplitHostPort(address); err != nil || !strings.EqualFold(host, r.host) {
		dialer.Control = func(_, resolved string, _ syscall.RawConn) error { return r.permit(resolved) }
	}
	return dialer.DialContext(ctx, network, address)
}

func (r reach) permit(resolved string) error {
	at, err := netip.ParseAddrPort(resolved)
	if err != nil {
		return fmt.Errorf("address %q cannot be read", resolved)
	}
	ip := at.Addr().Unmap()
	if public(ip) || ip.IsLoopback() && r.loopback {
		return nil
	}
	return &refusedURL{why: fmt.Errorf("its host is at %s, which is not a public address", ip)}
}

// special are the networks that netip does not know to be unreachable from
// the Internet: shared, benchmarking, documentation, reserved, NAT64, 6to4.
var special = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"),
	netip.MustParsePrefix("192.0.0.0/24"), netip.MustParsePrefix("192.0.2.0/24"),
	netip.MustParsePrefix("198.18.0.0/15"), netip.MustParsePrefix("198.51.100.0/24"),
	netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"),
	netip.MustParsePrefix("100::/64"), netip.MustParsePrefix("2001:db8::/32"),
	netip.MustParsePrefix("2002::/16"),
}

func public(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsGlobalUnicast() || ip.IsPrivate() {
		return false
	}
	for _, network := range special {
		if network.Contains(ip) {
			return false
		}
	}
	return true
}

// mcpClient is the HTTP client for the MCP server itself. It has no timeout:
// a tool may take its time, and every call has a context. A redirect is
// followed only within the server's origin, so that the Authorization header
// never leaves it.
func mcpClient(base http.RoundTripper) *http.Client {
	return &http.Client{Transport: base, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		first := via[0]
		if len(via) > 3 || req.Method != first.Method || origin(req.URL) != origin(first.URL) {
			return errRedirect
		}
		return nil
	}}
}

// oauthClient is the HTTP client for everything that a server's metadata
// leads to. Only a GET follows redirects, and each of them is checked.
func (r reach) oauthClient(base http.RoundTripper) *http.Client {
	return &http.Client{Transport: &guarded{reach: r, base: base}, CheckRedirect: func(_ *http.Request, via []*http.Request) error {
		if len(via) > 3 || via[0].Method != http.MethodGet {
			return errRedirect
		}
		return nil
	}}
}

// errRedirect is what a refused redirect ends in.
var errRedirect = fmt.Errorf("refused a redirect")

// guarded checks every URL, redirects included, before it is dialed.
type guarded struct {
	reach reach
	base  http.RoundTripper
}

func (g *guarded) RoundTrip(req *http.Request) (*http.Response, error) {
	if _, err := g.reach.check(req.URL.String()); err != nil {
		return nil, &refusedURL{why: err}
	}
	return g.base.RoundTrip(req)
}

// refusedURL says why an address that a server named was not used.
type refusedURL struct{ why error }

func (e *refusedURL) Error() string { return e.why.Error() }

// transports gives the one for MCP and the one for OAuth, and what closes
// their idle connections. Without one of the caller's, dialing is guarded
// unless a proxy does it; the URLs are checked in any case.
func (r reach) transports(given http.RoundTripper) (mcp, oauth http.RoundTripper, done func()) {
	if given != nil {
		return given, given, func() {}
	}
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.MaxIdleConnsPerHost = 64
	base.MaxResponseHeaderBytes = maxHeader
	direct := base.Clone()
	direct.Proxy = nil
	direct.DialContext = r.dial
	return base, &maybeProxied{direct: direct, proxied: base}, func() {
		base.CloseIdleConnections()
		direct.CloseIdleConnections()
	}
}

// maybeProxied sends a request the way the environment's proxy settings say.
type maybeProxied struct{ direct, proxied *http.Transport }

func (m *maybeProxied) RoundTrip(req *http.Request) (*http.Response, error) {
	if m.proxied.Proxy != nil {
		if proxy, err := m.proxied.Proxy(req); err != nil || proxy != nil {
			return m.proxied.RoundTrip(req)
		}
	}
	return m.direct.RoundTrip(req)
}

func origin(u *url.URL) string { return strings.ToLower(u.Scheme + "://" + u.Host) }
