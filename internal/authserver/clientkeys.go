package authserver

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeys    = 10 // of one client
	maxKeyID   = 256
	minRSA     = 2048 // bits
	maxRSA     = 4096
	keysPause  = time.Minute // before keys are fetched once more for one that is not among them
	keyUseSign = "sig"

	// keysStale is how long keys are good that are not fresh and cannot be
	// fetched: longer than most outages, and the longest that a stolen key
	// outlives its withdrawal.
	keysStale = 7 * 24 * time.Hour
)

// assertionAlgorithms are those that clients may sign with: no symmetric one,
// and none that leaves a choice of parameters.
func assertionAlgorithms() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA}
}

// readKeys reads a JSON Web Key Set (RFC 7517 §5) and keeps what we use of it.
// Keys of other kinds are ignored; secret ones betray their owner's mistake and
// are refused.
func readKeys(raw []byte) ([]jose.JSONWebKey, error) {
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(raw, &set); err != nil {
		return nil, errors.New("not a JSON Web Key Set")
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("more than %d keys", maxKeys)
	}
	var keys []jose.JSONWebKey
	for _, raw := range set.Keys {
		var members struct {
			Type    string          `json:"kty"`
			Private json.RawMessage `json:"d"`
		}
		if err := json.Unmarshal(raw, &members); err != nil {
			return nil, errors.New("a key is no JSON object")
		}
		if members.Type == "oct" || members.Private != nil {
			return nil, errors.New("a key in it is secret; publish public keys alone, and replace this one")
		}
		var key jose.JSONWebKey
		if err := json.Unmarshal(raw, &key); err != nil {
			continue // of a type that is not known here
		}
		alg := algorithmOf(key.Key)
		if alg == "" || len(key.KeyID) > maxKeyID || key.Use != "" && key.Use != keyUseSign || key.Algorithm != "" && key.Algorithm != string(alg) {
			continue
		}
		keys = append(keys, jose.JSONWebKey{Key: key.Key, KeyID: key.KeyID, Algorithm: string(alg)})
	}
	if len(keys) == 0 {
		return nil, errors.New("no key in it is for RS256 (2048 to 4096 bits), ES256 or EdDSA")
	}
	return keys, nil
}

// algorithmOf is the one algorithm that a key is good for, "" for none of ours.
func algorithmOf(key any) jose.SignatureAlgorithm {
	switch key := key.(type) {
	case *rsa.PublicKey:
		if bits := key.N.BitLen(); bits >= minRSA && bits <= maxRSA {
			return jose.RS256
		}
	case *ecdsa.PublicKey:
		if key.Curve == elliptic.P256() {
			return jose.ES256
		}
	case ed25519.PublicKey:
		return jose.EdDSA
	}
	return ""
}

// clientKeys are the keys that a signature of a client can be checked with.
// They, and the document that says where they are, are fetched anew when they
// are not fresh, or lack the key that a client names. When that is not possible
// the ones from before are good for some time: a host that is away ends no
// sign-in. Nor does it later: whether a key was withdrawn cannot be told then.
func (s *Server) clientKeys(ctx context.Context, c *Client, header jose.Header) ([]jose.JSONWebKey, error) {
	found := matching(c.Keys, header)
	if c.fixed {
		return found, nil
	}
	now := s.now()
	due := func(at, until time.Time, missing bool) bool {
		return (missing || !now.Before(until)) && !now.Before(at.Add(keysPause))
	}
	var err error
	good := c.FreshUntil.Add(keysStale)
	if due(c.FetchedAt, c.FreshUntil, len(found) == 0 && c.KeysURI == "") {
		c, err = s.renewed(ctx, c, s.fetchDocument)
	}
	found = matching(c.Keys, header)
	if c.KeysURI != "" && due(c.KeysAt, c.KeysUntil, len(found) == 0) {
		if until := c.KeysUntil.Add(keysStale); until.Before(good) {
			good = until
		}
		var keysErr error
		c, keysErr = s.renewed(ctx, c, s.fetchKeys)
		err = errors.Join(err, keysErr)
		found = matching(c.Keys, header)
	}
	if err == nil {
		return found, nil
	}
	s.log.WarnContext(ctx, "client keys not fetched", "client_id", c.ID, "error", err)
	if len(found) == 0 || !now.Before(good) {
		return nil, errUnavailableKeys(err)
	}
	return found, nil
}

// renewed is a client after a fetch; one that failed leaves it as it was.
func (s *Server) renewed(ctx context.Context, c *Client, fetch func(context.Context, *Client) error) (*Client, error) {
	err := s.countAddress(ctx, limitDocuments)
	if err == nil {
		err = fetch(ctx, c)
	}
	if err != nil {
		return c, err
	}
	stored, err := s.client(ctx, c.ID)
	if err != nil {
		return c, err
	}
	return stored, nil
}

// matching are the keys that a header can mean.
func matching(keys []jose.JSONWebKey, header jose.Header) []jose.JSONWebKey {
	var found []jose.JSONWebKey
	for _, key := range keys {
		if key.Algorithm == header.Algorithm && (header.KeyID == "" || key.KeyID == header.KeyID) {
			found = append(found, key)
		}
	}
	return found
}

// fetchDocument fetches a client's document once more.
func (s *Server) fetchDocument(ctx context.Context, c *Client) error {
	u, err := s.documentURL(c.ID)
	if err != nil {
		return err
	}
	return s.fetchClient(ctx, u, true)
}

// fetchKeys fetches a client's keys from their own URL.
func (s *Server) fetchKeys(ctx context.Context, c *Client) error {
	id, err := s.documentURL(c.ID)
	if err != nil {
		return err
	}
	u, err := s.fetchableURL(c.KeysURI)
	if err != nil {
		return err
	}
	return s.mem.flight(ctx, "keys "+c.ID, func(ctx context.Context) error {
		// What a client says of another's host counts as a stranger's word.
		set, err := s.documents.get(ctx, u, u.Host == id.Host)
		if err != nil {
			return err
		}
		keys, err := readKeys(set.body)
		if err != nil {
			return err
		}
		now := s.now()
		return update(ctx, s, KindClient, clientKey(c.ID), func(old *Client) (*Client, time.Time, error) {
			if old == nil || old.KeysURI != c.KeysURI {
				return nil, time.Time{}, errUnknownClient
			}
			old.Keys, old.KeysAt, old.KeysUntil = keys, now, now.Add(set.fresh)
			return old, clientExpires(old.LastUsed, old.GrantUntil), nil
		})
	})
}

// errUnavailableKeys: whether the client is who it says cannot be told now.
func errUnavailableKeys(cause error) *Error {
	return &Error{Status: errFetchLimit.Status, Code: errFetchLimit.Code, Description: "the client's keys cannot be fetched; try again", RetryAfter: errFetchLimit.RetryAfter, Err: cause}
}
