package authserver_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// trap listens on loopback and counts who connects.
type trap struct {
	net.Listener
	port     string
	accepted atomic.Int64
}

func setTrap(t *testing.T, address string) *trap {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	trap := &trap{Listener: l, port: port}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			trap.accepted.Add(1)
			_ = conn.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return trap
}

// reached says how many connected, after one that proves that counting works.
func (tr *trap) reached(t *testing.T) int64 {
	t.Helper()
	before := tr.accepted.Load()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", tr.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	soon(t, "the trap's own connection", func() bool { return tr.accepted.Load() > before })
	return tr.accepted.Load() - 1
}

// A document at an address that is not the public internet's is never asked
// for, whatever its name says: with the real dialer, on real listeners.
func TestAttack20PrivateAddresses(t *testing.T) {
	t.Parallel()
	four, six := setTrap(t, "127.0.0.1:0"), setTrap(t, "[::1]:0")
	names := map[string][]netip.Addr{}
	for i, addr := range []string{
		"127.0.0.1", "127.0.0.2", "0.0.0.0", "::1", "::", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::7f00:1", "2002:7f00:1::",
		"2001:0:7f00:1::1", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254", "fe80::1", "fe80::1%lo", "fd00:ec2::254", "224.0.0.1", "255.255.255.255", "198.18.0.1", "192.0.2.1", "240.0.0.1",
	} {
		names[fmt.Sprintf("host%d.example.org", i)] = []netip.Addr{netip.MustParseAddr(addr)}
	}
	names["many.example.org"] = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1"), netip.MustParseAddr("10.0.0.1")}
	names["none.example.org"] = nil
	r := newRig(t)
	// The dialer that a server is made with, not that of the rig.
	fresh, err := authserver.New(t.Context(), r.cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = fresh.Close() })
	dial := fresh.UseInternet(authserver.Internet{})
	r.server.UseInternet(authserver.Internet{Dial: dial, Lookup: func(_ context.Context, _, host string) ([]netip.Addr, error) { return names[host], nil }})
	for host := range names {
		for _, trap := range []*trap{four, six} {
			r.clock.Add(time.Minute) // the limits are another test's
			r.browser().authorize("https://"+host+":"+trap.port+"/client.json").isPage(t, http.StatusBadRequest)
		}
	}
	for _, host := range []string{"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "localhost.localdomain", "0.0.0.0", "[::]"} {
		r.browser().authorize("https://"+host+":"+four.port+"/client.json").isPage(t, http.StatusBadRequest)
	}
	// Should an address ever slip through: the socket looks at it once more.
	for _, trap := range []*trap{four, six} {
		if conn, err := dial(t.Context(), "tcp", trap.Addr().String()); err == nil {
			_ = conn.Close()
			t.Errorf("%s was dialed", trap.Addr())
		}
		if n := trap.reached(t); n != 0 {
			t.Errorf("%d connections to %s", n, trap.Addr())
		}
	}
	if n := r.store.count(t, authserver.KindClient); n != 0 {
		t.Errorf("%d clients are stored", n)
	}
}

// A name that is public at the first look and private at the next: each fetch
// goes to an address that it has checked itself.
func TestAttack20Rebinding(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	trap := setTrap(t, "127.0.0.1:0")
	at := "https://rebind.example.org:" + trap.port + "/client.json"
	r.host(at, jsonPage(documentOf(at), "Cache-Control", "no-store"))
	private := netip.MustParseAddr("127.0.0.1")
	r.web.names["rebind.example.org"] = [][]netip.Addr{{publicHost}, {private}, {private, publicHost}, {netip.MustParseAddr("::ffff:127.0.0.1")}}
	r.browser().authorize(at).isPage(t, http.StatusOK)
	r.browser().authorize(at).isPage(t, http.StatusBadRequest)
	r.browser().authorize(at).isPage(t, http.StatusOK) // of several addresses the public one
	r.browser().authorize(at).isPage(t, http.StatusBadRequest)
	for _, address := range r.web.dials() {
		if address != net.JoinHostPort(publicHost.String(), trap.port) {
			t.Errorf("%s was dialed", address)
		}
	}
	if n := trap.reached(t); n != 0 {
		t.Errorf("%d connections", n)
	}
}

