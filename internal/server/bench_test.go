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
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/mcpdiscord/mcpdiscord/internal/server"
)

// The benchmarks send prepared bytes over loopback connections that stay open,
// so that the generator costs little beside the server. Each reports req/s.
//
//	BenchmarkToolsCall/mcpdiscord  the whole handler: token, scopes, log line, tool (GOGC=400, as serve sets it)
//	BenchmarkToolsCall/nethttp     a bare handler that answers with the same bytes (GOGC=400)
//	BenchmarkToolsCall/sdk         the SDK as it is: no token, typed tool (GOGC=100)
//	BenchmarkProxy/mcpdiscord      --proxy before a small server
//	BenchmarkProxy/reverseproxy    httputil.ReverseProxy before the same
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
	for _, target := range []struct {
		name, addr string
		gc         int
	}{
		{"mcpdiscord", strings.TrimPrefix(r.base, "http://"), tunedGC},
		{"nethttp", bare.Listener.Addr().String(), tunedGC},
		{"sdk", untuned.Listener.Addr().String(), defaultGC},
	} {
		load(b, target.name, target.addr, request, target.gc)
	}
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
	target, err := url.Parse(upstream.URL + "/mcp")
	must(b, err)
	r := start(b, setup{config: func(c *server.Config) {
		quietLog(c)
		c.Proxy, c.ProxyKey = target, bytes.Repeat([]byte("p"), 32)
	}})
	plain := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite:   func(pr *httputil.ProxyRequest) { pr.Out.URL, pr.Out.Host = target, "" },
		Transport: &http.Transport{MaxIdleConnsPerHost: 1024},
	})
	defer plain.Close()
	request := r.wire(message{token: r.signIn(nelly, "identify")})
	load(b, "mcpdiscord", strings.TrimPrefix(r.base, "http://"), request, tunedGC)
	load(b, "reverseproxy", plain.Listener.Addr().String(), request, tunedGC)
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

// load runs b.N requests over 1, 8 and 64 connections.
func load(b *testing.B, name, addr string, request []byte, gc int) {
	for _, n := range connections {
		b.Run(fmt.Sprintf("%s/conns=%d", name, n), func(b *testing.B) {
			defer debug.SetGCPercent(debug.SetGCPercent(gc))
			conns := make([]net.Conn, n)
			for i := range conns {
				conn, err := net.Dial("tcp", addr)
				must(b, err)
				defer func() { _ = conn.Close() }()
				conns[i] = conn
			}
			var sent atomic.Int64
			var failed atomic.Pointer[error]
			var all sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for _, conn := range conns {
				all.Go(func() {
					answers := bufio.NewReader(conn)
					for sent.Add(1) <= int64(b.N) {
						_, err := conn.Write(request)
						if err == nil {
							err = readAnswer(answers, io.Discard)
						}
						if err != nil {
							failed.Store(&err)
							return
						}
					}
				})
			}
			all.Wait()
			b.StopTimer()
			if err := failed.Load(); err != nil {
				b.Fatal(*err)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "req/s")
		})
	}
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
