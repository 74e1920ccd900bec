package client

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/tokencache"
)

const (
	callbackPath = "/callback"
	resultPath   = "/result/"
	// lockPatience is how long a taken lock is not worth a word.
	lockPatience = 300 * time.Millisecond
	// pagePatience is how long the end of a sign-in waits for the browser to
	// fetch its last page.
	pagePatience = 3 * time.Second
	// resultPatience is how long the last page waits for the token exchange.
	resultPatience = time.Minute
)

// receiver is the loopback end of the redirect (RFC 8252, section 7.3). It
// takes one answer that carries the right state; everything else is refused
// and does not disturb.
type receiver struct {
	redirect string
	port     int
	host     string // as a Host header
	answers  chan url.Values

	server *http.Server
	served sync.WaitGroup // the server's goroutine

	over    chan struct{} // closed once the outcome is known
	shown   chan struct{} // closed once the last page was fetched
	showing sync.Once
	ending  sync.Once

	mu      sync.Mutex
	state   string // awaited; "" none
	result  string // the path of the last page, once the browser was sent there
	outcome page
}

// listen binds the loopback port before any browser opens: the configured one,
// else the one of the last sign-in, else any.
func (s *signer) listen(ctx context.Context, prev *tokencache.Session) (*receiver, error) {
	ports := []int{0}
	if s.cfg.CallbackPort != 0 {
		ports = []int{s.cfg.CallbackPort}
	} else if prev != nil {
		if u, err := url.Parse(prev.RedirectURI); err == nil {
			if last, err := strconv.Atoi(u.Port()); err == nil && last > 0 {
				ports = []int{last, 0}
			}
		}
	}
	var listening net.ListenConfig
	var ln net.Listener
	var err error
	for _, port := range ports {
		if ln, err = listening.Listen(ctx, "tcp4", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			break
		}
	}
	if err != nil {
		if s.cfg.CallbackPort != 0 {
			return nil, &Error{Kind: KindFailure, Message: fmt.Sprintf("cannot listen on port %d of this computer", s.cfg.CallbackPort), Hint: "choose another port with --callback-port", Err: err}
		}
		return nil, &Error{Kind: KindFailure, Message: "cannot listen on this computer's loopback address", Err: err}
	}
	return receive(ln), nil
}

func receive(ln net.Listener) *receiver {
	r := &receiver{
		port:    ln.Addr().(*net.TCPAddr).Port,
		host:    ln.Addr().String(),
		answers: make(chan url.Values, 1),
		over:    make(chan struct{}),
		shown:   make(chan struct{}),
	}
	r.redirect = "http://" + r.host + callbackPath
	r.server = &http.Server{
		Handler:           http.HandlerFunc(r.serve),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		IdleTimeout:       10 * time.Second,
		MaxHeaderBytes:    1 << 20, // browsers send the cookies of every port of this host
		ErrorLog:          silent(),
	}
	r.served.Go(func() { _ = r.server.Serve(ln) })
	return r
}

// expect arms the receiver for one answer with this state.
func (r *receiver) expect(state string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.state = state
}

// rearm makes room for a second answer, with another state.
func (r *receiver) rearm() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result = ""
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	switch {
	case req.Host != r.host:
		// A name that was made to point here (DNS rebinding).
		refusePage(http.StatusMisdirectedRequest, "This address is not for you").write(w)
	case strings.HasPrefix(req.URL.Path, resultPath):
		r.serveResult(w, req)
	case req.URL.Path != callbackPath:
		refusePage(http.StatusNotFound, "There is nothing here").write(w)
	case req.Method != http.MethodGet:
		w.Header().Set("Allow", http.MethodGet)
		refusePage(http.StatusMethodNotAllowed, "There is nothing here").write(w)
	default:
		r.serveCallback(w, req)
	}
}

// serveCallback takes the answer and moves the browser on at once, so that the
// code does not stay in the address bar and the history.
func (r *receiver) serveCallback(w http.ResponseWriter, req *http.Request) {
	answer, err := url.ParseQuery(req.URL.RawQuery)
	if err != nil {
		refusePage(http.StatusBadRequest, "This address cannot be read").write(w)
		return
	}
	result := resultPath + rand.Text()
	if err := r.accept(answer, result); err != nil {
		status := http.StatusBadRequest
		if errors.Is(err, errSecondAnswer) {
			status = http.StatusGone
		}
		refusePage(status, capital(err.Error())).write(w)
		return
	}
	headers(w)
	w.Header().Set("Location", result)
	w.WriteHeader(http.StatusSeeOther)
}

var (
	errWrongState   = errors.New("this does not belong to the sign-in that is under way")
	errSecondAnswer = errors.New("this sign-in was already answered")
)

// accept hands over an answer with the awaited state, once. result is where
// the browser goes from here; "" for a pasted answer.
func (r *receiver) accept(answer url.Values, result string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(answer[name]) > 1 {
			return errWrongState // RFC 6749, section 3.1: not more than once
		}
	}
	if r.state == "" {
		return errSecondAnswer
	}
	if subtle.ConstantTimeCompare([]byte(answer.Get("state")), []byte(r.state)) != 1 {
		return errWrongState
	}
	if answer.Get("code") == "" && answer.Get("error") == "" {
		return errWrongState
	}
	r.state = ""
	r.result = result
	r.answers <- answer // has room: the state is accepted once
	return nil
}

// paste accepts the address that a browser elsewhere ended at.
func (r *receiver) paste(line string) error {
	line = strings.TrimSpace(line)
	_, query, ok := strings.Cut(line, "?")
	if !ok || len(line) > 16<<10 {
		return fmt.Errorf("that is not the address that the browser ends at, it starts with %s?", r.redirect)
	}
	query, _, _ = strings.Cut(query, "#")
	answer, err := url.ParseQuery(query)
	if err != nil {
		return fmt.Errorf("that is not the address that the browser ends at, it starts with %s?", r.redirect)
	}
	return r.accept(answer, "")
}

// serveResult is the last page. It waits for the outcome: "signed in" is shown
// when it is true, not before.
func (r *receiver) serveResult(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	expected := r.result
	r.mu.Unlock()
	if expected == "" || req.URL.Path != expected {
		refusePage(http.StatusNotFound, "There is nothing here").write(w)
		return
	}
	if req.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		refusePage(http.StatusMethodNotAllowed, "There is nothing here").write(w)
		return
	}
	late := time.NewTimer(resultPatience)
	defer late.Stop()
	select {
	case <-r.over:
	case <-req.Context().Done():
		return
	case <-late.C:
		refusePage(http.StatusGatewayTimeout, "The sign-in is not finished: look at the terminal").write(w)
		return
	}
	r.mu.Lock()
	outcome := r.outcome
	r.mu.Unlock()
	outcome.write(w)
	r.showing.Do(func() { close(r.shown) })
}

// finish makes the outcome known, and gives a browser that is on its way a
// moment to fetch it.
func (r *receiver) finish(ctx context.Context, outcome page) {
	r.mu.Lock()
	r.outcome = outcome
	visited := r.result != ""
	r.mu.Unlock()
	r.ending.Do(func() { close(r.over) })
	if !visited {
		return
	}
	patience := time.NewTimer(pagePatience)
	defer patience.Stop()
	select {
	case <-r.shown:
	case <-patience.C:
	case <-ctx.Done():
	}
}

// close frees the port. A page that is being written is finished first.
func (r *receiver) close() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if r.server.Shutdown(ctx) != nil {
		_ = r.server.Close()
	}
	r.served.Wait()
}