// Redirects are not followed, proxies of the environment not used, long and
// slow answers cut off.
func TestAttack20Answers(t *testing.T) {
	t.Parallel()
	trap := setTrap(t, "127.0.0.1:0")
	inward := "https://127.0.0.1:" + trap.port + "/"
	var sent atomic.Int64
	padding := strings.Repeat(" ", 1<<10)
	tests := map[string]http.HandlerFunc{
		"redirect inward": func(w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, inward, http.StatusFound) },
		"redirect to itself": func(w http.ResponseWriter, req *http.Request) {
			http.Redirect(w, req, "https://other.example.org/client.json", http.StatusPermanentRedirect)
		},
		"10 MB": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, toJSON(t, documentOf(appURL)))
			for range 10 << 10 {
				n, err := io.WriteString(w, padding)
				if sent.Add(int64(n)); err != nil {
					return
				}
			}
		},
		"a byte too long": func(w http.ResponseWriter, req *http.Request) {
			text := toJSON(t, documentOf(appURL))
			jsonPage(text+strings.Repeat(" ", 64<<10+1-len(text)))(w, req)
		},
		"compressed": jsonPage(documentOf(appURL), "Content-Encoding", "gzip"),
		"long headers": func(w http.ResponseWriter, req *http.Request) {
			jsonPage(documentOf(appURL), "X-Padding", strings.Repeat("x", 32<<10))(w, req)
		},
		"deep": jsonPage(strings.Repeat("[", 30<<10)),
	}
	for name, page := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.host(appURL, page)
			r.host("https://other.example.org/client.json", jsonPage(documentOf(appURL)))
			a := r.browser().authorize(appURL)
			if name == "compressed" { // it is taken as it is, and so is no JSON when it is compressed
				a.isPage(t, http.StatusOK)
				return
			}
			a.isPage(t, http.StatusBadRequest)
			if n := len(r.web.dials()); n != 1 {
				t.Errorf("%d connections", n)
			}
		})
	}
	if n := trap.reached(t); n != 0 {
		t.Errorf("%d connections were redirected inward", n)
	}
	if n := sent.Load(); n > 8<<20 {
		t.Errorf("%d bytes were taken", n)
	}
	t.Run("exactly as long as allowed", func(t *testing.T) {
		r := newRig(t, func(cfg *authserver.Config) { cfg.MaxDocumentBytes = 1000 })
		text := toJSON(t, documentOf(appURL))
		r.host(appURL, jsonPage(text+strings.Repeat(" ", 1000-len(text))))
		r.browser().authorize(appURL).isPage(t, http.StatusOK)
	})
}

// A host that trickles holds nobody for longer than 5 seconds, and only its own
// visitors.
func TestAttack20SlowBody(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.host(appURL, jsonPage(documentOf(appURL)))
	slow := "https://slow.example.net/client.json"
	r.host(slow, func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for tick := time.NewTicker(100 * time.Millisecond); ; {
			if _, err := io.WriteString(w, " "); err != nil {
				return
			}
			w.(http.Flusher).Flush()
			select {
			case <-req.Context().Done():
				return
			case <-tick.C:
			}
		}
	})
	begun := time.Now()
	done := make(chan *answer, 1)
	go func() { done <- r.browser().authorize(slow) }()
	soon(t, "the slow fetch", func() bool { return r.web.fetches(slow) > 0 })
	r.browser().authorize(appURL).isPage(t, http.StatusOK)
	(<-done).isPage(t, http.StatusBadRequest)
	if took := time.Since(begun); took > 9*time.Second {
		t.Errorf("it took %v", took)
	}
}

// A proxy of the environment would be asked for private addresses, too: it is
// never used.
func TestAttack20NoProxy(t *testing.T) {
	proxy := setTrap(t, "127.0.0.1:0")
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, "http://"+proxy.Addr().String())
	}
	r := newRig(t)
	r.host(appURL, jsonPage(documentOf(appURL)))
	r.browser().authorize(appURL).isPage(t, http.StatusOK)
	// net/http reads the environment once, and may have done so before.
	if n := proxy.reached(t); n != 0 || r.server.FetchesByProxy() {
		t.Errorf("%d connections to the proxy", n)
	}
}

