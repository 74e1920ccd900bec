package authserver_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

func TestRegister(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a := r.browser().do(http.MethodPost, "/register", "application/json", strings.NewReader(`{
		"client_name": "Visual Studio Code",
		"client_uri": "https://code.visualstudio.com",
		"grant_types": ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"],
		"response_types": ["code"],
		"redirect_uris": ["https://vscode.dev/redirect", "http://127.0.0.1:33418/", "http://127.0.0.1/"],
		"scope": "identify email made.up",
		"token_endpoint_auth_method": "client_secret_post",
		"application_type": "native", "jwks": {"keys": []}, "unknown": 1}`))
	if a.Status != http.StatusCreated || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, Cache-Control %q: %s", a.Status, a.Header.Get("Cache-Control"), a.Body)
	}
	got := a.JSON(t)
	if id, _ := got["client_id"].(string); !strings.HasPrefix(id, "mcpd_client_") || len(id) != len("mcpd_client_")+32 {
		t.Errorf("client_id is %q", id)
	}
	delete(got, "client_id")
	delete(got, "client_id_issued_at")
	want := map[string]any{
		"client_name":                "Visual Studio Code",
		"redirect_uris":              []any{"https://vscode.dev/redirect", "http://127.0.0.1:33418/", "http://127.0.0.1/"},
		"scope":                      "email identify",
		"grant_types":                []any{"authorization_code", "refresh_token"},
		"response_types":             []any{"code"},
		"token_endpoint_auth_method": "none",
		"application_type":           "native",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

// The same software has the same id, whatever order and ports it comes with;
// software that would look different to its user has another.
func TestRegisterSameMetadataSameID(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App", "http://127.0.0.1:1111/cb", "https://app.example/cb")
	same := r.register("App", "https://app.example/cb", "http://127.0.0.1:2222/cb", "http://127.0.0.1/cb")
	if same != id {
		t.Errorf("the same client got %s and %s", id, same)
	}
	for _, other := range []string{
		r.register("app", "http://127.0.0.1/cb", "https://app.example/cb"),
		r.register("App", "http://localhost/cb", "https://app.example/cb"),
		r.register("App", "http://127.0.0.1/cb", "https://app.example:8443/cb"),
	} {
		if other == id {
			t.Error("another client got the same id")
		}
	}
	if n := r.store.count(t, authserver.KindClient); n != 4 {
		t.Errorf("%d clients are stored, want 4", n)
	}
}

func TestClientsExpireUnused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	unused, registered := r.register("unused"), r.register("registered again")
	r.clock.Add(80 * 24 * time.Hour)
	if again := r.register("registered again"); again != registered {
		t.Fatal("another id")
	}
	r.clock.Add(11 * 24 * time.Hour)
	r.browser().authorize(unused).isPage(t, http.StatusBadRequest)
	r.browser().authorize(registered).isPage(t, http.StatusOK)
}

