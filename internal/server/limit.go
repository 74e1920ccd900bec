package server

import (
	"bytes"
	"io"
	"net/http"
	"sync"
	"time"
)

// What one request, one user and everybody may take.
const (
	maxBody         = 4 << 20          // of a request for the MCP endpoint, in bytes
	defaultInFlight = 1024             // about 100 KB each with the SDK
	userShare       = 4                // one user gets a quarter of the room at most
	bodyTimeout     = 60 * time.Second // for a whole request body
	formTimeout     = 10 * time.Second // for the body of anybody's request
	maxForm         = 64 << 10         // of that body, in bytes; handlers take no more
	busyRetry       = "1"              // Retry-After of an answer to too many requests, in seconds
)

// room counts the requests that are in work, together and for each user, so
// that neither a crowd nor one user can take all memory.
type room struct {
	size, share int

	mu     sync.Mutex
	inside int
	users  map[string]int
}

func newRoom(size int) *room {
	return &room{size: size, share: max(1, size/userShare), users: map[string]int{}}
}

// enter takes a place for user, if there is one. "" is nobody in particular
// and has no share of its own.
func (r *room) enter(user string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inside >= r.size || user != "" && r.users[user] >= r.share {
		return false
	}
	r.inside++
	if user != "" {
		r.users[user]++
	}
	return true
}

// taken is how many places are taken.
func (r *room) taken() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inside
}

// leave gives the place of user back.
func (r *room) leave(user string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inside--
	if user == "" {
		return
	}
	if r.users[user]--; r.users[user] == 0 {
		delete(r.users, user)
	}
}

// bounded lets a bounded number of requests through to h. Anybody may send
// them, so a place is only taken by a request whose body is here: else a
// thousand slow senders would keep everybody from signing in.
func (s *Server) bounded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 {
			r.Body = readAhead(http.NewResponseController(w), r.Body)
		}
		if !s.others.enter("") {
			w.Header().Set("Retry-After", busyRetry)
			http.Error(w, "this server is busy; try again in a second", http.StatusServiceUnavailable)
			return
		}
		defer s.others.leave("")
		h.ServeHTTP(w, r)
	})
}

// readAhead is body with as much of it in memory as any handler takes. What
// went wrong, and that there is more, is found again by the handler.
func readAhead(conn *http.ResponseController, body io.ReadCloser) io.ReadCloser {
	var ahead bytes.Buffer
	if n, err := ahead.ReadFrom(io.LimitReader(body, maxForm+1)); n <= maxForm && err == nil {
		_ = conn.SetReadDeadline(time.Time{})
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(&ahead, body), body}
}
