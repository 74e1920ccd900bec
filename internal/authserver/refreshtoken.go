package authserver

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
)

const (
	refreshPrefix = "mcpd_rt_"
	grantIDSize   = 16
	refreshMAC    = 16 // bytes of HMAC-SHA256 that are kept
	refreshSize   = grantIDSize + 4 + 32 + refreshMAC
)

// refreshToken is a refresh token, taken apart. On the wire it is
//
//	mcpd_rt_ base64url(grant id | generation, big endian | random | MAC)
//
// The MAC makes it authentic without a store read, which lets an old
// generation be told from garbage: the one is theft, the other is noise.
type refreshToken struct {
	grant      [grantIDSize]byte
	generation uint32
	random     [32]byte
}

// newRefreshToken draws the token of one generation of a grant.
func newRefreshToken(grant [grantIDSize]byte, generation uint32) refreshToken {
	t := refreshToken{grant: grant, generation: generation}
	_, _ = rand.Read(t.random[:]) // never fails
	return t
}

// newGrantID draws the id of a grant.
func newGrantID() (id [grantIDSize]byte) {
	_, _ = rand.Read(id[:]) // never fails
	return id
}

func formatGrantID(id [grantIDSize]byte) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

// grantID is the id of the token's grant in the store.
func (t refreshToken) grantID() string { return formatGrantID(t.grant) }

// bytes is everything but the MAC.
func (t refreshToken) bytes() []byte {
	b := make([]byte, 0, refreshSize)
	b = append(b, t.grant[:]...)
	b = binary.BigEndian.AppendUint32(b, t.generation)
	return append(b, t.random[:]...)
}

// hash is what the store holds of the token.
func (t refreshToken) hash() []byte {
	sum := sha256.Sum256(t.bytes())
	return sum[:]
}

// formatRefresh is the token on the wire.
func (k *keys) formatRefresh(t refreshToken) string {
	b := t.bytes()
	return refreshPrefix + base64.RawURLEncoding.EncodeToString(append(b, k.refreshMAC(b)...))
}

// parseRefresh reads a token of the wire and says whether it is one of ours,
// made with any of our keys.
func (r *keyring) parseRefresh(s string) (t refreshToken, ok bool) {
	encoded, ok := strings.CutPrefix(s, refreshPrefix)
	if !ok || len(encoded) != base64.RawURLEncoding.EncodedLen(refreshSize) {
		return t, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return t, false
	}
	body, mac := b[:refreshSize-refreshMAC], b[refreshSize-refreshMAC:]
	if !slices.ContainsFunc(r.all, func(k *keys) bool { return hmac.Equal(mac, k.refreshMAC(body)) }) {
		return t, false
	}
	copy(t.grant[:], body)
	t.generation = binary.BigEndian.Uint32(body[grantIDSize:])
	copy(t.random[:], body[grantIDSize+4:])
	return t, true
}

func (k *keys) refreshMAC(body []byte) []byte {
	h := hmac.New(sha256.New, k.refresh)
	h.Write(body)
	return h.Sum(nil)[:refreshMAC]
}

// sealSuccessor seals the next token under a key that only the holder of this
// one can derive (with ours): the store alone cannot open it.
func (k *keys) sealSuccessor(t, next refreshToken) ([]byte, error) {
	aead, err := newSeal(k.successorKey(t))
	if err != nil {
		return nil, err
	}
	return aead.Seal(nil, nil, next.random[:], successorLabel(next)), nil //nolint:gosec // it draws its own nonce
}

// openSuccessor is its inverse, whichever of our keys sealed it.
func (r *keyring) openSuccessor(t refreshToken, sealed []byte) (refreshToken, error) {
	next := refreshToken{grant: t.grant, generation: t.generation + 1}
	for _, k := range r.all {
		aead, err := newSeal(k.successorKey(t))
		if err != nil {
			return next, err
		}
		random, err := aead.Open(nil, nil, sealed, successorLabel(next))
		if err == nil && copy(next.random[:], random) == len(next.random) {
			return next, nil
		}
	}
	return next, errors.New("the sealed successor does not open")
}

func (k *keys) successorKey(t refreshToken) []byte {
	h := hmac.New(sha256.New, k.successor)
	h.Write(t.bytes())
	return h.Sum(nil)
}

// successorLabel is what a sealed token belongs to.
func successorLabel(next refreshToken) []byte {
	return binary.BigEndian.AppendUint32(next.grant[:], next.generation)
}
