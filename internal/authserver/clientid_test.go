package authserver_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// A client that is described by a document signs in without registering, and
// its page says whose document that is.
func TestDocumentSignIn(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.host(appURL, jsonPage(documentOf(appURL)))
	page := r.browser().authorize(appURL)
	page.isPage(t, http.StatusOK)
	for _, want := range []string{"Documented App", `<p class="name">app.example.org</p>`, "only checked that app.example.org says so too"} {
		if !strings.Contains(page.Body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	s := r.login(appURL)
	if id := r.uses(s.access); id.ClientID != appURL {
		t.Errorf("client is %q", id.ClientID)
	}
	s.take(s.renew())
	if n := r.web.fetches(appURL); n != 1 {
		t.Errorf("the document was fetched %d times", n)
	}
	if a := r.revoke(appURL, s.refresh); a.Status != http.StatusOK {
		t.Errorf("revoke: %d", a.Status)
	}
	r.dead(s.access)
	if strings.Contains(r.browser().authorize(r.register("App")).Body, "The app is described by") {
		t.Error("a registered client has a publisher")
	}
}

// What the page redirects to is the document's, as strictly as a registered
// client's.
func TestDocumentRedirects(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.host(appURL, jsonPage(documentOf(appURL)))
	for uri, status := range map[string]int{
		"http://127.0.0.1:1/callback": 200, "https://app.example.org/cb": 200,
		"https://app.example.org/cb/": 400, "https://app.example.org/other": 400, "https://evil.example/cb": 400,
		"http://localhost/callback": 400, "-": 400,
	} {
		r.browser().authorize(appURL, "redirect_uri", uri).isPage(t, status)
	}
	if n := r.web.fetches(appURL); n != 1 {
		t.Errorf("the document was fetched %d times", n)
	}
}

// Another server sends a victim here with an honest client's id and its
// loopback redirect URI: there is always the page, and it warns.
func TestAttack04HonestDocumentLoopback(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.host(appURL, jsonPage(documentOf(appURL)))
	victim := r.browser()
	for range 2 { // approved before, too
		for _, extra := range []string{"none", "consent", "-"} {
			a := victim.authorize(appURL, "prompt", extra)
			a.isPage(t, http.StatusOK)
			if !strings.Contains(a.Body, "That is this computer.") || !strings.Contains(a.Body, "127.0.0.1:7777") {
				t.Error("the page does not warn of this computer")
			}
		}
		r.redeem(appURL, victim.code(appURL))
	}
}

// A document that is not exactly right ends the sign-in on a page: nothing is
// redirected, and nothing is remembered.
func TestDocumentRefused(t *testing.T) {
	t.Parallel()
	page := func(changes ...any) http.HandlerFunc { return jsonPage(documentOf(appURL, changes...)) }
	tests := map[string]struct {
		page http.HandlerFunc
		want string // told to the person; "" for the one sentence that says nothing
	}{
		"not found":    {http.NotFound, ""},
		"server error": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }, ""},
		"created": {func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{}`))
		}, ""},
		"HTML":            {jsonPage(documentOf(appURL), "Content-Type", "text/html"), ""},
		"no content type": {jsonPage(documentOf(appURL), "Content-Type", ""), ""},
		"no JSON":         {jsonPage(`{"client_id":"` + appURL), ""},
		"two values":      {jsonPage(`{"client_id":"` + appURL + `"}{}`), ""},
		"array":           {jsonPage(`[]`), ""},
		"null":            {jsonPage(`null`), ""},
		"no UTF-8":        {jsonPage("{\"client_id\":\"" + appURL + "\",\"client_name\":\"\xff\"}"), ""},
		"no client id":    {page("client_id", nil), ""},
		"other client id": {page("client_id", "https://other.example/"), ""},
		"nearly its URL":  {page("client_id", appURL+"/"), ""},
		"other case":      {page("client_id", strings.Replace(appURL, "oauth", "OAuth", 1)), ""},
		"no name":         {page("client_name", nil), "client_name is missing"},
		"name of nothing": {page("client_name", "\u200b\u202e "), "client_name is missing"},
		"long name":       {page("client_name", strings.Repeat("x", 1025)), "client_name is too long"},
		"name no text":    {page("client_name", 7), ""},
		"no redirects":    {page("redirect_uris", nil), "redirect_uris"},
		"empty redirects": {page("redirect_uris", []string{}), "redirect_uris"},
		"11 redirects":    {page("redirect_uris", strings.Split(strings.Repeat(clientURI+" ", 11), " ")[:11]), "redirect_uris"},
		"plain http":      {page("redirect_uris", []string{"http://evil.example/cb"}), "redirect URI"},
		"script":          {page("redirect_uris", []string{"javascript:alert(1)"}), "redirect URI"},
		"secret":          {page("client_secret", "x"), "no client_secret"},
		"secret's end":    {page("client_secret_expires_at", 0), "no client_secret"},
		"secret basic":    {page("token_endpoint_auth_method", "client_secret_basic"), "token_endpoint_auth_method"},
		"secret post":     {page("token_endpoint_auth_method", "client_secret_post"), "token_endpoint_auth_method"},
		"secret JWT":      {page("token_endpoint_auth_method", "client_secret_jwt"), "token_endpoint_auth_method"},
		"no code grant":   {page("grant_types", []string{"client_credentials"}), "grant_types"},
		"no keys":         {page("token_endpoint_auth_method", "private_key_jwt"), "jwks"},
		"keys nowhere":    {page("token_endpoint_auth_method", "private_key_jwt", "jwks_uri", "https://127.0.0.1/keys"), "jwks_uri"},
		"keys over http":  {page("token_endpoint_auth_method", "private_key_jwt", "jwks_uri", "http://app.example.org/keys"), "jwks_uri"},
		"secret key":      {page("token_endpoint_auth_method", "private_key_jwt", "jwks", map[string]any{"keys": []any{map[string]any{"kty": "oct", "k": "AAAA"}}}), "secret"},
		"no usable key":   {page("token_endpoint_auth_method", "private_key_jwt", "jwks", map[string]any{"keys": []any{map[string]any{"kty": "new"}}}), "no key in it"},
		"odd scope":       {page("scope", "a\"b"), "scope"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.host(appURL, test.page)
			a := r.browser().authorize(appURL)
			a.isPage(t, http.StatusBadRequest)
			want := test.want
			if want == "" {
				want = "there is none that this server can or may read"
			}
			if !strings.Contains(a.Body, want) || !strings.Contains(a.Body, "invalid_client") {
				t.Errorf("the page does not say %q: %s", want, a.Body)
			}
			if n := r.store.count(t, authserver.KindClient); n != 0 {
				t.Errorf("%d clients are stored", n)
			}
			r.host(appURL, jsonPage(documentOf(appURL)))
			r.browser().authorize(appURL).isPage(t, http.StatusOK) // a failure is not remembered
		})
	}
}

// URLs that are no client ids, without a look-up.
func TestDocumentURLRefused(t *testing.T) {
	t.Parallel()
	long := "https://app.example.org/" + strings.Repeat("x", 1024)
	for _, at := range []string{
		"http://app.example.org/client.json", "HTTPS://app.example.org/client.json", "https://APP.example.org/client.json",
		"https://app.example.org", "https://app.example.org/", "https://app.example.org?x", "https://app.example.org/a/../b", "https://app.example.org/./b",
		"https://app.example.org/a/%2e%2e/b", "https://app.example.org/%2E/b", "https://app.example.org/a//b", "https://app.example.org/a/..",
		"https://app.example.org/a#b", "https://app.example.org/a#", "https://u@app.example.org/a", "https://u:p@app.example.org/a", "https://@app.example.org/a",
		"https://127.0.0.1/a", "https://8.8.8.8/a", "https://[::1]/a", "https://[2606:4700::1111]/a", "https://[::ffff:8.8.8.8]/a", "https://2130706433/a", "https://0x7f.0.0.1/a", "https://0x7f000001/a", "https://127.1/a",
		"https://localhost/a", "https://intranet/a", "https://app.example.org./a", "https://.example.org/a", "https://app..org/a",
		"https://app.example.org:22/a", "https://app.example.org:80/a", "https://app.example.org:1023/a", "https://app.example.org:0/a", "https://app.example.org:/a", "https://app.example.org:99999/a",
		"https://app.example.org\\@evil/a", "https://app.example.org/a b", "https://app.example.org/\u00e9", "https://app.example.org/%0d%0a", "https://app.example.org/%zz",
		"https://mcp.example.com/authorize", long, "https://app.example.org/?" + strings.Repeat("&", 200), "https:app.example.org/a", "https:///a", "https://",
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, public)
			r.host(appURL, jsonPage(documentOf(appURL)))
			r.browser().authorize(at).isPage(t, http.StatusBadRequest)
			if dials := r.web.dials(); len(dials) != 0 {
				t.Errorf("%v was dialed", dials)
			}
		})
	}
	for _, at := range []string{"https://app.example.org:8443/a", "https://app.example.org:443/a", "https://app.example.org/a/", "https://app.example.org/a?b=c&d", "https://app.example.org/" + strings.Repeat("x", 1000)} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, public)
			r.host(at, jsonPage(documentOf(at)))
			r.browser().authorize(at).isPage(t, http.StatusOK)
			s := r.login(at)
			r.uses(s.access) // however long its client's id is
		})
	}
}

