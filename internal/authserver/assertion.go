package authserver

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer" // RFC 7523 §2.2

	maxAssertion     = 8 << 10 // bytes
	maxAssertionID   = 256
	maxAssertionLife = 10 * time.Minute // from now to exp
	assertionLeeway  = 30 * time.Second // for clocks that differ
)

// checkAssertion proves that a client signed an assertion, for us, a short time
// ago, and that nobody showed it before (RFC 7523 §3).
func (s *Server) checkAssertion(ctx context.Context, c *Client, shown *credentials) error {
	claims, err := s.verifyAssertion(ctx, c, shown.assertion)
	if err != nil {
		return err
	}
	if reason := s.judgeAssertion(c, claims); reason != "" {
		return s.errAssertion(ctx, c, reason)
	}
	if err := shown.worth(ctx); err != nil {
		return err
	}
	// Its id is held until it would be refused by itself.
	until := time.Unix(int64(*claims.Expiry), 0).Add(assertionLeeway)
	err = create(ctx, s, KindAssertion, hashID(c.ID+" "+claims.ID), &struct{}{}, until)
	if errors.Is(err, ErrExists) {
		return s.errAssertion(ctx, c, "its jti was used before")
	}
	return err
}

// verifyAssertion checks the signature. An algorithm belongs to a key here,
// never to what the header asks for.
func (s *Server) verifyAssertion(ctx context.Context, c *Client, assertion string) (*jwt.Claims, error) {
	if len(assertion) > maxAssertion {
		return nil, s.errAssertion(ctx, c, "it is too long")
	}
	jws, err := jose.ParseSignedCompact(assertion, assertionAlgorithms())
	if err != nil || len(jws.Signatures) != 1 {
		return nil, s.errAssertion(ctx, c, "it is no JWT that is signed with RS256, ES256 or EdDSA")
	}
	keys, err := s.clientKeys(ctx, c, jws.Signatures[0].Protected)
	if err != nil {
		return nil, err
	}
	for _, key := range keys {
		payload, err := jws.Verify(key.Key)
		if err != nil {
			continue
		}
		claims := new(jwt.Claims)
		if err := json.Unmarshal(payload, claims); err != nil {
			return nil, s.errAssertion(ctx, c, "its claims cannot be read")
		}
		return claims, nil
	}
	return nil, s.errAssertion(ctx, c, "none of the client's keys has signed it")
}

// judgeAssertion says what is wrong with the claims, "" for nothing. Of several
// audiences each could show the assertion to the others: there is one.
func (s *Server) judgeAssertion(c *Client, claims *jwt.Claims) string {
	now := s.now().Unix()
	leeway := int64(assertionLeeway / time.Second)
	later := func(d *jwt.NumericDate) bool { return d != nil && int64(*d) > now+leeway }
	switch {
	case claims.Issuer != c.ID, claims.Subject != c.ID:
		return "its iss and sub are not the client_id"
	case len(claims.Audience) != 1, claims.Audience[0] != s.cfg.BaseURL && claims.Audience[0] != s.cfg.BaseURL+"/token":
		return "its aud is neither this server's issuer nor its token endpoint"
	case claims.Expiry == nil, int64(*claims.Expiry) <= now-leeway:
		return "it has expired, or never does"
	case int64(*claims.Expiry) > now+int64(maxAssertionLife/time.Second)+leeway:
		return "its exp is more than 10 minutes ahead"
	case later(claims.NotBefore), later(claims.IssuedAt):
		return "it is from the future"
	case claims.ID == "", len(claims.ID) > maxAssertionID:
		return "its jti is missing or too long"
	}
	return ""
}

// assertionClient is who an assertion says that it is from. Nothing is proven
// by that.
func assertionClient(assertion string) string {
	if len(assertion) > maxAssertion {
		return ""
	}
	token, err := jwt.ParseSigned(assertion, assertionAlgorithms())
	if err != nil {
		return ""
	}
	var claims jwt.Claims
	if err := token.UnsafeClaimsWithoutVerification(&claims); err != nil {
		return ""
	}
	return claims.Subject
}

func (s *Server) errAssertion(ctx context.Context, c *Client, reason string) error {
	s.refused(ctx, c.ID, "client assertion", reason)
	return errInvalidClient("the client assertion is not good: " + reason)
}
