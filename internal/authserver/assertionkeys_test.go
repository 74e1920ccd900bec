package authserver_test

import (
	"net/http"
	"testing"
	"time"
)

// A document that names another place for its keys ends the old ones, though
// their place goes on serving them and nobody signs in anew.
func TestKeysPlaceIsRevoked(t *testing.T) {
	t.Parallel()
	const elsewhere = "https://app.example.org/oauth/new-keys.json"
	r := newRig(t)
	stolen, next := es256(), rs256()
	show := func(s *signer) []string { return shows(s.sign(t, r.claimsOf(keyURL))) }
	r.host(keyURL, jsonPage(documentOf(keyURL, "token_endpoint_auth_method", "private_key_jwt", "jwks_uri", keysURL)))
	r.host(keysURL, jsonPage(jwks(stolen)))
	in := &session{rig: r, client: keyURL}
	in.take(r.redeem(keyURL, r.browser().code(keyURL), show(stolen)...))
	r.host(elsewhere, jsonPage(jwks(next)))
	r.host(keyURL, jsonPage(documentOf(keyURL, "token_endpoint_auth_method", "private_key_jwt", "jwks_uri", elsewhere)))
	r.clock.Add(25 * time.Hour)
	in.renew(show(stolen)...).is(t, http.StatusBadRequest, "invalid_client")
	in.take(in.renew(show(next)...))
}

// Keys that cannot be fetched any more are good for a week, then nothing is
// known: 503, and the sign-in outlives it.
func TestKeysOfAHostThatIsGone(t *testing.T) {
	t.Parallel()
	for name, inDocument := range map[string]bool{"in the document": true, "at a place of their own": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			key := es256()
			show := func() []string { return shows(key.sign(t, r.claimsOf(keyURL))) }
			back := func() {
				if r.signingClient(key); !inDocument {
					r.host(keyURL, jsonPage(documentOf(keyURL, "token_endpoint_auth_method", "private_key_jwt", "jwks_uri", keysURL)))
					r.host(keysURL, jsonPage(jwks(key)))
				}
			}
			back()
			in := &session{rig: r, client: keyURL}
			in.take(r.redeem(keyURL, r.browser().code(keyURL), show()...))
			r.host(keyURL, http.NotFound)
			r.host(keysURL, http.NotFound)
			r.clock.Add(6 * 24 * time.Hour)
			in.take(in.renew(show()...))
			r.clock.Add(3 * 24 * time.Hour)
			if a := in.renew(show()...); a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
				t.Fatalf("after nine days: %d %s", a.Status, a.Body)
			}
			back()
			r.clock.Add(2 * time.Second)
			in.take(in.renew(show()...))
		})
	}
}

// A client that has changed its key just when its host does not answer is not
// told that it is the wrong one: it would throw its sign-in away.
func TestNewKeyWhileHostIsAway(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	old, next := es256(), es256()
	next.kid = "next"
	r.signingClient(old)
	in := &session{rig: r, client: keyURL}
	in.take(r.redeem(keyURL, r.browser().code(keyURL), shows(old.sign(t, r.claimsOf(keyURL)))...))
	r.host(keyURL, http.NotFound)
	r.clock.Add(2 * time.Minute)
	if a := in.renew(shows(next.sign(t, r.claimsOf(keyURL)))...); a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Fatalf("%d %s", a.Status, a.Body)
	}
	r.signingClient(next)
	r.clock.Add(2 * time.Second)
	in.take(in.renew(shows(next.sign(t, r.claimsOf(keyURL)))...))
}
