package server

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"slices"
	"strings"
)

// sessionHeader is where MCP's older revisions have their session ids.
const sessionHeader = "Mcp-Session-Id"

const (
	minProxyKey  = 32      // bytes
	maxSessionID = 2 << 10 // bytes
)

// A session of a proxied server belongs to the user who began it, with no
// state of ours: the client gets the id with a MAC of the user and the id
// behind it, and only that user's requests come through with it. So an id that
// leaked, or that a server drew badly, opens nothing to anyone else.

// sealSession binds the session id of an answer to the user.
func sealSession(key []byte, user string, h http.Header) {
	ids := h[sessionHeader]
	if len(ids) != 1 || ids[0] == "" {
		delete(h, sessionHeader)
		return
	}
	ids[0] += "." + sessionMAC(key, user, ids[0])
}

// openSession gives the proxied server its own session id back. It returns
// false for one that is not this user's. Any of the keys may have bound it.
func openSession(keys [][]byte, user string, h http.Header) bool {
	ids := h[sessionHeader]
	switch {
	case len(ids) == 0:
		return true
	case len(ids) > 1, len(ids[0]) > maxSessionID:
		return false
	}
	dot := strings.LastIndexByte(ids[0], '.')
	if dot < 1 {
		return false
	}
	id, mac := ids[0][:dot], ids[0][dot+1:]
	bound := func(key []byte) bool { return hmac.Equal([]byte(mac), []byte(sessionMAC(key, user, id))) }
	if !slices.ContainsFunc(keys, bound) {
		return false
	}
	h[sessionHeader] = []string{id}
	return true
}

// sessionMAC is 128 bits of HMAC-SHA256. User ids are digits, so the zero byte
// parts the two.
func sessionMAC(key []byte, user, id string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(user))
	mac.Write([]byte{0})
	mac.Write([]byte(id))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:16])
}
