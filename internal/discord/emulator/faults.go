package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// The endpoints that faults and counters name.
const (
	EndpointAuthorize     = "authorize"   // GET and POST /oauth2/authorize, the sign-in page
	EndpointToken         = "token"       // POST /api/v10/oauth2/token
	EndpointRevoke        = "revoke"      // POST /api/v10/oauth2/token/revoke
	EndpointAuthorization = "@me"         // GET /api/v10/oauth2/@me
	EndpointUser          = "users/@me"   // GET /api/v10/users/@me
	EndpointGuilds        = "guilds"      // GET /api/v10/users/@me/guilds
	EndpointMember        = "member"      // GET /api/v10/users/@me/guilds/{guild}/member
	EndpointConnections   = "connections" // GET /api/v10/users/@me/connections
	EndpointJoin          = "join"        // PUT /api/v10/guilds/{guild}/members/{user}, with the bot token
	EndpointAny           = "any"         // every one of the above but the sign-in page
)

// The kinds of faults.
const (
	FaultRateLimit    = "rate_limit"   // 429 with Retry-After
	FaultError        = "error"        // Status, default 500
	FaultHTML         = "html"         // Status, default 429, with Cloudflare's page "error 1015"
	FaultHang         = "hang"         // no answer until the caller gives up
	FaultTruncate     = "truncate"     // 200 with half a JSON text; the work is not done
	FaultLost         = "lost"         // the work is done, the connection is cut before the answer
	FaultUnauthorized = "unauthorized" // 401 of the API
)

const (
	maxFaults     = 64
	maxRetryAfter = 24 * time.Hour
)

// Fault is a failure that the emulator was told to show.
type Fault struct {
	Endpoint   string        // EndpointAny and its like
	Kind       string        // FaultRateLimit and its like
	Grant      string        // at the token endpoint: this grant_type only; "" means every one
	Status     int           // for FaultError and FaultHTML; 0 means the kind's own
	RetryAfter time.Duration // for FaultRateLimit (0 means 1 s), FaultError and FaultHTML (0: no header)
	Global     bool          // for FaultRateLimit: the limit of all calls, not of one
	Count      int           // answers until the fault is over; 0: until it is cleared
}

// wireFault is a Fault in JSON.
type wireFault struct {
	Endpoint   string  `json:"endpoint"`
	Kind       string  `json:"kind"`
	Grant      string  `json:"grant,omitempty"`
	Status     int     `json:"status,omitempty"`
	RetryAfter float64 `json:"retry_after,omitempty"` // seconds
	Global     bool    `json:"global,omitempty"`
	Count      int     `json:"count,omitempty"`
}

func (f Fault) wire() wireFault {
	return wireFault{f.Endpoint, f.Kind, f.Grant, f.Status, f.RetryAfter.Seconds(), f.Global, f.Count}
}

func (f wireFault) fault() (Fault, error) {
	if math.IsNaN(f.RetryAfter) || f.RetryAfter < 0 || f.RetryAfter > maxRetryAfter.Seconds() {
		return Fault{}, errors.New("retry_after is seconds, at most a day")
	}
	wait := time.Duration(f.RetryAfter * float64(time.Second))
	return Fault{f.Endpoint, f.Kind, f.Grant, f.Status, wait, f.Global, f.Count}, nil
}

func (f Fault) check() error {
	endpoints := []string{
		EndpointAuthorize, EndpointToken, EndpointRevoke, EndpointAuthorization, EndpointUser,
		EndpointGuilds, EndpointMember, EndpointConnections, EndpointJoin, EndpointAny,
	}
	kinds := []string{FaultRateLimit, FaultError, FaultHTML, FaultHang, FaultTruncate, FaultLost, FaultUnauthorized}
	grants := []string{"", "authorization_code", "refresh_token", "client_credentials"}
	switch {
	case !slices.Contains(endpoints, f.Endpoint):
		return fmt.Errorf("endpoint %q is none of %q", f.Endpoint, endpoints)
	case !slices.Contains(kinds, f.Kind):
		return fmt.Errorf("kind %q is none of %q", f.Kind, kinds)
	case !slices.Contains(grants, f.Grant):
		return fmt.Errorf("grant %q is none of %q", f.Grant, grants[1:])
	case f.Status != 0 && (f.Status < 400 || f.Status > 599):
		return fmt.Errorf("status %d is no error", f.Status)
	case f.RetryAfter < 0 || f.RetryAfter > maxRetryAfter:
		return fmt.Errorf("retry_after %v is not between 0 and %v", f.RetryAfter, maxRetryAfter)
	case f.Count < 0:
		return fmt.Errorf("count %d is negative", f.Count)
	}
	return nil
}

