package client

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// dialPatience bounds one connection, or one handshake.
	dialPatience = 5 * time.Second
	// maxDialed bounds how many addresses of a name are tried.
	maxDialed = 8
	// renewalDue is how long before its end a certificate should have been
	// renewed, or a quarter of its life where that is shorter.
	renewalDue = 14 * 24 * time.Hour
	// The differences between clocks that are worth a word, and that break
	// sign-ins.
	oddClock   = time.Minute
	wrongClock = 5 * time.Minute
)

func (d *diagnosis) lookAtAddress(context.Context) Step { return ok("%s", d.server) }

// proxy is the host of the proxy that requests to the server go through, or "".
func (d *diagnosis) proxy() string {
	choose := http.DefaultTransport.(*http.Transport).Proxy
	if d.cfg.Transport != nil {
		given, _ := d.cfg.Transport.(*http.Transport)
		if given == nil {
			return ""
		}
		choose = given.Proxy
	}
	if choose == nil {
		return ""
	}
	at, err := choose(&http.Request{URL: d.url})
	if err != nil || at == nil {
		return "" // the endpoint will tell
	}
	return at.Host
}

// lookUp finds the addresses of the server's name.
func (d *diagnosis) lookUp(ctx context.Context) Step {
	host := d.url.Hostname()
	if proxy := d.proxy(); proxy != "" {
		return skipped("the proxy %s looks it up (HTTPS_PROXY, NO_PROXY)", proxy)
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		d.addresses = []netip.Addr{ip}
		return ok("not needed for %s%s", host, whereabouts(d.addresses))
	}
	ctx, cancel := d.patient(ctx)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	var unknown *net.DNSError
	switch {
	case errors.As(err, &unknown) && unknown.IsNotFound:
		return failed("check the address", "there is no host %s", host)
	case err != nil:
		return failed("check that this computer is on the network, and its DNS servers", "the address of %s cannot be looked up", host)
	}
	for _, ip := range found {
		d.addresses = append(d.addresses, ip.Unmap())
	}
	return ok("%s is %s%s", host, listed(d.addresses), whereabouts(d.addresses))
}

func listed[T fmt.Stringer](values []T) string {
	var words []string
	for i, v := range values {
		if i == maxDialed {
			words = append(words, fmt.Sprintf("and %d more", len(values)-i))
			break
		}
		words = append(words, v.String())
	}
	return strings.Join(words, ", ")
}

// whereabouts says where addresses are that are not on the Internet.
func whereabouts(ips []netip.Addr) string {
	for _, ip := range ips {
		switch {
		case ip.IsLoopback():
			return ": this computer"
		case !public(ip):
			return ": a private network"
		}
	}
	return ""
}

// dialAll connects to every address of the server.
func (d *diagnosis) dialAll(ctx context.Context) Step {
	if proxy := d.proxy(); proxy != "" {
		conn, err := (&net.Dialer{Timeout: d.dialWait()}).DialContext(ctx, "tcp", proxy)
		if err != nil {
			return failed("check HTTPS_PROXY and NO_PROXY", "the proxy %s cannot be reached: %s", proxy, dialFailure(err))
		}
		_ = conn.Close()
		return ok("the proxy %s answers", proxy)
	}
	addresses := d.addresses[:min(len(d.addresses), maxDialed)]
	errs := make([]error, len(addresses))
	var dialing sync.WaitGroup
	for i, ip := range addresses {
		dialing.Go(func() {
			var conn net.Conn
			conn, errs[i] = (&net.Dialer{Timeout: d.dialWait()}).DialContext(ctx, "tcp", d.portOf(ip))
			if errs[i] == nil {
				_ = conn.Close()
			}
		})
	}
	dialing.Wait()
	var good, bad []string
	v6 := false // some IPv6 address fails although this computer has IPv6
	for i, ip := range addresses {
		if errs[i] == nil {
			good = append(good, d.portOf(ip))
			continue
		}
		bad = append(bad, d.portOf(ip)+" ("+dialFailure(errs[i])+")")
		v6 = v6 || !errors.Is(errs[i], syscall.ENETUNREACH) && !errors.Is(errs[i], syscall.EADDRNOTAVAIL) && !errors.Is(errs[i], syscall.EHOSTUNREACH)
	}
	local := isLoopback(d.url.Hostname())
	switch {
	case len(good) == 0 && local:
		return failed("start the server there, for example with {program} serve --dev, or check the port", "nobody listens on %s", strings.Join(bad, ", "))
	case len(good) == 0:
		return failed("check the address and its port, and that a firewall lets it through", "no connection to %s", strings.Join(bad, ", "))
	case local && len(good) > 1 && d.differ(ctx, good):
		return warning("end the one that is not meant", "%s are two programs: which one answers is chance", strings.Join(good, " and "))
	case len(bad) > 0 && !local && v6:
		return warning("tell the operator of the server", "%s answers, but not %s", strings.Join(good, ", "), strings.Join(bad, ", "))
	case len(bad) > 0:
		return ok("%s answers, %s does not", strings.Join(good, ", "), strings.Join(bad, ", "))
	}
	return ok("%s answers", strings.Join(good, ", "))
}

