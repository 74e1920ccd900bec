package server_test

import (
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// A stream ends with the right to be here: when the role is lost, and when
// Discord has not said for too long whether it is.
func TestProxyStreamEndsWithAccess(t *testing.T) {
	t.Parallel()
	const gophers, role = "197038439483310086", "197039439483310001"
	for name, tt := range map[string]struct {
		change func(r *rig)
		after  time.Duration
	}{
		"role lost": {func(r *rig) { must(r.t, r.discord.SetRoles(nelly, gophers, nil)) }, 10 * time.Minute},
		"Discord silent": {func(r *rig) {
			must(r.t, r.discord.Fault(emulator.Fault{Endpoint: emulator.EndpointMember, Kind: emulator.FaultError, Status: 503}))
		}, 71 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var ahead atomic.Int64
			r := beforeWith(t, http.HandlerFunc(oneEvent), setup{
				ttl: 24 * time.Hour, ahead: &ahead,
				access:  authserver.Access{Roles: []authserver.GuildRole{{Guild: gophers, Role: role}}},
				prepare: func(s *server.Server) { s.SetStreamCheck(10 * time.Millisecond) },
			})
			token := r.signIn(nelly, "identify")
			res, err := http.DefaultClient.Do(r.request(t.Context(), message{method: http.MethodGet, token: token}))
			must(t, err)
			ended := make(chan error, 1)
			go func() {
				_, err := io.Copy(io.Discard, res.Body)
				ended <- err
			}()
			tt.change(r)
			ahead.Add(int64(tt.after))
			must(t, next(t, "the end of the stream", ended))
			_ = res.Body.Close()
		})
	}
}
