package authserver_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

const (
	keyURL  = "https://app.example.org/oauth/signing-client.json"
	keysURL = "https://app.example.org/oauth/keys.json"
	jwtType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// signer is a client's key.
type signer struct {
	alg jose.SignatureAlgorithm
	key crypto.Signer
	kid string
}

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

func rs256() *signer { return &signer{jose.RS256, rsaKey(), "rsa"} }

func es256() *signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	return &signer{jose.ES256, key, "p256"}
}

func eddsa() *signer {
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		panic(err)
	}
	return &signer{jose.EdDSA, key, "ed"}
}

// jwks publishes keys.
func jwks(signers ...*signer) jose.JSONWebKeySet {
	var set jose.JSONWebKeySet
	for _, s := range signers {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: s.key.Public(), KeyID: s.kid, Use: "sig", Algorithm: string(s.alg)})
	}
	return set
}

// sign signs claims.
func (s *signer) sign(t testing.TB, claims map[string]any) string {
	t.Helper()
	return signWith(t, jose.SigningKey{Algorithm: s.alg, Key: s.key}, s.kid, claims)
}

func signWith(t testing.TB, key jose.SigningKey, kid string, claims map[string]any) string {
	t.Helper()
	o := &jose.SignerOptions{}
	if kid != "" {
		o = o.WithHeader("kid", kid)
	}
	signer, err := jose.NewSigner(key, o)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(toJSON(t, claims)))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// claimsOf are the claims of a correct assertion, with changes: pairs of name
// and value, where nil removes the claim.
func (r *rig) claimsOf(clientID string, changes ...any) map[string]any {
	now := r.clock.Now().Unix()
	claims := map[string]any{"iss": clientID, "sub": clientID, "aud": r.base, "iat": now, "exp": now + 60, "jti": rand.Text()}
	for i := 0; i+1 < len(changes); i += 2 {
		name, _ := changes[i].(string)
		if claims[name] = changes[i+1]; claims[name] == nil {
			delete(claims, name)
		}
	}
	return claims
}

// shows are the parameters that show an assertion, for redeem and refresh.
func shows(assertion string) []string {
	return []string{"client_assertion_type", jwtType, "client_assertion", assertion}
}

// signingClient hosts the document of a client with keys in it.
func (r *rig) signingClient(signers ...*signer) {
	r.t.Helper()
	r.host(keyURL, jsonPage(documentOf(keyURL, "token_endpoint_auth_method", "private_key_jwt", "jwks", jwks(signers...))))
}

// A client with keys signs in, refreshes and revokes with an assertion, with
// each algorithm, and with either audience; its client_id may be left out.
func TestAssertion(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]*signer{"RS256": rs256(), "ES256": es256(), "EdDSA": eddsa()} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.signingClient(es256(), s, eddsa())
			in := &session{rig: r, client: keyURL}
			assertion := s.sign(t, r.claimsOf(keyURL))
			in.take(r.redeem(keyURL, r.browser().code(keyURL), append(shows(assertion), "client_id", "-")...))
			in.take(in.renew(shows(s.sign(t, r.claimsOf(keyURL, "aud", []string{r.base + "/token"})))...))
			r.uses(in.access)
			form := url.Values{"token": {in.access}, "client_assertion_type": {jwtType}, "client_assertion": {s.sign(t, r.claimsOf(keyURL))}}
			if a := r.browser().post("/revoke", form); a.Status != http.StatusOK {
				t.Fatalf("revoke: %d %s", a.Status, a.Body)
			}
			r.dead(in.access)
			if strings.Contains(r.log.String(), assertion) {
				t.Error("the assertion is in the log")
			}
		})
	}
}

