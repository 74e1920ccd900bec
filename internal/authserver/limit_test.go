package authserver_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// from makes requests of a browser come from an address.
func (b *browser) from(address string) *browser {
	b.client.Transport = addressed{b.rig, netip.MustParseAddr(address)}
	return b
}

// addressed serves requests as if they came from an address.
type addressed struct {
	*rig
	address netip.Addr
}

// RoundTrip implements http.RoundTripper.
func (a addressed) RoundTrip(req *http.Request) (*http.Response, error) {
	return a.rig.RoundTrip(req.WithContext(authserver.WithClientAddress(req.Context(), a.address)))
}

func limits(l authserver.Limits) func(*authserver.Config) {
	return func(cfg *authserver.Config) { cfg.Limits = l }
}

// tooMany fails unless the answer says when to come again.
func (a *answer) tooMany(t *testing.T) {
	t.Helper()
	seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
	if a.Status != http.StatusTooManyRequests || err != nil || seconds < 1 || seconds > 600 {
		t.Fatalf("%d, Retry-After %q: %s", a.Status, a.Header.Get("Retry-After"), a.Body)
	}
}

// Each endpoint has its limit of one address; another address is not touched
// by it, and the window ends. 0 turns it off.
func TestLimits(t *testing.T) {
	t.Parallel()
	app := map[string]any{"client_name": "App", "redirect_uris": []string{clientURI}}
	for _, test := range []struct {
		name    string
		page    bool
		request func(b *browser, client string) *answer
		status  int
	}{
		{"register", false, func(b *browser, _ string) *answer { return b.postJSON("/register", app) }, http.StatusCreated},
		{"authorize", true, func(b *browser, client string) *answer { return b.authorize(client) }, http.StatusOK},
		{"consent", true, func(b *browser, _ string) *answer { return b.decide("garbage", "approve") }, http.StatusBadRequest},
		{"callback", true, func(b *browser, _ string) *answer { return b.get("/auth/callback?code=x&state=y") }, http.StatusForbidden},
		{"token", false, func(b *browser, client string) *answer {
			return b.post("/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {client}, "code": {"mcpd_code_x"}, "code_verifier": {verifier}})
		}, http.StatusBadRequest},
		{"token", false, func(b *browser, client string) *answer {
			return b.post("/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {client}, "refresh_token": {"mcpd_rt_x"}})
		}, http.StatusBadRequest},
		{"token", false, func(b *browser, client string) *answer {
			return b.post("/revoke", url.Values{"client_id": {client}, "token": {"garbage"}})
		}, http.StatusOK},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			l, err := authserver.ParseLimits([]string{test.name + "=3"})
			if err != nil {
				t.Fatal(err)
			}
			r := newRig(t, limits(l))
			r.clock.Fix() // no window ends by itself
			client := r.register("App")
			refusedAt := func(address string, most int) int {
				for i := range most {
					if a := test.request(r.browser().from(address), client); a.Status != test.status {
						a.tooMany(t)
						if a.Header.Get("Cache-Control") != "no-store" || test.page != strings.HasPrefix(a.Body, "<!") {
							t.Errorf("%v\n%s", a.Header, a.Body)
						}
						return i
					}
				}
				return -1
			}
			for _, address := range []string{"198.51.100.1", "198.51.100.2", "2001:db8::1", "2001:db8:0:1::1"} {
				if n := refusedAt(address, 4); n != 3 {
					t.Errorf("%s is refused after %d requests, want 3", address, n)
				}
			}
			// Another address of the same /64, and IPv4 in IPv6's clothes.
			for _, address := range []string{"2001:db8::ffff:2", "::ffff:198.51.100.1"} {
				if n := refusedAt(address, 1); n != 0 {
					t.Errorf("%s counts anew", address)
				}
			}
			reads := r.store.touched()
			refusedAt("198.51.100.1", 100)
			if n := r.store.touched() - reads; n != 0 {
				t.Errorf("who is over the limit touches the store %d times", n)
			}
			if got := r.server.Stats().Limited[test.name]; got < 4 {
				t.Errorf("%d are counted as refused", got)
			}
			r.clock.Add(10 * time.Minute)
			if n := refusedAt("198.51.100.1", 3); n != -1 {
				t.Error("the window does not end")
			}
			r.cfg.Limits, _ = authserver.ParseLimits([]string{test.name + "=0"})
			r.start()
			if n := refusedAt("198.51.100.9", 50); n != -1 {
				t.Errorf("a limit that is off refuses after %d requests", n)
			}
		})
	}
}

