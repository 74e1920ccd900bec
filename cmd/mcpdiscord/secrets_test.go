package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// secretNames are the parameters, JSON members and form fields whose values
// nobody may read afterwards.
var secretNames = []string{"code", "state", "code_verifier", "access_token", "refresh_token", "token", "client_secret", "client_assertion", "request"}

// windowSize is how much of a secret is too much, in bytes.
const windowSize = 16

// secretsSeen are the secrets that passed by, by what they are, and what a
// person was shown when something went wrong.
type secretsSeen struct {
	mu     sync.Mutex
	values map[string]string
	pages  bytes.Buffer
}

func (s *secretsSeen) add(what, value string) {
	if strings.HasPrefix(value, "mcpd_rt_") {
		const grantAndGeneration = 8 + 27 // the grant's id is no secret
		value = value[min(len(value), grantAndGeneration):]
	}
	if len(value) < windowSize {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[value] = what
}

func (s *secretsSeen) addValues(where string, values url.Values) {
	for _, name := range secretNames {
		for _, value := range values[name] {
			s.add(where+" "+name, value)
		}
	}
}

func (s *secretsSeen) addCookies(cookies []*http.Cookie) {
	for _, cookie := range cookies {
		if cookie.Name != "discord_emulator_user" { // a user's id
			s.add("cookie", cookie.Value)
		}
	}
}

var hiddenField = regexp.MustCompile(`name="(\w+)" value="([^"]+)"`)

// RoundTrip implements [http.RoundTripper]: it collects what passes.
func (s *secretsSeen) RoundTrip(r *http.Request) (*http.Response, error) {
	s.addValues("query", r.URL.Query())
	for _, value := range r.Header["Authorization"] {
		_, token, _ := strings.Cut(value, " ")
		s.add("credentials", token)
	}
	s.addCookies(r.Cookies())
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		if form, err := url.ParseQuery(string(body)); err == nil {
			s.addValues("form", form)
		}
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	s.addCookies(response.Cookies())
	if location, err := response.Location(); err == nil {
		s.addValues("redirect", location.Query())
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	_ = response.Body.Close()
	response.Body = io.NopCloser(bytes.NewReader(body))
	for _, field := range hiddenField.FindAllStringSubmatch(string(body), -1) {
		s.addValues("page", url.Values{field[1]: {field[2]}})
	}
	var object map[string]any
	if json.Unmarshal(body, &object) == nil {
		for name, value := range object {
			s.addValues("answer", url.Values{name: {fmt.Sprint(value)}})
		}
	}
	if response.StatusCode >= 400 {
		s.mu.Lock()
		s.pages.Write(body)
		s.mu.Unlock()
	}
	return response, nil
}

// leaks are the kinds of secrets of which 16 bytes are in text.
func (s *secretsSeen) leaks(text []byte) []string {
	windows := map[string]struct{}{}
	for i := range len(text) - windowSize + 1 {
		windows[string(text[i:i+windowSize])] = struct{}{}
	}
	found := map[string]bool{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for value, what := range s.values {
		for i := range len(value) - windowSize + 1 {
			if _, there := windows[value[i:i+windowSize]]; there {
				found[what] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// TestNoSecretIsSeen lives a whole life, with everything that goes wrong in it,
// and looks for each secret of it in all that an operator or a stranger sees.
func TestNoSecretIsSeen(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, format string
		proxy, redis bool
	}{{"text", "text", false, false}, {"json", "json", false, false}, {"proxy", "json", true, false}, {"redis", "text", false, true}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seen := &secretsSeen{values: map[string]string{}}
			life := newSecretLife(t, seen, tt.format, tt.proxy, tt.redis)
			life.live()
			outputs := life.end()
			for _, needed := range []string{"credentials", "cookie", "query code", "query state", "form code_verifier", "form token", "page request", "answer access_token", "answer refresh_token", "form refresh_token", "form client_assertion", "signature", "signing key"} {
				if !slices.Contains(slices.Collect(maps.Values(seen.values)), needed) {
					t.Errorf("no %s passed by: the test is blind", needed)
				}
			}
			for name, text := range outputs {
				if len(text) < 100 {
					t.Errorf("%s: nothing to look at: %q", name, text)
				}
				if leaks := seen.leaks(text); len(leaks) > 0 {
					t.Errorf("%s has a %s:\n%s", name, strings.Join(leaks, ", a "), text)
				}
			}
			if seen.leaks([]byte("… "+life.last.AccessToken)) == nil {
				t.Error("a leak would not be found")
			}
		})
	}
}
