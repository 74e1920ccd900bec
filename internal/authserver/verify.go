package authserver

import (
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// ErrInvalidToken means that an access token is not, or no longer, good here.
var ErrInvalidToken = errors.New("invalid access token")

// confirmTimeout bounds the one write that a first use of an access token
// costs: the caller waits for it.
const confirmTimeout = 2 * time.Second

// errUnchanged leaves a record as it is.
var errUnchanged = errors.New("nothing to change")

// verified is an access token whose signature and claims were good. Its time
// and its grant are looked at each time.
type verified struct {
	claims  *accessClaims
	expires time.Time
	scopes  []string
	email   bool
	grant   atomic.Pointer[liveGrant]
}

// Verify says who calls with an access token. It returns ErrInvalidToken for
// one that is not good, and an error that is ErrNotAllowed for a good one whose
// user may not come in; any other error means that the store or, about that
// right, Discord did not answer. Of a token that was good before, and whose
// grant has not changed since, it reads nothing from the store, and it calls
// Discord only where [Access] asks for guilds or roles: for one user, once in
// ten minutes, of all nodes together.
func (s *Server) Verify(ctx context.Context, accessToken string) (*Identity, error) {
	if len(accessToken) > maxAccessToken {
		return nil, ErrInvalidToken
	}
	// A conversion would allocate; tokens longer than ours may.
	var buf [1024]byte
	key := sha256.Sum256(append(buf[:0], accessToken...))
	now := s.now()
	v, ok := s.mem.verified.Get(key)
	if ok {
		s.counters.known.Add(1)
	} else {
		s.counters.parsed.Add(1)
		claims, err := s.parseAccess(accessToken, now)
		if err != nil {
			s.counters.bad.Add(1)
			return nil, err
		}
		v = s.newVerified(claims)
		s.mem.verified.Add(key, v)
	}
	if !now.Before(v.expires) {
		s.mem.verified.Remove(key)
		return nil, ErrInvalidToken
	}
	st := v.grant.Load().state.Load()
	if st == nil || st.live && !st.confirmed && st.generation == v.claims.Generation {
		var err error
		if st, err = s.look(ctx, v); err != nil {
			return nil, err
		}
	}
	if !st.live || st.clientID != v.claims.ClientID || st.user.ID != v.claims.UserID {
		return nil, ErrInvalidToken
	}
	if err := s.letIn(ctx, v.claims.UserID, v.claims.GrantID); err != nil {
		return nil, err
	}
	return v.identity(st), nil
}

func (s *Server) newVerified(c *accessClaims) *verified {
	scopes, _ := parseScope(c.Scope) // ours: it was formatted by formatScope
	v := &verified{
		claims:  c,
		expires: time.Unix(c.Expires, 0),
		scopes:  slices.Clip(scopes),
		email:   slices.Contains(scopes, scopeEmail),
	}
	v.grant.Store(s.mem.grant(c.GrantID))
	return v
}

func (v *verified) identity(st *grantState) *Identity {
	id := &Identity{
		User:     st.user,
		Scopes:   v.scopes,
		ClientID: v.claims.ClientID,
		GrantID:  v.claims.GrantID,
		Expires:  v.expires,
	}
	if !v.email {
		id.User.Email, id.User.Verified = "", false
	}
	return id
}

// look asks the store about a token's grant, and confirms the token's
// generation at its first use: it has reached its client.
func (s *Server) look(ctx context.Context, v *verified) (*grantState, error) {
	g := s.mem.grant(v.claims.GrantID)
	v.grant.Store(g)
	st, err := g.load(s.mem, func() (*grantState, error) { return s.readGrant(ctx, v.claims) })
	if err != nil {
		return nil, err
	}
	if !st.live || st.confirmed || st.generation != v.claims.Generation {
		return st, nil
	}
	if !g.confirming.CompareAndSwap(false, true) {
		return st, nil // another request does it
	}
	defer g.confirming.Store(false)
	if err := s.confirm(ctx, v.claims); err != nil {
		// The next use tries again.
		s.log.WarnContext(ctx, "token not confirmed", "grant_id", v.claims.GrantID, "error", err)
	}
	return st, nil
}

// readGrant reads what Verify has to know of a token's grant. A grant that is
// gone is a dead one.
func (s *Server) readGrant(ctx context.Context, c *accessClaims) (*grantState, error) {
	s.counters.reads.Add(1)
	g, err := load[Grant](ctx, s, KindGrant, c.GrantID)
	if errors.Is(err, ErrNotFound) {
		return new(grantState), nil
	}
	if err != nil {
		return nil, err
	}
	if c.Generation > g.Generation {
		// Signed by us, so the store is older than the token: it was restored,
		// or a replica took over. The token lives its hour; people see this.
		s.storeOlder(ctx, g, c.Generation, g.Generation)
	}
	return &grantState{
		live:       !g.Revoked,
		clientID:   g.ClientID,
		user:       g.User,
		generation: g.Generation,
		confirmed:  g.Confirmed,
	}, nil
}

// confirm writes that a generation has reached its client.
func (s *Server) confirm(ctx context.Context, c *accessClaims) error {
	ctx, cancel := context.WithTimeout(ctx, confirmTimeout)
	defer cancel()
	err := update(ctx, s, KindGrant, c.GrantID, func(old *Grant) (*Grant, time.Time, error) {
		if old == nil || old.Revoked || old.Confirmed || old.Generation != c.Generation {
			return nil, time.Time{}, errUnchanged
		}
		old.Confirmed = true
		return old, s.grantEnd(old), nil
	})
	if err != nil && !errors.Is(err, errUnchanged) {
		return err
	}
	s.mem.drop(c.GrantID)
	return nil
}
