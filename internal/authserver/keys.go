package authserver

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
)

// keyring holds what is derived from every signing key. The first key makes
// what is new: that is the embedded one. What any of them has made is good, so
// that an operator can change the key without ending a sign-in.
type keyring struct {
	*keys // the first
	all   []*keys
}

// keys are derived from one signing key, one for each use (RFC 5869), so that
// no value made for one purpose is good for another.
type keys struct {
	jwt       []byte      // HS256 of access tokens
	kid       string      // names the jwt key
	refresh   []byte      // MAC of refresh tokens
	successor []byte      // with refresh token n-1: seals n
	request   cipher.AEAD // seals the pending request in the consent form
	state     []byte      // draws Discord's state and our PKCE verifier
	browser   []byte      // binds cookies
	code      []byte      // MAC of authorization codes
	address   []byte      // hides addresses from the store that counts them
}

func deriveKeyring(roots [][]byte) (keyring, error) {
	var ring keyring
	for _, root := range roots {
		k, err := deriveKeys(root)
		if err != nil {
			return ring, err
		}
		ring.all = append(ring.all, k)
	}
	ring.keys = ring.all[0]
	return ring, nil
}

func deriveKeys(root []byte) (*keys, error) {
	key := func(label string) []byte {
		k, err := hkdf.Key(sha256.New, root, nil, "mcpdiscord "+label, 32)
		if err != nil { // only for lengths that HKDF cannot make
			panic(err)
		}
		return k
	}
	request, err := newSeal(key("pending request"))
	if err != nil {
		return nil, err
	}
	k := &keys{
		jwt:       key("access token"),
		refresh:   key("refresh token"),
		successor: key("refresh token successor"),
		request:   request,
		state:     key("discord state"),
		browser:   key("browser cookie"),
		code:      key("authorization code"),
		address:   key("client address"),
	}
	k.kid = fingerprint(k.jwt)
	return k, nil
}

// named is the key of a kid, or nil.
func (r *keyring) named(kid string) *keys {
	for _, k := range r.all {
		if k.kid == kid {
			return k
		}
	}
	return nil
}
