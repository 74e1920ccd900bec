package metrics

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// Totals are read when Prometheus asks. A function that is nil has no metric.
type Totals struct {
	Auth      func() authserver.Stats
	Server    func() server.Stats
	AuditLost func() uint64 // entries of the audit trail that could not be written
	Unopened  func() int64  // records that did not open with any key
}

// Watch reads totals from now on. It is called once.
func (m *Metrics) Watch(t Totals) { m.registry.MustRegister(&totals{Totals: t}) }

// totals makes metrics of Totals.
type totals struct{ Totals }

func desc(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc(namespace+"_"+name, help, labels, nil)
}

var (
	descInFlight  = desc("in_flight", "Requests in work: MCP calls, long-lived streams, everything else.", "kind")
	descLogins    = desc("logins_total", "Sign-ins by how far they came. Of those that started, the rest was given up.", "outcome")
	descRefreshes = desc("refreshes_total", "Refresh tokens by what became of them.", "outcome")
	descLimited   = desc("rate_limited_total", "Requests that were too many for one address, browser or user.", "limit")
	descChecks    = desc("token_checks_total", "Access tokens checked: known ones needed no signature, new ones did, bad ones were not good.", "result")
	descReads     = desc("grant_reads_total", "Grants read from the store to check an access token.")
	descClients   = desc("clients", "Registered clients that this node knows.")
	descEvents    = desc("events_total", "Events of the audit trail.", "event")
	descLeftOut   = desc("audit_left_out_total", "Events that were counted and not written, for strangers cause too many.")
	descUnopened  = desc("unopened_records_total", "Records that no key opens: sealed with another, moved, or changed.")
	descLost      = desc("audit_lost_total", "Events that could not be written.")
)

// Describe implements [prometheus.Collector].
func (t *totals) Describe(to chan<- *prometheus.Desc) {
	if t.Server != nil {
		to <- descInFlight
	}
	if t.AuditLost != nil {
		to <- descLost
	}
	if t.Unopened != nil {
		to <- descUnopened
	}
	if t.Auth == nil {
		return
	}
	for _, d := range []*prometheus.Desc{descLogins, descRefreshes, descLimited, descChecks, descReads, descClients, descEvents, descLeftOut} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (t *totals) Collect(to chan<- prometheus.Metric) {
	count := func(d *prometheus.Desc, value uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	gauge := func(d *prometheus.Desc, value int, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, float64(value), labels...)
	}
	if t.Server != nil {
		now := t.Server()
		gauge(descInFlight, now.Calls, "call")
		gauge(descInFlight, now.Streams, "stream")
		gauge(descInFlight, now.Others, "other")
	}
	if t.AuditLost != nil {
		count(descLost, t.AuditLost())
	}
	if t.Unopened != nil {
		count(descUnopened, uint64(max(0, t.Unopened())))
	}
	if t.Auth == nil {
		return
	}
	auth := t.Auth()
	for _, login := range []struct {
		outcome string
		event   authserver.EventType
	}{
		{"started", authserver.EventConsented},
		{"completed", authserver.EventSignedIn},
		{"denied", authserver.EventDenied},
		{"failed", authserver.EventSignInFailed},
	} {
		count(descLogins, auth.Events[login.event], login.outcome)
	}
	for outcome, n := range auth.Refreshes {
		count(descRefreshes, n, word(outcome))
	}
	for name, n := range auth.RateLimited {
		count(descLimited, n, name)
	}
	for event, n := range auth.Events {
		count(descEvents, n, string(event))
	}
	count(descLeftOut, auth.EventsLeft)
	count(descChecks, auth.VerifyKnown, "known")
	count(descChecks, auth.VerifyNew-min(auth.VerifyBad, auth.VerifyNew), "new")
	count(descChecks, auth.VerifyBad, "bad")
	count(descReads, auth.VerifyReads)
	gauge(descClients, auth.Clients)
}
