package authserver_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"sync"
	"testing"

	"github.com/mcpdiscord/mcpdiscord/internal/authserver"
)

// web is the internet that a rig's server fetches documents from: names that
// resolve to a public address, or as a test says, and one TLS server that is
// all hosts. Nothing else is reachable.
type web struct {
	server *httptest.Server // nil until there is a page

	mu     sync.Mutex
	pages  map[string]http.HandlerFunc // by URL
	names  map[string][][]netip.Addr   // by host: the answers to look-ups, in turn; the last one repeats
	hosts  map[string]bool             // that have a page
	sparse bool                        // no other host exists
	dialed []string
	gets   map[string]int // by URL
}

var errNoSuchHost = errors.New("no such host")

// publicHost is where every host of a page is.
var publicHost = netip.MustParseAddr("93.184.215.14")

func newWeb() *web {
	return &web{pages: map[string]http.HandlerFunc{}, names: map[string][][]netip.Addr{}, gets: map[string]int{}, hosts: map[string]bool{}}
}

// connect makes a server use the web.
func (w *web) connect(s *authserver.Server) {
	i := authserver.Internet{Lookup: w.lookup, Dial: w.dial}
	if w.server != nil {
		i.Roots, i.Server = w.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs, "example.com"
	}
	s.UseInternet(i)
}

func (w *web) lookup(_ context.Context, _, host string) ([]netip.Addr, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	answers, named := w.names[host]
	switch {
	case !named && (w.server == nil || w.sparse && !w.hosts[host]):
		return nil, errNoSuchHost
	case !named:
		return []netip.Addr{publicHost}, nil
	case len(answers) > 1:
		w.names[host] = answers[1:]
	}
	return answers[0], nil
}

func (w *web) dial(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	w.dialed = append(w.dialed, address)
	server := w.server
	w.mu.Unlock()
	if server == nil {
		return nil, errNoSuchHost
	}
	return new(net.Dialer).DialContext(ctx, network, server.Listener.Addr().String())
}

// ServeHTTP implements http.Handler.
func (w *web) ServeHTTP(rw http.ResponseWriter, req *http.Request) {
	at := "https://" + req.Host + req.URL.RequestURI()
	w.mu.Lock()
	page := w.pages[at]
	w.gets[at]++
	w.mu.Unlock()
	if page == nil {
		http.NotFound(rw, req)
		return
	}
	page(rw, req)
}

func (w *web) fetches(at string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.gets[at]
}

func (w *web) dials() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.dialed)
}

// host puts a page at a URL, in the place of what was there.
func (r *rig) host(at string, page http.HandlerFunc) {
	r.t.Helper()
	if r.web.server == nil {
		r.web.server = httptest.NewTLSServer(r.web)
		r.web.server.Config.ErrorLog = nil
		r.t.(*testing.T).Cleanup(r.web.server.Close)
		r.web.connect(r.server)
	}
	r.web.mu.Lock()
	defer r.web.mu.Unlock()
	r.web.pages[at] = page
	if u, err := url.Parse(at); err == nil {
		r.web.hosts[u.Hostname()] = true
	}
}

// jsonPage is a page of JSON, with headers: pairs of name and value.
func jsonPage(v any, headers ...string) http.HandlerFunc {
	return func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			rw.Header().Set(headers[i], headers[i+1])
		}
		body, ok := v.(string)
		if !ok {
			raw, err := json.Marshal(v)
			if err != nil {
				panic(err)
			}
			body = string(raw)
		}
		_, _ = rw.Write([]byte(body))
	}
}

const appURL = "https://app.example.org/oauth/client.json"

// documentOf is a correct document, with changes: pairs of name and value,
// where nil removes the member.
func documentOf(at string, changes ...any) map[string]any {
	doc := map[string]any{
		"client_id":                  at,
		"client_name":                "Documented App",
		"redirect_uris":              []string{clientURI, "https://app.example.org/cb"},
		"token_endpoint_auth_method": "none",
	}
	for i := 0; i+1 < len(changes); i += 2 {
		name, _ := changes[i].(string)
		if doc[name] = changes[i+1]; doc[name] == nil {
			delete(doc, name)
		}
	}
	return doc
}