// A document is asked for again when its host says so, within our bounds.
func TestDocumentCache(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		headers []string
		after   time.Duration // still fresh
		gone    time.Duration // no longer
	}{
		"nothing said":    {nil, 59 * time.Minute, 61 * time.Minute},
		"max-age":         {[]string{"Cache-Control", "public, max-age=7200"}, 119 * time.Minute, 121 * time.Minute},
		"max-age and Age": {[]string{"Cache-Control", "max-age=7200", "Age", "3600"}, 59 * time.Minute, 61 * time.Minute},
		"too short":       {[]string{"Cache-Control", "max-age=1"}, 4 * time.Minute, 6 * time.Minute},
		"zero":            {[]string{"Cache-Control", "max-age=0"}, 4 * time.Minute, 6 * time.Minute},
		"nonsense":        {[]string{"Cache-Control", "max-age=x"}, 4 * time.Minute, 6 * time.Minute},
		"too long":        {[]string{"Cache-Control", "max-age=99999999"}, 23 * time.Hour, 25 * time.Hour},
		"expired":         {[]string{"Expires", "0"}, 4 * time.Minute, 6 * time.Minute},
		"no-store":        {[]string{"Cache-Control", "no-store"}, -1, 0},
		"no-cache":        {[]string{"Cache-Control", "max-age=600, No-Cache"}, -1, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.host(appURL, jsonPage(documentOf(appURL), test.headers...))
			r.browser().authorize(appURL).isPage(t, http.StatusOK)
			if test.after >= 0 {
				r.clock.Add(test.after)
				r.browser().authorize(appURL).isPage(t, http.StatusOK)
				if n := r.web.fetches(appURL); n != 1 {
					t.Errorf("after %v it was fetched %d times", test.after, n)
				}
				r.clock.Add(test.gone - test.after)
			}
			r.host(appURL, jsonPage(documentOf(appURL, "client_name", "Renamed"), test.headers...))
			if a := r.browser().authorize(appURL); !strings.Contains(a.Body, "Renamed") {
				t.Errorf("after %v it was not fetched anew: %d", test.gone, a.Status)
			}
			if n := r.store.count(t, authserver.KindClient); n != 1 {
				t.Errorf("%d clients are stored", n)
			}
		})
	}
}

