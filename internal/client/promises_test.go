package client_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// The tests here are named after the promises of the command line.

// manual is a browser in the test's hands: it gets the URLs and does nothing.
func (r *rig) manual() <-chan string {
	urls := make(chan string, 4)
	r.OpenBrowser = func(_ context.Context, address string) error { urls <- address; return nil }
	return urls
}

// connecting connects in the background.
func (r *rig) connecting(t *testing.T) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		conn, err := client.Connect(t.Context(), r.Config)
		if err == nil {
			err = conn.Close()
		}
		done <- err
	}()
	return done
}

// answerOf asks the fake for the redirect that it sends a browser to.
func answerOf(t *testing.T, address string) *url.URL {
	t.Helper()
	stay := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := stay.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	to, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	return to
}

func TestPromise1StrayCallbacks(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	urls := r.manual()
	done := r.connecting(t)
	good := answerOf(t, <-urls)
	change := func(edit func(q url.Values)) string {
		u, q := *good, good.Query()
		edit(q)
		u.RawQuery = q.Encode()
		return u.String()
	}
	root := "http://" + good.Host
	for _, test := range []struct{ name, method, address, host string }{
		{"wrong state", "GET", change(func(q url.Values) { q.Set("state", "x") }), ""},
		{"missing state", "GET", change(func(q url.Values) { q.Del("state") }), ""},
		{"two states", "GET", change(func(q url.Values) { q.Add("state", q.Get("state")) }), ""},
		{"no code", "GET", change(func(q url.Values) { q.Del("code") }), ""},
		{"bad query", "GET", good.String() + "&%zz", ""},
		{"another path", "GET", root + "/other", ""},
		{"icon", "GET", root + "/favicon.ico", ""},
		{"result page", "GET", root + "/result/x", ""},
		{"post", "POST", good.String(), ""},
		{"head", "HEAD", good.String(), ""},
		{"another host", "GET", good.String(), "evil.example"},
		{"localhost", "GET", good.String(), "localhost:" + good.Port()},
	} {
		req, err := http.NewRequestWithContext(t.Context(), test.method, test.address, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = test.host
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode < 400 || resp.StatusCode > 499 {
			t.Errorf("%s: status %d", test.name, resp.StatusCode)
		}
	}
	want(t, "codes redeemed", f.count("/token"), 0)

	// The login goes on; a second hit while the code is exchanged is refused.
	release := make(chan struct{})
	f.set(func() {
		f.on["/token"] = func(w http.ResponseWriter, req *http.Request) {
			<-release
			_ = req.ParseForm()
			f.token(w, req, req.PostForm)
		}
	})
	first := make(chan string, 1)
	go func() {
		page, _, _ := get(t.Context(), good.String())
		first <- page
	}()
	poll(t, func() bool { return f.count("/token") == 1 })
	_, resp, err := get(t.Context(), good.String())
	if err != nil {
		t.Fatal(err)
	}
	want(t, "second hit", resp.StatusCode, http.StatusGone)
	close(release)
	if err := <-done; err != nil {
		t.Fatal(explain(err))
	}
	if page := <-first; !strings.Contains(page, "Signed in as Nelly") {
		t.Errorf("last page:\n%s", page)
	}
}

func TestPromise2LastPage(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	urls := r.manual()
	release := make(chan struct{})
	f.set(func() {
		f.on["/token"] = func(w http.ResponseWriter, _ *http.Request) {
			<-release
			f.json(w, 400, map[string]string{"error": "invalid_request", "error_description": "<script>alert(1)</script>\x1b[2J"})
		}
	})
	done := r.connecting(t)
	good := answerOf(t, <-urls)
	stay := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := stay.Get(good.String())
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	want(t, "status", resp.StatusCode, http.StatusSeeOther)
	to, err := resp.Location()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(to.String(), good.Query().Get("code")) || to.RawQuery != "" {
		t.Errorf("the code stays in the address bar: %s", to)
	}
	type answer struct {
		page string
		resp *http.Response
	}
	last := make(chan answer, 1)
	go func() {
		page, resp, err := get(t.Context(), to.String())
		if err != nil {
			t.Error(err)
		}
		last <- answer{page, resp}
	}()
	poll(t, func() bool { return f.count("/token") == 1 })
	select {
	case a := <-last:
		t.Fatalf("the page did not wait for the exchange:\n%s", a.page)
	default:
	}
	close(release)
	a := <-last
	own := wantKind(t, <-done, client.KindAuth)
	if strings.ContainsAny(own.Message, "\x1b") || !strings.Contains(own.Message, "␛") {
		t.Errorf("message %q", own.Message)
	}
	for _, part := range []string{"You are not signed in", "&lt;script&gt;alert(1)", `name="viewport"`, "prefers-color-scheme:dark"} {
		if !strings.Contains(a.page, part) {
			t.Errorf("the page lacks %q:\n%s", part, a.page)
		}
	}
	if strings.Contains(a.page, "<script") {
		t.Errorf("the page runs a script:\n%s", a.page)
	}
	for name, value := range map[string]string{"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"} {
		want(t, name, a.resp.Header.Get(name), value)
		want(t, name+" of the redirect", resp.Header.Get(name), value)
	}
	policy := a.resp.Header.Get("Content-Security-Policy")
	if !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("policy %q", policy)
	}
}

