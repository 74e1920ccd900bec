package authserver_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

// answer is what a request got.
type answer struct {
	Status   int
	Header   http.Header
	Body     string
	Location *url.URL // nil: none
	Cookies  []*http.Cookie
}

// Query returns a parameter of where the answer redirects to.
func (a *answer) Query(name string) string {
	if a.Location == nil {
		return ""
	}
	return a.Location.Query().Get(name)
}

// JSON decodes the body.
func (a *answer) JSON(t testing.TB) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal([]byte(a.Body), &v); err != nil {
		t.Fatalf("status %d, body %q: %v", a.Status, a.Body, err)
	}
	return v
}

var hiddenRequest = regexp.MustCompile(`name="request" value="([^"]+)"`)

// sealed is the hidden field of a consent page.
func (a *answer) sealed(t testing.TB) string {
	t.Helper()
	found := hiddenRequest.FindStringSubmatch(a.Body)
	if a.Status != http.StatusOK || found == nil {
		t.Fatalf("no consent page: %d %s", a.Status, a.Body)
	}
	return html.UnescapeString(found[1])
}

// isError fails unless the answer takes this error to the client, as an
// authorization response should: with iss and the client's state.
func (a *answer) isError(t testing.TB, base, code string) {
	t.Helper()
	if a.Status != http.StatusSeeOther || a.Location == nil {
		t.Fatalf("status %d, body %s, want a redirect with %s", a.Status, a.Body, code)
	}
	want := fmt.Sprintf("error=%s iss=%s state=%s code=", code, base, clientState)
	got := fmt.Sprintf("error=%s iss=%s state=%s code=%s", a.Query("error"), a.Query("iss"), a.Query("state"), a.Query("code"))
	if got != want {
		t.Errorf("redirect has %s (%s), want %s", got, a.Query("error_description"), want)
	}
}

// isPage fails unless the answer is a page of ours with every header of one.
func (a *answer) isPage(t testing.TB, status int) {
	t.Helper()
	if a.Status != status || a.Location != nil {
		t.Fatalf("status %d, location %v, want a page with %d: %s", a.Status, a.Location, status, a.Body)
	}
	want := map[string]string{
		"Content-Type":           "text/html; charset=utf-8",
		"Cache-Control":          "no-store",
		"X-Frame-Options":        "DENY",
		"Referrer-Policy":        "no-referrer",
		"X-Content-Type-Options": "nosniff",
	}
	for name, value := range want {
		if got := a.Header.Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	policy := a.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "style-src 'sha256-"} {
		if !strings.Contains(policy, part) {
			t.Errorf("policy %q lacks %q", policy, part)
		}
	}
	if strings.Contains(policy, "form-action") || strings.Contains(policy, "unsafe") {
		t.Errorf("policy %q", policy)
	}
	if strings.Contains(a.Body, "<script") {
		t.Error("the page has a script")
	}
}
