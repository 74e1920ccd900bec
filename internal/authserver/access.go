package authserver

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
)

// ErrNotAllowed means that an access token is good, and its user is not one
// that [Access] lets in, or not any more: signing in again is no help. The
// *Error around it has the words for the caller.
var ErrNotAllowed = errors.New("the account is not let in")

// Bounds of [Access].
const (
	maxAccessUsers  = 10_000
	maxAccessGuilds = 8 // each is a call to Discord for every user and check
	maxAccessRoles  = 250

	scopeMembers = "guilds.members.read"
)

// Access says who may come in. One of Users always may. Everybody else has to
// be a member of one of Guilds, where there are any, and to have one of Roles,
// where there are any. Users alone let nobody else in; the zero value lets
// everybody in.
type Access struct {
	Users  []string // Discord's ids
	Guilds []string
	Roles  []GuildRole
}

// GuildRole is a role in a guild, by their ids.
type GuildRole struct{ Guild, Role string }

// Check says what is wrong with an id, or with how many there are.
func (a Access) Check() error {
	for _, list := range [][]string{a.Users, a.Guilds} {
		for _, id := range list {
			if !discord.IsSnowflake(id) {
				return fmt.Errorf("%q is no id of Discord's, which is a number like 80351110224678912", id)
			}
		}
	}
	for _, r := range a.Roles {
		switch {
		case !discord.IsSnowflake(r.Guild) || !discord.IsSnowflake(r.Role):
			return fmt.Errorf("%q is no role, which is two ids of Discord's like 197038439483310086:197039439483310001", r.Guild+":"+r.Role)
		case r.Guild == r.Role:
			return fmt.Errorf("%s is the role of everybody in that server: allow the server itself", r.Role)
		}
	}
	switch {
	case len(a.Users) > maxAccessUsers:
		return fmt.Errorf("more than %d users are allowed", maxAccessUsers)
	case len(a.guilds()) > maxAccessGuilds:
		return fmt.Errorf("more than %d Discord servers are to be asked for", maxAccessGuilds)
	case len(a.Roles) > maxAccessRoles:
		return fmt.Errorf("more than %d roles are required", maxAccessRoles)
	}
	return nil
}

// guilds are those that have to be asked for, the ones with a role first: they
// may answer both questions.
func (a Access) guilds() []string {
	var all []string
	for _, r := range a.Roles {
		all = append(all, r.Guild)
	}
	var guilds []string
	for _, id := range append(all, a.Guilds...) {
		if !slices.Contains(guilds, id) {
			guilds = append(guilds, id)
		}
	}
	return guilds
}

// accessRule is an [Access] that is easy to ask.
type accessRule struct {
	users  map[string]struct{}
	access Access
	guilds []string // to ask Discord for, in this order
	id     string   // of guilds and roles: answers to another rule say nothing
}

func newAccessRule(a Access) accessRule {
	r := accessRule{users: make(map[string]struct{}, len(a.Users)), access: a, guilds: a.guilds()}
	for _, id := range a.Users {
		r.users[id] = struct{}{}
	}
	text := slices.Clone(a.Guilds)
	for _, role := range a.Roles {
		text = append(text, role.Guild+":"+role.Role)
	}
	slices.Sort(text)
	sum := sha256.Sum256([]byte(strings.Join(slices.Compact(text), " ")))
	r.id = base64.RawURLEncoding.EncodeToString(sum[:9])
	return r
}

// open says that everybody may come in.
func (r *accessRule) open() bool { return len(r.users) == 0 && len(r.guilds) == 0 }

// checks is the rule on the consent page; nil where Discord is not asked.
func (r *accessRule) checks() *scopeText {
	if !r.asks() {
		return nil
	}
	text := &scopeText{Name: scopeMembers, Title: "Check that you are a member of a certain Discord server"}
	text.Detail = "Now, and now and then while you use it. The app does not see it."
	if len(r.access.Roles) > 0 {
		text.Title += " and have a certain role there"
	}
	return text
}

// asks says that Discord has to be asked about whoever is not listed.
func (r *accessRule) asks() bool { return len(r.guilds) > 0 }

func (r *accessRule) listed(userID string) bool {
	_, ok := r.users[userID]
	return ok
}

// scopes are what Discord has to grant beside a request's own scopes. They are
// this server's business and no part of any grant of ours.
func (r *accessRule) scopes() []string {
	if r.asks() {
		return []string{scopeMembers}
	}
	return nil
}