func TestPromise4TwoLogins(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	one := newRig(t, f)
	urls := one.manual()
	first := one.connecting(t)
	address := <-urls
	two := newRig(t, f)
	two.Cache = one.Cache
	waits := make(chan struct{}, 1)
	two.Events = func(e client.Event) {
		if e.Kind == client.EventWaiting {
			waits <- struct{}{}
		}
	}
	second := two.connecting(t)
	<-waits
	if _, _, err := get(t.Context(), address); err != nil {
		t.Fatal(err)
	}
	for _, done := range []<-chan error{first, second} {
		if err := <-done; err != nil {
			t.Error(explain(err))
		}
	}
	want(t, "browsers of the second", two.opened(), 0)
	want(t, "sign-ins", f.count("/authorize"), 1)
	want(t, "registrations", f.count("/register"), 1)
}

func TestPromise5NeverALoop(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	f.set(func() {
		clear(f.access)
		f.on["/token"] = func(w http.ResponseWriter, _ *http.Request) {
			f.json(w, 401, map[string]string{"error": "invalid_client"})
		}
	})
	_, err := client.Connect(t.Context(), r.Config)
	wantKind(t, err, client.KindAuth)
	want(t, "registrations", f.count("/register"), 2)
	want(t, "browsers", r.opened(), 2)
}

func TestPromise6OneRefresh(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.connect(t)
	var conns []*client.Conn
	for range 6 {
		conns = append(conns, r.connect(t))
	}
	r.advance(2 * time.Hour)
	var all sync.WaitGroup
	for _, conn := range conns {
		all.Go(func() {
			if _, err := conn.Call(t.Context(), client.Call{Name: "echo"}); err != nil {
				t.Error(explain(err))
			}
		})
	}
	all.Wait()
	want(t, "refreshes", f.refreshes(), 1)
	want(t, "browsers", r.opened(), 1)
}

// Also processes that never knew another token than the expired one, and where
// tokens live for seconds.
func TestPromise6ShortLivedToken(t *testing.T) {
	t.Parallel()
	const processes = 6
	f := newFake(t)
	f.lifetime = 3
	r := newRig(t, f)
	r.connect(t)
	r.advance(2 * time.Hour)
	together := &meeting{Cache: r.cache, all: make(chan struct{})}
	together.missing.Store(processes)
	r.Cache = together
	var all sync.WaitGroup
	for range processes {
		all.Go(func() {
			conn, err := client.Connect(t.Context(), r.Config)
			if err != nil {
				t.Error(explain(err))
				return
			}
			_ = conn.Close()
		})
	}
	all.Wait()
	want(t, "refreshes", f.refreshes(), 1)
	want(t, "browsers", r.opened(), 1)
}

// meeting is a cache whose lock nobody takes before all have come for it.
type meeting struct {
	client.Cache
	missing atomic.Int32
	all     chan struct{}
}

