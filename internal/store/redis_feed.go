package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// The feed asks Redis whether it is still there after pingEvery of silence, and
// gives it pongWithin to answer: a connection that hangs is noticed in 4 s.
const (
	pingEvery  = time.Second
	pongWithin = 2 * time.Second
	maxOwn     = 1 << 16 // of our own writes that we have not heard of yet
)

// redisFeed tells the watchers of this process what changed. What this process
// writes they hear before the write returns; what Redis then says of it they
// have heard already.
type redisFeed struct {
	client  redis.UniversalClient
	channel string
	closed  chan struct{}

	mu       sync.RWMutex // held for reading while watchers are told
	watchers map[*redisWatcher]struct{}
}

type redisWatcher struct {
	changed func(authserver.Kind, string)

	mu  sync.Mutex
	own map[string]struct{} // nonces of writes under way, or not heard of yet
}

func newRedisFeed(client redis.UniversalClient, channel string) *redisFeed {
	return &redisFeed{client: client, channel: channel, closed: make(chan struct{}), watchers: make(map[*redisWatcher]struct{})}
}

// What became of a write.
type outcome int

const (
	notWritten outcome = iota
	written
	unknown // perhaps it is, perhaps it will be
)

// begin announces a write of this process; done says what became of it.
func (f *redisFeed) begin(nonce string) (done func(o outcome, kind authserver.Kind, id string)) {
	f.mu.RLock()
	watchers := make([]*redisWatcher, 0, len(f.watchers))
	for w := range f.watchers {
		watchers = append(watchers, w)
		w.expect(nonce)
	}
	f.mu.RUnlock()
	return func(o outcome, kind authserver.Kind, id string) {
		if o != written { // should it come late, it is news
			for _, w := range watchers {
				w.heard(nonce)
			}
		}
		if o != notWritten {
			f.tell(kind, id)
		}
	}
}

func (f *redisFeed) tell(kind authserver.Kind, id string) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for w := range f.watchers {
		w.changed(kind, id)
	}
}

func (w *redisWatcher) expect(nonce string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.own) >= maxOwn {
		clear(w.own) // we shall hear some twice
	}
	w.own[nonce] = struct{}{}
}

// heard forgets a nonce, and reports whether it was expected.
func (w *redisWatcher) heard(nonce string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, own := w.own[nonce]
	delete(w.own, nonce)
	return own
}

// watch subscribes and listens until ctx ends or the connection fails.
func (f *redisFeed) watch(ctx context.Context, ready func(), changed func(authserver.Kind, string)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-f.closed:
		return errClosed
	default:
	}
	listening, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	sub := f.client.Subscribe(listening)
	var closing sync.WaitGroup
	defer closing.Wait()
	closing.Go(func() { // a read ends with its connection only
		select {
		case <-f.closed:
			cancel(errClosed)
		case <-listening.Done():
		}
		_ = sub.Close()
	})
	defer cancel(nil)
	err := f.listen(listening, sub, ready, changed)
	if ctx.Err() == nil && errors.Is(context.Cause(listening), errClosed) {
		return errClosed
	}
	return failed(ctx, "watching store", err)
}

func (f *redisFeed) listen(ctx context.Context, sub *redis.PubSub, ready func(), changed func(authserver.Kind, string)) error {
	if err := sub.Subscribe(ctx, f.channel); err != nil {
		return err
	}
	if _, err := sub.ReceiveTimeout(ctx, socketTimeout); err != nil { // that we are subscribed
		return err
	}
	w := &redisWatcher{changed: changed, own: make(map[string]struct{})}
	f.mu.Lock()
	f.watchers[w] = struct{}{}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.watchers, w)
		f.mu.Unlock()
	}()
	ready()
	wait := pingEvery
	for {
		message, err := sub.ReceiveTimeout(ctx, wait)
		switch {
		case err == nil:
			wait = pingEvery
		case wait == pingEvery && isTimeout(err) && ctx.Err() == nil:
			if err := sub.Ping(ctx); err != nil {
				return err
			}
			wait = pongWithin
			continue
		default:
			return err
		}
		if m, ok := message.(*redis.Message); ok {
			if err := w.receive(m.Payload); err != nil {
				return err
			}
		}
	}
}

// receive tells of a change that another process made.
func (w *redisWatcher) receive(payload string) error {
	if len(payload) < nonceSize {
		return fmt.Errorf("message of %d bytes", len(payload))
	}
	kind, id, ok := strings.Cut(payload[nonceSize:], "\x00")
	if !ok {
		return errors.New("message without a kind")
	}
	if !w.heard(payload[:nonceSize]) {
		w.changed(authserver.Kind(kind), id)
	}
	return nil
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// close ends every watch.
func (f *redisFeed) close() { close(f.closed) }
