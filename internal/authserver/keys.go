package authserver

import (
	"crypto/hkdf"
	"crypto/sha256"
)

// keys are derived from the signing key, one for each use (RFC 5869), so that
// no value made for one purpose is good for another.
type keys struct {
	jwt       []byte // HS256 of access tokens
	kid       string // names the jwt key
	refresh   []byte // MAC of refresh tokens
	successor []byte // with refresh token n-1: seals n
	request   []byte // seals the pending request in the consent form
	state     []byte // draws Discord's state and our PKCE verifier
	browser   []byte // binds cookies
}

func deriveKeys(root []byte) keys {
	key := func(label string) []byte {
		k, err := hkdf.Key(sha256.New, root, nil, "mcpdiscord "+label, 32)
		if err != nil { // only for lengths that HKDF cannot make
			panic(err)
		}
		return k
	}
	k := keys{
		jwt:       key("access token"),
		refresh:   key("refresh token"),
		successor: key("refresh token successor"),
		request:   key("pending request"),
		state:     key("discord state"),
		browser:   key("browser cookie"),
	}
	k.kid = fingerprint(k.jwt)
	return k
}
