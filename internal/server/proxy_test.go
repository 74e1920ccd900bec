package server_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// before starts a server that stands before upstream.
func before(t testing.TB, upstream http.Handler) *rig {
	t.Helper()
	return beforeWith(t, upstream, setup{})
}

// beforeWith does what is otherwise than usual, too.
func beforeWith(t testing.TB, upstream http.Handler, with setup) *rig {
	t.Helper()
	behind := httptest.NewServer(upstream)
	t.Cleanup(behind.Close)
	more, proxied := with.config, proxyTo(t, behind.URL+"/inner/mcp?tenant=1")
	with.config = func(c *server.Config) {
		if proxied(c); more != nil {
			more(c)
		}
	}
	return start(t, with)
}

func beforeURL(t testing.TB, upstream string) *rig {
	t.Helper()
	return start(t, setup{config: proxyTo(t, upstream)})
}

func proxyTo(t testing.TB, upstream string) func(*server.Config) {
	t.Helper()
	u, err := url.Parse(upstream)
	must(t, err)
	return func(c *server.Config) {
		c.Proxy, c.Discord, c.ProxyKeys = u, nil, [][]byte{bytes.Repeat([]byte("p"), 32)}
	}
}

// echo answers with what it got, one header or fact a line.
func echo(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	_, _ = fmt.Fprintf(w, "%s %s\nHost: %s\n", r.Method, r.URL, r.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		_, _ = fmt.Fprintf(w, "%s: %s\n", name, strings.Join(r.Header[name], " | "))
	}
	_, _ = fmt.Fprintf(w, "Trailers: %d\n%s", len(r.Trailer), body)
}

func TestProxyRequest(t *testing.T) {
	t.Parallel()
	r := before(t, http.HandlerFunc(echo))
	got := r.send(message{
		token: r.signIn(nelly, "identify", "email"),
		path:  "/mcp?access_token=secret",
		body:  "body",
		header: http.Header{
			"Cookie": {"a=b"}, "Cookie2": {"x"}, "Proxy-Authorization": {"x"}, "Origin": nil, "Referer": {"https://x"},
			"X-Discord-User-Id": {"1"}, "x-discord-user-id": {"1"}, "X_Discord_User_Id": {"1"}, "X-Discord_Username": {"evil"}, "x_discord_scopes": {"all"},
			"X-DISCORD-ROLES": {"admin"}, "X.Discord.User.Id": {"1"}, "X-Discord": {"1"},
			"Forwarded": {"for=1"}, "X-Forwarded-For": {"1"}, "X-Forwarded-Host": {"evil"}, "X_Forwarded_For": {"1"}, "X-Forwarded-User": {"1"}, "X-Real-Ip": {"1"},
			"Remote-User": {"root"}, "REMOTE_USER": {"root"}, "X-Auth-Request-User": {"root"}, "X-User-Id": {"1"}, "X-Http-Method-Override": {"DELETE"},
			"Connection": {"X-Discord-User-Id, X-Discord-Username, X-Discord-Scopes, Content-Type, Keep-Alive"}, "Te": {"trailers"}, "Keep-Alive": {"x"},
			"Traceparent": {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, "Tracestate": {"a=1"}, "X-Request-Id": {"forged"},
			"Mcp_Session_Id": {"stolen"}, "Content_Length": {"0"}, "Transfer_Encoding": {"chunked"}, "HOST_": {"evil"}, "X.Any.Thing": {"1"},
			"Mcp-Method": {"tools/call"}, "Mcp-Param-channel_id": {"5"}, "Last-Event-Id": {"3"}, "User-Agent": {"test"},
		},
	})
	want := []string{
		"POST /inner/mcp?tenant=1",
		"Accept: application/json, text/event-stream",
		"Accept-Encoding: gzip",
		"Content-Length: 4",
		"Last-Event-Id: 3",
		"Mcp-Method: tools/call",
		"Mcp-Param-Channel_id: 5",
		"Mcp-Protocol-Version: 2025-11-25",
		"Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
		"Tracestate: a=1",
		"User-Agent: test",
		"X-Discord-Scopes: email identify",
		"X-Discord-User-Id: " + nelly,
		"X-Discord-Username: nelly",
		"X-Request-Id: " + got.header.Get("X-Request-Id"),
		"Trailers: 0",
		"body",
	}
	lines := strings.Split(got.body, "\n")
	lines = slices.DeleteFunc(lines, func(line string) bool { return strings.HasPrefix(line, "Host: 127.0.0.1:") })
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// A trailer could be taken for a header.
func TestProxyTrailers(t *testing.T) {
	t.Parallel()
	r := before(t, http.HandlerFunc(echo))
	req := r.request(t.Context(), message{token: r.signIn(nelly, "identify"), body: "body"})
	req.ContentLength = -1
	req.Trailer = http.Header{"X-Discord-User-Id": {"1"}}
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	if body := readAll(t, res); !strings.Contains(body, "Trailers: 0") || !strings.Contains(body, "X-Discord-User-Id: "+nelly) {
		t.Errorf("upstream got\n%s", body)
	}
}

func TestProxyUnauthenticated(t *testing.T) {
	t.Parallel()
	r := before(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("upstream was called") }))
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
		r.send(message{method: method}).want(t, 401, 401)
	}
	token := r.signIn(nelly, "identify")
	got := r.send(message{method: http.MethodPut, token: token})
	got.want(t, 405, 405)
	if got.header.Get("Allow") != "GET, POST, DELETE" {
		t.Errorf("Allow is %q", got.header.Get("Allow"))
	}
	if got := r.send(message{method: http.MethodGet, path: "/mcp/more", token: token}); got.status != 404 {
		t.Errorf("another path: %d", got.status)
	}
}

