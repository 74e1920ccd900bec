package authserver

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	// accessType is the JWT type of access tokens (RFC 9068 §2.1): nothing else
	// that is signed with our key is taken for one.
	accessType = "at+jwt"

	// maxAccessToken bounds what Verify looks at, in bytes. Ours have some 600.
	maxAccessToken = 4096
)

// accessClaims are the claims of an access token (RFC 9068 §2.2). Issuer and
// verifier are one, so aud is always the one string that we write.
type accessClaims struct {
	Issuer     string `json:"iss"`
	Resource   string `json:"aud"`
	UserID     string `json:"sub"`
	ClientID   string `json:"client_id"`
	Scope      string `json:"scope"`
	IssuedAt   int64  `json:"iat"` // seconds since 1970
	Expires    int64  `json:"exp"`
	ID         string `json:"jti"`
	GrantID    string `json:"grant_id"`
	Generation uint32 `json:"generation"` // of the refresh token that came with it
}

// signAccess makes the access token of a grant's current generation.
func (s *Server) signAccess(g *Grant, scopes []string, issued, expires time.Time) (string, error) {
	payload, err := json.Marshal(accessClaims{
		Issuer:     s.cfg.BaseURL,
		Resource:   g.Resource,
		UserID:     g.User.ID,
		ClientID:   g.ClientID,
		Scope:      formatScope(scopes),
		IssuedAt:   issued.Unix(),
		Expires:    expires.Unix(),
		ID:         rand.Text(),
		GrantID:    g.ID,
		Generation: g.Generation,
	})
	if err != nil {
		return "", fmt.Errorf("encoding access token: %w", err)
	}
	key := jose.SigningKey{Algorithm: jose.HS256, Key: s.keys.jwt}
	header := (&jose.SignerOptions{}).WithType(accessType).WithHeader("kid", s.keys.kid)
	signer, err := jose.NewSigner(key, header)
	if err != nil {
		return "", fmt.Errorf("making the access token signer: %w", err)
	}
	jws, err := signer.Sign(payload)
	if err != nil {
		return "", fmt.Errorf("signing access token: %w", err)
	}
	return jws.CompactSerialize()
}

// parseAccess reads an access token that is ours and has not expired. Every
// check is here; whether the grant still lives is the store's to say.
func (s *Server) parseAccess(token string, now time.Time) (*accessClaims, error) {
	// The first test costs nothing, so that a megabyte costs nothing.
	if len(token) > maxAccessToken || strings.Count(token, ".") != 2 {
		return nil, ErrInvalidToken
	}
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.HS256})
	if err != nil || len(jws.Signatures) != 1 {
		return nil, ErrInvalidToken
	}
	header := jws.Signatures[0].Protected
	key := s.keys.named(header.KeyID)
	if key == nil || header.ExtraHeaders[jose.HeaderType] != accessType {
		return nil, ErrInvalidToken
	}
	payload, err := jws.Verify(key.jwt)
	if err != nil {
		return nil, ErrInvalidToken
	}
	var c accessClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, ErrInvalidToken
	}
	switch {
	case c.Issuer != s.cfg.BaseURL, c.Resource != s.resource,
		c.UserID == "", c.ClientID == "", c.GrantID == "",
		c.Expires <= 0, c.Expires <= now.Unix():
		return nil, ErrInvalidToken
	}
	return &c, nil
}
