package emulator

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

const (
	maxControl = 64 << 10
	maxRoles   = 250
)

var errNoUser = errors.New("emulator: no such user")

// Deauthorize does what a user does in Discord's settings under Authorized
// Apps: all of the user's tokens and codes end, and the webhook is told. It
// returns when the webhook has answered or 3 seconds are over; an event that
// is lost is no error but one in WebhookReport.
func (e *Emulator) Deauthorize(userID string) error {
	return e.deauthorize(context.Background(), userID)
}

func (e *Emulator) deauthorize(ctx context.Context, userID string) error {
	var user User
	err := e.withAccount(userID, func(a *account) error {
		e.state.deauthorize(userID, e.cfg.Now())
		user = a.user
		return nil
	})
	if err != nil {
		return err
	}
	err = e.webhook.send(ctx, eventDeauthorized, struct {
		User wireUser `json:"user"`
	}{toWire(user)})
	if err != nil {
		e.cfg.Logger.Warn("emulator_webhook_lost", "event", eventDeauthorized, "error", err)
	}
	return nil
}

// ExpireAccess ends the user's access tokens as time would; refresh tokens live.
func (e *Emulator) ExpireAccess(userID string) error {
	return e.withAccount(userID, func(a *account) error {
		a.expired = e.cfg.Now()
		for _, p := range a.pairs {
			p.expires = a.expired
		}
		return nil
	})
}

// SetRoles replaces the user's roles in a guild that the user is in.
func (e *Emulator) SetRoles(userID, guildID string, roles []string) error {
	if len(roles) > maxRoles {
		return fmt.Errorf("emulator: more than %d roles", maxRoles)
	}
	for _, role := range roles {
		if !discord.IsSnowflake(role) {
			return errors.New("emulator: a role is a snowflake")
		}
	}
	return e.withMembership(userID, guildID, func(a *account, i int) { a.user.Guilds[i].Roles = slices.Clone(roles) })
}

// SetPending says whether the user has yet to pass the screening of a guild
// that the user is in.
func (e *Emulator) SetPending(userID, guildID string, pending bool) error {
	return e.withMembership(userID, guildID, func(a *account, i int) { a.user.Guilds[i].Pending = pending })
}

// Leave takes the user out of a guild that the user is in.
func (e *Emulator) Leave(userID, guildID string) error {
	return e.withMembership(userID, guildID, func(a *account, i int) { a.user.Guilds = slices.Delete(a.user.Guilds, i, i+1) })
}

// withMembership changes a copy of the user's guilds: others may hold the slice.
func (e *Emulator) withMembership(userID, guildID string, do func(a *account, i int)) error {
	return e.withAccount(userID, func(a *account) error {
		i := slices.IndexFunc(a.user.Guilds, func(m Membership) bool { return m.ID == guildID })
		if i < 0 {
			return errors.New("emulator: the user is not in that guild")
		}
		a.user.Guilds = slices.Clone(a.user.Guilds)
		do(a, i)
		return nil
	})
}

// SetKillEarlier switches Config.KillEarlier.
func (e *Emulator) SetKillEarlier(on bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cfg.KillEarlier = on
}

func (e *Emulator) withAccount(userID string, do func(*account) error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	a := e.state.accounts[userID]
	if a == nil {
		return errNoUser
	}
	return do(a)
}

// control adds the switches under /emulator/. Help documents them.
func (e *Emulator) control() {
	switches := map[string]http.HandlerFunc{
		"GET /emulator/{$}":       e.help,
		"GET /emulator/counters":  func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, http.StatusOK, e.Counters()) },
		"GET /emulator/users":     e.listUsers,
		"GET /emulator/faults":    e.listFaults,
		"GET /emulator/webhook":   e.showWebhook,
		"POST /emulator/faults":   e.addFault,
		"PUT /emulator/settings":  e.putSettings,
		"DELETE /emulator/faults": func(w http.ResponseWriter, _ *http.Request) { e.ClearFaults(); done(w, nil) },
		"DELETE /emulator/counters": func(w http.ResponseWriter, _ *http.Request) {
			e.ResetCounters()
			done(w, nil)
		},
		"POST /emulator/users/{user}/deauthorize": func(w http.ResponseWriter, r *http.Request) {
			// The event is sent even if the caller does not wait.
			done(w, e.deauthorize(context.WithoutCancel(r.Context()), r.PathValue("user")))
		},
		"POST /emulator/users/{user}/expire": func(w http.ResponseWriter, r *http.Request) {
			done(w, e.ExpireAccess(r.PathValue("user")))
		},
		"PUT /emulator/users/{user}/guilds/{guild}/roles":   e.putRoles,
		"PUT /emulator/users/{user}/guilds/{guild}/pending": e.putPending,
		"DELETE /emulator/users/{user}/guilds/{guild}": func(w http.ResponseWriter, r *http.Request) {
			done(w, e.Leave(r.PathValue("user"), r.PathValue("guild")))
		},
	}
	for pattern, h := range switches {
		e.mux.HandleFunc(pattern, h)
	}
	e.mux.HandleFunc("/emulator/", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusNotFound, failure{"no such switch: GET /emulator/ lists them"})
	})
}