func TestProxyAnswer(t *testing.T) {
	t.Parallel()
	r := before(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Set-Cookie", "session=1")
		h.Set("Www-Authenticate", `Bearer resource_metadata="https://evil"`)
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Set("Alt-Svc", `h3="evil:443"`)
		h.Set("Clear-Site-Data", `"*"`)
		h.Set("Connection", "X-Gone")
		h.Set("X-Gone", "1")
		h.Set("X-Kept", "1")
		h.Set("Content-Type", "text/plain")
		w.WriteHeader(http.StatusTeapot)
		_, _ = w.Write([]byte("tea"))
	}))
	got := r.send(message{token: r.signIn(nelly, "identify"), header: http.Header{"Origin": {r.base}}})
	if got.status != http.StatusTeapot || got.body != "tea" {
		t.Errorf("%d %q", got.status, got.body)
	}
	for _, gone := range []string{"Set-Cookie", "Www-Authenticate", "Access-Control-Allow-Credentials", "Alt-Svc", "Clear-Site-Data", "X-Gone"} {
		if value := got.header.Get(gone); value != "" {
			t.Errorf("%s: %s", gone, value)
		}
	}
	if got.header.Get("X-Kept") != "1" || !slices.Equal(got.header.Values("Access-Control-Allow-Origin"), []string{r.base}) {
		t.Errorf("header %v", got.header)
	}
}

// A refusal by the server behind must not start a sign-in here, and a redirect
// must not carry the token away.
func TestProxyRefusals(t *testing.T) {
	t.Parallel()
	for _, status := range []int{301, 302, 307, 308, 401, 403, 407} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			r := before(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "https://evil.example/")
				w.Header().Set("Www-Authenticate", `Bearer error="invalid_token"`)
				w.WriteHeader(status)
			}))
			got := r.send(message{token: r.signIn(nelly, "identify")})
			got.want(t, 502, 502)
			if got.header.Get("Location") != "" || got.header.Get("Www-Authenticate") != "" || !strings.Contains(got.body, fmt.Sprint(status)) {
				t.Errorf("%v\n%s", got.header, got.body)
			}
		})
	}
}

func TestProxyDeadUpstream(t *testing.T) {
	t.Parallel()
	gone, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	r := beforeURL(t, "http://"+gone.Addr().String()+"/mcp")
	must(t, gone.Close())
	got := r.send(message{token: r.signIn(nelly, "identify")})
	got.want(t, 502, 502)
	if strings.Contains(got.body, gone.Addr().String()) || !strings.Contains(got.body, "does not answer") {
		t.Errorf("the caller reads %s", got.body)
	}
	if !strings.Contains(r.logs.String(), gone.Addr().String()) {
		t.Error("the operator does not read which server is dead")
	}
}

// An early hint of the server behind is dropped and clears nothing of ours.
func TestProxyInformational(t *testing.T) {
	t.Parallel()
	r := before(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Set-Cookie", "a=b")
		w.WriteHeader(http.StatusEarlyHints)
		w.WriteHeader(http.StatusOK)
	}))
	got := r.send(message{token: r.signIn(nelly, "identify"), header: http.Header{"Origin": {r.base}}})
	if got.status != 200 || got.header.Get("Set-Cookie") != "" || got.header.Get("Access-Control-Allow-Origin") != r.base {
		t.Errorf("%d %v", got.status, got.header)
	}
}

