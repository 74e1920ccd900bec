//go:build redis && linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

// crashOp is what a node does when it is killed.
type crashOp struct {
	name    string
	life    time.Duration // of Discord's tokens
	writes  int           // to a Redis, counts included
	discord []string      // calls of Discord
	prepare func(ctx context.Context, v *victim) error
	strike  func(ctx context.Context, v *victim) bool // the node dies during it; true: its answer came first
	recover func(ctx context.Context, v *victim) bool // what a client does otherwise; false: it has to sign in anew
	logins  int                                       // new sign-ins that it may take
}

// victim is a user in the middle of something.
type victim struct {
	*chaosUser
	point    string // at which the node was killed
	answered bool   // before
	callback string // address that Discord sent the browser to
	browser  *person
}

// signedIn makes a victim that has tokens, and has used them.
func signedIn(ctx context.Context, v *victim) error {
	if err := v.signIn(ctx); err != nil {
		return err
	}
	v.signIns = 0
	if r := v.call(ctx); r.status != http.StatusOK {
		return fmt.Errorf("calling: %d %s", r.status, r.body)
	}
	return nil
}

// patiently asks again while there is no answer, or one that says so.
func (v *victim) patiently(ctx context.Context, ask func(context.Context) reply) reply {
	for {
		r := ask(ctx)
		if !r.lost() && !v.later("recovering", r) || !rest(ctx, 300*time.Millisecond) {
			return r
		}
	}
}

// taken takes the tokens of a good answer.
func (v *victim) taken(r reply) bool {
	if r.status == http.StatusOK {
		v.take(r)
	}
	return r.status == http.StatusOK
}

// visit opens the callback in the browser, once more after a crash.
func (v *victim) visit(ctx context.Context) (*url.URL, reply) {
	var end *url.URL
	v.browser.client.CheckRedirect = func(r *http.Request, _ []*http.Request) error {
		end = r.URL
		return errStopped
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.callback, nil)
	if err != nil {
		return nil, reply{}
	}
	response, err := v.browser.client.Do(r)
	if errors.Is(err, errStopped) {
		return end, reply{status: http.StatusSeeOther}
	}
	if err != nil {
		return nil, reply{}
	}
	_ = response.Body.Close()
	return nil, reply{status: response.StatusCode, header: response.Header}
}

// crashOps are the steps that leave something behind.
func crashOps() []crashOp {
	refresh := crashOp{
		prepare: signedIn,
		strike:  func(ctx context.Context, v *victim) bool { return v.taken(v.exchange(ctx)) },
		recover: func(ctx context.Context, v *victim) bool { return v.taken(v.patiently(ctx, v.exchange)) },
	}
	renewal, plain := refresh, refresh
	renewal.name, renewal.life, renewal.writes, renewal.discord = "refresh with a renewal", 20*time.Hour, 6, []string{"oauth2/token"}
	plain.name, plain.life, plain.writes = "refresh", 7*24*time.Hour, 3
	return []crashOp{
		{
			name: "callback", life: 7 * 24 * time.Hour, writes: 5, logins: 1, discord: []string{"oauth2/token", "oauth2/@me"},
			prepare: func(ctx context.Context, v *victim) error {
				if err := v.register(ctx); err != nil {
					return err
				}
				callback, browser, err := v.walk(ctx, v.fleet.base+"/auth/callback")
				if err == nil {
					v.callback, v.browser = callback.String(), browser
				}
				return err
			},
			strike: func(ctx context.Context, v *victim) bool {
				if end, _ := v.visit(ctx); end != nil {
					v.code = end.Query().Get("code") // and the client shows it to another node
				}
				return false
			},
			recover: func(ctx context.Context, v *victim) bool {
				if v.code == "" {
					var end *url.URL
					v.patiently(ctx, func(ctx context.Context) (r reply) { end, r = v.visit(ctx); return r })
					if end == nil || !strings.HasPrefix(end.String(), oauthRedirect) {
						v.tally.problem("%s: the browser is stuck at %v", v.point, end)
						return false
					}
					v.code = end.Query().Get("code")
				}
				return v.code != "" && v.taken(v.patiently(ctx, v.redeem))
			},
		},
		{
			name: "code", life: 7 * 24 * time.Hour, writes: 3, logins: 1,
			prepare: func(ctx context.Context, v *victim) error {
				if err := v.register(ctx); err != nil {
					return err
				}
				back, _, err := v.walk(ctx, oauthRedirect)
				if err == nil {
					v.code = back.Query().Get("code")
				}
				return err
			},
			strike:  func(ctx context.Context, v *victim) bool { return v.taken(v.redeem(ctx)) },
			recover: func(ctx context.Context, v *victim) bool { return v.taken(v.patiently(ctx, v.redeem)) },
		},
		renewal, plain,
	}
}

