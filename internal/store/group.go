package store

import (
	"errors"
	"fmt"
	"sync"

	"go.etcd.io/bbolt"
)

// group lets concurrent writers share transactions, and with them the fsyncs:
// who comes while a commit is under way waits for it, and then all that wait
// commit together. A writer that is alone waits for nobody (bbolt's Batch
// would make it wait for company).
type group struct {
	db    *bbolt.DB
	sweep func(tx *bbolt.Tx, n int) error // work that rides along with commits

	mu    sync.Mutex
	queue []*job
	busy  bool // some job leads
}

// job is one write. run reports whether it changed anything; an error of run
// fails the whole transaction, so it keeps for itself what concerns it alone.
type job struct {
	run  func(tx *bbolt.Tx) (changed bool, err error)
	err  error
	turn chan bool // true: lead; false: done
}

// errNoChange rolls back a transaction that need not be written.
var errNoChange = errors.New("nothing changed")

// do runs a write and returns once it is on the disk.
func (g *group) do(run func(tx *bbolt.Tx) (bool, error)) error {
	j := &job{run: run, turn: make(chan bool, 1)}
	g.mu.Lock()
	g.queue = append(g.queue, j)
	lead := !g.busy
	g.busy = true
	g.mu.Unlock()
	if lead || <-j.turn {
		g.lead()
	}
	return j.err
}

// lead commits what waits, the caller's own job included, and then hands the
// lead to the first of those who came meanwhile.
func (g *group) lead() {
	g.mu.Lock()
	jobs := g.queue
	g.queue = nil
	g.mu.Unlock()

	err := errors.New("writing store: interrupted") // unless commit returns
	defer func() {
		for _, j := range jobs {
			j.err = err
			j.turn <- false
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		if len(g.queue) > 0 {
			g.queue[0].turn <- true
		} else {
			g.busy = false
		}
	}()
	err = g.commit(jobs)
}

// commit runs the jobs in one transaction. bbolt panics where it finds its
// file damaged; that fails the jobs, not the process.
func (g *group) commit(jobs []*job) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("writing store: %v", r)
		}
	}()
	err = g.db.Update(func(tx *bbolt.Tx) error {
		dirty := false
		for _, j := range jobs {
			changed, err := j.run(tx)
			if err != nil {
				return err
			}
			dirty = dirty || changed
		}
		if !dirty {
			return errNoChange
		}
		return g.sweep(tx, sweepSize*len(jobs))
	})
	if err != nil && !errors.Is(err, errNoChange) {
		return fmt.Errorf("writing store: %w", err)
	}
	return nil
}