func TestProxyUpgrade(t *testing.T) {
	t.Parallel()
	r := before(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.Header.Get("Upgrade") != "" {
			t.Error("the upgrade came through")
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	got := r.send(message{method: http.MethodGet, token: r.signIn(nelly, "identify"), header: http.Header{"Connection": {"Upgrade"}, "Upgrade": {"websocket"}}})
	if got.status != http.StatusNoContent {
		t.Errorf("status %d", got.status)
	}
}

func TestProxyTooLarge(t *testing.T) {
	t.Parallel()
	r := before(t, http.HandlerFunc(echo))
	token := r.signIn(nelly, "identify")
	big := strings.Repeat("x", 4<<20+1)
	r.send(message{token: token, body: big}).want(t, 413, 413)
	req := r.request(t.Context(), message{token: token, body: big})
	req.ContentLength = -1
	res, err := http.DefaultClient.Do(req)
	must(t, err)
	answer{res.StatusCode, res.Header, readAll(t, res)}.want(t, 413, 413)
}

// An event comes through while the answer is still being made, and when the
// client goes away the server behind learns it.
func TestProxyStreamsAndCancels(t *testing.T) {
	t.Parallel()
	ended := make(chan struct{}, 1)
	r := before(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		if req.Method == http.MethodDelete { // no events, but slow all the same
			w.Header().Set("Content-Type", "application/json")
		}
		_, _ = io.WriteString(w, "data: first\n\n")
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
		ended <- struct{}{}
	}))
	token := r.signIn(nelly, "identify")
	for _, method := range []string{http.MethodPost, http.MethodGet, http.MethodDelete} {
		ctx, cancel := context.WithCancel(t.Context())
		res, err := http.DefaultClient.Do(r.request(ctx, message{method: method, token: token}))
		must(t, err)
		line, err := bufio.NewReader(res.Body).ReadString('\n')
		if err != nil || line != "data: first\n" {
			t.Errorf("%s: %q %v", method, line, err)
		}
		cancel()
		_ = res.Body.Close()
		next(t, "the server behind learns it", ended)
	}
}

// At the end, a stream from the server behind ends like a whole answer.
func TestProxyDrain(t *testing.T) {
	t.Parallel()
	r := before(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: first\n\n")
		_ = http.NewResponseController(w).Flush()
		<-req.Context().Done()
	}))
	res, err := http.DefaultClient.Do(r.request(t.Context(), message{method: http.MethodGet, token: r.signIn(nelly, "identify")}))
	must(t, err)
	stopped := make(chan struct{})
	begin := time.Now()
	go func() {
		r.stop()
		close(stopped)
	}()
	if body := readAll(t, res); body != "data: first\n\n" {
		t.Errorf("stream %q", body)
	}
	next(t, "the end of the server", stopped)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("draining took %v", took)
	}
}

// oneEvent sends an event, and then nothing until the client is gone.
func oneEvent(w http.ResponseWriter, req *http.Request) {
	_, _ = io.WriteString(w, "data: first\n\n")
	_ = http.NewResponseController(w).Flush()
	<-req.Context().Done()
}

// A stream does not outlive the access token that opened it.
func TestProxyStreamEndsWithToken(t *testing.T) {
	t.Parallel()
	r := beforeWith(t, http.HandlerFunc(oneEvent), setup{ttl: 2 * time.Second})
	m := message{method: http.MethodGet, token: r.signIn(nelly, "identify")}
	res, err := http.DefaultClient.Do(r.request(t.Context(), m))
	must(t, err)
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, res.Body)
		ended <- err
	}()
	must(t, next(t, "the end of the stream", ended))
	_ = res.Body.Close()
	r.send(m).want(t, 401, 401)
}

func TestProxyConfig(t *testing.T) {
	t.Parallel()
	r := start(t, setup{})
	for _, test := range []struct{ name, proxy, words string }{
		{"other scheme", "ftp://127.0.0.1/mcp", "not an http or https URL"},
		{"no host", "http:///mcp", "not an http or https URL"},
		{"opaque", "http:mcp", "not an http or https URL"},
		{"password", "http://user:secret@127.0.0.1/mcp", "has a user name or password"},
		{"fragment", "http://127.0.0.1/mcp#x", "has a fragment"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			u, err := url.Parse(test.proxy)
			must(t, err)
			_, err = server.New(server.Config{BaseURL: r.base, Auth: r.auth, Proxy: u})
			wantRefusal(t, err, test.words)
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("the error holds the password: %v", err)
			}
		})
	}
}

// Names that are not plain ASCII are percent-encoded, so that no name breaks
// out of its header.
func TestProxyUsername(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, want string }{
		{"nelly", "nelly"},
		{"quiet.one_2", "quiet.one_2"},
		{"Ünï 50%", "%C3%9Cn%C3%AF%2050%25"},
		{"a\r\nX-Discord-User-Id: 1", "a%0D%0AX-Discord-User-Id:%201"},
		{"", ""},
	} {
		got := server.SafeHeader(test.name)
		back, err := url.PathUnescape(got)
		if got != test.want || err != nil || back != test.name {
			t.Errorf("%q is %q, and back %q %v; want %q", test.name, got, back, err, test.want)
		}
	}
}
