package client_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// Without a cache the sign-in lasts as long as the connection.
func TestWithoutCache(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.Cache = nil
	conn := r.connect(t)
	r.advance(2 * time.Hour)
	f.set(func() { clear(f.access) })
	callAll(t, conn, "echo")
	want(t, "refreshes", f.refreshes(), 1)
	want(t, "browsers", r.opened(), 1)
	f.set(func() { clear(f.access); clear(f.refresh) })
	call(t, conn, "echo")
	want(t, "registrations", f.count("/register"), 1)
}

// locked is a keychain that nobody opens.
type locked struct{ client.Cache }

func (locked) Load(context.Context, tokencache.Key) (*tokencache.Session, error) {
	return nil, &tokencache.Error{Kind: []error{tokencache.ErrKeychain}, Message: "the keychain is locked", Hint: "--token-store file"}
}

func (l locked) Unlock(ctx context.Context, key tokencache.Key) error {
	_, err := l.Load(ctx, key)
	return err
}

// A locked keychain is told before any browser opens, and nothing goes around
// it.
func TestLockedKeychain(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.Cache = locked{r.Cache}
	_, err := client.Connect(t.Context(), r.Config)
	own := wantKind(t, err, client.KindAuth)
	want(t, "hint", own.Hint, "--token-store file")
	want(t, "browsers", r.opened(), 0)
	if !errors.Is(err, tokencache.ErrKeychain) {
		t.Error("the cause is lost")
	}
}

// A call that only needs a refresh does not wait for ever for a process that
// is in the browser.
func TestRenewalBehindASignIn(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	conn := r.connect(t)
	_ = conn
	r.Timeout, r.SignIn = time.Second, false
	other := r.connect(t)
	unlock, err := r.cache.Lock(t.Context(), r.saved(t).Key())
	if err != nil {
		t.Fatal(err)
	}
	r.advance(2 * time.Hour)
	_, err = other.Call(t.Context(), client.Call{Name: "echo"})
	own := wantKind(t, err, client.KindUnavailable)
	want(t, "message", own.Message, "another process is signing in to "+f.URL+"/mcp")
	unlock()
	r.Timeout = 20 * time.Second
	call(t, r.connect(t), "echo")
}

// The server forgets the registration between its page and its token endpoint:
// one new registration, one more browser, done.
func TestRegistrationLostAtTheExchange(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	f.set(func() {
		clear(f.access)
		n := 0
		f.on["/token"] = func(w http.ResponseWriter, _ *http.Request) {
			if n++; n == 2 {
				f.set(func() { delete(f.on, "/token") })
			}
			f.json(w, 401, map[string]string{"error": map[int]string{1: "invalid_grant", 2: "invalid_client"}[n]})
		}
	})
	call(t, r.connect(t), "echo")
	want(t, "registrations", f.count("/register"), 2)
	want(t, "browsers", r.opened(), 3)
}

// What a name resolves to is looked at when it is dialed.
func TestAttack24DialedAddresses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		server, resolved string
		ok               bool
	}{
		{"https://example.com/mcp", "93.184.216.34:443", true},
		{"https://example.com/mcp", "[2606:2800:220:1::1]:443", true},
		{"https://example.com/mcp", "127.0.0.1:443", false},
		{"https://example.com/mcp", "[::1]:443", false},
		{"https://example.com/mcp", "[::ffff:127.0.0.1]:443", false},
		{"https://example.com/mcp", "10.0.0.1:443", false},
		{"https://example.com/mcp", "172.16.0.1:443", false},
		{"https://example.com/mcp", "192.168.0.1:443", false},
		{"https://example.com/mcp", "169.254.169.254:80", false},
		{"https://example.com/mcp", "100.64.0.1:443", false},
		{"https://example.com/mcp", "0.0.0.0:443", false},
		{"https://example.com/mcp", "224.0.0.1:443", false},
		{"https://example.com/mcp", "255.255.255.255:443", false},
		{"https://example.com/mcp", "[fe80::1%eth0]:443", false},
		{"https://example.com/mcp", "[fc00::1]:443", false},
		{"https://example.com/mcp", "[64:ff9b::7f00:1]:443", false},
		{"https://example.com/mcp", "[2002:7f00:1::]:443", false},
		{"https://192.168.0.9/mcp", "192.168.0.1:443", false},
		{"https://192.168.0.9/mcp", "127.0.0.1:443", false},
		{"http://localhost:8000/mcp", "127.0.0.1:8000", true},
		{"http://localhost:8000/mcp", "[::1]:8000", true},
		{"http://localhost:8000/mcp", "10.0.0.1:443", false},
	} {
		err := client.Permit(test.server, test.resolved)
		want(t, test.server+" dials "+test.resolved, err == nil, test.ok)
	}
}
