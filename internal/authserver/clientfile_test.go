package authserver_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

const fileSecret = "a secret & 100% more"

func toJSON(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func encoded(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }

// basic are credentials of HTTP Basic, encoded as RFC 6749 §2.3.1 has it.
func basic(user, password string) string {
	return base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(user) + ":" + url.QueryEscape(password)))
}

// is200 fails unless the answer is a 200.
func (a *answer) is200(t *testing.T) {
	t.Helper()
	if a.Status != http.StatusOK {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
}

func secretHash() string {
	sum := sha256.Sum256([]byte(fileSecret))
	return hex.EncodeToString(sum[:])
}

// fileEntry is a correct client of a file, with changes as of documentOf.
func fileEntry(id string, changes ...any) map[string]any {
	return documentOf(id, changes...)
}

// load loads the clients of a file.
func (r *rig) load(entries ...any) error {
	r.t.Helper()
	return r.server.LoadClients([]byte(toJSON(r.t, entries)))
}

// The operator's clients are there without registering, are not stored, and are
// gone when the file no longer has them.
func TestClientFile(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.load(fileEntry("desktop", "client_name", "Company App", "scope", "identify email"), fileEntry("other")); err != nil {
		t.Fatal(err)
	}
	if a := r.browser().authorize("desktop"); !strings.Contains(a.Body, "Company App") {
		t.Errorf("page %d %s", a.Status, a.Body)
	}
	r.login("desktop")
	r.clock.Add(100 * 24 * time.Hour) // never unused for too long
	s := r.login("desktop")
	r.uses(s.access)
	if n := r.store.count(t, authserver.KindClient); n != 0 {
		t.Errorf("%d clients are stored", n)
	}
	if err := r.load(fileEntry("other")); err != nil {
		t.Fatal(err)
	}
	s.renew().is(t, http.StatusBadRequest, "invalid_client")
	r.browser().authorize("desktop").isPage(t, http.StatusBadRequest)
	r.browser().authorize("other").isPage(t, http.StatusOK)
}

// A client with a secret must show it, either way, before anything else.
func TestClientFileSecret(t *testing.T) {
	t.Parallel()
	for _, method := range []string{"client_secret_basic", "client_secret_post"} {
		t.Run(method, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			if err := r.load(fileEntry("web:1", "token_endpoint_auth_method", method, "client_secret_sha256", secretHash())); err != nil {
				t.Fatal(err)
			}
			code := r.browser().code("web:1")
			redeem := func(password string) *answer {
				b := r.browser()
				b.header.Set("Authorization", "Basic "+basic("web:1", password))
				return b.post("/token", url.Values{"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}})
			}
			r.redeem("web:1", code).is(t, http.StatusBadRequest, "invalid_client")
			r.redeem("web:1", code, "client_secret", "wrong").is(t, http.StatusBadRequest, "invalid_client")
			r.redeem("web:1", code, "client_secret", secretHash()).is(t, http.StatusBadRequest, "invalid_client")
			r.redeem("web:1", code, shows("x.y.z")...).is(t, http.StatusBadRequest, "invalid_client")
			for _, password := range []string{"", "wrong"} {
				a := redeem(password)
				a.is(t, http.StatusUnauthorized, "invalid_client")
				if a.Header.Get("WWW-Authenticate") == "" {
					t.Error("no challenge")
				}
			}
			s := &session{rig: r, client: "web:1"}
			s.take(redeem(fileSecret))
			s.renew().is(t, http.StatusBadRequest, "invalid_client")
			s.take(s.renew("client_secret", fileSecret))
			if a := r.revoke("web:1", s.refresh); a.Status != http.StatusBadRequest {
				t.Errorf("revoked without the secret: %d", a.Status)
			}
			r.uses(s.access)
			a := r.browser().post("/revoke", url.Values{"client_id": {"web:1"}, "client_secret": {fileSecret}, "token": {s.refresh}})
			a.is200(t)
			r.dead(s.access)
			if log := r.log.String(); strings.Contains(log, fileSecret) || strings.Contains(log, secretHash()) {
				t.Error("the secret is in the log")
			}
			got := r.browser().get("/.well-known/oauth-authorization-server").JSON(t)
			want := []any{"none", "private_key_jwt", "client_secret_basic", "client_secret_post"}
			if diff := cmp.Diff(want, got["token_endpoint_auth_methods_supported"]); diff != "" {
				t.Errorf("methods (-want +got):\n%s", diff)
			}
		})
	}
}

// A client with a key in the file.
func TestClientFileKey(t *testing.T) {
	t.Parallel()
	r := newRig(t, func(cfg *authserver.Config) { cfg.NoDocuments = true })
	key := es256()
	if err := r.load(fileEntry("signing", "token_endpoint_auth_method", "private_key_jwt", "jwks", jwks(key))); err != nil {
		t.Fatal(err)
	}
	code := r.browser().code("signing")
	r.redeem("signing", code).is(t, http.StatusBadRequest, "invalid_client")
	r.redeem("signing", code, shows(eddsa().sign(t, r.claimsOf("signing")))...).is(t, http.StatusBadRequest, "invalid_client")
	r.redeem("signing", code, shows(key.sign(t, r.claimsOf("signing")))...).is200(t)
	got := r.browser().get("/.well-known/oauth-authorization-server").JSON(t)
	if want := "[none private_key_jwt]"; fmt.Sprint(got["token_endpoint_auth_methods_supported"]) != want {
		t.Errorf("methods %v, want %s", got["token_endpoint_auth_methods_supported"], want)
	}
}

// What is wrong in the file is named with its line, and the clients stay as
// they were.
func TestClientFileRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	if err := r.load(fileEntry("before")); err != nil {
		t.Fatal(err)
	}
	entry := func(changes ...any) string { return toJSON(t, fileEntry("a", changes...)) }
	tests := map[string]struct{ file, want string }{
		"empty":            {"", "line 1: not a JSON array"},
		"object":           {"{}", "line 1: not a JSON array"},
		"broken":           {"[\n{},\n{]\n", "line 3: not a JSON array"},
		"trailing":         {"[]\n[]", "line 2: not a JSON array"},
		"not an object":    {"[\n\n7]", "line 3: "},
		"second entry":     {"[" + entry() + ",\n" + entry("redirect_uris", nil) + "]", "line 2: redirect_uris"},
		"twice":            {"[" + entry() + ",\n\n" + entry() + "]", `line 3: client_id "a" is there twice`},
		"the same twice":   {"[" + entry() + "," + entry() + "]", "twice"},
		"unknown field":    {"[" + entry("redirect_uri", "x") + "]", `unknown field "redirect_uri"`},
		"plain secret":     {"[" + entry("client_secret", "x") + "]", "sha256sum"},
		"no id":            {"[" + entry("client_id", nil) + "]", "client_id"},
		"id with space":    {"[" + entry("client_id", "a b") + "]", "client_id"},
		"long id":          {"[" + entry("client_id", strings.Repeat("x", 257)) + "]", "client_id"},
		"id of ours":       {"[" + entry("client_id", "mcpd_client_x") + "]", "looks like"},
		"id of a document": {"[" + entry("client_id", "mcpd_document_x") + "]", "looks like"},
		"URL as id":        {"[" + entry("client_id", appURL) + "]", "looks like"},
		"bad redirect":     {"[" + entry("redirect_uris", []string{"http://evil.example/cb"}) + "]", "redirect URI"},
		"unknown scope":    {"[" + entry("scope", "identify made.up") + "]", "scope"},
		"unknown method":   {"[" + entry("token_endpoint_auth_method", "tls_client_auth") + "]", "token_endpoint_auth_method"},
		"no hash":          {"[" + entry("token_endpoint_auth_method", "client_secret_basic") + "]", "client_secret_sha256"},
		"short hash":       {"[" + entry("token_endpoint_auth_method", "client_secret_post", "client_secret_sha256", "abcd") + "]", "client_secret_sha256"},
		"no method":        {"[" + entry("token_endpoint_auth_method", nil, "client_secret_sha256", secretHash()) + "]", "token_endpoint_auth_method"},
		"no keys":          {"[" + entry("token_endpoint_auth_method", "private_key_jwt") + "]", "jwks"},
		"odd keys":         {"[" + entry("token_endpoint_auth_method", "private_key_jwt", "jwks", 7) + "]", "jwks"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			err := r.server.LoadClients([]byte(test.file))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, want %q", err, test.want)
			}
			r.browser().authorize("before").isPage(t, http.StatusOK)
		})
	}
	if err := r.server.LoadClients([]byte(" [ ] ")); err != nil {
		t.Errorf("no clients: %v", err)
	}
	r.browser().authorize("before").isPage(t, http.StatusBadRequest)
}