func (e *Emulator) help(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, Help)
}

func (e *Emulator) listUsers(w http.ResponseWriter, _ *http.Request) {
	type wire struct {
		ID            string   `json:"id"`
		Username      string   `json:"username"`
		Granted       []string `json:"granted"`
		AccessTokens  int      `json:"access_tokens"`
		RefreshTokens int      `json:"refresh_tokens"`
	}
	now := e.cfg.Now()
	e.mu.Lock()
	users := make([]wire, 0, len(e.state.order))
	for _, id := range e.state.order {
		a := e.state.accounts[id]
		u := wire{ID: id, Username: a.user.Username, Granted: orEmpty(a.granted)}
		for _, p := range a.pairs {
			if now.Before(p.expires) {
				u.AccessTokens++
			}
			if p.refresh != "" {
				u.RefreshTokens++
			}
		}
		users = append(users, u)
	}
	e.mu.Unlock()
	writeJSON(w, http.StatusOK, users)
}

func (e *Emulator) listFaults(w http.ResponseWriter, _ *http.Request) {
	faults := e.Faults()
	wire := make([]wireFault, 0, len(faults))
	for _, f := range faults {
		wire = append(wire, f.wire())
	}
	writeJSON(w, http.StatusOK, wire)
}

func (e *Emulator) addFault(w http.ResponseWriter, r *http.Request) {
	var wire wireFault
	err := readJSON(w, r, &wire)
	if err == nil {
		var f Fault
		if f, err = wire.fault(); err == nil {
			err = e.Fault(f)
		}
	}
	done(w, err)
}

func (e *Emulator) putRoles(w http.ResponseWriter, r *http.Request) {
	var wire struct {
		Roles []string `json:"roles"`
	}
	if err := readJSON(w, r, &wire); err != nil {
		done(w, err)
		return
	}
	done(w, e.SetRoles(r.PathValue("user"), r.PathValue("guild"), wire.Roles))
}

func (e *Emulator) putPending(w http.ResponseWriter, r *http.Request) {
	var wire struct {
		Pending bool `json:"pending"`
	}
	if err := readJSON(w, r, &wire); err != nil {
		done(w, err)
		return
	}
	done(w, e.SetPending(r.PathValue("user"), r.PathValue("guild"), wire.Pending))
}

func (e *Emulator) putSettings(w http.ResponseWriter, r *http.Request) {
	var wire struct {
		KillEarlier *bool   `json:"kill_earlier"`
		WebhookURL  *string `json:"webhook_url"`
		Limit       *struct {
			Calls  int     `json:"calls"`
			Window float64 `json:"window"` // seconds
		} `json:"limit"`
	}
	err := readJSON(w, r, &wire)
	if err == nil && wire.WebhookURL != nil {
		err = e.SetWebhookURL(r.Context(), *wire.WebhookURL)
	}
	if err == nil && wire.Limit != nil {
		err = e.SetLimit(wire.Limit.Calls, time.Duration(wire.Limit.Window*float64(time.Second)))
	}
	if err == nil && wire.KillEarlier != nil {
		e.SetKillEarlier(*wire.KillEarlier)
	}
	done(w, err)
}

func (e *Emulator) showWebhook(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, struct {
		URL       string `json:"url"`
		PublicKey string `json:"public_key"`
		WebhookReport
	}{e.webhook.target(), hex.EncodeToString(e.WebhookPublicKey()), e.WebhookReport()})
}

// failure is the answer of a switch that did nothing.
type failure struct {
	Error string `json:"error"`
}

func done(w http.ResponseWriter, err error) {
	switch {
	case err == nil:
		w.WriteHeader(http.StatusNoContent)
	case errors.Is(err, errNoUser):
		writeJSON(w, http.StatusNotFound, failure{err.Error()})
	default:
		writeJSON(w, http.StatusBadRequest, failure{err.Error()})
	}
}

// readJSON reads one JSON value with no name that v does not know.
func readJSON(w http.ResponseWriter, r *http.Request, v any) error {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(v); err != nil {
		return fmt.Errorf("reading the JSON body: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("reading the JSON body: more than one value")
	}
	return nil
}
