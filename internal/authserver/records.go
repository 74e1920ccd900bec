package authserver

import (
	"time"

	"github.com/go-jose/go-jose/v4"
)

// The records are the state machine: each step of the protocol takes the
// record that its predecessor left and leaves its own. Each life has a type of
// its own, so that the compiler refuses to redeem a request that nobody
// approved.

// Client is an OAuth client as it registered itself (RFC 7591), as a document
// at its URL describes it, or as the operator's file has it. Its ID is a hash of
// everything else that is stored or shown, or that URL, or what the operator
// chose: it names software, not an installation, so no limit and no revocation
// may key on it alone.
type Client struct {
	ID           string    `json:"client_id"`
	Name         string    `json:"client_name,omitempty"`
	RedirectURIs []string  `json:"redirect_uris"` // sorted; loopback ports removed
	Scopes       []string  `json:"scopes,omitempty"`
	Application  string    `json:"application_type,omitempty"` // native, web, or "" where it did not say
	CreatedAt    time.Time `json:"created_at"`
	LastUsed     time.Time `json:"last_used"`
	// GrantUntil is the end of the client's longest-lived grant: until then the
	// client is never evicted.
	GrantUntil time.Time `json:"grant_until,omitzero"`

	// Of a client whose ID is the URL of a document that describes it: when the
	// document was fetched, and until when that may be relied on at a sign-in.
	FetchedAt  time.Time `json:"fetched_at,omitzero"`
	FreshUntil time.Time `json:"fresh_until,omitzero"`

	// AuthMethod is private_key_jwt, or in the operator's file a secret's; ""
	// means none. The keys are the client's public ones; where they have a URL
	// of their own they were fetched at KeysAt and are fresh until KeysUntil.
	AuthMethod string            `json:"token_endpoint_auth_method,omitempty"`
	Keys       []jose.JSONWebKey `json:"keys,omitempty"`
	KeysURI    string            `json:"jwks_uri,omitempty"`
	KeysAt     time.Time         `json:"keys_at,omitzero"`
	KeysUntil  time.Time         `json:"keys_until,omitzero"`

	fixed      bool   // it is in the operator's file, not in the store
	secretHash []byte // SHA-256, of a client in the operator's file
}

// AuthorizationRequest is a request that its user approved or denied on the
// consent page. Its id is the hash of the state that Discord gets, which is
// drawn for one page in one browser.
type AuthorizationRequest struct {
	ClientID      string   `json:"client_id"`
	RedirectURI   string   `json:"redirect_uri"`
	State         string   `json:"state,omitempty"` // the client's; "" where it sent none
	Scopes        []string `json:"scopes"`
	CodeChallenge string   `json:"code_challenge"` // S256
	Resource      string   `json:"resource"`
	Verifier      string   `json:"verifier"` // ours, toward Discord (PKCE)
	Denied        bool     `json:"denied,omitempty"`
	Taken         bool     `json:"taken,omitempty"` // the callback has used it
}

// AuthorizationCode is what the callback leaves for /token. Its id is the
// hash of the code. A code is issued, redeemed, or burnt; the record outlives
// its use so that a replay is told from garbage.
type AuthorizationCode struct {
	ClientID      string     `json:"client_id"`
	RedirectURI   string     `json:"redirect_uri"` // as the request had it
	CodeChallenge string     `json:"code_challenge"`
	Resource      string     `json:"resource"`
	Scopes        []string   `json:"scopes"` // requested and granted by Discord
	User          User       `json:"user"`
	IssuedAt      time.Time  `json:"issued_at"` // redeemable for CodeTTL
	Status        CodeStatus `json:"status"`
	RedeemedAt    time.Time  `json:"redeemed_at,omitzero"`
	GrantID       string     `json:"grant_id,omitempty"` // once redeemed
}

// CodeStatus says what became of an authorization code.
type CodeStatus string