// Fault adds a fault. Of those that fit a call, the first added is shown.
func (e *Emulator) Fault(f Fault) error {
	if err := f.check(); err != nil {
		return fmt.Errorf("emulator: fault: %w", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.faults) >= maxFaults {
		return fmt.Errorf("emulator: there are %d faults already: clear them first", maxFaults)
	}
	e.faults = append(e.faults, &f)
	return nil
}

// Faults returns the faults that are not over, with what is left of Count.
func (e *Emulator) Faults() []Fault {
	e.mu.Lock()
	defer e.mu.Unlock()
	faults := make([]Fault, 0, len(e.faults))
	for _, f := range e.faults {
		faults = append(faults, *f)
	}
	return faults
}

// ClearFaults removes every fault.
func (e *Emulator) ClearFaults() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.faults = nil
}

func (e *Emulator) takeFault(endpoint, grant string) (Fault, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, f := range e.faults {
		if f.Endpoint != endpoint && (f.Endpoint != EndpointAny || endpoint == EndpointAuthorize) {
			continue
		}
		if f.Grant != "" && f.Grant != grant {
			continue
		}
		if f.Count > 0 {
			if f.Count--; f.Count == 0 {
				e.faults = slices.Delete(e.faults, i, i+1)
			}
		}
		return *f, true
	}
	return Fault{}, false
}

// result is the fault's name in the counters.
func (f Fault) result() string {
	switch f.Kind {
	case FaultRateLimit:
		return "429"
	case FaultUnauthorized:
		return "401"
	case FaultError, FaultHTML:
		return strconv.Itoa(f.status())
	default:
		return f.Kind
	}
}

func (f Fault) status() int {
	switch {
	case f.Status != 0:
		return f.Status
	case f.Kind == FaultHTML:
		return http.StatusTooManyRequests
	default:
		return http.StatusInternalServerError
	}
}

// show answers r as the fault demands; work is what the endpoint would do.
func (f Fault) show(w http.ResponseWriter, r *http.Request, work http.HandlerFunc) {
	switch f.Kind {
	case FaultRateLimit:
		f.rateLimit(w)
	case FaultError:
		f.retryHeader(w.Header())
		writeAPIError(w, f.status(), fmt.Sprintf("%d: %s", f.status(), http.StatusText(f.status())), 0)
	case FaultHTML:
		f.retryHeader(w.Header())
		w.Header().Set("Content-Type", "text/html; charset=UTF-8")
		w.WriteHeader(f.status())
		_, _ = io.WriteString(w, cloudflarePage)
	case FaultHang:
		// The server sees the caller go only once the body has been read.
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case FaultTruncate:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token": "truncated", "token_type": "Bearer", "expires_in": 6048`)
	case FaultLost:
		work(&discardWriter{header: make(http.Header)}, r)
		panic(http.ErrAbortHandler)
	case FaultUnauthorized:
		unauthorized(w)
	}
}

func (f Fault) rateLimit(w http.ResponseWriter) {
	if f.RetryAfter == 0 {
		f.RetryAfter = time.Second
	}
	f.retryHeader(w.Header())
	scope := "user"
	if f.Global {
		scope = "global"
		w.Header().Set("X-RateLimit-Global", "true")
	}
	w.Header().Set("X-RateLimit-Scope", scope)
	w.Header().Set("X-RateLimit-Remaining", "0")
	w.Header().Set("X-RateLimit-Reset-After", strconv.FormatFloat(f.RetryAfter.Seconds(), 'f', 3, 64))
	writeJSON(w, http.StatusTooManyRequests, struct {
		Message    string          `json:"message"`
		RetryAfter json.RawMessage `json:"retry_after"`
		Global     bool            `json:"global"`
	}{
		"You are being rate limited.",
		json.RawMessage(strconv.FormatFloat(f.RetryAfter.Seconds(), 'f', 3, 64)),
		f.Global,
	})
}

func (f Fault) retryHeader(h http.Header) {
	if f.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
}

// discardWriter takes an answer that nobody will see.
type discardWriter struct{ header http.Header }

func (w *discardWriter) Header() http.Header         { return w.header }
func (w *discardWriter) Write(b []byte) (int, error) { return len(b), nil }
func (w *discardWriter) WriteHeader(int)             {}

const cloudflarePage = `<!doctype html>
<html lang="en-US"><head><title>Access denied | discord.com used Cloudflare to restrict access</title></head>
<body><h1>Error 1015</h1><h2>You are being rate limited</h2>
<p>The owner of this website (discord.com) has banned you temporarily from accessing this website.</p>
<p>(Shown by an emulator.)</p></body></html>
`