// dialWait bounds one connection.
func (d *diagnosis) dialWait() time.Duration { return min(dialPatience, d.cfg.Timeout) }

func (d *diagnosis) portOf(ip netip.Addr) string {
	return net.JoinHostPort(ip.String(), first(d.url.Port(), defaultPort(d.url.Scheme)))
}

func dialFailure(err error) string {
	var slow net.Error
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.EADDRNOTAVAIL):
		return "no route"
	case errors.As(err, &slow) && slow.Timeout():
		return "no answer"
	}
	return "it failed"
}

// differ reports whether different programs answer at the addresses of this
// computer: one that was forgotten on ::1 is met instead of the one on 127.0.0.1.
func (d *diagnosis) differ(ctx context.Context, addresses []string) bool {
	answers := map[string]bool{}
	for _, at := range addresses {
		base := d.baseTransport()
		base.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: d.dialWait()}).DialContext(ctx, network, at)
		}
		answers[d.fingerprint(ctx, base)] = true
		base.CloseIdleConnections()
	}
	return len(answers) > 1
}

// fingerprint is what tells programs apart in how they refuse a stranger. None
// of the given headers is sent: one of the programs is not who they are for.
func (d *diagnosis) fingerprint(ctx context.Context, base http.RoundTripper) string {
	ctx, cancel := context.WithTimeout(ctx, d.dialWait())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.server, nil)
	if err != nil {
		return err.Error()
	}
	req.Header.Set("User-Agent", userAgent(d.cfg.Version))
	resp, err := d.debug.over(base).RoundTrip(req)
	if err != nil {
		return "no answer"
	}
	_ = resp.Body.Close()
	h := resp.Header
	return fmt.Sprint(resp.StatusCode, h.Get("Server"), h.Get("Content-Type"), h.Get("Www-Authenticate"))
}

// baseTransport is a transport of our own that trusts what the client's does.
func (d *diagnosis) baseTransport() *http.Transport {
	given, _ := d.cfg.Transport.(*http.Transport)
	if given == nil {
		given = http.DefaultTransport.(*http.Transport)
	}
	base := given.Clone()
	base.Proxy = nil
	return base
}

