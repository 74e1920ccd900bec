package server_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// The benchmarks send prepared bytes over loopback connections that stay open,
// so that the generator costs little beside the server, and load the servers in
// turn, so that their ratios hold on a machine that does something else, too.
//
//	mcpdiscord    the whole handler: token, scopes, log line, tool (GOGC=400, as serve sets it)
//	sdk           the SDK as it is: no token, typed tool (GOGC=100)
//	nethttp       a bare handler that answers with the same bytes (GOGC=400)
//	reverseproxy  httputil.ReverseProxy before the same server as --proxy
const (
	tunedGC   = 400
	defaultGC = 100
)

var connections = []int{1, 8, 64}

// quietLog makes every log line, as in production, and throws it away.
func quietLog(c *server.Config) { c.Logger = slog.New(slog.NewJSONHandler(nowhere{}, nil)) }

type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

func BenchmarkToolsCall(b *testing.B) {
	r := start(b, setup{config: quietLog})
	request := r.wire(message{token: r.signIn(nelly, "identify", "email")})
	sample := r.exchange(request)
	bare := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.Header().Set("Content-Type", "text/event-stream")
		w.Header().Set("Cache-Control", "no-cache, no-transform")
		_, _ = w.Write(sample)
		_ = http.NewResponseController(w).Flush()
	}))
	defer bare.Close()
	untuned := httptest.NewServer(untunedSDK())
	defer untuned.Close()
	compare(b, request,
		target{"mcpdiscord", strings.TrimPrefix(r.base, "http://"), tunedGC},
		target{"sdk", untuned.Listener.Addr().String(), defaultGC},
		target{"nethttp", bare.Listener.Addr().String(), tunedGC},
	)
}

// untunedSDK is the same tool on the SDK alone, as its documentation shows it.
func untunedSDK() http.Handler {
	type in struct{}
	type out struct {
		DiscordID     string   `json:"discord_id"`
		Username      string   `json:"username"`
		GlobalName    *string  `json:"global_name"`
		Avatar        *string  `json:"avatar"`
		AvatarURL     string   `json:"avatar_url"`
		Email         string   `json:"email"`
		EmailVerified bool     `json:"email_verified"`
		Scopes        []string `json:"scopes"`
	}
	name, avatar := "Nelly", "8342729096ea3675442027381ff50dfe"
	s := mcp.NewServer(&mcp.Implementation{Name: "untuned", Version: "1"}, nil)
	mcp.AddTool(s, &mcp.Tool{Name: "get_user_info"}, func(context.Context, *mcp.CallToolRequest, in) (*mcp.CallToolResult, out, error) {
		return nil, out{
			DiscordID: nelly, Username: "nelly", GlobalName: &name, Avatar: &avatar,
			AvatarURL: "https://cdn.discordapp.com/avatars/" + nelly + "/" + avatar + ".png",
			Email:     "nelly@example.com", EmailVerified: true, Scopes: []string{"email", "identify"},
		}, nil
	})
	return mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return s }, &mcp.StreamableHTTPOptions{Stateless: true})
}

func BenchmarkProxy(b *testing.B) {
	answer := []byte(`{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"` + strings.Repeat("x", 200) + `"}]}}`)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	}))
	defer upstream.Close()
	address, err := url.Parse(upstream.URL + "/mcp")
	must(b, err)
	r := start(b, setup{config: func(c *server.Config) {
		quietLog(c)
		c.Proxy, c.ProxyKeys = address, [][]byte{bytes.Repeat([]byte("p"), 32)}
	}})
	plain := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(pr *httputil.ProxyRequest) { pr.Out.URL, pr.Out.Host = address, "" },
		Transport: &http.Transport{MaxIdleConnsPerHost: 1024},
	})
	defer plain.Close()
	request := r.wire(message{token: r.signIn(nelly, "identify")})
	compare(b, request,
		target{"mcpdiscord", strings.TrimPrefix(r.base, "http://"), tunedGC},
		target{"reverseproxy", plain.Listener.Addr().String(), tunedGC},
	)
}

