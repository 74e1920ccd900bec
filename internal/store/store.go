// Package store keeps the records of the authorization server: in memory, or
// in one bbolt file. A decorator seals every value, whatever is below it.
//
// [Open] is what a command calls: it opens what a URL names, finds or makes
// the keys, and refuses what would lose records. The rest is for tests and for
// other backends, which [storetest.Run] holds to the same law.
//
// [storetest.Run]: https://pkg.go.dev/github.com/mcpdiscord/mcpdiscord/internal/store/storetest#Run
package store

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// Bounds that every backend shares.
const (
	maxID     = 8 << 10  // bytes of an id
	maxValue  = 16 << 20 // bytes of a value
	pageSize  = 256      // entries of a page of List
	pageBytes = 4 << 20  // bytes of values after which a page of List ends
	sweepSize = 16       // expired records that a write removes beside its own work
)

// errClosed is what a closed store says.
var errClosed = errors.New("store is closed")

// check refuses ids and values that no backend takes.
func check(id string, value []byte) error {
	if len(id) > maxID {
		return errors.New("id of the record is too long")
	}
	if len(value) > maxValue {
		return errors.New("record is too large")
	}
	return nil
}

// gone reports whether what expires at t is absent at now. The zero t never
// comes.
func gone(t, now time.Time) bool {
	return !t.IsZero() && !now.Before(t)
}

// clone copies a record: neither side of the Store changes the other's.
func clone(rec authserver.Record) authserver.Record {
	rec.Value = slices.Clone(rec.Value)
	if !rec.Expires.IsZero() {
		rec.Expires = rec.Expires.Round(0).UTC()
	}
	return rec
}

// recordKey names a record across kinds. No kind holds a NUL.
func recordKey(kind authserver.Kind, id string) string {
	return string(kind) + "\x00" + id
}

// clock is the injected clock, or the real one.
func clock(now func() time.Time) func() time.Time {
	if now == nil {
		return time.Now
	}
	return now
}

// closer makes Close idempotent.
type closer struct {
	once sync.Once
	err  error
}

func (c *closer) close(f func() error) error {
	c.once.Do(func() { c.err = f() })
	return c.err
}

// create returns the updater that stores rec where nothing is.
func create(rec authserver.Record) func(*authserver.Record) (*authserver.Record, error) {
	return func(old *authserver.Record) (*authserver.Record, error) {
		if old != nil {
			return nil, authserver.ErrExists
		}
		return &rec, nil
	}
}

// take returns an updater that deletes the record and leaves it in taken.
func take(taken *authserver.Record) func(*authserver.Record) (*authserver.Record, error) {
	return func(old *authserver.Record) (*authserver.Record, error) {
		if old == nil {
			return nil, authserver.ErrNotFound
		}
		*taken = *old
		return nil, nil
	}
}

// remove is the updater that deletes the record.
func remove(*authserver.Record) (*authserver.Record, error) { return nil, nil }
