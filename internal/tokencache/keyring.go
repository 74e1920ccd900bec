package tokencache

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/zalando/go-keyring"
)

// Keyring is a keychain: one secret string for each service and user. Get and
// Delete return ErrNotFound where there is none; Set returns ErrTooBig for what
// it cannot hold. Its calls may hang: the cache bounds them.
type Keyring interface {
	Get(service, user string) (string, error)
	Set(service, user, value string) error
	Delete(service, user string) error
}

// osKeyring is the keychain of the operating system: Secret Service, macOS
// Keychain, or Windows Credential Manager.
type osKeyring struct {
	getenv func(string) string
	asked  bool // by the user, for this one; else it holds a sign-in that was made
}

func (o osKeyring) Get(service, user string) (string, error) {
	if err := prepareBus(o); err != nil {
		return "", err
	}
	value, err := keyring.Get(service, user)
	return value, keyringError(err)
}

func (o osKeyring) Set(service, user, value string) error {
	if err := prepareBus(o); err != nil {
		return err
	}
	return keyringError(keyring.Set(service, user, value))
}

func (o osKeyring) Delete(service, user string) error {
	if err := prepareBus(o); err != nil {
		return err
	}
	return keyringError(keyring.Delete(service, user))
}

// abandon ends calls that nobody waits for any more, where that is possible, so
// that a prompt answered late does not store what is outdated by then.
func (osKeyring) abandon() { hangUpBus() }

func keyringError(err error) error {
	switch {
	case errors.Is(err, keyring.ErrNotFound):
		return ErrNotFound
	case errors.Is(err, keyring.ErrSetDataTooBig):
		return ErrTooBig
	case errors.Is(err, keyring.ErrUnsupportedPlatform):
		return keychainError("there is no keychain on this system", err)
	default:
		return err
	}
}

// How long a keychain may take.
const (
	shortWait = 3 * time.Second  // nobody is there to answer a prompt, or others wait for the lock
	longWait  = 60 * time.Second // somebody is
	quietWait = time.Second      // then somebody is told what the wait is for
)

// guard bounds the calls to a Keyring. A call that hangs keeps its turn until it
// returns, so late ones never overtake each other, and at most one goroutine
// hangs.
type guard struct {
	ring   Keyring
	notify func(line string)
	turn   chan struct{}
}

func newGuard(ring Keyring, notify func(string)) *guard {
	return &guard{ring: ring, notify: notify, turn: make(chan struct{}, 1)}
}

type answer struct {
	value string
	err   error
}

// call runs fn with the keyring and waits for it, at most wait.
func (g *guard) call(ctx context.Context, wait time.Duration, fn func(Keyring) (string, error)) (string, error) {
	timeout := time.NewTimer(wait)
	defer timeout.Stop()
	quiet := time.NewTimer(quietWait)
	defer quiet.Stop()

	answers := make(chan answer, 1)
	turn, running := g.turn, false
	for {
		select {
		case turn <- struct{}{}:
			turn, running = nil, true
			go func() {
				defer func() { <-g.turn }()
				answers <- protect(g.ring, fn)
			}()
		case a := <-answers:
			return a.value, explain(a.err)
		case <-quiet.C:
			if wait > shortWait {
				g.notify("waiting for the keychain: is it asking for a password? (Ctrl-C stops)")
			}
		case <-timeout.C:
			select {
			case a := <-answers: // just in time
				return a.value, explain(a.err)
			default:
			}
			g.abandon(running)
			return "", keychainError(fmt.Sprintf("the keychain did not answer within %d s; it may be locked", wait/time.Second), errHangs)
		case <-ctx.Done():
			g.abandon(running)
			return "", ctx.Err()
		}
	}
}

func (g *guard) abandon(running bool) {
	if ring, ok := g.ring.(interface{ abandon() }); ok && running {
		ring.abandon()
	}
}

var errHangs = errors.New("keychain call hangs")

// protect turns a panic into an error: the keychain libraries trust what they
// are answered.
func protect(ring Keyring, fn func(Keyring) (string, error)) (a answer) {
	defer func() {
		if p := recover(); p != nil {
			a = answer{err: fmt.Errorf("keychain call panicked: %v", p)}
		}
	}()
	a.value, a.err = fn(ring)
	return a
}

// explain puts the keychain's errors into the user's words.
func explain(err error) error {
	var own *Error
	switch {
	case err == nil, errors.Is(err, ErrNotFound), errors.Is(err, ErrTooBig), errors.As(err, &own):
		return err
	case strings.Contains(err.Error(), "failed to unlock"):
		return keychainError("the keychain is locked, or was never set up", err)
	default:
		return keychainError("the keychain refuses: "+quote(err.Error()), err)
	}
}
