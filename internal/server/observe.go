package server

import (
	"net/http"
	"strings"
	"time"
)

// Observation is one request, once it is answered. Nothing of it is a
// stranger's choice but Method, which is bounded like the rest.
type Observation struct {
	Route  string        // the path of the route as it is registered; "" where there is none
	Method string        // of HTTP; "" for one that no route knows
	Status int           // 0: the connection broke off before there was one
	Tool   string        // the built-in tool that was called; "" for none
	Stream bool          // the answer lived for long: its time says nothing
	Took   time.Duration // until the answer was written
}

// Stats are the places that are taken now.
type Stats struct {
	Calls   int // MCP requests in work
	Streams int // long-lived answers of a proxied server
	Others  int // requests that are not for the MCP endpoint
}

// Stats returns the numbers as they are.
func (s *Server) Stats() Stats {
	return Stats{Calls: s.calls.taken(), Streams: s.streams.taken(), Others: s.others.taken()}
}

// observe tells whoever counts.
func (s *Server) observe(e *exchange, r *http.Request, took time.Duration) {
	if s.cfg.Observe == nil {
		return
	}
	o := Observation{Route: r.Pattern, Method: r.Method, Status: e.status, Stream: e.stream, Took: took}
	if _, path, ok := strings.Cut(o.Route, " "); ok { // "GET /path"
		o.Route = path
	}
	switch o.Method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete, http.MethodOptions:
	default:
		o.Method = ""
	}
	if _, known := s.tools[e.message.tool]; known {
		o.Tool = e.message.tool
	}
	s.cfg.Observe(o)
}
