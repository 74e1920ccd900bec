package authserver

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// maxRedirectURI bounds a redirect URI, in bytes.
const maxRedirectURI = 2 << 10

// DefaultAllowRedirect are the exact redirect URIs beside https and loopback
// ones that are accepted where nothing else is configured: those of Cursor and
// of VS Code. They are the only ones but loopback to which an error is
// redirected without a click.
func DefaultAllowRedirect() []string {
	return []string{
		"cursor://anysphere.cursor-mcp/oauth/callback",
		"https://vscode.dev/redirect",
		"https://insiders.vscode.dev/redirect",
	}
}

// loopbackRedirects are the beginnings of redirect URIs on this computer. The
// name localhost is the least safe of them (RFC 8252 §8.3), yet most clients
// use it.
var loopbackRedirects = []string{"http://127.0.0.1", "http://[::1]", "http://localhost"}

// responseParams are what we add to a redirect URI; one that has them already
// would have them twice.
var responseParams = []string{"code", "state", "iss", "error", "error_description", "error_uri"}

// canonicalRedirect checks a redirect URI and returns the form in which two are
// compared: byte for byte the same, but without the port on loopback, which
// the system gives a native app anew at each run (RFC 8252 §7.3).
func (s *Server) canonicalRedirect(raw string) (string, error) {
	if slices.Contains(s.cfg.AllowRedirect, raw) {
		return raw, nil
	}
	if err := checkRedirectText(raw); err != nil {
		return "", err
	}
	if canonical, ok, err := canonicalLoopback(raw); ok || err != nil {
		return canonical, err
	}
	u, err := url.Parse(raw)
	if err != nil {
		return "", errors.New("not a URL")
	}
	if !strings.HasPrefix(raw, "https://") {
		return "", errors.New("neither https nor http on this computer")
	}
	return raw, checkAuthority(u)
}

// checkRedirectText refuses what no redirect URI of ours contains, before
// anything reads the text as a URL: parsers differ in what they make of it.
func checkRedirectText(raw string) error {
	if raw == "" || len(raw) > maxRedirectURI {
		return fmt.Errorf("empty, or longer than %d bytes", maxRedirectURI)
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c > '~' || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			return errors.New("a character that belongs in no URL")
		}
	}
	if strings.Contains(raw, "#") {
		return errors.New("a fragment")
	}
	u, err := url.Parse(raw)
	if err != nil || u.Opaque != "" || u.Host == "" {
		return errors.New("not an absolute URL with a host")
	}
	if u.User != nil || strings.Contains(u.Host, "@") {
		return errors.New("a user name")
	}
	if decoded, err := url.PathUnescape(u.EscapedPath()); err != nil || hasControl(decoded) {
		return errors.New("an encoded control character")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return errors.New("an unreadable query")
	}
	for name, values := range query {
		if slices.Contains(responseParams, name) {
			return errors.New("a query parameter that the authorization response has too")
		}
		if hasControl(name) || slices.ContainsFunc(values, hasControl) {
			return errors.New("an encoded control character")
		}
	}
	return nil
}

func hasControl(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// canonicalLoopback removes the port of a redirect URI on this computer; ok
// says whether it is one.
func canonicalLoopback(raw string) (canonical string, ok bool, err error) {
	for _, prefix := range loopbackRedirects {
		rest, found := strings.CutPrefix(raw, prefix)
		if !found {
			continue
		}
		end := strings.IndexAny(rest, "/?")
		if end < 0 {
			end = len(rest)
		}
		switch port, found := strings.CutPrefix(rest[:end], ":"); {
		case found && !validPort(port):
			return "", false, errors.New("an impossible port")
		case !found && end > 0: // http://localhost.evil
			continue
		}
		return prefix + rest[end:], true, nil
	}
	return "", false, nil
}

func validPort(port string) bool {
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0 && port[0] != '0'
}

// checkAuthority refuses hosts that are read differently by different readers.
func checkAuthority(u *url.URL) error {
	host := u.Hostname()
	if strings.HasSuffix(u.Host, ":") || u.Port() != "" && !validPort(u.Port()) {
		return errors.New("an impossible port")
	}
	if strings.HasPrefix(u.Host, "[") {
		if addr, err := netip.ParseAddr(host); err != nil || addr.Zone() != "" {
			return errors.New("an impossible address")
		}
		return nil
	}
	for i := range len(host) {
		c := host[i]
		if c != '.' && c != '-' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return errors.New("an impossible host name")
		}
	}
	if host == "" || host[0] == '.' || strings.Contains(host, "..") {
		return errors.New("an impossible host name")
	}
	return nil
}

// checkAllowRedirect refuses configured redirect URIs that would run or read
// something in the browser instead of calling an app.
func checkAllowRedirect(raw string) error {
	if err := checkRedirectText(raw); err != nil {
		return fmt.Errorf("it has or is %w", err)
	}
	u, err := url.Parse(raw)
	if err != nil {
		return err
	}
	if raw[:len(u.Scheme)] != u.Scheme {
		return errors.New("write its scheme in lower case")
	}
	switch u.Scheme {
	case "javascript", "data", "vbscript", "file", "blob", "about", "filesystem", "view-source", "jar", "ws", "wss", "ftp":
		return errors.New("this scheme is never allowed")
	case "http":
		return errors.New("plain http is allowed on this computer only, and there without being listed")
	case "https":
		return checkAuthority(u)
	}
	return nil
}

// redirectFor returns the redirect URI that a request means: one of its
// client's, and exactly that but for the port on loopback. An error is for a
// page, never for a redirect (RFC 6749 §3.1.2.4).
func (s *Server) redirectFor(c *Client, requested string) (string, error) {
	if requested == "" {
		// OAuth 2.1 §2.3.2. Of a loopback URI the port is not known.
		if len(c.RedirectURIs) == 1 && !isLoopbackRedirect(c.RedirectURIs[0]) {
			return c.RedirectURIs[0], nil
		}
		return "", errInvalidRequest("The app did not say where to send you back.")
	}
	canonical, err := s.canonicalRedirect(requested)
	if err != nil || !slices.Contains(c.RedirectURIs, canonical) {
		return "", errInvalidRequest("The address that the app asked to send you back to is not one that it registered.")
	}
	return requested, nil
}

func isLoopbackRedirect(uri string) bool {
	_, ok, err := canonicalLoopback(uri)
	return ok && err == nil
}

// mayRedirectErrors says whether a browser may be sent to uri before its user
// has seen a page of ours (OAuth 2.1 §7.12.2): nobody but the user's own
// computer, or a place that the operator named.
func (s *Server) mayRedirectErrors(uri string) bool {
	return isLoopbackRedirect(uri) || slices.Contains(s.cfg.AllowRedirect, uri)
}

// responseURL adds the parameters of an authorization response to a redirect
// URI, whose own query stays as it is, byte for byte.
func responseURL(redirectURI string, params url.Values) string {
	sep := "?"
	if _, query, found := strings.Cut(redirectURI, "?"); found {
		sep = "&"
		if query == "" || strings.HasSuffix(query, "&") {
			sep = ""
		}
	}
	return redirectURI + sep + params.Encode()
}

// redirectHost is the part of a redirect URI that its user should look at.
func redirectHost(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	if u.Scheme == "http" || u.Scheme == "https" {
		return u.Host
	}
	return u.Scheme + "://" + u.Host
}
