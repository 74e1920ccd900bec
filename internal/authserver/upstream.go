package authserver

import (
	"context"
	"errors"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// UpstreamToken returns a Discord token of the user that has the scope.
func (s *Server) UpstreamToken(ctx context.Context, id *Identity, scope string) (discord.Secret, error) {
	return "", errors.New("not built yet")
}

// UpstreamRejected reports that Discord answered 401 twice to a token of
// UpstreamToken.
func (s *Server) UpstreamRejected(ctx context.Context, id *Identity, token discord.Secret) error {
	return errors.New("not built yet")
}

// saveSignIn keeps the tokens of a sign-in, before its code is issued.
func (s *Server) saveSignIn(ctx context.Context, user User, tok *discord.Token) error {
	return errors.New("not built yet")
}
