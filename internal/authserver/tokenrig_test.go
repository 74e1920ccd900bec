package authserver_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

// changed applies pairs of name and value to a form; "-" removes one.
func changed(form url.Values, changes []string) url.Values {
	for i := 0; i+1 < len(changes); i += 2 {
		if changes[i+1] == "-" {
			form.Del(changes[i])
			continue
		}
		form.Set(changes[i], changes[i+1])
	}
	return form
}

// redeem redeems a code as its client would, with changes.
func (r *rig) redeem(clientID, code string, changes ...string) *answer {
	r.t.Helper()
	return r.browser().post("/token", changed(url.Values{
		"grant_type":    {"authorization_code"},
		"client_id":     {clientID},
		"code":          {code},
		"redirect_uri":  {clientURIAt},
		"code_verifier": {verifier},
		"resource":      {r.base + "/mcp"},
	}, changes))
}

// refresh refreshes as the client would, with changes.
func (r *rig) refresh(clientID, token string, changes ...string) *answer {
	r.t.Helper()
	return r.browser().post("/token", changed(url.Values{
		"grant_type":    {"refresh_token"},
		"client_id":     {clientID},
		"refresh_token": {token},
	}, changes))
}

// revoke revokes a token as the client would.
func (r *rig) revoke(clientID, token string) *answer {
	r.t.Helper()
	return r.browser().post("/revoke", url.Values{"client_id": {clientID}, "token": {token}})
}

// session is what a client has after a sign-in.
type session struct {
	*rig
	client, access, refresh string
	scope                   string
}

// login signs nelly in from a client and redeems the code.
func (r *rig) login(clientID string, changes ...string) *session {
	r.t.Helper()
	s := &session{rig: r, client: clientID}
	redirectURI := authorizeQuery(clientID, changes...).Get("redirect_uri")
	s.take(r.redeem(clientID, r.browser().code(clientID, changes...), "redirect_uri", redirectURI))
	return s
}

// take keeps the tokens of an answer.
func (s *session) take(a *answer) *answer {
	s.t.Helper()
	if a.Status != http.StatusOK {
		s.t.Fatalf("token: %d %s", a.Status, a.Body)
	}
	v := a.JSON(s.t)
	s.access, _ = v["access_token"].(string)
	s.refresh, _ = v["refresh_token"].(string)
	s.scope, _ = v["scope"].(string)
	return a
}

// renew refreshes with the session's refresh token.
func (s *session) renew(changes ...string) *answer {
	s.t.Helper()
	return s.rig.refresh(s.client, s.refresh, changes...)
}

// uses verifies an access token, which also says that it has arrived.
func (r *rig) uses(access string) *authserver.Identity {
	r.t.Helper()
	id, err := r.server.Verify(r.t.Context(), access)
	if err != nil {
		r.t.Fatalf("verify: %v", err)
	}
	return id
}

// dead fails unless the access token is refused.
func (r *rig) dead(access string) {
	r.t.Helper()
	if id, err := r.server.Verify(r.t.Context(), access); !errors.Is(err, authserver.ErrInvalidToken) {
		r.t.Fatalf("verify: %v, %v; want ErrInvalidToken", id, err)
	}
}

// is fails unless the answer is an error of the token endpoint.
func (a *answer) is(t *testing.T, status int, code string) {
	t.Helper()
	if a.Status != status {
		t.Fatalf("status %d %s, want %d %s", a.Status, a.Body, status, code)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control is %q", a.Header.Get("Cache-Control"))
	}
	if got, _ := a.JSON(t)["error"].(string); got != code {
		t.Errorf("error %q (%s), want %q", got, a.Body, code)
	}
}