// Whatever is not a fresh assertion of this client for this server is refused,
// before the code is touched.
func TestAssertionRefused(t *testing.T) {
	t.Parallel()
	key, other := rs256(), es256()
	r := newRig(t)
	r.signingClient(key)
	r.host(appURL, jsonPage(documentOf(appURL)))
	r.browser().authorize(appURL).isPage(t, http.StatusOK)
	code := r.browser().code(keyURL)
	now := r.clock.Now().Unix()
	signed := func(changes ...any) []string { return shows(key.sign(t, r.claimsOf(keyURL, changes...))) }
	good := key.sign(t, r.claimsOf(keyURL))
	parts := strings.Split(good, ".")
	none := encoded(`{"alg":"none"}`) + "." + parts[1] + "."
	public, err := (&jose.JSONWebKey{Key: key.key.Public()}).MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	hmac := signWith(t, jose.SigningKey{Algorithm: jose.HS256, Key: public}, key.kid, r.claimsOf(keyURL))
	tests := map[string]struct {
		changes []string
		reason  string
	}{
		"nothing":              {nil, "private_key_jwt"},
		"secret":               {[]string{"client_secret", "x"}, "private_key_jwt"},
		"no type":              {[]string{"client_assertion", good}, "client_assertion_type"},
		"other type":           {[]string{"client_assertion", good, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"}, "client_assertion_type"},
		"type alone":           {[]string{"client_assertion_type", jwtType}, "client_assertion_type"},
		"garbage":              {shows("garbage"), "no JWT"},
		"alg none":             {shows(none), "no JWT"},
		"HMAC with public key": {shows(hmac), "no JWT"},
		"PS256":                {shows(signWith(t, jose.SigningKey{Algorithm: jose.PS256, Key: key.key}, key.kid, r.claimsOf(keyURL))), "no JWT"},
		"long":                 {shows(good + strings.Repeat("A", 9000)), "too long"},
		"other key":            {shows(other.sign(t, r.claimsOf(keyURL))), "none of the client's keys"},
		"other key, its name":  {shows(signWith(t, jose.SigningKey{Algorithm: jose.ES256, Key: other.key}, key.kid, r.claimsOf(keyURL))), "none of the client's keys"},
		"own key in header":    {shows(embedded(t, other, r.claimsOf(keyURL))), "none of the client's keys"},
		"broken signature":     {shows(parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2]))), "none of the client's keys"},
		"other claims":         {shows(parts[0] + "." + encoded(toJSON(t, r.claimsOf(keyURL))) + "." + parts[2]), "none of the client's keys"},
		"other issuer":         {signed("iss", appURL), "iss and sub"},
		"other subject":        {signed("sub", appURL), "iss and sub"},
		"no issuer":            {signed("iss", nil), "iss and sub"},
		"no audience":          {signed("aud", nil), "aud"},
		"other audience":       {signed("aud", "https://other.example"), "aud"},
		"resource":             {signed("aud", r.base+"/mcp"), "aud"},
		"two audiences":        {signed("aud", []string{r.base, "https://other.example"}), "aud"},
		"issuer and slash":     {signed("aud", r.base+"/"), "aud"},
		"no expiry":            {signed("exp", nil), "expired"},
		"expired":              {signed("exp", now-31), "expired"},
		"too long a life":      {signed("exp", now+640), "10 minutes"},
		"endless":              {signed("exp", 1e300), "e"},
		"not yet":              {signed("nbf", now+40), "future"},
		"from the future":      {signed("iat", now+40), "future"},
		"no id":                {signed("jti", nil), "jti"},
		"long id":              {signed("jti", strings.Repeat("x", 257)), "jti"},
		"claims of no kind":    {signed("exp", "soon"), "claims"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a := r.redeem(keyURL, code, test.changes...)
			a.is(t, http.StatusBadRequest, "invalid_client")
			if !strings.Contains(a.Body, test.reason) {
				t.Errorf("the answer is %s, want %q", a.Body, test.reason)
			}
		})
	}
	t.Run("another client's", func(t *testing.T) {
		r.redeem(appURL, code, signed()...).is(t, http.StatusBadRequest, "invalid_client")
	})
	t.Run("and Basic", func(t *testing.T) {
		b := r.browser()
		b.header.Set("Authorization", "Basic "+basic(keyURL, ""))
		b.post("/token", changed(url.Values{"grant_type": {"authorization_code"}, "code": {code}}, shows(good))).is(t, http.StatusUnauthorized, "invalid_client")
	})
	r.redeem(keyURL, code, shows(good)...).is200(t)
}

