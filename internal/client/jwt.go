package client

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// errOpaque is for a token that only its server can read.
var errOpaque = errors.New("the token is no signed JWT")

// Claims decodes the header and the claims of a signed JWT (RFC 7519). Nothing
// is verified: that is for whoever the token is meant for. An error means that
// the token is opaque; it contains nothing of it.
func Claims(token string) (header, claims json.RawMessage, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, nil, errOpaque
	}
	var decoded [2]json.RawMessage
	for i := range decoded {
		text, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || !isObject(text) {
			return nil, nil, errOpaque
		}
		decoded[i] = text
	}
	return decoded[0], decoded[1], nil
}

func isObject(text []byte) bool {
	text = bytes.TrimSpace(text)
	return len(text) > 0 && text[0] == '{' && json.Valid(text)
}

// jwtExpiry is when a token ends, where it says so (exp); else zero.
func jwtExpiry(token string) time.Time {
	_, text, err := Claims(token)
	if err != nil {
		return time.Time{}
	}
	var claims struct {
		Expires float64 `json:"exp"`
	}
	const last = 253402300799 // the end of the year 9999: JSON's times go no further
	if json.Unmarshal(text, &claims) != nil || claims.Expires < 1 || claims.Expires > last {
		return time.Time{}
	}
	return time.Unix(int64(claims.Expires), 0).UTC()
}
