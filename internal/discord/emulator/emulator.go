// Package emulator is a Discord for one machine: it speaks the part of
// Discord's HTTP that mcpdiscord uses, with a sign-in page, rotating tokens, a
// few ready users, and faults on demand. It is for development and tests and
// belongs on loopback only.
package emulator

import (
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// The application that an emulator knows when Config names no other.
const (
	DefaultClientID     = "157730590492196864"
	DefaultClientSecret = "emulator-secret-not-for-production"
)

// Config describes an emulator.
type Config struct {
	URL          string           // base URL it is reached at; "": Start takes the listener's
	ClientID     string           // "" means DefaultClientID
	ClientSecret string           // "" means DefaultClientSecret
	RedirectURIs []string         // exact matches; nil: any loopback http or https one
	KillEarlier  bool             // a second authorization of a user ends the user's earlier tokens
	Users        []User           // nil: the ready users, nelly first
	Logger       *slog.Logger     // nil: nothing is logged
	Now          func() time.Time // nil: time.Now
}

// User is an account that can sign in.
type User struct {
	discord.User
	Guilds []Membership
}

// Membership is a user's place in one guild.
type Membership struct {
	discord.Guild
	Roles    []string // role ids
	Nick     string
	JoinedAt time.Time
	Pending  bool
}

// Emulator is an [http.Handler] with the state of one emulated Discord.
type Emulator struct{}

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
	EndpointAny           = "any"         // every one of the above but the sign-in page
)

// The kinds of faults.
const (
	FaultRateLimit    = "rate_limit"   // 429 with Retry-After
	FaultError        = "error"        // Status, default 500
	FaultHTML         = "html"         // 429 with Cloudflare's page "error 1015"
	FaultHang         = "hang"         // no answer until the caller gives up
	FaultTruncate     = "truncate"     // 200 with half a JSON text; the work is not done
	FaultLost         = "lost"         // the work is done, the connection is cut before the answer
	FaultUnauthorized = "unauthorized" // 401
)

// Fault is a failure that the emulator was told to show.
type Fault struct {
	Endpoint   string        // EndpointAny and its like
	Kind       string        // FaultRateLimit and its like
	Grant      string        // at the token endpoint: this grant_type only; "" means every one
	Status     int           // for FaultError; 0 means 500
	RetryAfter time.Duration // for FaultRateLimit (0 means 1 s), FaultError and FaultHTML (0: no header)
	Global     bool          // for FaultRateLimit: the limit of all calls, not of one
	Count      int           // answers until the fault is over; 0: until it is cleared
}

// Counters counts the calls by endpoint.
type Counters map[string]Counter

// Counter counts the calls of one endpoint.
type Counter struct {
	Calls   int            `json:"calls"`
	Results map[string]int `json:"results"`          // by status, or "hang" or "lost"
	Grants  map[string]int `json:"grants,omitempty"` // at the token endpoint, by grant_type
}

var errTODO = errors.New("not built yet")

func New(cfg Config) (*Emulator, error) { return nil, errTODO }
func Start(cfg Config) (e *Emulator, baseURL string, stop func(), err error) {
	return nil, "", nil, errTODO
}
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {}

// Fault adds a fault. The first added that fits a call is shown.
func (e *Emulator) Fault(f Fault) error { return errTODO }

// ClearFaults removes every fault.
func (e *Emulator) ClearFaults() {}

// Counters returns a copy of the counts.
func (e *Emulator) Counters() Counters { return nil }

// ResetCounters sets every count to zero.
func (e *Emulator) ResetCounters() {}

// Deauthorize does what a user does in Discord's settings under Authorized
// Apps: all of the user's tokens and codes end.
func (e *Emulator) Deauthorize(userID string) error { return errTODO }

// ExpireAccess ends the user's access tokens as time would; refresh tokens live.
func (e *Emulator) ExpireAccess(userID string) error { return errTODO }

// SetRoles replaces the user's roles in a guild.
func (e *Emulator) SetRoles(userID, guildID string, roles []string) error { return errTODO }

// SetKillEarlier switches Config.KillEarlier.
func (e *Emulator) SetKillEarlier(on bool) {}

// Help is the text that documents the emulator's switches.
const Help = ``
