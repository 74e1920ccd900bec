package authserver

import (
	"context"
	"crypto/rand"
	"errors"
	"time"
)

const (
	// leaseTime is how long one node may talk to Discord about a user. A node
	// that dies meanwhile delays the others by no more.
	leaseTime = 30 * time.Second

	// leaseWait ends waiting for a lease: longer than any lease.
	leaseWait = leaseTime + 5*time.Second

	// Waiting for another node's lease is asking the record again, after a
	// time that grows between these.
	leasePollMin = 10 * time.Millisecond
	leasePollMax = 250 * time.Millisecond

	// storeWait bounds the tries to store what Discord answered; the pauses
	// between them grow up to storePause.
	storeWait  = 45 * time.Second
	storePause = 2 * time.Second
)

var (
	errLeased   = errors.New("another node talks to Discord about this user")
	errUnwanted = errors.New("the lease is not needed any more")
)

// lease takes the right to talk to Discord about a user, waiting for whoever
// has it. It returns the record as it is with the lease: what was read before
// may have changed while it waited. Once wanted says no, the error is
// errUnwanted.
func (s *Server) lease(ctx context.Context, userID string, wanted func(*Upstream) bool) (*Upstream, string, error) {
	ctx, cancel := context.WithTimeout(ctx, leaseWait)
	defer cancel()
	holder := rand.Text()
	for wait := leasePollMin; ; wait = min(2*wait, leasePollMax) {
		var taken *Upstream
		err := s.updateUpstream(ctx, userID, func(up *Upstream) error {
			taken = up
			now := s.now()
			switch {
			case !wanted(up):
				return errUnwanted
			case up.Lease.Holder != "" && now.Before(up.Lease.Until):
				return errLeased
			}
			up.Lease = Lease{Holder: holder, Until: now.Add(leaseTime)}
			return nil
		})
		if err == nil {
			return taken, holder, nil
		}
		if !errors.Is(err, errLeased) {
			return nil, "", err
		}
		if !pause(ctx, wait) {
			return nil, "", errUnavailable(errLeased, 0)
		}
	}
}

// free gives a lease back, if it is still the holder's.
func (up *Upstream) free(holder string) {
	if up.Lease.Holder == holder {
		up.Lease = Lease{}
	}
}

// release frees a lease together with a change (nil: none). A lease that cannot
// be freed runs out.
func (s *Server) release(ctx context.Context, userID, holder string, change func(up *Upstream)) {
	err := s.updateUpstream(ctx, userID, func(up *Upstream) error {
		if change != nil {
			change(up)
		}
		up.free(holder)
		return nil
	})
	if err != nil {
		s.log.WarnContext(ctx, "lease not freed", "user_id", userID, "error", err)
	}
}

// keep tries again until what Discord answered is stored: its refresh tokens
// are single-use, so an answer that is not stored is a login lost.
func (s *Server) keep(ctx context.Context, write func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, storeWait)
	defer cancel()
	for wait := leasePollMin; ; wait = min(2*wait, storePause) {
		err := write(ctx)
		if err == nil || errors.Is(err, errUnwanted) {
			return err
		}
		s.log.WarnContext(ctx, "discord tokens not stored yet", "error", err)
		if !pause(ctx, wait) {
			s.log.ErrorContext(ctx, "discord tokens lost", "error", err)
			return err
		}
	}
}
