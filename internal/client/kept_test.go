package client_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// The tests here hold that a sign-in is not lost, and not asked for twice.

// full is a cache on a disk that is full while set.
type full struct {
	client.Cache
	set *bool
}

func (c full) Save(ctx context.Context, session *tokencache.Session) error {
	if *c.set {
		return &tokencache.Error{Message: "the session cannot be saved: no space left on device", Hint: "make room"}
	}
	return c.Cache.Save(ctx, session)
}

// The disk is full when the access token ends: the refresh token, good for one
// use, is not used.
func TestFullDiskKeepsTheSignIn(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	var set bool
	r.Cache, r.SignIn, set = full{r.Cache, &set}, false, true
	r.advance(2 * time.Hour)
	_, err := client.Connect(t.Context(), r.Config)
	own := wantKind(t, err, client.KindFailure)
	want(t, "message", own.Message, "the session cannot be saved: no space left on device")
	want(t, "refreshes", f.refreshes(), 0)
	set = false
	call(t, r.connect(t), "echo")
}

// A sign-in that cannot be saved is of use to nobody: it does not live on at the
// server, and the reason is all that is said.
func TestUnsavedSignInIsRevoked(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	set := true
	r.Cache = full{r.Cache, &set}
	if conn, err := client.Connect(t.Context(), r.Config); err == nil {
		_ = conn.Close()
		t.Fatal("a sign-in that was not saved counts as one")
	}
	want(t, "revocations", f.count("/revoke"), 1)
}

// noLocks is a cache on a disk where nothing can be written.
type noLocks struct{ client.Cache }

func (noLocks) Lock(context.Context, tokencache.Key) (func(), error) {
	return nil, &tokencache.Error{Message: "the lock cannot be saved: read-only file system"}
}

// A lock that cannot be had at all is not one that another process has.
func TestNoLockIsNotWaiting(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.Cache = noLocks{r.Cache}
	_, err := client.Connect(t.Context(), r.Config)
	own := wantKind(t, err, client.KindFailure)
	want(t, "message", own.Message, "the lock cannot be saved: read-only file system")
	want(t, "waited", slices.Contains(r.kinds(), client.EventWaiting), false)
	want(t, "browsers", r.opened(), 0)
}

// interrupting is a cache whose user presses Ctrl-C when tokens have arrived.
type interrupting struct {
	client.Cache
	press context.CancelFunc
}

func (c interrupting) Save(ctx context.Context, session *tokencache.Session) error {
	c.press()
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.Cache.Save(ctx, session)
}

// Ctrl-C between the token endpoint's answer and saving it.
func TestInterruptKeepsTokens(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	r.Cache = interrupting{r.Cache, cancel}
	if conn, err := client.Connect(ctx, r.Config); err == nil {
		_ = conn.Close()
	}
	if session := r.saved(t); session == nil || session.AccessToken == "" {
		t.Error("the sign-in was lost")
	}
}

// A token endpoint that refuses in a way that nobody knows (it moved, say):
// nothing is forgotten, call says what to do, and connect does it.
func TestUnknownRefusal(t *testing.T) {
	t.Parallel()
	for name, refuse := range map[string]http.HandlerFunc{
		"moved": http.NotFound,
		"unknown": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusBadRequest)
			_, _ = w.Write([]byte(`{"error":"invalid_request"}`))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			r := newRig(t, f)
			r.connect(t)
			r.advance(2 * time.Hour)
			f.set(func() {
				f.on["/token"] = refuse
				f.on["/moved"] = func(w http.ResponseWriter, req *http.Request) {
					body, _ := io.ReadAll(req.Body)
					form, _ := url.ParseQuery(string(body))
					f.token(w, req, form)
				}
				f.meta["token_endpoint"] = f.URL + "/moved"
				clear(f.access)
			})
			r.SignIn = false
			_, err := client.Connect(t.Context(), r.Config)
			want(t, "hint", wantKind(t, err, client.KindAuth).Hint, "run {program} connect "+f.URL+"/mcp")
			if r.saved(t).RefreshToken == "" {
				t.Error("the refresh token was forgotten")
			}
			r.SignIn = true
			call(t, r.connect(t), "echo")
			want(t, "browsers", r.opened(), 2)
			want(t, "requests to the old endpoint", f.count("/token"), 4) // the code, call's, and two of connect's
		})
	}
}