// While a document's host is away or the document is gone, nobody signs in, and
// nobody who has signed in notices.
func TestDocumentHostAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.host(appURL, jsonPage(documentOf(appURL)))
	s := r.login(appURL)
	code := r.browser().code(appURL)
	r.host(appURL, http.NotFound)
	r.redeem(appURL, code)
	for range 100 { // days
		r.clock.Add(24 * time.Hour)
		s.take(s.renew())
	}
	r.uses(s.access)
	r.browser().authorize(appURL).isPage(t, http.StatusBadRequest)
	s.take(s.renew())
}

// One fetch for all who come at once, from all nodes' one store.
func TestDocumentFetchedOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	come := make(chan struct{})
	r.host(appURL, func(w http.ResponseWriter, req *http.Request) {
		<-come
		jsonPage(documentOf(appURL))(w, req)
	})
	go func() {
		soon(t, "the fetch", func() bool { return r.web.fetches(appURL) > 0 })
		close(come)
	}()
	answers := at(16, func(int) *answer { return r.browser().authorize(appURL) })
	if n := statuses(answers); n[http.StatusOK] != 16 {
		t.Errorf("statuses %v", n)
	}
	if n := r.web.fetches(appURL); n != 1 {
		t.Errorf("it was fetched %d times", n)
	}
	first := r.server
	r.start() // a second node
	r.browser().authorize(appURL).isPage(t, http.StatusOK)
	if n := r.web.fetches(appURL); n != 1 || r.server == first {
		t.Errorf("the other node fetched it again")
	}
}

