package authserver_test

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

// bare is a server without a Discord, whose records are put where the steps
// before would have left them: for benchmarks and fuzzing.
type bare struct {
	tb      testing.TB
	server  *authserver.Server
	store   *countingStore
	mux     *http.ServeMux
	access  string
	refresh string
}

const bareClient = "mcpd_client_bare"

func newBare(tb testing.TB, changes ...func(*authserver.Config)) *bare {
	tb.Helper()
	client, err := discord.New(discord.Config{URL: "http://127.0.0.1:1", ClientID: "1", ClientSecret: "x", RedirectURI: loopbackBase + "/auth/callback"})
	if err != nil {
		tb.Fatal(err)
	}
	b := &bare{tb: tb, store: &countingStore{Store: store.Memory(nil)}}
	cfg := authserver.Config{
		BaseURL:       loopbackBase,
		Discord:       client,
		DiscordURL:    "http://127.0.0.1:1",
		ApplicationID: "1",
		Store:         b.store,
		SigningKeys:   [][]byte{signingKey()},
	}
	for _, change := range changes {
		change(&cfg)
	}
	if b.server, err = authserver.New(tb.Context(), cfg); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = b.server.Close() })
	b.mux = http.NewServeMux()
	for _, route := range b.server.Routes() {
		b.mux.Handle(route.Method+" "+route.Path, route.Handler)
	}
	now := time.Now()
	code := madeCode(tb)
	sum := sha256.Sum256([]byte(code))
	b.put(authserver.KindClient, bareClient, &authserver.Client{ID: bareClient, CreatedAt: now, LastUsed: now})
	b.put(authserver.KindCode, base64.RawURLEncoding.EncodeToString(sum[:]), &authserver.AuthorizationCode{
		ClientID: bareClient, CodeChallenge: challenge(verifier), Resource: loopbackBase + "/mcp",
		Scopes: []string{"identify"}, User: authserver.User{ID: nelly, Username: "nelly", At: now},
		IssuedAt: now, Status: authserver.CodeIssued,
	})
	rec := b.post(url.Values{"grant_type": {"authorization_code"}, "client_id": {bareClient}, "code": {code}, "code_verifier": {verifier}})
	var answer struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.Unmarshal(rec.Body.Bytes(), &answer); err != nil || rec.Code != http.StatusOK {
		tb.Fatalf("token: %d %s", rec.Code, rec.Body)
	}
	b.access, b.refresh = answer.AccessToken, answer.RefreshToken
	return b
}

// madeCode is a code as the server makes them, without a sign-in.
func madeCode(tb testing.TB) string {
	tb.Helper()
	key, err := hkdf.Key(sha256.New, signingKey(), nil, "mcpdiscord authorization code", 32)
	if err != nil {
		tb.Fatal(err)
	}
	random := make([]byte, 32)
	h := hmac.New(sha256.New, key)
	h.Write(random)
	return "mcpd_code_" + base64.RawURLEncoding.EncodeToString(h.Sum(random)[:48])
}

func (b *bare) put(kind authserver.Kind, id string, v any) {
	b.tb.Helper()
	value, err := json.Marshal(v)
	if err == nil {
		err = b.store.Create(context.Background(), kind, id, authserver.Record{Value: value})
	}
	if err != nil {
		b.tb.Fatal(err)
	}
}

func (b *bare) post(form url.Values) *httptest.ResponseRecorder {
	req := httptest.NewRequest(http.MethodPost, "/token", strings.NewReader(form.Encode()))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	rec := httptest.NewRecorder()
	b.mux.ServeHTTP(rec, req)
	return rec
}

func BenchmarkVerify(b *testing.B) {
	r := newBare(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.server.Verify(b.Context(), r.access); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyParallel(b *testing.B) {
	r := newBare(b)
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for p.Next() {
			if _, err := r.server.Verify(b.Context(), r.access); err != nil {
				b.Error(err)
				return
			}
		}
	})
}

// FuzzAccessToken: whatever is not the token is refused, and nothing panics. A
// token that differs in the unused bits of its last letters is the same token.
func FuzzAccessToken(f *testing.F) {
	b := newBare(f)
	f.Add(b.access)
	f.Add(b.refresh)
	f.Add("a.b.c")
	f.Add(strings.Replace(b.access, ".", "..", 1))
	f.Add(`eyJhbGciOiJub25lIn0.e30.`)
	good := strings.Split(b.access, ".")
	f.Fuzz(func(t *testing.T, token string) {
		id, err := b.server.Verify(t.Context(), token)
		if err != nil {
			if !errors.Is(err, authserver.ErrInvalidToken) {
				t.Fatal(err)
			}
			return
		}
		parts := strings.Split(token, ".")
		if len(parts) != 3 || id.User.ID != nelly || parts[0] != good[0] || parts[1] != good[1] {
			t.Fatalf("accepted %q", token)
		}
	})
}

// FuzzRefreshToken: what is not authentic is refused without a look at the
// store.
func FuzzRefreshToken(f *testing.F) {
	b := newBare(f)
	f.Add(b.access)
	f.Add(b.refresh + "A")
	f.Add("mcpd_rt_")
	f.Add("mcpd_rt_" + strings.Repeat("A", 91))
	f.Fuzz(func(t *testing.T, token string) {
		if token == b.refresh || token == "" {
			return
		}
		touched := b.store.touched()
		rec := b.post(url.Values{"grant_type": {"refresh_token"}, "client_id": {bareClient}, "refresh_token": {token}})
		if rec.Code != http.StatusBadRequest || !strings.Contains(rec.Body.String(), "invalid_grant") {
			t.Fatalf("%q: %d %s", token, rec.Code, rec.Body)
		}
		if b.store.touched() != touched {
			t.Fatalf("%q reached the store", token)
		}
	})
}
