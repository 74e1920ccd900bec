//go:build redis && linux

package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

const (
	chaosNodes    = 3
	chaosUsers    = 200
	chaosLife     = 15 * time.Second // of Discord's tokens until they are due
	chaosRecovery = 15 * time.Second // all nodes work so soon after a fault
)

// mischief is one fault of the schedule.
type mischief struct {
	at   time.Duration
	kind string
	node int           // to kill
	last time.Duration // how long it lasts
}

func (m mischief) String() string {
	return fmt.Sprintf("%6.1fs %s node %d for %v", m.at.Seconds(), m.kind, m.node, m.last)
}

// The faults of machines come one after another, those of Discord at the same
// time.
var (
	machineFaults = []string{"kill", "redis restart", "kill", "redis pause"}
	discordFaults = map[string]emulator.Fault{
		"429":       {Endpoint: emulator.EndpointAny, Kind: emulator.FaultRateLimit, RetryAfter: time.Second, Count: 6},
		"503":       {Endpoint: emulator.EndpointAny, Kind: emulator.FaultError, Status: 503},
		"HTML":      {Endpoint: emulator.EndpointAny, Kind: emulator.FaultHTML, Status: 503},
		"hang":      {Endpoint: emulator.EndpointToken, Kind: emulator.FaultHang, Count: 4},
		"truncated": {Endpoint: emulator.EndpointAny, Kind: emulator.FaultTruncate, Count: 6},
		"lost":      {Endpoint: emulator.EndpointToken, Kind: emulator.FaultLost, Grant: "refresh_token", Count: 3},
	}
)

// schedule draws faults, each kind as often as every other.
func schedule(rng *rand.Rand, kinds []string, every, duration time.Duration) (plan []mischief) {
	for at := every / 4; at < duration-every/2; {
		for _, i := range rng.Perm(len(kinds)) {
			if at < duration-every/2 {
				last := time.Duration(500+rng.IntN(2000)) * time.Millisecond
				if kinds[i] == "redis pause" {
					last = 2*time.Second + last // ≤ 4.5 s
				}
				plan = append(plan, mischief{at: at, kind: kinds[i], node: rng.IntN(chaosNodes), last: last})
				at += every
			}
		}
	}
	return plan
}

// chaos is one run.
type chaos struct {
	*fleet
	tally     *tally
	redis     *process
	redisAddr string
	steady    *chaosUser // looks on while machines fail
}

// TestChaos lets users sign in at three nodes with one Redis, and keeps them
// busy while nodes are killed, Redis ends or freezes, and Discord misbehaves.
// CHAOS_DURATION (30s) and CHAOS_SEED (1) are variables: make chaos.
func TestChaos(t *testing.T) {
	t.Parallel()
	duration, seed := 30*time.Second, uint64(1)
	if text := os.Getenv("CHAOS_DURATION"); text != "" {
		duration, _ = time.ParseDuration(text)
	}
	if text := os.Getenv("CHAOS_SEED"); text != "" {
		seed, _ = strconv.ParseUint(text, 10, 64)
	}
	rng := rand.New(rand.NewPCG(seed, 0))
	machines := schedule(rng, machineFaults, 7*time.Second, duration)
	discords := schedule(rng, slices.Sorted(maps.Keys(discordFaults)), 4*time.Second, duration)
	t.Logf("CHAOS_SEED=%d CHAOS_DURATION=%v\nmachines %v\nDiscord %v", seed, duration, machines, discords)

	c := &chaos{tally: newTally()}
	c.redis, c.redisAddr = newRedisProcess(t)
	c.fleet = newFleet(t, chaosNodes, chaosUsers+1, "redis://"+c.redisAddr, "--access-token-ttl", "20s")
	c.discord.setLives(func(user string) time.Duration {
		if mayEnd(user) {
			return chaosLife
		}
		return 24*time.Hour + chaosLife // due, but good for a day more
	})
	begun := time.Now()
	c.steady = c.user(chaosUsers, seed, c.tally)
	users := c.arriveAll(t, seed)
	t.Logf("%d users in after %v", len(users), time.Since(begun))
	ctx, cancel := context.WithTimeout(t.Context(), duration)
	defer cancel()
	var wg sync.WaitGroup
	for i, u := range users {
		wg.Go(func() {
			if i%5 == 0 && !u.arrive(ctx) { // these come in the middle of it, once more
				return
			}
			u.live(ctx)
		})
	}
	wg.Go(func() { c.breakMachines(ctx, t, machines) })
	wg.Go(func() { c.breakDiscord(ctx, t, discords) })
	wg.Wait()
	c.discord.emulator.ClearFaults()
	c.settle(t, users)
	c.revoke(t, users[:6])
	c.judge(t, time.Since(begun))
}

