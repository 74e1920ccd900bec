package authserver_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

func TestSignIn(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*authserver.Config){"public": public, "loopback": func(*authserver.Config) {}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, change)
			a := r.browser().signIn(r.register("App", clientURI+"?x=%20+a"), "redirect_uri", clientURIAt+"?x=%20+a", "scope", "email")
			if a.Status != http.StatusSeeOther || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Referrer-Policy") != "no-referrer" {
				t.Fatalf("%d %v", a.Status, a.Header)
			}
			if !strings.HasPrefix(a.Location.String(), clientURIAt+"?x=%20+a&") {
				t.Errorf("redirect to %v", a.Location)
			}
			if code := a.Query("code"); !strings.HasPrefix(code, "mcpd_code_") || len(code) != len("mcpd_code_")+64 {
				t.Errorf("code is %q", code)
			}
			if a.Query("state") != clientState || a.Query("iss") != r.base || len(a.Location.Query()["iss"]) != 1 {
				t.Errorf("redirect to %v", a.Location)
			}
			if strings.Contains(r.log.String(), a.Query("code")) {
				t.Error("the code is in the log")
			}
		})
	}
}

func TestSignInWithoutState(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.browser().signIn(r.register("App"), "state", "-")
	if a.Query("code") == "" || a.Location.Query().Has("state") {
		t.Errorf("redirect to %v", a.Location)
	}
}

func TestAttack01CapturedDiscordURL(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	attacker, victim := r.browser(), r.browser()
	id := r.register("Evil")
	captured := attacker.approve(id)
	victim.authorize(id) // has a browser cookie, and even a sign-in of its own
	victim.approve(id)
	callback := victim.atDiscord(captured, nelly).String()
	before := r.emu.Counters().Calls()
	victim.get(callback).isPage(t, http.StatusForbidden)
	r.browser().get(callback).isPage(t, http.StatusForbidden)
	if n := r.emu.Counters().Calls() - before; n != 0 {
		t.Errorf("%d calls to Discord", n)
	}
	if n := r.store.count(t, authserver.KindCode); n != 0 {
		t.Errorf("%d codes", n)
	}
}

// After the state cookie every failure reaches the client.
func TestCallbackFailuresReachTheClient(t *testing.T) {
	t.Parallel()
	fault := func(f emulator.Fault) func(*testing.T, *rig, *url.URL) {
		return func(t *testing.T, r *rig, _ *url.URL) {
			t.Helper()
			if err := r.emu.Fault(f); err != nil {
				t.Fatal(err)
			}
		}
	}
	query := func(name, value string) func(*testing.T, *rig, *url.URL) {
		return func(_ *testing.T, _ *rig, callback *url.URL) {
			q := callback.Query()
			q.Del("code")
			q.Set(name, value)
			callback.RawQuery = q.Encode()
		}
	}
	tests := map[string]struct {
		prepare func(*testing.T, *rig, *url.URL)
		code    string
	}{
		"denied at Discord":    {query("error", "access_denied"), "access_denied"},
		"Discord is away":      {query("error", "temporarily_unavailable"), "temporarily_unavailable"},
		"Discord's error":      {query("error", "<script>"), "server_error"},
		"no code":              {query("x", "x"), "server_error"},
		"garbage code":         {query("code", "garbage"), "access_denied"},
		"token endpoint: 503":  {fault(emulator.Fault{Endpoint: emulator.EndpointToken, Kind: emulator.FaultError, Status: 503}), "temporarily_unavailable"},
		"token endpoint: 429":  {fault(emulator.Fault{Endpoint: emulator.EndpointToken, Kind: emulator.FaultRateLimit}), "temporarily_unavailable"},
		"authorization: 500":   {fault(emulator.Fault{Endpoint: emulator.EndpointAuthorization, Kind: emulator.FaultHTML}), "temporarily_unavailable"},
		"store down":           {func(_ *testing.T, r *rig, _ *url.URL) { r.store.failWrites.Store(2) }, "temporarily_unavailable"},
		"another application":  {func(*testing.T, *rig, *url.URL) {}, "server_error"},
		"required not granted": {func(*testing.T, *rig, *url.URL) {}, "access_denied"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, func(cfg *authserver.Config) {
				switch name {
				case "another application":
					cfg.ApplicationID = "1"
				case "required not granted":
					cfg.Scopes = []string{"identify", "guilds"}
				}
			})
			b := r.browser()
			atDiscord := b.approve(r.register("App", "https://app.example/cb"), "redirect_uri", "https://app.example/cb")
			if name == "required not granted" { // the user changes Discord's URL
				q := atDiscord.Query()
				q.Set("scope", "identify")
				atDiscord.RawQuery = q.Encode()
			}
			callback := b.atDiscord(atDiscord, nelly)
			test.prepare(t, r, callback)
			a := b.get(callback.String())
			a.isError(t, loopbackBase, test.code)
			if strings.Contains(a.Query("error_description"), "script") || a.Location.Host != "app.example" {
				t.Errorf("redirect to %v", a.Location)
			}
			if n := r.store.count(t, authserver.KindCode); n != 0 {
				t.Errorf("%d codes", n)
			}
			b.get(callback.String()).isPage(t, http.StatusForbidden) // it was used
		})
	}
}

func TestCallbackDeniedAtDiscord(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	b.get(b.atDiscord(b.approve(r.register("App")), "").String()).isError(t, loopbackBase, "access_denied")
	if n := r.emu.Counters().Calls(); n != 0 {
		t.Errorf("%d calls to Discord", n)
	}
}

