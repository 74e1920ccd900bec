package authserver

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"
)

const (
	clientTTL   = 90 * 24 * time.Hour // a client that nobody uses is gone after
	clientYoung = time.Hour           // after its use it is not evicted
	clientTouch = 10 * time.Minute    // how exactly a client's use is recorded
	clientRetry = 10 * time.Minute    // what is told to wait when all is full

	// evictShare is the part of all clients that goes at once when they are too
	// many, so that not every registration has to look for a victim.
	evictShare = 64
)

// errUnknownClient is what a client id that is not registered gets.
var errUnknownClient = &Error{Status: http.StatusBadRequest, Code: "invalid_client", Description: "this client is not registered here (or no longer): register again"}

var errClientsFull = &Error{Status: http.StatusServiceUnavailable, Code: "temporarily_unavailable", Description: "too many clients are registered; try again later", RetryAfter: clientRetry}

// clientIndex knows of every stored client what eviction needs, so that a flood
// of registrations is not a flood of reads.
type clientIndex struct {
	mu   sync.Mutex
	byID map[string]clientAge
	// fullUntil: no client can be evicted before. Zero: look.
	fullUntil time.Time
}

type clientAge struct {
	used, until time.Time
}

func ageOf(c *Client) clientAge { return clientAge{used: c.LastUsed, until: c.GrantUntil} }

// evictableAt is when the client may go to make room: not while somebody who
// has just registered it signs in.
func (a clientAge) evictableAt() time.Time {
	at := a.used.Add(clientYoung + clientTouch)
	if a.until.After(at) {
		return a.until
	}
	return at
}

// gone says whether the record has expired by itself.
func (a clientAge) gone(now time.Time) bool { return !now.Before(clientExpires(a.used, a.until)) }

func clientExpires(used, until time.Time) time.Time {
	expires := used.Add(clientTTL)
	if until.After(expires) {
		return until
	}
	return expires
}

// client returns the registered client, an invalid_client *Error where there
// is none, or a 503 *Error.
func (s *Server) client(ctx context.Context, id string) (*Client, error) {
	if c := s.fixedClient(id); c != nil {
		return c, nil
	}
	c, err := load[Client](ctx, s, KindClient, clientKey(id))
	if errors.Is(err, ErrNotFound) || err == nil && c.ID != id {
		return nil, errUnknownClient
	}
	return c, err
}

// index is where a client counts: floods of the one kind never crowd out the
// other.
func (s *Server) index(id string) *clientIndex {
	if isClientURL(id) {
		return &s.described
	}
	return &s.clients
}

// loadClients fills the indexes from the store.
func (s *Server) loadClients(ctx context.Context) error {
	clients, described, cursor, unopened := make(map[string]clientAge), make(map[string]clientAge), "", 0
	for {
		page, next, err := s.cfg.Store.List(ctx, KindClient, cursor)
		if err != nil {
			return storeError("listing", KindClient, err)
		}
		for _, entry := range page {
			c, err := entryOf[Client](KindClient, entry)
			if err != nil { // it is no client until it opens, and nobody else's loss
				unopened++
				continue
			}
			if isClientURL(c.ID) {
				described[entry.ID] = ageOf(c)
			} else {
				clients[entry.ID] = ageOf(c)
			}
		}
		if cursor = next; cursor == "" {
			if unopened > 0 {
				s.log.ErrorContext(ctx, "clients do not open", "count", unopened, "hint", "STORAGE_ENCRYPTION_KEY has lost a key, or the store was changed")
			}
			s.clients.reset(clients)
			s.described.reset(described)
			return nil
		}
	}
}

// saveClient stores a client, or refreshes the one that registered the same
// before, and returns what is stored. New clients are refused when there are
// too many that may not go.
func (s *Server) saveClient(ctx context.Context, c *Client) (*Client, error) {
	stored, err := s.useClient(ctx, c.ID, time.Time{})
	if !errors.Is(err, errUnknownClient) {
		return stored, err
	}
	return s.addClient(ctx, c)
}