// killed strikes at each point, another user each time, and lets all of them
// recover at the end. Somebody looks on, to whom nothing may happen.
func killed(t *testing.T, op crashOp, storeURL string, points []crashPoint) {
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	c := newTally()
	f := newFleet(t, 1, len(points)+1, storeURL, "--limits", "register=0,authorize=0,consent=0", "--log-level", "warn")
	f.discord.setLives(func(string) time.Duration { return op.life })
	onlooker := &victim{chaosUser: f.user(len(points), 1, c)}
	if err := signedIn(ctx, onlooker); err != nil {
		t.Fatal(err)
	}
	victims := make([]*victim, len(points))
	for i, point := range points {
		v := &victim{chaosUser: f.user(i, 1, c), point: point.name}
		if err := op.prepare(ctx, v); err != nil {
			t.Fatalf("%s: %v", point.name, err)
		}
		var struck, over bool
		var mu sync.Mutex
		disarm := point.arm(f, func() {
			mu.Lock()
			defer mu.Unlock()
			if over { // a timer that fired too late would kill the next process
				return
			}
			struck = true
			f.nodes[0].signal(syscall.SIGKILL)
		})
		v.answered = op.strike(ctx, v)
		disarm()
		mu.Lock()
		over = true
		mu.Unlock()
		switch {
		case struck && point.past:
			t.Errorf("%s: there are more", point.name)
		case struck && (v.answered || v.code != "" && v.callback != ""):
			c.add("killed after the answer")
		case struck:
			c.add("killed before the answer")
		case point.sure:
			t.Errorf("%s: it is not reached", point.name)
		}
		f.killNode(0)
		if err := f.startNode(ctx, 0); err != nil {
			t.Fatal(err)
		}
		if r := onlooker.call(ctx); r.status != http.StatusOK {
			c.problem("%s: the onlooker gets %d: %s", point.name, r.status, r.body)
		}
		victims[i] = v
	}
	var wg sync.WaitGroup
	for _, v := range append(victims, onlooker) {
		wg.Go(func() { v.goesOn(ctx, op) })
	}
	wg.Wait()
	t.Logf("%d points: %v", len(points), c.counts)
	f.killNode(0)
	wholeGrants(t, f, 2*len(points)+2)
	for _, problem := range c.problems {
		t.Error(problem)
	}
}

// goesOn recovers and then does all that a client does.
func (v *victim) goesOn(ctx context.Context, op crashOp) {
	if v.point != "" && !v.answered && !op.recover(ctx, v) {
		v.tally.add("new sign-in")
		v.signIns = 0
		for v.signIns == 0 && ctx.Err() == nil {
			if err := v.signIn(ctx); err != nil {
				v.tally.problem("%s: the new sign-in: %v", v.point, err)
				return
			}
		}
		if v.signIns > op.logins {
			v.tally.problem("%s: %d new sign-ins", v.point, v.signIns)
		}
	}
	for range 2 {
		if !v.works(ctx) || !v.renew(ctx) {
			v.tally.problem("%s: user %s does not work", v.point, v.id)
		}
	}
}