// An assertion is good once, on all nodes, for as long as it could be shown.
func TestAssertionReplay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	key := eddsa()
	r.signingClient(key)
	first := shows(key.sign(t, r.claimsOf(keyURL, "exp", r.clock.Now().Add(9*time.Minute).Unix())))
	in := &session{rig: r, client: keyURL}
	in.take(r.redeem(keyURL, r.browser().code(keyURL), first...))
	in.renew(first...).is(t, http.StatusBadRequest, "invalid_client")
	r.start() // another node, or the same one again
	in.renew(first...).is(t, http.StatusBadRequest, "invalid_client")
	r.clock.Add(9*time.Minute + 20*time.Second)
	in.renew(first...).is(t, http.StatusBadRequest, "invalid_client")
	one := shows(key.sign(t, r.claimsOf(keyURL)))
	answers := at(8, func(int) *answer { return in.renew(one...) })
	if n := statuses(answers); n[http.StatusOK] != 1 {
		t.Errorf("one assertion shown 8 times at once: %v", n)
	}
	r.clock.Add(20 * time.Minute)
	if n := r.store.count(t, authserver.KindAssertion); n != 0 {
		t.Errorf("%d ids are held for ever", n)
	}
	r.store.down.Store(true)
	if a := in.renew(shows(key.sign(t, r.claimsOf(keyURL)))...); a.Status != http.StatusServiceUnavailable {
		t.Errorf("store down: %d %s", a.Status, a.Body)
	}
}

// Keys that have a URL of their own are fetched when they are needed, and again
// when one is missing, but not for each made-up name.
func TestAssertionKeysURI(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	old, next := es256(), rs256()
	r.host(keyURL, jsonPage(documentOf(keyURL, "token_endpoint_auth_method", "private_key_jwt", "jwks_uri", keysURL)))
	in := &session{rig: r, client: keyURL}
	code := r.browser().code(keyURL)
	show := func(s *signer) []string { return shows(s.sign(t, r.claimsOf(keyURL))) }
	if a := r.redeem(keyURL, code, show(old)...); a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Fatalf("no keys yet: %d %s", a.Status, a.Body)
	}
	r.host(keysURL, jsonPage(jwks(old)))
	in.take(r.redeem(keyURL, code, show(old)...))
	fetched := r.web.fetches(keysURL)
	for range 20 { // a stranger's names cause no fetches right after one
		in.renew(show(next)...).is(t, http.StatusBadRequest, "invalid_client")
	}
	if n := r.web.fetches(keysURL); n != fetched {
		t.Errorf("%d fetches for made-up names", n-fetched)
	}
	r.host(keysURL, jsonPage(jwks(next)))
	r.clock.Add(2 * time.Minute)
	in.take(in.renew(show(next)...)) // rotated
	in.renew(show(old)...).is(t, http.StatusBadRequest, "invalid_client")
	r.host(keysURL, http.NotFound)
	r.clock.Add(48 * time.Hour)
	in.take(in.renew(show(next)...)) // its host is away
	r.host(keysURL, jsonPage(`{"keys":[{"kty":"oct","k":"AAAA"}]}`))
	r.clock.Add(48 * time.Hour)
	in.take(in.renew(show(next)...)) // or talks nonsense
	r.host(keyURL, jsonPage(documentOf(keyURL, "token_endpoint_auth_method", "private_key_jwt", "jwks_uri", "https://127.0.0.1/keys")))
	r.clock.Add(2 * time.Hour)
	r.browser().authorize(keyURL).isPage(t, http.StatusBadRequest)
}

// Keys in the document rotate with it.
func TestAssertionKeysInDocument(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	old, next := es256(), eddsa()
	r.signingClient(old)
	in := &session{rig: r, client: keyURL}
	in.take(r.redeem(keyURL, r.browser().code(keyURL), shows(old.sign(t, r.claimsOf(keyURL)))...))
	r.signingClient(next)
	r.clock.Add(2 * time.Minute)
	in.take(in.renew(shows(next.sign(t, r.claimsOf(keyURL)))...))
	in.renew(shows(old.sign(t, r.claimsOf(keyURL)))...).is(t, http.StatusBadRequest, "invalid_client")
	r.host(keyURL, http.NotFound)
	r.clock.Add(48 * time.Hour)
	in.take(in.renew(shows(next.sign(t, r.claimsOf(keyURL)))...))
}