// shakeHands looks at the server's certificate.
func (d *diagnosis) shakeHands(ctx context.Context) Step {
	switch proxy := d.proxy(); {
	case d.url.Scheme == "http":
		return skipped("none: it is plain http, on this computer")
	case proxy != "":
		return skipped("it is reached through the proxy %s: see the endpoint", proxy)
	}
	ctx, cancel := context.WithTimeout(ctx, d.dialWait())
	defer cancel()
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if given := d.baseTransport().TLSClientConfig; given != nil {
		config = given
	}
	address := net.JoinHostPort(d.url.Hostname(), first(d.url.Port(), defaultPort(d.url.Scheme)))
	conn, err := (&tls.Dialer{Config: config}).DialContext(ctx, "tcp", address)
	if err != nil {
		return d.badHandshake(err)
	}
	state := conn.(*tls.Conn).ConnectionState()
	_ = conn.Close()
	leaf := state.PeerCertificates[0]
	left, life := leaf.NotAfter.Sub(d.cfg.Now()), leaf.NotAfter.Sub(leaf.NotBefore)
	seen := fmt.Sprintf("%s, certificate of %s until %s", tls.VersionName(state.Version), issuedBy(leaf), leaf.NotAfter.UTC().Format(time.DateOnly))
	if left < min(renewalDue, life/4) {
		return warning("its operator should renew it", "%s: that is soon", seen)
	}
	return ok("%s", seen)
}

// issuedBy is who signed a certificate.
func issuedBy(c *x509.Certificate) string {
	return brief(first(strings.Join(c.Issuer.Organization, ", "), c.Issuer.CommonName, "an unnamed authority"))
}

// badHandshake says what is wrong with a server's TLS.
func (d *diagnosis) badHandshake(err error) Step {
	var certificate *tls.CertificateVerificationError
	if !errors.As(err, &certificate) || len(certificate.UnverifiedCertificates) == 0 {
		var record tls.RecordHeaderError
		if errors.As(err, &record) {
			return failed("check the port of the address", "%s does not speak https", d.url.Host)
		}
		return failed("check the port of the address; if it is right, tell the operator of the server", "%s broke off the TLS handshake", d.url.Host)
	}
	leaf := certificate.UnverifiedCertificates[0]
	var invalid x509.CertificateInvalidError
	var name x509.HostnameError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && d.cfg.Now().Before(leaf.NotBefore):
		return failed("check this computer's clock", "its certificate is good from %s on", leaf.NotBefore.UTC().Format(time.DateTime))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return failed("its operator must renew it, unless it is this computer's clock that is wrong", "its certificate ended on %s", leaf.NotAfter.UTC().Format(time.DateTime))
	case errors.As(err, &name):
		return failed("check the address", "its certificate is not for %s but for %s", d.url.Hostname(), first(brief(strings.Join(leaf.DNSNames, ", ")), "no name at all"))
	case errors.As(err, &unknown):
		return failed("if that is your organization's own, make this computer trust it (on Linux also SSL_CERT_FILE=ca.pem)", "its certificate is by %s, whom this computer does not trust", issuedBy(leaf))
	}
	return failed("tell the operator of the server", "its certificate is not trusted")
}

// heard notes what the first answer of a server says of itself.
type heard struct {
	base http.RoundTripper
	now  func() time.Time

	mu       sync.Mutex
	header   http.Header // nil: there was no answer
	at       time.Time
	location *url.URL
}

// RoundTrip implements http.RoundTripper.
func (h *heard) RoundTrip(req *http.Request) (*http.Response, error) {
	resp, err := h.base.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.header == nil {
		h.header, h.at = resp.Header.Clone(), h.now()
	}
	if to, err := resp.Location(); err == nil {
		h.location = to
	}
	return resp, nil
}

// answer is what was noted.
func (h *heard) answer() (header http.Header, at time.Time, location *url.URL) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.header, h.at, h.location
}

// compareClocks asks the server for the first time, and compares its clock.
func (d *diagnosis) compareClocks(ctx context.Context) Step {
	d.knock(ctx)
	header, at, _ := d.heard.answer()
	theirs, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return skipped("the server does not say what time it has")
	}
	ahead := theirs.Sub(at).Round(time.Second)
	side := "ahead of"
	if ahead > 0 {
		side = "behind"
	}
	const fix = "set this computer's clock by the network; if it is right already, tell the operator of the server"
	switch away := ahead.Abs(); {
	case away > wrongClock:
		return failed(fix, "this computer's clock is %s %s the server's: tokens look expired, or not yet good", away, side)
	case away > oddClock:
		return warning(fix, "this computer's clock is %s %s the server's", away, side)
	}
	return ok("the same as the server's")
}
