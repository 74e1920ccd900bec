//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
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
	"github.com/mcpdiscord/mcpdiscord/internal/store"
)

// Keys of the servers that are measured: who knows them makes grants and tokens
// without a sign-in.
const (
	scaleSigning    = "signing signing signing signing 1"
	scaleEncryption = "sealing sealing sealing sealing 1"
	scaleNewKey     = "sealing sealing sealing sealing 2"
)

// scaleBase is the base URL of all nodes, as behind a balancer. Nobody listens
// there.
const scaleBase = "http://localhost:8000"

// node is a serve process.
type node struct {
	b       *testing.B
	addr    string
	log     string
	process *exec.Cmd
	started time.Duration // until it served
}

// startNode runs the built program (scripts/bench-scale.sh says which) on a
// store.
func startNode(b *testing.B, storeURL string, flags ...string) *node {
	b.Helper()
	return startNodeWith(b, scaleEncryption, storeURL, flags...)
}

// startNodeWith gives it other keys that seal.
func startNodeWith(b *testing.B, encryption, storeURL string, flags ...string) *node {
	b.Helper()
	program := os.Getenv("MCPDISCORD_BENCH")
	if program == "" {
		b.Fatal("run make bench-scale: it builds the program and names it")
	}
	dir, port := b.TempDir(), freePort(b)
	addrFile := filepath.Join(dir, "addr")
	args := append([]string{
		"serve", "--dev", "--emulator-addr", "127.0.0.1:0", "--addr", "127.0.0.1:" + port, "--base-url", scaleBase,
		"--addr-file", addrFile, "--store", storeURL, "--admin-socket", filepath.Join(dir, "admin"),
	}, flags...)
	n := &node{b: b, addr: "127.0.0.1:" + port, log: filepath.Join(dir, "log"), process: exec.CommandContext(context.WithoutCancel(b.Context()), program, args...)}
	log, err := os.Create(n.log)
	mustScale(b, err)
	defer log.Close()
	n.process.Env = []string{"HOME=" + dir, "XDG_RUNTIME_DIR=" + dir, "JWT_SIGNING_KEY=" + scaleSigning, "STORAGE_ENCRYPTION_KEY=" + encryption}
	n.process.Stderr = log
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	begun := time.Now()
	mustScale(b, n.process.Start())
	b.Cleanup(n.stop)
	for _, err := os.Stat(addrFile); err != nil; _, err = os.Stat(addrFile) {
		if time.Since(begun) > time.Minute {
			text, _ := os.ReadFile(n.log)
			b.Fatalf("serve did not start:\n%s", text)
		}
		<-tick.C
	}
	n.started = time.Since(begun)
	return n
}

func (n *node) stop() {
	if n.process.ProcessState == nil {
		_ = n.process.Process.Signal(os.Interrupt)
		_ = n.process.Wait()
	}
}

// logged says whether a word is in the log.
func (n *node) logged(word string) bool {
	text, err := os.ReadFile(n.log)
	return err == nil && bytes.Contains(text, []byte(word))
}

// cpu is the time that the process has had of the processors, to 10 ms.
func (n *node) cpu() time.Duration { return cpuOf(n.b, n.process.Process.Pid) }

func cpuOf(b *testing.B, pid int) time.Duration {
	b.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	mustScale(b, err)
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	mustScale(b, err)
	system, err := strconv.Atoi(fields[12])
	mustScale(b, err)
	return time.Duration(user+system) * 10 * time.Millisecond
}

// memory is what a process has of it, in MiB.
type memory struct {
	own, mapped float64 // resident; mapped are files, the store's among them
	peak        float64 // of both
}

func (m memory) String() string {
	return fmt.Sprintf("%.0f MiB resident and %.0f mapped", m.own, m.mapped)
}

func (n *node) memory() memory { return memoryOf(n.process.Process.Pid) }

func memoryOf(pid int) (m memory) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // none of one that has ended
	for line := range strings.Lines(string(status)) {
		name, value, _ := strings.Cut(line, ":")
		kib, _ := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 64)
		switch name {
		case "RssAnon":
			m.own = kib / 1024
		case "RssFile":
			m.mapped = kib / 1024
		case "VmHWM":
			m.peak = kib / 1024
		}
	}
	return m
}

