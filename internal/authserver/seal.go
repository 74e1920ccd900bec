package authserver

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

const (
	// requestTTL is how long a consent page can be answered, how long Discord
	// may take after it, and how long the answer is remembered.
	requestTTL = 10 * time.Minute

	// maxSealed bounds a sealed request, in bytes of base64: its parts are
	// bounded at /authorize.
	maxSealed = 24 << 10
)

// pendingRequest is a checked authorization request that waits for its user's
// answer. It lives in a hidden field of the consent form, so that GET
// /authorize stores nothing.
type pendingRequest struct {
	ClientID      string    `json:"client_id"`
	RedirectURI   string    `json:"redirect_uri"`
	State         string    `json:"state,omitempty"`
	Scopes        []string  `json:"scopes"`
	CodeChallenge string    `json:"code_challenge"`
	Nonce         []byte    `json:"nonce"`
	Browser       string    `json:"browser"` // hash of the browser's cookie
	Expires       time.Time `json:"expires"`

	keys *keys // with which it was sealed: they draw Discord's state, too
}

// sealLabel keeps a sealed request from being read as anything else.
var sealLabel = []byte("mcpdiscord pending request 1")

var errSeal = errors.New("sealed request does not open")

func newSeal(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("making the request seal: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (s *Server) sealRequest(p *pendingRequest) (string, error) {
	var plain bytes.Buffer
	enc := json.NewEncoder(&plain)
	enc.SetEscapeHTML(false) // it would grow the page for nothing
	if err := enc.Encode(p); err != nil {
		return "", fmt.Errorf("encoding pending request: %w", err)
	}
	sealed := s.keys.request.Seal(nil, nil, plain.Bytes(), sealLabel) //nolint:gosec // it draws its own nonce
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

// openRequest returns what was sealed by this server (or another that has one
// of its keys), however long ago.
func (s *Server) openRequest(sealed string) (*pendingRequest, error) {
	if len(sealed) > maxSealed {
		return nil, errSeal
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return nil, errSeal
	}
	for _, k := range s.keys.all {
		plain, err := k.request.Open(nil, nil, raw, sealLabel)
		if err != nil {
			continue
		}
		p := &pendingRequest{keys: k}
		if err := json.Unmarshal(plain, p); err != nil {
			return nil, errSeal
		}
		return p, nil
	}
	return nil, errSeal
}
