package client_test

import (
	"net/http"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

// A grant that was revoked elsewhere is noticed, with one request and one
// refresh; what is left of it is forgotten.
func TestStatusOfRevokedGrant(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	_ = r.connect(t).Close()
	f.set(func() { clear(f.access); clear(f.refresh) })
	before := f.count("/mcp")
	identity, err := client.Status(t.Context(), r.Config)
	own := wantKind(t, err, client.KindAuth)
	want(t, "message", own.Message, "the sign-in to "+r.Server+" has ended")
	want(t, "hint", own.Hint, "run {program} connect "+r.Server)
	want(t, "no identity", identity == nil, true)
	want(t, "requests to the server", f.count("/mcp")-before, 1)
	want(t, "refreshes", f.refreshes(), 1)
	want(t, "access token", r.saved(t).AccessToken, "")
	want(t, "browsers", r.opened(), 1)
}

// An access token that ended early is renewed, and the answer is yes.
func TestStatusRenews(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	_ = r.connect(t).Close()
	f.set(func() { clear(f.access) })
	if _, err := client.Status(t.Context(), r.Config); err != nil {
		t.Fatal(explain(err))
	}
	want(t, "refreshes", f.refreshes(), 1)
}

// A server that cannot be asked leaves what is saved, with the reason.
func TestStatusCannotAsk(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		arrange func(*fake)
		kind    client.Kind
	}{
		{"down", func(f *fake) { f.Close() }, client.KindUnavailable},
		{"busy", func(f *fake) { f.on["/mcp"] = status(http.StatusServiceUnavailable) }, client.KindUnavailable},
		{"broken", func(f *fake) { f.on["/mcp"] = status(http.StatusInternalServerError) }, client.KindFailure},
		{"expired, and no authorization server", func(f *fake) { f.access = nil; f.on["/token"] = status(http.StatusServiceUnavailable) }, client.KindUnavailable},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			r := newRig(t, f)
			_ = r.connect(t).Close()
			f.set(func() { test.arrange(f) })
			identity, err := client.Status(t.Context(), r.Config)
			wantKind(t, err, test.kind)
			if identity == nil || identity.Username != "nelly" {
				t.Errorf("got %+v", identity)
			}
			want(t, "kept", r.saved(t).RefreshToken != "", true)
		})
	}
}

// status answers with nothing but a status.
func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}
