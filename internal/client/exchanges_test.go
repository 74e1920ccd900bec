package client_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/client"
)

type exchangeKey struct {
	id    uint64
	began time.Time
}

// told is what Config.Exchanges got, the newest of each exchange.
type told struct {
	mu  sync.Mutex
	all map[exchangeKey]client.HTTPExchange
}

func (l *told) hear(x client.HTTPExchange) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all == nil {
		l.all = map[exchangeKey]client.HTTPExchange{}
	}
	l.all[exchangeKey{x.ID, x.Began}] = x
}

// list gives them in order.
func (l *told) list() []client.HTTPExchange {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []client.HTTPExchange
	for _, x := range l.all {
		list = append(list, x)
	}
	slices.SortFunc(list, func(a, b client.HTTPExchange) int { return a.Began.Compare(b.Began) })
	return list
}

// TestExchangesTellNoSecret takes a sign-in, a call, a renewal, another call and
// a sign-out.
func TestExchangesTellNoSecret(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.secret = "a-clients-secret/+&"
	r := newRig(t, f)
	var heard told
	r.Exchanges = heard.hear
	conn := r.connect(t)
	call(t, conn, "echo")
	r.advance(2 * time.Hour)
	call(t, conn, "echo")
	if err := client.Logout(t.Context(), r.Config); err != nil {
		t.Fatal(explain(err))
	}
	list := heard.list()
	text, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range f.passed() {
		if secret != "" && strings.Contains(string(text), secret) {
			t.Errorf("%q was told", secret)
		}
	}
	var refused, posted, calls int
	for _, x := range list {
		switch {
		case !x.Done, x.Took <= 0, x.Began.IsZero(), x.Method == "", x.URL == "", x.Status == 0, x.Failed != "":
			t.Errorf("%+v", x)
		case x.Status == 401:
			refused++
		case x.Method == http.MethodPost && strings.HasSuffix(x.URL, "/token"):
			posted++
			if !strings.Contains(x.RequestBody, "[redacted]") || !strings.Contains(x.ResponseBody, "[redacted]") {
				t.Errorf("%+v", x)
			}
		case strings.Contains(x.RequestBody, `"tools/call"`):
			calls++
			if !slices.Contains(x.RequestHeader, "Authorization: [redacted]") || x.Sent <= 0 || x.Received == 0 ||
				!strings.Contains(x.ResponseBody, "result") || len(x.ResponseHeader) == 0 {
				t.Errorf("%+v", x)
			}
		}
	}
	if refused != 1 || posted != 2 || calls != 2 {
		t.Errorf("%d refused, %d tokens, %d calls in %s", refused, posted, calls, text)
	}
}

func TestExchangesWithoutAnAnswer(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	var heard told
	r.Exchanges = heard.hear
	f.Close()
	if _, err := client.Connect(t.Context(), r.Config); err == nil {
		t.Fatal("connected to nothing")
	}
	list := heard.list()
	if len(list) == 0 || list[0].Failed == "" || !list[0].Done || list[0].Status != 0 {
		t.Errorf("%+v", list)
	}
}

// Signs of life are not what the user asked for.
func TestExchangesLeavePingsOut(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	var heard told
	r.Exchanges = heard.hear
	conn := r.connect(t)
	before := len(heard.list())
	if err := conn.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list := heard.list(); len(list) != before {
		t.Errorf("%+v", list[before:])
	}
	call(t, conn, "echo")
	if len(heard.list()) == before {
		t.Error("a call is left out, too")
	}
}

func TestAbout(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	r := newRig(t, f)
	conn := r.connect(t)
	call(t, conn, "echo")
	a := conn.About()
	if a.Name != "fake" || a.Version != "1" || !json.Valid(a.Capabilities) || a.Resource != f.URL+"/mcp" || !a.Renewable ||
		a.TokenEndpoint != f.URL+"/token" || a.RevocationEndpoint != f.URL+"/revoke" {
		t.Errorf("%+v", a)
	}
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range f.passed() {
		if secret != "" && strings.Contains(string(text), secret) {
			t.Errorf("%q is in it", secret)
		}
	}
}
