package authserver

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	// codeTTL is how long a code may be redeemed. Its record is kept longer, so
	// that a replay is told from garbage.
	codeTTL = time.Minute

	// replayForgiven is how long after its redemption a correct replay of a
	// code is taken for a retry.
	replayForgiven = 10 * time.Second

	// On the wire a code is
	//
	//	mcpd_code_ base64url(random | MAC)
	//
	// The MAC makes it authentic without a store read, as with refresh tokens.
	codePrefix = "mcpd_code_"
	codeMAC    = 16 // bytes of HMAC-SHA256 that are kept
)

// newCode draws a code.
func (k *keys) newCode() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails
	return codePrefix + base64.RawURLEncoding.EncodeToString(append(b, k.codeMAC(b)...))
}

// madeCode says whether a code is one of ours, made with any of our keys.
func (r *keyring) madeCode(code string) bool {
	encoded, ok := strings.CutPrefix(code, codePrefix)
	if !ok || len(encoded) != base64.RawURLEncoding.EncodedLen(secretBytes+codeMAC) {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	return err == nil && slices.ContainsFunc(r.all, func(k *keys) bool { return hmac.Equal(b[secretBytes:], k.codeMAC(b[:secretBytes])) })
}

func (k *keys) codeMAC(body []byte) []byte {
	h := hmac.New(sha256.New, k.code)
	h.Write(body)
	return h.Sum(nil)[:codeMAC]
}

// codeVerdict is what a code turned out to be at the one moment that counts.
type codeVerdict struct {
	code   *AuthorizationCode
	reason string // why it is refused; "" when it is redeemed
	err    error  // what the client is told then
	replay bool   // it was shown, complete and correct, once more and too late
}

// serveCode is grant_type=authorization_code (RFC 6749 §4.1.3, RFC 7636 §4.6).
//
// The order of its writes: the code is redeemed, then the grant is stored,
// then the grant is listed for its user. Killed after the first, there is no
// grant and the code is spent: one new sign-in. Killed after the second, there
// is a grant whose tokens nobody has; it ends unused.
func (s *Server) serveCode(w http.ResponseWriter, r *http.Request, shown *credentials, form url.Values) (*tokenResponse, error) {
	ctx := r.Context()
	code := form.Get("code")
	if code == "" {
		return nil, errInvalidRequest("code is missing")
	}
	if !s.keys.madeCode(code) {
		s.refused(ctx, shown.clientID, "code", "garbage")
		return nil, cmp.Or(s.countAddress(ctx, limitToken), error(errInvalidGrant()))
	}
	shown.worth = func(ctx context.Context) error { return s.countSpentCode(ctx, code) }
	client, err := s.authenticate(w, r, shown)
	if err != nil {
		return nil, err
	}
	id := newGrantID()
	v, err := s.redeem(ctx, client.ID, formatGrantID(id), form)
	if err != nil {
		return nil, err
	}
	if v.replay {
		s.event(ctx, Event{Type: EventReplayed, UserID: v.code.User.ID, ClientID: client.ID, GrantID: v.code.GrantID, Reason: "code"})
		if err := s.endGrant(ctx, v.code.GrantID, "code replayed"); err != nil {
			return nil, err
		}
	}
	if v.reason != "" {
		s.refused(ctx, client.ID, "code", v.reason)
		return nil, v.err
	}
	return s.grantTokens(ctx, id, v.code)
}

// countSpentCode counts a code that cannot be redeemed like a made-up one: each
// assertion that is shown with it would be a record.
func (s *Server) countSpentCode(ctx context.Context, code string) error {
	c, err := load[AuthorizationCode](ctx, s, KindCode, hashID(code))
	if errors.Is(err, ErrNotFound) || err == nil && c.Status != CodeIssued {
		return s.countAddress(ctx, limitToken)
	}
	return err
}

// redeem judges a code and writes what becomes of it, in one step: of any
// number of redeemers one finds it issued.
func (s *Server) redeem(ctx context.Context, clientID, grantID string, form url.Values) (codeVerdict, error) {
	var v codeVerdict
	err := update(ctx, s, KindCode, hashID(form.Get("code")), func(old *AuthorizationCode) (*AuthorizationCode, time.Time, error) {
		now := s.now()
		v = s.judgeCode(old, clientID, form, now)
		if v.code == nil {
			return nil, time.Time{}, errUnchanged
		}
		next := *old
		switch v.reason {
		case "":
			next.Status, next.RedeemedAt, next.GrantID = CodeRedeemed, now, grantID
		case reasonVerifier:
			next.Status = CodeBurnt
		default:
			return nil, time.Time{}, errUnchanged
		}
		v.code = &next
		return &next, old.IssuedAt.Add(codeRecordTTL), nil
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return v, err
	}
	return v, nil
}

// reasonVerifier is the one reason that burns a code: its own client, or who
// poses as it, has not the secret that began the flow.
const reasonVerifier = "verifier"

// judgeCode checks a code against the request that shows it.
func (s *Server) judgeCode(code *AuthorizationCode, clientID string, form url.Values, now time.Time) codeVerdict {
	refuse := func(reason string, err error) codeVerdict { return codeVerdict{code: code, reason: reason, err: err} }
	switch {
	case code == nil:
		return refuse("unknown", errInvalidGrant())
	case code.ClientID != clientID:
		return refuse("other client", errInvalidGrant())
	case code.Status == CodeBurnt:
		return refuse("burnt", errInvalidGrant())
	}
	wrong := s.checkRedemption(code, form)
	switch {
	case code.Status == CodeRedeemed:
		v := refuse("redeemed", errInvalidGrant())
		v.replay = wrong.reason == "" && now.Sub(code.RedeemedAt) > replayForgiven
		return v
	case now.Sub(code.IssuedAt) >= codeTTL:
		return refuse("expired", errInvalidGrant())
	}
	return wrong
}

// checkRedemption checks what the client repeats from its authorization
// request. A missing redirect URI is fine (OAuth 2.1 §10.2): PKCE is not.
func (s *Server) checkRedemption(code *AuthorizationCode, form url.Values) codeVerdict {
	v := codeVerdict{code: code}
	redirectURI := form.Get("redirect_uri")
	switch {
	case redirectURI != "" && redirectURI != code.RedirectURI:
		v.reason, v.err = "redirect uri", errInvalidGrant()
	case s.checkResource(form) != nil:
		v.reason, v.err = "resource", errInvalidTarget
	case !challengeMatches(code.CodeChallenge, form.Get("code_verifier")):
		v.reason, v.err = reasonVerifier, errInvalidGrant()
	}
	return v
}

// challengeMatches is RFC 7636 §4.6 with S256.
func challengeMatches(challenge, verifier string) bool {
	sum := sha256.Sum256([]byte(verifier))
	made := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(made), []byte(challenge)) == 1
}

// grantTokens leaves the grant of a redeemed code.
func (s *Server) grantTokens(ctx context.Context, id [grantIDSize]byte, code *AuthorizationCode) (*tokenResponse, error) {
	now := s.now()
	expires := s.accessEnd(now)
	t := newRefreshToken(id, 1)
	g := &Grant{
		ID:          t.grantID(),
		ClientID:    code.ClientID,
		Resource:    code.Resource,
		Scopes:      code.Scopes,
		User:        code.User,
		CreatedAt:   now,
		LastUsed:    now,
		Generation:  t.generation,
		Hash:        t.hash(),
		RotatedAt:   now,
		AccessUntil: expires,
	}
	answer, err := s.answerTokens(g, t, g.Scopes, now, expires)
	if err != nil {
		return nil, err
	}
	if err := create(ctx, s, KindGrant, g.ID, g, s.grantEnd(g)); err != nil {
		return nil, err
	}
	s.mem.drop(g.ID)
	// The sign-in is good, whatever becomes of these: a refresh does them again.
	err = s.listGrant(ctx, g, code)
	if errors.Is(err, errDeauthorized) {
		if err := s.endGrant(ctx, g.ID, reasonDeauthorized); err != nil {
			return nil, err
		}
		return nil, errInvalidGrant()
	}
	if err != nil {
		s.log.WarnContext(ctx, "grant not listed yet", "grant_id", g.ID, "error", err)
	}
	if err := s.keepClient(ctx, g.ClientID, s.grantEnd(g)); err != nil {
		s.log.WarnContext(ctx, "client not kept yet", "client_id", g.ClientID, "error", err)
	}
	s.event(ctx, Event{Type: EventIssued, UserID: g.User.ID, ClientID: g.ClientID, GrantID: g.ID, Scopes: g.Scopes, Generation: g.Generation})
	return answer, nil
}
