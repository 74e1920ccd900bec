//go:build redis && linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"
)

// chaosUser is a user of Discord with one client, which obeys the protocol, and
// a network that does not.
type chaosUser struct {
	fleet   *fleet
	tally   *tally
	id      string
	address string // as the balancer tells it
	rng     *rand.Rand
	node    string // the node to talk to; "": the next

	clientID, verifier, code string
	access, refresh          string
	signIns                  int
}

// tally counts what all users met.
type tally struct {
	mu       sync.Mutex
	counts   map[string]int
	problems []string
}

func newTally() *tally { return &tally{counts: map[string]int{}} }

func (c *tally) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts[what]++
}

func (c *tally) count(what string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts[what]
}

// problem writes down what must never happen.
func (c *tally) problem(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.problems) < 20 {
		c.problems = append(c.problems, time.Now().Format("15:04:05.000 ")+fmt.Sprintf(format, args...))
	}
}

func (f *fleet) user(i int, seed uint64, c *tally) *chaosUser {
	return &chaosUser{
		fleet: f, tally: c, id: crowd(i + 1)[i].ID, address: fmt.Sprintf("198.51.%d.%d", 100+i/250, 1+i%250),
		rng: rand.New(rand.NewPCG(seed, uint64(i))),
	}
}

// at is the same user who talks to one node.
func (u *chaosUser) at(node int) *chaosUser {
	one := *u
	one.node = strconv.Itoa(node)
	return &one
}