func (m *meeting) Lock(ctx context.Context, key tokencache.Key) (func(), error) {
	if m.missing.Add(-1) == 0 {
		close(m.all)
	}
	select {
	case <-m.all:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return m.Cache.Lock(ctx, key)
}

func TestPromise9NothingLeft(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r, dir := newRigIn(t, f)
	r.connect(t)
	session := r.saved(t)
	if session == nil || session.RefreshToken == "" {
		t.Fatal("nothing was saved")
	}
	var verifiers []string
	for _, form := range f.forms["/token"] {
		verifiers = append(verifiers, form.Get("code_verifier"), form.Get("code"))
	}
	for _, query := range f.forms["/authorize"] {
		verifiers = append(verifiers, query.Get("state"))
	}
	on := disk(t, dir)
	for _, secret := range verifiers {
		if secret == "" || strings.Contains(on, secret) {
			t.Errorf("a verifier, code or state is on disk: %q", secret)
		}
	}
	for _, secret := range append(verifiers, session.AccessToken, session.RefreshToken) {
		if strings.Contains(r.log.String(), secret) {
			t.Errorf("a secret is in the log:\n%s", r.log.String())
		}
	}
	if err := client.Logout(t.Context(), r.Config); err != nil {
		t.Fatal(explain(err))
	}
	want(t, "revoked", f.count("/revoke"), 1)
	want(t, "token revoked", f.forms["/revoke"][0].Get("token"), session.RefreshToken)
	on = disk(t, dir)
	for _, rest := range []string{session.AccessToken, session.RefreshToken, session.ClientID, "nelly", "127.0.0.1"} {
		if strings.Contains(on, rest) {
			t.Errorf("%q is left on disk", rest)
		}
	}
	if err := client.Logout(t.Context(), r.Config); err != nil {
		t.Errorf("a second logout: %v", explain(err))
	}
	_, err := client.Status(t.Context(), r.Config)
	wantKind(t, err, client.KindAuth)
}

// The server cannot be told: everything goes all the same, and it is said.
func TestPromise9LogoutWithoutServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		status int
		kind   client.Kind
	}{{"down", 503, client.KindUnavailable}, {"refused", 400, client.KindFailure}} {
		f := newFake(t)
		r := newRig(t, f)
		r.connect(t)
		f.set(func() {
			f.on["/revoke"] = func(w http.ResponseWriter, _ *http.Request) {
				f.json(w, test.status, map[string]string{"error": "unsupported_token_type"})
			}
		})
		own := wantKind(t, client.Logout(t.Context(), r.Config), test.kind)
		if !strings.Contains(own.Message, "could not be told") {
			t.Errorf("%s: %s", test.name, own.Message)
		}
		if r.saved(t) != nil {
			t.Errorf("%s: the sign-in is still there", test.name)
		}
	}
}

// Without a browser the URL is announced, and the address where a browser
// elsewhere ended is accepted in place of a callback.
func TestPromise7Paste(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	lines := make(chan string, 8)
	r.Paste, r.OpenBrowser = lines, nil
	events := make(chan client.Event, 16)
	r.Events = func(e client.Event) {
		if e.Kind != client.EventDiscovered && e.Kind != client.EventRegistered {
			events <- e
		}
	}
	done := r.connecting(t)
	shown := <-events
	want(t, "event", shown.Kind, client.EventSignIn)
	told := <-events
	want(t, "event", told.Kind, client.EventNoBrowser)
	if told.Port == 0 || told.URL != shown.URL {
		t.Errorf("event %+v", told)
	}
	good := answerOf(t, shown.URL)
	for _, wrong := range []string{"", "hello", good.Scheme + "://" + good.Host + "/callback?code=x&state=y"} {
		lines <- wrong
		if wrong != "" {
			want(t, "event", (<-events).Kind, client.EventPasteRefused)
		}
	}
	lines <- "  " + good.String() + " "
	if err := <-done; err != nil {
		t.Fatal(explain(err))
	}
	want(t, "codes redeemed", f.count("/token"), 1)
}