// wire is a request as bytes.
func (r *rig) wire(m message) []byte {
	var b bytes.Buffer
	must(r.t, r.request(context.Background(), m).Write(&b))
	return b.Bytes()
}

// exchange sends request once and returns the body of the answer.
func (r *rig) exchange(request []byte) []byte {
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.base, "http://"))
	must(r.t, err)
	defer func() { _ = conn.Close() }()
	_, err = conn.Write(request)
	must(r.t, err)
	var body bytes.Buffer
	must(r.t, readAnswer(bufio.NewReader(conn), &body))
	return body.Bytes()
}

// target is a server under load.
type target struct {
	name, addr string
	gc         int // GOGC while it works
}

// burst is how long one target works before it is the next one's turn: what
// else the machine does then slows all of them alike.
const burst = 100 * time.Millisecond

// compare loads the targets in turn, burst by burst, over 1, 8 and 64
// connections, and reports the requests per second of each and the median of
// the first one's ratio to each other in the same round.
func compare(b *testing.B, request []byte, targets ...target) {
	for _, n := range connections {
		b.Run(fmt.Sprintf("conns=%d", n), func(b *testing.B) {
			conns := make([][]net.Conn, len(targets))
			for i, t := range targets {
				conns[i] = dialAll(b, t.addr, n)
				_ = load(b, t, conns[i], request) // not counted: it warms up
			}
			rates := make([][]float64, len(targets))
			for b.Loop() {
				for i, t := range targets {
					rates[i] = append(rates[i], load(b, t, conns[i], request))
				}
			}
			b.ReportMetric(0, "ns/op") // a round: it says nothing
			for i, t := range targets {
				b.ReportMetric(median(rates[i]), t.name+"-req/s")
				if i == 0 {
					continue
				}
				ratios := make([]float64, len(rates[0]))
				for round := range ratios {
					ratios[round] = rates[0][round] / rates[i][round]
				}
				b.ReportMetric(median(ratios), "ratio-to-"+t.name)
			}
		})
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

func dialAll(b *testing.B, addr string, n int) []net.Conn {
	conns := make([]net.Conn, n)
	for i := range conns {
		conn, err := net.Dial("tcp", addr)
		must(b, err)
		b.Cleanup(func() { _ = conn.Close() })
		conns[i] = conn
	}
	return conns
}

// load sends requests on all connections for one burst and returns how many
// were answered in a second.
func load(b *testing.B, t target, conns []net.Conn, request []byte) float64 {
	defer debug.SetGCPercent(debug.SetGCPercent(t.gc))
	var answered atomic.Int64
	var failed atomic.Pointer[error]
	var all sync.WaitGroup
	begun := time.Now()
	for _, conn := range conns {
		all.Go(func() {
			answers := bufio.NewReader(conn)
			for time.Since(begun) < burst {
				_, err := conn.Write(request)
				if err == nil {
					err = readAnswer(answers, io.Discard)
				}
				if err != nil {
					failed.Store(&err)
					return
				}
				answered.Add(1)
			}
		})
	}
	all.Wait()
	if err := failed.Load(); err != nil {
		b.Fatalf("%s: %v", t.name, *err)
	}
	return float64(answered.Load()) / time.Since(begun).Seconds()
}

// readAnswer reads one answer with status 200 and copies its body.
func readAnswer(from *bufio.Reader, body io.Writer) error {
	status, err := from.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.Contains(status, []byte(" 200 ")) {
		return fmt.Errorf("answer %q", status)
	}
	length, chunked := int64(0), false
	for {
		line, err := from.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) == 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.ParseInt(string(bytes.TrimSpace(value)), 10, 64)
		}
		chunked = chunked || bytes.HasPrefix(line, []byte("Transfer-Encoding: chunked"))
	}
	if !chunked {
		_, err = io.CopyN(body, from, length)
		return err
	}
	for {
		line, err := from.ReadSlice('\n')
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 64)
		if err != nil {
			return err
		}
		if _, err := io.CopyN(body, from, size); err != nil {
			return err
		}
		if _, err := from.Discard(2); err != nil || size == 0 {
			return err
		}
	}
}
