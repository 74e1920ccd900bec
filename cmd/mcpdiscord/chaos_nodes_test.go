//go:build redis && linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mcpdiscord/mcpdiscord/internal/discord"
	"github.com/mcpdiscord/mcpdiscord/internal/discord/emulator"
)

const (
	chaosSigningKey = "chaos signing key of 32 bytes at least"
	chaosSealingKey = "chaos sealing key of 32 bytes at least"
)

// process is a real process, which ends with the test.
type process struct {
	name, logs string
	command    func() *exec.Cmd

	mu     sync.Mutex
	cmd    *exec.Cmd // nil: none runs
	exited chan struct{}
}

// start runs the command; its output is appended to the log.
func (p *process) start() error {
	out, err := os.OpenFile(p.logs, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd, exited := p.command(), make(chan struct{})
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return err
	}
	go func() { _ = cmd.Wait(); close(exited) }()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cmd, p.exited = cmd, exited
	return nil
}

// signal sends a signal and returns the process' id, 0 where none runs.
func (p *process) signal(sig syscall.Signal) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.cmd.Process.Signal(sig) != nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// end ends the process with a signal, and waits for it.
func (p *process) end(sig syscall.Signal) {
	p.signal(sig)
	p.mu.Lock()
	exited := p.exited
	p.mu.Unlock()
	if exited != nil {
		<-exited
	}
}

func (p *process) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return 0
	}
	return p.cmd.Process.Pid
}

// tail is the end of the log.
func (p *process) tail(lines int) string {
	text, _ := os.ReadFile(p.logs)
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// keep lets the process end with the test, and its log be seen if that failed.
func (p *process) keep(t testing.TB) {
	t.Cleanup(func() {
		p.signal(syscall.SIGCONT)
		p.end(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("the last of %s:\n%s", p.name, p.tail(25))
		}
	})
}

// fleet is a deployment: nodes that share a store behind a balancer, and a
// Discord.
type fleet struct {
	dir     string
	discord *front
	nodes   []*process
	ports   []string
	store   string // of --store
	base    string // URL of the balancer
	next    atomic.Uint64
	direct  *http.Transport
	args    []string
}

// newFleet makes a Discord with users and a balancer before n nodes, which it
// starts. Of the store, "" is a file in the fleet's directory.
func newFleet(t testing.TB, n, users int, store string, args ...string) *fleet {
	t.Helper()
	f := &fleet{
		dir: t.TempDir(), discord: newFront(t, users), store: store, args: args,
		direct: &http.Transport{MaxIdleConnsPerHost: 64, DialContext: (&net.Dialer{Timeout: time.Second}).DialContext},
	}
	if store == "" {
		f.store = "bolt:" + filepath.Join(f.dir, "store.db")
	}
	f.listen(t)
	for i := range n {
		f.ports = append(f.ports, unusedPort(t))
		node := &process{name: fmt.Sprintf("node %d", i), logs: filepath.Join(f.dir, fmt.Sprintf("node%d.log", i)), command: func() *exec.Cmd { return f.serve(i) }}
		node.keep(t)
		f.nodes = append(f.nodes, node)
		f.discord.processes = append(f.discord.processes, node)
	}
	for i := range n { // one after another: the first makes the store's head
		if err := f.startNode(t.Context(), i); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

// serve is the command of a node.
func (f *fleet) serve(i int) *exec.Cmd {
	cmd := exec.Command("mcpdiscord", append([]string{
		"serve", "--addr", "127.0.0.1:" + f.ports[i], "--base-url", f.base, "--store", f.store, "--addr-file", f.addrFile(i),
		"--discord-url", f.discord.url, "--trusted-proxies", "127.0.0.1/32",
	}, f.args...)...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + f.dir, "GORACE=atexit_sleep_ms=10",
		"DISCORD_CLIENT_ID=" + emulator.DefaultClientID, "DISCORD_CLIENT_SECRET=" + emulator.DefaultClientSecret,
		"JWT_SIGNING_KEY=" + chaosSigningKey, "STORAGE_ENCRYPTION_KEY=" + chaosSealingKey,
	}
	return cmd
}

func (f *fleet) addrFile(i int) string { return filepath.Join(f.dir, fmt.Sprintf("node%d.addr", i)) }

// startNode starts a node, again if it ran before, and waits until it serves.
func (f *fleet) startNode(ctx context.Context, i int) error {
	_ = os.Remove(f.addrFile(i))
	if err := f.nodes[i].start(); err != nil {
		return err
	}
	url := awaitFile(f.addrFile(i), f.nodes[i].exited)
	if url == "" && ctx.Err() == nil {
		return fmt.Errorf("%s did not start:\n%s", f.nodes[i].name, f.nodes[i].tail(10))
	}
	return ctx.Err()
}

// killNode ends a node at once. Discord's answers that it had not stored are
// lost.
func (f *fleet) killNode(i int) {
	f.discord.died(f.nodes[i].pid())
	f.nodes[i].end(syscall.SIGKILL)
}

// listen starts the balancer.
func (f *fleet) listen(t testing.TB) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.base = "http://" + listener.Addr().String()
	proxy := &httputil.ReverseProxy{
		Transport: f,
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.Host = "http", r.In.Host
			r.Out.Header["X-Forwarded-For"] = r.In.Header["X-Forwarded-For"]
		},
		ErrorLog:     log.New(io.Discard, "", 0), // of clients that go away
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}
	server := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // else an answer that comes before its end is cut (go.dev/issue/40747)
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	})}
	served := make(chan struct{})
	go func() { _ = server.Serve(listener); close(served) }()
	t.Cleanup(func() { _ = server.Close(); <-served; f.direct.CloseIdleConnections() })
}