func TestRegisterRefuses(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tests := map[string]struct {
		body   string
		status int
		code   string
	}{
		"no JSON":           {`redirect_uris=https://a.example/cb`, 400, "invalid_client_metadata"},
		"array":             {`[]`, 400, "invalid_client_metadata"},
		"null":              {`null`, 400, "invalid_client_metadata"},
		"empty":             {``, 400, "invalid_client_metadata"},
		"two values":        {`{"redirect_uris":["https://a.example/cb"]}{}`, 400, "invalid_client_metadata"},
		"no UTF-8":          {"{\"client_name\":\"\xff\",\"redirect_uris\":[\"https://a.example/cb\"]}", 400, "invalid_client_metadata"},
		"wrong type":        {`{"redirect_uris":["https://a.example/cb"],"client_name":7}`, 400, "invalid_client_metadata"},
		"no URIs":           {`{"client_name":"x"}`, 400, "invalid_redirect_uri"},
		"null URIs":         {`{"redirect_uris":null}`, 400, "invalid_redirect_uri"},
		"empty URIs":        {`{"redirect_uris":[]}`, 400, "invalid_redirect_uri"},
		"other grants only": {`{"redirect_uris":["https://a.example/cb"],"grant_types":["client_credentials"]}`, 400, "invalid_client_metadata"},
		"other responses":   {`{"redirect_uris":["https://a.example/cb"],"response_types":["token"]}`, 400, "invalid_client_metadata"},
		"odd scope":         {`{"redirect_uris":["https://a.example/cb"],"scope":"a\"b"}`, 400, "invalid_client_metadata"},
		"70 KiB":            {`{"redirect_uris":["https://a.example/cb"],"x":"` + strings.Repeat("x", 70<<10) + `"}`, 413, "invalid_client_metadata"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := r.browser().do(http.MethodPost, "/register", "application/json", strings.NewReader(test.body))
			if a.Status != test.status || a.JSON(t)["error"] != test.code {
				t.Errorf("got %d %s, want %d %s", a.Status, a.Body, test.status, test.code)
			}
		})
	}
	t.Run("store down", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.store.down.Store(true)
		a := r.browser().postJSON("/register", map[string]any{"redirect_uris": []string{"https://a.example/cb"}})
		if a.Status != http.StatusServiceUnavailable || a.JSON(t)["error"] != "temporarily_unavailable" || a.Header.Get("Retry-After") == "" {
			t.Errorf("got %d %s", a.Status, a.Body)
		}
		if strings.Contains(a.Body, errDown.Error()) {
			t.Error("the cause is told to strangers")
		}
	})
}

func TestAttack05HostileClientName(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	tests := map[string]struct{ name, shown string }{
		"markup":    {`<img src=x onerror=alert(1)>`, `&lt;img src=x onerror=alert(1)&gt;`},
		"attribute": {`"><b>`, `&#34;&gt;&lt;b&gt;`},
		"bidi":      {"Safe \u202eelbuort\u202c app\u2066", "Safe elbuort app"},
		"invisible": {"A\u200bp\u00adp\ufeff\U000e0041", "App"},
		"lines":     {"App\r\nApprove\x00\x1b[31m\u2028now", "App Approve[31m now"},
		"cut":       {strings.Repeat("ä", 200), strings.Repeat("ä", 99) + "…"},
		"pile":      {"z" + strings.Repeat("\u0301", 50), "z\u0301\u0301"},
		"blank":     {"\u200b \t", "app without a name"},
		"fillers":   {"\u3164\u2800\u115f\uffa0\u034f\ufe0f", "app without a name"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := r.browser().authorize(r.register(test.name))
			a.isPage(t, http.StatusOK)
			if !strings.Contains(a.Body, "<strong>"+test.shown+"</strong>") {
				t.Errorf("page lacks %q:\n%s", test.shown, a.Body)
			}
		})
	}
	a := r.browser().postJSON("/register", map[string]any{"client_name": strings.Repeat("x", 10<<10), "redirect_uris": []string{clientURI}})
	if a.Status != http.StatusBadRequest || a.JSON(t)["error"] != "invalid_client_metadata" {
		t.Errorf("10 kB: %d %s", a.Status, a.Body)
	}
}

