package client_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// A token that lives for less than is wanted is renewed once, and none that
// lives too short is given.
func TestAccessToken(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	_, err := client.AccessToken(t.Context(), r.Config, 0)
	want(t, "message", wantKind(t, err, client.KindAuth).Message, "not signed in to "+r.Server)
	_ = r.connect(t).Close()
	first := r.saved(t).AccessToken
	before := f.count("/mcp")
	get := func(atLeast time.Duration) string {
		t.Helper()
		token, err := client.AccessToken(t.Context(), r.Config, atLeast)
		if err != nil {
			t.Fatal(explain(err))
		}
		return token
	}
	want(t, "token", get(50*time.Minute), first)
	r.advance(20 * time.Minute)
	want(t, "token", get(30*time.Minute), first)
	second := get(50 * time.Minute)
	want(t, "another token", second != first && second == r.saved(t).AccessToken, true)
	want(t, "refreshes", f.refreshes(), 1)
	r.advance(2 * time.Hour) // it has ended
	want(t, "another token", get(0) != second, true)
	want(t, "refreshes", f.refreshes(), 2)
	_, err = client.AccessToken(t.Context(), r.Config, 2*time.Hour)
	want(t, "hint", wantKind(t, err, client.KindAuth).Hint, "ask for less with --min-ttl")
	f.set(func() { clear(f.refresh) })
	r.advance(2 * time.Hour)
	_, err = client.AccessToken(t.Context(), r.Config, 0)
	want(t, "message", wantKind(t, err, client.KindAuth).Message, "the sign-in to "+r.Server+" has ended")
	want(t, "requests to the server", f.count("/mcp")-before, 0)
	want(t, "browsers", r.opened(), 1)
}

// While no authorization server answers, a token that is good enough is given.
func TestAccessTokenWithoutServer(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	_ = r.connect(t).Close()
	f.set(func() { f.on["/token"] = status(http.StatusServiceUnavailable) })
	if _, err := client.AccessToken(t.Context(), r.Config, 50*time.Minute); err != nil {
		t.Fatal(explain(err))
	}
	_, err := client.AccessToken(t.Context(), r.Config, 2*time.Hour)
	wantKind(t, err, client.KindUnavailable)
}

// The token of a client itself is renewed by asking again.
func TestAccessTokenOfClient(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := asClient(t, f)
	_ = r.connect(t).Close()
	r.ClientID, r.ClientSecret, r.ClientCredentials = "", "", false
	first := r.saved(t).AccessToken
	r.advance(2 * time.Hour)
	token, err := client.AccessToken(t.Context(), r.Config, time.Minute)
	if err != nil {
		t.Fatal(explain(err))
	}
	want(t, "another token", token != first, true)
	want(t, "token requests", f.count("/token"), 2)
}

// jwt is a token with this payload and no signature.
func jwt(payload string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"none"}`)) + "." + enc([]byte(payload)) + "."
}

// A token that the user brings is tried first, kept with its end, and used
// until the server does not accept it any more.
func TestSaveToken(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.SignIn = false
	ends := r.now.Add(time.Hour).Truncate(time.Second).UTC()
	token := jwt(fmt.Sprintf(`{"exp":%d.5,"sub":"x"}`, ends.Unix()))

	_, err := client.SaveToken(t.Context(), r.Config, token)
	wantKind(t, err, client.KindAuth)
	if _, known, _ := r.cache.Server(r.Server); known {
		t.Error("a token that the server refused is remembered")
	}

	f.set(func() { f.access[token] = []string{"identify"} })
	identity, err := client.SaveToken(t.Context(), r.Config, token)
	if err != nil {
		t.Fatal(explain(err))
	}
	want(t, "given", identity.Given, true)
	want(t, "issuer", identity.Issuer, "")
	want(t, "expiry", identity.Expiry, ends)
	for range 2 {
		call(t, r.connect(t), "echo")
	}
	want(t, "registrations", f.count("/register"), 0)

	f.set(func() { clear(f.access) })
	_, err = client.Status(t.Context(), r.Config)
	own := wantKind(t, err, client.KindAuth)
	want(t, "hint", own.Hint, "run {program} connect "+r.Server+" --with-token to give a new one, or without to sign in")
	if strings.Contains(explain(err), token) {
		t.Error("the error has the token")
	}
	r.advance(2 * time.Hour)
	_, err = client.AccessToken(t.Context(), r.Config, 0)
	want(t, "message", wantKind(t, err, client.KindAuth).Message, own.Message)
}

// Once its time is over, a sign-in takes its place and nothing of it is left.
func TestSignInReplacesGivenToken(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r, dir := newRigIn(t, f)
	f.set(func() { f.access["brought"] = []string{"identify"} })
	if _, err := client.SaveToken(t.Context(), r.Config, "brought"); err != nil {
		t.Fatal(explain(err))
	}
	f.set(func() { clear(f.access) })
	_ = r.connect(t).Close()
	want(t, "browsers", r.opened(), 1)
	want(t, "a sign-in", r.saved(t).RefreshToken != "", true)
	if strings.Contains(disk(t, dir), "brought") {
		t.Error("the given token is still on disk")
	}

	// And it is not replaced by another token: nobody would revoke it.
	f.set(func() { f.access["brought"] = []string{"identify"} })
	_, err := client.SaveToken(t.Context(), r.Config, "brought")
	wantKind(t, err, client.KindUsage)

	// Unless nothing but its registration is left.
	f.set(func() { clear(f.access); clear(f.refresh) })
	if _, err := client.Status(t.Context(), r.Config); err == nil {
		t.Fatal("the sign-in has not ended")
	}
	f.set(func() { f.access["brought"] = []string{"identify"} })
	if _, err := client.SaveToken(t.Context(), r.Config, "brought"); err != nil {
		t.Fatal(explain(err))
	}
	if _, err := r.cache.Load(t.Context(), tokencache.Key{Resource: r.Server, Issuer: f.URL}); !errors.Is(err, tokencache.ErrNotFound) {
		t.Errorf("the former registration: %v", err)
	}
	if err := client.Logout(t.Context(), r.Config); err != nil {
		t.Fatal(explain(err))
	}
	if strings.Contains(disk(t, dir), "brought") {
		t.Error("after Logout the given token is still on disk")
	}
	want(t, "revocations", f.count("/revoke"), 0)
}

func TestClaims(t *testing.T) {
	t.Parallel()
	header, claims, err := client.Claims(jwt(`{"sub":"80351110224678912","n":80351110224678912}`))
	if err != nil || string(header) != `{"alg":"none"}` || string(claims) != `{"sub":"80351110224678912","n":80351110224678912}` {
		t.Errorf("%s, %s, %v", header, claims, err)
	}
	for _, opaque := range []string{"", "a", "a.b.c", "..", jwt(`[]`), jwt(`{"a":`), jwt(`null`), jwt(`{}`) + ".x.y"} {
		if _, _, err := client.Claims(opaque); err == nil || opaque != "" && opaque != "a" && strings.Contains(err.Error(), opaque) {
			t.Errorf("Claims(%q): %v", opaque, err)
		}
	}
}

func FuzzClaims(f *testing.F) {
	for _, seed := range []string{"", "a.b.c", jwt(`{"exp":1e400}`), jwt(`{"exp":"1"}`), jwt(`{}`)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if header, claims, err := client.Claims(token); err == nil && (header[0] == 0 || len(claims) == 0) {
			t.Errorf("Claims(%q): %q, %q", token, header, claims)
		}
	})
}
