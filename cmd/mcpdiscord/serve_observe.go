package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/spf13/pflag"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/metrics"
	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// auditToLog is the --audit-log that is no file.
const auditToLog = "-"

// maxDrainDelay bounds --drain-delay: who stops a server waits for it.
const maxDrainDelay = 5 * time.Minute

// observeFlags say how a server is seen.
type observeFlags struct {
	auditLog, metricsAddr string
	drainDelay            time.Duration
}

func addObserveFlags(f *pflag.FlagSet, o *observeFlags) {
	f.StringVar(&o.auditLog, "audit-log", auditToLog, "a file for the audit trail, in JSON lines; - is the log")
	f.StringVar(&o.metricsAddr, "metrics-addr", "", "where Prometheus finds /metrics, and probes /healthz and /readyz; for no stranger to reach")
	f.DurationVar(&o.drainDelay, "drain-delay", 0, "how long to serve on after a signal while /readyz says no")
}

// complete checks the flags.
func (o *observeFlags) complete() error {
	if o.metricsAddr != "" {
		if _, _, err := net.SplitHostPort(o.metricsAddr); err != nil {
			return usageError("--metrics-addr is a host and a port", "for example --metrics-addr 127.0.0.1:9090", err)
		}
	}
	if o.auditLog == "" {
		return usageError("--audit-log is a file, or - for the log", "leave it out for the log", nil)
	}
	if o.drainDelay < 0 || o.drainDelay > maxDrainDelay {
		return usageError("--drain-delay is between zero and five minutes", "for example --drain-delay 10s", nil)
	}
	return nil
}

// Limits of the metrics' server. A page of metrics is some 100 KB.
const (
	metricsHeaders = 5 * time.Second
	metricsWrite   = 30 * time.Second
	metricsHeader  = 16 << 10 // bytes
)

// observing is how a running server is seen.
type observing struct {
	flags    observeFlags
	log      *slog.Logger
	metrics  *metrics.Metrics // nil: off
	listener net.Listener     // nil: off
	audit    *auditLog        // nil: the log
	http     *http.Server
	stop     context.CancelFunc
	running  sync.WaitGroup
}

// newObserving opens what the flags name, before anything happens that is to
// be seen.
func newObserving(ctx context.Context, flags observeFlags, logger *slog.Logger) (*observing, error) {
	o := &observing{flags: flags, log: logger}
	ctx, o.stop = context.WithCancel(context.WithoutCancel(ctx)) // until close: a drain is seen, too
	if flags.auditLog != auditToLog {
		var err error
		if o.audit, err = openAuditLog(flags.auditLog, logger); err != nil {
			return nil, err
		}
		o.running.Add(1)
		o.audit.follow(ctx, o.running.Done)
	}
	if flags.metricsAddr == "" {
		return o, nil
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", flags.metricsAddr)
	if err != nil {
		o.close()
		return nil, usageError("--metrics-addr cannot be listened on: "+flags.metricsAddr, "give an address of this machine with a free port", err)
	}
	o.listener, o.metrics = ln, metrics.New(buildVersion())
	return o, nil
}

// The functions that the rooms are given; nil where nobody counts.

func (o *observing) discord() discord.Observe {
	if o.metrics == nil {
		return nil
	}
	return o.metrics.Discord
}

func (o *observing) store() func(op string, took time.Duration, err error) {
	if o.metrics == nil {
		return nil
	}
	return o.metrics.Store
}

func (o *observing) requests() func(server.Observation) {
	if o.metrics == nil {
		return nil
	}
	return o.metrics.Request
}

func (o *observing) events() func(context.Context, authserver.Event) {
	if o.audit == nil {
		return nil
	}
	return o.audit.write
}

// watch shows a server that is about to serve.
func (o *observing) watch(s *serving) {
	if o.metrics == nil {
		return
	}
	totals := metrics.Totals{Auth: s.auth.Stats, Server: s.server.Stats, Unopened: s.store.Unopened}
	if o.audit != nil {
		totals.AuditLost = o.audit.lost.Load
	}
	o.metrics.Watch(totals)
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", o.metrics.Handler())
	mux.Handle("/", s.server.Health())
	o.http = &http.Server{
		Handler: mux, ReadHeaderTimeout: metricsHeaders, ReadTimeout: metricsHeaders, WriteTimeout: metricsWrite,
		MaxHeaderBytes: metricsHeader, ErrorLog: slog.NewLogLogger(o.log.Handler(), slog.LevelDebug),
	}
	o.running.Go(func() {
		if err := o.http.Serve(o.listener); !errors.Is(err, http.ErrServerClosed) {
			o.log.Error("metrics are not served any more", "error", err)
		}
	})
}

// close ends it, last of all.
func (o *observing) close() {
	o.stop()
	if o.http != nil {
		_ = o.http.Close()
	} else if o.listener != nil {
		_ = o.listener.Close()
	}
	o.running.Wait()
	if o.audit != nil {
		o.audit.file.close()
	}
}
