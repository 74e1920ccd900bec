package client

import (
	"context"
	"errors"
	"net/url"
)

// undescribed is the authority of a server without resource metadata, as MCP
// 2025-03-26 had it: the server is its own authorization server, described at
// the root of its origin, else with endpoints of fixed names there. Nothing
// leads away from that origin, and nothing takes the place of an authorization
// server that was described once: its metadata may only be out of order.
func (s *signer) undescribed(ctx context.Context, known string) (*authority, error) {
	root := s.url.Scheme + "://" + s.url.Host
	if known != "" && known != root && known != root+"/" {
		return nil, s.nowhere()
	}
	resource := &resourceMetadata{Resource: s.server}
	var meta serverMetadata
	found, err := s.fetch(ctx, s.oauth, root+"/.well-known/oauth-authorization-server", &meta)
	switch {
	case err != nil:
		return nil, err
	case found && meta.Issuer != root && meta.Issuer != root+"/":
		return nil, s.misfit("calls itself %q instead of %q", brief(meta.Issuer), root)
	case found:
		for _, endpoint := range []string{meta.AuthorizationEndpoint, meta.TokenEndpoint, meta.RegistrationEndpoint, meta.RevocationEndpoint} {
			if u, err := url.Parse(endpoint); endpoint != "" && (err != nil || origin(u) != origin(s.url)) {
				return nil, s.misfit("leads away from %s, which only resource metadata (RFC 9728) can", s.url.Host)
			}
		}
		return s.authority(resource, &meta)
	case s.cfg.ClientCredentials:
		return nil, s.nowhere() // a secret is not sent to an address that was guessed
	}
	s.log.Debug("guessed the authorization server", "issuer", root)
	return &authority{
		resource: s.server, issuer: root, guessed: true,
		authorizationEndpoint: root + "/authorize", tokenEndpoint: root + "/token", registrationEndpoint: root + "/register",
	}, nil
}

// wrongGuess is the error in place of the one that a guessed endpoint gave:
// most servers without metadata take no sign-in but a key.
func (s *signer) wrongGuess(a *authority, err error) error {
	var own *Error
	if err == nil || !a.guessed || errors.As(err, &own) && own.Kind != KindAuth && own.Kind != KindFailure {
		return err
	}
	none := s.nowhere()
	none.Err = err
	return none
}
