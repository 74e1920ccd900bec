package discord

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// class says whose turn a call takes when there are too many.
type class int

const (
	classRefresh class = iota // keeps people signed in: goes first
	classAPI
	classSignIn // driven by strangers: at most half of everything
	classes
)

const (
	// Discord counts calls without a user's token per IP, 50 a second. What
	// the classes below refresh may not take is always there for refreshes.
	perSecond       = 50
	perSecondAPI    = 40 // API calls and sign-ins together
	perSecondSignIn = perSecond / 2

	maxHolds = 1024
)

// maxWait is how long a call may queue for its turn before it fails instead.
var maxWait = [classes]time.Duration{5 * time.Second, 3 * time.Second, 3 * time.Second}

var (
	errOverBudget = errors.New("outbound budget is spent")
	errHeld       = errors.New("held back after an answer of 429")
	errBreaker    = errors.New("breaker is open after too many refusals")
)

// budget decides whether and when a call may leave. The limiters go by the
// clock they sleep by; holds and the breaker last minutes and go by now.
type budget struct {
	reserving sync.Mutex // see reserve

	now     func() time.Time
	log     *slog.Logger
	buckets *buckets
	breaker *breaker
	turns   [classes][]*rate.Limiter // all of them must agree, the narrowest first
	mu      sync.Mutex
	holds   map[holdKey]time.Time // until when
}

// holdKey names what a 429 forbids: everything, a path, or a path for the
// holder of one token.
type holdKey struct {
	path  string            // "": everything
	token [sha256.Size]byte // zero: everyone
}

func newBudget(now func() time.Time, log *slog.Logger, count Count) *budget {
	all := rate.NewLimiter(perSecond, perSecond)
	api := rate.NewLimiter(perSecondAPI, perSecondAPI)
	signIn := rate.NewLimiter(perSecondSignIn, perSecondSignIn)
	return &budget{
		now:     now,
		log:     log,
		buckets: newBuckets(now),
		breaker: &breaker{now: now, log: log, count: count},
		turns: [classes][]*rate.Limiter{
			classRefresh: {all},
			classAPI:     {api, all},
			classSignIn:  {signIn, api, all},
		},
		holds: make(map[holdKey]time.Time),
	}
}

// admit waits for the call's turn. Otherwise it says why not and for how long.
func (b *budget) admit(ctx context.Context, in call) (time.Duration, error) {
	cl, key := in.class, in.holdKey()
	if wait, err := b.closed(cl, key); err != nil {
		return wait, err
	}
	if wait, err := b.buckets.wait(ctx, in, maxWait[cl]); err != nil {
		return wait, err
	}
	for _, limiter := range b.turns[cl] {
		if wait, err := b.turn(ctx, limiter, maxWait[cl]); err != nil {
			return wait, err
		}
	}
	// A hold may have begun while this call queued.
	return b.closed(cl, key)
}

// turn takes one token of limiter, or fails at once when it would take longer
// than most or than ctx lives.
func (b *budget) turn(ctx context.Context, limiter *rate.Limiter, most time.Duration) (time.Duration, error) {
	reservation, wait, err := b.reserve(ctx, limiter, most)
	if err != nil || wait == 0 {
		return wait, err
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return 0, nil
	case <-ctx.Done():
		reservation.Cancel()
		return 0, context.Cause(ctx)
	}
}

// reserve takes a token of the future, or gives it back at once. One at a time:
// a limiter gets a token back whole only while nobody has reserved after it, and
// a flood of refusals would otherwise have spent seconds of the budget.
func (b *budget) reserve(ctx context.Context, limiter *rate.Limiter, most time.Duration) (*rate.Reservation, time.Duration, error) {
	b.reserving.Lock()
	defer b.reserving.Unlock()
	now := time.Now()
	reservation := limiter.ReserveN(now, 1)
	wait := reservation.DelayFrom(now)
	deadline, has := ctx.Deadline()
	if wait > most || has && now.Add(wait).After(deadline) {
		reservation.CancelAt(now)
		return nil, wait, errOverBudget
	}
	return reservation, wait, nil
}

// closed reports a hold or an open breaker.
func (b *budget) closed(cl class, key holdKey) (time.Duration, error) {
	if wait, err := b.held(key); err != nil {
		return wait, err
	}
	return b.breaker.closed(cl)
}

func (b *budget) held(key holdKey) (time.Duration, error) {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	var until time.Time
	for _, k := range []holdKey{{}, {path: key.path}, key} {
		if t := b.holds[k]; t.After(until) {
			until = t
		}
	}
	if until.After(now) {
		return until.Sub(now), errHeld
	}
	return 0, nil
}

// hold keeps calls under key back for d.
func (b *budget) hold(key holdKey, d time.Duration) {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.holds) >= maxHolds {
		for k, until := range b.holds {
			if !until.After(now) {
				delete(b.holds, k)
			}
		}
	}
	if len(b.holds) >= maxHolds {
		key.token = [sha256.Size]byte{} // too many to tell apart: hold them all
	}
	if until := now.Add(d); until.After(b.holds[key]) {
		b.holds[key] = until
	}
	b.log.Warn("discord_rate_limited", "path", key.path, "retry_after_ms", d.Milliseconds())
}