// The answer says when the window ends, whatever the clock is: then all is good
// again.
func TestLimitWindow(t *testing.T) {
	t.Parallel()
	r := newRig(t, limits(authserver.Limits{Authorize: 1}))
	client := r.register("App")
	for i := range 20 {
		b := r.browser().from(fmt.Sprintf("198.51.100.%d", i))
		var a *answer
		for a = b.authorize(client); a.Status == http.StatusOK; a = b.authorize(client) {
		}
		a.tooMany(t)
		seconds, _ := strconv.Atoi(a.Header.Get("Retry-After"))
		wait := time.Duration(seconds) * time.Second
		r.clock.Add(wait)
		b.authorize(client).isPage(t, http.StatusOK)
		r.clock.Add(37 * time.Second)
	}
}

// A stranger behind an address cannot take the tokens away from those who share
// it: what is made up counts, what is ours does not.
func TestLimitSparesTokens(t *testing.T) {
	t.Parallel()
	const shared = "198.51.100.1"
	r := newRig(t, limits(authserver.Limits{Token: 3, Callback: 3}))
	r.clock.Fix()
	client := r.register("App")
	b := r.browser().from(shared)
	s := &session{rig: r, client: client}
	s.take(r.redeem(client, b.code(client)))
	atDiscord := b.approve(client)
	stranger := r.browser().from(shared)
	for _, path := range []string{"/token", "/revoke"} {
		for range 10 {
			stranger.post(path, url.Values{"grant_type": {"refresh_token"}, "client_id": {client}, "refresh_token": {"x"}, "token": {"x"}})
			stranger.get("/auth/callback?code=x&state=y")
		}
	}
	stranger.get("/auth/callback?code=x&state=y").tooMany(t)
	code := b.get(b.atDiscord(atDiscord, nelly).String()).Query("code")
	redeemed := b.post("/token", url.Values{"grant_type": {"authorization_code"}, "client_id": {client}, "code": {code}, "code_verifier": {verifier}})
	other := &session{rig: r, client: client}
	other.take(redeemed)
	for range 10 {
		s.take(b.post("/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {client}, "refresh_token": {s.refresh}}))
	}
	if a := b.post("/revoke", url.Values{"client_id": {client}, "token": {s.refresh}}); a.Status != http.StatusOK {
		t.Errorf("revoke: %d %s", a.Status, a.Body)
	}
	r.dead(s.access)
}

// A code that is not one of ours costs the store nothing, however well it looks.
func TestGarbageCodeReadsNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := r.register("App")
	good := r.browser().code(client)
	touched := r.store.touched()
	for _, code := range []string{
		"mcpd_code_" + strings.Repeat("A", 64), good[:len(good)-1] + "!", strings.Replace(good, good[12:14], "__", 1), good + "A", good[:len(good)-4], "x",
	} {
		r.redeem(client, code).is(t, http.StatusBadRequest, "invalid_grant")
	}
	if n := r.store.touched() - touched; n != 0 {
		t.Errorf("made-up codes touched the store %d times", n)
	}
	if a := r.redeem(client, good); a.Status != http.StatusOK {
		t.Errorf("the code itself: %d %s", a.Status, a.Body)
	}
	// A code outlives a change of the key.
	good = r.browser().code(client)
	r.cfg.SigningKeys = [][]byte{[]byte(strings.Repeat("n", 32)), signingKey()}
	r.start()
	if a := r.redeem(client, good); a.Status != http.StatusOK {
		t.Errorf("after the key changed: %d %s", a.Status, a.Body)
	}
}

// One user's refreshes are bounded, whatever addresses they come from, and a
// refusal costs no sign-in.
func TestLimitRefreshOfAUser(t *testing.T) {
	t.Parallel()
	r := newRig(t, limits(authserver.Limits{Refresh: 20}))
	r.clock.Fix()
	client := r.register("App")
	s := r.login(client)
	// One sign-in has a quarter: an app that somebody regrets to have let in
	// does not take the others away from him.
	for range 5 {
		s.take(s.renew())
	}
	s.renew().tooMany(t)
	s.renew().is(t, http.StatusTooManyRequests, "temporarily_unavailable")
	r.uses(s.access)
	for range 3 {
		other := r.login(client)
		for range 5 {
			other.take(other.renew())
		}
	}
	r.login(client).renew().tooMany(t)
	r.clock.Add(10 * time.Minute)
	s.take(s.renew())
}

// A store that cannot count refuses nobody.
func TestLimitsWithoutStore(t *testing.T) {
	t.Parallel()
	r := newRig(t, limits(authserver.Limits{Callback: 1}))
	r.store.down.Store(true)
	for range 5 {
		r.browser().from("198.51.100.1").get("/auth/callback?code=x&state=y").isPage(t, http.StatusForbidden)
	}
	if n := strings.Count(r.log.String(), "limits are not counted"); n != 1 {
		t.Errorf("%d lines in the log, want 1", n)
	}
}

// No address is in the store.
func TestLimitHidesAddresses(t *testing.T) {
	t.Parallel()
	var keys []string
	r := newRig(t)
	r.store.counted = func(key string) { keys = append(keys, key) }
	r.browser().from("198.51.100.77").code(r.register("App"))
	if all := strings.Join(keys, "\n"); len(keys) < 3 || strings.Contains(all, "198.51") {
		t.Errorf("keys:\n%s", all)
	}
}

func TestParseLimits(t *testing.T) {
	t.Parallel()
	got, err := authserver.ParseLimits([]string{"register=5", " token = 7 ", "consent=0"})
	if diff := cmp.Diff(authserver.Limits{Register: 5, Token: 7, Consent: -1}, got); diff != "" || err != nil {
		t.Error(err, diff)
	}
	for _, bad := range []string{"", "register", "register=", "register=-1", "register=x", "signin=3", "registers=3", "=3"} {
		if _, err := authserver.ParseLimits([]string{bad}); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// One address fills no more than its share of the places for clients, and
// clients that are there stay usable.
func TestAttack21RegistrationFlood(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *authserver.Config) { cfg.MaxClients, cfg.Limits.Register = 400, -1 })
	r.clock.Fix()
	live := r.login(r.register("live"))
	flood := func(address string, n int) (made int) {
		b := r.browser().from(address)
		for i := range n {
			a := b.postJSON("/register", map[string]any{"client_name": address + strconv.Itoa(i), "redirect_uris": []string{clientURI}})
			if a.Status == http.StatusCreated {
				made++
			}
		}
		return made
	}
	if n := flood("198.51.100.1", 1000); n != 25 {
		t.Errorf("one address registered %d clients of 400", n)
	}
	if n := flood("203.0.113.7", 1); n != 1 {
		t.Error("nobody else can register")
	}
	// What was registered before may be registered again, also from there.
	a := r.browser().from("198.51.100.1").postJSON("/register", map[string]any{"client_name": "live", "redirect_uris": []string{clientURI}})
	if a.Status != http.StatusCreated {
		t.Errorf("a known client: %d %s", a.Status, a.Body)
	}
	for i := range 30 { // many addresses: the places are used up, and no more
		flood(fmt.Sprintf("192.0.2.%d", i), 30)
	}
	if n := r.store.count(t, authserver.KindClient); n > 400 {
		t.Errorf("%d clients are stored", n)
	}
	if n := r.server.Stats().Clients; n > 400 {
		t.Errorf("%d clients are in memory", n)
	}
	r.uses(live.access)
	live.take(live.renew())
	r.browser().from("198.51.100.1").code(live.client)
}

// Who has a great many addresses gets no window of the store for each.
func TestAttack22FloodOfAddresses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	seen := map[string]bool{}
	for i := range uint32(200_000) {
		seen[r.server.Bucket(netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}))] = true
	}
	if n := len(seen); n < 1<<15 || n > 1<<16 {
		t.Errorf("200,000 addresses have %d windows", n)
	}
}

