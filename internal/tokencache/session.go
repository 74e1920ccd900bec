package tokencache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// Key names one session: the MCP server that the tokens are for (an RFC 8707
// resource) and the authorization server that issued them. Two authorization
// servers of one resource never see each other's tokens.
type Key struct {
	Resource string
	Issuer   string
}

// ID is the key as stores and locks spell it: the first 32 hex digits of a
// SHA-256. It tells nobody which server is meant.
func (k Key) ID() string {
	sum := sha256.Sum256([]byte("mcpdiscord session\x00" + k.Resource + "\x00" + k.Issuer))
	return hex.EncodeToString(sum[:16])
}

// Given is the Issuer of a session without a sign-in: its access token was
// brought by the user. There is no refresh token, and nobody to tell of its end.
// No authorization server has that name, since theirs are URLs.
const Given = "given"

// User is who signed in.
type User struct {
	ID         string `json:"id,omitempty"`
	Username   string `json:"username,omitempty"`
	GlobalName string `json:"global_name,omitempty"`
}

// Session is what a sign-in leaves for the next run: the client registration,
// the endpoints that go with it, and the tokens. Whatever prints, logs or
// encodes it leaves the secrets out; only this package stores them.
type Session struct {
	Resource string `json:"resource"`
	Issuer   string `json:"issuer"`

	ClientID              string `json:"client_id,omitempty"`
	ClientSecret          string `json:"client_secret,omitempty"`
	AuthMethod            string `json:"auth_method,omitempty"` // none, client_secret_basic or client_secret_post
	AuthorizationEndpoint string `json:"authorization_endpoint,omitempty"`
	TokenEndpoint         string `json:"token_endpoint,omitempty"`
	RevocationEndpoint    string `json:"revocation_endpoint,omitempty"`
	RegistrationEndpoint  string `json:"registration_endpoint,omitempty"`
	RedirectURI           string `json:"redirect_uri,omitempty"`

	Grant        string    `json:"grant,omitempty"`  // how the tokens were got; "": for a user
	Scopes       []string  `json:"scopes,omitempty"` // granted
	AccessToken  string    `json:"access_token,omitempty"`
	RefreshToken string    `json:"refresh_token,omitempty"`
	Expiry       time.Time `json:"expiry,omitzero"` // of AccessToken; zero: unknown

	User       User      `json:"user,omitzero"`
	SignedInAt time.Time `json:"signed_in_at,omitzero"`
}

// Key returns the key under which the session is saved.
func (s Session) Key() Key { return Key{Resource: s.Resource, Issuer: s.Issuer} }

// String describes the session without its secrets.
func (s Session) String() string {
	return fmt.Sprintf("session of %q at %s (client %q, scopes %q, access token %s, refresh token %s, client secret %s)",
		s.User.Username, s.Resource, s.ClientID, s.Scopes,
		redacted(s.AccessToken), redacted(s.RefreshToken), redacted(s.ClientSecret))
}

// Format implements [fmt.Formatter]: every verb prints String.
func (s Session) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue implements [slog.LogValuer].
func (s Session) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("resource", s.Resource),
		slog.String("issuer", s.Issuer),
		slog.String("client_id", s.ClientID),
		slog.String("user_id", s.User.ID),
		slog.Any("scopes", s.Scopes),
		slog.String("access_token", redacted(s.AccessToken)),
		slog.String("refresh_token", redacted(s.RefreshToken)),
		slog.Time("expiry", s.Expiry),
	)
}

// MarshalJSON keeps the secrets out of JSON, and so out of logs that hold the
// session in something else.
func (s Session) MarshalJSON() ([]byte, error) {
	shown := stored(s)
	for _, secret := range []*string{&shown.AccessToken, &shown.RefreshToken, &shown.ClientSecret} {
		if *secret != "" {
			*secret = redacted(*secret)
		}
	}
	return json.Marshal(shown)
}

// stored is a session whose JSON holds everything.
type stored Session

func redacted(secret string) string {
	if secret == "" {
		return "none"
	}
	return "[redacted]"
}

// version is that of everything this package stores. A larger one was written
// by a newer program and is left alone.
const version = 1

// document is a session as it is stored.
type document struct {
	Version int     `json:"v"`
	Session *stored `json:"session"`
}

func encode(s *Session) ([]byte, error) {
	data, err := json.Marshal(document{Version: version, Session: (*stored)(s)})
	if err != nil {
		return nil, fmt.Errorf("encoding session: %w", err)
	}
	return data, nil
}

// decode reads what encode made, and makes sure that it is the session that
// was asked for. where names its place in errors.
func decode(data []byte, key Key, where string) (*Session, error) {
	var doc document
	if err := json.Unmarshal(data, &doc); err != nil {
		return nil, corrupt(where, errNotOurs)
	}
	switch {
	case doc.Version > version:
		return nil, newer(where)
	case doc.Version < 1 || doc.Session == nil:
		return nil, corrupt(where, errNotOurs)
	}
	s := (*Session)(doc.Session)
	if s.Key() != key {
		return nil, corrupt(where, errOtherSession)
	}
	return s, nil
}