// Why somebody is not let in. The words are kept in records.
const (
	reasonNotListed = "not listed"
	reasonNoMember  = "no member"
	reasonScreening = "in screening"
	reasonNoRole    = "role missing"
)

// judge finds out whether a user may come in, "" or the reason why not. ask is
// called for as few guilds as it takes; what it does not know matters only
// where it would decide.
func (r *accessRule) judge(ask func(guild string) (*discord.Member, error)) (reason string, err error) {
	member, role := len(r.access.Guilds) == 0, len(r.access.Roles) == 0
	var screening, maybeMember, maybeRole bool
	for _, guild := range r.guilds {
		allows := slices.Contains(r.access.Guilds, guild)
		gives := slices.ContainsFunc(r.access.Roles, func(gr GuildRole) bool { return gr.Guild == guild })
		if (member || !allows) && (role || !gives) {
			continue
		}
		m, askErr := ask(guild)
		switch {
		case errors.Is(askErr, discord.ErrNotMember):
		case askErr != nil:
			err = askErr
			maybeMember, maybeRole = maybeMember || allows, maybeRole || gives
		case m.Pending: // not a member yet
			screening = true
		default:
			member = member || allows
			role = role || slices.ContainsFunc(r.access.Roles, func(gr GuildRole) bool {
				return gr.Guild == guild && slices.Contains(m.Roles, gr.Role)
			})
		}
	}
	switch {
	case member && role:
		return "", nil
	case (member || maybeMember) && (role || maybeRole):
		return "", err
	case screening:
		return reasonScreening, nil
	case !member:
		return reasonNoMember, nil
	}
	return reasonNoRole, nil
}

// notAllowed is the answer to a good token of a user who may not come in.
func notAllowed(reason string) error {
	if e, ok := refusals[reason]; ok {
		return e
	}
	return refusals[reasonNoMember]
}

var refusals = map[string]error{
	reasonNotListed: refusalError("this server lets in only the Discord accounts that its operator has listed"),
	reasonNoMember:  refusalError("this server lets in only members of a certain Discord server"),
	reasonScreening: refusalError("this Discord account has still to pass the membership screening of a Discord server"),
	reasonNoRole:    refusalError("this Discord account lacks the role that this server requires"),
}

func refusalError(description string) error {
	return &Error{Status: http.StatusForbidden, Code: "access_denied", Description: description, Err: ErrNotAllowed}
}

// refusal is a sign-in of somebody who may not come in: its page says who that
// was, its client is told less.
type refusal struct {
	user   User
	reason string
}

func (r *refusal) Error() string { return "not let in: " + r.reason }

func (r *refusal) Unwrap() error {
	return &Error{Status: http.StatusForbidden, Code: "access_denied", Description: "this server does not let in that Discord account", Err: ErrNotAllowed}
}

// letInNew says whether somebody who signs in may come in: a *refusal where
// not. Whatever it is, everything else of that user goes by it from now on.
func (s *Server) letInNew(ctx context.Context, user User, tok *discord.Token, granted []string) error {
	r := &s.access.rule
	switch {
	case r.open(), r.listed(user.ID):
		return nil
	case !r.asks():
		return &refusal{user, reasonNotListed}
	case !covers(granted, r.scopes()):
		return errForbidden("a scope that this server requires was not granted at Discord", nil)
	}
	asked := s.now()
	reason, err := s.askMember(ctx, user.ID, tok.AccessToken)
	if err != nil {
		return err
	}
	s.keepAccess(ctx, &accessState{UserID: user.ID, Reason: reason, CheckedAt: asked})
	if reason != "" {
		return &refusal{user, reason}
	}
	return nil
}

// askMember asks Discord with a token of the user's.
func (s *Server) askMember(ctx context.Context, userID string, token discord.Secret) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, discordTimeout)
	defer cancel()
	return s.access.rule.judge(func(guild string) (*discord.Member, error) {
		m, err := s.cfg.Discord.GuildMember(ctx, token, guild)
		if err == nil && m.UserID != userID {
			return nil, errors.New("another user named by Discord")
		}
		return m, err
	})
}

// described is a user in words for the user.
func (u User) described() string {
	name := cleanName(u.Username)
	if global := cleanName(u.GlobalName); global != "" {
		return global + " (" + name + ")"
	}
	return name
}
