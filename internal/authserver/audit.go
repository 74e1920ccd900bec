package authserver

import (
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// EventType says what happened in an [Event].
type EventType string

// The events of the audit trail, in the order of a sign-in's life.
const (
	EventRegistered     EventType = "registered"      // a client registered
	EventConsented      EventType = "consented"       // a browser approved a client's request; nobody knows yet whose it is
	EventDenied         EventType = "denied"          // the person said no, here or at Discord
	EventSignedIn       EventType = "signed_in"       // Discord said who it is, and a code was issued
	EventSignInFailed   EventType = "sign_in_failed"  // after the consent: Discord, or this server, let nobody in
	EventIssued         EventType = "issued"          // a code was redeemed: a grant began
	EventRefreshed      EventType = "refreshed"       // a refresh token was exchanged for the next
	EventRepeated       EventType = "repeated"        // the one before it was shown again, and yielded the same
	EventReplayed       EventType = "replayed"        // a code or refresh token was used twice: theft, or a copy
	EventRevoked        EventType = "revoked"         // a grant ended before its time
	EventEvicted        EventType = "evicted"         // a grant ended because its user has too many
	EventRefused        EventType = "refused"         // a code, token or client was not good
	EventStoreOlder     EventType = "store_older"     // an authentic token is newer than the store: it was restored, and revocations may be lost
	EventOutageAccepted EventType = "outage_accepted" // a token was accepted while the store was away
)

// eventTypes are all of them.
var eventTypes = []EventType{
	EventRegistered, EventConsented, EventDenied, EventSignedIn, EventSignInFailed, EventIssued, EventRefreshed, EventRepeated,
	EventReplayed, EventRevoked, EventEvicted, EventRefused, EventStoreOlder, EventOutageAccepted,
}

// Event is one entry of the audit trail. It names nobody but by id and address,
// and holds no secret.
type Event struct {
	Type       EventType
	Time       time.Time
	UserID     string // Discord's; "" where nobody is known
	ClientID   string // of a refusal: what was sent, made printable and cut
	GrantID    string
	Scopes     []string
	Reason     string     // in our words
	Address    netip.Addr // of the client; invalid: not known
	Generation uint32     // of the refresh token in question; 0: none
	Stored     uint32     // the generation that the store has, where that is another
	LeftOut    int        // events of this type that were left out before this one: strangers cause them, so they are bounded
}

// Level is how much an event matters: most are the day's work.
func (e *Event) Level() slog.Level {
	switch e.Type {
	case EventReplayed, EventRevoked, EventStoreOlder, EventOutageAccepted:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}

// Attrs are the fields that the event has, but for its time.
func (e *Event) Attrs() []slog.Attr {
	attrs := append(make([]slog.Attr, 0, 10), slog.String("event", string(e.Type)))
	add := func(name, value string) {
		if value != "" {
			attrs = append(attrs, slog.String(name, value))
		}
	}
	add("user_id", e.UserID)
	add("client_id", e.ClientID)
	add("grant_id", e.GrantID)
	add("scopes", strings.Join(e.Scopes, " "))
	add("reason", e.Reason)
	if e.Address.IsValid() {
		add("address", e.Address.String())
	}
	if e.Generation != 0 {
		attrs = append(attrs, slog.Uint64("generation", uint64(e.Generation)))
	}
	if e.Stored != 0 {
		attrs = append(attrs, slog.Uint64("stored_generation", uint64(e.Stored)))
	}
	if e.LeftOut != 0 {
		attrs = append(attrs, slog.Int("left_out", e.LeftOut))
	}
	return attrs
}

// What strangers can cause is written at this rate, for each type: 80 MB a day
// at most. Events that name a user count apart from those that do not, which
// take no Discord account to cause: nobody floods them out of the trail.
const (
	auditRate  = 4   // a second
	auditBurst = 240 // a minute's worth at once
)

// trail counts events, and bounds those that strangers cause.
type trail struct {
	counts  map[EventType]*atomic.Uint64 // never changes
	leftOut atomic.Uint64

	mu      sync.Mutex
	bounded map[boundedType]*boundedEvent // never changes; what is in it does
}

type boundedType struct {
	kind  EventType
	named bool // a user
}

type boundedEvent struct {
	limit   *rate.Limiter
	leftOut int // since the last that was written
}

func newTrail() *trail {
	t := &trail{counts: map[EventType]*atomic.Uint64{}, bounded: map[boundedType]*boundedEvent{}}
	for _, kind := range eventTypes {
		t.counts[kind] = new(atomic.Uint64)
	}
	for _, kind := range []EventType{EventRegistered, EventConsented, EventDenied, EventSignInFailed, EventRefused} {
		for _, named := range []bool{false, true} {
			t.bounded[boundedType{kind, named}] = &boundedEvent{limit: rate.NewLimiter(auditRate, auditBurst)}
		}
	}
	return t
}

// admit counts an event and says whether it is to be written, and how many
// before it were not.
func (t *trail) admit(kind EventType, named bool, now time.Time) (leftOut int, ok bool) {
	if count := t.counts[kind]; count != nil {
		count.Add(1)
	}
	b := t.bounded[boundedType{kind, named}]
	if b == nil {
		return 0, true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !b.limit.AllowN(now, 1) {
		b.leftOut++
		t.leftOut.Add(1)
		return 0, false
	}
	leftOut, b.leftOut = b.leftOut, 0
	return leftOut, true
}

func (t *trail) totals() map[EventType]uint64 {
	totals := make(map[EventType]uint64, len(t.counts))
	for kind, count := range t.counts {
		totals[kind] = count.Load()
	}
	return totals
}

// event writes an entry of the audit trail; time and address are filled in.
func (s *Server) event(ctx context.Context, e Event) {
	e.Time = s.now()
	if !e.Address.IsValid() {
		e.Address = ClientAddress(ctx)
	}
	var ok bool
	if e.LeftOut, ok = s.trail.admit(e.Type, e.UserID != "", e.Time); !ok {
		return
	}
	if s.cfg.Audit != nil {
		s.cfg.Audit(ctx, e)
		return
	}
	s.log.LogAttrs(ctx, e.Level(), "audit", e.Attrs()...)
}

// grantEvent writes an entry about a grant.
func (s *Server) grantEvent(ctx context.Context, kind EventType, g *Grant, reason string) {
	s.event(ctx, Event{Type: kind, UserID: g.User.ID, ClientID: g.ClientID, GrantID: g.ID, Reason: reason})
}

// storeOlder writes that an authentic token is newer than what is stored: from
// here on a grant that was revoked since may be alive again.
func (s *Server) storeOlder(ctx context.Context, g *Grant, generation, stored uint32) {
	s.event(ctx, Event{
		Type: EventStoreOlder, UserID: g.User.ID, ClientID: g.ClientID, GrantID: g.ID,
		Generation: generation, Stored: stored,
	})
}

// refused writes why a code or token was refused; the client is told less.
func (s *Server) refused(ctx context.Context, clientID, what, reason string) {
	s.event(ctx, Event{Type: EventRefused, ClientID: printable(clientID), Reason: what + ": " + reason})
}
