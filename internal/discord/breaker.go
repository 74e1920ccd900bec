package discord

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

// Count counts one more under a key, in a window that begins with the first, and
// returns how many there are: for all processes that call from our address.
type Count func(ctx context.Context, key string, window time.Duration) (int64, error)

// maxBad is how many answers of 401, 403 and 429 in ten minutes each class may
// see before it stops. Discord bans the address at 10,000.
var maxBad = [classes]int{2000, 1500, 1000}

// Processes count their refusals together, in windows of the clock: two that
// follow each other may be full, which is 4,000. Where that does not work each
// goes by its own count, and stops at a share of it: ten do not reach the ban.
const (
	allWindow  = 10 * time.Minute
	allTimeout = 500 * time.Millisecond // a refused call waits no longer to be counted
	allPause   = 10 * time.Second       // and none for so long after one that was not
	aloneMost  = 2
	aloneOf    = 5
)

// breaker stops calls before Discord bans the address for too many that it
// refused.
type breaker struct {
	now   func() time.Time
	log   *slog.Logger
	count Count // nil: this process is the only one

	mu     sync.Mutex
	bad    [11]badMinute // ten whole minutes and the one that runs
	opened [classes]bool // for one log line per opening

	all    int       // refusals of all processes, as last heard
	window int64     // in which they were
	failed time.Time // when counting them last failed; zero: it works
}

type badMinute struct {
	minute int64
	count  int
}

// closed reports an open breaker, and for how long.
func (b *breaker) closed(cl class) (time.Duration, error) {
	now := b.now()
	b.mu.Lock()
	defer b.mu.Unlock()
	most, window := maxBad[cl], windowAt(now)
	if !b.failed.IsZero() {
		most = most * aloneMost / aloneOf
	}
	count, oldest := b.since(now)
	until := time.Unix((oldest+int64(len(b.bad)))*60, 0)
	if count < most && b.window == window && b.all >= maxBad[cl] {
		count, until = b.all, time.Unix((window+1)*int64(allWindow/time.Second), 0)
	} else if count < most {
		b.opened[cl] = false
		return 0, nil
	}
	if !b.opened[cl] {
		b.opened[cl] = true
		b.log.Error("discord_breaker_open", "class", int(cl), "refusals", count)
	}
	return until.Sub(now), errBreaker
}

// refused counts one answer of 401, 403 or 429. No end of ctx keeps it from
// that.
func (b *breaker) refused(ctx context.Context) {
	now := b.now()
	b.mu.Lock()
	minute := now.Unix() / 60
	// Unsigned, so that a clock before 1970 does not panic.
	slot := &b.bad[uint64(minute)%uint64(len(b.bad))]
	if slot.minute != minute {
		*slot = badMinute{minute: minute}
	}
	slot.count++
	pausing := !b.failed.IsZero() && now.Sub(b.failed) < allPause
	b.mu.Unlock()
	if b.count == nil || pausing {
		return
	}
	window := windowAt(now)
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), allTimeout)
	defer cancel()
	n, err := b.count(ctx, "discord refusals "+strconv.FormatInt(window, 36), 2*allWindow)
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.failed = now
		b.log.WarnContext(ctx, "discord refusals not counted together", "error", err)
		return
	}
	b.failed = time.Time{}
	if window != b.window {
		b.window, b.all = window, 0
	}
	b.all = max(b.all, int(n))
}

func windowAt(now time.Time) int64 { return now.Unix() / int64(allWindow/time.Second) }

// since adds up the last minutes and finds the oldest. b.mu is held.
func (b *breaker) since(now time.Time) (count int, oldest int64) {
	minute := now.Unix() / 60
	oldest = minute
	for _, slot := range b.bad {
		if slot.count == 0 || slot.minute > minute || slot.minute <= minute-int64(len(b.bad)) {
			continue
		}
		count += slot.count
		oldest = min(oldest, slot.minute)
	}
	return count, oldest
}
