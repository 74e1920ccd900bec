package server

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// hostAllowed guards against DNS rebinding: a server on this machine answers
// only to names of this machine, at any port. Behind a public base URL the Host
// is whatever the front server makes of it, and nothing is built from it.
func (s *Server) hostAllowed(r *http.Request) bool {
	return !s.loopback || isLoopbackHost(r.Host)
}

// isLoopbackHost says whether host, with or without a port, is this machine:
// localhost or an address of the loopback net, written as an address.
func isLoopbackHost(host string) bool {
	u := url.URL{Host: host}
	name := u.Hostname()
	if host == "" || strings.ContainsAny(host, "/?#@\\ ") {
		return false
	}
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(name)
	return err == nil && ip.Zone() == "" && ip.Unmap().IsLoopback()
}

// allowedOrigins is the set of web origins that may call the MCP endpoint. Its
// errors are *Error.
func allowedOrigins(baseURL string, more []string) (map[string]struct{}, error) {
	origins := map[string]struct{}{strings.ToLower(baseURL): {}}
	for _, origin := range more {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || !strings.EqualFold(origin, u.Scheme+"://"+u.Host) {
			return nil, &Error{Message: fmt.Sprintf("the origin %q is not a scheme and a host alone", origin), Hint: "write it as browsers do, like https://app.example.com", Usage: true, Err: err}
		}
		origins[strings.ToLower(origin)] = struct{}{}
	}
	return origins, nil
}

// originAllowed decides on the Origin headers of a request for the MCP
// endpoint. Programs send none; a browser sends that of the page that calls.
// The opaque origin null is anybody's and never allowed.
func (s *Server) originAllowed(values []string) bool {
	switch len(values) {
	case 0:
		return true
	case 1:
	default:
		return false
	}
	origin := strings.ToLower(values[0])
	if _, ok := s.origins[origin]; ok {
		return true
	}
	if !s.cfg.Dev {
		return false
	}
	scheme, host, ok := strings.Cut(origin, "://")
	return ok && (scheme == "http" || scheme == "https") && isLoopbackHost(host)
}

// exposedHeaders are what scripts of an allowed origin may read of an answer.
const exposedHeaders = "WWW-Authenticate, Mcp-Session-Id, Retry-After, X-Request-Id"

// allowOrigin lets the page at origin read the answer of the MCP endpoint.
func allowOrigin(h http.Header, origin string) {
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Expose-Headers", exposedHeaders)
	h.Add("Vary", "Origin")
}

// maxPreflight bounds the header list of a preflight, in bytes.
const maxPreflight = 4 << 10

// servePreflight answers the question of a browser whether a page of an
// allowed origin may call. It comes before authentication: browsers send no
// token with it. Any header is allowed, for those that mirror tool parameters
// (Mcp-Param-…) have any name.
func (s *Server) servePreflight(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Methods", s.methods)
	h.Set("Access-Control-Max-Age", "600")
	if wanted := r.Header.Get("Access-Control-Request-Headers"); len(wanted) <= maxPreflight {
		h.Set("Access-Control-Allow-Headers", wanted)
	}
	h.Add("Vary", "Access-Control-Request-Headers")
	h.Set("Allow", s.methods+", OPTIONS")
	w.WriteHeader(http.StatusNoContent)
}

// anyOrigin lets scripts of any page read the answers of h: metadata, which
// everybody may know, and endpoints that take no cookie.
func anyOrigin(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Access-Control-Expose-Headers", "WWW-Authenticate, Retry-After, X-Request-Id")
		h.ServeHTTP(w, r)
	})
}

// servePublicPreflight answers a preflight for anyOrigin. The wildcard does
// not cover Authorization, so the headers are named.
func servePublicPreflight(w http.ResponseWriter, _ *http.Request) {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Access-Control-Allow-Methods", "GET, POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, Accept, MCP-Protocol-Version")
	h.Set("Access-Control-Max-Age", "86400")
	w.WriteHeader(http.StatusNoContent)
}
