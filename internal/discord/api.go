package discord

import "context"

func (c *Client) CurrentAuthorization(ctx context.Context, accessToken Secret) (*Authorization, error) {
	return nil, errTODO
}
func (c *Client) CurrentUser(ctx context.Context, accessToken Secret) (*User, error) {
	return nil, errTODO
}
func (c *Client) CurrentUserGuilds(ctx context.Context, accessToken Secret) ([]Guild, error) {
	return nil, errTODO
}
