package emulator_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

func (s *setup) control(method, path, body string) answer {
	s.t.Helper()
	return s.do(s.request(method, "/emulator/"+path, body))
}

func (s *setup) addFault(body string) {
	s.t.Helper()
	if a := s.control(http.MethodPost, "faults", body); a.status != http.StatusNoContent {
		s.t.Fatalf("%s: %d %s", body, a.status, a.body)
	}
}

func TestFaultsOverHTTP(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, fault string
		status      int
		header      map[string]string
		body        string
	}{
		{
			"rate limit", `{"endpoint":"users/@me","kind":"rate_limit","retry_after":2.5}`, 429,
			map[string]string{"Retry-After": "3", "X-RateLimit-Scope": "user", "X-RateLimit-Global": "", "X-RateLimit-Remaining": "0"},
			`{"message":"You are being rate limited.","retry_after":2.500,"global":false}` + "\n",
		},
		{
			"global rate limit", `{"endpoint":"any","kind":"rate_limit","global":true}`, 429,
			map[string]string{"Retry-After": "1", "X-RateLimit-Scope": "global", "X-RateLimit-Global": "true"},
			`{"message":"You are being rate limited.","retry_after":1.000,"global":true}` + "\n",
		},
		{
			"error", `{"endpoint":"any","kind":"error"}`, 500,
			map[string]string{"Retry-After": ""},
			`{"message":"500: Internal Server Error","code":0}` + "\n",
		},
		{
			"503", `{"endpoint":"any","kind":"error","status":503,"retry_after":60}`, 503,
			map[string]string{"Retry-After": "60"},
			`{"message":"503: Service Unavailable","code":0}` + "\n",
		},
		{"unauthorized", `{"endpoint":"any","kind":"unauthorized"}`, 401, nil, `{"message":"401: Unauthorized","code":0}` + "\n"},
		{"html", `{"endpoint":"any","kind":"html"}`, 429, map[string]string{"Content-Type": "text/html; charset=UTF-8"}, ""},
		{"truncate", `{"endpoint":"any","kind":"truncate"}`, 200, map[string]string{"Content-Type": "application/json"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			s.addFault(tt.fault)
			a := s.api("/users/@me", "x")
			if a.status != tt.status || tt.body != "" && a.body != tt.body {
				t.Errorf("%d %s", a.status, a.body)
			}
			for name, value := range tt.header {
				if got := a.header.Get(name); got != value {
					t.Errorf("%s: %q, want %q", name, got, value)
				}
			}
			if tt.name == "truncate" && json.Valid([]byte(a.body)) {
				t.Errorf("whole: %s", a.body)
			}
			if tt.name == "html" && !strings.Contains(a.body, "Error 1015") {
				t.Error(a.body)
			}
			if page := s.authorize(query()); page.status != http.StatusOK {
				t.Errorf("the sign-in page: %d", page.status)
			}
		})
	}
}

func TestFaultRefused(t *testing.T) {
	t.Parallel()
	s := start(t)
	for _, body := range []string{
		``, `[]`, `{`, `{"endpoint":"any","kind":"error"}{}`, `{"endpoint":"any"}`, `{"kind":"error"}`,
		`{"endpoint":"any","kind":"boom"}`, `{"endpoint":"nowhere","kind":"error"}`, `{"endpoint":"any","kind":"error","extra":1}`,
		`{"endpoint":"any","kind":"error","status":200}`, `{"endpoint":"any","kind":"error","count":-1}`,
		`{"endpoint":"any","kind":"error","grant":"password"}`, `{"endpoint":"any","kind":"rate_limit","retry_after":-1}`,
		`{"endpoint":"any","kind":"rate_limit","retry_after":1e9}`, `{"endpoint":"` + strings.Repeat("x", 70<<10) + `"}`,
	} {
		if a := s.control(http.MethodPost, "faults", body); a.status != http.StatusBadRequest || a.text("error") == "" {
			t.Errorf("%.80s: %d %s", body, a.status, a.body)
		}
	}
	for range 64 {
		s.addFault(`{"endpoint":"revoke","kind":"error"}`)
	}
	if a := s.control(http.MethodPost, "faults", `{"endpoint":"revoke","kind":"error"}`); a.status != http.StatusBadRequest {
		t.Errorf("one too many: %d", a.status)
	}
}

