package authserver

import (
	"context"
	"errors"
	"time"
)

const (
	// maxChanges bounds the changes that wait to be read.
	maxChanges = 4096

	// listPause is the least time between two readings of all clients.
	listPause = 5 * time.Second
)

// change is a record that somebody has written.
type change struct {
	kind Kind
	id   string
}

// onChange drops what the feed says has changed. Of a store that others share
// it is read again soon: so that a grant that lives is known to live when the
// store goes away, and the clients of all nodes are counted. What is too much
// to be read is read when it is asked for.
func (s *Server) onChange(kind Kind, id string) {
	m := s.mem
	shared := s.cfg.Store.Shared()
	switch kind {
	case KindGrant:
		if !m.drop(id) || !shared {
			return
		}
	case KindClient:
		if !shared {
			return
		}
	case KindAccess:
		s.access.changed(id)
		return
	default:
		return
	}
	select {
	case m.changed <- change{kind, id}:
	default:
		if kind == KindClient {
			m.unlisted.Store(true)
		}
	}
}

// catchUp reads what others have changed, until ctx ends.
func (s *Server) catchUp(ctx context.Context) {
	tick := time.NewTicker(listPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-s.mem.changed:
			s.readAgain(ctx, c)
		case <-tick.C:
			if !s.mem.unlisted.CompareAndSwap(true, false) {
				continue
			}
			if err := s.loadClients(ctx); err != nil {
				s.mem.unlisted.Store(true)
			}
		}
	}
}

func (s *Server) readAgain(ctx context.Context, c change) {
	if s.mem.away.Load() != nil {
		s.mem.unlisted.Store(true)
		return
	}
	if c.kind == KindGrant {
		// An error is of no interest here: the next look asks again.
		_, _ = s.loadGrant(ctx, s.mem.grant(c.id), c.id)
		return
	}
	client, err := load[Client](ctx, s, KindClient, c.id)
	switch {
	case err == nil:
		s.index(c.id).set(c.id, ageOf(client))
	case errors.Is(err, ErrNotFound):
		s.index(c.id).remove(c.id)
	default:
		s.mem.unlisted.Store(true)
	}
}