// What is kept of keys is bounded, and weak ones are none.
func TestKeysRefused(t *testing.T) {
	t.Parallel()
	weak, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: es256().key}}}
	many := jwks()
	for i := range 11 {
		many.Keys = append(many.Keys, jose.JSONWebKey{Key: es256().key.Public(), KeyID: fmt.Sprint(i)})
	}
	encryption, confused := jwks(es256()), jwks(rs256())
	encryption.Keys[0].Use = "enc"
	confused.Keys[0].Algorithm = "HS256"
	for name, keys := range map[string]any{
		"weak RSA": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: weak.Public()}}}, "P-384": jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p384.Public()}}},
		"private": private, "11 keys": many, "for encryption": encryption, "for another algorithm": confused, "empty": jwks(), "a list": []any{}, "text": "keys", "null": map[string]any{"keys": nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			r.host(keyURL, jsonPage(documentOf(keyURL, "token_endpoint_auth_method", "private_key_jwt", "jwks", keys)))
			a := r.browser().authorize(keyURL)
			a.isPage(t, http.StatusBadRequest)
			if !strings.Contains(a.Body, "jwks cannot be used") {
				t.Errorf("page %s", a.Body)
			}
		})
	}
	t.Run("others are ignored", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		good := eddsa()
		set := map[string]any{"keys": []any{map[string]any{"kty": "new"}, jwks(good).Keys[0], jose.JSONWebKey{Key: weak.Public()}}}
		r.host(keyURL, jsonPage(documentOf(keyURL, "token_endpoint_auth_method", "private_key_jwt", "jwks", set)))
		r.redeem(keyURL, r.browser().code(keyURL), shows(good.sign(t, r.claimsOf(keyURL)))...).is200(t)
	})
}

// embedded is an assertion that brings the key it is signed with along.
func embedded(t *testing.T, s *signer, claims map[string]any) string {
	t.Helper()
	key := jose.SigningKey{Algorithm: s.alg, Key: s.key}
	signer, err := jose.NewSigner(key, &jose.SignerOptions{EmbedJWK: true})
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign([]byte(toJSON(t, maps.Clone(claims))))
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Who shows one spent code, or one dead token, over and over with fresh
// assertions does not fill the store with them.
func TestAssertionsForNothing(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"code", "refresh", "revoke"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, limits(authserver.Limits{Token: 20}))
			r.clock.Fix()
			key := eddsa()
			r.signingClient(key)
			in := &session{rig: r, client: keyURL}
			show := func() []string { return shows(key.sign(t, r.claimsOf(keyURL))) }
			code := r.browser().code(keyURL)
			in.take(r.redeem(keyURL, code, show()...))
			revoke := url.Values{"token": {in.refresh}}
			if a := r.browser().post("/revoke", changed(revoke, show())); a.Status != http.StatusOK {
				t.Fatalf("revoke: %d %s", a.Status, a.Body)
			}
			b := r.browser().from("198.51.100.1")
			form := map[string]url.Values{
				"code":    {"grant_type": {"authorization_code"}, "code": {code}, "code_verifier": {verifier}},
				"refresh": {"grant_type": {"refresh_token"}, "refresh_token": {in.refresh}},
				"revoke":  revoke,
			}[path]
			target := "/token"
			if path == "revoke" {
				target = "/revoke"
			}
			before := r.store.count(t, authserver.KindAssertion)
			var last *answer
			for range 60 {
				last = b.post(target, changed(form, show()))
			}
			last.tooMany(t)
			if n := r.store.count(t, authserver.KindAssertion) - before; n > 21 {
				t.Errorf("%d assertions are stored", n)
			}
			// Those who share the address go on.
			other := &session{rig: r, client: keyURL}
			again := r.browser().code(keyURL)
			other.take(b.post("/token", changed(url.Values{"grant_type": {"authorization_code"}, "code": {again}, "code_verifier": {verifier}}, show())))
		})
	}
}