// Strangers cannot make this server a weapon: 1,000 URLs below one domain cause
// a handful of fetches, and those who sign in with a known document go on.
func TestAttack20OneSiteFlooded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	known := "https://app.victim.co.uk/client.json"
	r.host(known, jsonPage(documentOf(known)))
	r.browser().authorize(known).isPage(t, http.StatusOK)
	b := r.browser()
	refused := 0
	for i := range 1000 {
		a := b.authorize(fmt.Sprintf("https://h%d.victim.co.uk/%d", i, i))
		if a.Status == http.StatusServiceUnavailable && a.Header.Get("Retry-After") != "" {
			refused++
		}
	}
	if n := len(r.web.dials()); n > 20 || refused < 980 {
		t.Errorf("%d connections, %d refused", n, refused)
	}
	r.clock.Add(2 * time.Hour) // its document is no longer fresh
	for range 10 {
		r.browser().authorize(fmt.Sprintf("https://x.victim.co.uk/%d", refused))
		refused++
	}
	r.browser().authorize(known).isPage(t, http.StatusOK)
	if n := r.web.fetches(known); n != 2 {
		t.Errorf("the known document was fetched %d times", n)
	}
}

// 100,000 documents that are all right, of as many sites: what is kept of them
// is bounded, registered clients stay, and so do documents with a live grant.
func TestAttack20DocumentFlood(t *testing.T) {
	t.Parallel()
	const limit, flood = 100, 100_000
	r := newRig(t, func(cfg *authserver.Config) {
		cfg.MaxClients = limit
		cfg.Logger = nil
		cfg.Limits.Authorize = -1
	})
	r.host(appURL, jsonPage(documentOf(appURL)))
	registered := r.register("App")
	s := r.login(appURL)
	r.web.sparse = true // 20,000 handshakes would prove no more
	allowed := 0
	for i := range flood {
		at := fmt.Sprintf("https://site%d.com/client", i)
		if i%500 == 0 { // most never get beyond the limit: these do
			r.clock.Add(7 * time.Minute)
			r.host(at, jsonPage(documentOf(at)))
		}
		rec := httptest.NewRecorder()
		r.mux.ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/authorize?"+authorizeQuery(at).Encode(), nil))
		if rec.Code == http.StatusOK {
			allowed++
		}
	}
	known, described := r.server.Clients()
	if n := r.store.count(t, authserver.KindClient); n > limit+2 || described > limit || known != 1 {
		t.Errorf("%d records, %d registered, %d described", n, known, described)
	}
	if n := r.server.FetchLimiters(); n > 4096 {
		t.Errorf("%d limiters", n)
	}
	if allowed < limit {
		t.Errorf("only %d documents were taken: the flood proves nothing", allowed)
	}
	s.take(s.renew())
	r.browser().authorize(registered).isPage(t, http.StatusOK)
}

// FuzzDocument: whatever a host serves, its sign-in gets the page or a refusal,
// and what is kept leads where a registered client may lead.
func FuzzDocument(f *testing.F) {
	f.Add(toJSON(f, documentOf(appURL)))
	f.Add(toJSON(f, documentOf(appURL, "token_endpoint_auth_method", "private_key_jwt", "jwks", jwks(es256(), eddsa()))))
	f.Add(toJSON(f, documentOf(appURL, "token_endpoint_auth_method", "private_key_jwt", "jwks_uri", keysURL)))
	f.Add(`{"client_id":"` + appURL + `","jwks":{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]},"token_endpoint_auth_method":"private_key_jwt","client_name":"x","redirect_uris":["http://localhost"]}`)
	f.Add(`{"client_id":null}`)
	shared := newRig(f)
	f.Fuzz(func(t *testing.T, text string) {
		redirects, err := shared.server.ReadDocument(appURL, []byte(text))
		if err != nil {
			if e, ok := errors.AsType[*authserver.Error](err); !ok || e.Status != http.StatusBadRequest {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		if !strings.Contains(text, "client_") || len(redirects) == 0 {
			t.Fatalf("%q was accepted", text)
		}
		for _, uri := range redirects {
			if !strings.HasPrefix(uri, "https://") && !strings.HasPrefix(uri, "http://127.0.0.1") && !strings.HasPrefix(uri, "http://[::1]") && !strings.HasPrefix(uri, "http://localhost") && !strings.HasPrefix(uri, "cursor://anysphere") {
				t.Fatalf("%q leads to %q", text, uri)
			}
		}
	})
}
