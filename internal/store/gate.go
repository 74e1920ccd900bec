package store

import (
	"context"
	"errors"
	"sync"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// maxAiling is how many calls may wait for a store that did not answer the last
// one.
const maxAiling = 64

// errAiling is for the others.
var errAiling = errors.New("it does not answer, and enough calls wait for it")

// gate keeps callers from piling up before a store that does not answer: each
// would wait for seconds. While it answers, everybody may wait for his turn.
type gate struct {
	mu     sync.Mutex
	inside int
	ailing bool // the last answer did not come
}

func (g *gate) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.ailing && g.inside >= maxAiling {
		return errAiling
	}
	g.inside++
	return nil
}

// leave says what the call came to. One that its caller ended says nothing about
// the store.
func (g *gate) leave(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	switch {
	case errors.Is(err, context.Canceled):
	case errors.Is(err, context.DeadlineExceeded):
		g.ailing = true
	default:
		g.ailing = errors.Is(err, errRedis) && !refused(err) && !errors.Is(err, authserver.ErrSealed)
	}
}
