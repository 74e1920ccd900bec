//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

// The benchmarks of this file take minutes, run once each (make bench-scale),
// and print lines: no number of theirs is one per operation. Time of the
// processors is theirs alone; milliseconds are of the whole machine.

// scaled divides a size by what MCPDISCORD_SCALE says.
func scaled(n int) int {
	by, _ := strconv.Atoi(os.Getenv("MCPDISCORD_SCALE"))
	return n / max(by, 1)
}

// say prints a line at once.
func say(format string, args ...any) { fmt.Printf("    "+format+"\n", args...) }

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// inBolt is an embedded store: its URL, and the bytes of its file.
func inBolt(b *testing.B) (storeURL string, size func() float64) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "store.db")
	return "bolt:" + path, func() float64 {
		info, err := os.Stat(path)
		mustScale(b, err)
		return float64(info.Size())
	}
}

// inRedis is a Redis: its URL, and the bytes of its memory.
func inRedis(b *testing.B) (storeURL string, size func() float64) {
	b.Helper()
	port, _ := scaleRedis(b)
	return "redis://127.0.0.1:" + port, func() float64 {
		n, err := strconv.ParseFloat(redisInfo(b, port, "memory")["used_memory"], 64)
		mustScale(b, err)
		return n
	}
}

// BenchmarkScaleFlood registers and authorizes without a pause: with the limits
// from few addresses and from many, and without any. It fails when clients
// exceed their cap, records their bound, or calls do not recover (attacks 21 and
// 22).
func BenchmarkScaleFlood(b *testing.B) {
	for _, c := range []struct {
		name      string
		store     func(b *testing.B) (storeURL string, size func() float64)
		addresses int
		flags     []string
	}{
		{"bolt/64-addresses", inBolt, 64, nil},
		{"bolt/an-address-each", inBolt, 1 << 24, nil},
		{"bolt/no-limits", inBolt, 1 << 24, []string{"--limits", "register=0,authorize=0,consent=0,refresh=0"}},
		{"redis/an-address-each", inRedis, 1 << 24, nil},
	} {
		b.Run(c.name, func(b *testing.B) {
			storeURL, size := c.store(b)
			s := scaleStore(b, storeURL)
			fill(b, s, authserver.KindGrant, 1, grantRecord)
			mustScale(b, s.Close())
			say("%s", b.Name())
			n := startNode(b, storeURL, append(c.flags, "--trusted-proxies", "127.0.0.1/32")...)
			n.flooded(c.addresses, size)
			n.stop()
			s = scaleStore(b, storeURL)
			defer s.Close()
			const most = 10_000 // and a few that come in the same moment
			clients := countRecords(b, s, authserver.KindClient)
			say("client records: %d", clients)
			if clients > most+most/100 {
				b.Errorf("%d clients are kept, want %d", clients, most)
			}
		})
	}
}

// flooded floods a node, and says how it is before, during and after.
func (n *node) flooded(addresses int, size func() float64) {
	call := callOf(0)
	tell := func(when string, p50, p99 time.Duration) {
		say("%-25s /mcp p50 %.2f ms, p99 %.2f ms; %v; records %.1f MB", when, ms(p50), ms(p99), n.memory(), size()/1e6)
	}
	quiet := func(sent int) bool { return sent >= 2000 }
	n.probe(call, quiet) // warm
	p50, p99 := n.probe(call, quiet)
	tell("before:", p50, p99)
	from := func(i int) string {
		i %= addresses
		return fmt.Sprintf("10.%d.%d.%d", i>>16&255, i>>8&255, i&255)
	}
	during := func(what string, count int, request func(i int) []byte, answered func(i, status int, body []byte)) {
		var done atomic.Bool
		var all sync.WaitGroup
		var p50, p99 time.Duration
		all.Go(func() { p50, p99 = n.probe(call, func(int) bool { return done.Load() }) })
		begun, cpu := time.Now(), n.cpu()
		statuses := flood(n.b, []*node{n}, count, request, answered)
		took, used := time.Since(begun), n.cpu()-cpu
		done.Store(true)
		all.Wait()
		tell("during "+what+":", p50, p99)
		say("  %d in %.0f s (%.0f/s), %.0f µs of CPU each with the calls; statuses %v",
			count, took.Seconds(), float64(count)/took.Seconds(), float64(used.Microseconds())/float64(count), statuses)
	}
	var mu sync.Mutex
	var clients []url.Values // as their requests name them
	during("registrations", scaled(100_000), func(i int) []byte {
		body := fmt.Sprintf(`{"client_name":"client %d","redirect_uris":["https://client%d.example.com/callback"],"scope":"identify"}`, i, i)
		return wireOf("POST", "/register", from(i), map[string]string{"Content-Type": "application/json"}, body)
	}, func(i, status int, body []byte) {
		var c struct {
			ID string `json:"client_id"`
		}
		if status == 201 && json.Unmarshal(body, &c) == nil {
			mu.Lock()
			defer mu.Unlock()
			clients = append(clients, url.Values{
				"response_type": {"code"}, "client_id": {c.ID}, "redirect_uri": {fmt.Sprintf("https://client%d.example.com/callback", i)}, "scope": {"identify"}, "state": {"s"},
				"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}, "resource": {scaleBase + authserver.ResourcePath},
			})
		}
	})
	during("authorize hits", scaled(1_000_000), func(i int) []byte {
		return wireOf("GET", "/authorize?"+clients[i%len(clients)].Encode(), from(i), nil, "")
	}, nil)
	p50, after := n.probe(call, quiet)
	tell("after:", p50, after)
	const noise = 25 * time.Millisecond // of a machine that does other things, too
	if after > max(5*p99, noise) {
		n.b.Errorf("after the flood, p99 of /mcp is %v, before it was %v", after, p99)
	}
	if bytes := size(); bytes > 100e6 {
		n.b.Errorf("records take %.0f MB", bytes/1e6)
	}
}

