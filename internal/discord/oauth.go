package discord

import (
	"context"
	"errors"
)

var errTODO = errors.New("not built yet")

func New(cfg Config) (*Client, error) { return nil, errTODO }
func (c *Client) AuthorizeURL(state, codeChallenge string, scopes []string) string { return "" }
func (c *Client) Exchange(ctx context.Context, code, verifier string) (*Token, error) {
	return nil, errTODO
}
func (c *Client) Refresh(ctx context.Context, refreshToken Secret) (*Token, error) {
	return nil, errTODO
}
func (c *Client) Revoke(ctx context.Context, token Secret) error { return errTODO }
func (c *Client) CheckCredentials(ctx context.Context) error     { return errTODO }
