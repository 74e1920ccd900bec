package client_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// kinds are the events so far.
func (r *rig) kinds() []client.EventKind {
	r.mu.Lock()
	defer r.mu.Unlock()
	var kinds []client.EventKind
	for _, e := range r.events {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

func TestEventsOfSignIn(t *testing.T) {
	t.Parallel()
	r := newRig(t, newFake(t))
	r.connect(t)
	steps := []client.EventKind{client.EventDiscovered, client.EventRegistered, client.EventSignIn, client.EventReturned, client.EventSignedIn}
	if got := r.kinds(); !slices.Equal(got, steps) {
		t.Errorf("events %q, want %q", got, steps)
	}
	want(t, "authorization server", r.events[0].URL, r.fake.URL)
}

func TestAskFirst(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.AskFirst = true
	conn := r.connect(t)
	want(t, "browsers of Connect", r.opened(), 1)

	_, err := conn.Call(t.Context(), client.Call{Name: "list_guilds"})
	own := wantKind(t, err, client.KindAuth)
	want(t, "a sign-in helps", own.SignIn, true)
	if !slices.Equal(own.Scopes, []string{"guilds"}) {
		t.Errorf("scopes %q", own.Scopes)
	}
	want(t, "browsers", r.opened(), 1)
	if err := conn.SignIn(t.Context(), own.Scopes); err != nil {
		t.Fatal(explain(err))
	}
	want(t, "browsers", r.opened(), 2)
	want(t, "scope", f.forms["/authorize"][len(f.forms["/authorize"])-1].Get("scope"), "identify guilds")
	call(t, conn, "list_guilds")

	// A sign-in that has ended is an error too, and a new one helps.
	f.set(func() { clear(f.access); clear(f.refresh) })
	_, err = conn.Call(t.Context(), client.Call{Name: "echo"})
	want(t, "a sign-in helps", wantKind(t, err, client.KindAuth).SignIn, true)
	if err := conn.SignIn(t.Context(), nil); err != nil {
		t.Fatal(explain(err))
	}
	call(t, conn, "echo")
	want(t, "browsers", r.opened(), 3)
}

func TestRefusalThatNoSignInHelps(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.AskFirst = true
	conn := r.connect(t)
	f.set(func() { f.on["/mcp"] = status(http.StatusForbidden) })
	_, err := conn.Call(t.Context(), client.Call{Name: "echo"})
	want(t, "a sign-in helps", wantKind(t, err, client.KindAuth).SignIn, false)
}

func TestRenew(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	conn := r.connect(t)
	before := conn.Identity().Expiry
	r.advance(time.Minute)
	if err := conn.Renew(t.Context()); err != nil {
		t.Fatal(explain(err))
	}
	want(t, "refreshes", f.refreshes(), 1)
	if after := conn.Identity().Expiry; !after.After(before) {
		t.Errorf("the token ended at %v, and now at %v", before, after)
	}
	call(t, conn, "echo")

	f.set(func() { clear(f.refresh) })
	want(t, "a sign-in helps", wantKind(t, conn.Renew(t.Context()), client.KindAuth).SignIn, true)
}

func TestSignOutOfConn(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.AskFirst = true
	conn := r.connect(t)
	if err := conn.SignOut(t.Context()); err != nil {
		t.Fatal(explain(err))
	}
	want(t, "issuer", conn.Identity().Issuer, "")
	want(t, "saved", r.saved(t) == nil, true)
	want(t, "revocations", f.count("/revoke"), 1)
	_, err := conn.Call(t.Context(), client.Call{Name: "echo"})
	want(t, "a sign-in helps", wantKind(t, err, client.KindAuth).SignIn, true)
	wantKind(t, conn.Renew(t.Context()), client.KindAuth)
	if err := conn.SignIn(t.Context(), nil); err != nil {
		t.Fatal(explain(err))
	}
	call(t, conn, "echo")
	want(t, "browsers", r.opened(), 2)
}

func TestAskedWithGivenToken(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.access["given"] = []string{"identify"}
	r := newRig(t, f)
	r.AccessToken = "given"
	conn := r.connect(t)
	for name, err := range map[string]error{
		"sign in": conn.SignIn(t.Context(), nil), "renew": conn.Renew(t.Context()), "sign out": conn.SignOut(t.Context()),
	} {
		var own *client.Error
		if !errors.As(err, &own) || own.Kind != client.KindUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
	call(t, conn, "echo")
}

func TestPing(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	conn := newRig(t, f).connect(t)
	if err := conn.Ping(t.Context()); err != nil {
		t.Error(explain(err))
	}
	f.set(func() { f.on["/mcp"] = status(http.StatusServiceUnavailable) })
	wantKind(t, conn.Ping(t.Context()), client.KindUnavailable)
	f.set(func() { delete(f.on, "/mcp") })
	if err := conn.Ping(t.Context()); err != nil {
		t.Error(explain(err))
	}
}

// answerer is a server without a network between: time in a bubble goes on.
type answerer func(req *http.Request) (*http.Response, error)

func (a answerer) RoundTrip(req *http.Request) (*http.Response, error) { return a(req) }

// TestPingHangs: a sign of life needs no work, so nobody waits for it as long as
// for a call.
func TestPingHangs(t *testing.T) {
	t.Parallel()
	e := newEra(t, answered{200, fmt.Sprintf(discovered, `"2026-07-28"`)})
	synctest.Test(t, func(t *testing.T) {
		hangs := false
		conn, err := client.Connect(t.Context(), client.Config{Server: "http://localhost/mcp", Timeout: time.Minute, Transport: answerer(func(req *http.Request) (*http.Response, error) {
			if hangs {
				<-req.Context().Done()
				return nil, req.Context().Err()
			}
			rec := httptest.NewRecorder()
			e.ServeHTTP(rec, req)
			return rec.Result(), nil
		})})
		if err != nil {
			t.Fatal(explain(err))
		}
		defer conn.Close()
		hangs = true
		began := time.Now()
		own := wantKind(t, conn.Ping(t.Context()), client.KindUnavailable)
		want(t, "message", own.Message, "http://localhost/mcp gave no sign of life within 10s")
		want(t, "time", time.Since(began), 10*time.Second)
	})
}