// scaleStore opens the store as a server does, while none runs.
func scaleStore(b *testing.B, url string) *store.Opened {
	b.Helper()
	s, err := store.Open(b.Context(), store.Config{URL: url, SigningKeys: [][]byte{[]byte(scaleSigning)}, EncryptionKeys: [][]byte{[]byte(scaleEncryption)}})
	mustScale(b, err)
	return s
}

// scaleGrant is the i-th grant as a sign-in and one refresh leave it.
func scaleGrant(i int) *authserver.Grant {
	sum, now := sha256.Sum256([]byte(strconv.Itoa(i))), time.Now()
	return &authserver.Grant{
		ID: base64.RawURLEncoding.EncodeToString(sum[:16]), ClientID: "mcpd_client_x4bTqvS0pWmZJ1kXo2cYdA", Resource: scaleBase + authserver.ResourcePath,
		Scopes: []string{"email", "identify"},
		User: authserver.User{
			ID: strconv.Itoa(100_000_000_000_000_000 + i), Username: "nelly" + strconv.Itoa(i), GlobalName: "Nelly",
			Avatar: "8342729096ea3675442027381ff50dfe", Email: "nelly@example.com", Verified: true, At: now,
		},
		CreatedAt: now, LastUsed: now, Generation: 2, Hash: sum[:], PrevHash: sum[:], Successor: make([]byte, 140), RotatedAt: now, Confirmed: true,
		AccessUntil: now.Add(time.Hour),
	}
}

func grantRecord(i int) (id string, value any) {
	g := scaleGrant(i)
	return g.ID, g
}

// upstreamRecord is what is kept of a user with one grant.
func upstreamRecord(i int) (id string, value any) {
	g := scaleGrant(i)
	return g.User.ID, &authserver.Upstream{
		UserID: g.User.ID,
		Pairs: []authserver.UpstreamPair{{
			Scopes: g.Scopes, AccessToken: "6qrZcUqja7812RVdnEKjpzOL4CvHBF", RefreshToken: "D43f5y0ahjqew82jZ4NViEr2YafMKh",
			Expires: g.LastUsed.Add(168 * time.Hour), IssuedAt: g.LastUsed,
		}},
		Grants: []authserver.GrantRef{{ID: g.ID, Scopes: g.Scopes, LastUsed: g.LastUsed}},
	}
}

// scaleToken is an access token of the i-th grant (authserver/accesstoken.go).
func scaleToken(i int) string {
	g := scaleGrant(i)
	key, _ := hkdf.Key(sha256.New, []byte(scaleSigning), nil, "mcpdiscord access token", 32)
	kid := sha256.Sum256(key)
	encode := base64.RawURLEncoding.EncodeToString
	claims, _ := json.Marshal(map[string]any{
		"iss": scaleBase, "aud": g.Resource, "sub": g.User.ID, "client_id": g.ClientID, "scope": "email identify",
		"iat": g.LastUsed.Unix(), "exp": g.AccessUntil.Unix(), "jti": fmt.Sprintf("%026d", i), "grant_id": g.ID, "generation": g.Generation,
	})
	text := encode(fmt.Appendf(nil, `{"alg":"HS256","kid":%q,"typ":"at+jwt"}`, encode(kid[:6]))) + "." + encode(claims)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return text + "." + encode(mac.Sum(nil))
}