// The lives of a code: issued, then either redeemed or burnt.
const (
	CodeIssued   CodeStatus = "issued"
	CodeRedeemed CodeStatus = "redeemed"
	CodeBurnt    CodeStatus = "burnt"
)

// User is what we know of a Discord user, as of At. Email is empty unless the
// scope email was granted and the account has one.
type User struct {
	ID         string    `json:"id"` // snowflake
	Username   string    `json:"username"`
	GlobalName string    `json:"global_name,omitempty"`
	Avatar     string    `json:"avatar,omitempty"` // hash
	Email      string    `json:"email,omitempty"`
	Verified   bool      `json:"verified,omitempty"` // the email
	At         time.Time `json:"at"`
}

// Grant is what one user allowed one client: the unit of revocation and the
// root of its tokens. It holds hashes of refresh tokens, never the tokens: of
// generation n there is a copy sealed under a key that only the holder of
// generation n-1 has, so that a lost answer can be repeated.
type Grant struct {
	ID        string    `json:"id"`
	ClientID  string    `json:"client_id"`
	Resource  string    `json:"resource"`
	Scopes    []string  `json:"scopes"` // never widens
	User      User      `json:"user"`
	CreatedAt time.Time `json:"created_at"`
	LastUsed  time.Time `json:"last_used"`

	Generation uint32    `json:"generation"`          // n
	Hash       []byte    `json:"hash"`                // of refresh token n
	PrevHash   []byte    `json:"prev_hash,omitempty"` // of n-1
	Successor  []byte    `json:"successor,omitempty"` // n, sealed under a key derived from n-1
	RotatedAt  time.Time `json:"rotated_at,omitzero"` // when n was issued
	// Confirmed: n reached its client, because its refresh token was redeemed
	// or an access token of generation n was accepted at the resource.
	Confirmed bool `json:"confirmed,omitempty"`

	AccessUntil time.Time `json:"access_until,omitzero"` // exp of the last access token
	Revoked     bool      `json:"revoked,omitempty"`     // a tombstone until AccessUntil
}

// Bounds of one user's records.
const (
	MaxPairs  = 8  // of Discord tokens
	MaxGrants = 50 // the least recently used goes when one more comes
)

// Upstream is Discord's side of one user: token pairs by scope set, the user's
// live grants, and the lease under which one node at a time talks to Discord
// about them.
type Upstream struct {
	UserID string         `json:"user_id"`
	Pairs  []UpstreamPair `json:"pairs"`  // at most MaxPairs, one per distinct scope set
	Grants []GrantRef     `json:"grants"` // at most MaxGrants, live ones
	Lease  Lease          `json:"lease,omitzero"`

	// SigningIn holds, for each sign-in whose code is not redeemed yet, the
	// time until which it may be: until then Discord must not be told to end
	// the user's tokens.
	SigningIn []time.Time `json:"signing_in,omitempty"`
	// RevokedAt is when Discord was last told to end the user's tokens: of a
	// sign-in about that time nobody knows whether it came before or after.
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	// DeauthorizedAt is when the user last took the application's rights away
	// at Discord, as Discord told: no code of before is good any more.
	DeauthorizedAt time.Time `json:"deauthorized_at,omitzero"`
}

// UpstreamPair is one pair of Discord tokens.
type UpstreamPair struct {
	Scopes       []string  `json:"scopes"` // sorted
	AccessToken  string    `json:"access_token"`
	RefreshToken string    `json:"refresh_token"`
	Expires      time.Time `json:"expires"`
	IssuedAt     time.Time `json:"issued_at,omitzero"` // by our clock
}

// GrantRef names a live grant of a user.
type GrantRef struct {
	ID       string    `json:"id"`
	Scopes   []string  `json:"scopes"`
	LastUsed time.Time `json:"last_used"`
}

// Lease is the right to talk to Discord about one user, until a time.
type Lease struct {
	Holder string    `json:"holder"` // random, "" when free
	Until  time.Time `json:"until,omitzero"`
}