func TestAttack06RedirectTricks(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *authserver.Config) { cfg.MaxClients = 100 })
	tricks := []string{
		"", " ", "/cb", "//x", "//x/cb", "x", "https:", "https://", "https:///cb", "https:x", "https:/x/cb", "http:/127.0.0.1/cb",
		"javascript:alert(1)", "JavaScript:alert(1)", "javascript://127.0.0.1/%0aalert(1)", "data:text/html,x", "vbscript:x",
		"file:///etc/passwd", "blob:https://a.example/x", "about:blank", "ftp://a.example/cb", "myapp://cb", "myapp:/cb", "com.example.app:/cb",
		"http://evil", "http://evil.example/cb", "http://10.0.0.1/cb", "http://0.0.0.0/cb", "http://127.0.0.2/cb", "http://[::]/cb",
		"https://ok@evil.example/cb", "https://ok:pw@evil.example/cb", "https://@evil.example/cb", "http://localhost@evil.example/cb", "http://127.0.0.1:80@evil.example/",
		"https://a.example/cb#", "https://a.example/cb#x", "http://127.0.0.1/cb#x",
		"http://127.0.0.1.evil.com/cb", "http://localhost.evil/cb", "http://localhost.evil:80/cb", "http://localhost%2eevil/cb", "http://127.0.0.1%00.evil/cb",
		"http://localhost./cb", "http://LOCALHOST/cb", "http://localhost:0/cb", "http://localhost:/cb", "http://localhost:99999/cb", "http://localhost:08/cb", "http://localhost:80a/cb",
		"http://[::1/cb", "http://[::1].evil/cb", "http://[::ffff:127.0.0.1]/cb", "http://127.1/cb", "http://2130706433/cb", "http://0x7f.1/cb",
		"https://a.example/cb%0d%0aSet-Cookie:x", "https://a.example/cb?x=%0d%0ay", "https://a.example/cb\r\nx", "https://a.example/c b", "https://a.example/cb\x00", "https://a.example/%zz",
		"https://a.example\\@evil.example/cb", "https:\\\\evil.example", "https://a.example/cb\\x", "https://a.example/<x>", "https://exämple.com/cb",
		"https://a..example/cb", "https://.example/cb", "https://a_b%40.example/cb", "https://a.example:0/cb", "https://a.example:/cb", "https://a.example:x/cb", "https://[::1%25eth0]/cb", "https://[x]/cb",
		"https://a.example/cb?code=1", "https://a.example/cb?a=1&iss=x", "https://a.example/cb?st%61te=1", "https://a.example/cb?a=1;state=2",
		"HTTPS://a.example/cb", "cursor://anysphere.cursor-mcp/oauth/callback/", "cursor://anysphere.cursor-mcp/oauth/callback?x", "cursor://evil/oauth/callback",
		"https://a.example/" + strings.Repeat("x", 3000),
	}
	refused := func(t *testing.T, uris []string) {
		t.Helper()
		a := r.browser().postJSON("/register", map[string]any{"redirect_uris": uris})
		if a.Status != http.StatusBadRequest || a.JSON(t)["error"] != "invalid_redirect_uri" {
			t.Errorf("%q: got %d %s", uris, a.Status, a.Body)
		}
	}
	for _, uri := range tricks {
		refused(t, []string{uri})
		refused(t, []string{"https://a.example/cb", uri})
	}
	refused(t, strings.Split(strings.Repeat("https://a.example/cb ", 11)[:11*21-1], " "))
	if n := r.store.count(t, authserver.KindClient); n != 0 {
		t.Errorf("%d clients are stored, want none", n)
	}
	for _, uri := range []string{
		"https://a.example/cb", "https://a.example", "https://a.example:8443/cb?tenant=1&x=%2F", "https://xn--exmple-cua.com/cb", "https://[2001:db8::1]/cb",
		"http://127.0.0.1/cb", "http://127.0.0.1:1/cb", "http://[::1]:65535/cb", "http://localhost", "http://localhost:3000?x=1",
		"cursor://anysphere.cursor-mcp/oauth/callback",
	} {
		r.register("", uri)
	}
}

