package authserver

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
)

// What an operator sees and ends. Nothing here is reached over the network that
// clients use, and nothing that is returned holds a secret.

// ClientInfo is a client as an operator sees it.
type ClientInfo struct {
	ID           string    `json:"client_id"`
	Name         string    `json:"client_name"` // the client's own words, cleaned
	Kind         string    `json:"kind"`        // registered, document, or file
	RedirectURIs []string  `json:"redirect_uris"`
	CreatedAt    time.Time `json:"created_at,omitzero"`  // zero: of the operator's file
	LastUsed     time.Time `json:"last_used,omitzero"`   // to 10 minutes
	GrantUntil   time.Time `json:"grant_until,omitzero"` // the end of its longest-lived grant; zero: it never had one
}

// GrantInfo is a live grant as an operator sees it.
type GrantInfo struct {
	ID         string    `json:"grant_id"`
	UserID     string    `json:"discord_id"`
	Username   string    `json:"username"`
	ClientID   string    `json:"client_id"`
	ClientName string    `json:"client_name"` // "" where the client is not known any more
	Scopes     []string  `json:"scopes"`
	CreatedAt  time.Time `json:"created_at"`
	LastUsed   time.Time `json:"last_used"` // refreshed
	Ends       time.Time `json:"ends"`      // unless it is refreshed
}

// KnownClients returns some of the clients and the cursor of the next page: "" starts,
// and "" ends. Those of the operator's file come first. A page may be empty.
func (s *Server) KnownClients(ctx context.Context, cursor string) (page []ClientInfo, next string, err error) {
	if fixed := s.fixed.Load(); cursor == "" && fixed != nil {
		for _, id := range slices.Sorted(maps.Keys(*fixed)) {
			page = append(page, clientInfo((*fixed)[id]))
		}
	}
	entries, next, err := s.cfg.Store.List(ctx, KindClient, cursor)
	if err != nil {
		return nil, "", storeError("listing", KindClient, err)
	}
	for _, e := range entries {
		c, err := entryOf[Client](KindClient, e)
		if err != nil {
			s.log.ErrorContext(ctx, "client left out", "error", err)
			continue
		}
		page = append(page, clientInfo(c))
	}
	return page, next, nil
}

func clientInfo(c *Client) ClientInfo {
	kind := "registered"
	switch {
	case c.fixed:
		kind = "file"
	case isClientURL(c.ID):
		kind = "document"
	}
	return ClientInfo{
		ID: c.ID, Name: c.Name, Kind: kind, RedirectURIs: c.RedirectURIs,
		CreatedAt: c.CreatedAt, LastUsed: c.LastUsed, GrantUntil: c.GrantUntil,
	}
}

// Grants returns some of the live grants, of one user or ("") of all, and the
// cursor of the next page: "" starts, and "" ends. A page may be empty.
func (s *Server) Grants(ctx context.Context, userID, cursor string) (page []GrantInfo, next string, err error) {
	var grants []*Grant
	if userID != "" {
		grants, err = s.listedGrants(ctx, userID)
	} else {
		grants, next, err = s.someGrants(ctx, cursor)
	}
	if errors.Is(err, ErrSealed) {
		s.log.ErrorContext(ctx, "grants left out", "error", err)
	} else if err != nil {
		return nil, "", err
	}
	names := map[string]string{} // of this page's clients
	for _, g := range grants {
		name, known := names[g.ClientID]
		if !known {
			c, err := s.client(ctx, g.ClientID)
			if err != nil && !errors.Is(err, errUnknownClient) {
				return nil, "", err
			}
			if err == nil {
				name = c.Name
			}
			names[g.ClientID] = name
		}
		page = append(page, GrantInfo{
			ID: g.ID, UserID: g.User.ID, Username: g.User.Username, ClientID: g.ClientID, ClientName: name,
			Scopes: g.Scopes, CreatedAt: g.CreatedAt, LastUsed: g.LastUsed, Ends: s.grantEnd(g),
		})
	}
	return page, next, nil
}

// someGrants is a page of the live grants in the store. With ErrSealed it is
// the others of the page, and the next one may be read.
func (s *Server) someGrants(ctx context.Context, cursor string) (grants []*Grant, next string, err error) {
	entries, next, err := s.cfg.Store.List(ctx, KindGrant, cursor)
	if err != nil {
		return nil, "", storeError("listing", KindGrant, err)
	}
	for _, e := range entries {
		g, openErr := entryOf[Grant](KindGrant, e)
		switch {
		case errors.Is(openErr, ErrSealed):
			err = openErr
		case openErr != nil:
			return nil, "", openErr
		case !g.Revoked:
			grants = append(grants, g)
		}
	}
	return grants, next, err
}

