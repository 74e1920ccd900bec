package store

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	mathrand "math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// Bounds of what one call may take: a Redis that is away is an error in time
// for an answer, never a hang.
const (
	callTimeout   = 4 * time.Second // a whole call, waiting for its turn included
	socketTimeout = 1500 * time.Millisecond
	poolSize      = 32                     // connections to one Redis
	lookEvery     = 500 * time.Millisecond // at most, see lookAround
)

// How long Redis keeps what is no longer there.
const (
	tombTTL     = time.Minute // the mark of a removal
	expirySlack = time.Minute // expired records: the clocks of nodes differ
	maxTTL      = 10 * 365 * 24 * time.Hour
)

// errRedis is of whatever Redis could not do. It never wraps a context's error:
// those are the caller's alone.
var errRedis = errors.New("redis")

// redisStore is a Store in Redis, which several processes share.
//
// A record is the string PREFIX:{KIND}:r:ID: a mark, the nonce of the write that
// made it, and the expiry and the value as in bbolt.go. A removed record leaves
// a tombstone for a minute: another mark and a nonce. The sorted sets
// PREFIX:{KIND}:ids and PREFIX:{KIND}:expiry hold the ids in order and by expiry
// in milliseconds. The tag keeps a kind in one slot of a cluster, so that a
// script may touch all of them.
//
// A write compares and swaps whole strings, and never two alike: its nonce makes
// it harmless to send it again when its answer was lost. Where it cannot be
// known whether it took place, it is an error; fn is not run again.
type redisStore struct {
	now    func() time.Time
	client redis.UniversalClient
	prefix string
	feed   *redisFeed
	locks  *locks
	gate   gate
	closer closer

	node   [8]byte // first half of our nonces
	writes atomic.Uint64
	looked atomic.Int64 // when a cluster was last asked for its masters
}

const (
	markLive  = '+'
	markTomb  = '-'
	nonceSize = 16
	headSize  = 1 + nonceSize
)

// newRedis takes over the client. channel is that of its change feed.
func newRedis(client redis.UniversalClient, prefix, channel string, now func() time.Time) *redisStore {
	r := &redisStore{now: clock(now), client: client, prefix: prefix, locks: newLocks()}
	r.feed = newRedisFeed(client, channel)
	_, _ = rand.Read(r.node[:]) // it never fails
	return r
}

func (r *redisStore) key(kind authserver.Kind, id string) string {
	return r.prefix + ":{" + string(kind) + "}:r:" + id
}

// Get implements [authserver.Store], in one round trip.
func (r *redisStore) Get(ctx context.Context, kind authserver.Kind, id string) (_ authserver.Record, err error) {
	if err := ctx.Err(); err != nil {
		return authserver.Record{}, err
	}
	if err := r.gate.enter(); err != nil {
		return authserver.Record{}, broken("reading store", err)
	}
	defer func() { r.gate.leave(err) }()
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	stored, err := r.read(call, kind, id)
	if err != nil {
		return authserver.Record{}, failed(ctx, "reading store", err)
	}
	rec, err := r.live(stored)
	if err != nil {
		return authserver.Record{}, fmt.Errorf("reading store: %w", err)
	}
	if rec == nil {
		return authserver.Record{}, authserver.ErrNotFound
	}
	return *rec, nil
}

// Create implements [authserver.Store], in one round trip for a new id.
func (r *redisStore) Create(ctx context.Context, kind authserver.Kind, id string, rec authserver.Record) error {
	return r.update(ctx, kind, id, "", create(rec))
}

// Update implements [authserver.Store], in two round trips, and one more each
// time that another node was first. ctx ends the wait before the write begins,
// never a write under way.
func (r *redisStore) Update(ctx context.Context, kind authserver.Kind, id string, fn func(*authserver.Record) (*authserver.Record, error)) error {
	return r.update(ctx, kind, id, unread, fn)
}

