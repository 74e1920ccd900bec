package metrics_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/metrics"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// page is what Prometheus gets.
func page(t *testing.T, m *metrics.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	m := metrics.New("1.2.3")
	for range 2 {
		m.Request(server.Observation{Route: "/mcp", Method: "POST", Status: 200, Tool: "get_user_info", Took: time.Millisecond})
	}
	m.Request(server.Observation{Route: "/mcp", Method: "GET", Status: 200, Stream: true, Took: time.Hour})
	m.Request(server.Observation{Status: 404})
	m.Request(server.Observation{Route: "/consent", Method: "POST"})
	m.Discord("exchange code", discord.ResultOK, time.Second)
	m.Discord("exchange code", discord.ResultHeld, 0)
	m.Store("get", time.Microsecond, nil)
	m.Store("get", time.Microsecond, errors.New("away"))
	m.Watch(metrics.Totals{
		Auth: func() authserver.Stats {
			return authserver.Stats{
				Events:     map[authserver.EventType]uint64{authserver.EventConsented: 9, authserver.EventSignedIn: 7, authserver.EventReplayed: 1},
				EventsLeft: 3, Refreshes: map[string]uint64{"rotate": 5, "other client": 2},
				RateLimited: map[string]uint64{"token": 13},
				Clients:     4, VerifyKnown: 100, VerifyNew: 10, VerifyBad: 8, VerifyReads: 6,
			}
		},
		Server:    func() server.Stats { return server.Stats{Calls: 1, Streams: 2, Others: 3} },
		AuditLost: func() uint64 { return 11 },
		Unopened:  func() int64 { return 12 },
	})
	got := page(t, m)
	for _, line := range []string{
		`mcpdiscord_http_requests_total{method="POST",route="/mcp",status="2xx"} 2`,
		`mcpdiscord_http_requests_total{method="other",route="other",status="4xx"} 1`,
		`mcpdiscord_http_requests_total{method="POST",route="/consent",status="none"} 1`,
		`mcpdiscord_http_request_duration_seconds_count{route="/mcp"} 2`,
		`mcpdiscord_http_request_duration_seconds_bucket{route="/mcp",le="0.001"} 2`,
		`mcpdiscord_tool_calls_total{status="2xx",tool="get_user_info"} 2`,
		`mcpdiscord_discord_calls_total{op="exchange_code",result="held"} 1`,
		`mcpdiscord_discord_call_duration_seconds_count{op="exchange_code"} 1`,
		`mcpdiscord_store_operations_total{op="get",result="error"} 1`,
		`mcpdiscord_store_operation_duration_seconds_count{op="get"} 2`,
		`mcpdiscord_in_flight{kind="stream"} 2`,
		`mcpdiscord_logins_total{outcome="started"} 9`,
		`mcpdiscord_logins_total{outcome="completed"} 7`,
		`mcpdiscord_logins_total{outcome="denied"} 0`,
		`mcpdiscord_refreshes_total{outcome="other_client"} 2`,
		`mcpdiscord_events_total{event="replayed"} 1`,
		`mcpdiscord_audit_left_out_total 3`,
		`mcpdiscord_audit_lost_total 11`,
		`mcpdiscord_unopened_records_total 12`,
		`mcpdiscord_token_checks_total{result="known"} 100`,
		`mcpdiscord_token_checks_total{result="new"} 2`,
		`mcpdiscord_token_checks_total{result="bad"} 8`,
		`mcpdiscord_rate_limited_total{limit="token"} 13`,
		`mcpdiscord_grant_reads_total 6`,
		`mcpdiscord_clients 4`,
		`version="1.2.3"} 1`,
		`go_goroutines `,
	} {
		if !strings.Contains(got, line+"\n") && !strings.Contains(got, "\n"+line) {
			t.Errorf("no line %s", line)
		}
	}
	if t.Failed() {
		t.Log(got)
	}
}

// What nobody gives has no metric: a zero would be a lie.
func TestMetricsWithoutTotals(t *testing.T) {
	t.Parallel()
	m := metrics.New("1")
	m.Watch(metrics.Totals{Server: func() server.Stats { return server.Stats{} }})
	got := page(t, m)
	for _, name := range []string{"audit_lost", "logins", "events", "unopened"} {
		if strings.Contains(got, "mcpdiscord_"+name) {
			t.Errorf("there is %s", name)
		}
	}
	if !strings.Contains(got, "mcpdiscord_in_flight") {
		t.Error("in_flight is missing")
	}
}

func BenchmarkRequest(b *testing.B) {
	m := metrics.New("1")
	o := server.Observation{Route: "/mcp", Method: "POST", Status: 200, Tool: "get_user_info", Took: time.Millisecond}
	b.ReportAllocs()
	for b.Loop() {
		m.Request(o)
	}
}
