package client_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

func TestLoginTimeout(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.manual()
	r.LoginTimeout = 20 * time.Millisecond
	_, err := client.Connect(t.Context(), r.Config)
	own := wantKind(t, err, client.KindAuth)
	if !strings.Contains(own.Message, "nobody signed in") {
		t.Error(own.Message)
	}
}

func TestInterruptedLogin(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	r.OpenBrowser = func(context.Context, string) error { cancel(); return nil }
	_, err := client.Connect(ctx, r.Config)
	wantKind(t, err, client.KindInterrupted)
}

// The port that was asked for is taken: said before any browser opens.
func TestCallbackPortTaken(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	r.CallbackPort = other.Listener.Addr().(*net.TCPAddr).Port
	_, err := client.Connect(t.Context(), r.Config)
	wantKind(t, err, client.KindFailure)
	want(t, "browsers", r.opened(), 0)
}

// Browsers send the cookies of every port of 127.0.0.1: there may be many.
func TestCallbackWithManyCookies(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	r.OpenBrowser = func(ctx context.Context, address string) error {
		client := http.Client{Transport: roundTrip(func(req *http.Request) (*http.Response, error) {
			req.Header.Set("Cookie", "stale="+strings.Repeat("x", 500_000))
			return http.DefaultTransport.RoundTrip(req)
		})}
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		resp, err := client.Do(req)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}
	r.connect(t)
}
