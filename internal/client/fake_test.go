package client_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

// fake is an authorization server and an MCP server on one loopback port. Its
// fields under mu may be changed at any time; on maps a path to a handler that
// replaces ours.
type fake struct {
	*httptest.Server
	mcp http.Handler

	mu       sync.Mutex
	clients  map[string]string       // client id → redirect URI
	codes    map[string]url.Values   // code → its authorization request
	access   map[string][]string     // access token → scopes
	refresh  map[string]string       // live refresh token → scope
	spent    map[string]bool         // redeemed refresh tokens
	hits     map[string]int          // path → requests
	forms    map[string][]url.Values // path → forms, /authorize: queries
	bearers  []string                // seen at /mcp
	on       map[string]http.HandlerFunc
	lifetime int    // of access tokens, in seconds
	rotate   bool   // issue refresh tokens
	user     string // who signs in
	deny     bool   // at /authorize
	denial   string // the words of it
	reused   int    // how often a spent refresh token came
	need     map[string]string
	meta     map[string]any // overrides of the server metadata
	prm      map[string]any // overrides of the resource metadata
	secret   string         // registered clients get this one
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{
		clients: map[string]string{}, codes: map[string]url.Values{}, access: map[string][]string{},
		refresh: map[string]string{}, spent: map[string]bool{}, hits: map[string]int{}, forms: map[string][]url.Values{},
		on: map[string]http.HandlerFunc{}, lifetime: 3600, rotate: true, user: "80351110224678912",
		need: map[string]string{"list_guilds": "guilds"}, meta: map[string]any{}, prm: map[string]any{},
	}
	f.mcp = mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return testServer() },
		&mcp.StreamableHTTPOptions{Stateless: true, PropagateRequestCancellation: true})
	f.Server = httptest.NewServer(f)
	t.Cleanup(f.Close)
	return f
}

// testServer has a tool that echoes, one that needs a scope, and one whose
// result is hard on numbers.
func testServer() *mcp.Server {
	server := mcp.NewServer(&mcp.Implementation{Name: "fake", Version: "1"}, nil)
	echo := func(_ context.Context, req *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{
			Content:           []mcp.Content{&mcp.TextContent{Text: string(req.Params.Arguments)}},
			StructuredContent: json.RawMessage(`{"zeta":80351110224678912345,"alpha":1.10}`),
		}, nil
	}
	schema := json.RawMessage(`{"type":"object","properties":{"zeta":{"type":"string"},"mid":{"type":"string"},"alpha":{"type":"string"}}}`)
	server.AddTool(&mcp.Tool{Name: "echo", Description: "says it again", InputSchema: schema}, echo)
	server.AddTool(&mcp.Tool{Name: "list_guilds", InputSchema: schema}, echo)
	server.AddTool(&mcp.Tool{Name: "regional", InputSchema: json.RawMessage(`{"type":"object","properties":{"region":{"type":"string","x-mcp-header":"Region"}}}`)}, echo)
	server.AddTool(&mcp.Tool{Name: "fail", InputSchema: schema}, func(context.Context, *mcp.CallToolRequest) (*mcp.CallToolResult, error) {
		return &mcp.CallToolResult{IsError: true, Content: []mcp.Content{&mcp.TextContent{Text: "no"}}}, nil
	})
	return server
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(strings.NewReader(string(body)))
	form := r.URL.Query()
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		form, _ = url.ParseQuery(string(body))
	}
	f.mu.Lock()
	f.hits[r.URL.Path]++
	f.forms[r.URL.Path] = append(f.forms[r.URL.Path], form)
	if r.URL.Path == "/mcp" {
		f.bearers = append(f.bearers, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	}
	special := f.on[r.URL.Path]
	f.mu.Unlock()
	if special != nil {
		special(w, r)
		return
	}
	switch r.URL.Path {
	case "/.well-known/oauth-protected-resource/mcp":
		f.json(w, 200, f.merge(f.prm, map[string]any{"resource": f.URL + "/mcp", "authorization_servers": []string{f.URL}, "scopes_supported": []string{"identify"}}))
	case "/.well-known/oauth-authorization-server":
		f.json(w, 200, f.merge(f.meta, map[string]any{
			"issuer": f.URL, "authorization_endpoint": f.URL + "/authorize", "token_endpoint": f.URL + "/token",
			"registration_endpoint": f.URL + "/register", "revocation_endpoint": f.URL + "/revoke",
			"code_challenge_methods_supported": []string{"S256"}, "token_endpoint_auth_methods_supported": []string{"none"},
			"authorization_response_iss_parameter_supported": true,
		}))
	case "/register":
		f.register(w, body)
	case "/authorize":
		f.authorize(w, r)
	case "/token":
		f.token(w, r, form)
	case "/revoke":
		f.mu.Lock()
		delete(f.refresh, form.Get("token"))
		f.mu.Unlock()
	case "/mcp":
		f.resource(w, r, body)
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) merge(over, base map[string]any) map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, value := range over {
		if base[name] = value; value == nil {
			delete(base, name)
		}
	}
	return base
}