// wholeGrants opens the store of a fleet that is down: there is no half grant.
func wholeGrants(t *testing.T, f *fleet, most int) {
	t.Helper()
	opened, err := store.Open(t.Context(), store.Config{
		URL: f.store, SigningKeys: [][]byte{[]byte(chaosSigningKey)}, EncryptionKeys: [][]byte{[]byte(chaosSealingKey)},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	for cursor, n := "", 0; ; {
		page, next, err := opened.List(t.Context(), authserver.KindGrant, cursor)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page {
			var g authserver.Grant
			if err := json.Unmarshal(e.Value, &g); err != nil || !g.Revoked && (g.User.ID == "" || g.ClientID == "" || len(g.Hash) == 0 || len(g.Scopes) == 0) {
				t.Errorf("half a grant: %+v, %v", g, err)
			}
			n++
		}
		if cursor = next; cursor == "" {
			if n == 0 || n > most {
				t.Errorf("%d grants", n)
			}
			return
		}
	}
}

// TestAttack17RealCrashRedis kills a process before and after each write that a
// step sends to Redis, and between Discord's answer and its commit.
func TestAttack17RealCrashRedis(t *testing.T) {
	t.Parallel()
	_, addr := newRedisProcess(t)
	for _, op := range crashOps() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			wire := newKillWire(t, addr)
			points := discordPoints(op)
			for n := 1; n <= op.writes+1; n++ {
				for _, commit := range []bool{false, true} {
					points = append(points, crashPoint{fmt.Sprintf("write %d, committed %v", n, commit), func(_ *fleet, kill func()) func() {
						wire.set(n, commit, kill)
						return func() { wire.set(0, false, nil) }
					}, n <= op.writes, n > op.writes})
				}
			}
			killed(t, op, "redis://"+wire.listener.Addr().String()+"?prefix="+strings.ReplaceAll(op.name, " ", ""), points)
		})
	}
}

// TestAttack17RealCrashBolt kills a process between Discord's answer and its
// commit, right after each commit of a file, and at moments in between.
func TestAttack17RealCrashBolt(t *testing.T) {
	t.Parallel()
	for _, op := range crashOps() {
		t.Run(op.name, func(t *testing.T) {
			t.Parallel()
			points := discordPoints(op)
			for n := 1; n <= op.writes; n++ {
				points = append(points, crashPoint{fmt.Sprintf("commit %d", n), func(f *fleet, kill func()) func() { return killAtCommit(f, n, kill) }, false, false})
			}
			for d := range 12 {
				after := time.Duration(d) * 600 * time.Microsecond
				points = append(points, crashPoint{fmt.Sprintf("after %v", after), func(_ *fleet, kill func()) func() {
					timer := time.AfterFunc(after, kill)
					return func() { timer.Stop() }
				}, false, false})
			}
			killed(t, op, "", points)
		})
	}
}

// TestAttack12RealNodes refreshes 64 times at once at three nodes, with tokens
// of Discord's that are over: Discord is called once.
func TestAttack12RealNodes(t *testing.T) {
	t.Parallel()
	_, addr := newRedisProcess(t)
	c := newTally()
	f := newFleet(t, 3, 1, "redis://"+addr)
	f.discord.setLives(func(string) time.Duration { return time.Second })
	v := &victim{chaosUser: f.user(0, 1, c)}
	if err := signedIn(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	f.discord.setLives(nil)
	rest(t.Context(), 1100*time.Millisecond) // Discord's tokens end
	before := f.discord.emulator.Counters().Calls()
	const storm = 64
	replies := make([]reply, storm)
	var wg sync.WaitGroup
	for i := range replies {
		wg.Go(func() { replies[i] = v.exchange(t.Context()) })
	}
	wg.Wait()
	successors := map[string]int{}
	for _, r := range replies {
		if r.status != http.StatusOK {
			t.Errorf("%d %s", r.status, r.body)
			continue
		}
		v.take(r)
		successors[v.refresh]++
	}
	if calls := f.discord.emulator.Counters().Calls() - before; calls != 1 || len(successors) != 1 {
		t.Errorf("%d calls of Discord and %d successors", calls, len(successors))
	}
	if !v.works(t.Context()) || !v.renew(t.Context()) || len(c.problems) > 0 {
		t.Error(c.problems)
	}
}
