package server

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"sync"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// Admin answers the operator on a socket of this machine: lists and revokes.
// Answers are lines of JSON, an [AdminLine] each, so that a million grants need
// no memory; the last one says that it is the last.
type Admin struct {
	auth *authserver.Server
	log  *slog.Logger
	ln   net.Listener
	http *http.Server

	stop     context.CancelFunc
	accepts  sync.WaitGroup
	handlers sync.WaitGroup
}

// AdminLine is one line of an answer: exactly one of its fields is set.
type AdminLine struct {
	Client *authserver.ClientInfo `json:"client,omitempty"`
	Grant  *authserver.GrantInfo  `json:"grant,omitempty"`
	Ended  *int                   `json:"ended,omitempty"` // grants, so far
	Error  string                 `json:"error,omitempty"` // the last line: what is missing is not known
	Done   bool                   `json:"done,omitempty"`  // the last line: nothing is missing
}

// Paths of the admin socket. The user of AdminGrantsPath is in its query, the
// revocation's parts are in a JSON body (AdminRevocation).
const (
	AdminClientsPath = "/clients"
	AdminGrantsPath  = "/grants"
	AdminRevokePath  = "/revoke"
)

// AdminRevocation is the body of POST AdminRevokePath, see
// [authserver.Revocation].
type AdminRevocation struct {
	GrantID  string `json:"grant_id,omitempty"`
	UserID   string `json:"discord_id,omitempty"`
	ClientID string `json:"client_id,omitempty"`
	All      bool   `json:"all,omitempty"`
}

const (
	maxAdminBody   = 4 << 10 // bytes
	adminStopAfter = 5 * time.Second
)

// snowflake is what a Discord user id looks like.
var snowflake = regexp.MustCompile(`^[0-9]{1,20}$`)

// ServeAdmin answers on the listener (see [ListenAdmin]) until Close.
func ServeAdmin(ln net.Listener, auth *authserver.Server, log *slog.Logger) *Admin {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	a := &Admin{auth: auth, log: log, ln: ln}
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+AdminClientsPath, a.serveClients)
	mux.HandleFunc("GET "+AdminGrantsPath, a.serveGrants)
	mux.HandleFunc("POST "+AdminRevokePath, a.serveRevoke)
	a.http = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a.handlers.Add(1)
			defer a.handlers.Done()
			w.Header().Set("Content-Type", "application/jsonl")
			mux.ServeHTTP(w, r)
		}),
		ReadHeaderTimeout: headerTimeout, MaxHeaderBytes: maxHeaderBytes, // a ReadTimeout would end long answers
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	a.accepts.Go(func() {
		if err := a.http.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
			log.Error("the admin socket is not served any more", "error", err)
		}
	})
	return a
}

// Close ends what runs and removes the socket.
func (a *Admin) Close() {
	a.stop() // whoever reads the store, or waits for Discord
	ctx, cancel := context.WithTimeout(context.Background(), adminStopAfter)
	defer cancel()
	if a.http.Shutdown(ctx) != nil { // somebody does not read
		_ = a.http.Close()
	}
	a.accepts.Wait()
	a.handlers.Wait()
}

func (a *Admin) serveClients(w http.ResponseWriter, r *http.Request) {
	out := newAdminAnswer(w)
	out.end(a.log, eachPage(func(cursor string) (string, error) {
		page, next, err := a.auth.KnownClients(r.Context(), cursor)
		for i := range page {
			err = errors.Join(err, out.line(AdminLine{Client: &page[i]}))
		}
		return next, errors.Join(err, out.flush())
	}))
}

func (a *Admin) serveGrants(w http.ResponseWriter, r *http.Request) {
	user := r.URL.Query().Get("user")
	if user != "" && !snowflake.MatchString(user) {
		http.Error(w, "not the id of a Discord user", http.StatusBadRequest)
		return
	}
	out := newAdminAnswer(w)
	out.end(a.log, eachPage(func(cursor string) (string, error) {
		page, next, err := a.auth.Grants(r.Context(), user, cursor)
		for i := range page {
			err = errors.Join(err, out.line(AdminLine{Grant: &page[i]}))
		}
		return next, errors.Join(err, out.flush())
	}))
}

func (a *Admin) serveRevoke(w http.ResponseWriter, r *http.Request) {
	var what AdminRevocation
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxAdminBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&what); err != nil || what.UserID != "" && !snowflake.MatchString(what.UserID) {
		http.Error(w, "not a revocation", http.StatusBadRequest)
		return
	}
	out := newAdminAnswer(w)
	a.log.WarnContext(r.Context(), "operator revokes", "grant_id", what.GrantID, "user_id", what.UserID, "client_id", what.ClientID, "all", what.All)
	out.end(a.log, a.auth.Revoke(r.Context(), authserver.Revocation(what), func(ended int) {
		// Who does not listen any more has changed nothing about what was asked
		// for; where he has gone, the context ends.
		_ = out.line(AdminLine{Ended: &ended})
		_ = out.flush()
	}))
}

// eachPage reads pages until there is none or one of them fails.
func eachPage(read func(cursor string) (next string, err error)) error {
	for cursor, first := "", true; first || cursor != ""; first = false {
		var err error
		if cursor, err = read(cursor); err != nil {
			return err
		}
	}
	return nil
}

// adminAnswer writes lines.
type adminAnswer struct {
	enc *json.Encoder
	rc  *http.ResponseController
}

func newAdminAnswer(w http.ResponseWriter) *adminAnswer {
	return &adminAnswer{json.NewEncoder(w), http.NewResponseController(w)}
}

func (o *adminAnswer) line(l AdminLine) error { return o.enc.Encode(l) }

func (o *adminAnswer) flush() error { return o.rc.Flush() }

// end writes the last line.
func (o *adminAnswer) end(log *slog.Logger, err error) {
	last := AdminLine{Done: true}
	if err != nil {
		log.Warn("admin request not completed", "error", err)
		last = AdminLine{Error: "the server cannot reach its records, or stops"}
	}
	_ = o.line(last)
}
