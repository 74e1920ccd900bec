package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"sync"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// The clients that strict knows: one with a secret, one described by a document.
const (
	strictID       = "team"
	strictSecret   = "team-secret-not-for-production"
	strictDocument = "https://example.com/client.json"
)

// strict is the program registrar of the scripts: an MCP server and its
// authorization server that register nobody. It approves at once. Its log has
// a line for each request: the path, and the header X-Api-Key.
type strict struct {
	url string
	mcp http.Handler

	mu     sync.Mutex
	codes  map[string]string // code → client
	access map[string]string // access token → client
}

// runStrict serves it and writes its URL to the file that it is given.
func runStrict() int {
	s, listener, err := newStrict()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if err := writeAddrFile(os.Args[1], s.url+"/mcp"); err != nil {
		return 1
	}
	fmt.Fprintln(os.Stderr, http.Serve(listener, s))
	return 1
}

func newStrict() (*strict, net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	s := &strict{url: "http://" + listener.Addr().String(), codes: map[string]string{}, access: map[string]string{}}
	server := mcp.NewServer(&mcp.Implementation{Name: "strict", Version: "1"}, nil)
	type whoami struct {
		Client string `json:"client"`
		Key    string `json:"key"`
	}
	mcp.AddTool(server, &mcp.Tool{Name: "whoami"}, func(_ context.Context, r *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, whoami, error) {
		return nil, whoami{s.clientOf(r.Extra.Header), r.Extra.Header.Get("X-Api-Key")}, nil
	})
	s.mcp = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{Stateless: true})
	return s, listener, nil
}

func (s *strict) clientOf(h http.Header) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.access[h.Get("Authorization")]
}

func (s *strict) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	fmt.Printf("%s key=%q\n", r.URL.Path, r.Header.Get("X-Api-Key"))
	q := r.URL.Query()
	switch r.URL.Path {
	case "/mcp":
		if s.clientOf(r.Header) == "" && r.Header.Get("Authorization") != "Bearer gateway" {
			w.Header().Set("WWW-Authenticate", "Bearer")
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		s.mcp.ServeHTTP(w, r)
	case "/.well-known/oauth-protected-resource/mcp":
		s.answer(w, http.StatusOK, map[string]any{"resource": s.url + "/mcp", "authorization_servers": []string{s.url}})
	case "/.well-known/oauth-authorization-server":
		s.answer(w, http.StatusOK, map[string]any{
			"issuer": s.url, "authorization_endpoint": s.url + "/authorize", "token_endpoint": s.url + "/token",
			"code_challenge_methods_supported": []string{"S256"}, "client_id_metadata_document_supported": true,
			"token_endpoint_auth_methods_supported": []string{"client_secret_post", "none"},
		})
	case "/authorize":
		code := rand.Text()
		s.mu.Lock()
		s.codes[code] = q.Get("client_id")
		s.mu.Unlock()
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
	case "/token":
		s.token(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *strict) token(w http.ResponseWriter, r *http.Request) {
	client, secret := r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	if client != strictDocument && (client != strictID || secret != strictSecret) {
		s.answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	life := 3600
	if r.PostFormValue("grant_type") == "client_credentials" && client == strictID {
		life = 1 // so that the next call needs another one
	} else if s.codes[r.PostFormValue("code")] != client {
		s.answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	token := rand.Text()
	s.access["Bearer "+token] = client
	s.answer(w, http.StatusOK, map[string]any{"access_token": token, "token_type": "Bearer", "expires_in": life})
}

func (s *strict) answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}
