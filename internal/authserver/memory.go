package authserver

import (
	"context"
	"crypto/sha256"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"
)

// Bounds of what one process remembers.
const (
	maxVerified = 16_384 // access tokens
	maxLive     = 16_384 // grants
	maxFailures = 4_096  // of Discord

	// feedPause is the time before a lost feed of changes is taken up again.
	feedPause = time.Second

	// flightWait is how long a request waits for a call to Discord that it
	// shares with others; flightTimeout ends the call. The one is longer than
	// Discord's answer may take, the other leaves time to store the answer.
	flightWait    = 12 * time.Second
	flightTimeout = 90 * time.Second

	// closeWait is what calls in flight get when the server closes: an answer
	// of Discord that is not stored is a login lost.
	closeWait = 10 * time.Second
)

// memory is what one process remembers of the store and of Discord's answers:
// never the truth, only what spares asking for it again.
type memory struct {
	verified *lru.Cache[[sha256.Size]byte, *verified] // by hash of the access token
	failures *lru.Cache[string, failure]              // by pair or grant, see renew.go

	grantsMu sync.Mutex // one liveGrant for an id at any time
	grants   *lru.Cache[string, *liveGrant]

	following atomic.Bool               // the feed of changes runs
	lost      atomic.Pointer[time.Time] // since when it does not; nil: it runs
	away      atomic.Pointer[outage]    // nil: the store answers, see outage.go
	changed   chan change               // by others, to be read again; see changes.go
	unlisted  atomic.Bool               // clients have changed that are not in changed
	flights   singleflight.Group
	ended     *lru.Cache[string, struct{}] // ids of grants that were seen to be revoked, see grant.go

	feed    context.Context // ends when the server closes
	flying  context.Context // of the flights: ends closeWait later
	unfeed  context.CancelFunc
	ground  context.CancelFunc
	running sync.WaitGroup
	closeMu sync.Mutex
	closed  bool

	awayMu  sync.Mutex  // of the beginning of an outage
	looking atomic.Bool // somebody finds out whether there is one
}

func newMemory() *memory {
	m := &memory{
		verified: newCache[[sha256.Size]byte, *verified](maxVerified, nil),
		failures: newCache[string, failure](maxFailures, nil),
		changed:  make(chan change, maxChanges),
		ended:    newCache[string, struct{}](maxLive, nil),
	}
	// What is evicted is out of the feed's reach: whoever still holds it must
	// not trust it.
	m.grants = newCache(maxLive, func(_ string, g *liveGrant) { g.leave() })
	m.feed, m.unfeed = context.WithCancel(context.Background())
	m.flying, m.ground = context.WithCancel(context.Background())
	return m
}

func newCache[K comparable, V any](size int, evicted func(K, V)) *lru.Cache[K, V] {
	c, err := lru.NewWithEvict(size, evicted)
	if err != nil { // only for sizes below 1
		panic(err)
	}
	return c
}

// openVerify starts what Verify and the renewals remember. It returns once the
// feed of changes runs, or is lost already, or ctx ends.
func (s *Server) openVerify(ctx context.Context) {
	begun := make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	s.mem.running.Go(func() { s.follow(s.mem.feed, begin) })
	if s.cfg.Store.Shared() {
		s.mem.running.Go(func() { s.catchUp(s.mem.feed) })
	}
	select {
	case <-begun:
	case <-ctx.Done():
	}
}

// closeVerify ends it and waits.
func (s *Server) closeVerify() {
	m := s.mem
	m.closeMu.Lock()
	m.closed = true
	m.closeMu.Unlock()
	m.unfeed()
	late := time.AfterFunc(closeWait, m.ground)
	defer late.Stop()
	m.running.Wait()
	m.ground()
}

// follow drops what changes, until ctx ends. Nothing is trusted any more once
// the feed is lost, and what was known before a new one is forgotten: changes
// in between were told to nobody. It calls begin once it follows, or finds that
// it cannot.
func (s *Server) follow(ctx context.Context, begin func()) {
	m := s.mem
	ready := func() {
		m.forget()
		m.lost.Store(nil)
		m.following.Store(true)
		begin()
	}
	for {
		err := s.cfg.Store.Watch(ctx, ready, s.onChange)
		m.following.Store(false)
		now := s.now()
		m.lost.CompareAndSwap(nil, &now)
		m.doubt()
		m.unlisted.Store(true)
		s.access.lost()
		begin()
		if ctx.Err() != nil {
			return
		}
		s.log.WarnContext(ctx, "store changes lost", "error", err)
		if !pause(ctx, feedPause) {
			return
		}
	}
}

// pause waits, and says whether it did so to the end.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// doubt makes every grant be read again. What was known stays known, for the
// case that the store does not answer, see outage.go.
func (m *memory) doubt() {
	m.grantsMu.Lock()
	defer m.grantsMu.Unlock()
	for _, g := range m.grants.Values() {
		g.doubt()
	}
}

// forget drops every grant.
func (m *memory) forget() {
	m.grantsMu.Lock()
	defer m.grantsMu.Unlock()
	m.grants.Purge()
}

// drop makes the next look at a grant read the store. It says whether the grant
// was known to live.
func (m *memory) drop(grantID string) bool {
	m.grantsMu.Lock()
	g, ok := m.grants.Peek(grantID)
	m.grantsMu.Unlock()
	return ok && g.drop()
}

// grant is the one liveGrant of an id.
func (m *memory) grant(id string) *liveGrant {
	m.grantsMu.Lock()
	defer m.grantsMu.Unlock()
	if g, ok := m.grants.Get(id); ok {
		return g
	}
	g := &liveGrant{loading: make(chan struct{}, 1)}
	m.grants.Add(id, g)
	return g
}
