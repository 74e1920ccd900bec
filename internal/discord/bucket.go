package discord

import (
	"context"
	"crypto/sha256"
	"net/http"
	"strconv"
	"sync"
	"time"
)

const (
	maxBuckets = 8192        // that are remembered: one for each path and user of late
	maxReset   = time.Minute // more is no limit that is worth waiting for

	// resetSlack is how much later than Discord's time a bucket counts as full:
	// the answer that told it was on its way.
	resetSlack = 10 * time.Millisecond
)

// buckets are Discord's limits as its answers tell them in X-RateLimit-Limit,
// -Remaining, -Reset-After and -Bucket: a call that would be one too many is
// not sent. Paths may share a bucket, but not for two users or two guilds. A
// bucket that no answer has told of yet limits nothing.
type buckets struct {
	now func() time.Time

	mu    sync.Mutex
	names map[string]string // path → bucket; the paths are ours, few
	full  map[holdKey]*bucket
}

type bucket struct {
	limit, left int
	window      time.Duration // the longest that was told
	reset       time.Time
}

func newBuckets(now func() time.Time) *buckets {
	return &buckets{now: now, names: make(map[string]string), full: make(map[holdKey]*bucket)}
}

// wait takes one call out of its bucket, and waits for it at most most. An
// empty bucket is errHeld, with the time until it is full again.
func (b *buckets) wait(ctx context.Context, in call, most time.Duration) (time.Duration, error) {
	for {
		left := b.take(in)
		if left == 0 {
			return 0, nil
		}
		if deadline, has := ctx.Deadline(); left > most || has && time.Until(deadline) < left {
			return left, errHeld
		}
		most -= left
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return 0, context.Cause(ctx)
		}
	}
}

// take takes one call out, or says for how long there is none.
func (b *buckets) take(in call) time.Duration {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.full[b.key(in)]
	switch {
	case k == nil:
		return 0
	case !now.Before(k.reset):
		k.left, k.reset = k.limit, now.Add(k.window)
	}
	if k.left == 0 {
		return k.reset.Sub(now)
	}
	k.left--
	return 0
}

// learn reads what an answer says about its bucket.
func (b *buckets) learn(in call, h http.Header) {
	limit, err1 := strconv.Atoi(h.Get("X-RateLimit-Limit"))
	left, err2 := strconv.Atoi(h.Get("X-RateLimit-Remaining"))
	after, err3 := strconv.ParseFloat(h.Get("X-RateLimit-Reset-After"), 64)
	reset := min(seconds(after)+resetSlack, maxReset)
	if err1 != nil || err2 != nil || err3 != nil || limit < 1 || left < 0 || left > limit {
		return
	}
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if name := h.Get("X-RateLimit-Bucket"); name != "" && len(name) <= 64 && (b.names[in.path] != "" || len(b.names) < maxHolds) {
		b.names[in.path] = name
	}
	key := b.key(in)
	k := b.full[key]
	if k == nil {
		b.makeRoom(now)
		k = &bucket{left: left}
		b.full[key] = k
	}
	// Answers overtake each other, and other calls are on their way: never more
	// than was counted here. The next reset makes it good.
	k.limit, k.left = limit, min(k.left, left)
	k.window = max(k.window, reset)
	if at := now.Add(reset); at.After(k.reset) {
		k.reset = at
	}
}

// key names the bucket of a call. b.mu is held.
func (b *buckets) key(in call) holdKey {
	key := in.holdKey()
	if name := b.names[in.path]; name != "" {
		key.path = name + " " + in.guild
	}
	return key
}

// makeRoom forgets buckets that are full again, or all of them: a 429 tells
// then. b.mu is held.
func (b *buckets) makeRoom(now time.Time) {
	if len(b.full) < maxBuckets {
		return
	}
	for key, k := range b.full {
		if !now.Before(k.reset) {
			delete(b.full, key)
		}
	}
	if len(b.full) >= maxBuckets {
		clear(b.full)
	}
}

func (in call) holdKey() holdKey {
	key := holdKey{path: in.path}
	if in.token != "" {
		key.token = sha256.Sum256([]byte(in.token))
	}
	return key
}