func countRecords(b *testing.B, s authserver.Store, kind authserver.Kind) (n int) {
	b.Helper()
	for cursor, first := "", true; first || cursor != ""; first = false {
		page, next, err := s.List(b.Context(), kind, cursor)
		mustScale(b, err)
		n, cursor = n+len(page), next
	}
	return n
}

// BenchmarkScaleGrants measures with 10, 10,000 and 1,000,000 live grants: a
// start, a call, the look at a token, and what a grant takes; then a change of
// the key that seals.
func BenchmarkScaleGrants(b *testing.B) {
	b.Run("bolt", func(b *testing.B) { scaleGrants(b, inBolt) })
	b.Run("redis", func(b *testing.B) { scaleGrants(b, inRedis) })
}

func scaleGrants(b *testing.B, in func(b *testing.B) (storeURL string, size func() float64)) {
	storeURL, size := in(b)
	say("%s", b.Name())
	before, have := 0.0, 0
	for _, grants := range []int{10, 10_000, scaled(1_000_000)} {
		s := scaleStore(b, storeURL)
		begun, from := time.Now(), have
		fill(b, s, authserver.KindGrant, grants-from, func(i int) (string, any) { return grantRecord(from + i) })
		took := time.Since(begun)
		mustScale(b, s.Close())
		n := startNode(b, storeURL)
		say("%d grants (made in %.0f s): %.0f bytes for each new one", grants, took.Seconds(), (size()-before)/float64(grants-have))
		say("  start %.0f ms; %v", ms(n.started), n.memory())
		n.called("same 10 tokens", 10)
		n.called("any token", grants)
		n.listed()
		n.stop()
		verified(b, storeURL, grants)
		before, have = size(), grants
	}
	s := scaleStore(b, storeURL)
	users := scaled(100_000)
	fill(b, s, authserver.KindUpstream, users, upstreamRecord)
	mustScale(b, s.Close())
	say("a user, beside his grants: %.0f bytes", (size()-before)/float64(users))

	begun := time.Now()
	n := startNodeWith(b, scaleNewKey+","+scaleEncryption, storeURL)
	p50, p99 := n.probe(callOf(0), func(sent int) bool {
		return sent%100 == 0 && (n.logged("store_resealed") || time.Since(begun) > 20*time.Minute)
	})
	say("new key: all sealed anew in %.0f s, %.0f s of CPU with 200 calls a second; meanwhile /mcp p50 %.2f ms, p99 %.2f ms; %v",
		time.Since(begun).Seconds(), n.cpu().Seconds(), ms(p50), ms(p99), n.memory())
}

// called calls with the tokens of some grants.
func (n *node) called(what string, tokens int) {
	const calls = 20_000
	requests := make([][]byte, min(tokens, calls))
	for i := range requests {
		requests[i] = callOf(i * (tokens / len(requests)))
	}
	request := func(i int) []byte { return requests[i%len(requests)] }
	flood(n.b, []*node{n}, 200, request, nil)
	before := n.cpu()
	statuses := flood(n.b, []*node{n}, calls, request, nil)
	say("  a call, %s: %.0f µs of CPU; %v; statuses %v", what, float64((n.cpu()-before).Microseconds())/calls, n.memory(), statuses)
}

