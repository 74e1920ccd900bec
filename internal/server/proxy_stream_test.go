package server_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// An answer that begins before the request has ended is passed on whole: the
// body of a request is not taken away from the transport that still sends it.
func TestProxyAnswersEarly(t *testing.T) {
	t.Parallel()
	r := before(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: early\n\n")
		_ = http.NewResponseController(w).Flush()
		rest, err := io.ReadAll(req.Body)
		if err == nil {
			_, _ = w.Write(rest)
		}
	}))
	token := r.signIn(nelly, "identify")
	body, late := io.Pipe()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request := r.request(ctx, message{token: token})
	request.Body, request.ContentLength = body, -1
	res, err := http.DefaultClient.Do(request)
	must(t, err)
	defer func() { _ = res.Body.Close() }()
	go func() {
		_, _ = io.WriteString(late, "the rest")
		_ = late.Close()
	}()
	got, err := io.ReadAll(res.Body)
	must(t, err)
	if string(got) != "data: early\n\nthe rest" {
		t.Errorf("the answer is %q", got)
	}
}

// A stream does not outlive the grant that it was opened with.
func TestProxyStreamEndsWithGrant(t *testing.T) {
	t.Parallel()
	r := beforeWith(t, http.HandlerFunc(oneEvent), setup{prepare: func(s *server.Server) { s.SetStreamCheck(10 * time.Millisecond) }})
	token := r.signIn(nelly, "identify")
	res, err := http.DefaultClient.Do(r.request(t.Context(), message{method: http.MethodGet, token: token}))
	must(t, err)
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, res.Body)
		ended <- err
	}()
	revoked, err := http.PostForm(r.base+"/revoke", url.Values{"token": {token}, "client_id": {r.clientOf(token)}})
	must(t, err)
	must(t, revoked.Body.Close())
	must(t, next(t, "the end of the stream", ended))
	_ = res.Body.Close()
}

// clientOf reads the client id from an access token.
func (r *rig) clientOf(token string) string {
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	must(r.t, err)
	var claims struct {
		ClientID string `json:"client_id"`
	}
	must(r.t, json.Unmarshal(payload, &claims))
	return claims.ClientID
}
