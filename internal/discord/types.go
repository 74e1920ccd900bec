package discord

import "time"

// Token is a pair of tokens that Discord issued to one user.
type Token struct {
	AccessToken  Secret
	RefreshToken Secret    // single-use: a refresh replaces it
	Scopes       []string  // nil when the answer did not say
	Expires      time.Time // of the access token
}

// Authorization is what GET /oauth2/@me tells about an access token.
type Authorization struct {
	ApplicationID string
	Scopes        []string
	Expires       time.Time
	User          *User // nil without the scope identify; never holds an email
}

// User is a Discord account. ID is its only lasting key: names change.
type User struct {
	ID            string `json:"id"` // a snowflake
	Username      string `json:"username"`
	Discriminator string `json:"discriminator,omitempty"` // "0" for all but some old bots
	GlobalName    string `json:"global_name"`             // the display name; often ""
	Avatar        string `json:"avatar"`                  // a hash; "" for the default picture
	Locale        string `json:"locale,omitempty"`
	MFAEnabled    bool   `json:"mfa_enabled,omitempty"`
	Email         string `json:"email,omitempty"` // only with the scope email, and then "" for accounts without one
	Verified      bool   `json:"verified,omitempty"`
}

// Guild is a server that the user is in, as the user sees it.
type Guild struct {
	ID          string   `json:"id"` // a snowflake
	Name        string   `json:"name"`
	Icon        string   `json:"icon"` // a hash; "" for none
	Owner       bool     `json:"owner"`
	Permissions string   `json:"permissions"` // a bit set in decimal: it outgrew 53 bits
	Features    []string `json:"features,omitempty"`
}

// Member is the user's place in one guild.
type Member struct {
	UserID  string
	Roles   []string // ids; the role that everybody has (the guild's own id) is not among them
	Pending bool     // has not passed the guild's screening yet: not a full member
}
