package emulator

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// Counters counts the calls by endpoint.
type Counters map[string]Counter

// Counter counts the calls of one endpoint.
type Counter struct {
	Calls   int            `json:"calls"`
	Results map[string]int `json:"results"`          // by status, or "hang", "truncate", "lost"
	Grants  map[string]int `json:"grants,omitempty"` // at the token endpoint, by grant_type or "other"
}

// Calls adds up the calls of the named endpoints, or of all but the sign-in
// page where none is named.
func (c Counters) Calls(endpoints ...string) int {
	total := 0
	if len(endpoints) == 0 {
		for name, counter := range c {
			if name != EndpointAuthorize {
				total += counter.Calls
			}
		}
	}
	for _, name := range endpoints {
		total += c[name].Calls
	}
	return total
}

// Counters returns a copy of the counts. A call is counted when it has been
// answered, one that hangs at once.
func (e *Emulator) Counters() Counters {
	e.mu.Lock()
	defer e.mu.Unlock()
	out := make(Counters, len(e.counters))
	for name, c := range e.counters {
		c.Results, c.Grants = maps.Clone(c.Results), maps.Clone(c.Grants)
		out[name] = c
	}
	return out
}

// ResetCounters sets every count to zero.
func (e *Emulator) ResetCounters() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.counters = make(Counters)
}

func (e *Emulator) count(endpoint, grant, result string) {
	e.cfg.Logger.Debug("emulator_request", "endpoint", endpoint, "grant", grant, "result", result)
	e.mu.Lock()
	defer e.mu.Unlock()
	c := e.counters[endpoint]
	if c.Results == nil {
		c.Results = make(map[string]int)
	}
	c.Calls++
	c.Results[result]++
	if grant != "" {
		if c.Grants == nil {
			c.Grants = make(map[string]int)
		}
		c.Grants[grant]++
	}
	e.counters[endpoint] = c
}

// countedWriter remembers the status for the counters.
type countedWriter struct {
	http.ResponseWriter
	status int
}

func (w *countedWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets [http.ResponseController] reach the writer beneath.
func (w *countedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// The limit that the headers tell of. Unless SetLimit was called it is not
// enforced: a 429 comes from a fault, so that a test decides when.
const (
	limitCalls  = 50
	limitWindow = time.Second
	maxWindows  = 8192
)

// window counts the calls of one bucket: an endpoint, for one token and guild.
type window struct {
	start time.Time
	calls int
}

// limit is what a bucket holds.
type limit struct {
	calls    int
	window   time.Duration
	enforced bool
}

// SetLimit makes every bucket hold that many calls in a window, and answers 429
// to what is more. No calls mean the default again, which is only told.
func (e *Emulator) SetLimit(calls int, window time.Duration) error {
	set := limit{calls, window, true}
	switch {
	case calls == 0:
		set = limit{calls: limitCalls, window: limitWindow}
	case calls < 0 || window <= 0 || window > maxRetryAfter:
		return errors.New("emulator: a limit is some calls in a window of at most a day")
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.limit = set
	clear(e.limits)
	return nil
}

// rateLimit counts a call, tells of its bucket, and answers 429 and false where
// an enforced limit was exceeded.
func (e *Emulator) rateLimit(w http.ResponseWriter, r *http.Request, endpoint string) bool {
	now := e.cfg.Now()
	key := endpoint + " " + r.PathValue("guild") + " " + r.Header.Get("Authorization")
	e.mu.Lock()
	if len(e.limits) >= maxWindows {
		clear(e.limits)
	}
	limit := e.limit
	bucket := e.limits[key]
	if bucket == nil || now.Sub(bucket.start) >= limit.window || now.Before(bucket.start) {
		bucket = &window{start: now}
		e.limits[key] = bucket
	}
	bucket.calls++
	calls, reset := bucket.calls, bucket.start.Add(limit.window)
	e.mu.Unlock()
	name := sha256.Sum256([]byte(endpoint))
	h := w.Header()
	h.Set("X-RateLimit-Limit", strconv.Itoa(limit.calls))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(max(limit.calls-calls, 0)))
	h.Set("X-RateLimit-Reset", strconv.FormatFloat(float64(reset.UnixMilli())/1000, 'f', 3, 64))
	h.Set("X-RateLimit-Reset-After", strconv.FormatFloat(reset.Sub(now).Seconds(), 'f', 3, 64))
	h.Set("X-RateLimit-Bucket", hex.EncodeToString(name[:16]))
	if !limit.enforced || calls <= limit.calls {
		return true
	}
	Fault{RetryAfter: reset.Sub(now)}.rateLimit(w)
	return false
}
