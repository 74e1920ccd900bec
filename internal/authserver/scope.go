package authserver

import (
	"net/http"
	"slices"
	"strings"
)

// maxScope bounds a scope parameter, in bytes.
const maxScope = 1024

// parseScope splits a scope parameter (RFC 6749 §3.3) into its tokens, sorted
// and without repetition. An empty one is nil. The error is an invalid_scope
// *Error.
func parseScope(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	if len(s) > maxScope {
		return nil, errInvalidScope("scope is too long")
	}
	scopes := strings.Split(s, " ")
	for _, scope := range scopes {
		if !scopeToken(scope) {
			return nil, errInvalidScope("scope is malformed")
		}
	}
	return union(scopes, nil), nil
}

// scopeToken says whether s is a scope-token: printable ASCII but space, quote
// and backslash.
func scopeToken(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}

func errInvalidScope(description string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "invalid_scope", Description: description}
}

// formatScope is the inverse of parseScope.
func formatScope(scopes []string) string { return strings.Join(scopes, " ") }

// covers says whether have includes all of want.
func covers(have, want []string) bool {
	for _, scope := range want {
		if !slices.Contains(have, scope) {
			return false
		}
	}
	return true
}

// union returns what is in a or b, sorted and without repetition.
func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// intersect returns what is in a and b, sorted and without repetition.
func intersect(a, b []string) []string {
	var both []string
	for _, scope := range a {
		if slices.Contains(b, scope) {
			both = append(both, scope)
		}
	}
	return union(both, nil)
}
