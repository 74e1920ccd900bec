package discord

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	maxBody       = 1 << 20
	maxRetryAfter = time.Hour        // more is a mistake or an attack
	holdUnnamed   = time.Second      // for a 429 that names no time
	holdBanned    = 10 * time.Second // for a page of Cloudflare's that names none
)

var (
	errMalformed = errors.New("the answer is not the JSON expected")
	errTooLarge  = errors.New("the answer is too large")
	errStatus    = errors.New("unexpected status")
	errNoToken   = errors.New("no access token")
)

// call is one request to Discord.
type call struct {
	op    string // for errors and logs
	class class
	path  string
	guild string     // the one that path names, or ""
	form  url.Values // not nil: a POST with the application's credentials
	token Secret     // for a GET
}

// answer is what came back, read to its end: neither a 429 nor a 5xx.
type answer struct {
	status int
	body   []byte
}

// do makes the call once. Its errors are all ErrUnavailable.
func (c *Client) do(ctx context.Context, in call) (*answer, error) {
	if wait, err := c.budget.admit(ctx, in); err != nil {
		c.observe(in.op, ResultHeld, 0)
		return nil, in.unavailable(0, wait, err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	req, err := c.request(ctx, in)
	if err != nil {
		return nil, in.unavailable(0, 0, err)
	}
	start := time.Now()
	resp, err := c.http.Do(req)
	if err != nil {
		// The URL adds nothing to the operation's name.
		if u := (*url.Error)(nil); errors.As(err, &u) {
			err = u.Err
		}
		err = in.unavailable(0, 0, err)
		c.observe(in.op, ResultUnreachable, time.Since(start))
		c.cfg.Logger.WarnContext(ctx, "discord_call", "op", in.op, "duration_ms", ms(start), "error", err)
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusTooManyRequests { // what that holds back is for judge to say
		c.budget.buckets.learn(in, resp.Header)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	c.observe(in.op, resultOf(resp.StatusCode, err), time.Since(start))
	c.cfg.Logger.DebugContext(ctx, "discord_call", "op", in.op, "status", resp.StatusCode, "duration_ms", ms(start))
	if err == nil && len(body) > maxBody {
		err = errTooLarge
	}
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests:
		c.budget.breaker.refused(ctx)
	}
	return c.judge(in, resp, body, err)
}

// judge keeps what every call treats alike away from the callers.
func (c *Client) judge(in call, resp *http.Response, body []byte, readErr error) (*answer, error) {
	status := resp.StatusCode
	wait := retryAfter(resp.Header.Get("Retry-After"), c.cfg.Now())
	switch {
	case status == http.StatusTooManyRequests:
		key, wait := limited(in, resp.Header, body, wait)
		c.budget.hold(key, wait)
		return nil, in.unavailable(status, wait, nil)
	case status >= 500:
		return nil, in.unavailable(status, wait, nil)
	case readErr != nil:
		return nil, in.unavailable(status, wait, readErr)
	}
	return &answer{status: status, body: body}, nil
}

func (c *Client) request(ctx context.Context, in call) (*http.Request, error) {
	method, body := http.MethodGet, io.Reader(nil)
	if in.form != nil {
		method, body = http.MethodPost, strings.NewReader(in.form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, c.cfg.URL+in.path, body)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", c.agent)
	req.Header.Set("Accept", "application/json")
	if in.form != nil {
		// RFC 6749 §2.3.1: both halves are form-encoded before they are joined.
		req.SetBasicAuth(url.QueryEscape(c.cfg.ClientID), url.QueryEscape(string(c.cfg.ClientSecret)))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		req.Header.Set("Authorization", "Bearer "+string(in.token))
	}
	return req, nil
}

type signInKey struct{}

// ForSignIn marks the calls of a sign-in: whatever they ask, they spend the
// sign-in half of the outbound budget. Anybody with a Discord account can cause
// them, over and over.
func ForSignIn(ctx context.Context) context.Context {
	return context.WithValue(ctx, signInKey{}, true)
}

// get reads the API with a user's token. Discord is known to answer 401 now
// and then for no reason, so the first one is not believed.
func (c *Client) get(ctx context.Context, in call, out any) error {
	if in.token == "" {
		return &Error{Op: in.op, Err: ErrUnauthorized, cause: errNoToken}
	}
	in.class = classAPI
	if ctx.Value(signInKey{}) != nil {
		in.class = classSignIn
	}
	a, err := c.do(ctx, in)
	if err == nil && a.status == http.StatusUnauthorized {
		a, err = c.do(ctx, in)
	}
	if err != nil {
		return err
	}
	if a.status == http.StatusOK {
		if json.Unmarshal(a.body, out) != nil {
			return in.unavailable(a.status, 0, errMalformed)
		}
		return nil
	}
	return in.apiError(a)
}

// apiError tells what an answer other than 200 says about the token: nothing,
// unless it has the API's own form.
func (in call) apiError(a *answer) error {
	var wire struct {
		Message *string      `json:"message"`
		Code    *json.Number `json:"code"`
	}
	if json.Unmarshal(a.body, &wire) != nil || wire.Message == nil || wire.Code == nil {
		return in.unavailable(a.status, 0, errMalformed)
	}
	e := &Error{Op: in.op, Status: a.status, Code: shortCode(wire.Code.String()), Err: ErrUnavailable}
	switch a.status {
	case http.StatusUnauthorized:
		e.Err = ErrUnauthorized
	case http.StatusForbidden:
		e.Err = ErrForbidden
	}
	return e
}

func (in call) unavailable(status int, wait time.Duration, cause error) error {
	return &Error{Op: in.op, Status: status, RetryAfter: wait, Err: ErrUnavailable, cause: cause}
}

// limited reads a 429: what it forbids, and for how long.
func limited(in call, header http.Header, body []byte, wait time.Duration) (holdKey, time.Duration) {
	var wire struct {
		RetryAfter float64 `json:"retry_after"` // seconds, finer than the header
		Global     bool    `json:"global"`
	}
	if json.Unmarshal(body, &wire) != nil {
		// Not Discord but Cloudflare before it: it means this address.
		if wait == 0 {
			wait = holdBanned
		}
		return holdKey{}, wait
	}
	wait = max(wait, seconds(wire.RetryAfter))
	if wait == 0 {
		wait = holdUnnamed
	}
	if wire.Global || header.Get("X-RateLimit-Global") == "true" || header.Get("X-RateLimit-Scope") == "global" {
		return holdKey{}, wait
	}
	return in.holdKey(), wait
}

// retryAfter reads the header, RFC 9110 §10.2.3: seconds, which Discord may
// give a fraction, or a date.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if f, err := strconv.ParseFloat(value, 64); err == nil {
		return seconds(f)
	}
	if at, err := http.ParseTime(value); err == nil {
		return min(max(at.Sub(now), 0), maxRetryAfter)
	}
	return 0
}

func seconds(f float64) time.Duration {
	if math.IsNaN(f) || f <= 0 {
		return 0
	}
	if f >= maxRetryAfter.Seconds() {
		return maxRetryAfter
	}
	return time.Duration(math.Round(f * float64(time.Second)))
}

// shortCode keeps foreign text out of our errors and logs.
func shortCode(s string) string {
	if len(s) > 64 {
		return ""
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' {
			return ""
		}
	}
	return s
}

func ms(start time.Time) int64 { return time.Since(start).Milliseconds() }
