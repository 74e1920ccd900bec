package server

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync"
	"time"
)

const (
	readyTimeout = time.Second // for the store to answer
	readyKeep    = time.Second // how long its answer holds: anybody's probes cost one read a second
)

// readiness asks the store, for everybody at once.
type readiness struct {
	mu    sync.Mutex
	asked time.Time
	err   error
}

// Health answers GET /healthz, which is 200 while the process lives, and GET
// /readyz, which is 503 while it should get no requests: the store does not
// answer, or the server drains. It is for an address that strangers do not
// reach, so it is none of Handler's routes: its answers would tell them about
// the store, and be a read that they can cause.
func (s *Server) Health() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { answerHealth(w, nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { answerHealth(w, s.notReady(r.Context())) })
	return mux
}

// notReady says what is missing; nil: nothing is.
func (s *Server) notReady(ctx context.Context) []string {
	var failing []string
	select {
	case <-s.leaving:
		failing = append(failing, "draining")
	default:
	}
	if err := s.ready.ask(ctx, s.cfg.Auth.Ping); err != nil {
		s.log.LogAttrs(ctx, slog.LevelDebug, "not ready", slog.String("error", err.Error()))
		failing = append(failing, "store")
	}
	return failing
}

// ask pings, unless that was done within readyKeep. A probe that gives up does
// not end the ping of the others.
func (a *readiness) ask(ctx context.Context, ping func(context.Context) error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.asked.IsZero() && time.Since(a.asked) < readyKeep {
		return a.err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyTimeout)
	defer cancel()
	a.err = ping(ctx)
	a.asked = time.Now()
	return a.err
}

// answerHealth answers with what is failing, in single words.
func answerHealth(w http.ResponseWriter, failing []string) {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Cache-Control", "no-store")
	body := struct {
		Status  string   `json:"status"`
		Failing []string `json:"failing,omitempty"`
	}{"ok", failing}
	status := http.StatusOK
	if len(failing) > 0 {
		status, body.Status = http.StatusServiceUnavailable, "unavailable"
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
