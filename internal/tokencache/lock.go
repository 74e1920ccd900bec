package tokencache

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gofrs/flock"
)

// lockPoll is how often a lock that another process holds is tried.
const lockPoll = 20 * time.Millisecond

// locks are the locks of a state directory, each a file that the system unlocks
// when its holder dies. With no directory they hold in this process alone.
type locks struct {
	dir string

	mu   sync.Mutex
	byID map[string]*keyLock
}

// keyLock is one lock. The process as a whole has the file locked while refs
// is above zero: one ref for the holder of the lock, and one for each Save or
// Delete, which then need not know who holds what.
type keyLock struct {
	turn  chan struct{} // held by the holder of the lock
	write chan struct{} // held by one Save or Delete at a time
	refs  atomic.Int32

	gate  chan struct{} // held while what follows changes
	file  *flock.Flock
	spent bool // nothing is left to lock: the file goes with the last ref
}

func newLocks(stateDir string) *locks {
	l := &locks{byID: map[string]*keyLock{}}
	if stateDir != "" {
		l.dir = filepath.Join(stateDir, "locks")
	}
	return l
}

func (l *locks) get(id string) *keyLock {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.byID[id]
	if k == nil {
		k = &keyLock{turn: make(chan struct{}, 1), write: make(chan struct{}, 1), gate: make(chan struct{}, 1)}
		l.byID[id] = k
	}
	return k
}

// held tells whether this process has the lock.
func (l *locks) held(id string) bool { return l.get(id).refs.Load() > 0 }

// lock waits for its turn among the lockers of this process, then for other
// processes.
func (l *locks) lock(ctx context.Context, id string) (unlock func(), err error) {
	k := l.get(id)
	if err := take(ctx, k.turn); err != nil {
		return nil, fmt.Errorf("waiting for the session's lock: %w", err)
	}
	if err := l.addRef(ctx, k, id); err != nil {
		<-k.turn
		return nil, err
	}
	return sync.OnceFunc(func() {
		k.dropRef()
		<-k.turn
	}), nil
}

// enter is the short form for a Save or Delete: it waits for other processes
// unless this one has the lock, and for other writers of this one.
func (l *locks) enter(ctx context.Context, id string) (release func(spent bool), err error) {
	k := l.get(id)
	if err := l.addRef(ctx, k, id); err != nil {
		return nil, err
	}
	if err := take(ctx, k.write); err != nil {
		k.dropRef()
		return nil, fmt.Errorf("waiting for another save: %w", err)
	}
	return func(spent bool) {
		k.gate <- struct{}{}
		k.spent = spent
		<-k.gate
		<-k.write
		k.dropRef()
	}, nil
}

func (l *locks) addRef(ctx context.Context, k *keyLock, id string) error {
	if err := take(ctx, k.gate); err != nil {
		return fmt.Errorf("waiting for the session's lock: %w", err)
	}
	defer func() { <-k.gate }()
	if k.refs.Load() == 0 && l.dir != "" {
		file, err := lockFile(ctx, filepath.Join(l.dir, id+".lock"))
		if err != nil {
			return err
		}
		k.file, k.spent = file, false
	}
	k.refs.Add(1)
	return nil
}

// dropRef never waits long: who holds the gate while there are refs only counts.
func (k *keyLock) dropRef() {
	k.gate <- struct{}{}
	defer func() { <-k.gate }()
	if k.refs.Add(-1) > 0 || k.file == nil {
		return
	}
	if k.spent {
		_ = os.Remove(k.file.Path()) // while it is locked: see lockFile
	}
	_ = k.file.Unlock()
	k.file = nil
}

// lockFile locks the file at path. Holders may remove it, so what was locked
// must still be what is there.
func lockFile(ctx context.Context, path string) (*flock.Flock, error) {
	for {
		if err := makeDir(filepath.Dir(path)); err != nil {
			return nil, unwritable("the session's lock", err)
		}
		file := flock.New(path, flock.SetPermissions(0o600))
		locked, err := file.TryLockContext(ctx, lockPoll)
		switch {
		case ctx.Err() != nil:
			_ = file.Close()
			return nil, fmt.Errorf("waiting for another process: %w", context.Cause(ctx))
		case err != nil:
			_ = file.Close()
			return nil, unwritable("the session's lock", err)
		}
		if locked {
			here, err1 := file.Stat()
			there, err2 := os.Lstat(path)
			switch {
			case err1 != nil || err2 != nil:
			case os.SameFile(here, there):
				return file, nil
			case !there.Mode().IsRegular(): // a link: it will never be the same
				_ = file.Close()
				return nil, unwritable("the session's lock", errIrregular)
			}
		}
		_ = file.Close()
	}
}

// take puts a token into a channel of one, unless ctx ends first.
func take(ctx context.Context, ch chan struct{}) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case ch <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
