package client

import "encoding/json"

// About is what is known of a server and of the sign-in to it, for people to
// look at: nothing is fetched for it, and nothing in it is a secret. Its texts
// are the server's: print them with [Printable].
type About struct {
	// What the server says of itself.
	Name, Title, Version string
	Instructions         string
	Capabilities         json.RawMessage // as declared; nil: not connected
	// Where the sign-in belongs to (RFC 9728, RFC 8414); "" where there is none.
	Resource                                 string
	AuthorizationEndpoint, TokenEndpoint     string
	RegistrationEndpoint, RevocationEndpoint string
	// Renewable: a new access token can be had without the user.
	Renewable bool
	// Claims are those of the access token, not verified; nil: it is opaque.
	Claims json.RawMessage
}

// About says what is known of the server and of the sign-in.
func (c *Conn) About() About {
	var a About
	if session := c.signer.current(); session != nil {
		a.Resource, a.Renewable = session.Resource, renewable(session)
		a.AuthorizationEndpoint, a.TokenEndpoint = session.AuthorizationEndpoint, session.TokenEndpoint
		a.RegistrationEndpoint, a.RevocationEndpoint = session.RegistrationEndpoint, session.RevocationEndpoint
	}
	if _, claims, err := Claims(c.signer.bearer()); err == nil {
		a.Claims = claims
	}
	c.mu.Lock()
	session := c.session
	c.mu.Unlock()
	if session == nil {
		return a
	}
	if result := session.InitializeResult(); result != nil {
		a.Instructions = result.Instructions
		if info := result.ServerInfo; info != nil {
			a.Name, a.Title, a.Version = info.Name, info.Title, info.Version
		}
		if result.Capabilities != nil {
			a.Capabilities, _ = json.Marshal(result.Capabilities)
		}
	}
	return a
}