// The record of a document is found by its URL alone.
func TestDocumentRecordHasNoOtherName(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.host(appURL, jsonPage(documentOf(appURL)))
	r.browser().authorize(appURL).isPage(t, http.StatusOK)
	page, _, err := r.store.List(t.Context(), authserver.KindClient, "")
	if err != nil || len(page) != 1 || strings.Contains(page[0].ID, "example") {
		t.Fatalf("records %v, %v", page, err)
	}
	r.browser().authorize(page[0].ID).isPage(t, http.StatusBadRequest)
}

// An operator may read no documents, or those of some hosts.
func TestDocumentHosts(t *testing.T) {
	t.Parallel()
	off := newRig(t, func(cfg *authserver.Config) { cfg.NoDocuments = true })
	off.host(appURL, jsonPage(documentOf(appURL)))
	off.browser().authorize(appURL).isPage(t, http.StatusBadRequest)
	got := off.browser().get("/.well-known/oauth-authorization-server").JSON(t)
	if _, ok := got["client_id_metadata_document_supported"]; ok || fmt.Sprint(got["token_endpoint_auth_methods_supported"]) != "[none]" {
		t.Errorf("metadata %v", got)
	}
	some := newRig(t, func(cfg *authserver.Config) { cfg.DocumentHosts = []string{"app.example.org", "*.example.net"} })
	for host, status := range map[string]int{"app.example.org": 200, "b.example.net": 200, "a.b.example.net": 200, "example.net": 400, "evilexample.net": 400, "other.example.org": 400, "x.app.example.org": 400} {
		at := "https://" + host + "/client"
		some.host(at, jsonPage(documentOf(at)))
		some.browser().authorize(at).isPage(t, status)
	}
}

func TestPublicAddress(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.100.100.200", "127.0.0.1", "127.255.0.1", "169.254.169.254", "172.16.0.1", "172.31.255.255",
		"192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "168.63.129.16",
		"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1", "100:0:0:1::1",
		"2001::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1", "5f00::1",
		"fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2606:4700::1111%eth0", "4000::1",
	} {
		if authserver.PublicAddress(netip.MustParseAddr(addr)) {
			t.Errorf("%s counts as public", addr)
		}
	}
	for _, addr := range []string{"8.8.8.8", "1.1.1.1", "93.184.215.14", "172.32.0.1", "100.128.0.1", "::ffff:8.8.8.8", "2606:4700::1111", "2a00:1450:4001::1", "2620:fe::fe"} {
		if !authserver.PublicAddress(netip.MustParseAddr(addr)) {
			t.Errorf("%s counts as private", addr)
		}
	}
	if authserver.PublicAddress(netip.Addr{}) {
		t.Error("no address counts as public")
	}
}

// A document that is fetched anew takes nothing from what keeps its client from
// eviction.
func TestDocumentKeepsItsGrants(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.host(appURL, jsonPage(documentOf(appURL), "Cache-Control", "no-store"))
	r.login(appURL)
	kept := func() time.Time {
		page, _, err := r.store.List(t.Context(), authserver.KindClient, "")
		if err != nil || len(page) != 1 {
			t.Fatalf("records %v, %v", page, err)
		}
		return record[authserver.Client](r, authserver.KindClient, page[0].ID).GrantUntil
	}
	before := kept()
	r.browser().authorize(appURL).isPage(t, http.StatusOK)
	if n := r.web.fetches(appURL); n != 2 || before.IsZero() || !kept().Equal(before) {
		t.Errorf("%d fetches; kept until %v, then %v", n, before, kept())
	}
}