func TestFaultCountsDownAndClears(t *testing.T) {
	t.Parallel()
	s := start(t)
	refresh := s.signIn(nelly, "identify").text("refresh_token")
	s.addFault(`{"endpoint":"token","kind":"error","status":502,"grant":"refresh_token","count":2}`)
	s.addFault(`{"endpoint":"any","kind":"error","status":503}`)
	if a := s.token("grant_type", "client_credentials", "scope", "identify"); a.status != 503 {
		t.Errorf("another grant: %d", a.status)
	}
	if a := s.refresh(refresh); a.status != 502 {
		t.Errorf("first: %d", a.status)
	}
	list := s.control(http.MethodGet, "faults", "")
	if diff := cmp.Diff(`[{"endpoint":"token","kind":"error","grant":"refresh_token","status":502,"count":1},`+
		`{"endpoint":"any","kind":"error","status":503}]`+"\n", list.body); diff != "" {
		t.Error(diff)
	}
	for _, status := range []int{502, 503, 503} {
		if a := s.refresh(refresh); a.status != status {
			t.Errorf("%d, want %d", a.status, status)
		}
	}
	if a := s.control(http.MethodDelete, "faults", ""); a.status != http.StatusNoContent {
		t.Errorf("clear: %d", a.status)
	}
	want(t, "afterwards", s.refresh(refresh), 200, "")
}

func TestLostAnswerDoesTheWork(t *testing.T) {
	t.Parallel()
	s := start(t)
	refresh := s.signIn(nelly, "identify").text("refresh_token")
	s.ResetCounters()
	s.addFault(`{"endpoint":"token","kind":"lost","count":1}`)
	body := "grant_type=refresh_token&refresh_token=" + refresh + "&client_id=" + emulator.DefaultClientID +
		"&client_secret=" + emulator.DefaultClientSecret
	resp, err := s.browser.Do(s.request(http.MethodPost, "/api/v10/oauth2/token", body, "Content-Type: application/x-www-form-urlencoded"))
	if err == nil {
		_ = resp.Body.Close()
		t.Fatalf("an answer: %s", resp.Status)
	}
	want(t, "the lost one", s.refresh(refresh), 400, "invalid_grant")
	got := s.Counters()[emulator.EndpointToken]
	if diff := cmp.Diff(emulator.Counter{
		Calls: 2, Results: map[string]int{"lost": 1, "400": 1}, Grants: map[string]int{"refresh_token": 2},
	}, got); diff != "" {
		t.Error(diff)
	}
}

// TestHang waits until the emulator counts the call, then gives up: the
// emulator must notice, or its connections would pile up.
func TestHang(t *testing.T) {
	t.Parallel()
	e, err := emulator.New(emulator.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Fault(emulator.Fault{Endpoint: emulator.EndpointToken, Kind: emulator.FaultHang}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer close(ended)
		e.ServeHTTP(w, r)
	}))
	defer server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// Not a form: nothing but the fault reads this body.
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, server.URL+"/api/v10/oauth2/token", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	failed := make(chan error, 1)
	go func() {
		resp, err := server.Client().Do(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		failed <- err
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for e.Counters()[emulator.EndpointToken].Results["hang"] != 1 {
		<-tick.C
	}
	select {
	case <-ended:
		t.Fatal("it answered")
	default:
	}
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Errorf("error = %v", err)
	}
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		server.CloseClientConnections()
		t.Error("the emulator did not notice")
	}
}

func TestCounters(t *testing.T) {
	t.Parallel()
	s := start(t)
	token := s.signIn(nelly, "identify")
	s.api("/users/@me", token.text("access_token"))
	s.api("/users/@me", "x")
	s.token("grant_type", "nonsense")
	a := s.control(http.MethodGet, "counters", "")
	if diff := cmp.Diff(`{"authorize":{"calls":2,"results":{"200":1,"303":1}},`+
		`"token":{"calls":2,"results":{"200":1,"400":1},"grants":{"authorization_code":1,"other":1}},`+
		`"users/@me":{"calls":2,"results":{"200":1,"401":1}}}`+"\n", a.body); diff != "" {
		t.Error(diff)
	}
	counters := s.Counters()
	if counters.Calls() != 4 || counters.Calls(emulator.EndpointToken) != 2 || counters.Calls(emulator.EndpointGuilds) != 0 {
		t.Errorf("%v", counters)
	}
	s.control(http.MethodDelete, "counters", "")
	if got := s.control(http.MethodGet, "counters", "").body; got != "{}\n" {
		t.Error(got)
	}
	if counters.Calls() != 4 {
		t.Error("a copy changed")
	}
}

func TestEnforcedLimit(t *testing.T) {
	t.Parallel()
	s := start(t)
	if a := s.control(http.MethodPut, "settings", `{"limit":{"calls":2,"window":1.5}}`); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	get := func(token string) int { return s.api("/users/@me", token).status }
	if got := []int{get("a"), get("a"), get("a"), get("b")}; !slices.Equal(got, []int{401, 401, 429, 401}) {
		t.Error(got)
	}
	if got := s.api("/users/@me", "a").header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After %q", got)
	}
	s.clock.Advance(1500 * time.Millisecond)
	if got := get("a"); got != 401 {
		t.Error(got)
	}
	for _, body := range []string{`{"limit":{"calls":-1}}`, `{"limit":{"calls":1}}`} {
		if a := s.control(http.MethodPut, "settings", body); a.status != 400 {
			t.Errorf("%s: %d", body, a.status)
		}
	}
}

