package emulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Tokens outlive the emulator's process, because the tokens that a program
// under development has stored would otherwise all be dead after a restart. A
// token says what it stands for, under a MAC, and an emulator that meets it
// for the first time takes it as its own. What an earlier process ended is not
// known here: single use and revocation hold within one process.

// developmentKey is no secret: an emulator signs anyone in as anyone, so a
// forged token gains nobody anything. It keeps chance and damage out.
const developmentKey = "mcpdiscord: the Discord emulator's public key, for development only"

// The two tokens of a pair differ in the label under their MAC alone.
const (
	kindAccess  = "access"
	kindRefresh = "refresh"
)

const (
	refreshLife = 90 * 24 * time.Hour // for an adoption; Discord names no limit
	maxSeen     = 1024                // pairs per user

	// A token is base64url of its body and its MAC. The body: user and issue
	// time (8 bytes each), scopes, granted and refreshable (one each), id.
	idBytes   = 13
	bodyBytes = 8 + 8 + 1 + 1 + 1 + idBytes
	macBytes  = 16
)

// sealedScopes gives each scope its bit in a token: append only, at most 8.
var sealedScopes = []string{"identify", "email", "guilds", "guilds.join", "guilds.members.read", "connections"}

// body is what both tokens of p say. granted is every scope that the user has
// allowed, which a refresh without a scope returns.
func (p *pair) body(granted []string) []byte {
	user, _ := strconv.ParseUint(p.user, 10, 64) // newState checked it
	b := binary.BigEndian.AppendUint64(make([]byte, 0, bodyBytes+macBytes), user)
	b = binary.BigEndian.AppendUint64(b, uint64(p.issued.UnixNano()))
	b = append(b, scopeBits(p.scopes), scopeBits(granted), 0)
	if p.refreshable {
		b[len(b)-1] = 1
	}
	return append(b, p.id...)
}

// sealToken makes the token of a kind from a body, and openToken reads it.
func (s *state) sealToken(kind string, body []byte) string {
	return base64.RawURLEncoding.EncodeToString(append(body[:bodyBytes:bodyBytes], s.mac(kind, body)...))
}

func (s *state) openToken(kind, token string) ([]byte, bool) {
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(raw) != bodyBytes+macBytes {
		return nil, false
	}
	body := raw[:bodyBytes]
	return body, hmac.Equal(raw[bodyBytes:], s.mac(kind, body))
}

func (s *state) mac(kind string, body []byte) []byte {
	h := hmac.New(sha256.New, []byte(developmentKey))
	h.Write([]byte(kind + "\x00" + s.application + "\x00"))
	h.Write(body)
	return h.Sum(nil)[:macBytes]
}

// adopt takes the pair of a token that an earlier process has issued, unless
// this one has seen it before or has ended what it belongs to.
func (s *state) adopt(kind, token string, now time.Time) {
	body, authentic := s.openToken(kind, token)
	if !authentic {
		return
	}
	p := &pair{
		id:          string(body[bodyBytes-idBytes:]),
		user:        strconv.FormatUint(binary.BigEndian.Uint64(body), 10),
		issued:      time.Unix(0, int64(binary.BigEndian.Uint64(body[8:]))),
		scopes:      bitScopes(body[16]),
		refreshable: body[18] == 1,
	}
	p.expires = p.issued.Add(accessLife)
	ends := p.expires
	if kind == kindRefresh {
		ends = p.issued.Add(refreshLife)
	}
	a := s.accounts[p.user]
	if a == nil || p.issued.After(now) || !now.Before(ends) || a.hasSeen(p) {
		return
	}
	if !p.issued.After(a.expired) && a.expired.Before(p.expires) {
		p.expires = a.expired
	}
	a.granted = union(a.granted, bitScopes(body[17]))
	s.add(p, body)
}

// hasSeen reports whether p's tokens live and die by this process alone.
func (a *account) hasSeen(p *pair) bool {
	_, seen := a.seen[p.id]
	return seen || !p.issued.After(a.dead)
}

// see remembers p, so that what is ended here does not come back. With too
// many to remember, the oldest go, and with them all unseen ones of that age.
func (a *account) see(p *pair) {
	if len(a.seen) >= maxSeen {
		a.bury(slices.MinFunc(slices.Collect(maps.Values(a.seen)), time.Time.Compare))
	}
	a.seen[p.id] = p.issued
}

// bury refuses every pair that was issued at t or before and is not live.
func (a *account) bury(t time.Time) {
	if t.After(a.dead) {
		a.dead = t
	}
	maps.DeleteFunc(a.seen, func(_ string, issued time.Time) bool { return !issued.After(a.dead) })
}

func scopeBits(scopes []string) byte {
	bits := byte(0)
	for i, name := range sealedScopes {
		if slices.Contains(scopes, name) {
			bits |= 1 << i
		}
	}
	return bits
}

func bitScopes(bits byte) []string {
	var scopes []string
	for i, name := range sealedScopes {
		if bits&(1<<i) != 0 {
			scopes = append(scopes, name)
		}
	}
	return scopes
}
