package main

import (
	"fmt"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// doorFlags say who is let in, and how many.
type doorFlags struct {
	trustedProxies, limits []string
	tlsCert, tlsKey        string
	proxyTimeout           time.Duration

	proxies     []netip.Prefix
	rates       authserver.Limits
	certificate *server.Certificate // nil: plain http
}

func addDoorFlags(f *pflag.FlagSet, d *doorFlags) {
	f.StringVar(&d.tlsCert, "tls-cert", "", "serve https with the certificate in this PEM file; read again when it changes")
	f.StringVar(&d.tlsKey, "tls-key", "", "the PEM file of the certificate's key")
	f.StringSliceVar(&d.trustedProxies, "trusted-proxies", nil, "addresses or CIDRs of proxies whose X-Forwarded-For counts")
	f.StringSliceVar(&d.limits, "limits", nil, "requests of one address in 10 minutes, like register=300,consent=600; 0 is no limit")
	f.DurationVar(&d.proxyTimeout, "proxy-timeout", 10*time.Minute, "how long the server of --proxy may take to begin an answer; 0 is for ever")
}

// complete checks the flags; baseURL is "" where none is given.
func (d *doorFlags) complete(baseURL string) error {
	var err error
	if d.proxies, err = parsePrefixes(trimmed(d.trustedProxies)); err != nil {
		return err
	}
	if d.rates, err = authserver.ParseLimits(trimmed(d.limits)); err != nil {
		return usageError("--limits: "+err.Error(), "for example --limits register=300,consent=600", err)
	}
	switch {
	case d.proxyTimeout < 0:
		return usageError("--proxy-timeout is not less than zero", "leave it out for 10m", nil)
	case (d.tlsCert == "") != (d.tlsKey == ""):
		return usageError("--tls-cert and --tls-key are given together", "name both PEM files, or neither", nil)
	case d.tlsCert != "" && baseURL != "" && !strings.HasPrefix(baseURL, "https://"):
		return usageError("with --tls-cert the base URL is https", "give --base-url https://…, or leave the certificate out", nil)
	}
	return nil
}

// scheme is that of what is listened on.
func (d *doorFlags) scheme() string {
	if d.tlsCert != "" {
		return "https"
	}
	return "http"
}

// open reads the certificate.
func (d *doorFlags) open(baseURL string, logger *slog.Logger) error {
	if d.tlsCert == "" {
		return nil
	}
	var err error
	if d.certificate, err = server.LoadCertificate(d.tlsCert, d.tlsKey, logger); err != nil {
		return err
	}
	if u, err := url.Parse(baseURL); err == nil && d.certificate.Leaf().VerifyHostname(u.Hostname()) != nil {
		logger.Warn("the TLS certificate is not for the host of the base URL: clients will refuse it", "host", u.Hostname(), "file", d.tlsCert)
	}
	return nil
}

// parsePrefixes reads networks, and addresses as networks of one.
func parsePrefixes(items []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, item := range items {
		prefix, err := netip.ParsePrefix(item)
		if addr, single := netip.ParseAddr(item); single == nil {
			addr = addr.Unmap().WithZone("")
			prefix, err = netip.PrefixFrom(addr, addr.BitLen()), nil
		}
		switch {
		case err != nil, prefix.Addr().Is4In6():
			return nil, usageError(fmt.Sprintf("--trusted-proxies: %q is no address and no network", item), "write it like 10.0.0.0/8 or 127.0.0.1", err)
		case prefix.Bits() == 0:
			return nil, usageError("--trusted-proxies: "+item+" is everybody", "name the networks of your proxies: from others the header is made up", nil)
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}

// warnIfOpen tells of a secret's file that every user of the computer can read.
func (p *program) warnIfOpen(path string) {
	info, err := os.Stat(path)
	if err == nil && runtime.GOOS != "windows" && info.Mode().IsRegular() && info.Mode().Perm()&0o007 != 0 {
		p.note("WARNING: every user of this computer can read %s. Run: chmod 600 %s", path, path)
	}
}
