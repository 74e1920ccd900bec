package authserver

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// WebhookPath is where Discord tells of its events, below BaseURL. It is served
// only where Config.WebhookKey is set.
const WebhookPath = "/discord/webhook"

const (
	maxWebhook = 64 << 10        // bytes
	webhookAge = 5 * time.Minute // of a signature, either way

	// webhookDoubt is how long after an event a token of Discord's is suspected
	// of having come before it: two clocks are compared.
	webhookDoubt = time.Minute

	webhookPing  = 0
	webhookEvent = 1

	eventDeauthorized  = "APPLICATION_DEAUTHORIZED"
	reasonDeauthorized = "deauthorized at discord"
)

// errDeauthorized means that the user took the application's rights away after
// the sign-in of a code.
var errDeauthorized = errors.New("deauthorized since the sign-in")

// webhook is the body of Discord's events.
type webhook struct {
	ApplicationID string `json:"application_id"`
	Type          int    `json:"type"`
	Event         struct {
		Type      string          `json:"type"`
		Timestamp string          `json:"timestamp"` // ISO 8601, in UTC without saying so
		Data      json.RawMessage `json:"data"`
	} `json:"event"`
}

// serveWebhook takes an event of Discord's. It is Discord's by its signature
// (Ed25519 of timestamp and body) and nothing else. To take it twice does no
// more than to take it once.
func (s *Server) serveWebhook(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhook))
	if err != nil {
		return errInvalidRequest("the body is too long")
	}
	sent, ok := s.signedByDiscord(r.Header, body)
	if !ok {
		return &Error{Status: http.StatusUnauthorized, Code: "invalid_signature", Description: "the request is not signed by Discord"}
	}
	var hook webhook
	if json.Unmarshal(body, &hook) != nil || hook.ApplicationID != s.cfg.ApplicationID {
		return errInvalidRequest("the event is not for this application")
	}
	if hook.Type == webhookEvent && hook.Event.Type == eventDeauthorized {
		var data struct {
			User struct {
				ID string `json:"id"`
			} `json:"user"`
		}
		if json.Unmarshal(hook.Event.Data, &data) != nil || !discord.IsSnowflake(data.User.ID) {
			return errInvalidRequest("the event names no user")
		}
		if err := s.deauthorized(r.Context(), data.User.ID, eventTime(hook.Event.Timestamp, sent)); err != nil {
			return err // Discord tries again
		}
	} else if hook.Type != webhookPing {
		s.log.InfoContext(r.Context(), "discord event ignored", "type", printable(hook.Event.Type))
	}
	w.Header().Set("Content-Type", "application/json") // Discord wants one
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// signedByDiscord checks a request's signature and when it was made.
func (s *Server) signedByDiscord(h http.Header, body []byte) (sent time.Time, ok bool) {
	timestamp := h.Get("X-Signature-Timestamp")
	signature, err := hex.DecodeString(h.Get("X-Signature-Ed25519"))
	if err != nil || len(signature) != ed25519.SignatureSize || len(timestamp) > 20 {
		return time.Time{}, false
	}
	if !ed25519.Verify(s.cfg.WebhookKey, append([]byte(timestamp), body...), signature) {
		return time.Time{}, false
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return time.Time{}, false
	}
	sent = time.Unix(seconds, 0)
	return sent, s.now().Sub(sent).Abs() <= webhookAge
}

// eventTime is when an event was: never after it was sent, a time that has
// whole seconds only.
func eventTime(text string, sent time.Time) time.Time {
	latest := sent.Add(time.Second)
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		at, err = time.ParseInLocation("2006-01-02T15:04:05.999999999", text, time.UTC)
	}
	if err != nil || at.After(latest) {
		return latest
	}
	return at
}

// deauthorized ends what a user had allowed until a time. Discord has ended its
// tokens already, so it is told nothing. Who has signed in again since keeps
// that: events come late, and more than once.
func (s *Server) deauthorized(ctx context.Context, userID string, at time.Time) error {
	if _, err := load[Upstream](ctx, s, KindUpstream, userID); errors.Is(err, ErrNotFound) {
		return nil // nobody that we know
	} else if err != nil {
		return err
	}
	var grants, uncovered []GrantRef
	var doubtful []UpstreamPair
	err := s.updateUpstream(ctx, userID, func(up *Upstream) error {
		up.Pairs = slices.DeleteFunc(up.Pairs, func(p UpstreamPair) bool { return !p.IssuedAt.After(at) })
		if at.After(up.DeauthorizedAt) {
			up.DeauthorizedAt = at
		}
		grants, uncovered, doubtful = up.Grants, up.uncovered(nil), nil
		for _, p := range up.Pairs {
			if p.IssuedAt.Sub(at) < webhookDoubt {
				doubtful = append(doubtful, p)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, ref := range grants {
		g, err := load[Grant](ctx, s, KindGrant, ref.ID)
		left := slices.ContainsFunc(uncovered, func(u GrantRef) bool { return u.ID == ref.ID }) // of a code of before
		if errors.Is(err, ErrNotFound) || err == nil && (g.Revoked || g.CreatedAt.After(at) && !left) {
			continue
		}
		if err == nil {
			err = s.endGrant(ctx, ref.ID, reasonDeauthorized)
		}
		if err != nil {
			return err
		}
	}
	s.log.InfoContext(ctx, "user deauthorized the application", "user_id", userID, "at", at)
	s.examineSoon(userID, doubtful)
	return nil
}

// examineSoon asks Discord about tokens of which the clocks do not tell, while
// nobody waits. Dead ones take their grants with them.
func (s *Server) examineSoon(userID string, pairs []UpstreamPair) {
	if len(pairs) == 0 || !s.mem.enter() {
		return
	}
	go func() {
		defer s.mem.running.Done()
		for _, pair := range pairs {
			if err := s.renew(s.mem.flying, userID, pair, true); err != nil {
				s.log.WarnContext(s.mem.flying, "tokens not examined", "user_id", userID, "error", err)
			}
		}
	}()
}
