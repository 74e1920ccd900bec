package authserver_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

func TestConsentApproved(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	page := b.authorize(r.register("App"), "scope", "guilds")
	for _, c := range page.Cookies {
		if strings.Contains(c.Name, "state") {
			t.Errorf("cookie %s before anybody approved", c.Name)
		}
	}
	a := b.decide(page.sealed(t), "approve")
	if a.Status != http.StatusSeeOther || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, Cache-Control %q: %s", a.Status, a.Header.Get("Cache-Control"), a.Body)
	}
	if got := a.Location.Scheme + "://" + a.Location.Host + a.Location.Path; got != r.cfg.DiscordURL+"/oauth2/authorize" {
		t.Errorf("redirect to %s", got)
	}
	want := map[string]string{"scope": "guilds identify", "redirect_uri": loopbackBase + "/auth/callback", "code_challenge_method": "S256", "response_type": "code"}
	for name, value := range want {
		if got := a.Query(name); got != value {
			t.Errorf("Discord gets %s=%q, want %q", name, got, value)
		}
	}
	if got := a.Query("code_challenge"); len(got) != 43 || got == challenge(verifier) || got == challenge(a.Query("state")) {
		t.Errorf("Discord gets the challenge %q", got)
	}
	state := a.Query("state")
	if len(state) != 43 || strings.Contains(page.Body, state) {
		t.Errorf("Discord gets the state %q, which the page knows", state)
	}
	for _, c := range a.Cookies {
		if strings.Contains(c.Value, state) {
			t.Error("the state cookie is in Discord's URL")
		}
	}
}

func TestConsentDenied(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App", clientURI, "https://app.example/cb?x=1")
	b := r.browser()
	a := b.decide(b.authorize(id).sealed(t), "deny")
	a.isError(t, loopbackBase, "access_denied")
	if len(a.Cookies) != 0 {
		t.Errorf("cookies %v", a.Cookies)
	}
	// The user has seen the page that names the host: no other page between.
	a = b.decide(b.authorize(id, "redirect_uri", "https://app.example/cb?x=1").sealed(t), "deny")
	a.isError(t, loopbackBase, "access_denied")
	if !strings.HasPrefix(a.Location.String(), "https://app.example/cb?x=1&error=") {
		t.Errorf("redirect to %v", a.Location)
	}
	if n := r.emu.Counters().Calls(); n != 0 {
		t.Errorf("%d calls to Discord", n)
	}
}

func TestConsentRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App")
	b := r.browser()
	sealed := b.authorize(id).sealed(t)
	forms := map[string]url.Values{
		"no request":    {"decision": {"approve"}},
		"garbage":       {"request": {"garbage"}, "decision": {"approve"}},
		"tampered":      {"request": {sealed[:len(sealed)-2] + "xx"}, "decision": {"approve"}},
		"no decision":   {"request": {sealed}},
		"odd decision":  {"request": {sealed}, "decision": {"maybe"}},
		"two decisions": {"request": {sealed}, "decision": {"approve", "deny"}},
	}
	for name, form := range forms {
		b.post("/consent", form).isPage(t, http.StatusBadRequest)
		if n := r.store.count(t, authserver.KindAuthorization); n != 0 {
			t.Fatalf("%s: %d records", name, n)
		}
	}
	b.do(http.MethodPost, "/consent", "application/json", strings.NewReader(`{}`)).isPage(t, http.StatusBadRequest)
	b.post("/consent", url.Values{"request": {strings.Repeat("x", 70<<10)}}).isPage(t, http.StatusBadRequest)
	b.get("/consent?request=" + sealed + "&decision=approve")
	if n := r.store.count(t, authserver.KindAuthorization); n != 0 {
		t.Errorf("%d records", n)
	}
	r.clock.Add(11 * time.Minute)
	a := b.decide(sealed, "approve")
	a.isPage(t, http.StatusBadRequest)
	if !strings.Contains(a.Body, "too long") {
		t.Errorf("page: %s", a.Body)
	}
}

