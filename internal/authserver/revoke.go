package authserver

import (
	"errors"
	"net/http"
)

// serveRevoke is POST /revoke (RFC 7009).
func (s *Server) serveRevoke(w http.ResponseWriter, r *http.Request) error {
	return errors.New("not built yet")
}
