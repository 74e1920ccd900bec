package authserver

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Limits bound what one address, or one user, may ask for in ten minutes. They
// are generous: behind one address may be a company, or all users of a hosted
// client. 0 means the default, and less than 0 no limit.
//
// What is over a limit is told to come again later (429), never that a token is
// not good. Who shows a token, a code or a cookie of ours is not counted with
// the strangers behind the same address.
type Limits struct {
	Register  int // POST /register of one address; default 300
	Authorize int // GET /authorize of one address; default 1,000
	Consent   int // POST /consent of one address: each is a record, and calls to Discord later; default 600
	Callback  int // made-up states from one address; default 1,000
	Token     int // made-up codes and tokens at /token and /revoke from one address; default 6,000
	Refresh   int // refreshes of one user, a quarter of them by one sign-in; default 3,000
}

const limitWindow = 10 * time.Minute

// byName are the limits by the names that operators use.
func (l *Limits) byName() map[string]*int {
	return map[string]*int{
		limitRegister: &l.Register, limitAuthorize: &l.Authorize, limitConsent: &l.Consent,
		limitCallback: &l.Callback, limitToken: &l.Token, limitRefresh: &l.Refresh,
	}
}

// Names of what is counted. The last four have no setting.
const (
	limitRegister  = "register"
	limitAuthorize = "authorize"
	limitConsent   = "consent"
	limitCallback  = "callback"
	limitToken     = "token"
	limitRefresh   = "refresh"
	limitClients   = "clients"
	limitSignIn    = "signin"
	limitDocuments = "documents"
	limitGrant     = "grant"
)

// ParseLimits reads items like register=300. Who is not named keeps the
// default; 0 turns a limit off.
func ParseLimits(items []string) (Limits, error) {
	var l Limits
	fields := l.byName()
	for _, item := range items {
		name, text, _ := strings.Cut(item, "=")
		field := fields[strings.TrimSpace(name)]
		if field == nil {
			return l, fmt.Errorf("there is no limit %q, but %s", name, strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
		}
		most, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil || most < 0 {
			return l, fmt.Errorf("the limit of %s is no number: write it like %s=300", name, name)
		}
		if *field = most; most == 0 {
			*field = -1
		}
	}
	return l, nil
}

// limit is how much of one thing is allowed in a window.
type limit struct {
	most    int64 // below 0: any
	window  time.Duration
	refused atomic.Uint64
}

// Shares of one address in what all share, so that no single one fills it.
const (
	clientShare    = 16 // of the places for clients: one sixteenth, while clients are young
	minClientShare = 16
	grantShare     = 4 // of a user's refreshes: an app must not use up those of all others
	siteFactor     = 2 // an IPv6 site gets twice what one address gets
	// signInsAtOnce in signInWindow spend a quarter of the calls to Discord that
	// sign-ins get, half where their codes are good, and are few enough for
	// others to wait their turn.
	signInsAtOnce = 30
	signInWindow  = 5 * time.Second
	// documentsOfAddress are fetches for one address. Slow ones, of 5 s each,
	// take less than one of the places for fetches.
	documentsOfAddress = 100
)

func (l Limits) table(maxClients int) map[string]*limit {
	per := func(most, otherwise int) *limit {
		if most == 0 {
			most = otherwise
		}
		return &limit{most: int64(most), window: limitWindow}
	}
	refresh := per(l.Refresh, 3000)
	grant := &limit{most: refresh.most, window: limitWindow}
	if grant.most > 0 {
		grant.most = max(1, grant.most/grantShare)
	}
	return map[string]*limit{
		limitRegister:  per(l.Register, 300),
		limitAuthorize: per(l.Authorize, 1000),
		limitConsent:   per(l.Consent, 600),
		limitCallback:  per(l.Callback, 1000),
		limitToken:     per(l.Token, 6000),
		limitRefresh:   refresh,
		limitGrant:     grant,
		limitClients:   {most: int64(max(minClientShare, maxClients/clientShare)), window: clientYoung + clientTouch},
		limitSignIn:    {most: signInsAtOnce, window: signInWindow},
		limitDocuments: {most: documentsOfAddress, window: limitWindow},
	}
}

const (
	countTimeout = time.Second // what counting may cost when the store hangs
	maxOver      = 10_000
	countLog     = time.Minute
)

// limiter counts in the store, so that several nodes count together.
type limiter struct {
	limits map[string]*limit // never changes

	mu sync.Mutex
	// over are the windows that are known to be full, until they end: a flood
	// must not become a flood of writes.
	over   map[string]time.Time
	logged time.Time // when the store last failed to count
}

func newLimiter(l Limits, maxClients int) *limiter {
	return &limiter{limits: l.table(maxClients), over: map[string]time.Time{}}
}

// limited counts every request of an address for h.
func (s *Server) limited(name string, h handler) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if err := s.countAddress(r.Context(), name); err != nil {
			return err
		}
		return h(w, r)
	}
}

