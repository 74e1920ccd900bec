package authserver

import (
	"errors"
	"net/http"
)

// serveToken is POST /token (RFC 6749 §3.2).
func (s *Server) serveToken(w http.ResponseWriter, r *http.Request) error {
	return errors.New("not built yet")
}