// mayEnd says whose tokens at Discord end when they are due: a quarter.
func mayEnd(user string) bool { return strings.HasSuffix(user, "3") || strings.HasSuffix(user, "7") }

// arriveAll signs everybody in.
func (c *chaos) arriveAll(t *testing.T, seed uint64) []*chaosUser {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	users := make([]*chaosUser, chaosUsers)
	var wg sync.WaitGroup
	room := make(chan struct{}, 24)
	for i := range users {
		users[i] = c.user(i, seed, c.tally)
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			users[i].arrive(ctx)
		})
	}
	wg.Go(func() { c.steady.arrive(ctx) })
	wg.Wait()
	if ctx.Err() != nil {
		t.Fatalf("not everybody is in: %v", c.tally.counts)
	}
	return users
}

func until(ctx context.Context, begun time.Time, at time.Duration) bool {
	return rest(ctx, time.Until(begun.Add(at)))
}

// breakMachines plays the faults of nodes and of Redis. After each one every
// node has to work again, without a restart.
func (c *chaos) breakMachines(ctx context.Context, t *testing.T, plan []mischief) {
	begun := time.Now()
	for _, m := range plan {
		if !until(ctx, begun, m.at) {
			return
		}
		switch m.kind {
		case "kill":
			c.killNode(m.node)
			rest(ctx, m.last)
			if err := c.startNode(t.Context(), m.node); err != nil {
				c.tally.problem("%v: %v", m, err)
			}
		case "redis restart":
			c.redis.end(syscall.SIGTERM)
			rest(ctx, m.last)
			if err := c.redis.start(); err != nil {
				c.tally.problem("%v: %v", m, err)
			}
		case "redis pause":
			c.pauseRedis(t, m)
		}
		over := time.Now()
		if c.recovers(t, m) {
			t.Logf("%v: over after %v, all nodes work after another %v", m, over.Sub(begun)-m.at, time.Since(over).Round(time.Millisecond))
		}
	}
}

// pauseRedis freezes Redis: what the nodes know stays good meanwhile, and what
// they cannot know is 503.
func (c *chaos) pauseRedis(t *testing.T, m mischief) {
	ctx := t.Context()
	if !c.steady.renew(ctx) {
		return
	}
	for range 2 { // each sees the token, and again when the first use is written down
		for i := range c.nodes {
			c.steady.at(i).works(ctx)
		}
		rest(ctx, 250*time.Millisecond)
	}
	c.redis.signal(syscall.SIGSTOP)
	thaw := time.AfterFunc(m.last, func() { c.redis.signal(syscall.SIGCONT) })
	defer thaw.Stop()
	end := time.Now().Add(m.last)
	var wg sync.WaitGroup
	for i := range c.nodes {
		wg.Go(func() {
			for u := c.steady.at(i); time.Now().Before(end); rest(ctx, 100*time.Millisecond) {
				if r := u.call(ctx); r.status != http.StatusOK {
					c.tally.problem("%v: a verified token gets %d at node %d: %s", m, r.status, i, r.body)
					return
				}
				c.tally.add("call without Redis")
			}
		})
		wg.Go(func() {
			u := c.steady.at(i)
			r := u.exchange(ctx) // its successor is not taken: the next refresh gets it again
			if time.Now().Before(end) && !u.later("refresh without Redis", r) {
				c.tally.problem("%v: node %d refreshes without Redis: %d %s", m, i, r.status, r.body)
			}
		})
	}
	wg.Wait()
	c.redis.signal(syscall.SIGCONT)
}

