package authserver_test

import (
	"errors"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

// TestAccessUnknownIsSaid: whoever keeps a stream open has to tell an answer
// that Discord owes for too long from a store that is away.
func TestAccessUnknownIsSaid(t *testing.T) {
	t.Parallel()
	r := newRig(t, only(withRole), quick(t))
	s := r.login(r.register("Unknown"))
	r.fault(emulator.Fault{Endpoint: emulator.EndpointMember, Kind: emulator.FaultError, Status: 503})
	r.clock.Add(71 * time.Minute)
	for range 3 {
		_, err := r.server.Verify(t.Context(), s.access)
		e, ok := errors.AsType[*authserver.Error](err)
		if !errors.Is(err, authserver.ErrAccessUnknown) || !ok || e.Status != http.StatusServiceUnavailable || e.RetryAfter <= 0 {
			t.Fatalf("verify: %v", err)
		}
	}
}

// moody is a Discord that answers about members, fails, or hangs until it is let
// go.
type moody struct {
	mood       *atomic.Int32
	asked, let chan struct{}
}

const (
	moodFails = 1 + iota
	moodHangs
)

func (m moody) RoundTrip(req *http.Request) (*http.Response, error) {
	if strings.HasSuffix(req.URL.Path, "/member") {
		switch m.mood.Load() {
		case moodFails:
			return nil, errors.New("broken off")
		case moodHangs:
			m.asked <- struct{}{}
			<-m.let
		}
	}
	return http.DefaultTransport.RoundTrip(req)
}

// TestAccessHangIsNotWaitedFor: once Discord has failed, nobody who is known to
// have been let in waits for the next try.
func TestAccessHangIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	m := moody{new(atomic.Int32), make(chan struct{}), make(chan struct{})}
	r := newRig(t, only(withRole), func(cfg *authserver.Config) { cfg.Discord = clientThrough(t, cfg, m) })
	s := r.login(r.register("Hang"))
	m.mood.Store(moodFails)
	r.clock.Add(10 * time.Minute)
	r.uses(s.access)
	m.mood.Store(moodHangs)
	r.clock.Add(31 * time.Second)
	done := make(chan error, 1)
	go func() {
		_, err := r.server.Verify(t.Context(), s.access)
		done <- err
	}()
	<-m.asked
	select {
	case err := <-done:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(5 * time.Second):
		t.Error("the request waits for Discord")
	}
	r.roles()
	m.mood.Store(0)
	close(m.let)
	soon(t, "the refusal", func() bool {
		_, err := r.server.Verify(t.Context(), s.access)
		return errors.Is(err, authserver.ErrNotAllowed)
	})
}

// TestAccessClockSetBack: an answer out of the future is none. A machine whose
// clock was wrong must not let people in for as long as it was.
func TestAccessClockSetBack(t *testing.T) {
	t.Parallel()
	r := newRig(t, only(withRole))
	s := r.login(r.register("Clock"))
	r.clock.Add(6 * time.Hour)
	r.uses(s.access)
	r.roles()
	r.clock.Add(-5 * time.Hour)
	r.refused(s.access)
	before := r.memberCalls()
	for range 20 {
		r.refused(s.access)
	}
	if got := r.memberCalls() - before; got != 0 {
		t.Errorf("%d calls for 20 requests", got)
	}
}