func TestAttack02ConsentForgery(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App")
	t.Run("other browser", func(t *testing.T) {
		t.Parallel()
		sealed := r.browser().authorize(id).sealed(t)
		other := r.browser()
		other.decide(sealed, "approve").isPage(t, http.StatusForbidden)
		other.authorize(id)
		other.decide(sealed, "approve").isPage(t, http.StatusForbidden)
		other.decide(sealed, "deny").isPage(t, http.StatusForbidden)
	})
	crossSite := map[string]http.Header{
		"cross-site":        {"Sec-Fetch-Site": {"cross-site"}},
		"same-site":         {"Sec-Fetch-Site": {"same-site"}},
		"foreign origin":    {"Origin": {"https://evil.example"}},
		"no origin":         {"Origin": {"null"}},
		"other local port":  {"Origin": {"http://localhost:9000"}},
		"origin in capital": {"Sec-Fetch-Site": {"cross-site"}, "Origin": {"https://EVIL.example"}},
	}
	for name, header := range crossSite {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := r.browser()
			sealed := b.authorize(id).sealed(t)
			b.header = header
			b.decide(sealed, "approve").isPage(t, http.StatusForbidden)
			for _, b.header = range []http.Header{
				{"Sec-Fetch-Site": {"same-origin"}, "Origin": {loopbackBase}},
				{"Sec-Fetch-Site": {"same-origin"}, "Origin": {"null"}}, // no referrer at all
				{"Origin": {loopbackBase}},                              // an old browser
			} {
				if a := b.decide(sealed, "approve"); a.Status != http.StatusSeeOther {
					t.Errorf("the page's own form: %d %s", a.Status, a.Body)
				}
			}
		})
	}
	t.Run("twice", func(t *testing.T) {
		t.Parallel()
		b := r.browser()
		sealed := b.authorize(id).sealed(t)
		first, second := b.decide(sealed, "approve"), b.decide(sealed, "approve")
		if first.Status != http.StatusSeeOther || second.Status != http.StatusSeeOther || first.Location.String() != second.Location.String() {
			t.Errorf("got %v, then %d %v", first.Location, second.Status, second.Location)
		}
	})
	t.Run("changed", func(t *testing.T) {
		t.Parallel()
		b := r.browser()
		sealed := b.authorize(id).sealed(t)
		b.decide(sealed, "deny").isError(t, loopbackBase, "access_denied")
		b.decide(sealed, "approve").isPage(t, http.StatusForbidden)
		b.decide(sealed, "deny").isError(t, loopbackBase, "access_denied")
		sealed = b.authorize(id).sealed(t)
		b.decide(sealed, "approve")
		b.decide(sealed, "deny").isPage(t, http.StatusForbidden)
	})
}

// However often and however parallel a page is approved, there is one code.
func TestAttack30DoubleApprove(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	sealed := b.authorize(r.register("App")).sealed(t)
	var wg sync.WaitGroup
	locations := make([]string, 8)
	for i := range locations {
		wg.Go(func() {
			if a := b.decide(sealed, "approve"); a.Location != nil {
				locations[i] = a.Location.String()
			}
		})
	}
	wg.Wait()
	for _, location := range locations {
		if location != locations[0] || location == "" {
			t.Fatalf("redirects to %q", locations)
		}
	}
	atDiscord, _ := url.Parse(locations[0])
	callbacks := []string{b.atDiscord(atDiscord, nelly).String(), b.atDiscord(atDiscord, nelly).String()}
	jar := b.client.Jar
	b.client.Jar = nil // every callback goes out before the first one's answer
	base, _ := url.Parse(b.base)
	for _, c := range jar.Cookies(base) {
		b.header.Add("Cookie", c.String())
	}
	codes := make([]*answer, 8)
	for i := range codes {
		wg.Go(func() { codes[i] = b.get(callbacks[i%2]) })
	}
	wg.Wait()
	got := 0
	for _, a := range codes {
		if a.Query("code") != "" {
			got++
			continue
		}
		a.isError(t, loopbackBase, "invalid_request")
	}
	if got != 1 {
		t.Errorf("%d codes, want 1", got)
	}
	if n := r.store.count(t, authserver.KindCode); n != 1 {
		t.Errorf("%d codes are stored, want 1", n)
	}
	b.client.Jar, b.header = jar, http.Header{}
	b.get(callbacks[0]).isError(t, loopbackBase, "invalid_request") // nothing removed the mark from this jar
}

// A browser that has worked with many servers on this computer sends all their
// cookies, and ones of our own names that are not ours.
func TestAttack30StaleCookies(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	for i := range 150 {
		b.header.Add("Cookie", fmt.Sprintf("mcpd_state_%d=%s", 9000+i, strings.Repeat("x", 219)))
		b.header.Add("Cookie", fmt.Sprintf("mcpd_browser_%d=%s", 9000+i, strings.Repeat("x", 43)))
	}
	b.header.Add("Cookie", "mcpd_state_8000=garbage; mcpd_browser_8000=garbage; mcpd_state_8000=; =; mcpd_state_8000=\"")
	b.header["Cookie"] = []string{strings.Join(b.header["Cookie"], "; ")}
	if code := b.code(r.register("App")); code == "" {
		t.Error("no code")
	}
}

// Five sign-ins may be under way; a sixth forgets the oldest.
func TestStateCookieIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	b := r.browser()
	id := r.register("App")
	var callbacks []string
	for range 6 {
		callbacks = append(callbacks, b.atDiscord(b.approve(id), nelly).String())
	}
	base, _ := url.Parse(r.base)
	for _, c := range b.client.Jar.Cookies(base) {
		if len(c.Value) > 5*44 {
			t.Errorf("cookie %s has %d bytes", c.Name, len(c.Value))
		}
	}
	b.get(callbacks[0]).isPage(t, http.StatusForbidden)
	for _, callback := range callbacks[1:] {
		if a := b.get(callback); a.Query("code") == "" {
			t.Errorf("no code: %d %v", a.Status, a.Location)
		}
	}
	for _, c := range b.client.Jar.Cookies(base) {
		if strings.Contains(c.Name, "state") {
			t.Errorf("cookie %v is left", c)
		}
	}
}