// A flood from one address ends at the door: it costs no read and no call, and
// others sign in.
func TestAttack22FloodOfAnAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t, limits(authserver.Limits{Authorize: 100, Callback: 100}))
	r.clock.Fix()
	client := r.register("App")
	calls, touched := r.emu.Counters().Calls(), r.store.touched()
	b := r.browser().from("198.51.100.1")
	shown := 0
	for i := range 500 {
		if b.authorize(client).Status == http.StatusOK {
			shown++
		}
		b.get("/auth/callback?code=x&state=" + challenge(strconv.Itoa(i)))
	}
	if shown != 100 {
		t.Errorf("%d pages were shown to one address", shown)
	}
	if n := r.store.touched() - touched; n > 3*100+2 {
		t.Errorf("the flood touched the store %d times", n)
	}
	if n := r.emu.Counters().Calls() - calls; n != 0 {
		t.Errorf("%d calls to Discord", n)
	}
	r.browser().from("203.0.113.7").code(client)
}

// One address with many browsers takes a share of the approvals and of the
// calls to Discord, and never a bystander's.
func TestAttack28ApprovalsOfAnAddress(t *testing.T) {
	t.Parallel()
	r := newRig(t, limits(authserver.Limits{Consent: 200}))
	client := r.register("App")
	bystander := r.login(client)
	calls := r.emu.Counters().Calls()
	approved, reached := 0, 0
	for range 250 {
		b := r.browser().from("198.51.100.1") // with cookies of its own
		page := b.authorize(client)
		if page.Status != http.StatusOK {
			continue
		}
		a := b.decide(page.sealed(t), "approve")
		if a.Location == nil {
			a.tooMany(t)
			continue
		}
		approved++
		if b.get("/auth/callback?code=garbage&state="+a.Query("state")).Query("error") == "access_denied" {
			reached++
		}
	}
	if approved < 200 || approved > 249 { // two windows may meet
		t.Errorf("%d approvals of one address", approved)
	}
	if n := r.emu.Counters().Calls() - calls; n < 30 || n > 120 || n != reached {
		t.Errorf("%d calls to Discord, %d sign-ins reached it", n, reached)
	}
	bystander.take(bystander.renew())
	r.browser().from("203.0.113.7").code(client)
}