// The list of servers is gone, the sign-in is not: connect finds it, without
// a browser even when the access token has ended.
func TestSignInFoundAgain(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	if err := r.cache.Forget(f.URL + "/mcp"); err != nil {
		t.Fatal(err)
	}
	r.advance(2 * time.Hour)
	call(t, r.connect(t), "echo")
	want(t, "browsers", r.opened(), 1)
	want(t, "refreshes", f.refreshes(), 1)
	r.SignIn = false
	call(t, r.connect(t), "echo")
}

// Found again, and worth nothing: then the browser.
func TestSignInFoundAgainAndOver(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	if err := r.cache.Forget(f.URL + "/mcp"); err != nil {
		t.Fatal(err)
	}
	r.advance(2 * time.Hour)
	f.set(func() { clear(f.refresh) })
	call(t, r.connect(t), "echo")
	want(t, "browsers", r.opened(), 2)
	want(t, "registrations", f.count("/register"), 1)
}

// A server whose resource is its whole origin: its sign-in is found where it
// was saved, and no keychain is asked for it.
func TestStoreOfAnotherResource(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.set(func() {
		f.prm["resource"] = f.URL
		f.on["/.well-known/oauth-protected-resource"] = func(w http.ResponseWriter, _ *http.Request) {
			f.json(w, 200, map[string]any{"resource": f.URL, "authorization_servers": []string{f.URL}})
		}
		f.on["/.well-known/oauth-protected-resource/mcp"] = http.NotFound
		f.on["/mcp"] = func(w http.ResponseWriter, req *http.Request) {
			if _, ok := f.access[strings.TrimPrefix(req.Header.Get("Authorization"), "Bearer ")]; ok {
				f.mcp.ServeHTTP(w, req)
				return
			}
			w.WriteHeader(http.StatusUnauthorized)
		}
		f.on["/token"] = func(w http.ResponseWriter, _ *http.Request) {
			f.set(func() { f.access["known"] = nil })
			f.json(w, 200, map[string]any{"access_token": "known", "token_type": "Bearer", "expires_in": 3600})
		}
	})
	r := newRig(t, f)
	r.connect(t)
	dir := t.TempDir()
	probes := 0
	open := func(store tokencache.Store) *tokencache.Cache {
		cache, err := tokencache.Open(tokencache.Config{
			StateDir: dir, ConfigDir: filepath.Join(dir, "config"), Store: store,
			Probe: func(context.Context) (bool, error) { probes++; return false, errors.New("probed") },
		})
		if err != nil {
			t.Fatal(err)
		}
		return cache
	}
	r.Cache = open(tokencache.StoreFile)
	r.connect(t)
	r.Cache, r.SignIn = open(tokencache.StoreAuto), false
	call(t, r.connect(t), "echo")
	want(t, "keychains asked for", probes, 0)
	want(t, "browsers", r.opened(), 2)
	if err := client.Logout(t.Context(), r.Config); err != nil {
		t.Fatal(explain(err))
	}
	if strings.Contains(disk(t, dir), "127.0.0.1") {
		t.Error("something is left on disk")
	}
}

// The server last connected to is that, not the one last signed in to.
func TestLastConnected(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	r.advance(time.Minute)
	r.connect(t)
	server, _, err := r.cache.Server(f.URL + "/mcp")
	if err != nil || !server.LastConnected.Equal(r.Now()) {
		t.Errorf("last connected %s, now is %s (%v)", server.LastConnected, r.Now(), err)
	}
	want(t, "user", server.User, "Nelly")
}
