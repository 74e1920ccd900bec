package emulator

import (
	"crypto/sha256"
	"encoding/hex"
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

// The limit that the headers tell of. It is never enforced: a 429 comes from a
// fault, so that a test decides when.
const (
	limitCalls  = 50
	limitWindow = time.Second
)

// window counts the calls of one endpoint for the rate limit headers.
type window struct {
	start time.Time
	calls int
}

func (e *Emulator) rateLimitHeaders(h http.Header, endpoint string) {
	now := e.cfg.Now()
	e.mu.Lock()
	w := e.limits[endpoint]
	if w == nil || now.Sub(w.start) >= limitWindow || now.Before(w.start) {
		w = &window{start: now}
		e.limits[endpoint] = w
	}
	w.calls++
	remaining, reset := max(limitCalls-w.calls, 0), w.start.Add(limitWindow)
	e.mu.Unlock()
	bucket := sha256.Sum256([]byte(endpoint))
	h.Set("X-RateLimit-Limit", strconv.Itoa(limitCalls))
	h.Set("X-RateLimit-Remaining", strconv.Itoa(remaining))
	h.Set("X-RateLimit-Reset", strconv.FormatFloat(float64(reset.UnixMilli())/1000, 'f', 3, 64))
	h.Set("X-RateLimit-Reset-After", strconv.FormatFloat(reset.Sub(now).Seconds(), 'f', 3, 64))
	h.Set("X-RateLimit-Bucket", hex.EncodeToString(bucket[:16]))
}