// nodeHeader sends a request to one node, and no other.
const nodeHeader = "X-Test-Node"

// RoundTrip sends a request to the next node that accepts it.
func (f *fleet) RoundTrip(r *http.Request) (*http.Response, error) {
	if name := r.Header.Get(nodeHeader); name != "" {
		i, _ := strconv.Atoi(name)
		r.Header.Del(nodeHeader)
		r.URL.Host = "127.0.0.1:" + f.ports[i]
		return f.direct.RoundTrip(r)
	}
	for tries := 1; ; tries++ {
		r.URL.Host = "127.0.0.1:" + f.ports[f.next.Add(1)%uint64(len(f.ports))]
		response, err := f.direct.RoundTrip(r)
		var op *net.OpError
		if err == nil || tries == len(f.ports) || !errors.As(err, &op) || op.Op != "dial" {
			return response, err
		}
	}
}

// newRedisProcess starts a redis-server as an operator should run it.
func newRedisProcess(t testing.TB) (p *process, addr string) {
	t.Helper()
	dir, port := t.TempDir(), unusedPort(t)
	p = &process{name: "redis", logs: filepath.Join(dir, "log"), command: func() *exec.Cmd {
		return exec.Command("redis-server", "--port", port, "--bind", "127.0.0.1", "--dir", dir, "--save", "",
			"--appendonly", "yes", "--appendfsync", "everysec", "--maxmemory-policy", "noeviction")
	}}
	p.keep(t)
	if err := p.start(); err != nil {
		t.Fatalf("starting redis-server: %v (scripts/setup.sh installs it)", err)
	}
	addr = "127.0.0.1:" + port
	waitFor(t, "redis-server", func() bool { return redisAnswers(addr) })
	return p, addr
}

// redisAnswers says whether a Redis has read its file and serves.
func redisAnswers(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	_, _ = io.WriteString(conn, "PING\r\n")
	answer, _ := bufio.NewReader(conn).ReadString('\n')
	return strings.HasPrefix(answer, "+PONG")
}

// unusedPort finds a port below those that the kernel gives to connections:
// nobody takes it while its process is dead.
func unusedPort(t testing.TB) string {
	t.Helper()
	for {
		port := strconv.FormatUint(10_000+ports.Add(1)%20_000, 10)
		if l, err := net.Listen("tcp", "127.0.0.1:"+port); err == nil {
			_ = l.Close()
			return port
		}
	}
}

var ports = func() *atomic.Uint64 {
	var n atomic.Uint64
	n.Store(uint64(os.Getpid()) * 64)
	return &n
}()

// crowd is n users of Discord.
func crowd(n int) []emulator.User {
	users := make([]emulator.User, n)
	for i := range users {
		users[i].User = discord.User{ID: strconv.Itoa(900_000_000_000_000_000 + i), Username: fmt.Sprintf("user%d", i)}
	}
	return users
}

// rest waits, and says whether it did so to the end.
func rest(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
