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
	seen    atomic.Bool // it was good by what the store said
	older   atomic.Bool // the store is older than the token, and that is written down
}

// Verify says who calls with an access token. It returns ErrInvalidToken for
// one that is not good, and an error that is ErrNotAllowed for a good one whose
// user may not come in; any other error means that the store or, about that
// right, Discord did not answer. Of a token that was good before, and whose
// grant has not changed since, it reads nothing from the store, but once in 5 s
// where others share the store. While the store is away such a token stays good
// for Config.OutageGrace. It calls Discord only where [Access] asks for guilds
// or roles: for one user, once in ten minutes, of all nodes together.
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
	if !st.trusted(now) || st.confirms(v.claims.Generation) || v.newer(st) {
		var err error
		if st, err = s.look(ctx, v); err != nil {
			return nil, err
		}
	}
	if !st.live || st.clientID != v.claims.ClientID || st.user.ID != v.claims.UserID {
		return nil, ErrInvalidToken
	}
	if !v.seen.Load() { // what is known of its grant may be newer than the token's first use
		v.seen.Store(true)
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
	email := v.email
	if !covers(st.scopes, v.scopes) { // the grant is the authority
		id.Scopes = intersect(v.scopes, st.scopes)
		email = slices.Contains(id.Scopes, scopeEmail)
	}
	if !email {
		id.User.Email, id.User.Verified = "", false
	}
	return id
}

// newer says whether the token is of a later generation than what is known of
// its grant: then that is old.
func (v *verified) newer(st *grantState) bool {
	return st.live && v.claims.Generation > st.generation && !v.older.Load()
}

// look asks the store about a token's grant, and confirms the token's
// generation at its first use: it has reached its client.
func (s *Server) look(ctx context.Context, v *verified) (*grantState, error) {
	id := v.claims.GrantID
	g := s.mem.grant(id)
	v.grant.Store(g)
	if st := g.state.Load(); st != nil && v.newer(st) {
		g.drop()
	}
	st, err := s.loadGrant(ctx, g, id)
	if o, away := errors.AsType[*outage](err); away {
		return s.grace(ctx, v, o)
	}
	if err != nil {
		return nil, err
	}
	if v.newer(st) && v.older.CompareAndSwap(false, true) {
		// Signed by us, so the store is older than the token: it was restored,
		// or a replica took over. The token lives its hour; people see this.
		s.storeOlder(ctx, &Grant{ID: id, ClientID: st.clientID, User: st.user}, v.claims.Generation, st.generation)
	}
	if !st.confirms(v.claims.Generation) || s.mem.away.Load() != nil {
		return st, nil
	}
	if !g.confirming.CompareAndSwap(false, true) {
		return st, nil // another request does it
	}
	defer g.confirming.Store(false)
	if err := s.confirm(ctx, v.claims); err != nil {
		// The next use tries again.
		s.log.WarnContext(ctx, "token not confirmed", "grant_id", id, "error", err)
		return st, nil
	}
	// The write has made what is known of the grant old.
	if next, err := s.loadGrant(ctx, g, id); err == nil {
		return next, nil
	}
	return st, nil
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
