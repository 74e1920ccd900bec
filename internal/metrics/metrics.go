// Package metrics counts what the server does, for Prometheus. The other rooms
// do not know it: they tell a function of each request, call and operation, or
// have totals that are read when Prometheus asks.
//
// Labels are bounded: none holds a user, a client, an address or a path that
// somebody else chose. docs/operations.md has the table.
package metrics

import (
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// namespace begins every name that is ours.
const namespace = "mcpdiscord"

// Buckets of the histograms, in seconds. Answers of our own take a millisecond;
// those that wait for Discord, a proxied server or a tool take up to a minute.
var (
	requestBuckets = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}
	discordBuckets = []float64{.025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	storeBuckets   = []float64{.00001, .00005, .0001, .0005, .001, .005, .01, .05, .1, .5, 1, 5}
)

// Metrics are all that is counted. New makes one.
type Metrics struct {
	registry *prometheus.Registry

	requests     *prometheus.CounterVec
	requestTimes *prometheus.HistogramVec
	tools        *prometheus.CounterVec
	toolTimes    *prometheus.HistogramVec
	discord      *prometheus.CounterVec
	discordTimes *prometheus.HistogramVec
	store        *prometheus.CounterVec
	storeTimes   *prometheus.HistogramVec
}

// New returns metrics of a build of mcpdiscord, with those of the Go runtime
// and the process.
func New(version string) *Metrics {
	m := &Metrics{
		registry:     prometheus.NewRegistry(),
		requests:     counter("http_requests_total", "Requests by route, method and class of status.", "route", "method", "status"),
		requestTimes: histogram("http_request_duration_seconds", "Time to answer, without streams.", requestBuckets, "route"),
		tools:        counter("tool_calls_total", "Calls of built-in tools by class of status; an error in a tool's answer is 2xx.", "tool", "status"),
		toolTimes:    histogram("tool_call_duration_seconds", "Time to answer a call of a built-in tool.", requestBuckets, "tool"),
		discord:      counter("discord_calls_total", "Calls to Discord; held ones were not made.", "op", "result"),
		discordTimes: histogram("discord_call_duration_seconds", "Time of calls to Discord that were made.", discordBuckets, "op"),
		store:        counter("store_operations_total", "Operations of the store; an absent record is ok.", "op", "result"),
		storeTimes:   histogram("store_operation_duration_seconds", "Time of operations of the store.", storeBuckets, "op"),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace, Name: "build_info", Help: "1; the labels say which build runs.",
		ConstLabels: prometheus.Labels{"version": version, "go": runtime.Version()},
	})
	build.Set(1)
	m.registry.MustRegister(
		m.requests, m.requestTimes, m.tools, m.toolTimes, m.discord, m.discordTimes, m.store, m.storeTimes, build,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

func counter(name, help string, labels ...string) *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: namespace, Name: name, Help: help}, labels)
}

func histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Namespace: namespace, Name: name, Help: help, Buckets: buckets}, labels)
}

// Handler answers what Prometheus asks.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: 10 * time.Second})
}

// Request counts a request: [server.Config].Observe.
func (m *Metrics) Request(o server.Observation) {
	route, method, status := or(o.Route, "other"), or(o.Method, "other"), statusClass(o.Status)
	m.requests.WithLabelValues(route, method, status).Inc()
	if !o.Stream {
		m.requestTimes.WithLabelValues(route).Observe(o.Took.Seconds())
	}
	if o.Tool != "" {
		m.tools.WithLabelValues(o.Tool, status).Inc()
		m.toolTimes.WithLabelValues(o.Tool).Observe(o.Took.Seconds())
	}
}

// Discord counts a call to Discord: [discord.Config].Observe.
func (m *Metrics) Discord(op string, result discord.Result, took time.Duration) {
	op = word(op)
	m.discord.WithLabelValues(op, string(result)).Inc()
	if result != discord.ResultHeld {
		m.discordTimes.WithLabelValues(op).Observe(took.Seconds())
	}
}

// Store counts an operation of the store; an absent record is no error.
func (m *Metrics) Store(op string, took time.Duration, err error) {
	result := "ok"
	if err != nil {
		result = "error"
	}
	m.store.WithLabelValues(op, result).Inc()
	m.storeTimes.WithLabelValues(op).Observe(took.Seconds())
}

// statusClass is 2xx for 200, and none where no answer was begun.
func statusClass(status int) string {
	switch class := status / 100; class {
	case 2:
		return "2xx"
	case 4:
		return "4xx"
	case 0:
		return "none"
	default:
		return strconv.Itoa(class) + "xx"
	}
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

// word is a label's value out of words.
func word(words string) string {
	return strings.ReplaceAll(strings.ToLower(words), " ", "_")
}
