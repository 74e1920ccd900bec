package authserver_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// TestRefusedPageLeadsBack: the way back is the client's own redirect URI, also
// where that is of an app, and the page names the request.
func TestRefusedPageLeadsBack(t *testing.T) {
	t.Parallel()
	for _, redirect := range []string{clientURIAt, "https://vscode.dev/redirect", "cursor://anysphere.cursor-mcp/oauth/callback"} {
		r := newRig(t, only(authserver.Access{Users: []string{edgeCase}}))
		inner := r.mux
		r.mux = http.NewServeMux()
		r.mux.HandleFunc("/", func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("X-Request-Id", "the-request")
			inner.ServeHTTP(w, req)
		})
		client := r.register("Way back", redirect)
		a := r.browser().signIn(client, "redirect_uri", redirect)
		a.isPage(t, http.StatusForbidden)
		if !strings.Contains(a.Body, `href="`+redirect+"?error=access_denied") {
			t.Errorf("no way back to %s: %s", redirect, a.Body)
		}
		if !strings.Contains(a.Body, "the-request") {
			t.Error("the page does not name the request")
		}
	}
}

// auditTrail collects events.
type auditTrail struct {
	mu     sync.Mutex
	events []authserver.Event
}

func (a *auditTrail) add(_ context.Context, e authserver.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.events = append(a.events, e)
}

func (a *auditTrail) of(user string) (found []authserver.Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.events {
		if e.UserID == user {
			found = append(found, e)
		}
	}
	return found
}

// TestRefusedIsInTheTrail: who was not let in is named, whatever else strangers
// have made the trail leave out.
func TestRefusedIsInTheTrail(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		access authserver.Access
		reason string
	}{
		"not listed": {authserver.Access{Users: []string{edgeCase}}, "not listed"},
		"no role":    {authserver.Access{Roles: role(gophers, roleElse)}, "role missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trail := &auditTrail{}
			r := newRig(t, only(tt.access), func(cfg *authserver.Config) { cfg.Audit = trail.add })
			r.clock.Fix()
			client := r.register("Trail")
			for range 500 {
				r.browser().post("/token", url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}, "client_id": {client}})
			}
			for range 2 {
				r.browser().signIn(client)
			}
			failed := 0
			for _, e := range trail.of(nelly) {
				if e.Type == authserver.EventSignInFailed && strings.Contains(e.Reason, tt.reason) && e.ClientID == client {
					failed++
				}
			}
			if failed != 2 {
				t.Errorf("%d refusals of nelly in the trail, want 2: %+v", failed, trail.of(nelly))
			}
		})
	}
}