// listedGrants are the live ones of a user's list. A grant whose listing failed
// is missing there until its next refresh.
func (s *Server) listedGrants(ctx context.Context, userID string) ([]*Grant, error) {
	up, err := load[Upstream](ctx, s, KindUpstream, userID)
	if errors.Is(err, ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var grants []*Grant
	for _, ref := range up.Grants {
		g, err := load[Grant](ctx, s, KindGrant, ref.ID)
		switch {
		case errors.Is(err, ErrNotFound), err == nil && g.Revoked:
		case err != nil:
			return nil, err
		default:
			grants = append(grants, g)
		}
	}
	return grants, nil
}

// reasonOperator is why a grant ends that an operator revokes.
const reasonOperator = "operator"

// adminWorkers is how many grants end at once: their writes share one sync of
// the disk.
const adminWorkers = 16

// Revocation says what to revoke: exactly one of its fields is set. A client id
// names software, not an installation: it ends the sign-ins of all who use it.
type Revocation struct {
	GrantID, UserID, ClientID string
	All                       bool
}

// errRevocation is for a Revocation that says nothing, or several things.
var errRevocation = errors.New("a revocation is of one grant, one user, one client, or all")

// covers says whether a grant is meant.
func (r Revocation) covers(g *Grant) bool {
	return r.All || r.UserID != "" && g.User.ID == r.UserID || r.ClientID != "" && g.ClientID == r.ClientID || r.GrantID != "" && g.ID == r.GrantID
}

// Revoke ends grants for an operator, on every node, and tells Discord of users
// who have none left. It calls progress, if not nil, with the number of grants
// that it has ended so far. The grants on a user's list end first; then every
// grant is looked at, for some may not be listed.
// An error means that some may still live: Revoke may be repeated.
func (s *Server) Revoke(ctx context.Context, what Revocation, progress func(ended int)) error {
	set := 0
	for _, is := range []bool{what.GrantID != "", what.UserID != "", what.ClientID != "", what.All} {
		if is {
			set++
		}
	}
	if set != 1 {
		return errRevocation
	}
	if progress == nil {
		progress = func(int) {}
	}
	if what.GrantID != "" {
		return s.revokeOne(ctx, what.GrantID, progress)
	}
	var unopened error // the others end all the same
	ended := 0
	if what.UserID != "" {
		grants, err := s.listedGrants(ctx, what.UserID)
		if err != nil {
			return err
		}
		if err := s.endAll(ctx, grants); err != nil {
			return err
		}
		ended = len(grants)
		progress(ended)
	}
	for cursor, first := "", true; first || cursor != ""; first = false {
		grants, next, err := s.someGrants(ctx, cursor)
		if errors.Is(err, ErrSealed) {
			unopened = err
		} else if err != nil {
			return err
		}
		grants = slices.DeleteFunc(grants, func(g *Grant) bool { return !what.covers(g) })
		if err := s.endAll(ctx, grants); err != nil {
			return err
		}
		ended += len(grants)
		progress(ended)
		cursor = next
	}
	if what.UserID != "" {
		s.tellDiscord(ctx, what.UserID)
		return cmp.Or(unopened, ctx.Err())
	}
	return cmp.Or(unopened, s.tellDiscordOfAll(ctx))
}

func (s *Server) revokeOne(ctx context.Context, grantID string, progress func(int)) error {
	g, err := load[Grant](ctx, s, KindGrant, grantID)
	if errors.Is(err, ErrNotFound) || err == nil && g.Revoked {
		progress(0)
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.endGrant(ctx, g.ID, reasonOperator); err != nil {
		return err
	}
	progress(1)
	s.tellDiscord(ctx, g.User.ID)
	return nil
}

// endAll ends grants, some at once, and returns the first error.
func (s *Server) endAll(ctx context.Context, grants []*Grant) error {
	return inParallel(grants, func(g *Grant) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return s.endGrant(ctx, g.ID, reasonOperator)
	})
}

// tellDiscordOfAll tells Discord of every user who has no grant left. Each is a
// call to Discord, so it comes after all grants have ended.
func (s *Server) tellDiscordOfAll(ctx context.Context) error {
	for cursor, first := "", true; first || cursor != ""; first = false {
		entries, next, err := s.cfg.Store.List(ctx, KindUpstream, cursor)
		if err != nil {
			return storeError("listing", KindUpstream, err)
		}
		err = inParallel(entries, func(e Entry) error {
			up, err := entryOf[Upstream](KindUpstream, e)
			if err != nil || len(up.Pairs) == 0 || len(up.Grants) > 0 {
				return err
			}
			s.tellDiscord(ctx, e.ID)
			return ctx.Err()
		})
		if err != nil {
			return err
		}
		cursor = next
	}
	return nil
}

// inParallel calls do for every item, adminWorkers at once, and returns an error
// of one of them.
func inParallel[T any](items []T, do func(T) error) error {
	errs := make([]error, min(adminWorkers, len(items)))
	var workers sync.WaitGroup
	for w := range errs {
		workers.Go(func() {
			for i := w; i < len(items) && errs[w] == nil; i += len(errs) {
				errs[w] = do(items[i])
			}
		})
	}
	workers.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