// Clients beyond the cap push out others, but never a young one, and never one
// that somebody is signed in with.
func TestClientCap(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *authserver.Config) { cfg.MaxClients = 3 })
	try := func(name string) int {
		t.Helper()
		return r.browser().postJSON("/register", map[string]any{"client_name": name, "redirect_uris": []string{clientURI}}).Status
	}
	live, old := r.register("live"), r.register("old")
	r.browser().code(live)
	older := r.register("older")
	if got := try("too many"); got != http.StatusServiceUnavailable {
		t.Errorf("a client beyond the cap of young ones: %d, want 503", got)
	}
	if got := try("old"); got != http.StatusCreated {
		t.Errorf("a client that is there already: %d, want 201", got)
	}
	r.clock.Add(25 * time.Hour)
	if got := r.register("old"); got != old { // used again
		t.Fatal("another id")
	}
	if got := try("new"); got != http.StatusCreated {
		t.Errorf("a client beyond the cap of old ones: %d, want 201", got)
	}
	r.browser().authorize(older).isPage(t, http.StatusBadRequest)
	for _, id := range []string{live, old} {
		r.browser().authorize(id).isPage(t, http.StatusOK)
	}
	r.start() // the index is read from the store
	r.clock.Add(2 * time.Hour)
	if got := try("newer"); got != http.StatusCreated {
		t.Errorf("after a restart: %d, want 201", got)
	}
	r.browser().authorize(live).isPage(t, http.StatusOK)
	if n := r.store.count(t, authserver.KindClient); n > 3 {
		t.Errorf("%d clients are stored, want 3 at most", n)
	}
}

// A client that somebody is signed in with makes no room, however old; when
// its grant has ended it does.
func TestClientCapKeepsGrants(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *authserver.Config) { cfg.MaxClients = 1 })
	try := func(want int) {
		t.Helper()
		a := r.browser().postJSON("/register", map[string]any{"client_name": "other", "redirect_uris": []string{clientURI}})
		if a.Status != want {
			t.Errorf("another client: %d, want %d", a.Status, want)
		}
	}
	live := r.register("live")
	r.browser().code(live)
	r.clock.Add(29 * 24 * time.Hour)
	try(http.StatusServiceUnavailable)
	r.browser().authorize(live).isPage(t, http.StatusOK)
	r.clock.Add(3 * 24 * time.Hour)
	try(http.StatusCreated)
	r.browser().authorize(live).isPage(t, http.StatusBadRequest)
}

// A client that registers again is about to sign somebody in: it makes no room
// for others, however old its first registration is.
func TestClientCapKeepsRegisteredAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *authserver.Config) { cfg.MaxClients = 2 })
	again := r.register("again")
	r.clock.Add(20 * time.Hour)
	idle := r.register("idle")
	r.clock.Add(2 * time.Hour)
	if r.register("again") != again {
		t.Fatal("another id")
	}
	r.clock.Add(5 * time.Minute)
	r.register("again")
	r.clock.Add(59 * time.Minute)
	r.register("new")
	r.browser().authorize(idle).isPage(t, http.StatusBadRequest)
	r.browser().authorize(again).isPage(t, http.StatusOK)
	a := r.browser().postJSON("/register", map[string]any{"client_name": "newer", "redirect_uris": []string{clientURI}})
	if a.Status != http.StatusServiceUnavailable {
		t.Errorf("%d, want 503", a.Status)
	}
	r.browser().authorize(again).isPage(t, http.StatusOK)
}

func TestApplicationType(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	ids := map[any]bool{}
	for _, test := range []struct{ sent, want any }{{nil, nil}, {"native", "native"}, {"web", "web"}, {"fridge", nil}} {
		body := map[string]any{"client_name": "App", "redirect_uris": []string{clientURI}}
		if test.sent != nil {
			body["application_type"] = test.sent
		}
		a := r.browser().postJSON("/register", body)
		got := a.JSON(t)
		if a.Status != http.StatusCreated || got["application_type"] != test.want {
			t.Errorf("%v: %d, %v, want %v", test.sent, a.Status, got["application_type"], test.want)
		}
		ids[got["client_id"]] = true
		id, _ := got["client_id"].(string)
		r.browser().authorize(id).isPage(t, http.StatusOK)
	}
	if len(ids) != 3 {
		t.Errorf("%d ids for three kinds of clients", len(ids))
	}
}

// What has expired by itself needs no victim.
func TestClientCapForgetsExpired(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *authserver.Config) { cfg.MaxClients = 2 })
	r.browser().code(r.register("gone after 90 days"))
	r.clock.Add(89 * 24 * time.Hour)
	stays := r.register("stays")
	r.clock.Add(2 * 24 * time.Hour)
	r.register("new")
	r.browser().authorize(stays).isPage(t, http.StatusOK)
}
