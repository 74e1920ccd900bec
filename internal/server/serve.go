package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of a connection. There is none on a whole answer, for a stream lives
// for hours: writeTimeout is for whoever reads to take what was written.
const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 120 * time.Second
	writeTimeout   = 120 * time.Second
	maxHeaderBytes = 64 << 10
	drainTimeout   = 10 * time.Second
	maxStreams     = 100 // requests at once on one connection of HTTP/2
)

// Serve serves on every listener until ctx ends. Then it says so at /readyz
// and goes on for Config.DrainDelay, takes no more connections, ends the long-lived streams, lets calls in flight complete for
// up to 10 s, and returns nil. It also returns when a listener breaks, with the
// reason. The listeners are closed either way.
func (s *Server) Serve(ctx context.Context, lns []net.Listener) error {
	srv := &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: s.headerTimeout,
		IdleTimeout:       idleTimeout,
		WriteTimeout:      s.writeTimeout, // exchange.Write renews it
		MaxHeaderBytes:    maxHeaderBytes,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: maxStreams, SendPingTimeout: idleTimeout, WriteByteTimeout: writeTimeout},
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug), // strangers' broken requests
	}
	serve := srv.Serve
	if s.cfg.TLS != nil {
		srv.TLSConfig = s.cfg.TLS.config()
		serve = func(ln net.Listener) error { return srv.ServeTLS(ln, "", "") }
	}
	all := s.newConnections()
	broken := make(chan error, len(lns))
	for _, ln := range lns {
		go func() { broken <- serve(all.listen(ln)) }()
	}
	var err error
	waiting := len(lns)
	select {
	case <-ctx.Done():
	case err = <-broken:
		waiting--
	}
	if err == nil {
		waiting, err = s.announce(broken, waiting)
	}
	s.shutdown(context.WithoutCancel(ctx), srv)
	for range waiting {
		if late := <-broken; !errors.Is(late, http.ErrServerClosed) {
			err = errors.Join(err, late)
		}
	}
	return err
}

// announce makes /readyz say that the server leaves, and gives balancers the
// time to see it before connections are refused.
func (s *Server) announce(broken <-chan error, waiting int) (int, error) {
	close(s.leaving)
	if s.cfg.DrainDelay <= 0 {
		return waiting, nil
	}
	delay := time.NewTimer(s.cfg.DrainDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
		return waiting, nil
	case err := <-broken:
		return waiting - 1, err
	}
}

// shutdown drains srv, and closes what is still open after drainTimeout.
func (s *Server) shutdown(ctx context.Context, srv *http.Server) {
	s.drain()
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	if err := srv.Shutdown(ctx); err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "requests were still running at the end", slog.String("error", err.Error()))
		_ = srv.Close()
	}
}
