package authserver

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"time"
)

const (
	browserCookieTTL = time.Hour  // outlives every consent page that is bound to it
	stateCookieTTL   = requestTTL // Discord's sign-in takes no longer
	maxStates        = 5          // sign-ins that one browser has under way
	secretBytes      = 32
	encodedSecret    = 43 // secretBytes in base64url
	maxCookieReads   = 8  // cookies of one name that are looked at
)

// randomSecret is 256 random bits in base64url.
func randomSecret() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails
	return base64.RawURLEncoding.EncodeToString(b)
}

// mac is HMAC-SHA256 over a label and parts, of which only the last may vary
// in length, in base64url.
func mac(key []byte, label string, parts ...[]byte) string {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(label))
	h.Write([]byte{0})
	for _, part := range parts {
		h.Write(part)
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// cookieName: on https the prefix __Host- makes a browser refuse the cookie
// from anyone but this very host. Cookies do not heed the port, so on loopback
// the name contains it, and several servers on one computer do not disturb
// each other.
func (s *Server) cookieName(name string) string {
	switch {
	case s.base.Secure:
		return "__Host-mcpd_" + name
	case s.base.Port != "":
		return "mcpd_" + name + "_" + s.base.Port
	}
	return "mcpd_" + name
}

func (s *Server) setCookie(w http.ResponseWriter, name, value string, ttl time.Duration) {
	maxAge := int(ttl / time.Second)
	if value == "" {
		maxAge = -1
	}
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure wherever the base URL is https
		Name:     s.cookieName(name),
		Value:    value,
		Path:     "/",
		MaxAge:   maxAge,
		Secure:   s.base.Secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	})
}

// cookies returns the values of a cookie. A browser may send several of one
// name; which of them is ours, only their use tells.
func (s *Server) cookies(r *http.Request, name string) []string {
	var values []string
	for _, c := range r.CookiesNamed(s.cookieName(name)) {
		if len(values) < maxCookieReads {
			values = append(values, c.Value)
		}
	}
	return values
}

// browsers returns the secrets that may stand for this browser: one, as a rule.
func (s *Server) browsers(r *http.Request) []string {
	var secrets []string
	for _, value := range s.cookies(r, "browser") {
		if raw, err := base64.RawURLEncoding.DecodeString(value); err == nil && len(raw) == secretBytes {
			secrets = append(secrets, value)
		}
	}
	return secrets
}

// ensureBrowser gives the browser a secret, or prolongs the one that it has:
// several consent pages may be open at once.
func (s *Server) ensureBrowser(w http.ResponseWriter, r *http.Request) string {
	secret := randomSecret()
	if have := s.browsers(r); len(have) > 0 {
		secret = have[0]
	}
	s.setCookie(w, "browser", secret, browserCookieTTL)
	return secret
}

// stateMark is what the state cookie holds of a state that Discord gets: the
// state itself is in Discord's URL, which can be passed on; this is not.
func (k *keys) stateMark(state string) string {
	return mac(k.browser, "state", []byte(state))
}

// states are the marks in the browser's state cookies, newest first.
func (s *Server) states(r *http.Request) []string {
	var marks []string
	for _, value := range s.cookies(r, "state") {
		for mark := range strings.SplitSeq(value, ".") {
			if len(marks) < maxStates && len(mark) == encodedSecret {
				marks = append(marks, mark)
			}
		}
	}
	return marks
}

// hasState says whether this browser was sent to Discord with this state.
func (s *Server) hasState(r *http.Request, state string) bool {
	found := false
	for _, k := range s.keys.all {
		want := []byte(k.stateMark(state))
		for _, mark := range s.states(r) {
			found = hmac.Equal([]byte(mark), want) || found
		}
	}
	return found
}

// addState lets the browser return from Discord with this state. It forgets
// the oldest of too many.
func (s *Server) addState(w http.ResponseWriter, r *http.Request, state string) {
	mark := s.keys.stateMark(state)
	marks := append([]string{mark}, without(s.states(r), mark)...)
	marks = marks[:min(len(marks), maxStates)]
	s.setCookie(w, "state", strings.Join(marks, "."), stateCookieTTL)
}

// dropState ends it.
func (s *Server) dropState(w http.ResponseWriter, r *http.Request, state string) {
	marks := s.states(r)
	for _, k := range s.keys.all {
		marks = without(marks, k.stateMark(state))
	}
	s.setCookie(w, "state", strings.Join(marks, "."), stateCookieTTL)
}

func without(marks []string, mark string) []string {
	var rest []string
	for _, m := range marks {
		if m != mark {
			rest = append(rest, m)
		}
	}
	return rest
}
