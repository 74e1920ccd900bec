package authserver_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

// Our own client signs in by its document, without registering.
func TestOurClientByItsDocument(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.host(appURL, jsonPage(documentOf(appURL)))
	mcp, err := server.New(server.Config{BaseURL: r.base, Auth: r.server, Discord: r.cfg.Discord, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cache, err := tokencache.Open(tokencache.Config{StateDir: dir, ConfigDir: dir, Store: tokencache.StorePlain})
	if err != nil {
		t.Fatal(err)
	}
	var registered atomic.Int64
	transport := directTransport(func(req *http.Request) *http.Response {
		if req.URL.Path == "/register" {
			registered.Add(1)
		}
		rec := httptest.NewRecorder()
		mcp.Handler().ServeHTTP(rec, req)
		return rec.Result()
	})
	conn, err := client.Connect(t.Context(), client.Config{
		Server: r.base + "/mcp", Cache: cache, SignIn: true, ClientMetadataURL: appURL, Transport: transport,
		Version: "test", Timeout: 20 * time.Second, LoginTimeout: 20 * time.Second,
		OpenBrowser: func(_ context.Context, address string) error {
			b := r.browser()
			u, err := url.Parse(address)
			if err != nil {
				return err
			}
			a := b.decide(b.get("/authorize?"+u.RawQuery).sealed(t), "approve")
			b.get(b.get(b.atDiscord(a.Location, nelly).String()).Location.String())
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	result, err := conn.Call(t.Context(), client.Call{Name: "get_user_info"})
	if err != nil || result == nil {
		t.Fatalf("%v, %v", result, err)
	}
	if n := registered.Load(); n != 0 {
		t.Errorf("it registered %d times", n)
	}
	if n := r.web.fetches(appURL); n != 1 {
		t.Errorf("its document was fetched %d times", n)
	}
}

// directTransport serves requests without a network.
type directTransport func(req *http.Request) *http.Response

// RoundTrip implements http.RoundTripper.
func (f directTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	in := req.Clone(req.Context())
	in.RequestURI, in.RemoteAddr, in.Host = req.URL.RequestURI(), "127.0.0.1:4711", req.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	res := f(in)
	res.Request = req
	return res, nil
}