// claims decodes a token's claims without checking anything.
func claims(t *testing.T, access string) map[string]any {
	t.Helper()
	parts := strings.Split(access, ".")
	if len(parts) != 3 {
		t.Fatalf("no JWT: %q", access)
	}
	var v map[string]any
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(raw, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func grantID(t *testing.T, access string) string {
	t.Helper()
	id, _ := claims(t, access)["grant_id"].(string)
	return id
}

// record reads a record of the store, nil if there is none.
func record[T any](r *rig, kind authserver.Kind, id string) *T {
	r.t.Helper()
	rec, err := r.store.Store.Get(r.t.Context(), kind, id)
	if errors.Is(err, authserver.ErrNotFound) {
		return nil
	}
	v := new(T)
	if err == nil {
		err = json.Unmarshal(rec.Value, v)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	return v
}

// change edits a record of the store behind the server's back.
func change[T any](r *rig, kind authserver.Kind, id string, edit func(*T)) {
	r.t.Helper()
	err := r.store.Store.Update(r.t.Context(), kind, id, func(old *authserver.Record) (*authserver.Record, error) {
		v := new(T)
		if old == nil {
			old = &authserver.Record{}
		} else if err := json.Unmarshal(old.Value, v); err != nil {
			return nil, err
		}
		edit(v)
		value, err := json.Marshal(v)
		return &authserver.Record{Value: value, Expires: old.Expires}, err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// refreshes counts the refreshes that the emulator was asked for.
func (r *rig) refreshes() int {
	return r.emu.Counters()[emulator.EndpointToken].Grants["refresh_token"]
}

// fault makes the emulator fail.
func (r *rig) fault(f emulator.Fault) {
	r.t.Helper()
	if err := r.emu.Fault(f); err != nil {
		r.t.Fatal(err)
	}
}

// at runs n requests at once and returns their answers.
func at(n int, request func(i int) *answer) []*answer {
	answers := make([]*answer, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { answers[i] = request(i) })
	}
	wg.Wait()
	return answers
}

// statuses counts the answers by status.
func statuses(answers []*answer) map[int]int {
	n := map[int]int{}
	for _, a := range answers {
		n[a.Status]++
	}
	return n
}

// tokensOf are the different values of one member of the answers.
func tokensOf(t *testing.T, answers []*answer, name string) []string {
	t.Helper()
	var all []string
	for _, a := range answers {
		v, _ := a.JSON(t)[name].(string)
		all = append(all, v)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// failingStore fails from its nth write on, until it is mended; and its feed of
// changes can be cut.
type failingStore struct {
	authserver.Store
	left atomic.Int64 // writes that work; below 0 they all do
	lost chan struct{}
}

func failing(cfg *authserver.Config) *failingStore {
	f := &failingStore{Store: cfg.Store, lost: make(chan struct{})}
	f.left.Store(-1)
	cfg.Store = f
	return f
}

// after makes every write after the next n fail; -1 mends the store.
func (f *failingStore) after(n int64) { f.left.Store(n) }

func (f *failingStore) fails() bool {
	for {
		left := f.left.Load()
		if left < 0 {
			return false
		}
		if left == 0 {
			return true
		}
		if f.left.CompareAndSwap(left, left-1) {
			return false
		}
	}
}

// Create implements authserver.Store.
func (f *failingStore) Create(ctx context.Context, kind authserver.Kind, id string, rec authserver.Record) error {
	if f.fails() {
		return errDown
	}
	return f.Store.Create(ctx, kind, id, rec)
}

// Update implements authserver.Store.
func (f *failingStore) Update(ctx context.Context, kind authserver.Kind, id string, fn func(*authserver.Record) (*authserver.Record, error)) error {
	if f.fails() {
		return errDown
	}
	return f.Store.Update(ctx, kind, id, fn)
}

// Watch implements authserver.Store.
func (f *failingStore) Watch(ctx context.Context, ready func(), changed func(authserver.Kind, string)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- f.Store.Watch(ctx, ready, changed) }()
	select {
	case err := <-done:
		return err
	case <-f.lost:
		cancel()
		<-done
		return errDown
	}
}

// soon polls until a condition holds.
func soon(t testing.TB, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("not in time: %s", what)
		case <-tick.C:
		}
	}
}

// discordClient is a client of a rig's Discord with another secret or timeout.
func discordClient(t *testing.T, cfg *authserver.Config, secret discord.Secret, timeout time.Duration) *discord.Client {
	t.Helper()
	client, err := discord.New(discord.Config{
		URL:          cfg.DiscordURL,
		ClientID:     emulator.DefaultClientID,
		ClientSecret: secret,
		RedirectURI:  cfg.BaseURL + "/auth/callback",
		Timeout:      timeout,
		Now:          cfg.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// clientThrough is a client of a rig's Discord over a transport of a test's.
func clientThrough(t *testing.T, cfg *authserver.Config, transport http.RoundTripper) *discord.Client {
	t.Helper()
	client, err := discord.New(discord.Config{
		URL:          cfg.DiscordURL,
		ClientID:     emulator.DefaultClientID,
		ClientSecret: emulator.DefaultClientSecret,
		RedirectURI:  cfg.BaseURL + "/auth/callback",
		Transport:    transport,
		Now:          cfg.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// quick is a change to a server that does not wait for Discord for long.
func quick(t *testing.T) func(*authserver.Config) {
	return func(cfg *authserver.Config) {
		cfg.Discord = discordClient(t, cfg, emulator.DefaultClientSecret, 300*time.Millisecond)
	}
}