func TestUserSwitches(t *testing.T) {
	t.Parallel()
	const gophers = "197038439483310086"
	s := start(t)
	token := s.signIn(nelly, "identify guilds.members.read")
	member := func() answer { return s.api("/users/@me/guilds/"+gophers+"/member", token.text("access_token")) }
	roles := "users/" + nelly + "/guilds/" + gophers + "/roles"
	if a := s.control(http.MethodPut, roles, `{"roles":["42"]}`); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := member(); !strings.Contains(a.body, `"roles":["42"]`) {
		t.Error(a.body)
	}
	for path, status := range map[string]int{
		roles: 400, "users/" + nelly + "/guilds/1/roles": 400, "users/1/guilds/" + gophers + "/roles": 404,
	} {
		body := `{"roles":["1"]}`
		if path == roles {
			body = `{"roles":["admin"]}`
		}
		if a := s.control(http.MethodPut, path, body); a.status != status {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if err := s.SetRoles(nelly, gophers, make([]string, 251)); err == nil {
		t.Error("251 roles")
	}
	if s.control(http.MethodPut, "users/"+nelly+"/guilds/"+gophers+"/pending", `{"pending":true}`); !strings.Contains(member().body, `"pending":true`) {
		t.Error(member().body)
	}
	const burrow = "41771983423143937"
	s.control(http.MethodDelete, "users/"+nelly+"/guilds/"+burrow, "")
	if a := s.api("/users/@me/guilds/"+burrow+"/member", token.text("access_token")); a.status != 404 {
		t.Error(a.body)
	}

	s.control(http.MethodPost, "users/"+nelly+"/expire", "")
	if a := member(); a.status != 401 {
		t.Errorf("expired: %d", a.status)
	}
	token = s.refresh(token.text("refresh_token"))
	if a := member(); a.status != 200 {
		t.Errorf("refreshed: %d", a.status)
	}
	s.control(http.MethodPost, "users/"+nelly+"/deauthorize", "")
	if a := member(); a.status != 401 {
		t.Errorf("deauthorized: %d", a.status)
	}
	want(t, "deauthorized", s.refresh(token.text("refresh_token")), 400, "invalid_grant")
	if a := s.control(http.MethodPost, "users/1/expire", ""); a.status != 404 {
		t.Errorf("nobody: %d", a.status)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	s := start(t)
	first := s.signIn(nelly, "identify")
	if a := s.control(http.MethodPut, "settings", `{"kill_earlier":true}`); a.status != http.StatusNoContent {
		t.Fatal(a.body)
	}
	s.signIn(nelly, "identify")
	want(t, "killed", s.refresh(first.text("refresh_token")), 400, "invalid_grant")
	if a := s.control(http.MethodPut, "settings", `{"kill":true}`); a.status != http.StatusBadRequest {
		t.Errorf("unknown setting: %d", a.status)
	}
}

// TestHelpIsComplete: what the help names exists, and the other way round.
func TestHelpIsComplete(t *testing.T) {
	t.Parallel()
	s := start(t)
	if a := s.control(http.MethodGet, "", ""); a.body != emulator.Help {
		t.Error(a.body)
	}
	if a := s.control(http.MethodGet, "nothing", ""); a.status != http.StatusNotFound || a.text("error") == "" {
		t.Errorf("%d %s", a.status, a.body)
	}
	for line := range strings.Lines(emulator.Help) {
		if fields := strings.Fields(line); len(fields) > 1 && strings.HasPrefix(fields[1], "/") {
			path := strings.NewReplacer("{user}", nelly, "{guild}", "1").Replace(fields[1])
			if a := s.do(s.request(fields[0], path, "")); strings.Contains(a.body, "404: Not Found") || strings.Contains(a.body, "no such switch") {
				t.Errorf("%s %s is not there", fields[0], path)
			}
		}
	}
	for _, f := range []string{
		emulator.EndpointToken, emulator.EndpointRevoke, emulator.EndpointAuthorization, emulator.EndpointUser, emulator.EndpointGuilds,
		emulator.EndpointMember, emulator.EndpointConnections, emulator.EndpointJoin, emulator.EndpointAuthorize, emulator.EndpointAny,
		emulator.FaultRateLimit, emulator.FaultError, emulator.FaultHTML, emulator.FaultHang, emulator.FaultTruncate,
		emulator.FaultLost, emulator.FaultUnauthorized,
	} {
		if !strings.Contains(emulator.Help, f) {
			t.Errorf("the help lacks %s", f)
		}
	}
}
