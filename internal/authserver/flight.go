package authserver

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// flight runs f once for all that ask for it under one key at the same time.
// It goes on when they do not wait for it any more: what Discord answers is
// kept even if nobody listens. ctx is only that of the wait, which ends after
// flightWait; f's knows the request that was first, for the log.
func (m *memory) flight(ctx context.Context, key string, f func(ctx context.Context) error) error {
	return m.flightFor(ctx, flightWait, key, f)
}

// flightFor is flight with another wait.
func (m *memory) flightFor(ctx context.Context, wait time.Duration, key string, f func(ctx context.Context) error) error {
	result := m.flights.DoChan(key, func() (any, error) {
		if !m.enter() {
			return nil, errUnavailable(errors.New("the server is closing"), 0)
		}
		defer m.running.Done()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flightTimeout)
		defer cancel()
		defer context.AfterFunc(m.flying, cancel)()
		return nil, f(ctx)
	})
	late := time.NewTimer(wait)
	defer late.Stop()
	select {
	case r := <-result:
		return r.Err
	case <-ctx.Done():
		return errUnavailable(ctx.Err(), 0)
	case <-late.C:
		return errUnavailable(errors.New("still waiting for Discord"), 0)
	}
}

// enter counts one more flight, unless the server is closing.
func (m *memory) enter() bool {
	m.closeMu.Lock()
	defer m.closeMu.Unlock()
	if m.closed {
		return false
	}
	m.running.Add(1)
	return true
}

// failure is a call that did not work and is not tried again before until.
type failure struct {
	until time.Time
	err   error
}

// failed returns the failure that is remembered under key, with what is left
// of its time.
func (m *memory) failed(key string, now time.Time) error {
	f, ok := m.failures.Get(key)
	if !ok {
		return nil
	}
	left := f.until.Sub(now)
	if left <= 0 {
		m.failures.Remove(key)
		return nil
	}
	return errUnavailable(f.err, left)
}

func (m *memory) fail(key string, now time.Time, retry time.Duration, err error) {
	m.failures.Add(key, failure{until: now.Add(retry), err: err})
}

// Bounds of what a client is told to wait for Discord.
const (
	minRetry     = time.Second
	defaultRetry = 5 * time.Second
	maxRetry     = 5 * time.Minute
)

// errUnavailable is a 503 for what Discord did not answer (RFC 6749 has no
// error for it; temporarily_unavailable is the one that clients know).
func errUnavailable(cause error, retry time.Duration) *Error {
	if retry <= 0 {
		retry = defaultRetry
	}
	return &Error{
		Status:      http.StatusServiceUnavailable,
		Code:        "temporarily_unavailable",
		Description: "Discord does not answer; try again",
		RetryAfter:  min(max(retry, minRetry), maxRetry),
		Err:         cause,
	}
}
