package client

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The bounds of the additional headers.
const (
	maxHeaders     = 32
	maxHeaderBytes = 16 << 10 // names and values together
)

// ownHeaders are those that HTTP or MCP itself decides on, beside Content-* and Mcp-*.
var ownHeaders = []string{
	"Accept", "Accept-Encoding", "Connection", "Expect", "Host",
	"Http2-Settings", "Keep-Alive", "Last-Event-Id", "Proxy-Authenticate", "Proxy-Connection", "Te", "Trailer",
	"Transfer-Encoding", "Upgrade",
}

// CheckHeader says whether a header can be added to requests; its error is of
// KindUsage and does not contain the value. The name is in canonical form (see
// [http.CanonicalHeaderKey]).
func CheckHeader(name, value string) error {
	bad := func(format string, args ...any) error {
		return &Error{Kind: KindUsage, Message: fmt.Sprintf(format, args...)}
	}
	switch {
	case name == "" || len(name) > 256 || strings.ContainsFunc(name, func(r rune) bool { return !tokenRune(r) }):
		return bad("an additional header has a name that no header has")
	case slices.Contains(ownHeaders, name) || strings.HasPrefix(name, "Mcp-") || strings.HasPrefix(name, "Content-"):
		return bad("the header %s cannot be set: it is part of the protocol", name)
	case strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }):
		return bad("the value of the header %s contains characters that none may have", name)
	}
	return nil
}

// tokenRune reports whether r may be in a header's name (RFC 9110, 5.6.2).
func tokenRune(r rune) bool {
	return r < 0x7f && (r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || strings.ContainsRune("!#$%&'*+-.^_`|~", r))
}

// checkHeader checks Config.Header as a whole.
func (cfg Config) checkHeader() error {
	count, size := 0, 0
	for _, name := range slices.Sorted(maps.Keys(cfg.Header)) {
		if http.CanonicalHeaderKey(name) != name {
			return &Error{Kind: KindUsage, Message: "an additional header has a name that no header has"}
		}
		for _, value := range cfg.Header[name] {
			if err := CheckHeader(name, value); err != nil {
				return err
			}
			count, size = count+1, size+len(name)+len(value)
		}
	}
	switch {
	case count > maxHeaders:
		return &Error{Kind: KindUsage, Message: fmt.Sprintf("there are more than %d additional headers", maxHeaders)}
	case size > maxHeaderBytes:
		return &Error{Kind: KindUsage, Message: fmt.Sprintf("the additional headers are larger than %d KiB", maxHeaderBytes>>10)}
	case len(cfg.Header["Authorization"]) > 1:
		return &Error{Kind: KindUsage, Message: "there is more than one Authorization header"}
	case len(cfg.Header["Authorization"]) == 1 && cfg.AccessToken != "":
		return &Error{Kind: KindUsage, Message: "there are both an access token and an Authorization header", Hint: "unset MCPDISCORD_TOKEN, or leave out that --header"}
	}
	return nil
}

// given reports whether the caller brings his own credentials: then there is
// no sign-in.
func (cfg Config) given() bool { return cfg.AccessToken != "" || cfg.Header.Get("Authorization") != "" }

// headed adds headers to the requests to one origin. It adds them when a
// request is sent, so that a redirect does not carry them elsewhere.
type headed struct {
	base   http.RoundTripper
	origin string
	header http.Header
}

// withHeader is base with the headers of the configuration, for the origin of
// the MCP server.
func (cfg Config) withHeader(base http.RoundTripper, server *url.URL) http.RoundTripper {
	if len(cfg.Header) == 0 {
		return base
	}
	return &headed{base: base, origin: origin(server), header: cfg.Header.Clone()}
}

// RoundTrip implements http.RoundTripper.
func (h *headed) RoundTrip(req *http.Request) (*http.Response, error) {
	if origin(req.URL) != h.origin {
		return h.base.RoundTrip(req)
	}
	req = req.Clone(req.Context()) // RoundTrippers do not touch what they are given
	for name, values := range h.header {
		req.Header[name] = values
	}
	return h.base.RoundTrip(req)
}
