package client

import (
	"context"
	"net/http"
)

// TwoPrograms says whether a diagnosis takes what listens at the addresses, all
// of them the server's, for different programs.
func TwoPrograms(ctx context.Context, server string, addresses ...string) (bool, error) {
	s, err := newSigner(Config{Server: server, Header: http.Header{"X-Api-Key": {"secret"}}})
	if err != nil {
		return false, err
	}
	defer s.done()
	return (&diagnosis{signer: s}).differ(ctx, addresses), nil
}
