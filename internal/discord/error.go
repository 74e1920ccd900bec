package discord

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The causes that callers tell apart with [errors.Is]. Every error of a call
// is an [*Error] that wraps exactly one of them.
var (
	// ErrInvalidGrant: the code or refresh token is dead: expired, used,
	// revoked, or its user banned. Discord does not say which.
	ErrInvalidGrant = errors.New("invalid grant")
	// ErrInvalidClient: the application's id or secret is wrong.
	ErrInvalidClient = errors.New("invalid client")
	// ErrUnauthorized: the API refused an access token, twice in a row.
	ErrUnauthorized = errors.New("unauthorized")
	// ErrForbidden: the access token lives, but may not do this.
	ErrForbidden = errors.New("forbidden")
	// ErrNotMember: the token's user is not in that guild, or there is none.
	ErrNotMember = errors.New("not a member")
	// ErrUnavailable: no usable answer, and nothing is known about the token:
	// 429, 5xx, HTML, a hang, the network, truncated or unknown answers, or
	// our own outbound budget. Try again, not before Error.RetryAfter.
	ErrUnavailable = errors.New("unavailable")
)

const maxCause = 200 // bytes

// Error is a failed call. Its text holds nothing that Discord or a user wrote
// beyond an error code and what net/http quotes, so it may be logged.
type Error struct {
	Op         string        // the call, e.g. "refresh token"
	Status     int           // of the HTTP answer; 0 when there was none
	Code       string        // OAuth error code, or the API's number in decimal; "" when unknown
	RetryAfter time.Duration // 0: unknown
	Err        error         // one of the Err variables above

	cause error // what the network or the decoder said
}

// Error implements error.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "discord: %s: %v", e.Op, e.Err)
	if e.Status != 0 {
		fmt.Fprintf(&b, " (HTTP %d", e.Status)
		if e.Code != "" {
			fmt.Fprintf(&b, ", code %s", e.Code)
		}
		b.WriteByte(')')
	}
	if e.RetryAfter > 0 {
		fmt.Fprintf(&b, ", retry after %v", e.RetryAfter.Round(time.Millisecond))
	}
	if e.cause != nil {
		// net/http quotes what it could not parse, at length.
		text := e.cause.Error()
		fmt.Fprintf(&b, ": %s", text[:min(len(text), maxCause)])
	}
	return b.String()
}

// Unwrap gives the sentinel and, where there is one, the cause beneath it.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Err}
	}
	return []error{e.Err, e.cause}
}