func (f *fake) json(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value)
}

func (f *fake) register(w http.ResponseWriter, body []byte) {
	var request struct {
		RedirectURIs []string `json:"redirect_uris"`
	}
	_ = json.Unmarshal(body, &request)
	f.mu.Lock()
	id := "client-" + rand.Text()
	f.clients[id] = request.RedirectURIs[0]
	answer := map[string]any{"client_id": id, "token_endpoint_auth_method": "none"}
	if f.secret != "" {
		answer = map[string]any{"client_id": id, "client_secret": f.secret, "client_secret_expires_at": 0}
	}
	f.mu.Unlock()
	f.json(w, 201, answer)
}

func (f *fake) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f.mu.Lock()
	defer f.mu.Unlock()
	if redirect, ok := f.clients[q.Get("client_id")]; !ok || redirect != q.Get("redirect_uri") {
		http.Error(w, "unknown client", http.StatusBadRequest)
		return
	}
	answer := url.Values{"state": {q.Get("state")}, "iss": {f.URL}}
	if f.deny {
		answer.Set("error", "access_denied")
		if f.denial != "" {
			answer.Set("error_description", f.denial)
		}
	} else {
		code := rand.Text()
		f.codes[code] = q
		answer.Set("code", code)
	}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+answer.Encode(), http.StatusFound)
}

func (f *fake) token(w http.ResponseWriter, r *http.Request, form url.Values) {
	f.mu.Lock()
	defer f.mu.Unlock()
	refuse := func(code string) { f.json(w, 400, map[string]string{"error": code}) }
	id := form.Get("client_id")
	if f.secret != "" {
		user, password, _ := r.BasicAuth()
		if id, _ = url.QueryUnescape(user); password != url.QueryEscape(f.secret) {
			id = ""
		}
	}
	if _, ok := f.clients[id]; !ok {
		refuse("invalid_client")
		return
	}
	if form.Get("resource") != f.URL+"/mcp" {
		refuse("invalid_target")
		return
	}
	scope := ""
	switch form.Get("grant_type") {
	case "authorization_code":
		q, ok := f.codes[form.Get("code")]
		delete(f.codes, form.Get("code"))
		sum := sha256.Sum256([]byte(form.Get("code_verifier")))
		if !ok || base64.RawURLEncoding.EncodeToString(sum[:]) != q.Get("code_challenge") || form.Get("redirect_uri") != q.Get("redirect_uri") {
			refuse("invalid_grant")
			return
		}
		scope = q.Get("scope")
	case "refresh_token":
		token := form.Get("refresh_token")
		if f.spent[token] {
			f.reused++
		}
		var ok bool
		if scope, ok = f.refresh[token]; !ok {
			refuse("invalid_grant")
			return
		}
		delete(f.refresh, token)
		f.spent[token] = true
	}
	if form.Get("grant_type") == "client_credentials" {
		scope = form.Get("scope")
	}
	answer := map[string]any{
		"access_token": "access-" + rand.Text(), "token_type": "Bearer", "expires_in": f.lifetime, "scope": scope,
		"discord_user": map[string]string{"id": f.user, "username": "nelly", "global_name": "Nelly"},
	}
	f.access[answer["access_token"].(string)] = strings.Fields(scope)
	if f.rotate {
		answer["refresh_token"] = "refresh-" + rand.Text()
		f.refresh[answer["refresh_token"].(string)] = scope
	}
	f.json(w, 200, answer)
}

// resource is the MCP endpoint behind its bearer check.
func (f *fake) resource(w http.ResponseWriter, r *http.Request, body []byte) {
	f.mu.Lock()
	scopes, ok := f.access[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	var call struct {
		Params struct {
			Name string `json:"name"`
		} `json:"params"`
	}
	_ = json.Unmarshal(body, &call)
	need := f.need[call.Params.Name]
	f.mu.Unlock()
	where := `resource_metadata="` + f.URL + `/.well-known/oauth-protected-resource/mcp"`
	switch {
	case !ok:
		w.Header().Set("WWW-Authenticate", `Bearer `+where+`, scope="identify"`)
		w.WriteHeader(http.StatusUnauthorized)
	case need != "" && !slices.Contains(scopes, need):
		w.Header().Set("WWW-Authenticate", `Bearer error="insufficient_scope", scope="identify `+need+`", `+where)
		w.WriteHeader(http.StatusForbidden)
	default:
		f.mcp.ServeHTTP(w, r)
	}
}

// set changes the fake under its lock.
func (f *fake) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

func (f *fake) count(path string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hits[path]
}

// refreshes counts the refresh requests.
func (f *fake) refreshes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	n := 0
	for _, form := range f.forms["/token"] {
		if form.Get("grant_type") == "refresh_token" {
			n++
		}
	}
	return n
}