// listed lists all grants.
func (n *node) listed() {
	begun := time.Now()
	list := exec.Command(os.Getenv("MCPDISCORD_BENCH"), "admin", "grants", "--json")
	list.Env = n.process.Env
	list.Args = append(list.Args, "--socket", n.process.Args[slices.Index(n.process.Args, "--admin-socket")+1])
	var errs bytes.Buffer
	list.Stdout, list.Stderr = io.Discard, &errs
	mustScale(n.b, list.Start())
	ended := make(chan error, 1)
	go func() { ended <- list.Wait() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for most := 0.0; ; { // its rusage would have this process's memory in it
		select {
		case err := <-ended:
			if err != nil {
				n.b.Fatalf("%v: %s", err, errs.String())
			}
			say("  admin grants: %.2f s, in %.0f MiB; the server then has %v", time.Since(begun).Seconds(), most, n.memory())
			return
		case <-tick.C:
			most = max(most, memoryOf(list.Process.Pid).peak)
		}
	}
}

// verified looks at tokens without any HTTP.
func verified(b *testing.B, storeURL string, grants int) {
	b.Helper()
	s := scaleStore(b, storeURL)
	defer s.Close()
	upstream, err := discord.New(discord.Config{URL: "http://127.0.0.1:1", ClientID: emulator.DefaultClientID, ClientSecret: "none", RedirectURI: scaleBase + "/auth/callback"})
	mustScale(b, err)
	auth, err := authserver.New(b.Context(), authserver.Config{
		BaseURL: scaleBase, Discord: upstream, DiscordURL: "emulator", ApplicationID: emulator.DefaultClientID, Store: s, SigningKeys: s.SigningKeys,
	})
	mustScale(b, err)
	defer auth.Close()
	look := func(tokens []string, times int) time.Duration {
		begun := time.Now()
		for i := range times {
			if _, err := auth.Verify(context.Background(), tokens[i%len(tokens)]); err != nil {
				b.Fatal(err)
			}
		}
		return time.Since(begun) / time.Duration(times)
	}
	tokens := make([]string, min(grants, 50_000)) // more than are remembered
	for i := range tokens {
		tokens[i] = scaleToken(i * (grants / len(tokens)))
	}
	first := look(tokens, len(tokens))
	same := tokens[:10]
	least := look(same, len(same))
	for range 50 { // the least of them: others work on this machine, too
		least = min(least, look(same, 20_000))
	}
	say("  Verify: %d ns for a token seen before, %.1f µs for one at its first use", least.Nanoseconds(), float64(first.Nanoseconds())/1000)
}

// BenchmarkScaleNodes calls several nodes in turn: those of one Redis, and, to
// see what as many processes cost by themselves, some with a file each.
func BenchmarkScaleNodes(b *testing.B) {
	for _, count := range []int{1, 2, 4} {
		b.Run(fmt.Sprintf("redis/%d", count), func(b *testing.B) {
			port, redis := scaleRedis(b)
			storeURL := "redis://127.0.0.1:" + port
			fillNode(b, storeURL)
			nodes := make([]*node, count)
			for i := range nodes {
				nodes[i] = startNode(b, storeURL)
			}
			var before time.Duration
			sharedCalls(b, nodes, func() {
				mustScale(b, exec.Command("redis-cli", "-p", port, "config", "resetstat").Run())
				before = cpuOf(b, redis)
			})
			say("  Redis %.1f µs; commands: %s", float64((cpuOf(b, redis)-before).Microseconds())/nodeCalls, redisCommands(b, port))
		})
		b.Run(fmt.Sprintf("bolt-each/%d", count), func(b *testing.B) {
			nodes := make([]*node, count)
			for i := range nodes {
				storeURL, _ := inBolt(b)
				fillNode(b, storeURL)
				nodes[i] = startNode(b, storeURL)
			}
			sharedCalls(b, nodes, func() {})
		})
	}
}

const nodeGrants, nodeCalls = 1000, 60_000

func fillNode(b *testing.B, storeURL string) {
	b.Helper()
	s := scaleStore(b, storeURL)
	fill(b, s, authserver.KindGrant, nodeGrants, grantRecord)
	mustScale(b, s.Close())
}

// sharedCalls calls nodes in turn, and says what one of these calls costs them.
// begin is when the first ones, which fill what nodes remember, are over.
func sharedCalls(b *testing.B, nodes []*node, begin func()) {
	b.Helper()
	requests := make([][]byte, nodeGrants)
	for i := range requests {
		requests[i] = callOf(i)
	}
	used := func() (sum time.Duration) {
		for _, n := range nodes {
			sum += n.cpu()
		}
		return sum
	}
	request := func(int) []byte { return requests[rand.IntN(nodeGrants)] }
	flood(b, nodes, 4*nodeGrants, request, nil)
	begin()
	begun, before := time.Now(), used()
	flood(b, nodes, nodeCalls, request, nil)
	say("%s: %d calls in %.1f s: %.0f µs of CPU a call", b.Name(), nodeCalls, time.Since(begun).Seconds(), float64((used()-before).Microseconds())/nodeCalls)
}

// redisCommands are the commands that Redis has had since its statistics began.
func redisCommands(b *testing.B, port string) string {
	b.Helper()
	var commands []string
	for name, value := range redisInfo(b, port, "commandstats") {
		if name == "cmdstat_config|resetstat" || name == "cmdstat_info" { // ours
			continue
		}
		var n int
		_, _ = fmt.Sscanf(value, "calls=%d", &n)
		commands = append(commands, fmt.Sprintf("%s %d", strings.TrimPrefix(name, "cmdstat_"), n))
	}
	slices.Sort(commands)
	return strings.Join(commands, ", ")
}
