package server

import (
	"net/http"
	"strings"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// The headers by which a proxied server learns who calls. It must be reachable
// only through this proxy, or anybody can write them.
const (
	headerUserID   = "X-Discord-User-Id"  // the snowflake
	headerUsername = "X-Discord-Username" // as safeHeader writes it
	headerScopes   = "X-Discord-Scopes"   // of the access token, with spaces between
)

// setIdentity writes who calls.
func setIdentity(h http.Header, id *authserver.Identity) {
	h[headerUserID] = []string{id.User.ID}
	h[headerUsername] = []string{safeHeader(id.User.Username)}
	h[headerScopes] = []string{strings.Join(id.Scopes, " ")}
}

// safeHeader percent-encodes, in UTF-8, everything but printable ASCII, and
// the percent sign and the space: net/url.PathUnescape gives the text back.
// Names at Discord are lower-case ASCII today and stay as they are.
func safeHeader(text string) string {
	const hex = "0123456789ABCDEF"
	plain := func(c byte) bool { return c > ' ' && c < 0x7f && c != '%' }
	odd := 0
	for i := range len(text) {
		if !plain(text[i]) {
			odd++
		}
	}
	if odd == 0 {
		return text
	}
	out := make([]byte, 0, len(text)+2*odd)
	for i := range len(text) {
		if c := text[i]; plain(c) {
			out = append(out, c)
		} else {
			out = append(out, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(out)
}

// stripRequest removes what a proxied server must not get from a client:
// credentials that are ours, everything that says who calls or from where, and
// the browser's account of the calling page, which is checked already. The
// hop-by-hop headers, and those that Connection names, are gone before.
func stripRequest(h http.Header) {
	for name := range h {
		if stripped(name) {
			delete(h, name)
		}
	}
}

// paramPrefix begins the headers that mirror arguments of a tool: their names
// end with the argument's, which may hold any sign.
const paramPrefix = "Mcp-Param-"

// stripped decides on one header, whose name is in canonical form unless it is
// odd. Servers that hand headers on as variables (CGI, WSGI, PHP) take _ and
// other signs for -, so that X_Discord_User_Id would look like ours and
// Content_Length like the true one: no odd name gets through.
func stripped(name string) bool {
	if strings.HasPrefix(name, paramPrefix) {
		return false
	}
	if _, there := strippedHeaders[name]; there || odd(name) {
		return true
	}
	for _, prefix := range strippedPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// odd says whether a header's name holds anything but letters, digits and
// dashes.
func odd(name string) bool {
	for i := range len(name) {
		if c := name[i]; c != '-' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return true
		}
	}
	return false
}

// strippedPrefixes are families of headers by which servers are told who calls
// or what is asked for.
var strippedPrefixes = []string{
	"X-Discord", "X-Forwarded", "X-Auth-", "X-Authenticated", "X-Remote-", "X-User", "X-Original-",
	"Access-Control-", "Sec-Fetch-", "Cf-", "X-Envoy-", "X-Amzn-Oidc", "X-Goog-", "X-Ms-Client-Principal",
}

// strippedHeaders are single headers of that sort.
var strippedHeaders = setOf(
	"Authorization", "Cookie", "Cookie2", "Proxy-Authorization", "Forwarded", "Via", "Origin", "Referer",
	"Remote-User", "Remote-Addr", "X-Real-Ip", "X-Client-Ip", "X-Cluster-Client-Ip", "True-Client-Ip", "Client-Ip",
	"X-Rewrite-Url", "X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Host",
	"Expect", "Te", "Trailer", "Upgrade", "Connection", "Proxy-Connection", "Http2-Settings",
)

// stripResponse removes from the answer of a proxied server what would speak
// for this one: cookies, its own challenges and CORS rules, and orders to the
// browser about our whole origin.
func stripResponse(h http.Header) {
	for name := range h {
		if _, there := strippedAnswers[name]; there || strings.HasPrefix(name, "Access-Control-") {
			delete(h, name)
		}
	}
}

var strippedAnswers = setOf(
	"Set-Cookie", "Set-Cookie2", "Www-Authenticate", "Authentication-Info", "Proxy-Authenticate", "Proxy-Authentication-Info",
	"Alt-Svc", "Clear-Site-Data", "Refresh", "Location", "Strict-Transport-Security", "Public-Key-Pins", "Nel", "Report-To",
	"Origin-Agent-Cluster", "Service-Worker-Allowed", "Vary", headerRequestID,
)

func setOf(names ...string) map[string]struct{} {
	set := make(map[string]struct{}, len(names))
	for _, name := range names {
		set[name] = struct{}{}
	}
	return set
}