// addClient stores a client that is not there yet.
func (s *Server) addClient(ctx context.Context, c *Client) (*Client, error) {
	if err := s.countAddress(ctx, limitClients); err != nil {
		return nil, err
	}
	now, key, index := s.now(), clientKey(c.ID), s.index(c.ID)
	if err := s.makeRoom(ctx, index, now); err != nil {
		return nil, err
	}
	c.CreatedAt, c.LastUsed = now, now
	err := create(ctx, s, KindClient, key, c, clientExpires(now, time.Time{}))
	if errors.Is(err, ErrExists) { // the same metadata at the same moment
		return s.client(ctx, c.ID)
	}
	if err != nil {
		return nil, err
	}
	index.set(key, ageOf(c))
	return c, nil
}

// keepClient keeps a client from eviction until its grant ends. An unknown
// client is left unknown.
func (s *Server) keepClient(ctx context.Context, id string, until time.Time) error {
	_, err := s.useClient(ctx, id, until)
	if errors.Is(err, errUnknownClient) {
		return nil
	}
	return err
}

// useClient records that a client is used, keeps it from eviction until a time,
// and returns it, or the error of client. It writes only what differs by some
// time, so that it costs no write on the hot path.
func (s *Server) useClient(ctx context.Context, id string, until time.Time) (*Client, error) {
	now := s.now()
	c, err := s.client(ctx, id)
	if err != nil || c.fixed {
		return c, err
	}
	longer := until.After(c.GrantUntil)
	if !longer && now.Before(c.LastUsed.Add(clientTouch)) {
		return c, nil
	}
	if longer { // the slack is added, not tolerated: protection never ends early
		until = until.Add(refAge)
	}
	err = update(ctx, s, KindClient, clientKey(id), func(old *Client) (*Client, time.Time, error) {
		if old == nil {
			return nil, time.Time{}, errUnknownClient
		}
		old.LastUsed = now
		if until.After(old.GrantUntil) {
			old.GrantUntil = until
		}
		c = old
		return old, clientExpires(old.LastUsed, old.GrantUntil), nil
	})
	if err != nil {
		return nil, err
	}
	s.index(id).set(clientKey(id), ageOf(c))
	return c, nil
}

func (x *clientIndex) reset(byID map[string]clientAge) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.byID, x.fullUntil = byID, time.Time{}
}

func (x *clientIndex) remove(id string) {
	x.mu.Lock()
	defer x.mu.Unlock()
	delete(x.byID, id)
}

func (x *clientIndex) set(id string, age clientAge) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.byID[id] = age
}

// makeRoom evicts clients of an index when there are too many.
func (s *Server) makeRoom(ctx context.Context, index *clientIndex, now time.Time) error {
	victims, err := index.victims(s.cfg.MaxClients, now)
	if err != nil {
		return err
	}
	for _, id := range victims {
		err := update(ctx, s, KindClient, id, func(old *Client) (*Client, time.Time, error) {
			if old != nil && now.Before(ageOf(old).evictableAt()) { // signed in meanwhile
				return old, clientExpires(old.LastUsed, old.GrantUntil), nil
			}
			return nil, time.Time{}, nil
		})
		if err != nil {
			return err
		}
	}
	if len(victims) > 0 {
		s.log.WarnContext(ctx, "clients evicted", "count", len(victims), "limit", s.cfg.MaxClients)
	}
	return nil
}

// victims takes the clients that go out of the index: those that never had a
// grant first, then the least recently used.
func (x *clientIndex) victims(limit int, now time.Time) ([]string, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.byID) < limit {
		return nil, nil
	}
	if now.Before(x.fullUntil) {
		return nil, errClientsFull
	}
	var ids []string
	next := now.Add(clientYoung)
	for id, age := range x.byID {
		switch at := age.evictableAt(); {
		case age.gone(now):
			delete(x.byID, id)
		case !now.Before(at):
			ids = append(ids, id)
		case at.Before(next):
			next = at
		}
	}
	if len(x.byID) < limit {
		return nil, nil
	}
	if len(ids) == 0 {
		x.fullUntil = next
		return nil, errClientsFull
	}
	slices.SortFunc(ids, func(a, b string) int {
		ageA, ageB := x.byID[a], x.byID[b]
		if neverA, neverB := ageA.until.IsZero(), ageB.until.IsZero(); neverA != neverB {
			if neverA {
				return -1
			}
			return 1
		}
		return ageA.used.Compare(ageB.used)
	})
	ids = ids[:min(len(ids), len(x.byID)-limit+1+limit/evictShare)]
	for _, id := range ids {
		delete(x.byID, id)
	}
	return ids, nil
}