// Who has many networks of /64 in one of /48, as one subscriber may, gets
// twice what an address gets; and a neighbor does not use up what is for all.
func TestLimitOfASite(t *testing.T) {
	t.Parallel()
	r := newRig(t, limits(authserver.Limits{Authorize: 5}))
	r.clock.Fix()
	client := r.register("App")
	served := 0
	for i := range 40 {
		b := r.browser().from(fmt.Sprintf("2001:db8:1:%x::1", i/8))
		if b.authorize(client).Status == http.StatusOK {
			served++
		}
	}
	if served != 10 {
		t.Errorf("one /48 was served %d times, want 10", served)
	}
	r.browser().from("2001:db8:1:ffff::1").authorize(client).tooMany(t)
	r.browser().from("2001:db8:2::1").authorize(client).isPage(t, http.StatusOK)
	flood := r.browser().from("2001:db8:2:1::1")
	for range 40 { // one /64 alone
		flood.authorize(client)
	}
	r.browser().from("2001:db8:2:2::1").authorize(client).isPage(t, http.StatusOK)
}

// Pictures and frames of another web page do not use up the limit of its
// visitors' address, nor make this server fetch documents.
func TestLimitIsNotForOtherPages(t *testing.T) {
	t.Parallel()
	r := newRig(t, limits(authserver.Limits{Authorize: 2, Callback: 2}))
	r.clock.Fix()
	r.host(appURL, jsonPage(documentOf(appURL)))
	const address = "198.51.100.1"
	for _, dest := range []string{"image", "iframe", "empty", "script", "fencedframe"} {
		b := r.browser().from(address)
		b.header.Set("Sec-Fetch-Site", "cross-site")
		b.header.Set("Sec-Fetch-Dest", dest)
		b.authorize(appURL).isPage(t, http.StatusForbidden)
		b.get("/auth/callback?code=x&state=y").isPage(t, http.StatusForbidden)
	}
	if n := r.web.fetches(appURL); n != 0 {
		t.Errorf("%d fetches", n)
	}
	b := r.browser().from(address) // a link on another site
	b.header.Set("Sec-Fetch-Site", "cross-site")
	b.header.Set("Sec-Fetch-Dest", "document")
	b.authorize(appURL).isPage(t, http.StatusOK)
	b.get("/auth/callback?code=x&state=y").isPage(t, http.StatusForbidden)
	b = r.browser().from(address) // what is no browser
	b.header.Set("Sec-Fetch-Mode", "cors")
	b.authorize(appURL).isPage(t, http.StatusOK)
	b.get("/auth/callback?code=x&state=y").isPage(t, http.StatusForbidden)
	b.authorize(appURL).tooMany(t)
}