// Take implements [authserver.Store]. It reads before it removes: a lost answer
// loses no record.
func (r *redisStore) Take(ctx context.Context, kind authserver.Kind, id string) (authserver.Record, error) {
	var taken authserver.Record
	if err := r.Update(ctx, kind, id, take(&taken)); err != nil {
		return authserver.Record{}, err
	}
	return taken, nil
}

// Delete implements [authserver.Store].
func (r *redisStore) Delete(ctx context.Context, kind authserver.Kind, id string) error {
	return r.Update(ctx, kind, id, remove)
}

// Incr implements [authserver.Store], in one round trip. An answer that was
// lost may count twice.
func (r *redisStore) Incr(ctx context.Context, key string, window time.Duration) (_ int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := r.gate.enter(); err != nil {
		return 0, broken("counting in store", err)
	}
	defer func() { r.gate.leave(err) }()
	call, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	now := r.now()
	answer, _, err := r.run(call, incrScript, []string{r.prefix + ":n:" + key},
		digits(now), digits(now.Add(window)), int64((window+expirySlack)/time.Millisecond))
	if err != nil {
		return 0, failed(ctx, "counting in store", err)
	}
	n, ok := answer.(int64)
	if !ok {
		return 0, fmt.Errorf("counting in store: %w: strange answer", errRedis)
	}
	return n, nil
}

// Watch implements [authserver.Store]. It ends within 4 seconds once Redis
// cannot be reached.
func (r *redisStore) Watch(ctx context.Context, ready func(), changed func(authserver.Kind, string)) error {
	err := r.feed.watch(ctx, ready, changed)
	if ctx.Err() == nil && !errors.Is(err, errClosed) {
		r.lookAround(err)
	}
	return err
}

// Shared implements [authserver.Store].
func (*redisStore) Shared() bool { return true }

// Close implements [authserver.Store].
func (r *redisStore) Close() error {
	return r.closer.close(func() error {
		r.feed.close()
		return r.client.Close()
	})
}

// unread stands for what is stored until it is read. No stored string is it.
const unread = "?"

// update brings what is stored from seen to what fn makes of it. Callers of
// this process take turns, in the order in which they come: a storm on one
// record is as many round trips, not their square.
func (r *redisStore) update(ctx context.Context, kind authserver.Kind, id, seen string, fn func(*authserver.Record) (*authserver.Record, error)) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := r.gate.enter(); err != nil {
		return broken("writing store", err)
	}
	defer func() { r.gate.leave(err) }()
	wait, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	unlock, err := r.locks.lock(wait, recordKey(kind, id))
	if err != nil {
		return failed(ctx, "writing store", errors.New("too many wait for one record"))
	}
	defer unlock()
	if seen == unread {
		if seen, err = r.read(wait, kind, id); err != nil {
			return failed(ctx, "reading store", err)
		}
	}
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	for tries := 0; ; tries++ {
		old, err := r.live(seen)
		if err != nil {
			return fmt.Errorf("writing store: %w", err)
		}
		had := old != nil
		next, err := fn(old)
		if err != nil || next == nil && !had {
			return err
		}
		if next != nil {
			if err := check(id, next.Value); err != nil {
				return err
			}
		}
		now, swapped, err := r.swap(call, kind, id, seen, next)
		if err != nil {
			return broken("writing store", err)
		}
		if swapped {
			return nil
		}
		seen = now
		if err := backOff(call, tries); err != nil {
			return broken("writing store", errors.New("others write the same record all the time"))
		}
	}
}

