package authserver

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// maxFileID bounds the client ids of the operator's file, in bytes.
const maxFileID = 256

// fileClient is one client in the operator's file, in the names of RFC 7591 §2.
type fileClient struct {
	ID           string          `json:"client_id"`
	Name         string          `json:"client_name"`
	RedirectURIs []string        `json:"redirect_uris"`
	Scope        string          `json:"scope"`
	AuthMethod   string          `json:"token_endpoint_auth_method"`
	SecretHash   string          `json:"client_secret_sha256"`
	Keys         json.RawMessage `json:"jwks"`
	Secret       json.RawMessage `json:"client_secret"` // never
}

// LoadClients replaces the clients that the operator registered by those of a
// file: a JSON array, see docs/configuration.md. They are never stored nor
// evicted. An error names the line, and leaves the clients as they are.
func (s *Server) LoadClients(data []byte) error {
	var entries []json.RawMessage
	err := json.Unmarshal(data, &entries)
	if err == nil && entries == nil {
		err = errors.New("it is null")
	}
	if err != nil {
		line := 1
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			line = lineAt(data, int(syntax.Offset))
		}
		return fmt.Errorf("line %d: not a JSON array of clients: %w", line, err)
	}
	clients := make(map[string]*Client, len(entries))
	end := 0
	for _, entry := range entries {
		begin := end + bytes.Index(data[end:], entry)
		end = begin + len(entry)
		c, err := s.readFileClient(entry)
		if err == nil && clients[c.ID] != nil {
			err = fmt.Errorf("client_id %q is there twice", c.ID)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", lineAt(data, begin), err)
		}
		clients[c.ID] = c
	}
	s.fixed.Store(&clients)
	return nil
}

func lineAt(data []byte, offset int) int {
	return 1 + bytes.Count(data[:min(offset, len(data))], []byte("\n"))
}

// readFileClient checks one entry. What is misspelled is refused, not ignored:
// it was meant to say something.
func (s *Server) readFileClient(entry []byte) (*Client, error) {
	dec := json.NewDecoder(bytes.NewReader(entry))
	dec.DisallowUnknownFields()
	var f fileClient
	if err := dec.Decode(&f); err != nil {
		return nil, err
	}
	if f.Secret != nil {
		return nil, errors.New("client_secret does not belong into a file; write client_secret_sha256, what this prints: printf %s SECRET | sha256sum")
	}
	switch {
	case f.ID == "", len(f.ID) > maxFileID, !scopeToken(f.ID):
		return nil, fmt.Errorf("client_id must be 1 to %d printable characters", maxFileID)
	case strings.HasPrefix(f.ID, clientIDPrefix), strings.HasPrefix(f.ID, documentPrefix), strings.Contains(f.ID, "://"):
		return nil, errors.New("client_id looks like one that this server makes, or like a URL")
	}
	c, err := s.newClient(&registration{RedirectURIs: f.RedirectURIs, Name: f.Name, Scope: f.Scope})
	if err != nil {
		if e, ok := errors.AsType[*Error](err); ok {
			err = errors.New(e.Description)
		}
		return nil, err
	}
	if n := len(union(strings.Fields(f.Scope), nil)); n != len(c.Scopes) {
		return nil, errors.New("scope names one that is in neither --scopes nor --optional-scopes")
	}
	c.ID, c.fixed = f.ID, true
	return c, f.credentials(c)
}

// credentials takes over how the client authenticates itself.
func (f *fileClient) credentials(c *Client) error {
	hasSecret, hasKeys := f.SecretHash != "", f.Keys != nil
	switch f.AuthMethod {
	case "", authNone:
		if hasSecret || hasKeys {
			return errors.New("a client with a secret or keys needs token_endpoint_auth_method")
		}
		return nil
	case authBasic, authPost:
		hash, err := hex.DecodeString(f.SecretHash)
		if err != nil || len(hash) != sha256.Size || hasKeys {
			return fmt.Errorf("%s needs client_secret_sha256, 64 hexadecimal digits, and no jwks", f.AuthMethod)
		}
		c.AuthMethod, c.secretHash = f.AuthMethod, hash
		return nil
	case authKey:
		if !hasKeys || hasSecret {
			return errors.New("private_key_jwt needs jwks, and no secret")
		}
		var err error
		if c.Keys, err = readKeys(f.Keys); err != nil {
			return fmt.Errorf("jwks cannot be used: %w", err)
		}
		c.AuthMethod = authKey
		return nil
	}
	return errors.New("token_endpoint_auth_method is none of none, client_secret_basic, client_secret_post, private_key_jwt")
}

// fixedClient is the operator's client of this id, or nil.
func (s *Server) fixedClient(id string) *Client {
	if clients := s.fixed.Load(); clients != nil {
		return (*clients)[id]
	}
	return nil
}