func TestCallbackTooLate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	callback := b.atDiscord(b.approve(r.register("App")), nelly).String()
	r.clock.Add(11 * time.Minute)
	a := b.get(callback)
	a.isPage(t, http.StatusBadRequest)
	if !strings.Contains(a.Body, "too long") {
		t.Errorf("page: %s", a.Body)
	}
}

// Before the record is read nobody knows the client: a broken store is a page,
// and the sign-in can go on when it works again.
func TestCallbackStoreDown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	callback := b.atDiscord(b.approve(r.register("App")), nelly).String()
	r.store.down.Store(true)
	b.get(callback).isPage(t, http.StatusServiceUnavailable)
	r.mend()
	if a := b.get(callback); a.Query("code") == "" {
		t.Errorf("then: %d %v", a.Status, a.Location)
	}
}

// A wrong Discord secret is no fault of the client's, and an alarm for us.
func TestCallbackInvalidClient(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *authserver.Config) {
		client, err := discord.New(discord.Config{URL: cfg.DiscordURL, ClientID: emulator.DefaultClientID, ClientSecret: "wrong", RedirectURI: loopbackBase + "/auth/callback"})
		if err != nil {
			t.Fatal(err)
		}
		cfg.Discord = client
	})
	r.browser().signIn(r.register("App")).isError(t, loopbackBase, "temporarily_unavailable")
	if log := r.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "invalid client") || strings.Contains(log, "wrong") {
		t.Errorf("log: %s", log)
	}
}

func TestAttack28BystanderSignsIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App")
	bystander := r.browser()
	bystander.code(id)
	b := r.browser()
	before := r.emu.Counters().Calls()
	slowed := 0
	for range 1000 {
		a := b.decide(b.authorize(id).sealed(t), "approve")
		if a.Location == nil {
			a.isPage(t, http.StatusTooManyRequests)
			slowed++
			continue
		}
		b.get("/auth/callback?code=garbage&state="+a.Query("state")).isError(t, loopbackBase, "access_denied")
	}
	if n := r.emu.Counters().Calls() - before; n > 30 {
		t.Errorf("%d calls to Discord for one browser's garbage", n)
	}
	if n := r.store.count(t, authserver.KindAuthorization); n > 40 {
		t.Errorf("%d records of one browser's approvals", n)
	}
	if slowed < 900 {
		t.Errorf("%d of 1000 approvals were refused", slowed)
	}
	if code := bystander.code(id); code == "" {
		t.Error("a bystander cannot sign in")
	}
	r.clock.Add(11 * time.Minute)
	if code := b.code(id); code == "" {
		t.Error("the browser itself cannot sign in later")
	}
}

// TestConsentFlood: a stranger with a new browser for each approval fills
// neither the store nor Discord's budget.
func TestConsentFlood(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App")
	for range 15_000 {
		if _, err := r.store.Incr(t.Context(), "answers", 10*time.Minute); err != nil {
			t.Fatal(err)
		}
	}
	b := r.browser()
	a := b.decide(b.authorize(id).sealed(t), "approve")
	a.isPage(t, http.StatusServiceUnavailable)
	if a.Header.Get("Retry-After") == "" || r.store.count(t, authserver.KindAuthorization) != 0 {
		t.Errorf("Retry-After %q, %d records", a.Header.Get("Retry-After"), r.store.count(t, authserver.KindAuthorization))
	}
	r.clock.Add(11 * time.Minute)
	b.code(id)
}

// The code holds what was asked for and granted, and of the user what those
// scopes tell.
func TestCodeRecord(t *testing.T) {
	t.Parallel()
	tests := map[string][]string{"email": {"email", "identify"}, "guilds": {"guilds", "identify"}, "-": {"identify"}}
	for scope, want := range tests {
		t.Run(scope, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			b := r.browser()
			atDiscord := b.approve(r.register("App"), "scope", scope)
			query := atDiscord.Query()
			query.Set("scope", "identify email guilds") // Discord grants more than was asked for
			atDiscord.RawQuery = query.Encode()
			code := b.get(b.atDiscord(atDiscord, nelly).String()).Query("code")
			id := challenge(code) // the same hash
			rec, err := r.store.Get(t.Context(), authserver.KindCode, id)
			if err != nil {
				t.Fatal(err)
			}
			var got authserver.AuthorizationCode
			if err := json.Unmarshal(rec.Value, &got); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got.Scopes); diff != "" {
				t.Errorf("scopes (-want +got):\n%s", diff)
			}
			if got.User.ID != nelly || got.User.Username != "nelly" || (got.User.Email == "nelly@example.com") != (scope == "email") {
				t.Errorf("user %+v", got.User)
			}
			if strings.Contains(string(rec.Value), code) {
				t.Error("the record holds the code")
			}
		})
	}
}

// A browser that gives up while we talk to Discord loses its page, not
// Discord's tokens.
func TestCallbackBrowserGone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	callback := b.atDiscord(b.approve(r.register("App")), nelly)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r.store.afterUpdate = func(kind authserver.Kind) {
		if kind == authserver.KindAuthorization {
			cancel()
		}
	}
	req := httptest.NewRequestWithContext(ctx, http.MethodGet, callback.String(), nil)
	for _, c := range b.client.Jar.Cookies(callback) {
		req.AddCookie(c)
	}
	r.mux.ServeHTTP(httptest.NewRecorder(), req)
	if ctx.Err() == nil {
		t.Fatal("the browser was not gone")
	}
	if n := r.store.count(t, authserver.KindCode); n != 1 {
		t.Errorf("%d codes, want 1", n)
	}
}