// countAddress counts one more for the address of a request. What it returns is
// a 429 *Error. An address that nobody told is not counted.
func (s *Server) countAddress(ctx context.Context, name string) error {
	addr := ClientAddress(ctx)
	if !addr.IsValid() {
		return nil
	}
	err := s.count(ctx, name, s.bucket("address", AddressNet(addr)), 1)
	if site := AddressSite(addr); err == nil && site.Addr().Is6() {
		err = s.count(ctx, name, s.bucket("site", site), siteFactor)
	}
	return err
}

// bucket is what addresses are counted under: one of 2^16, for else who has many
// addresses could fill the store with windows. Two of ten thousand share one
// now and then, and who is to share it nobody can choose. Addresses are personal
// data, so it comes from a MAC.
func (s *Server) bucket(label string, addresses netip.Prefix) string {
	sum := sha256.Sum256([]byte(mac(s.keys.address, label, []byte(addresses.String()))))
	return label + " " + hex.EncodeToString(sum[:2])
}

// countRefresh counts one more refresh of a user's sign-in.
func (s *Server) countRefresh(ctx context.Context, g *Grant) error {
	if err := s.count(ctx, limitGrant, mac(s.keys.address, "grant", []byte(g.ID)), 1); err != nil {
		return err
	}
	return s.count(ctx, limitRefresh, mac(s.keys.address, "user", []byte(g.User.ID)), 1)
}

// countGrant counts what an assertion is shown with: for a grant that is good
// for it like a refresh, else like a made-up token.
func (s *Server) countGrant(ctx context.Context, id string, good func(*Grant) bool) error {
	g, err := load[Grant](ctx, s, KindGrant, id)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && !good(g):
		return s.countAddress(ctx, limitToken)
	case err != nil:
		return err
	}
	return s.countRefresh(ctx, g)
}

// count counts one more of name for whose, who gets factor times the limit, and
// returns a 429 *Error when that is too much. Where the store cannot count
// nothing is refused: the handlers fail by themselves then, and a limit must not
// log anybody out.
func (s *Server) count(ctx context.Context, name, whose string, factor int64) error {
	l := s.limits.limits[name]
	most := l.most * factor
	if most < 0 {
		return nil
	}
	now := s.now()
	window, until := windowOf(whose, now, l.window)
	key := "limit " + name + " " + whose + " " + strconv.FormatInt(window, 36)
	if s.limits.isOver(key, now) {
		l.refused.Add(1)
		return errTooMany(until.Sub(now))
	}
	ctx, cancel := context.WithTimeout(ctx, countTimeout)
	defer cancel()
	n, err := s.incr(ctx, key, max(time.Second, until.Sub(now)))
	if err != nil {
		if s.limits.mayLog(now) {
			s.log.LogAttrs(ctx, slog.LevelWarn, "limits are not counted", slog.String("error", err.Error()))
		}
		return nil
	}
	if n <= most {
		return nil
	}
	s.limits.setOver(key, now, until)
	l.refused.Add(1)
	if n == most+1 { // once in a window, on one node
		s.event(ctx, Event{Type: EventRefused, Reason: "too many requests: " + name})
	}
	return errTooMany(until.Sub(now))
}

// windowOf numbers the window that now is in, and says when it ends. Windows
// are fixed, so that every node knows their end; each begins at a time of its
// own, so that they do not all end at once.
func windowOf(whose string, now time.Time, window time.Duration) (n int64, until time.Time) {
	first := sha256.Sum256([]byte(whose))
	shift := int64(binary.BigEndian.Uint64(first[:8]) % uint64(window))
	n = (now.UnixNano() + shift) / int64(window)
	return n, time.Unix(0, (n+1)*int64(window)-shift)
}

func errTooMany(wait time.Duration) *Error {
	return &Error{
		Status: http.StatusTooManyRequests, Code: "temporarily_unavailable", RetryAfter: wait,
		Description: "too many requests; wait a few minutes",
	}
}

func (l *limiter) isOver(key string, now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	until, ok := l.over[key]
	return ok && now.Before(until)
}

func (l *limiter) setOver(key string, now, until time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.over) >= maxOver {
		maps.DeleteFunc(l.over, func(_ string, until time.Time) bool { return !now.Before(until) })
	}
	if len(l.over) < maxOver { // else the store goes on counting
		l.over[key] = until
	}
}

func (l *limiter) mayLog(now time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now.Sub(l.logged) < countLog {
		return false
	}
	l.logged = now
	return true
}

// refusals are how many requests each limit has refused.
func (l *limiter) refusals() map[string]uint64 {
	all := make(map[string]uint64, len(l.limits))
	for name, limit := range l.limits {
		all[name] = limit.refused.Load()
	}
	return all
}
