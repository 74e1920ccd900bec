package emulator

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"slices"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// What the emulator holds at most, so that a flood cannot fill the machine.
const (
	maxUsers  = 500
	maxGuilds = 200
	maxCodes  = 1024 // the oldest go first
	maxPairs  = 256  // per user; the oldest go first

	codeLife   = 10 * time.Minute
	accessLife = 7 * 24 * time.Hour
)

// state is what Discord would know about the application. Emulator.mu guards it.
type state struct {
	application string // its client id
	accounts    map[string]*account
	order       []string
	guilds      map[string]discord.Guild // those that exist
	codes       map[string]*code
	codeAge     []string // oldest first
	access      map[string]*pair
	refresh     map[string]*pair
}

// account is a user with what the user allowed the application.
type account struct {
	user    User
	granted []string // every scope since the last deauthorization
	pairs   []*pair  // oldest first

	seen    map[string]time.Time // issue times of the pairs met in this process, by id
	dead    time.Time            // a pair issued then or before is not adopted
	expired time.Time            // an access token issued then or before has expired then
}

type code struct {
	user        string
	scopes      []string
	redirectURI string
	challenge   string // "": no PKCE
	expires     time.Time
}

// pair is one access token and, but for client_credentials, its refresh token.
type pair struct {
	id              string
	access, refresh string // refresh "": spent, or never was one
	refreshable     bool   // began with a refresh token
	user            string
	scopes          []string
	issued          time.Time
	expires         time.Time // of the access token
}

func newState(cfg Config) (state, error) {
	s := state{
		application: cfg.ClientID,
		accounts:    make(map[string]*account),
		guilds:      guildsOf(cfg.Users),
		codes:       make(map[string]*code),
		access:      make(map[string]*pair),
		refresh:     make(map[string]*pair),
	}
	if len(cfg.Users) == 0 || len(cfg.Users) > maxUsers {
		return s, fmt.Errorf("emulator: there must be 1 to %d users", maxUsers)
	}
	for _, u := range cfg.Users {
		if !discord.IsSnowflake(u.ID) || u.Username == "" {
			return s, fmt.Errorf("emulator: user %q needs a snowflake and a name", u.ID)
		}
		if s.accounts[u.ID] != nil {
			return s, fmt.Errorf("emulator: user %s is there twice", u.ID)
		}
		if len(u.Guilds) > maxGuilds {
			return s, fmt.Errorf("emulator: user %s is in more than %d guilds", u.ID, maxGuilds)
		}
		u.Guilds = slices.Clone(u.Guilds)
		s.accounts[u.ID] = &account{user: u, seen: make(map[string]time.Time)}
		s.order = append(s.order, u.ID)
	}
	return s, nil
}

// issueCode makes a code for a sign-in and remembers its scopes as granted.
func (s *state) issueCode(c *code) string {
	a := s.accounts[c.user]
	a.granted = union(a.granted, c.scopes)
	for len(s.codeAge) >= maxCodes {
		delete(s.codes, s.codeAge[0])
		s.codeAge = s.codeAge[1:]
	}
	id := random(22)
	s.codes[id] = c
	s.codeAge = append(s.codeAge, id)
	return id
}

// takeCode gives a code once.
func (s *state) takeCode(id string, now time.Time) *code {
	c := s.codes[id]
	if c == nil {
		return nil
	}
	s.dropCode(id)
	if now.After(c.expires) {
		return nil
	}
	return c
}

func (s *state) dropCode(id string) {
	delete(s.codes, id)
	s.codeAge = slices.DeleteFunc(s.codeAge, func(other string) bool { return other == id })
}

// issuePair makes tokens; without a refresh token for client_credentials.
func (s *state) issuePair(user string, scopes []string, refreshable bool, now time.Time) *pair {
	p := &pair{
		id: string(randomBytes(idBytes)), refreshable: refreshable, user: user, scopes: scopes,
		issued: now, expires: now.Add(accessLife),
	}
	s.add(p, p.body(s.accounts[user].granted))
	return p
}

// add makes p and the tokens of its body live.
func (s *state) add(p *pair, body []byte) {
	a := s.accounts[p.user]
	for len(a.pairs) >= maxPairs {
		// A pair that cannot be refreshed goes before one that keeps a login.
		oldest := slices.IndexFunc(a.pairs, func(p *pair) bool { return p.refresh == "" })
		s.dropPair(a.pairs[max(oldest, 0)])
	}
	p.access = s.sealToken(kindAccess, body)
	s.access[p.access] = p
	if p.refreshable {
		p.refresh = s.sealToken(kindRefresh, body)
		s.refresh[p.refresh] = p
	}
	a.pairs = append(a.pairs, p)
	a.see(p)
}

func (s *state) dropPair(p *pair) {
	delete(s.access, p.access)
	delete(s.refresh, p.refresh)
	a := s.accounts[p.user]
	a.pairs = slices.DeleteFunc(a.pairs, func(other *pair) bool { return other == p })
}

// spend ends a refresh token. Its access token lives on until it expires.
func (s *state) spend(p *pair) {
	delete(s.refresh, p.refresh)
	p.refresh = ""
}

// endTokens drops every pair of a user, those not seen yet as well.
func (s *state) endTokens(user string, now time.Time) {
	a := s.accounts[user]
	a.bury(now)
	for _, p := range slices.Clone(a.pairs) {
		s.dropPair(p)
	}
}

// deauthorize forgets that the user ever allowed the application anything.
func (s *state) deauthorize(user string, now time.Time) {
	s.endTokens(user, now)
	s.accounts[user].granted = nil
	for id, c := range s.codes {
		if c.user == user {
			s.dropCode(id)
		}
	}
}

// byAccess and byRefresh return the pair of a token, of an earlier process too.
func (s *state) byAccess(token string, now time.Time) *pair {
	if s.access[token] == nil {
		s.adopt(kindAccess, token, now)
	}
	return s.access[token]
}

func (s *state) byRefresh(token string, now time.Time) *pair {
	if s.refresh[token] == nil {
		s.adopt(kindRefresh, token, now)
	}
	return s.refresh[token]
}

// alive returns the pair of a live access token.
func (s *state) alive(access string, now time.Time) *pair {
	p := s.byAccess(access, now)
	if p == nil || !now.Before(p.expires) {
		return nil
	}
	return p
}

// random returns n random bytes as text.
func random(n int) string {
	return base64.RawURLEncoding.EncodeToString(randomBytes(n))
}

func randomBytes(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: crypto/rand
	return b
}

// union keeps the order of Discord's answers: as first granted.
func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, s := range b {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func subset(a, b []string) bool {
	for _, s := range a {
		if !slices.Contains(b, s) {
			return false
		}
	}
	return true
}
