package store

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

const (
	resealWriters = 8 // records that are sealed anew at once
	resealPause   = 5 * time.Second
	unopenedEvery = time.Minute
)

// resealing seals with the first key what another one sealed, beside all other
// work, so that the other can be left out at a later start.
type resealing struct {
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (r *resealing) start(s *sealed, log *slog.Logger) {
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	r.done.Go(func() {
		for {
			resealed, left, err := s.resealAll(ctx)
			switch {
			case ctx.Err() != nil:
				return
			case err == nil && left == 0:
				log.Info("store_resealed", "records", resealed, "hint", "once every server has said so, leave the old key out")
				return
			case err == nil:
				log.Warn("store_not_resealed", "records", resealed, "not_opened", left)
				return
			}
			log.Warn("store_not_resealed", "records", resealed, "error", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(resealPause):
			}
		}
	})
}

// stop ends the work, and waits until it has.
func (r *resealing) stop() {
	if r.cancel != nil {
		r.cancel()
		r.done.Wait()
	}
}

// resealAll seals every record anew that the first key does not open. left are
// those that no key opens.
func (s *sealed) resealAll(ctx context.Context) (resealed, left int64, err error) {
	for _, kind := range kinds {
		for cursor := ""; ; {
			page, next, err := s.inner.List(ctx, kind, cursor)
			if err != nil {
				return resealed, left, err
			}
			n, bad, err := s.resealPage(ctx, kind, page)
			resealed, left = resealed+n, left+bad
			if err != nil {
				return resealed, left, err
			}
			if next == "" {
				break
			}
			cursor = next
		}
	}
	return resealed, left, nil
}

func (s *sealed) resealPage(ctx context.Context, kind authserver.Kind, page []authserver.Entry) (resealed, left int64, err error) {
	var (
		wg          sync.WaitGroup
		n, bad      atomic.Int64
		once        sync.Once
		next        atomic.Int64
		writers     = min(resealWriters, len(page))
		ctx2, abort = context.WithCancel(ctx)
	)
	defer abort()
	for range writers {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(page)) && ctx2.Err() == nil; i = next.Add(1) - 1 {
				e := page[i]
				if s.isPrimary(e.Value) {
					continue
				}
				if _, openErr := s.openValue(recordKey(kind, e.ID), e.Value); openErr != nil {
					bad.Add(1)
					continue
				}
				if updateErr := s.Update(ctx2, kind, e.ID, keep); updateErr != nil {
					once.Do(func() { err = updateErr })
					abort()
					return
				}
				n.Add(1)
			}
		})
	}
	wg.Wait()
	return n.Load(), bad.Load(), err
}

// keep is the updater that changes nothing, but for the key.
func keep(old *authserver.Record) (*authserver.Record, error) { return old, nil }

// isPrimary reports whether the first key sealed the value.
func (s *sealed) isPrimary(value []byte) bool {
	return len(value) >= sealSize && keyID(value) == s.primary
}

// logUnopened logs records that do not open, at most once a minute: they may
// be as many as there are requests.
func logUnopened(log *slog.Logger, now func() time.Time) func(authserver.Kind) {
	var (
		mu    sync.Mutex
		last  time.Time
		quiet int64
	)
	return func(kind authserver.Kind) {
		mu.Lock()
		defer mu.Unlock()
		quiet++
		if t := now(); last.IsZero() || t.Sub(last) >= unopenedEvery {
			log.Error("store_record_not_opened", "kind", string(kind), "times", quiet, "hint", "STORAGE_ENCRYPTION_KEY has lost a key, or the store was changed")
			last, quiet = t, 0
		}
	}
}
