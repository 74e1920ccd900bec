package discord

import (
	"net/http"
	"time"
)

// Observe is told of each call: its operation, one of few; what came of it; and
// how long it took, 0 where it was not made.
type Observe func(op string, result Result, took time.Duration)

// Result is what came of a call.
type Result string

// The results of a call.
const (
	ResultOK           Result = "ok"
	ResultRefused      Result = "refused"      // a 4xx that the others do not name
	ResultUnauthorized Result = "unauthorized" // 401: the token is dead, or Discord has a bad moment
	ResultRateLimited  Result = "rate_limited" // 429
	ResultServerError  Result = "server_error" // 5xx
	ResultUnreachable  Result = "unreachable"  // no whole answer: network, time
	ResultHeld         Result = "held"         // not made: a limit of Discord's, or our own, forbids it now
)

func resultOf(status int, err error) Result {
	switch {
	case err != nil:
		return ResultUnreachable
	case status == http.StatusUnauthorized:
		return ResultUnauthorized
	case status == http.StatusTooManyRequests:
		return ResultRateLimited
	case status >= http.StatusInternalServerError:
		return ResultServerError
	case status >= http.StatusBadRequest:
		return ResultRefused
	}
	return ResultOK
}

func (c *Client) observe(op string, result Result, took time.Duration) {
	if c.cfg.Observe != nil {
		c.cfg.Observe(op, result, took)
	}
}
