package server

import (
	"context"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// IdentityFrom returns who called the tool that runs in ctx: the Discord user
// (id, username, global name, avatar, and email when it was granted), the
// scopes of the access token, and the client. It is nil outside of a tool.
func IdentityFrom(ctx context.Context) *authserver.Identity {
	if e := exchangeOf(ctx); e != nil {
		return e.identity
	}
	return nil
}
