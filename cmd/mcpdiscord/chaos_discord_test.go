//go:build redis && linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

// front stands before the emulator. It shortens the lives of Discord's tokens,
// keeps book of what is single-use, and can hold an answer back.
type front struct {
	emulator  *emulator.Emulator
	url       string
	processes []*process

	// hook runs when Discord has done its work, before an answer leaves and when
	// it has left. nil: nothing does.
	hook atomic.Pointer[func(endpoint string, left bool)]

	mu    sync.Mutex
	lives func(userID string) time.Duration // of access tokens, as answers tell it; nil: Discord's
	told  map[string]time.Time              // access token → its end
	owner map[string]string                 // token of either kind → user id
	shown map[string][]shown                // single-use code or token → each time that it came
	dead  map[int]time.Time                 // processes that were killed
}

// shown is one use of something single-use.
type shown struct {
	at, answered time.Time
	pid          int
	grant, user  string
	result       string // status, or "lost"
}

type pidKey struct{}

func newFront(t testing.TB, users int) *front {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &front{
		url: "http://" + listener.Addr().String(), told: map[string]time.Time{}, owner: map[string]string{},
		shown: map[string][]shown{}, dead: map[int]time.Time{},
	}
	if f.emulator, err = emulator.New(emulator.Config{URL: f.url, Users: crowd(users)}); err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: f, ReadHeaderTimeout: 10 * time.Second, ConnContext: func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, pidKey{}, f.caller(c))
	}}
	served := make(chan struct{})
	go func() { _ = server.Serve(listener); close(served) }()
	t.Cleanup(func() { _ = server.Close(); <-served })
	return f
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	endpoint := strings.TrimPrefix(r.URL.Path, "/api/v10/")
	if !strings.HasPrefix(r.URL.Path, "/api/v10/oauth2/") {
		f.emulator.ServeHTTP(w, r)
		return
	}
	bearer, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if f.over(bearer) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusUnauthorized)
		_, _ = w.Write([]byte(`{"message": "401: Unauthorized", "code": 0}`))
		return
	}
	if endpoint == "oauth2/token" {
		_ = r.ParseForm() // which the emulator finds done
	}
	grant, once := r.PostForm.Get("grant_type"), r.PostForm.Get("code")+r.PostForm.Get("refresh_token")
	use := shown{at: time.Now(), grant: grant, result: "lost"}
	use.pid, _ = r.Context().Value(pidKey{}).(int)
	defer func() { f.book(once, use) }() // a fault may cut the connection
	answer := httptest.NewRecorder()
	f.emulator.ServeHTTP(answer, r)
	use.result = strconv.Itoa(answer.Code)
	body := answer.Body.Bytes()
	switch {
	case answer.Code != http.StatusOK:
	case !json.Valid(body):
		use.result = "truncated" // and the work was not done
	default:
		body = f.learn(endpoint, bearer, once, body)
	}
	hook := f.hook.Load()
	if hook != nil {
		(*hook)(endpoint, false)
	}
	maps.Copy(w.Header(), answer.Header())
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body)
	_ = http.NewResponseController(w).Flush()
	if hook != nil {
		(*hook)(endpoint, true)
	}
}

// over says whether an access token's told life is over.
func (f *front) over(access string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	end, known := f.told[access]
	return known && !time.Now().Before(end)
}

// learn reads a good answer: whose tokens are in it, or whose the bearer is. It
// returns the answer with the life that the user's tokens are to have.
func (f *front) learn(endpoint, bearer, once string, body []byte) []byte {
	var answer map[string]any
	_ = json.Unmarshal(body, &answer) // it is valid
	f.mu.Lock()
	defer f.mu.Unlock()
	switch endpoint {
	case "oauth2/@me":
		if user, ok := answer["user"].(map[string]any); ok {
			f.owner[bearer], _ = user["id"].(string)
		}
	case "oauth2/token":
		access, _ := answer["access_token"].(string)
		refresh, _ := answer["refresh_token"].(string)
		user := f.owner[once]
		f.owner[access], f.owner[refresh] = user, user
		if f.lives == nil {
			return body
		}
		life := f.lives(user)
		f.told[access] = time.Now().Add(life)
		answer["expires_in"] = int(life.Seconds())
		body, _ = json.Marshal(answer)
	}
	return body
}

// name says whose code of Discord's it is, which only the browser knows.
func (f *front) name(callback *url.URL, user string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.owner[callback.Query().Get("code")] = user
}

func (f *front) book(once string, use shown) {
	if once == "" {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	use.answered, use.user = time.Now(), f.owner[once]
	f.shown[once] = append(f.shown[once], use)
}

// died remembers that a process is being killed.
func (f *front) died(pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.dead[pid] = time.Now()
}

// setLives changes what the lives of new tokens are.
func (f *front) setLives(lives func(userID string) time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lives = lives
}

// uses are the uses of single-use things, by user, in order.
func (f *front) uses(grant string) map[string][]shown {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := map[string][]shown{}
	for _, uses := range f.shown {
		for _, use := range uses {
			if use.grant == grant {
				all[use.user] = append(all[use.user], use)
			}
		}
	}
	for _, uses := range all {
		slices.SortFunc(uses, func(a, b shown) int { return a.at.Compare(b.at) })
	}
	return all
}

// excused says whether an answer of Discord's was lost on its way into the
// store: cut, or with the process that had asked. f.mu is held.
func (f *front) excused(use shown) bool {
	_, killed := f.dead[use.pid]
	return use.result == "lost" || killed
}

// doubles are the things that were used again although an answer to their use
// had reached a process that lived, in words.
func (f *front) doubles() (found []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, uses := range f.shown {
		for i, use := range uses {
			if use.result == "200" && i+1 < len(uses) && !f.excused(use) {
				found = append(found, fmt.Sprintf("%+v, and then %+v", use, uses[i+1:]))
			}
		}
	}
	return found
}

// robbed says whether an answer about the user's tokens was lost.
func (f *front) robbed(userID string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, uses := range f.shown {
		for _, use := range uses {
			if use.user == userID && use.grant == "refresh_token" && f.excused(use) {
				return true
			}
		}
	}
	return false
}

// caller is the process at the other end of a connection, 0 for none of ours.
func (f *front) caller(c net.Conn) int {
	remote, _ := c.RemoteAddr().(*net.TCPAddr)
	table, err := os.Open("/proc/net/tcp")
	if err != nil || remote == nil {
		return 0
	}
	defer table.Close()
	inode, port := "", fmt.Sprintf(":%04X", remote.Port)
	for lines := bufio.NewScanner(table); lines.Scan() && inode == ""; {
		if fields := strings.Fields(lines.Text()); len(fields) > 9 && strings.HasSuffix(fields[1], port) && fields[9] != "0" {
			inode = fields[9]
		}
	}
	for _, p := range f.processes {
		sockets, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", p.pid()))
		for _, path := range sockets {
			if link, _ := os.Readlink(path); bytes.Equal([]byte(link), []byte("socket:["+inode+"]")) {
				return p.pid()
			}
		}
	}
	return 0
}
