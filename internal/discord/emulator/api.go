package emulator

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// caller is a user's answer to "who is calling", copied out of the state.
type caller struct {
	user    User
	scopes  []string
	expires time.Time
}

func (c *caller) may(scope string) bool { return slices.Contains(c.scopes, scope) }

// bearer finds the user of the access token for h.
func (e *Emulator) bearer(h func(http.ResponseWriter, *http.Request, *caller)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		e.mu.Lock()
		var c *caller
		if p := e.state.alive(token, e.cfg.Now()); ok && p != nil {
			user := e.state.accounts[p.user].user
			user.Guilds = slices.Clone(user.Guilds)
			c = &caller{user: user, scopes: p.scopes, expires: p.expires}
		}
		e.mu.Unlock()
		if c == nil {
			unauthorized(w)
			return
		}
		h(w, r, c)
	}
}

// unauthorized is also Discord's answer to a live token without the scope.
func unauthorized(w http.ResponseWriter) {
	writeAPIError(w, http.StatusUnauthorized, "401: Unauthorized", 0)
}

type wireUser struct {
	ID            string  `json:"id"`
	Username      string  `json:"username"`
	Discriminator string  `json:"discriminator"`
	GlobalName    *string `json:"global_name"`
	Avatar        *string `json:"avatar"`
	Locale        string  `json:"locale,omitempty"`
	MFAEnabled    *bool   `json:"mfa_enabled,omitempty"`
	PublicFlags   int     `json:"public_flags"`
}

func toWire(u User) wireUser {
	return wireUser{
		ID: u.ID, Username: u.Username, Discriminator: "0",
		GlobalName: orNull(u.GlobalName), Avatar: orNull(u.Avatar),
	}
}

// currentAuthorization serves GET /api/v10/oauth2/@me, which never tells an email.
func (e *Emulator) currentAuthorization(w http.ResponseWriter, _ *http.Request, c *caller) {
	type application struct {
		ID                  string  `json:"id"`
		Name                string  `json:"name"`
		Icon                *string `json:"icon"`
		Description         string  `json:"description"`
		BotPublic           bool    `json:"bot_public"`
		BotRequireCodeGrant bool    `json:"bot_require_code_grant"`
		VerifyKey           string  `json:"verify_key"`
	}
	answer := struct {
		Application application `json:"application"`
		Scopes      []string    `json:"scopes"`
		Expires     string      `json:"expires"`
		User        *wireUser   `json:"user,omitempty"`
	}{
		Application: application{ID: e.cfg.ClientID, Name: applicationName, BotPublic: true, VerifyKey: hex.EncodeToString(e.WebhookPublicKey())},
		Scopes:      c.scopes,
		Expires:     c.expires.UTC().Format(discordTime),
	}
	if c.may("identify") {
		u := toWire(c.user)
		answer.User = &u
	}
	writeJSON(w, http.StatusOK, answer)
}

// currentUser serves GET /api/v10/users/@me.
func (e *Emulator) currentUser(w http.ResponseWriter, _ *http.Request, c *caller) {
	if !c.may("identify") {
		unauthorized(w)
		return
	}
	u := toWire(c.user)
	u.Locale, u.MFAEnabled = c.user.Locale, &c.user.MFAEnabled
	if !c.may("email") {
		writeJSON(w, http.StatusOK, u)
		return
	}
	writeJSON(w, http.StatusOK, struct {
		wireUser
		Email    *string `json:"email"`
		Verified bool    `json:"verified"`
	}{u, orNull(c.user.Email), c.user.Verified})
}

// currentUserGuilds serves GET /api/v10/users/@me/guilds with its limit (1 to
// 200), before and after.
func (e *Emulator) currentUserGuilds(w http.ResponseWriter, r *http.Request, c *caller) {
	if !c.may("guilds") {
		unauthorized(w)
		return
	}
	query := r.URL.Query()
	limit := maxGuilds
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxGuilds {
			writeAPIError(w, http.StatusBadRequest, "Invalid Form Body", 50035)
			return
		}
		limit = n
	}
	guilds := c.user.Guilds
	slices.SortFunc(guilds, func(a, b Membership) int { return compareIDs(a.ID, b.ID) })
	before, after := query.Get("before"), query.Get("after")
	guilds = slices.DeleteFunc(guilds, func(g Membership) bool {
		return before != "" && compareIDs(g.ID, before) >= 0 || after != "" && compareIDs(g.ID, after) <= 0
	})
	if len(guilds) > limit {
		if before != "" {
			guilds = guilds[len(guilds)-limit:]
		} else {
			guilds = guilds[:limit]
		}
	}
	type wireGuild struct {
		ID          string   `json:"id"`
		Name        string   `json:"name"`
		Icon        *string  `json:"icon"`
		Banner      *string  `json:"banner"`
		Owner       bool     `json:"owner"`
		Permissions string   `json:"permissions"`
		Features    []string `json:"features"`
	}
	answer := make([]wireGuild, 0, len(guilds))
	for _, g := range guilds {
		answer = append(answer, wireGuild{
			ID: g.ID, Name: g.Name, Icon: orNull(g.Icon), Owner: g.Owner,
			Permissions: g.Permissions, Features: orEmpty(g.Features),
		})
	}
	writeJSON(w, http.StatusOK, answer)
}

// currentUserMember serves GET /api/v10/users/@me/guilds/{guild}/member.
func (e *Emulator) currentUserMember(w http.ResponseWriter, r *http.Request, c *caller) {
	if !c.may("guilds.members.read") {
		unauthorized(w)
		return
	}
	guild := r.PathValue("guild")
	i := slices.IndexFunc(c.user.Guilds, func(m Membership) bool { return m.ID == guild })
	if i < 0 {
		writeAPIError(w, http.StatusNotFound, "Unknown Guild", 10004)
		return
	}
	writeJSON(w, http.StatusOK, toWireMember(c.user, c.user.Guilds[i]))
}

// currentUserConnections serves GET /api/v10/users/@me/connections: one each.
func (e *Emulator) currentUserConnections(w http.ResponseWriter, _ *http.Request, c *caller) {
	if !c.may("connections") {
		unauthorized(w)
		return
	}
	type connection struct {
		ID         string `json:"id"`
		Name       string `json:"name"`
		Type       string `json:"type"`
		Verified   bool   `json:"verified"`
		Visibility int    `json:"visibility"`
	}
	writeJSON(w, http.StatusOK, []connection{{
		ID: c.user.ID, Name: c.user.Username, Type: "github", Verified: true, Visibility: 1,
	}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // a caller that went away
}

func writeAPIError(w http.ResponseWriter, status int, message string, code int) {
	writeJSON(w, status, struct {
		Message string `json:"message"`
		Code    int    `json:"code"`
	}{message, code})
}

// compareIDs orders snowflakes, which are numbers of different lengths.
func compareIDs(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}
