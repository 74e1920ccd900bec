package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	"go.etcd.io/bbolt"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// The buckets of the file. A record's key is its kind, a NUL, and its id; its
// value is the expiry (8 bytes, nanoseconds since 1970, 0: never) and the
// value. The expiry bucket holds, for each record that expires, the expiry
// followed by the record's key, so that the first to go are in front.
var (
	headBucket    = []byte("mcpdiscord")
	recordsBucket = []byte("records")
	expiryBucket  = []byte("expiry")

	formatKey   = []byte("format") // in the head
	formatValue = []byte("1")
)

const stampSize = 8

// bolt is a Store in one bbolt file, which one process holds.
type bolt struct {
	now      func() time.Time
	db       *bbolt.DB
	writes   *group
	counters *counters
	feed     *feed
	closer   closer
}

// Bolt opens the store in the bbolt file at path, and makes the file where
// there is none. now is its clock; nil means time.Now. A write is on the disk
// when its method returns. Errors are of type [*Error].
func Bolt(path string, now func() time.Time) (authserver.Store, error) {
	b, err := openBolt(path, now, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	return b, nil
}

func newBolt(db *bbolt.DB, now func() time.Time) *bolt {
	b := &bolt{now: now, db: db, counters: newCounters(), feed: newFeed()}
	b.writes = &group{db: db, sweep: b.sweep}
	return b
}

// Get implements [authserver.Store].
func (b *bolt) Get(ctx context.Context, kind authserver.Kind, id string) (authserver.Record, error) {
	if err := ctx.Err(); err != nil {
		return authserver.Record{}, err
	}
	var rec *authserver.Record
	err := b.db.View(func(tx *bbolt.Tx) (err error) {
		rec, err = b.live(tx.Bucket(recordsBucket).Get([]byte(recordKey(kind, id))))
		return err
	})
	if err != nil {
		return authserver.Record{}, fmt.Errorf("reading store: %w", err)
	}
	if rec == nil {
		return authserver.Record{}, authserver.ErrNotFound
	}
	return *rec, nil
}

// Create implements [authserver.Store].
func (b *bolt) Create(ctx context.Context, kind authserver.Kind, id string, rec authserver.Record) error {
	return b.Update(ctx, kind, id, create(rec))
}

// Update implements [authserver.Store]. fn runs once, not always on the
// caller's goroutine, and must not call the store. ctx ends the wait before the
// write begins, never a write under way: its outcome would be unknown.
func (b *bolt) Update(ctx context.Context, kind authserver.Kind, id string, fn func(*authserver.Record) (*authserver.Record, error)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	u := update{key: []byte(recordKey(kind, id)), id: id, fn: fn}
	if err := b.writes.do(func(tx *bbolt.Tx) (bool, error) { return b.apply(tx, &u) }); err != nil {
		return err
	}
	if u.panicked {
		panic(u.panic)
	}
	if u.told {
		b.feed.tell(kind, id)
	}
	return u.err
}

// Take implements [authserver.Store].
func (b *bolt) Take(ctx context.Context, kind authserver.Kind, id string) (authserver.Record, error) {
	var taken authserver.Record
	if err := b.Update(ctx, kind, id, take(&taken)); err != nil {
		return authserver.Record{}, err
	}
	return taken, nil
}

// Delete implements [authserver.Store].
func (b *bolt) Delete(ctx context.Context, kind authserver.Kind, id string) error {
	return b.Update(ctx, kind, id, remove)
}

// List implements [authserver.Store].
func (b *bolt) List(ctx context.Context, kind authserver.Kind, cursor string) (entries []authserver.Entry, next string, err error) {
	if err := ctx.Err(); err != nil {
		return nil, "", err
	}
	var p page
	err = b.db.View(func(tx *bbolt.Tx) error {
		prefix := []byte(recordKey(kind, ""))
		after := []byte(recordKey(kind, cursor))
		c := tx.Bucket(recordsBucket).Cursor()
		k, v := c.Seek(after)
		if cursor != "" && bytes.Equal(k, after) {
			k, v = c.Next()
		}
		for ; bytes.HasPrefix(k, prefix); k, v = c.Next() {
			rec, err := b.live(v)
			if err != nil {
				return err
			}
			if rec == nil {
				continue
			}
			if p.full() {
				next = p.cursor()
				return nil
			}
			p.add(authserver.Entry{ID: string(k[len(prefix):]), Record: *rec})
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("reading store: %w", err)
	}
	return p.entries, next, nil
}

// Incr implements [authserver.Store]. Counts are kept in memory: they bound
// what strangers may do, and must cost less than that.
func (b *bolt) Incr(ctx context.Context, key string, window time.Duration) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	return b.counters.incr(key, window, b.now()), nil
}

// Watch implements [authserver.Store].
func (b *bolt) Watch(ctx context.Context, ready func(), changed func(authserver.Kind, string)) error {
	return b.feed.watch(ctx, ready, changed)
}

// Shared implements [authserver.Store]: this process alone writes.
func (*bolt) Shared() bool { return false }

// Close implements [authserver.Store].
func (b *bolt) Close() error {
	return b.closer.close(func() error {
		b.feed.close()
		return b.db.Close()
	})
}

// update is one Update: what it asks, and what became of it.
type update struct {
	key []byte
	id  string
	fn  func(*authserver.Record) (*authserver.Record, error)

	err      error // fn's own, or of the record it returned
	told     bool  // watchers are to be told
	panicked bool
	panic    any
}

// call runs fn. A panic is its caller's, not of those who share the
// transaction.
func (u *update) call(old *authserver.Record) (next *authserver.Record) {
	u.panicked = true
	defer func() {
		if u.panicked {
			u.panic = recover()
		}
	}()
	next, u.err = u.fn(old)
	u.panicked = false
	return next
}

// apply runs an update in a transaction. It changes nothing before it knows
// that the update is good.
func (b *bolt) apply(tx *bbolt.Tx, u *update) (changed bool, err error) {
	records, expiry := tx.Bucket(recordsBucket), tx.Bucket(expiryBucket)
	stored := records.Get(u.key)
	old, err := b.live(stored)
	if err != nil {
		u.err = err
		return false, nil
	}
	had := old != nil
	next := u.call(old)
	if u.panicked || u.err != nil {
		return false, nil
	}
	if next == nil && stored == nil {
		return false, nil
	}
	if next != nil {
		if u.err = check(u.id, next.Value); u.err != nil {
			return false, nil
		}
	}
	if at := stamp(stored); at != nil {
		if err := expiry.Delete(append(at, u.key...)); err != nil {
			return false, err
		}
	}
	if next == nil {
		u.told = had
		return true, records.Delete(u.key)
	}
	u.told = true
	value := encode(*next)
	if at := stamp(value); at != nil {
		if err := expiry.Put(append(at, u.key...), []byte{}); err != nil {
			return false, err
		}
	}
	return true, records.Put(u.key, value)
}

// sweep removes up to n expired records.
func (b *bolt) sweep(tx *bbolt.Tx, n int) error {
	records, expiry := tx.Bucket(recordsBucket), tx.Bucket(expiryBucket)
	now := b.now()
	var due [][]byte // deleting moves a cursor, so collect first
	c := expiry.Cursor()
	for k, _ := c.First(); len(k) > stampSize && len(due) < n && gone(decodeTime(k), now); k, _ = c.Next() {
		due = append(due, bytes.Clone(k))
	}
	for _, k := range due {
		key := k[stampSize:]
		if bytes.Equal(stamp(records.Get(key)), k[:stampSize]) {
			if err := records.Delete(key); err != nil {
				return err
			}
		}
		if err := expiry.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

// live decodes a stored value into a copy; nil where there is none or it has
// expired.
func (b *bolt) live(stored []byte) (*authserver.Record, error) {
	if stored == nil {
		return nil, nil
	}
	if len(stored) < stampSize {
		return nil, errors.New("record is damaged")
	}
	at := decodeTime(stored)
	if gone(at, b.now()) {
		return nil, nil
	}
	return &authserver.Record{Value: bytes.Clone(stored[stampSize:]), Expires: at}, nil
}

func encode(rec authserver.Record) []byte {
	out := make([]byte, stampSize, stampSize+len(rec.Value))
	binary.BigEndian.PutUint64(out, encodeTime(rec.Expires))
	return append(out, rec.Value...)
}

// stamp returns a copy of a stored value's expiry, or nil where it has none.
func stamp(stored []byte) []byte {
	if len(stored) < stampSize || decodeTime(stored).IsZero() {
		return nil
	}
	return append(make([]byte, 0, stampSize+64), stored[:stampSize]...)
}

func encodeTime(t time.Time) uint64 {
	switch {
	case t.IsZero():
		return 0
	case !t.After(time.Unix(0, 0)):
		return 1
	case t.Year() >= 2262: // where int64 ends
		return math.MaxInt64
	}
	return uint64(t.UnixNano())
}

func decodeTime(b []byte) time.Time {
	n := binary.BigEndian.Uint64(b)
	if n == 0 || n > math.MaxInt64 {
		return time.Time{}
	}
	return time.Unix(0, int64(n)).UTC()
}