// swap replaces what is stored if it is still old. Otherwise it returns what is
// there now.
func (r *redisStore) swap(ctx context.Context, kind authserver.Kind, id, old string, next *authserver.Record) (now string, swapped bool, err error) {
	nonce := r.nonce()
	stored, ttl, score := string(markTomb)+nonce, tombTTL, ""
	if next != nil {
		stored, ttl = string(markLive)+nonce+string(encode(*next)), 0
		if at := next.Expires; !at.IsZero() {
			ttl = max(at.Sub(r.now()), 0) + expirySlack
			score = millis(at.Add(time.Millisecond - 1))
		}
	}
	if ttl > maxTTL {
		ttl = 0
	}
	tag := r.prefix + ":{" + string(kind) + "}:"
	done := r.feed.begin(nonce)
	answer, unsure, err := r.run(ctx, swapScript, []string{tag + "r:" + id, tag + "ids", tag + "expiry"},
		old, stored, id, int64(ttl/time.Millisecond), score, millis(r.now().Add(-expirySlack)), tag+"r:", sweepSize,
		r.feed.channel, nonce+recordKey(kind, id))
	now, isString := answer.(string)
	switch {
	case err == nil && !isString: // swapped
		done(written, kind, id)
		return "", true, nil
	case err == nil && !unsure:
		done(notWritten, kind, id)
		return now, false, nil
	}
	done(unknown, kind, id)
	if err == nil {
		err = errors.New("an answer was lost, and another write came after")
	}
	return "", false, err
}

// read returns what is stored, "" for nothing.
func (r *redisStore) read(ctx context.Context, kind authserver.Kind, id string) (stored string, err error) {
	err = r.again(ctx, func() error {
		stored, err = r.client.Get(ctx, r.key(kind, id)).Result()
		if errors.Is(err, redis.Nil) {
			stored, err = "", nil
		}
		return err
	})
	if redis.HasErrorPrefix(err, "WRONGTYPE") { // not ours: that record alone is wrong, not the store
		return "", fmt.Errorf("record is damaged: %w", ErrSealed)
	}
	return stored, err
}

// live decodes what is stored; nil where there is none or it has expired.
func (r *redisStore) live(stored string) (*authserver.Record, error) {
	if stored == "" || len(stored) == headSize && stored[0] == markTomb {
		return nil, nil
	}
	if len(stored) < headSize+stampSize || stored[0] != markLive {
		return nil, fmt.Errorf("record is damaged: %w", ErrSealed)
	}
	value := []byte(stored[headSize:])
	at := decodeTime(value)
	if gone(at, r.now()) {
		return nil, nil
	}
	return &authserver.Record{Value: value[stampSize:], Expires: at}, nil
}

// nonce names one write, of all that are ever made.
func (r *redisStore) nonce() string {
	b := make([]byte, nonceSize)
	copy(b, r.node[:])
	binary.BigEndian.PutUint64(b[len(r.node):], r.writes.Add(1))
	return string(b)
}

// failed says that Redis could not do its work, or that the caller's context
// has ended: a socket may notice its deadline before the context does.
func failed(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if at, ok := ctx.Deadline(); ok && !time.Now().Before(at) {
		return context.DeadlineExceeded
	}
	return broken(doing, err)
}

// broken says that Redis could not do its work.
func broken(doing string, err error) error {
	if refused(err) || errors.Is(err, ErrSealed) {
		return fmt.Errorf("%s: %w: %w", doing, errRedis, err)
	}
	return fmt.Errorf("%s: %w: %v", doing, errRedis, err) //nolint:errorlint // see errRedis
}

// backOff waits a moment, longer with each try, and never as long as others do.
func backOff(ctx context.Context, tries int) error {
	most := min(time.Millisecond<<min(tries, 10), 50*time.Millisecond)
	t := time.NewTimer(mathrand.N(most)) //nolint:gosec // spreads load
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// digits is a time that compares as text.
func digits(t time.Time) string { return fmt.Sprintf("%019d", encodeTime(t)) }

// millis is a time as the score of a sorted set.
func millis(t time.Time) string {
	ms := encodeTime(t) / uint64(time.Millisecond)
	return fmt.Sprintf("%d", min(ms, math.MaxInt64/uint64(time.Millisecond)))
}
