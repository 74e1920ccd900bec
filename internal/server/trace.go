package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"net/netip"
)

// headerRequestID names a request in its answer, so that a person can quote it,
// and toward a proxied server.
const headerRequestID = "X-Request-Id"

// maxRequestID bounds an id that a proxy before this server has drawn, in bytes.
const maxRequestID = 64

// RequestID returns the id of the HTTP request that ctx belongs to, "" where it
// belongs to none. Every log line about the request has it.
func RequestID(ctx context.Context) string {
	if e := exchangeOf(ctx); e != nil {
		return e.id[0]
	}
	return ""
}

// Trace returns the ids of the W3C trace that ctx belongs to: that of the whole
// and that of the caller's span, in hex. Both are "" where the request came
// without one.
func Trace(ctx context.Context) (traceID, spanID string) {
	if e := exchangeOf(ctx); e != nil {
		return e.trace.id, e.trace.span
	}
	return "", ""
}

// requestID draws the id of a request, or takes that of a trusted proxy. It is
// returned as the value of a header.
func (s *Server) requestID(r *http.Request) []string {
	if given := r.Header[headerRequestID]; len(given) == 1 && wellFormedID(given[0]) && s.fromTrustedProxy(r) {
		return given
	}
	var raw [8]byte
	_, _ = rand.Read(raw[:]) // never fails
	return []string{hex.EncodeToString(raw[:])}
}

// fromTrustedProxy says whether the connection is a trusted proxy's.
func (s *Server) fromTrustedProxy(r *http.Request) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && s.trustedProxy(plain(peer.Addr()))
}

func wellFormedID(id string) bool {
	for i := range len(id) {
		if c := id[i]; (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && c != '-' && c != '_' && c != '.' {
			return false
		}
	}
	return id != "" && len(id) <= maxRequestID
}

// trace is a caller's trace context (W3C Trace Context). It is logged and
// passed on; no span of ours is made.
type trace struct{ id, span string }

// The parts of traceparent in version 00: version-trace id-parent id-flags.
const (
	traceVersion0 = "00-"
	traceLength   = 55
)

// parseTrace reads traceparent (§3.2). What is not exactly one well-formed value
// counts as none. Of a later version only what version 00 has is read (§4.3).
func parseTrace(values []string) trace {
	if len(values) != 1 {
		return trace{}
	}
	v := values[0]
	switch {
	case len(v) < traceLength, v[2] != '-', v[35] != '-', v[52] != '-', v[:2] == "ff":
		return trace{}
	case len(v) > traceLength && (v[:3] == traceVersion0 || v[traceLength] != '-'):
		return trace{}
	case !lowerHex(v[:2]), !lowerHex(v[53:traceLength]):
		return trace{}
	}
	t := trace{id: v[3:35], span: v[36:52]}
	if !lowerHex(t.id) || !lowerHex(t.span) || allZero(t.id) || allZero(t.span) {
		return trace{}
	}
	return t
}

func lowerHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func allZero(s string) bool {
	for i := range len(s) {
		if s[i] != '0' {
			return false
		}
	}
	return true
}

// setTrace writes what a proxied server gets of the caller's trace: all of it,
// or, where it cannot be read, nothing. It gets our request's id too.
func setTrace(h http.Header, e *exchange) {
	h[headerRequestID] = e.id
	if e.trace.id == "" {
		h.Del("Traceparent")
		h.Del("Tracestate")
	}
}