// recovers says whether every node works soon after a fault.
func (c *chaos) recovers(t *testing.T, m mischief) bool {
	ctx, cancel := context.WithTimeout(t.Context(), chaosRecovery)
	defer cancel()
	for i := range c.nodes {
		u := c.steady.at(i)
		if !u.renew(ctx) || !u.works(ctx) {
			c.tally.problem("%v: node %d does not work after %v", m, i, chaosRecovery)
			return false
		}
		c.steady.access, c.steady.refresh = u.access, u.refresh
	}
	return true
}

// breakDiscord plays the faults of Discord.
func (c *chaos) breakDiscord(ctx context.Context, t *testing.T, plan []mischief) {
	begun := time.Now()
	for _, m := range plan {
		if !until(ctx, begun, m.at) {
			return
		}
		if err := c.discord.emulator.Fault(discordFaults[m.kind]); err != nil {
			t.Error(err)
		}
		rest(ctx, m.last)
		c.discord.emulator.ClearFaults()
	}
}

// settle lets everybody work once more: nobody is lost, nobody hangs.
func (c *chaos) settle(t *testing.T, users []*chaosUser) {
	ctx, cancel := context.WithTimeout(t.Context(), 45*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	room := make(chan struct{}, 32)
	for _, u := range users {
		wg.Go(func() {
			room <- struct{}{}
			defer func() { <-room }()
			if !u.renew(ctx) || !u.works(ctx) {
				c.tally.problem("user %s does not work in the end", u.id)
			}
		})
	}
	wg.Wait()
}

// revoke ends grants at one node each: they are dead at all within 5 seconds.
func (c *chaos) revoke(t *testing.T, users []*chaosUser) {
	ctx := t.Context()
	var slowest time.Duration
	for n, u := range users {
		u.renew(ctx)
		for i := range c.nodes {
			u.at(i).works(ctx)
		}
		if r := u.at(n%chaosNodes).form(ctx, "/revoke", url.Values{"token": {u.refresh}}); r.status != http.StatusOK {
			c.tally.problem("revoking: %d %s", r.status, r.body)
		}
		over := time.Now()
		for i := range c.nodes {
			for u.at(i).call(ctx).status != http.StatusUnauthorized {
				if time.Since(over) > 5*time.Second {
					c.tally.problem("user %s: still good at node %d 5 s after the revocation", u.id, i)
					break
				}
				rest(ctx, 5*time.Millisecond)
			}
			slowest = max(slowest, time.Since(over))
			if r := u.at(i).exchange(ctx); r.status != http.StatusBadRequest {
				c.tally.problem("user %s: the refresh token lives at node %d after the revocation: %d", u.id, i, r.status)
			}
		}
	}
	t.Logf("a revocation was known to all nodes after %v at most", slowest)
}

// judge looks at the books.
func (c *chaos) judge(t *testing.T, took time.Duration) {
	for _, double := range c.discord.doubles() {
		c.tally.problem("used again at Discord: %s", double)
	}
	most, all := 0, 0
	for user, uses := range c.discord.uses("refresh_token") {
		all += len(uses)
		renewed := 0
		for _, use := range uses {
			if use.result == "200" {
				renewed++
			}
		}
		if mayEnd(user) {
			continue // renewed with each refresh: less than a day is left
		}
		most = max(most, renewed)
		if due := int(took/chaosLife) + 2; renewed > due { // and one of a sign-in
			c.tally.problem("user %s was renewed %d times in %v, %d were due", user, renewed, took, due)
		}
		// One that fails is not repeated for a while, by each process.
		if tries := len(uses) - renewed; tries > 6*renewed+6*chaosNodes {
			c.tally.problem("user %s: %d renewals failed", user, tries)
		}
	}
	counters := c.discord.emulator.Counters()
	t.Logf("%v: %d calls of Discord, %d of them renewals, %d of one user at most with an answer\nusers: %v\nDiscord: %v",
		took, counters.Calls(), all, most, c.tally.counts, counters)
	if c.tally.count("refresh") < chaosUsers || c.tally.count("call") < chaosUsers {
		t.Error("too little happened")
	}
	for _, problem := range c.tally.problems {
		t.Error(problem)
	}
}