// fill makes count records of a kind.
func fill(b *testing.B, s authserver.Store, kind authserver.Kind, count int, record func(i int) (id string, value any)) {
	b.Helper()
	const writers = 256
	var next atomic.Int64
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for i := int(next.Add(1) - 1); i < count; i = int(next.Add(1) - 1) {
				id, value := record(i)
				text, err := json.Marshal(value)
				if err == nil {
					err = s.Create(b.Context(), kind, id, authserver.Record{Value: text, Expires: time.Now().Add(720 * time.Hour)})
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
}

// line is a connection that sends one request after the other.
type line struct {
	conn    net.Conn
	answers *bufio.Reader
}

func dialLine(addr string) (*line, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	return &line{conn, bufio.NewReader(conn)}, nil
}

// do sends a request, copies the body of the answer to keep, and returns its
// status.
func (l *line) do(request []byte, keep io.Writer) (status int, err error) {
	if _, err := l.conn.Write(request); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(l.answers, nil)
	if err != nil {
		return 0, err
	}
	defer answer.Body.Close()
	_, err = io.Copy(keep, answer.Body)
	return answer.StatusCode, err
}

// wireOf is a request as bytes, which a proxy got from the address from ("":
// nobody).
func wireOf(method, path, from string, header map[string]string, body string) []byte {
	var w bytes.Buffer
	fmt.Fprintf(&w, "%s %s HTTP/1.1\r\nHost: localhost:8000\r\nContent-Length: %d\r\n", method, path, len(body))
	if from != "" {
		fmt.Fprintf(&w, "X-Forwarded-For: %s\r\n", from)
	}
	for name, value := range header {
		fmt.Fprintf(&w, "%s: %s\r\n", name, value)
	}
	w.WriteString("\r\n" + body)
	return w.Bytes()
}

// callOf is a tools/call with the token of a grant.
func callOf(i int) []byte {
	return wireOf("POST", "/mcp", "", map[string]string{
		"Authorization": "Bearer " + scaleToken(i), "Content-Type": "application/json", "Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-06-18",
	}, `{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"get_user_info","arguments":{}}}`)
}

// flood sends count requests over 16 connections to the nodes in turn, and
// counts the answers by status. answered may be nil.
func flood(b *testing.B, nodes []*node, count int, request func(i int) []byte, answered func(i, status int, body []byte)) map[int]int {
	b.Helper()
	const senders = 16
	var (
		next     atomic.Int64
		all      sync.WaitGroup
		mu       sync.Mutex
		statuses = map[int]int{}
	)
	send := func() error {
		lines := make([]*line, len(nodes))
		for i, n := range nodes {
			l, err := dialLine(n.addr)
			if err != nil {
				return err
			}
			defer l.conn.Close()
			lines[i] = l
		}
		mine, body := map[int]int{}, new(bytes.Buffer)
		for turn, i := 0, int(next.Add(1)-1); i < count; turn, i = turn+1, int(next.Add(1)-1) {
			body.Reset()
			status, err := lines[turn%len(lines)].do(request(i), body)
			if err != nil {
				return err
			}
			mine[status]++
			if answered != nil {
				answered(i, status, body.Bytes())
			}
		}
		mu.Lock()
		defer mu.Unlock()
		for status, n := range mine {
			statuses[status] += n
		}
		return nil
	}
	for range senders {
		all.Go(func() {
			if err := send(); err != nil {
				b.Error(err)
			}
		})
	}
	all.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return statuses
}

// probe calls with one token, 200 times a second until stop says so, and
// returns the median and the 99th percentile.
func (n *node) probe(request []byte, stop func(sent int) bool) (p50, p99 time.Duration) {
	l, err := dialLine(n.addr)
	if err != nil {
		n.b.Error(err)
		return 0, 0
	}
	defer l.conn.Close()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	took := []time.Duration{0}
	for !stop(len(took)) {
		<-tick.C
		begun := time.Now()
		if status, err := l.do(request, io.Discard); status != http.StatusOK {
			n.b.Errorf("a call: status %d, %v", status, err)
			return 0, 0
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	return took[len(took)/2], took[len(took)*99/100]
}

// scaleRedis starts a Redis as an operator does, and returns its port and
// process id.
func scaleRedis(b *testing.B) (port string, pid int) {
	b.Helper()
	port = freePort(b)
	cmd := exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", b.TempDir(), "--logfile", "log",
		"--save", "", "--appendonly", "yes", "--appendfsync", "everysec", "--auto-aof-rewrite-percentage", "0", "--maxmemory-policy", "noeviction")
	mustScale(b, cmd.Start())
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	waitFor(b, "Redis", func() bool { return exec.Command("redis-cli", "-p", port, "ping").Run() == nil })
	return port, cmd.Process.Pid
}

// redisInfo is a section of INFO, by name.
func redisInfo(b *testing.B, port, section string) map[string]string {
	b.Helper()
	out, err := exec.Command("redis-cli", "-p", port, "info", section).Output()
	mustScale(b, err)
	info := map[string]string{}
	for text := range strings.Lines(string(out)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(text), ":"); ok {
			info[name] = value
		}
	}
	return info
}

func mustScale(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
