package store

import (
	"context"
	"sync"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// feed tells the watchers of this process what changed. A write tells them
// after its commit and before it returns: who sees a write return may rely on
// every cache having dropped what it held.
type feed struct {
	mu       sync.RWMutex // held for reading while watchers are told
	watchers map[*watcher]struct{}
	closed   chan struct{}
}

type watcher struct {
	changed func(authserver.Kind, string)
}

func newFeed() *feed {
	return &feed{watchers: make(map[*watcher]struct{}), closed: make(chan struct{})}
}

// tell calls every watcher.
func (f *feed) tell(kind authserver.Kind, id string) {
	f.mu.RLock()
	defer f.mu.RUnlock()
	for w := range f.watchers {
		w.changed(kind, id)
	}
}

// watch is the Watch of a store whose only writer is this process. changed is
// not called any more once it has returned.
func (f *feed) watch(ctx context.Context, ready func(), changed func(authserver.Kind, string)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &watcher{changed: changed}
	f.mu.Lock()
	f.watchers[w] = struct{}{}
	f.mu.Unlock()
	defer func() {
		f.mu.Lock()
		delete(f.watchers, w)
		f.mu.Unlock()
	}()
	ready()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-f.closed:
		return errClosed
	}
}

// close ends every watch.
func (f *feed) close() { close(f.closed) }
