package authserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"
)

// bindingID is the id of the record of KindMeta that says whose store it is.
const bindingID = "binding"

// binding is what a store belongs to. Its records would be wrong, or dangerous,
// anywhere else: clients hold tokens of this issuer, users are this
// application's, hashes and seals are of this key.
type binding struct {
	Issuer        string `json:"issuer"`
	ApplicationID string `json:"application_id"`
	DiscordURL    string `json:"discord_url"`
	KeyID         string `json:"key_id"` // of the key that signs
	ID            string `json:"id"`     // random: of the store; "" in one that is older than this field
}

// BindError says that a store belongs to another server than the configured
// one.
type BindError struct {
	What       string // "base URL", "Discord application", "Discord URL" or "signing key"
	Stored     string // "" for keys
	Configured string // "" for keys
}

func (e *BindError) Error() string {
	if e.Stored == "" {
		return fmt.Sprintf("the store belongs to another %s", e.What)
	}
	return fmt.Sprintf("the store belongs to the %s %s, not %s", e.What, e.Stored, e.Configured)
}

// fits refuses what is stored where it is another server's.
func (r *keyring) fits(stored, ours *binding) error {
	switch {
	case stored.Issuer != ours.Issuer:
		return &BindError{What: "base URL", Stored: stored.Issuer, Configured: ours.Issuer}
	case stored.ApplicationID != ours.ApplicationID:
		return &BindError{What: "Discord application", Stored: stored.ApplicationID, Configured: ours.ApplicationID}
	case stored.DiscordURL != ours.DiscordURL:
		return &BindError{What: "Discord URL", Stored: stored.DiscordURL, Configured: ours.DiscordURL}
	case r.named(stored.KeyID) == nil: // tokens are signed with one that we do not have
		return &BindError{What: "signing key"}
	}
	return nil
}

// errEmptied means that the store has lost its records while we ran: it was
// emptied, or a replica without them took over.
var errEmptied = errors.New("the store is not the one that this server began with: it was emptied, or replaced")

// still finds out whether a store in which a record is missing is the one that
// this server was bound to. In another one nothing is known to be missing:
// clients would throw away tokens that are good. Only a start takes another.
func (s *Server) still(ctx context.Context) error {
	rec, err := s.cfg.Store.Get(ctx, KindMeta, bindingID)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	if err == nil {
		stored, err := decode[binding](KindMeta, rec.Value)
		if err != nil || stored.ID == s.storeID {
			return err
		}
	}
	if now := s.now(); s.limits.mayLog(now) {
		s.log.ErrorContext(ctx, "store emptied or replaced", "hint", "put its records back; a restart takes it as it is, and everybody signs in again", "alarm", true)
	}
	return errEmptied
}

// CheckBinding says whether New would take the store of a configuration, with
// New's errors, and changes nothing. It looks at BaseURL, ApplicationID,
// DiscordURL, Store and SigningKeys alone.
func CheckBinding(ctx context.Context, cfg Config) error {
	ring, err := deriveKeyring(cfg.SigningKeys)
	if err != nil {
		return err
	}
	rec, err := cfg.Store.Get(ctx, KindMeta, bindingID)
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return storeError("reading", KindMeta, err)
	}
	stored, err := decode[binding](KindMeta, rec.Value)
	if err != nil {
		return err
	}
	return ring.fits(stored, &binding{Issuer: cfg.BaseURL, ApplicationID: cfg.ApplicationID, DiscordURL: cfg.DiscordURL})
}

// bind claims an empty store and refuses one that is another server's.
func (s *Server) bind(ctx context.Context) error {
	ours := binding{Issuer: s.cfg.BaseURL, ApplicationID: s.cfg.ApplicationID, DiscordURL: s.cfg.DiscordURL, KeyID: s.keys.kid, ID: rand.Text()}
	s.storeID = ours.ID
	err := create(ctx, s, KindMeta, bindingID, &ours, time.Time{})
	if err == nil || !errors.Is(err, ErrExists) {
		return err
	}
	stored, err := load[binding](ctx, s, KindMeta, bindingID)
	if err != nil {
		return err
	}
	s.storeID = stored.ID
	if err := s.keys.fits(stored, &ours); err != nil || stored.KeyID == ours.KeyID {
		return err
	}
	return update(ctx, s, KindMeta, bindingID, func(old *binding) (*binding, time.Time, error) {
		if old == nil || s.keys.named(old.KeyID) == nil {
			return nil, time.Time{}, &BindError{What: "signing key"}
		}
		old.KeyID = ours.KeyID
		return old, time.Time{}, nil
	})
}
