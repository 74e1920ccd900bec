package authserver_test

import (
	"crypto/sha256"
	"encoding/base64"
	"regexp"
	"strings"
	"testing"
)

// The policy names the style sheet by its hash, so the page must hold exactly
// that, and nothing that the policy would block.
func TestPagesFitTheirPolicy(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.register("App", clientURI, "https://app.example/cb")
	pages := map[string]*answer{
		"consent": r.browser().authorize(id),
		"failure": r.browser().authorize("nobody"),
		"onward":  r.browser().authorize(id, "redirect_uri", "https://app.example/cb", "scope", "x"),
	}
	inStyle := regexp.MustCompile(`(?s)<style>(.*)</style>`)
	blocked := regexp.MustCompile(`(?i)<script|<img|<link|<iframe|<object|<base|\sstyle=|\son[a-z]+=|url\(|@import|\ssrc=`)
	for name, a := range pages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := inStyle.FindStringSubmatch(a.Body)
			if found == nil {
				t.Fatalf("no style in %s", a.Body)
			}
			sum := sha256.Sum256([]byte(found[1]))
			want := "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
			if policy := a.Header.Get("Content-Security-Policy"); !strings.Contains(policy, want) {
				t.Errorf("policy %q lacks %q", policy, want)
			}
			if !strings.Contains(found[1], "prefers-color-scheme: dark") {
				t.Error("no dark colors")
			}
			if bad := blocked.FindString(a.Body); bad != "" {
				t.Errorf("the page has %q", bad)
			}
			for _, want := range []string{"<!doctype html>", `<html lang="en">`, "<title>", "width=device-width", "</html>"} {
				if !strings.Contains(a.Body, want) {
					t.Errorf("the page lacks %q", want)
				}
			}
		})
	}
}