// RoundTrip makes the user's address known as the balancer would.
func (u *chaosUser) RoundTrip(r *http.Request) (*http.Response, error) {
	if strings.HasPrefix(r.URL.String(), u.fleet.base) {
		r = r.Clone(r.Context())
		r.Header.Set("X-Forwarded-For", u.address)
		if u.node != "" {
			r.Header.Set(nodeHeader, u.node)
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

// reply is an answer that was read; status 0 is none, and 502 the balancer's.
type reply struct {
	status int
	header http.Header
	body   []byte // why, where there is none
}

func (r reply) lost() bool { return r.status == 0 || r.status == http.StatusBadGateway }

// later says whether the server asks to come again, as it has to: with a time.
func (u *chaosUser) later(what string, r reply) bool {
	if r.status != http.StatusServiceUnavailable && r.status != http.StatusTooManyRequests {
		return false
	}
	u.tally.add(fmt.Sprintf("%s %d", what, r.status))
	if r.header.Get("Retry-After") == "" {
		u.tally.problem("user %s, %s: %d without Retry-After: %s", u.id, what, r.status, r.body)
	}
	return true
}

func (u *chaosUser) send(ctx context.Context, path, contentType string, body []byte, header ...string) reply {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, u.fleet.base+path, bytes.NewReader(body))
	if err != nil {
		return reply{}
	}
	r.Header.Set("Content-Type", contentType)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := u.RoundTrip(r)
	if err != nil {
		return reply{body: []byte(err.Error())}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return reply{body: []byte(err.Error())}
	}
	return reply{response.StatusCode, response.Header, text}
}

func (u *chaosUser) form(ctx context.Context, path string, values url.Values) reply {
	values.Set("client_id", u.clientID)
	return u.send(ctx, path, "application/x-www-form-urlencoded", []byte(values.Encode()))
}

// call asks the tool who the user is.
func (u *chaosUser) call(ctx context.Context) reply {
	r := u.send(ctx, "/mcp", "application/json",
		[]byte(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_user_info","arguments":{}}}`),
		"Authorization", "Bearer "+u.access, "Accept", "application/json, text/event-stream", "Mcp-Protocol-Version", "2025-11-25")
	if r.status == http.StatusOK && !bytes.Contains(r.body, []byte(u.id)) {
		u.tally.problem("user %s is told to be another: %s", u.id, r.body)
	}
	return r
}

// exchange shows the refresh token once; a good answer is not taken.
func (u *chaosUser) exchange(ctx context.Context) reply {
	return u.form(ctx, "/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {u.refresh}})
}

// redeem shows the code once.
func (u *chaosUser) redeem(ctx context.Context) reply {
	return u.form(ctx, "/token", url.Values{
		"grant_type": {"authorization_code"}, "code": {u.code}, "code_verifier": {u.verifier}, "redirect_uri": {oauthRedirect},
	})
}

// take takes the tokens of an answer.
func (u *chaosUser) take(r reply) {
	var tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}
	if json.Unmarshal(r.body, &tokens) != nil || tokens.Access == "" || tokens.Refresh == "" {
		u.tally.problem("user %s got no tokens: %s", u.id, r.body)
		return
	}
	u.access, u.refresh = tokens.Access, tokens.Refresh
}

// walk lets the user approve everything in a browser; it returns the address
// that has the prefix, unvisited. seen is told of each address before it.
func (u *chaosUser) walk(ctx context.Context, prefix string) (stopped *url.URL, browser *person, err error) {
	u.verifier = oauth2.GenerateVerifier()
	address := u.fleet.base + "/authorize?" + url.Values{
		"response_type": {"code"}, "client_id": {u.clientID}, "redirect_uri": {oauthRedirect}, "state": {"s"},
		"code_challenge": {oauth2.S256ChallengeFromVerifier(u.verifier)}, "code_challenge_method": {"S256"}, "resource": {u.fleet.base + "/mcp"},
	}.Encode()
	browser = newPerson(false, u.id, u)
	browser.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		if r.URL.Path == "/auth/callback" {
			u.fleet.discord.name(r.URL, u.id)
		}
		if strings.HasPrefix(r.URL.String(), prefix) {
			stopped = r.URL
			return errStopped
		}
		return nil
	}
	if err := browser.visit(ctx, address); !errors.Is(err, errStopped) {
		return nil, nil, fmt.Errorf("the walk ended elsewhere: %w", err)
	}
	return stopped, browser, nil
}

// register makes the user's client known, once.
func (u *chaosUser) register(ctx context.Context) error {
	if u.clientID != "" {
		return nil
	}
	r := u.send(ctx, "/register", "application/json", []byte(`{"client_name":"chaos","redirect_uris":["`+oauthRedirect+`"]}`))
	var client struct {
		ID string `json:"client_id"`
	}
	if r.status != http.StatusCreated || json.Unmarshal(r.body, &client) != nil {
		return fmt.Errorf("registering: %d", r.status)
	}
	u.clientID = client.ID
	return nil
}

// signIn signs in, once; the code is redeemed twice at the same time.
func (u *chaosUser) signIn(ctx context.Context) error {
	if err := u.register(ctx); err != nil {
		return err
	}
	back, _, err := u.walk(ctx, oauthRedirect)
	if err != nil {
		return err
	}
	if u.code = back.Query().Get("code"); u.code == "" {
		return fmt.Errorf("the client got %q", back.Query().Get("error"))
	}
	replies := twice(func() reply { return u.redeem(ctx) })
	good := 0
	for _, r := range replies {
		if r.status == http.StatusOK {
			good++
			u.take(r)
		} else if !r.lost() && !u.later("code", r) && r.status != http.StatusBadRequest {
			u.tally.problem("user %s redeems: %d %s", u.id, r.status, r.body)
		}
	}
	switch good {
	case 0:
		return fmt.Errorf("redeeming: %d and %d", replies[0].status, replies[1].status)
	case 2:
		u.tally.problem("user %s redeemed one code twice", u.id)
	}
	u.tally.add("code redeemed once of twice")
	u.signIns++
	return nil
}

// twice does something twice at the same time.
func twice(do func() reply) (replies [2]reply) {
	var wg sync.WaitGroup
	for i := range replies {
		wg.Go(func() { replies[i] = do() })
	}
	wg.Wait()
	return replies
}

// arrive signs in, and again while that fails.
func (u *chaosUser) arrive(ctx context.Context) bool {
	for ctx.Err() == nil {
		err := u.signIn(ctx)
		if err == nil {
			u.tally.add("sign-in")
			return true
		}
		u.tally.add("sign-in failed")
		if !rest(ctx, 300*time.Millisecond) {
			return false
		}
	}
	return false
}

// patience is how long a user comes again when asked to. No fault is as long.
const patience = 60 * time.Second

// renew refreshes as long as it is asked to come again. False is a lost login,
// or the end of ctx.
func (u *chaosUser) renew(ctx context.Context) bool {
	begun := time.Now()
	for ctx.Err() == nil {
		r := u.exchange(ctx)
		switch {
		case r.status == http.StatusOK:
			u.take(r)
			u.tally.add("refresh")
			return true
		case r.lost() || u.later("refresh", r):
		case r.status == http.StatusBadRequest && u.fleet.discord.robbed(u.id):
			u.tally.add("login lost with Discord's answer")
			return u.arrive(ctx)
		default:
			u.tally.problem("user %s lost the login: %d %s", u.id, r.status, r.body)
			return false
		}
		if time.Since(begun) > patience {
			u.tally.problem("user %s waits for a refresh for %v: %d %s", u.id, time.Since(begun), r.status, r.body)
			return false
		}
		after, _ := strconv.Atoi(r.header.Get("Retry-After"))
		rest(ctx, max(200*time.Millisecond, min(time.Duration(after)*time.Second, 2*time.Second)))
	}
	return false
}

// works does what a client does: it calls, and refreshes when told to.
func (u *chaosUser) works(ctx context.Context) bool {
	begun := time.Now()
	for renewed := 0; ctx.Err() == nil; {
		r := u.call(ctx)
		switch {
		case r.status == http.StatusOK:
			u.tally.add("call")
			return true
		case r.status == http.StatusUnauthorized && renewed < 2:
			renewed++
			u.tally.add("call 401")
			if !u.renew(ctx) {
				return false
			}
			continue
		case r.lost() || u.later("call", r):
		default:
			u.tally.problem("user %s calls: %d %s", u.id, r.status, r.body)
			return false
		}
		if time.Since(begun) > patience {
			u.tally.problem("user %s waits for an answer for %v: %d %s", u.id, time.Since(begun), r.status, r.body)
			return false
		}
		rest(ctx, 300*time.Millisecond)
	}
	return false
}

// live is a user's day, until ctx ends or the login is lost.
func (u *chaosUser) live(ctx context.Context) {
	for good := true; good && rest(ctx, time.Duration(500+u.rng.IntN(1500))*time.Millisecond); {
		switch u.rng.IntN(20) {
		case 0: // two processes of one client
			good = u.renewTwice(ctx)
		case 1, 2: // the answer is lost
			u.dropped(ctx, u.exchange)
			good = u.renew(ctx)
		case 3:
			u.dropped(ctx, u.call)
		case 4, 5:
			good = u.renew(ctx)
		default:
			good = u.works(ctx)
		}
	}
}

// dropped gives up on an answer after a moment.
func (u *chaosUser) dropped(ctx context.Context, ask func(context.Context) reply) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(u.rng.IntN(12_000))*time.Microsecond)
	defer cancel()
	if ask(ctx).lost() {
		u.tally.add("answer dropped")
	}
}

// renewTwice refreshes twice at the same time: both get the same successor.
func (u *chaosUser) renewTwice(ctx context.Context) bool {
	replies := twice(func() reply { return u.exchange(ctx) })
	var tokens [2]string
	for i, r := range replies {
		if r.status == http.StatusOK {
			u.take(r)
			tokens[i] = u.refresh
		}
	}
	if tokens[0] != "" && tokens[1] != "" {
		u.tally.add("refresh twice")
		if tokens[0] != tokens[1] {
			u.tally.problem("user %s got two successors of one token", u.id)
		}
	}
	if tokens[0] == "" && tokens[1] == "" {
		return u.renew(ctx)
	}
	return true
}
